"""Ablations of position encodings: their parts, a run without some of them, sweeps in steps, and permutations.

An ablation is identified by its text, so visitors share results but never see another's ablation; the shared models
stay as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float

from perceiver.analysis import ablate, change
from perceiver.analysis import erasure as erasures
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange, MapChange
from perceiver.analysis.erasure import Erasure
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.methods import ErasedBy, Fill, Shuffle
from perceiver.analysis.permutation import Shuffled
from perceiver.analysis.sweep import Curve, Sweep, curves
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.config import PerceiverConfig
from perceiver.export import changes as exports
from perceiver.lens import BlockChange, EncodingAxis, block_changes, encoding_axes
from perceiver.plots.block_maps import BlockMap, scaled_rows
from perceiver.positions import Positions
from perceiver.progress import portion
from perceiver.sample import Sample
from perceiver.trace import Trace

from . import inference, models
from .caching import Once
from .export import as_json
from .inference import Case
from .maps import maps as maps_by_block
from .queueing import STEP, Progress, queue

QUICK = 20.0
"""Seconds up to which a sweep starts by itself."""


def axes(case: Case) -> tuple[EncodingAxis, ...]:
    """The axes of a model's position encoding; none where every position has its own learned vector."""
    return encoding_axes(models.get(case.model), inference.read(case))


def is_possible(model: str, removed: Ablation) -> bool:
    """Whether a model's position encoding has the parts that are to be removed."""
    return ablate.is_possible(removed, models.get(model))


@st.cache_data(show_spinner=False, max_entries=32, ttl=60)
def model_with_bands(model: str) -> str | None:
    """A bundled checkpoint whose encoding has bands, for the same inputs, of the same elements if there is one."""
    store = BundledCheckpoints()
    mine = models.stored_config(model)
    others = {name: store.config(name) for name in store.names(mine.modality)}
    fit = [name for name, config in others.items() if _bands(config)]
    return min(fit, key=lambda name: others[name].input_shape != mine.input_shape, default=None)


def _bands(config: PerceiverConfig) -> int:
    encodings = [one.positions for one in config.segments if one.positions] or [config.positions]
    return max(one.bands_per_axis for one in encodings)


def presets(case: Case) -> Mapping[str, Ablation]:
    """The ablations that have a name and that the model's encoding allows. Axes count from 0: "axis 0"."""
    return ablate.presets(models.encoding(case.model))


def words(case: Case, removed: Ablation) -> str:
    """What an ablation removes, in words; "" for nothing."""
    return ablate.describe(removed, models.encoding(case.model), inference.context(case).axis_names) if removed else ""


def marked(case: Case, regions: str) -> Bool[np.ndarray, "M"]:
    """Which elements of an input lie in some regions, given as text. Raises ConfigError where it has no such region."""
    return erasures.parse(regions).marked(inference.context(case).layout)


def erasure(case: Case, regions: str, *, keep: bool, by: ErasedBy) -> Erasure:
    """The erasure of the elements in some regions of an input, or of all others. Raises ConfigError where the input has
    no such region, and where nothing would be erased or left."""
    return erasures.chosen([regions], inference.context(case).layout, keep=keep, by=by)


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
        progress.step(0.4, "Running the model without the removed parts")
        return ablate.ablated_trace(model, sample, removed)

    model, sample = models.get(case.model), inference.read(case)
    return _trace(case.model, case.key, removed.text()).get(make, progress)


def sample_after(case: Case, removed: Ablation) -> Sample:
    """The input with the elements that an ablation removes marked as padding; the same object where it removes none."""
    return ablate.without_elements(inference.read(case), removed, models.get(case.model))


def answer_change(case: Case, removed: Ablation, progress: Progress) -> AnswerChange:
    """The answers with the whole position encoding and without the removed parts."""
    before, after = inference.trace(case, progress), ablated_trace(case, removed, progress)
    return AnswerChange(before.logits.numpy(), after.logits.numpy())


def probabilities(case: Case, removed: Ablation, progress: Progress) -> Float[np.ndarray, "blocks classes"]:
    """The probability of every class after every block, without the removed parts."""
    return ablated_trace(case, removed, progress).block_probabilities.numpy()


@st.cache_resource(show_spinner=False, max_entries=32)
def _after(model: str, key: str, removed: str, selection: MapSelection) -> Once[Mapping[int, np.ndarray]]:
    return Once()


def _sides(
    case: Case, selection: MapSelection, removed: Ablation, progress: Progress
) -> tuple[Mapping[int, np.ndarray], Mapping[int, np.ndarray]]:
    """The maps by block before and after an ablation."""
    after = ablated_trace(case, removed, progress)

    def make() -> Mapping[int, np.ndarray]:
        progress.step(0.5, "Reading the maps without the removed parts")
        return {block: selection.map(after, block) for block in after.blocks}

    held = _after(case.model, case.key, removed.text(), selection)
    return maps_by_block(case, selection, progress), held.get(make, progress)


def maps_of_both(
    case: Case, selection: MapSelection, removed: Ablation, mode: str, progress: Progress
) -> tuple[tuple[BlockMap, ...], ...]:
    """The maps of all blocks before and after an ablation, on one colour scale."""
    return scaled_rows(_sides(case, selection, removed, progress), selection.quantity, mode)


@st.cache_resource(show_spinner=False, max_entries=32)
def _changes(model: str, key: str, removed: str, selection: MapSelection) -> Once[tuple[MapChange, ...]]:
    return Once()


@st.cache_resource(show_spinner=False, max_entries=64)
def _moved(model: str, key: str, removed: str, head: int | None) -> dict[int, float]:
    """`MapChange.latents` by block, which is the same for all selections of one head."""
    return {}


def map_changes(
    case: Case, selection: MapSelection, removed: Ablation, mode: str, progress: Progress
) -> tuple[BlockChange, ...]:
    """The maps of all blocks before and after an ablation on one colour scale, and their differences on another."""
    before, after = inference.trace(case, progress), ablated_trace(case, removed, progress)
    sides = _sides(case, selection, removed, progress)
    moved = _moved(case.model, case.key, removed.text(), selection.head)

    def steps() -> Iterator[MapChange]:
        report = portion(progress.step, 0.5, 1.0)
        for one in change.map_changes(before, after, selection, maps=sides, latents=moved, progress=report):
            moved[one.block] = one.latents
            yield one

    found = _changes(case.model, case.key, removed.text(), selection).gather(steps, progress)
    return block_changes(found, selection.quantity, mode)


@dataclass
class _HeldSweep:
    """A sweep as far as it has come, which all visitors share: its exact answers are the same for every class.

    latest     with the most answers
    by_target  by the class whose logit is estimated, each with the answers that there were then
    """

    curves: tuple[Curve, ...]
    latest: Sweep | None = None
    by_target: dict[int, Sweep] = field(default_factory=dict)

    def known(self, target: int) -> Sweep | None:
        """The sweep of a class, None where its estimates are not known."""
        own, last = self.by_target.get(target), self.latest
        return own if own is None or last is None else replace(own, after=last.after, each=last.each)


@st.cache_resource(show_spinner=False, max_entries=8)
def _sweep(model: str, key: str, fill: Fill, seed: int, _encoding: Positions) -> _HeldSweep:
    return _HeldSweep(curves(_encoding, fill, seed))


def sweep_of(case: Case, fill: Fill, seed: int, target: int, progress: Progress) -> Sweep:
    """The sweep of an input as far as it is done, with estimates for a class: these take one backward pass and one
    more run, the first time."""
    return _grown(case, fill, seed, target, 0, progress)


def advance(case: Case, fill: Fill, seed: int, target: int, progress: Progress) -> Sweep:
    """The sweep after one more step of about STEP seconds, queued."""
    return _grown(case, fill, seed, target, 1, progress)


def _grown(case: Case, fill: Fill, seed: int, target: int, more: int, progress: Progress) -> Sweep:
    held = _sweep(case.model, case.key, fill, seed, models.encoding(case.model))
    if not more and (known := held.known(target)) is not None:
        return known
    run = inference.run(case, progress)
    with queue.turn(progress.wait):
        resume = held.known(target)
        if resume is None:
            progress.step(0.9, "Estimating what each frequency matters")
            resume = held.latest
        steps = run.sweep_steps(target, fill=fill, seed=seed, seconds=STEP, resume=resume)
        *_, held.latest = islice(steps, 1 + more)
        held.by_target[target] = held.latest
    return held.latest


@st.cache_resource(show_spinner=False, max_entries=32)
def _permuted(model: str, key: str, shuffle: Shuffle, size: int | None, seed: int) -> Once[Shuffled]:
    return Once()


def permuted(case: Case, shuffle: Shuffle, size: int | None, seed: int, progress: Progress) -> Shuffled:
    """The answer to an input whose elements, or whose contents, are permuted.

    size  elements along a side of the blocks that are permuted, cells along a side of the cube; None without blocks
    """

    def make() -> Shuffled:
        progress.step(0.8, "Running the model on the shuffled input")
        return run.permute(shuffle, size=size, seed=seed)

    run = inference.run(case, progress)
    return _permuted(case.model, case.key, shuffle, size, seed).get(make, progress)


def answers_json(case: Case, removed: Ablation, change: AnswerChange, target: int, maps: Sequence[MapChange]) -> bytes:
    """The answers before and after an ablation, and how far the map of every block moved."""
    about = inference.context(case)
    return as_json(exports.ablation_json(removed, change, about.labels, about.origin, target=target, maps=maps))


def maps_npz(case: Case, removed: Ablation, maps: Sequence[MapChange], selection: MapSelection) -> bytes:
    """The maps of all blocks before and after an ablation, with the positions of the elements."""
    buffer, about = io.BytesIO(), inference.context(case)
    exports.ablation_npz(buffer, removed, maps, about.origin, about.layout, selection)
    return buffer.getvalue()


def sweep_csv(case: Case, sweep: Sweep) -> bytes:
    """All ablations of a sweep: their estimates, and their exact changes where they are known."""
    about = inference.context(case)
    return exports.sweep_csv(sweep, about.labels, axes=about.axes).encode()
