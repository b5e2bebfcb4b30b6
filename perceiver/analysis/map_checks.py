"""Whether the maps of a run can be relied on: against random order, against random weights, and against other seeds.

A map that puts the elements that matter first does better than random order in a deletion test. A map that the same
model draws before training too shows nothing that was learned. A map that training with another seed does not draw
again is one of several that serve the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from ..config import PerceiverConfig
from ..errors import ConfigError
from ..model import Perceiver
from ..notebook import titled_table
from ..progress import ProgressCallback, ignore, portion
from ..sample import Sample
from ..trace import Trace
from . import random_order
from .batches import check_identity, run_identity
from .faithfulness import PerturbationCurve, Perturbations, map_orders, perturb, random_orders
from .formatting import percent, percent_interval
from .maps import MEAN, MapSelection
from .random_order import CONFIDENCE, random_interval
from .summary import Quantity, summarise
from .sweep import spearman

MapVerdict = Literal["stable", "weak", "no better than random"]
"""How a map did, in one word."""

ALIKE = 0.5
"""Spearman's rank correlation from which two maps count as alike."""

POINTS, ORDERS = 10, 8
"""Points of the deletion curves after the first, and random orders."""

UNTRAINED = 5
"""Models with random weights, of the seeds from 0."""

MODEL_COST = 2
"""Evaluations that a run of another model counts as: it is made or loaded first."""


@dataclass(frozen=True)
class Likeness:
    """How alike a map is to the maps of the same block of other models.

    correlations  one a model
    lowest        the lowest they can be: 0 for magnitudes
    """

    correlations: tuple[float, ...]
    lowest: float = -1.0

    @property
    def mean(self) -> float:
        """The mean of the correlations."""
        return float(np.mean(self.correlations))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean by Student's t distribution, cut to what is possible; for one model
        the correlation itself."""
        # Takes a while to import, and importing this module should not.
        from scipy.special import stdtrit

        count = len(self.correlations)
        if count < 2:
            return self.range
        deviation = float(np.std(self.correlations, ddof=1))
        reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * deviation / math.sqrt(count)
        return max(self.lowest, self.mean - reach), min(1.0, self.mean + reach)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest of the correlations."""
        return min(self.correlations), max(self.correlations)


@dataclass(frozen=True)
class MapCheck:
    """How the map of one block did on one input.

    block         counted from 0
    constant      whether its values are all equal, so that they put the elements in no order
    deletion      the probability of the class while elements are removed, those with the highest values first
    random        the mean of the same curves in random order, with the area of each
    untrained     Spearman's rank correlation with the map of the same block of each model with random weights
    other_seeds   the same for checkpoints that were trained with another seed, by name
    """

    block: int
    constant: bool
    deletion: PerturbationCurve = field(repr=False)
    random: PerturbationCurve = field(repr=False)
    untrained: tuple[float, ...]
    other_seeds: Mapping[str, float]

    @property
    def order(self) -> random_order.Verdict:
        """Whether its deletion curve is better than random order; a constant map is not."""
        return "no better" if self.constant else random_order.compare(self.deletion, self.random, "deletion")

    @property
    def random_interval(self) -> tuple[float, float]:
        """The interval that the area of one more random order lies in with a probability of 95 %."""
        return random_interval(self.random)

    @property
    def untrained_likeness(self) -> Likeness:
        """How alike it is to the maps of untrained models: the magnitudes of the correlations, as an inverted map shows
        the same."""
        return Likeness(tuple(map(abs, self.untrained)), lowest=0.0)

    @property
    def seeds_likeness(self) -> Likeness | None:
        """How alike it is to the maps of other seeds; None where there are none."""
        return Likeness(tuple(self.other_seeds.values())) if self.other_seeds else None

    @property
    def learned(self) -> bool:
        """Whether it is unlike the maps of untrained models: the whole interval of the likeness is below ALIKE."""
        return self.untrained_likeness.interval[1] < ALIKE

    @property
    def repeated(self) -> bool | None:
        """Whether it is like the maps of other seeds: the mean of the likeness is ALIKE or more. None where there are
        none."""
        # The interval of the mean of two or three seeds says little.
        likeness = self.seeds_likeness
        return None if likeness is None else likeness.mean >= ALIKE

    @property
    def verdict(self) -> MapVerdict:
        """How it did: "no better than random" unless its deletion curve is better than random order; then "weak" if it
        is or may be like the maps of untrained models, or is not like those of other seeds; else "stable"."""
        if self.order != "better":
            return "no better than random"
        return "stable" if self.learned and self.repeated is not False else "weak"


@dataclass(frozen=True)
class MapChecks:
    """The checks of the maps of all blocks, possibly incomplete.

    identity     of the model and the input
    selection    what the maps are of
    target       the class whose probability the deletion curves are of
    blocks       those with a map
    constant     whether the map of each block is constant
    names        of the checkpoints of other seeds
    removed      deletion in the order of each map, then in random orders
    untrained    rank correlations by untrained model, one for each block
    other_seeds  rank correlations by checkpoint, one for each block
    """

    identity: str = field(repr=False)
    selection: MapSelection
    target: int
    blocks: tuple[int, ...]
    constant: tuple[bool, ...] = field(repr=False)
    names: tuple[str, ...]
    removed: Perturbations = field(repr=False)
    untrained: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    other_seeds: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    @property
    def left(self) -> int:
        """What is left to do, in evaluations of the model."""
        models = UNTRAINED - len(self.untrained) + len(self.names) - len(self.other_seeds)
        return self.removed.left + MODEL_COST * models

    @property
    def whole(self) -> int:
        """All that is to do, in evaluations of the model."""
        return _work(self.removed, len(self.names))

    @property
    def done(self) -> float:
        """The share of the work that is done."""
        return 1 - self.left / self.whole

    @property
    def complete(self) -> bool:
        """Whether all blocks are checked."""
        return self.left == 0

    @property
    def checks(self) -> tuple[MapCheck, ...]:
        """The check of every block; none while the work is incomplete."""
        if not self.complete:
            return ()
        random = self.removed.deletion(slice(len(self.blocks), None))
        return tuple(
            MapCheck(
                block,
                self.constant[i],
                self.removed.deletion(slice(i, i + 1)),
                random,
                tuple(one[i] for one in self.untrained),
                {name: self.other_seeds[name][i] for name in self.names},
            )
            for i, block in enumerate(self.blocks)
        )

    def of(self, block: int) -> MapCheck:
        """The check of a block. Raises ConfigError for one without a map, and while the work is incomplete."""
        for one in self.checks:
            if one.block == block:
                return one
        raise ConfigError(f"block {block} has no map that was checked")

    def __repr__(self) -> str:
        verdicts = [f"block {one.block}: {one.verdict}" for one in self.checks]
        return f"MapChecks({', '.join(verdicts) or f'{self.done:.0%} done'})"

    def _repr_html_(self) -> str:
        rows = [[f"{one.block + 1}", one.verdict, *figures(one)] for one in self.checks]
        return titled_table("Checks of the maps", rows, ["block", "", *HEADS])


HEADS = ("deletion", "random order", "untrained models", "other seeds")
"""The headings of the figures of a check."""


def figures(check: MapCheck) -> tuple[str, str, str, str]:
    """The figures of a check under HEADS: areas as percentages, and rank correlations. In brackets the intervals, and
    of several seeds the lowest and the highest."""
    low, high = check.random_interval
    seeds = check.seeds_likeness
    return (
        percent(check.deletion.area),
        percent_interval(check.random.area, low, high),
        _correlation(check.untrained_likeness.mean, check.untrained_likeness.interval),
        "none here" if seeds is None else _correlation(seeds.mean, seeds.range),
    )


def reason(check: MapCheck) -> str:
    """Why a check has its verdict, in one sentence."""
    if check.constant:
        return "All its values are equal, so that it puts the elements in no order."
    if check.order != "better":
        less = "less" if check.order == "worse" else "no more"
        return f"The elements that it marks matter {less} than random ones."
    good, bad = ["the elements that it marks matter more than random ones"], []
    if check.learned:
        good.append("untrained models draw other maps")
    else:
        may = "" if check.untrained_likeness.mean >= ALIKE else "may "
        bad.append(f"untrained models {may}draw a similar map")
    if check.repeated:
        good.append("training with another seed draws a similar map")
    elif check.repeated is False:
        bad.append("training with another seed draws another map")
    text = " and ".join(good) + (f", but {' and '.join(bad)}" if bad else "")
    missing = "; no other seed is here to compare with" if check.repeated is None else ""
    return f"{text[0].upper()}{text[1:]}{missing}."


def _correlation(mean: float, around: tuple[float, float]) -> str:
    """A mean with the interval around it, unless that is a single value; two decimals each."""
    low, high = around
    return _rounded(mean) if low == high else f"{_rounded(mean)} ({_rounded(low)} to {_rounded(high)})"


def _rounded(value: float) -> str:
    """Two decimals, without a sign for what is rounded to 0."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def why_unchecked(selection: MapSelection) -> str:
    """Why the maps of a selection cannot be checked, as a clause; "" where they can."""
    if selection.latent is not None:
        return "the latents of two models do not correspond"
    if selection.head is not None:
        return "the heads of two models do not correspond"
    if selection.reduce == "entropy":
        return "an entropy over latents puts the elements in no order of importance"
    if selection.part:
        return "the elements are not read by a part of their scores alone"
    return ""


def untrained_model(config: PerceiverConfig, seed: int) -> Perceiver:
    """A model with random weights, as training with this seed starts from. The global random state is restored."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return Perceiver(config).eval().requires_grad_(False)


def rank_correlation(one: Float[np.ndarray, "*shape"], other: Float[np.ndarray, "*shape"], what: Quantity) -> float:
    """Spearman's rank correlation of two maps over the input elements; 0 where one of them is constant up to rounding.

    what  the values of the maps are
    """
    if summarise(one, what).constant or summarise(other, what).constant:
        return 0.0
    return spearman(one.ravel(), other.ravel())


def evaluations(elements: int, blocks: int, names: int) -> int:
    """The number of evaluations of the model that a check takes.

    elements  M, the number of input elements
    blocks    number of blocks with a map
    names     number of checkpoints of other seeds
    """
    return _work(Perturbations.begun(0, elements, blocks + ORDERS, POINTS, insertion=False), names)


def check_steps(
    model: Perceiver,
    sample: Sample,
    trace: Trace,
    selection: MapSelection = MEAN,
    *,
    other_seeds: Mapping[str, Callable[[], Perceiver]] | None = None,
    resume: MapChecks | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[MapChecks]:
    """Checks the maps of all blocks of a run; yields after every other model that was run and every batch of the
    deletion test. The class of the test is the most probable one.

    trace        of the run
    selection    of the maps, over all latents and heads
    other_seeds  loads the models of the same configuration that were trained with another seed, by name
    resume       an unfinished result of the same run, selection and names, which is not computed again

    Raises ConfigError for maps that cannot be checked (`why_unchecked`), for a model of another configuration, and
    where `resume` is of something else.
    """
    if reason := why_unchecked(selection):
        raise ConfigError(f"these maps cannot be checked: {reason}")
    selection.check(model.config)
    loaders = dict(other_seeds or {})
    maps = {block: selection.map(trace, block) for block in trace.blocks}
    orders = [*map_orders(sample, {str(block): one for block, one in maps.items()}), *random_orders(sample, ORDERS)]
    state = MapChecks(
        run_identity(model, sample),
        selection,
        int(trace.logits.argmax()),
        trace.blocks,
        tuple(summarise(one, selection.quantity).constant for one in maps.values()),
        tuple(loaders),
        Perturbations.begun(int(trace.logits.argmax()), len(orders[0]), len(orders), POINTS, insertion=False),
    )
    if resume is not None:
        check_identity(resume.identity, state.identity, "a check of maps")
        if (resume.selection, resume.names) != (selection, state.names):
            raise ConfigError("a check of maps can be resumed for the maps and the seeds that it was begun with")
        state = resume

    def alike(other: Perceiver, words: str) -> tuple[float, ...]:
        """Rank correlation of each map with the map of the same block of another model."""
        report = portion(progress, state.done, state.done + MODEL_COST / state.whole, words)
        made = other.trace(other.inputs(sample), progress=report)
        return tuple(
            rank_correlation(one, selection.map(made, block), selection.quantity) for block, one in maps.items()
        )

    for seed in range(len(state.untrained), UNTRAINED):
        found = alike(untrained_model(model.config, seed), "Running untrained models")
        state = replace(state, untrained=(*state.untrained, found))
        yield state
    for name in state.names:
        if name not in state.other_seeds:
            other = loaders[name]()
            if other.config != model.config:
                raise ConfigError(f"{name} has another configuration, so that its maps are of something else")
            state = replace(state, other_seeds={**state.other_seeds, name: alike(other, f"Running {name}")})
            yield state
    report = portion(progress, 1 - state.removed.found.size / state.whole, 1.0, "Removing elements")
    for removed in perturb(model, sample, orders, state.target, resume=state.removed, progress=report):
        state = replace(state, removed=removed)
        yield state


def _work(removed: Perturbations, names: int) -> int:
    """All that is to do, in evaluations of the model."""
    return removed.found.size + MODEL_COST * (UNTRAINED + names)
