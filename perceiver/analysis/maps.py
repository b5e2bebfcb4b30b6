"""The selection of a quantity from cross-attentions, and the maps it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..config import PerceiverConfig
from ..errors import ConfigError
from ..trace import KINDS, REDUCTIONS, Kind, Reduce, Trace
from ..validation import index_of, plain_integer
from .summary import Quantity, quantity


@dataclass(frozen=True)
class MapSelection:
    """The selection of a map from the cross-attention of a block; latents and heads are counted from 0.

    reduce  the reduction over latents; ignored if one latent is chosen
    latent  one latent's own map; None reduces over all latents
    head    one head; None is the mean over heads
    kind    "probability", "score" or "value", as in `Trace.map`
    """

    reduce: Reduce = "mean"
    latent: int | None = None
    head: int | None = None
    kind: Kind = "probability"

    def __post_init__(self) -> None:
        # Integers of NumPy become plain ones, which JSON can hold.
        for name in ("latent", "head"):
            object.__setattr__(self, name, plain_integer(getattr(self, name)))

    @property
    def quantity(self) -> Quantity:
        """The quantity that the values of the map measure."""
        return quantity(self.kind, self.reduce, self.latent)

    def check(self, config: PerceiverConfig, name: str = "this model") -> None:
        """Raises ConfigError if a model has no such map."""
        for what, chosen, known in (("kind", self.kind, KINDS), ("reduction", self.reduce, REDUCTIONS)):
            if chosen not in known:
                raise ConfigError(f"there is no {what} {chosen!r} of maps; there are {', '.join(known)}")
        for what, index, count in (
            ("latent", self.latent, config.num_latents),
            ("head", self.head, config.cross_heads),
        ):
            if index is not None:
                index_of(what, index, count, name)
        if self.latent is None and self.reduce == "entropy" and self.kind == "score":
            raise ConfigError("scores are not shares, so they have no entropy; use kind probability or value")

    def map(self, trace: Trace, block: int) -> Float[np.ndarray, "..."]:
        """The map of a block, in the shape of the input. Raises ConfigError as `Trace.map` does."""
        values = trace.map(block, latent=self.latent, reduce=self.reduce, kind=self.kind, head=self.head)
        return values.numpy().reshape(trace.shape)

    def maps(self, trace: Trace, blocks: Iterable[int] | None = None) -> Float[np.ndarray, "blocks ..."]:
        """The maps of some blocks, or of all blocks with a map, (blocks, *shape)."""
        return np.stack([self.map(trace, block) for block in (trace.blocks if blocks is None else blocks)])

    def latent_maps(self, trace: Trace, block: int) -> Float[np.ndarray, "N ..."]:
        """The map of every latent of a block, (N, *shape); all N maps are held in memory."""
        every = trace.latent_maps(block, slice(None), kind=self.kind, head=self.head)
        return every.numpy().reshape(-1, *trace.shape)

    def metadata(self) -> dict[str, Any]:
        """The selection as metadata of exported files."""
        reduce = None if self.latent is not None else self.reduce
        return {"kind": self.kind, "reduce": reduce, "head": self.head, "latent": self.latent}

    def sentence(self, latents: int, heads: int) -> str:
        """The selection as text for figures; depends on the model's numbers of latents and heads."""
        what = f"{self.reduce} over {latents} latents" if self.latent is None else f"latent {self.latent + 1}"
        if heads > 1:
            what += f", mean over {heads} heads" if self.head is None else f", head {self.head + 1}"
        return f"{what[0].upper()}{what[1:]}."


MEAN = MapSelection()
"""The attention weights, mean over latents and heads."""
