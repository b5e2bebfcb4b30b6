"""What one forward pass tells without another one: predictions, maps, latents, regions and spectra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..analysis.batches import run_identity
from ..analysis.compare import bands_of_models
from ..analysis.latents import ElementReader, LatentAnalysis, analyse_latents, element_readers
from ..analysis.maps import MapSelection
from ..analysis.predictions import Prediction, rank_predictions
from ..analysis.region import Region, RegionShares, elements_in, region_shares
from ..analysis.spectrum import Spectrum, spectra
from ..export.predictions import predictions_json
from ..model import Perceiver
from ..positions import Band
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from ..trace import Kind, Reduce, Trace
from ..validation import element_index, index_of
from .context import Context
from .maps import Maps
from .split import Split


@dataclass(frozen=True, eq=False)
class Traced:
    """One forward pass of a model over an input, and what follows from its record alone.

    Blocks, latents, heads and elements count from 0, and ConfigError is raised for those that do not exist.

    trace  the forward pass: logits, latents after every block, and what the maps are computed from
    """

    context: Context
    trace: Trace = field(repr=False)

    @property
    def name(self) -> str:
        """The checkpoint's name."""
        return self.context.name

    @property
    def model(self) -> Perceiver:
        """The model."""
        return self.context.model

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names; "class 0", "class 1" and so on where they have none."""
        return self.context.labels

    @property
    def sample(self) -> Sample:
        """The input."""
        return self.context.sample

    # ------------------------------------------------------------------------------------------------- predictions

    @cached_property
    def identity(self) -> str:
        """Identifies the model and the input in partial results, as `perceiver.analysis.batches.run_identity` does."""
        return run_identity(self.model, self.sample)

    @property
    def logits(self) -> Float[np.ndarray, "classes"]:
        """Of the last block."""
        return self.trace.logits.numpy()

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """All classes, the most probable first."""
        return rank_predictions(self.logits, self.labels)

    def top(self, count: int = 5) -> tuple[Prediction, ...]:
        """The most probable classes."""
        return self.predictions[:count]

    @property
    def block_probabilities(self) -> Float[np.ndarray, "blocks classes"]:
        """Probabilities when the head reads the latents after every block; the last row is the answer."""
        return self.trace.block_probabilities.numpy()

    def json(self, *, top: int | None = None, truth: str | None = None) -> dict[str, Any]:
        """The predictions, as plain values for JSON."""
        return predictions_json(
            self.logits, self.labels, self.context.origin, top=top, truth=truth, by_block=self.block_probabilities
        )

    # -------------------------------------------------------------------------------------------------------- maps

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks that have a map."""
        return self.trace.blocks

    def map(
        self,
        block: int,
        *,
        latent: int | None = None,
        reduce: Reduce = "mean",
        kind: Kind = "probability",
        head: int | None = None,
        part: str = "",
    ) -> Float[np.ndarray, "..."]:
        """One map in the shape of the input, as in `Trace.map`.

        part  some parts of the rows alone, as in `MapSelection`; "" for the whole

        Raises ConfigError for a latent, a head or a part that does not exist, and for a block without a map.
        """
        selection, block = self._selection(reduce, latent, head, kind, part), self._block(block)
        return selection.map(self.split.trace_of(part, [block]), block)

    def maps(
        self,
        *,
        latent: int | None = None,
        reduce: Reduce = "mean",
        kind: Kind = "probability",
        head: int | None = None,
        part: str = "",
    ) -> Maps:
        """The maps of all blocks that have one, as `map` takes them."""
        return self.select(MapSelection(reduce, latent, head, kind, part))

    def select(self, selection: MapSelection) -> Maps:
        """The maps of all blocks that have one. Raises ConfigError where the model has no such map."""
        selection.check(self.model.config, self.name)
        return Maps(self.context, selection, self.blocks, selection.maps(self.split.trace_of(selection.part)))

    def latent_maps(
        self, block: int, *, kind: Kind = "probability", head: int | None = None, part: str = ""
    ) -> np.ndarray:
        """Every latent's own map of a block, (N, *shape)."""
        selection, block = self._selection("mean", None, head, kind, part), self._block(block)
        return selection.latent_maps(self.split.trace_of(part, [block]), block)

    @cached_property
    def split(self) -> Split:
        """The scores of the cross-attentions, split into content and position."""
        return Split(self.context, self.trace)

    def _block(self, block: int) -> int:
        return index_of("cross-attention in block", block, self.blocks, self.name)

    def _head(self, head: int | None) -> None:
        """Raises ConfigError for a head that does not exist."""
        MapSelection(head=head).check(self.model.config, self.name)

    def _selection(self, reduce: Reduce, latent: int | None, head: int | None, kind: Kind, part: str) -> MapSelection:
        selection = MapSelection(reduce, latent, head, kind, part)
        selection.check(self.model.config, self.name)
        return selection

    # ---------------------------------------------------------------------------------------------------- latents

    def latents(self, block: int | None = None, *, clusters: int = 4, head: int | None = None) -> LatentAnalysis:
        """Clusters of a block's latents by their maps, their concentration, and how their maps move from block to
        block; None is the last block that has a map.

        Raises ConfigError for a block, a head or a number of clusters that does not exist.
        """
        chosen = self.blocks[-1] if block is None else self._block(block)
        self._head(head)
        return analyse_latents(self.trace, chosen, clusters, head)

    def strongest_latents(
        self, element: int | tuple[int, ...], *, head: int | None = None, top: int = 8, block: int | None = None
    ) -> tuple[ElementReader, ...]:
        """The latents that give one input element the most weight, of one block or of all, the strongest first.

        element  its index, or one index for each axis of the input
        """
        self._head(head)
        index = element_index(element, self.sample.shape, self.name)
        chosen = None if block is None else self._block(block)
        return element_readers(self.trace, index, head=head, top=top, block=chosen)

    def region(self, region: Region | str | Bool[np.ndarray, "..."], *, head: int | None = None) -> RegionShares:
        """The share of the attention weight of each block and latent that falls into a region of the input.

        region  a region, one as text ("3-10,5-20", "time=0:0.15"), or which elements lie in it, in the input's shape

        Raises ConfigError for a region that holds no element of this input, and for a head that does not exist.
        """
        self._head(head)
        return region_shares(self.trace, elements_in(region, self.context.layout), head=head)

    def concentration(self, block: int, *, head: int | None = None) -> Float[np.ndarray, "N"]:
        """Entropy in nats of each latent's map of a block."""
        self._head(head)
        self._block(block)
        return self.trace.concentration(block, head=head).numpy()

    # ---------------------------------------------------------------------------------------------------- spectra

    def spectra(
        self,
        *,
        kind: Kind = "score",
        head: int | None = None,
        bands: Sequence[Band] | None = None,
        progress: ProgressCallback = ignore,
    ) -> Iterator[Spectrum]:
        """The spectrum of every block's maps, block by block; of clips, that of each part.

        bands  by default those of the model's own position encoding, or of Fourier features if it has none
        """
        MapSelection(head=head, kind=kind).check(self.model.config, self.name)
        if bands is None:
            ((_, bands),) = bands_of_models([self.model])
        return spectra(
            self.trace,
            bands,
            self.sample.coordinates,
            segments=self.model.config.segments,
            kind=kind,
            head=head,
            progress=progress,
        )
