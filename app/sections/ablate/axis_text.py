"""Axes of a position encoding and their bands, in words."""

from __future__ import annotations

from collections.abc import Sequence

from perceiver.analysis.formatting import clock, number
from perceiver.lens import EncodingAxis
from perceiver.plots.sweep import cycles

from ...services.samples import axis_words
from ...session.text import listed


def name(axis: EncodingAxis) -> str:
    """The name of an axis: "Height"."""
    return axis_words(axis.name).title


def across(axis: EncodingAxis) -> str:
    """The length that the cycles of its bands divide: "the height"."""
    return axis_words(axis.name).span


def hertz(axis: EncodingAxis, frequency: float) -> str:
    """The cycles as a frequency, where the axis is time."""
    return f"{number(frequency / axis.seconds)} Hz" if axis.seconds else ""


def period(axis: EncodingAxis, frequency: float) -> str:
    """The length of one cycle in the axis' own unit."""
    if axis.seconds:
        return clock(axis.seconds / frequency, 3)
    if axis.elements:
        return f"{number((axis.elements - 1) / frequency)} {axis_words(axis.name).steps}"
    return f"{number(1 / frequency)} of the cube’s side"


def band(axis: EncodingAxis, index: int) -> str:
    """A band in words, with its frequency and the length of one cycle."""
    frequency = axis.frequencies[index]
    rate = f" ({hertz(axis, frequency)})" if axis.seconds else ""
    length = f"one every {period(axis, frequency)}"
    return f"{name(axis)}, band {index + 1}: {cycles(frequency)} across {across(axis)}{rate}, {length}"


def spacing(axes: Sequence[EncodingAxis]) -> str:
    """Number, spacing and reach of the bands, a sentence."""
    reaches = []
    for axis in axes:
        low, high = axis.frequencies[0], axis.frequencies[-1]
        rate = f" ({number(low / axis.seconds)} to {hertz(axis, high)})" if axis.seconds else ""
        reaches.append(f"{number(low)} to {number(high)} cycles across {across(axis)}{rate}")
    if len({axis.frequencies for axis in axes}) == 1 and len(axes) > 2:
        low, high = axes[0].frequencies[0], axes[0].frequencies[-1]
        reaches = [
            f"{number(low)} to {number(high)} cycles across the cloud along each of {listed(list(map(name, axes)))}"
        ]
    count = len(axes[0].frequencies)
    each = " an axis" if len(axes) > 1 else ""
    return f"{count} bands{each} in equal steps, a sine and a cosine each: {listed(reaches)}."
