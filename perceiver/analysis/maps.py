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
from .parts import parse
from .split import PartRows
from .summary import Quantity, quantity


@dataclass(frozen=True)
class MapSelection:
    """The selection of a map from the cross-attention of a block; latents and heads are counted from 0.

    reduce  the reduction over latents; ignored if one latent is chosen
    latent  one latent's own map; None reduces over all latents
    head    one head; None is the mean over heads
    kind    "probability", "score" or "value", as in `Trace.map`
    part    some parts of the input's rows as text (`perceiver.analysis.parts.parse`): the map of their scores alone, or
            of the weights that the softmax of these scores alone gives; "" for the maps of the model
    """

    reduce: Reduce = "mean"
    latent: int | None = None
    head: int | None = None
    kind: Kind = "probability"
    part: str = ""

    def __post_init__(self) -> None:
        if self.part:
            object.__setattr__(self, "part", parse(self.part).text())
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
        """The map of a block, in the shape of the input.

        trace  of the run; of some parts, what `part_trace` makes of it

        Raises ConfigError as `Trace.map` does, and ValueError for a trace of other parts.
        """
        self._check_part(trace)
        values = trace.map(block, latent=self.latent, reduce=self.reduce, kind=self.kind, head=self.head)
        return values.numpy().reshape(trace.shape)

    def maps(self, trace: Trace, blocks: Iterable[int] | None = None) -> Float[np.ndarray, "blocks ..."]:
        """The maps of some blocks, or of all blocks with a map, (blocks, *shape)."""
        return np.stack([self.map(trace, block) for block in (trace.blocks if blocks is None else blocks)])

    def latent_maps(self, trace: Trace, block: int) -> Float[np.ndarray, "N ..."]:
        """The map of every latent of a block, (N, *shape); all N maps are held in memory."""
        self._check_part(trace)
        every = trace.latent_maps(block, slice(None), kind=self.kind, head=self.head)
        return every.numpy().reshape(-1, *trace.shape)

    def metadata(self) -> dict[str, Any]:
        """The selection as metadata of exported files."""
        reduce = None if self.latent is not None else self.reduce
        chosen = {"kind": self.kind, "reduce": reduce, "head": self.head, "latent": self.latent}
        return chosen | ({"part": self.part} if self.part else {})

    def sentence(self, latents: int, heads: int) -> str:
        """The selection as text for figures; depends on the model's numbers of latents and heads."""
        what = f"{self.reduce} over {latents} latents" if self.latent is None else f"latent {self.latent + 1}"
        if heads > 1:
            what += f", mean over {heads} heads" if self.head is None else f", head {self.head + 1}"
        if self.part:
            what += f"; scores of {self.part} alone"
        return f"{what[0].upper()}{what[1:]}."

    def _check_part(self, trace: Trace) -> None:
        made_of = trace.inputs.text if isinstance(trace.inputs, PartRows) else ""
        if made_of != self.part:
            raise ValueError(f"maps of {self.part or 'the model'} cannot be made of a trace of {made_of or 'the run'}")


MEAN = MapSelection()
"""The attention weights, mean over latents and heads."""
