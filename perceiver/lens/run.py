"""Run: one input put through a model, and the experiments that run the model again."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from .. import notebook
from ..analysis.ablation import Ablation
from ..analysis.erasure import chosen
from ..analysis.explanation import Explanations, Question, explain_steps
from ..analysis.faithfulness import Faithfulness, faithfulness
from ..analysis.map_checks import MapChecks, check_steps
from ..analysis.maps import MEAN, MapSelection
from ..analysis.methods import ErasedBy, Fill, RelevanceMethod, Removal, Shuffle
from ..analysis.patching import LatentEffects, Patching, latent_effects, patch_steps
from ..analysis.permutation import Shuffled, permute
from ..analysis.sweep import Curve, Sweep, steps
from ..checkpoints import load
from ..progress import ProgressCallback, ignore
from . import display
from .ablation import Ablated, ablate, sweep_curves
from .explanation import Explained, question
from .traced import Traced


@dataclass(frozen=True, eq=False)
class Run(Traced):
    """One run of a model, and experiments on it. What `Traced` has does not run the model again; the methods here do,
    as their documentation says.

    Classes are given by index from 0, or by name; None is the most probable one. Blocks, latents, heads and elements
    count from 0, and ConfigError is raised for those that do not exist.

    trace  the forward pass: logits, latents after every block, and what the maps are computed from
    """

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

    def erase(
        self,
        *which: str | Bool[np.ndarray, "..."],
        keep: bool = False,
        by: ErasedBy | None = None,
        target: int | str | None = None,
        selection: MapSelection | None = None,
    ) -> Ablated:
        """Takes elements out of the input array, or replaces their content, and runs the model once more.

        which      regions of the input as text, as `region` takes them, several with semicolons between them
                   ("3-10,5-20;1-4,1-4"), and masks in the shape of the input; all of them together
        keep       keeps these elements only
        by         "remove" leaves their rows out; "mean" and "blur" replace their content and keep their position
        selection  what the maps are, as for `ablate`

        Raises ConfigError for a region that the input does not have, where none or all of its elements are erased, and
        for a way that these elements do not allow.
        """
        erased = chosen(which, self.context.layout, keep=keep, by=by)
        return self.ablate(Ablation(erased=erased), target=target, selection=selection)

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

    # ------------------------------------------------------------------------------------------------------ checks

    def check_steps(
        self,
        selection: MapSelection | None = None,
        *,
        resume: MapChecks | None = None,
        progress: ProgressCallback = ignore,
    ) -> Iterator[MapChecks]:
        """`checks` as they grow, as `perceiver.analysis.map_checks.check_steps` yields them; they can be resumed."""
        seeds = {name: partial(load, name) for name in self.context.seeds()}
        more: dict[str, Any] = {"other_seeds": seeds, "resume": resume, "progress": progress}
        return check_steps(self.model, self.sample, self.trace, selection or MEAN, **more)

    def checks(self, selection: MapSelection | None = None, *, progress: ProgressCallback = ignore) -> MapChecks:
        """Whether the map of each block can be relied on for this input: against random order, against untrained
        models, and against the bundled checkpoints of the same recipe that were trained with another seed.

        selection  what the maps are, over all latents and heads; by default attention weights, mean over both

        Raises ConfigError for maps of one latent or head, for entropies and for parts of the scores.
        """
        *_, last = self.check_steps(selection, progress=progress)
        return last

    # ---------------------------------------------------------------------------------------------------- latents

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
        resume: Patching | None = None,
        progress: ProgressCallback = ignore,
    ) -> Iterator[Patching]:
        """`patch` as it grows, as `perceiver.analysis.patching.patch_steps` yields it; it can be resumed."""
        chosen = self.context.class_index(target, source.logits)
        other = self.context.class_index(against, self.logits)
        more: dict[str, Any] = {"blocks": blocks, "resume": resume, "progress": progress}
        return patch_steps(self.model, self.trace, source.trace, chosen, other, **more)

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
