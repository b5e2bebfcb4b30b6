"""Builds ablations from options, describes them, and runs a model with them."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import or_

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..positions import Band, Positions
from ..sample import Sample
from ..trace import PartialTrace, Trace
from ..validation import index_of, whole_number
from . import ablation as ablations
from .ablation import Ablation
from .formatting import number
from .methods import Fill


def choose(
    encoding: Positions,
    *,
    text: str | None = None,
    low_pass: int | None = None,
    high_pass: int | None = None,
    keep: tuple[float, float] | None = None,
    band: int | None = None,
    axis: int | None = None,
    coordinates: bool = False,
    sines: bool = False,
    cosines: bool = False,
    whole: bool = False,
    without: str | None = None,
    fill: Fill | None = None,
    seed: int = 0,
    name: str = "",
) -> Ablation:
    """Combines all given options into one ablation; bands and axes are counted from 0.

    text         an ablation as `Ablation.text` writes it
    low_pass     keeps this number of the lowest bands of every axis
    high_pass    removes this number of the lowest bands of every axis
    keep         keeps the bands between two frequencies, in cycles across the axis
    band         removes this band, on all axes or only on `axis`
    axis         removes all channels of this axis, or only its `band`
    coordinates  removes the raw coordinates
    sines        removes all sines; `cosines` removes all cosines
    whole        removes the whole position encoding
    without      removes the elements of this part of the input: "audio", "video"
    name         of the checkpoint, for messages
    fill, seed   the replacement for removed channels; None uses that of `text`, or zeros

    Raises ConfigError if no option is given, `text` is not a valid ablation, or a band or an axis does not exist.
    """
    every = encoding.bands()
    count, axes = max(_bands_per_axis(encoding).values(), default=0), _axes(encoding)
    parts = [] if text is None else [ablations.parse(text)]
    if low_pass is not None:
        parts.append(ablations.low_pass(encoding, whole_number("low_pass", low_pass, 0)))
    if high_pass is not None:
        parts.append(ablations.high_pass(encoding, whole_number("high_pass", high_pass, 0, count or None)))
    if keep is not None:
        parts.append(ablations.band_pass(encoding, *_kept_range(keep, every)))
    if band is not None and every:
        index_of("band", band, count, name)
    if axis is not None and axes:
        index_of("axis", axis, axes, name)
    if band is not None:
        parts.append(ablations.one_band(encoding, band, axis))
    elif axis is not None:
        parts.append(ablations.one_axis(encoding, axis))
    if coordinates:
        parts.append(ablations.coordinates(encoding))
    if sines:
        parts.append(ablations.sines(encoding))
    if cosines:
        parts.append(ablations.cosines(encoding))
    if whole:
        parts.append(ablations.WHOLE)
    if without is not None:
        parts.append(Ablation(without=frozenset({without})))
    if not parts:
        raise ConfigError("an ablation takes something away; name bands, an axis, the coordinates or the whole code")
    chosen = reduce(or_, parts)
    return chosen if fill is None else chosen.filled(fill, seed)


def is_possible(ablation: Ablation, model: Perceiver) -> bool:
    """Whether a model has what an ablation removes; always true for an empty ablation."""
    try:
        return removes(ablation, model) or not ablation
    except ConfigError:
        return False


def removes(ablation: Ablation, model: Perceiver) -> bool:
    """Whether an ablation removes anything of a model: channels of its position encoding, or elements.

    Raises ConfigError where the encoding has no such band or coordinate, or the input no such part.
    """
    kept_elements(ablation, model)
    channels = ablation.channels(model.encoding, model.config.position_channels)
    return bool(channels or ablation.without or ablation.erased)


def kept_elements(ablation: Ablation, model: Perceiver) -> Int64[Tensor, "m"] | None:
    """The input elements that an ablation leaves, ascending; None for all. Raises ConfigError where a model's input has
    no such part or other elements than are erased, and where nothing but what is removed."""
    kept = []
    if ablation.without:
        kept.append(_outside(ablation, model))
    if ablation.erased is not None:
        free = model.config.position_axes is not None  # such an input may have any number of elements
        total = ablation.erased.mask.total if free else math.prod(model.config.input_shape)
        kept.append(ablation.erased.left(total))
    left = np.logical_and.reduce(kept) if kept else np.ones(1, dtype=bool)
    if not left.any():
        raise ConfigError("nothing of the input is left; at least one element has to stay")
    return None if left.all() else torch.from_numpy(np.flatnonzero(left))


def _outside(ablation: Ablation, model: Perceiver) -> Bool[np.ndarray, "M"]:
    """Which input elements lie outside the removed parts."""
    segments = model.config.segments
    sensed = {one.name for one in segments if one.content_channels}
    if unknown := ablation.without - sensed:
        have = f"its parts are {', '.join(sorted(sensed))}" if sensed else "it is one part"
        raise ConfigError(f"the input of this model has no part {min(unknown)}; {have}")
    if sensed <= ablation.without:
        raise ConfigError("one part of the input has to stay")
    return np.repeat([one.name not in ablation.without for one in segments], [one.count for one in segments])


def without_elements(sample: Sample, ablation: Ablation, model: Perceiver) -> Sample:
    """The sample with the elements marked that are removed from the input array, for drawings."""
    kept = kept_elements(ablation, model)
    if kept is None:
        return sample
    gone = np.ones(sample.shape, bool)
    gone.reshape(-1)[kept.numpy()] = False
    return dataclasses.replace(sample, erased=gone)


def presets(encoding: Positions) -> dict[str, Ablation]:
    """Named ablations, those that apply to an encoding.

    all             removes nothing
    low, high       keeps the lower, or the upper, half of the bands
    axis 0, axis 1  removes all channels of one axis; only for several axes
    coordinates     removes all bands; "no coordinates" removes the raw coordinates
    sines, cosines  removes the cosines, or the sines
    none            removes the whole position encoding
    """
    every = encoding.bands()
    count, axes = max(_bands_per_axis(encoding).values(), default=0), _axes(encoding)
    out = {"all": Ablation()}
    if count > 1:
        out |= {"low": ablations.low_pass(encoding, count // 2), "high": ablations.high_pass(encoding, count // 2)}
    if axes > 1:
        out |= {f"axis {axis}": ablations.one_axis(encoding, axis) for axis in range(axes)}
    if count:
        out |= {"coordinates": ablations.bands(every), "no coordinates": ablations.coordinates(encoding)}
        out |= {"sines": ablations.cosines(encoding), "cosines": ablations.sines(encoding)}
    return out | {"none": ablations.WHOLE}


def band_counts(name: str, model: Perceiver) -> str:
    """The number of bands of a model's position encoding, as text for messages.

    name  the model's name
    """
    counts = _bands_per_axis(model.encoding)
    if not counts:
        has = f"{name} has {model.config.positions_phrase}"
        return f"{has}, without frequencies" if model.config.position_channels else has
    alike = len(set(counts.values())) == 1
    number = counts[0] if alike else ", ".join(map(str, counts.values()))
    return f"{name} has {number} bands on {'each axis' if alike else 'its axes'}"


def describe(ablation: Ablation, encoding: Positions, axes: Sequence[str]) -> str:
    """The removed channels and their replacement as text, with frequencies in cycles across the axis.

    axes  the names of the input's axes
    """
    both = ablation.sines & ablation.cosines
    parts = ["the whole position encoding"] if ablation.whole else []
    for what, gone in (("", both), ("sines of ", ablation.sines - both), ("cosines of ", ablation.cosines - both)):
        for axis in sorted({axis for axis, _ in gone}):
            along = [band for band in encoding.bands() if band.axis == axis]
            runs = _frequency_ranges([(band.frequency, (axis, band.index) in gone) for band in along])
            count = sum((axis, band.index) in gone for band in along)
            cycles = "1 cycle" if runs == "1" else f"{runs} cycles"
            parts.append(f"{what}{cycles} across {axes[axis]} ({count} of {len(along)} bands)")
    parts += [f"the raw coordinate of {axes[axis]}" for axis in sorted(ablation.coordinates)]
    leaves = [", ".join(f"all elements of {name}" for name in sorted(ablation.without))] if ablation.without else []
    leaves += [ablation.erased.words()] if ablation.erased else []
    if not parts:
        return "; ".join(leaves)
    instead = {"zero": "0", "mean": "their mean", "shuffle": f"their values shuffled (seed {ablation.seed})"}
    return "; ".join([*leaves, ", ".join(parts), f"in their place {instead[ablation.fill]}"])


def ablated_trace(model: Perceiver, sample: Sample, ablation: Ablation) -> Trace:
    """The trace of one run of the model with an ablation; the model is not modified.

    Raises ConfigError when the encoding has no such band or coordinate, or the input no such part or elements.
    """
    codes, content = ablation.apply(model.codes(sample), model.encoding), model.content(sample)
    if ablation.erased is not None:
        content = ablation.erased.filled(content, sample)
    inputs, kept = model.joined(content, codes), kept_elements(ablation, model)
    if kept is None:
        return model.trace(inputs)
    made = model.trace(inputs[:, kept])
    values = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    return PartialTrace(**values, kept=kept)


def _bands_per_axis(encoding: Positions) -> Counter[int]:
    return Counter(band.axis for band in encoding.bands())


def _axes(encoding: Positions) -> int:
    """The number of axes that an encoding has channels for."""
    return max([len(encoding.coordinate_channels()), *(axis + 1 for axis in _bands_per_axis(encoding))])


def _kept_range(keep: tuple[float, float], every: Sequence[Band]) -> tuple[float, float]:
    """The frequencies from and to which bands are kept. Raises ConfigError for a range that holds no band."""
    try:
        lowest, highest = map(float, keep)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"keep is {keep!r}; it must be two frequencies, the lowest and the highest kept") from error
    if not lowest <= highest:
        raise ConfigError(f"keep is {number(lowest)} to {number(highest)}; the lower frequency comes first")
    if every and not any(lowest <= band.frequency <= highest for band in every):
        there = [band.frequency for band in every]
        raise ConfigError(
            f"there is no band from {number(lowest)} to {number(highest)} cycles to keep; they have "
            f"{number(min(there))} to {number(max(there))} cycles"
        )
    return lowest, highest


def _frequency_ranges(along: Sequence[tuple[float, bool]]) -> str:
    """The removed frequencies as text, neighbours as a range: 1, 3 to 8."""
    runs: list[list[float]] = []
    last = False
    for frequency, gone in along:
        if gone and last:
            runs[-1][1:] = [frequency]
        elif gone:
            runs.append([frequency])
        last = gone
    return ", ".join(" to ".join(number(f) for f in run) for run in runs)
