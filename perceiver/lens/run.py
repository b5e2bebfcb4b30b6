"""Run: one input put through a model, and what can be asked of it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from .. import notebook
from ..analysis.ablation import Ablation
from ..analysis.batches import run_identity
from ..analysis.compare import bands_of_models
from ..analysis.explanation import Explanations, Question, explain_steps
from ..analysis.faithfulness import Faithfulness, faithfulness
from ..analysis.latents import ElementReader, LatentAnalysis, analyse_latents, element_readers
from ..analysis.maps import MEAN, MapSelection
from ..analysis.methods import Fill, RelevanceMethod, Removal, Shuffle
from ..analysis.patching import LatentEffects, Patching, latent_effects, patch_steps
from ..analysis.permutation import Shuffled, permute
from ..analysis.predictions import Prediction, rank_predictions
from ..analysis.region import Region, RegionShares, elements_in, region_shares
from ..analysis.spectrum import Spectrum, spectra
from ..analysis.sweep import Curve, Sweep, steps
from ..export import predictions_json
from ..model import Perceiver
from ..positions import Band
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from ..trace import Kind, Reduce, Trace
from ..validation import element_index, index_of
from . import display
from .ablation import Ablated, ablate, sweep_curves
from .context import Context
from .explanation import Explained, question
from .maps import Maps
from .split import Split


@dataclass(frozen=True, eq=False)
class Run:
    """One run of a model. Nothing that is asked of it runs the model again, unless its documentation says so.

    Classes are given by index from 0, or by name; None is the most probable one. Blocks, latents, heads and elements
    count from 0, and ConfigError is raised for those that do not exist.

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

    # --------------------------------------------------------------------------------------------------- ablations

    def ablate(
        self,
        ablation: Ablation | str | None = None,
        *,
        target: int | str | None = None,
        selection: MapSelection | None = None,
        **removed: Any,
    ) -> Ablated:
        """Takes a part of the position encoding away and runs the model once more.

        ablation   an ablation, or one as text: "b1:3-16,x2,mean"
        selection  what the maps are, a `perceiver.MapSelection`; by default attention weights, mean over latents and
                   heads
        removed    as `perceiver.analysis.ablate.choose` takes it: low_pass=8, axis=0, keep=(1, 8), whole=True,
                   fill="mean"

        Raises ConfigError where that takes nothing away, or the position encoding has no such part.
        """
        return ablate(self.context, self.trace, ablation, target=target, selection=selection or MEAN, **removed)

    def curves(self, fill: Fill = "zero", seed: int = 0) -> tuple[Curve, ...]:
        """What there is to sweep: every band alone, and cut-offs. Raises ConfigError where there are no bands."""
        return sweep_curves(self.model, self.name, fill, seed)

    def sweep_steps(
        self,
        target: int | str | None = None,
        *,
        fill: Fill = "zero",
        seed: int = 0,
        seconds: float | None = None,
        resume: Sweep | None = None,
        progress: ProgressCallback = ignore,
    ) -> Iterator[Sweep]:
        """`sweep` as it grows, as `perceiver.analysis.sweep.steps` yields it: it can be stopped and resumed.

        resume  an unfinished sweep of this run

        Raises ConfigError where `resume` is a sweep of another model, another input or other ablations.
        """
        chosen = self.context.class_index(target, self.logits)
        every = self.curves(fill, seed)
        return steps(self.model, self.sample, every, chosen, seconds=seconds, resume=resume, progress=progress)

    def sweep(
        self,
        target: int | str | None = None,
        *,
        fill: Fill = "zero",
        seed: int = 0,
        progress: ProgressCallback = ignore,
    ) -> Sweep:
        """Takes every frequency away alone, then all above and all below each; a run of the model for every one.

        Raises ConfigError where the position encoding has no frequencies.
        """
        *_, last = self.sweep_steps(target, fill=fill, seed=seed, progress=progress)
        return last

    def permute(self, shuffle: Shuffle = "contents", *, size: int | None = None, seed: int = 0) -> Shuffled:
        """Shuffles the input and runs the model again, as `perceiver.analysis.permutation.permute` does."""
        return permute(self.model, self.sample, shuffle, seed=seed, size=size)

    # ------------------------------------------------------------------------------------------------ explanations

    def question(
        self,
        target: int | str | None = None,
        against: int | str | None = None,
        *,
        relevance: RelevanceMethod = "gradient",
        steps: int = 32,
    ) -> Question:
        """What is asked of an explanation. Raises ConfigError for a class that the model lacks."""
        return question(self.context, self.logits, target, against, relevance=relevance, steps=steps)

    def explain_steps(
        self,
        question: Question,
        methods: Sequence[str] | None = None,
        *,
        resume: Explained | Explanations | None = None,
        **options: Any,
    ) -> Iterator[Explained]:
        """`explain` as it grows: a result after every map, then with the scores. It can be stopped between.

        resume   an unfinished explanation of this run, for the same question
        options  as `perceiver.analysis.explanation.explain_steps` takes them

        Raises ConfigError where `resume` is of another model, another input, another question or other methods.
        """
        options["resume"] = resume.found if isinstance(resume, Explained) else resume
        for found in explain_steps(self.model, self.sample, self.trace, question, methods, **options):
            yield Explained(self.context, self.logits, found)

    def explain(
        self,
        target: int | str | None = None,
        against: int | str | None = None,
        *,
        methods: Sequence[str] | None = None,
        relevance: RelevanceMethod = "gradient",
        steps: int = 32,
        test: bool = True,
        progress: ProgressCallback = ignore,
    ) -> Explained:
        """Maps of which elements a class depends on, by several methods, tested by deletion and insertion.

        against    a class to contrast it with
        methods    keys of `perceiver.analysis.methods.METHODS`; by default all that differ on this model
        relevance  how class relevance is traced back
        steps      of integrated gradients
        test       whether the maps are tested, which takes most of the time

        Raises ConfigError for a class or a method that does not exist.
        """
        question = self.question(target, against, relevance=relevance, steps=steps)
        *_, last = self.explain_steps(question, methods, test=test, progress=progress)
        return last

    def faithfulness(
        self,
        values: Float[np.ndarray, "*shape"],
        target: int | str | None = None,
        *,
        steps: int = 20,
        removal: Removal = "remove",
    ) -> Faithfulness:
        """Deletion and insertion along a map of one value an element; `steps` runs of the model each."""
        chosen = self.context.class_index(target, self.logits)
        return faithfulness(self.model, self.sample, values, chosen, steps=steps, how=removal)

    # ---------------------------------------------------------------------------------------------------- latents

    def latents(self, block: int | None = None, *, clusters: int = 4, head: int | None = None) -> LatentAnalysis:
        """Clusters of a block's latents by their maps, their concentration, and how their maps move from block to
        block; None is the last block that has a map.

        Raises ConfigError for a block, a head or a number of clusters that does not exist.
        """
        chosen = self.blocks[-1] if block is None else self._block(block)
        self._head(head)
        return analyse_latents(self.trace, chosen, clusters, head)

    def latent_effects(
        self,
        target: int | str | None = None,
        *,
        after: int | None = None,
        groups: Sequence[Sequence[int]] | None = None,
        progress: ProgressCallback = ignore,
    ) -> LatentEffects:
        """What the logit of a class loses when latents are removed, each alone or in groups: a run from the chosen
        block on for each. Arguments as `perceiver.analysis.patching.latent_effects` takes them; raises as it does."""
        chosen = self.context.class_index(target, self.logits)
        return latent_effects(self.model, self.trace, chosen, after=after, groups=groups, progress=progress)

    def patch_steps(
        self,
        source: Run,
        target: int | str | None = None,
        against: int | str | None = None,
        *,
        blocks: Sequence[int] | None = None,
        progress: ProgressCallback = ignore,
    ) -> Iterator[Patching]:
        """`patch` as it grows, block by block; it can be stopped between."""
        chosen = self.context.class_index(target, source.logits)
        other = self.context.class_index(against, self.logits)
        return patch_steps(self.model, self.trace, source.trace, chosen, other, blocks=blocks, progress=progress)

    def patch(
        self,
        source: Run,
        target: int | str | None = None,
        against: int | str | None = None,
        *,
        blocks: Sequence[int] | None = None,
        progress: ProgressCallback = ignore,
    ) -> Patching:
        """Gives the latents, one at a time, the states that they have in another run of the same model, as
        `perceiver.analysis.patching.patch` does; raises as it does.

        target   by default the prediction of `source`
        against  by default the prediction of this run
        """
        *_, last = self.patch_steps(source, target, against, blocks=blocks, progress=progress)
        return last

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
        """The spectrum of every block's maps, block by block.

        bands  by default those of the model's own position encoding, or of Fourier features if it has none
        """
        MapSelection(head=head, kind=kind).check(self.model.config, self.name)
        if bands is None:
            ((_, bands),) = bands_of_models([self.model])
        return spectra(self.trace, bands, self.sample.coordinates, kind=kind, head=head, progress=progress)

    # ---------------------------------------------------------------------------------------------------- display

    def __str__(self) -> str:
        width = max(len(one.label) for one in self.top())
        lines = [f"{self.sample.name} ({self.name})"]
        lines += [f"  {one.label:{width}}  {one.probability:6.1%}" for one in self.top()]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.sample.notes)])

    def _repr_png_(self) -> bytes:
        return self.maps().figure()

    def _repr_html_(self) -> str:
        notes = "<br>".join(html.escape(note) for note in self.sample.notes)
        return notebook.row(
            notebook.heading(f"{self.sample.name} ({self.name})"),
            display.input_html(self.sample) + display.bars_html(self.top()),
            self.maps()._repr_html_(),
            notes,
        )
