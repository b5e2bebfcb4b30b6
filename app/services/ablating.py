"""The page's way to ablations: what a code is made of, one run without a part of it, sweeps in steps, and shuffles.

As in `compute`, nothing is keyed on arrays: an ablation is known by its text, so visitors share what was worked out but
never meet another's ablation, and the shared models are left alone.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from jaxtyping import Float, Float64

from perceiver import export, modalities
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
from perceiver.lens.context import layout_of
from perceiver.plots.scale import ColourScale
from perceiver.positions import Positions
from perceiver.trace import Trace

from . import compute
from .compute import BlockMap, Case, Reading, Slot
from .progress import Progress

STEP = 0.5
"""Seconds that a step of a sweep is to take: between two of them the page answers."""

QUICK = 20.0
"""Seconds up to which a sweep is begun without being asked for."""

TOGETHER = 64
"""Ablations in a step, at most."""


@dataclass(frozen=True)
class CodeAxis:
    """One axis of a position code.

    name         as exports call it: "rows", "cols", "time", "frequency"; "x", "y", "z" where elements are free
    frequencies  of its bands in cycles across the axis, rising
    raw          whether the code holds its coordinate
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
    """The map of a block before and after, on one scale, and the difference on its own; and how far they are apart."""

    before: BlockMap
    after: BlockMap
    difference: BlockMap
    change: MapChange


def encoding(model: str) -> Positions:
    """Which channel of a model's position code belongs to what. Raises CheckpointError when it cannot be opened."""
    return compute.opened(model).encoding


def axes(case: Case) -> tuple[CodeAxis, ...]:
    """The axes of a model's position code, as far as it tells them apart: none where every place has its own vector."""
    sample, code = compute.read(case), encoding(case.model)
    bands, raw = code.bands(), len(code.coordinate_channels())
    count = max([raw, *(band.axis + 1 for band in bands)])
    places = modalities.get(sample.modality).places(sample)
    free = sample.coordinates is not None
    return tuple(
        CodeAxis(
            name=name,
            frequencies=tuple(band.frequency for band in bands if band.axis == axis),
            raw=axis < raw,
            elements=None if free else sample.shape[axis],
            seconds=float(places[name][-1] - places[name][0]) if name == "time" else None,
        )
        for axis, name in enumerate(modalities.axes(sample)[:count])
    )


def possible(model: str, taken: Ablation) -> bool:
    """Whether a model's code holds what is to be taken away."""
    try:
        channels = taken.channels(encoding(model), compute.config(model).position_channels)
    except ConfigError:
        return False
    return bool(channels) or not taken


@st.cache_data(show_spinner=False, max_entries=32, ttl=60)
def with_bands(model: str) -> str | None:
    """A checkpoint whose positions have bands, for the same inputs, read in the same elements if there is one."""
    store = BundledCheckpoints()
    mine = compute.described(model)
    others = {name: store.config(name) for name in store.names(mine.modality)}
    fit = [name for name, config in others.items() if config.positions.bands_per_axis]
    return min(fit, key=lambda name: others[name].input_shape != mine.input_shape, default=None)


def presets(case: Case) -> Mapping[str, Ablation]:
    """Ablations with a name, as far as the model's code allows them; axes count from 0: "axis 0"."""
    code = encoding(case.model)
    found = axes(case)
    count = max((len(axis.frequencies) for axis in found), default=0)
    out = {"all": Ablation()}
    if count > 1:
        out |= {"low": ablations.low_pass(code, count // 2), "high": ablations.high_pass(code, count // 2)}
    if len(found) > 1:
        out |= {f"axis {axis}": ablations.one_axis(code, axis) for axis in range(len(found))}
    if count:
        every = ablations.bands(code.bands())
        out |= {"coordinates": every, "no coordinates": ablations.coordinates(code)}
        out |= {"sines": ablations.cosines(code), "cosines": ablations.sines(code)}
    return out | {"none": ablations.WHOLE}


@st.cache_resource(show_spinner=False, max_entries=8)
def _slot(model: str, key: str, taken: str) -> Slot[Trace]:
    return Slot()


def trace(case: Case, taken: Ablation, progress: Progress) -> Trace:
    """One run without what is taken away; the same one for every later call while it is remembered.

    Raises ConfigError when the model's code has no such part.
    """
    if not taken:
        return compute.trace(case, progress)

    def make() -> Trace:
        progress.step(0.4, "Running the model without what is taken out")
        codes = taken.apply(model.codes(sample), model.encoding)
        return model.trace(model.inputs(sample, codes))

    model, sample = compute.opened(case.model), compute.read(case)
    return _slot(case.model, case.key, taken.text()).once(make, progress)


def answer(case: Case, taken: Ablation, progress: Progress) -> AnswerChange:
    """The answers with the whole code and without what is taken away."""
    before, after = compute.trace(case, progress), trace(case, taken, progress)
    return AnswerChange(before.logits.numpy(), after.logits.numpy())


@st.cache_data(show_spinner=False, max_entries=256)
def _map(model: str, key: str, taken: str, block: int, reading: Reading, _trace: Trace) -> Float[np.ndarray, "..."]:
    return reading.map(_trace, block)


@st.cache_data(show_spinner=False, max_entries=256)
def _moved(model: str, key: str, taken: str, block: int, head: int | None, _before: Trace, _after: Trace) -> float:
    return float(latent_divergences(_before, _after, block, head=head).mean())


def maps(case: Case, reading: Reading, taken: Ablation, mode: str, progress: Progress) -> tuple[BlockChange, ...]:
    """Every block's map before and after, and what changed: one scale for all before and after, one for differences."""
    one, other = compute.trace(case, progress), trace(case, taken, progress)
    before = [m.values for m in compute.block_maps(case, reading, "blocks", mode, progress)]
    after, moved = [], []
    for i, block in enumerate(one.blocks):
        progress.step(0.5 + 0.5 * i / len(one.blocks), f"Comparing the maps of block {block + 1}")
        after.append(_map(case.model, case.key, taken.text(), block, reading, other))
        moved.append(_moved(case.model, case.key, taken.text(), block, reading.head, one, other))
    differences = [b - a for a, b in zip(before, after, strict=True)]
    what = reading.what
    sided = ColourScale(compute.usable(mode, reading, "blocks")).limits([*before, *after], what)
    signed = ColourScale(compute.usable(mode, reading, "first"), signed=True).limits(differences, what)
    out = []
    for i, block in enumerate(one.blocks):
        one_side, other_side = (
            BlockMap(block, None, values, summarise(values, what), sided[i + offset])
            for values, offset in ((before[i], 0), (after[i], len(before)))
        )
        gap = BlockMap(block, block, differences[i], summarise(differences[i], what, signed=True), signed[i])
        divergence = jensen_shannon(before[i], after[i]) if what in WEIGHTS else None
        change = MapChange(block, before[i], after[i], divergence, moved[i])
        out.append(BlockChange(one_side, other_side, gap, change))
    return tuple(out)


@dataclass
class Sweep:
    """The exact answers to all ablations of a sweep, as far as it has come, and estimates of their changes.

    curves     the ablations, in the order in which they are answered
    logits     after each of those that are
    before     of the untouched input; None until something was estimated
    estimates  estimated changes of a class's logit, by class
    each       seconds that one ablation took in the last step; 0 before the first, which tells how long all will take
    """

    curves: tuple[Curve, ...]
    logits: list[Float[np.ndarray, "classes"]] = field(default_factory=list)
    before: Float[np.ndarray, "classes"] | None = None
    estimates: dict[int, Float64[np.ndarray, "n"]] = field(default_factory=dict)
    each: float = 0.0

    @property
    def ablations(self) -> tuple[Ablation, ...]:
        """All of them, curve by curve."""
        return tuple(one for curve in self.curves for one in curve.ablations)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(len(curve.ablations) for curve in self.curves)

    @property
    def done(self) -> bool:
        """Whether all are answered."""
        return len(self.logits) >= self.total

    @property
    def seconds_left(self) -> float:
        """As far as can be told."""
        return self.each * (self.total - len(self.logits))

    def so_far(self, target: int) -> sweeps.Sweep:
        """The library's own sweep of a class that was estimated, as far as it has come."""
        assert self.before is not None
        after = np.full((self.total, len(self.before)), np.nan, dtype=np.float32)
        after[: len(self.logits)] = np.reshape(self.logits, (-1, len(self.before)))
        return sweeps.Sweep(self.curves, target, self.before, self.estimates[target], after)

    def exact(self, target: int, measure: str) -> Float64[np.ndarray, "n"]:
        """Changes of the logit or probability of a class that was estimated, one an ablation; NaN where it is not
        answered yet."""
        found = self.so_far(target)
        return found.logits() if measure == "logit" else found.probabilities()

    def step(self, case: Case) -> None:
        """Answers the next few."""
        model, sample = compute.opened(case.model), compute.read(case)
        count = int(np.clip(STEP / self.each if self.each else 1, 1, TOGETHER))
        todo = self.ablations[len(self.logits) : len(self.logits) + count]
        began = time.monotonic()
        for made in answers(model, sample, todo):
            self.logits.extend(made)
        self.each = (time.monotonic() - began) / len(todo)


@st.cache_resource(show_spinner=False, max_entries=8)
def _sweep(model: str, key: str, fill: Fill, seed: int, _code: Positions) -> Sweep:
    return Sweep(curves(_code, fill, seed))


def sweep(case: Case, fill: Fill, seed: int) -> Sweep:
    """The sweep of an input, as far as it has come; the same one for everyone who looks at it. Does no work."""
    return _sweep(case.model, case.key, fill, seed, encoding(case.model))


def first_order(case: Case, here: Sweep, target: int, progress: Progress) -> Float64[np.ndarray, "n"]:
    """Estimated changes of a class's logit, one an ablation of the sweep, from one backward pass and one more run."""
    if target not in here.estimates:
        model, sample = compute.opened(case.model), compute.read(case)
        with compute.gate.enter(progress.wait):
            if target not in here.estimates:
                progress.step(0.9, "Estimating what each frequency matters")
                made = estimate_curves(model, sample, here.curves, target)
                here.before, here.estimates[target] = made.logits, made.changes
    return here.estimates[target]


def advance(case: Case, here: Sweep, progress: Progress) -> None:
    """One more step of a sweep, in its turn at the gate."""
    with compute.gate.enter(progress.wait):
        if not here.done:
            here.step(case)


@st.cache_resource(show_spinner=False, max_entries=32)
def _order(model: str, key: str, shuffle: Shuffle, size: int | None, seed: int) -> Slot[Shuffled]:
    return Slot()


def shuffled(case: Case, shuffle: Shuffle, size: int | None, seed: int, progress: Progress) -> Shuffled:
    """What another order of the input does to the answer.

    size  elements along a side of the blocks that are moved, cells along a side of the cube; None without blocks
    """

    def make() -> Shuffled:
        progress.step(0.8, "Running the model on the shuffled input")
        return permute(model, sample, shuffle, seed=seed, size=size)

    model, sample = compute.opened(case.model), compute.read(case)
    return _order(case.model, case.key, shuffle, size, seed).once(make, progress)


def answers_file(case: Case, taken: Ablation, change: AnswerChange, target: int, maps: Sequence[MapChange]) -> bytes:
    """All classes before and after, and how far every block's map moved, as JSON."""
    labels = compute.config(case.model).labels
    values = export.ablation_json(taken, change, labels, compute.origin(case), target=target, maps=maps)
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def maps_file(case: Case, taken: Ablation, maps: Sequence[MapChange], reading: Reading) -> bytes:
    """Every block's map before and after, with the places of the elements, as NPZ."""
    buffer = io.BytesIO()
    where = layout_of(compute.read(case))
    export.ablation_npz(buffer, taken, maps, compute.origin(case), where, reading.selection)
    return buffer.getvalue()


def sweep_file(case: Case, here: Sweep, target: int) -> bytes:
    """All ablations of a sweep, estimated and as far as they are known exact, as CSV."""
    labels, names = compute.config(case.model).labels, [axis.name for axis in axes(case)]
    return export.sweep_csv(here.so_far(target), labels, axes=names).encode()
