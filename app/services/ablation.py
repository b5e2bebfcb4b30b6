"""Ablations of position encodings: their parts, a run without some of them, sweeps in steps, and permutations.

An ablation is identified by its text, so visitors share results but never see another's ablation; the shared models
stay as they are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from jaxtyping import Float, Float64

from perceiver import modalities
from perceiver.analysis import ablation as ablations
from perceiver.analysis import sweep as sweeps
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange, MapChange, jensen_shannon, latent_divergences
from perceiver.analysis.methods import Fill, Shuffle
from perceiver.analysis.permutation import Shuffled, permute
from perceiver.analysis.summary import WEIGHTS, summarise
from perceiver.analysis.sweep import Curve, answers, curves, estimate_curves
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.errors import ConfigError
from perceiver.plots.scale import ColourScale
from perceiver.positions import Positions
from perceiver.trace import Trace

from . import inference, maps, models
from .caching import Once
from .inference import Case
from .maps import BlockMap, MapQuery
from .queueing import Progress, queue

STEP = 0.5
"""Seconds that a step of a sweep should take; between two steps the page reacts to the visitor."""

QUICK = 20.0
"""Seconds up to which a sweep starts by itself."""

TOGETHER = 64
"""The most ablations in a step."""


@dataclass(frozen=True)
class EncodingAxis:
    """One axis of a position encoding.

    name         as exports call it: "rows", "cols", "time", "frequency"; "x", "y", "z" where elements are free
    frequencies  of its bands in cycles across the axis, rising
    raw          whether the encoding holds its coordinate
    elements     along the axis; None where they are free
    seconds      from the first element to the last; None where the axis is not time
    """

    name: str
    frequencies: tuple[float, ...]
    raw: bool
    elements: int | None
    seconds: float | None


@dataclass(frozen=True)
class BlockChange:
    """The map of a block before and after an ablation, on one scale, their difference on its own, and its measures."""

    before: BlockMap
    after: BlockMap
    difference: BlockMap
    change: MapChange


def axes(case: Case) -> tuple[EncodingAxis, ...]:
    """The axes of a model's position encoding; none where every position has its own learned vector."""
    sample, its = inference.read(case), models.encoding(case.model)
    bands, raw = its.bands(), len(its.coordinate_channels())
    count = max([raw, *(band.axis + 1 for band in bands)])
    places = modalities.get(sample.modality).places(sample)
    free = sample.coordinates is not None
    return tuple(
        EncodingAxis(
            name=name,
            frequencies=tuple(band.frequency for band in bands if band.axis == axis),
            raw=axis < raw,
            elements=None if free else sample.shape[axis],
            seconds=float(places[name][-1] - places[name][0]) if name == "time" else None,
        )
        for axis, name in enumerate(modalities.axes(sample)[:count])
    )


def is_possible(model: str, removed: Ablation) -> bool:
    """Whether a model's position encoding has the parts that are to be removed."""
    try:
        channels = removed.channels(models.encoding(model), models.config(model).position_channels)
    except ConfigError:
        return False
    return bool(channels) or not removed


@st.cache_data(show_spinner=False, max_entries=32, ttl=60)
def model_with_bands(model: str) -> str | None:
    """A bundled checkpoint whose encoding has bands, for the same inputs, of the same elements if there is one."""
    store = BundledCheckpoints()
    mine = models.stored_config(model)
    others = {name: store.config(name) for name in store.names(mine.modality)}
    fit = [name for name, config in others.items() if config.positions.bands_per_axis]
    return min(fit, key=lambda name: others[name].input_shape != mine.input_shape, default=None)


def presets(case: Case) -> Mapping[str, Ablation]:
    """The ablations that have a name and that the model's encoding allows. Axes count from 0: "axis 0"."""
    its = models.encoding(case.model)
    found = axes(case)
    count = max((len(axis.frequencies) for axis in found), default=0)
    out = {"all": Ablation()}
    if count > 1:
        out |= {"low": ablations.low_pass(its, count // 2), "high": ablations.high_pass(its, count // 2)}
    if len(found) > 1:
        out |= {f"axis {axis}": ablations.one_axis(its, axis) for axis in range(len(found))}
    if count:
        every = ablations.bands(its.bands())
        out |= {"coordinates": every, "no coordinates": ablations.coordinates(its)}
        out |= {"sines": ablations.cosines(its), "cosines": ablations.sines(its)}
    return out | {"none": ablations.WHOLE}


@st.cache_resource(show_spinner=False, max_entries=8)
def _trace(model: str, key: str, removed: str) -> Once[Trace]:
    return Once()


def ablated_trace(case: Case, removed: Ablation, progress: Progress) -> Trace:
    """One run without the removed parts; the same one for every later call while it is in the cache.

    Raises ConfigError when the model's encoding has no such part.
    """
    if not removed:
        return inference.trace(case, progress)

    def make() -> Trace:
        progress.step(0.4, "Running the model without what is taken out")
        codes = removed.apply(model.codes(sample), model.encoding)
        return model.trace(model.inputs(sample, codes))

    model, sample = models.get(case.model), inference.read(case)
    return _trace(case.model, case.key, removed.text()).get(make, progress)


def answer_change(case: Case, removed: Ablation, progress: Progress) -> AnswerChange:
    """The answers with the whole position encoding and without the removed parts."""
    before, after = inference.trace(case, progress), ablated_trace(case, removed, progress)
    return AnswerChange(before.logits.numpy(), after.logits.numpy())


@st.cache_data(show_spinner=False, max_entries=256)
def _map(model: str, key: str, removed: str, block: int, query: MapQuery, _trace: Trace) -> Float[np.ndarray, "..."]:
    return query.map(_trace, block)


@st.cache_data(show_spinner=False, max_entries=256)
def _moved(model: str, key: str, removed: str, block: int, head: int | None, _before: Trace, _after: Trace) -> float:
    return float(latent_divergences(_before, _after, block, head=head).mean())


def map_changes(
    case: Case, query: MapQuery, removed: Ablation, mode: str, progress: Progress
) -> tuple[BlockChange, ...]:
    """The maps of all blocks before and after an ablation on one colour scale, and their differences on another."""
    one, other = inference.trace(case, progress), ablated_trace(case, removed, progress)
    before = [m.values for m in maps.block_maps(case, query, "blocks", mode, progress)]
    after, moved = [], []
    for i, block in enumerate(one.blocks):
        progress.step(0.5 + 0.5 * i / len(one.blocks), f"Comparing the maps of block {block + 1}")
        after.append(_map(case.model, case.key, removed.text(), block, query, other))
        moved.append(_moved(case.model, case.key, removed.text(), block, query.head, one, other))
    differences = [b - a for a, b in zip(before, after, strict=True)]
    quantity = query.quantity
    sided = ColourScale(maps.usable_scale(mode, query, "blocks")).limits([*before, *after], quantity)
    signed = ColourScale(maps.usable_scale(mode, query, "first"), signed=True).limits(differences, quantity)
    out = []
    for i, block in enumerate(one.blocks):
        one_side, other_side = (
            BlockMap(block, None, values, summarise(values, quantity), sided[i + offset])
            for values, offset in ((before[i], 0), (after[i], len(before)))
        )
        gap = BlockMap(block, block, differences[i], summarise(differences[i], quantity, signed=True), signed[i])
        divergence = jensen_shannon(before[i], after[i]) if quantity in WEIGHTS else None
        change = MapChange(block, before[i], after[i], divergence, moved[i])
        out.append(BlockChange(one_side, other_side, gap, change))
    return tuple(out)


@dataclass
class Sweep:
    """The exact answers to the ablations of a sweep that are done, and estimated changes of all of them.

    curves     the ablations, in the order in which they are run
    logits     after each of those that are done
    before     logits with the whole encoding; None until something was estimated
    estimates  estimated changes of a class's logit, by class
    each       seconds that one ablation took in the last step; 0 before the first
    """

    curves: tuple[Curve, ...]
    logits: list[Float[np.ndarray, "classes"]] = field(default_factory=list)
    before: Float[np.ndarray, "classes"] | None = None
    estimates: dict[int, Float64[np.ndarray, "n"]] = field(default_factory=dict)
    each: float = 0.0

    @property
    def ablations(self) -> tuple[Ablation, ...]:
        """All ablations, curve by curve."""
        return tuple(one for curve in self.curves for one in curve.ablations)

    @property
    def total(self) -> int:
        """The number of ablations."""
        return sum(len(curve.ablations) for curve in self.curves)

    @property
    def done(self) -> bool:
        """Whether all ablations are done."""
        return len(self.logits) >= self.total

    @property
    def seconds_left(self) -> float:
        """Estimated seconds for the remaining ablations."""
        return self.each * (self.total - len(self.logits))

    def so_far(self, target: int) -> sweeps.Sweep:
        """The library's own result for a class that was estimated; NaN for ablations that are not done."""
        assert self.before is not None
        after = np.full((self.total, len(self.before)), np.nan, dtype=np.float32)
        after[: len(self.logits)] = np.reshape(self.logits, (-1, len(self.before)))
        return sweeps.Sweep(self.curves, target, self.before, self.estimates[target], after)

    def exact(self, target: int, measure: str) -> Float64[np.ndarray, "n"]:
        """The change of the logit or probability of a class that was estimated, for each ablation; NaN for those that
        are not done."""
        found = self.so_far(target)
        return found.logits() if measure == "logit" else found.probabilities()

    def step(self, case: Case) -> None:
        """Runs the next few ablations."""
        model, sample = models.get(case.model), inference.read(case)
        count = int(np.clip(STEP / self.each if self.each else 1, 1, TOGETHER))
        todo = self.ablations[len(self.logits) : len(self.logits) + count]
        began = time.monotonic()
        for made in answers(model, sample, todo):
            self.logits.extend(made)
        self.each = (time.monotonic() - began) / len(todo)


@st.cache_resource(show_spinner=False, max_entries=8)
def _sweep(model: str, key: str, fill: Fill, seed: int, _encoding: Positions) -> Sweep:
    return Sweep(curves(_encoding, fill, seed))


def sweep(case: Case, fill: Fill, seed: int) -> Sweep:
    """The sweep of an input as far as it is done, shared by all visitors. Does no work."""
    return _sweep(case.model, case.key, fill, seed, models.encoding(case.model))


def estimate(case: Case, sweep: Sweep, target: int, progress: Progress) -> Float64[np.ndarray, "n"]:
    """The estimated change of a class's logit for each ablation of a sweep, from one backward pass and one more run."""
    if target not in sweep.estimates:
        model, sample = models.get(case.model), inference.read(case)
        with queue.turn(progress.wait):
            if target not in sweep.estimates:
                progress.step(0.9, "Estimating what each frequency matters")
                made = estimate_curves(model, sample, sweep.curves, target)
                sweep.before, sweep.estimates[target] = made.logits, made.changes
    return sweep.estimates[target]


def advance(case: Case, sweep: Sweep, progress: Progress) -> None:
    """One more step of a sweep, queued."""
    with queue.turn(progress.wait):
        if not sweep.done:
            sweep.step(case)


@st.cache_resource(show_spinner=False, max_entries=32)
def _permuted(model: str, key: str, shuffle: Shuffle, size: int | None, seed: int) -> Once[Shuffled]:
    return Once()


def permuted(case: Case, shuffle: Shuffle, size: int | None, seed: int, progress: Progress) -> Shuffled:
    """The answer to an input whose elements, or whose contents, are permuted.

    size  elements along a side of the blocks that are permuted, cells along a side of the cube; None without blocks
    """

    def make() -> Shuffled:
        progress.step(0.8, "Running the model on the shuffled input")
        return permute(model, sample, shuffle, seed=seed, size=size)

    model, sample = models.get(case.model), inference.read(case)
    return _permuted(case.model, case.key, shuffle, size, seed).get(make, progress)
