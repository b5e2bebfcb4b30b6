"""Figures of position encodings and spectra of maps, with text alternatives."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from ..analysis.formatting import number
from . import colour
from .axes import Axes, Axis
from .scale import ColourRange
from .style import ACCENT, CONTRAST, GREY, THIRD, styled
from .sweep import cycles
from .ticks import Tick
from .timeline import STYLES

SMALLEST_SHARE = 1e-6
"""Eigenvalues below this share of their sum are rounding errors."""

FLOOR = 0.01
"""The lower end of the colour scale, in multiples of a uniform spectrum."""

EVEN = "times an even spectrum"
AXIS_STYLES = ((ACCENT, "solid"), (CONTRAST, "dash"), (THIRD, "dot"), (GREY, "dashdot"))

Measure = Literal["ratio", "regularity"]
MEASURES: Mapping[Measure, str] = {"ratio": "energy at the bands", "regularity": "regularity"}

Named = Mapping[str, Float[np.ndarray, "_"]]


@dataclass(frozen=True)
class Tartan:
    """Summary of the spectra of one model's maps.

    name        the model's name
    bands       whether its position encoding has bands
    blocks      the blocks with a map
    ratio       energy at the bands' frequencies over that of the baseline, one per block
    regularity  periodicity of the maps, 0 to 1, one per block

    ratio and regularity are NaN where they cannot be measured.
    """

    name: str
    bands: bool
    blocks: tuple[int, ...]
    ratio: tuple[float, ...]
    regularity: tuple[float, ...]


def wave(frequency: float, axis: str) -> str:
    """A frequency and its axis as text: 1 cycle down, −17.5 cycles across."""
    return f"{'−' if frequency < 0 else ''}{cycles(abs(frequency))} {axis}"


def gram_figure(shares: Named) -> go.Figure:
    """The Gram spectra of some models' position encodings: the share of every dimension, largest first.

    Raises ValueError for more models than there are line styles.
    """
    if len(shares) > len(STYLES):
        raise ValueError(f"{len(shares)} models cannot be told apart; at most {len(STYLES)}")
    figure = go.Figure()
    for (name, values), (shade, dash, symbol) in zip(shares.items(), STYLES, strict=False):
        held = values[values >= SMALLEST_SHARE]
        figure.add_trace(
            go.Scatter(
                x=np.arange(1, len(held) + 1),
                y=held,
                name=html.escape(name),
                mode="lines+markers",
                line={"color": shade, "dash": dash, "width": 2},
                marker={"color": shade, "symbol": symbol, "size": 5},
                hovertemplate="dimension %{x}: %{y:.2%}",
            )
        )
    figure.update_xaxes(title_text="Dimension, the largest first", rangemode="tozero")
    levels = _levels(min((float(v[v >= SMALLEST_SHARE].min()) for v in shares.values() if len(v)), default=1.0))
    figure.update_yaxes(title_text="Share of the whole", type="log", tickvals=levels, ticktext=_percents(levels))
    return styled(figure, height=280)


def gram_text(dimensions: Mapping[str, tuple[float, int]]) -> str:
    """The content of `gram_figure` as text.

    dimensions  the effective dimension and the number of channels of every model
    """
    told = [f"{name} {number(effective)} of {channels}" for name, (effective, channels) in dimensions.items()]
    return f"Effective number of dimensions: {', '.join(told)}."


def spectrum_range(top: float) -> ColourRange:
    """The common scale of spectra: from FLOOR to `top`, in multiples of a uniform spectrum."""
    upper = max(top, 10 * FLOOR)
    return ColourRange("log", "score", False, FLOOR, upper, 100.0, floor=FLOOR, name=f"{EVEN} (log scale)")


def spectrum_picture(
    energy: Float[np.ndarray, "rows columns"], range_: ColourRange, colours: str
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The power spectrum of maps with two axes as an image, one pixel per frequency.

    energy  with sum 1; zero frequency in the middle (`analysis.spectrum.Spectrum`)
    """
    return colour.paint(range_.apply(multiples(energy)), colours)


def spectrum_axes(
    frequencies: Sequence[Float[np.ndarray, "_"]], bands: Sequence[Sequence[float]], names: Sequence[str]
) -> Axes:
    """The axes of `spectrum_picture`: a tick at every band in its range, some of them labelled."""
    left, bottom = (
        Axis(_ticks(along, its), f"cycles {name}") for along, its, name in zip(frequencies, bands, names, strict=True)
    )
    return Axes(left, bottom)


def profile_figure(
    energy: Float[np.ndarray, "*frequencies"],
    frequencies: Sequence[Float[np.ndarray, "_"]],
    bands: Sequence[Sequence[float]],
    names: Sequence[str],
    *,
    top: float,
) -> go.Figure:
    """The power spectrum of maps along each axis, in multiples of a uniform spectrum, with ticks at the bands.

    energy       with sum 1; zero frequency in the middle (`analysis.spectrum.Spectrum`)
    frequencies  of each axis, in cycles across it
    bands        the frequencies of the position encoding along each axis
    names        of the axes
    top          the upper end of the scale
    """
    relative = np.maximum(multiples(energy), FLOOR)
    middle = [int(np.abs(along).argmin()) for along in frequencies]
    figure = go.Figure()
    for axis, (along, name) in enumerate(zip(frequencies, names, strict=True)):
        line = tuple(slice(None) if i == axis else place for i, place in enumerate(middle))
        shade, dash = AXIS_STYLES[axis % len(AXIS_STYLES)]
        figure.add_trace(
            go.Scatter(
                x=along[along > 0],
                y=relative[line][along > 0],
                name=name,
                mode="lines",
                line={"color": shade, "dash": dash, "width": 2},
                hovertemplate="%{x:.3g} cycles: %{y:.3g} × even",
            )
        )
    highest = max(float(along.max()) for along in frequencies)
    ticks = sorted({f for along in bands for f in along if f <= highest})
    figure.update_xaxes(title_text="cycles", range=[0, highest], nticks=6, ticks="")
    figure.update_xaxes(
        minor={"tickvals": ticks, "ticks": "outside", "ticklen": 5, "tickcolor": GREY}, ticklabelstandoff=6
    )
    figure.update_yaxes(title_text=EVEN, type="log", dtick=1)
    figure.update_yaxes(range=[math.log10(FLOOR), math.log10(max(top, 10 * FLOOR))])
    return styled(figure, height=300, legend=len(names) > 1)


def multiples(energy: Float[np.ndarray, "*frequencies"]) -> Float[np.ndarray, "*frequencies"]:
    """A spectrum in multiples of a uniform spectrum over all nonzero frequencies."""
    total = float(np.nansum(energy))
    return np.nan_to_num(energy) * ((energy.size - 1) / total if total > 0 else 0.0)


def spectrum_text(
    energy: Float[np.ndarray, "*frequencies"], frequencies: Sequence[Float[np.ndarray, "_"]], axes: Sequence[str]
) -> str:
    """The frequencies with the most energy, as text."""
    relative = multiples(energy)
    if not relative.any():
        return "The maps are even: there is no spectrum."
    at = np.unravel_index(int(relative.argmax()), relative.shape)
    places = [abs(float(along[i])) for along, i in zip(frequencies, at, strict=True)]
    where = " and ".join(wave(f, name) for f, name in zip(places, axes, strict=True) if f)
    return f"Strongest at {where}: {number(float(relative.max()))} times an even spectrum."


def tartan_figure(models: Sequence[Tartan], measure: Measure) -> go.Figure:
    """One measure by block, one curve per model; for the ratio also the level of the baseline.

    Raises ValueError for more models than there are line styles.
    """
    if len(models) > len(STYLES):
        raise ValueError(f"{len(models)} models cannot be told apart; at most {len(STYLES)}")
    figure = go.Figure()
    for one, (shade, dash, symbol) in zip(models, STYLES, strict=False):
        figure.add_trace(
            go.Scatter(
                x=[block + 1 for block in one.blocks],
                y=list(getattr(one, measure)),
                name=html.escape(one.name),
                mode="lines+markers",
                line={"color": shade, "dash": dash, "width": 2},
                marker={"color": shade, "symbol": symbol, "size": 8},
                hovertemplate="block %{x}: %{y:.3g}",
            )
        )
    if measure == "ratio":
        figure.add_hline(1, line={"color": GREY, "dash": "dot"})
    last = max((block for one in models for block in one.blocks), default=0) + 1
    figure.update_xaxes(title_text="Block", range=[0.7, last + 0.3], dtick=max(1, last // 8))
    figure.update_yaxes(rangemode="tozero", nticks=5)
    return styled(figure, height=250)


def tartan_measured(models: Sequence[Tartan], measure: Measure) -> bool:
    """Whether any model has a value of this measure that is not NaN."""
    return any(not math.isnan(value) for one in models for value in getattr(one, measure))


def tartan_text(models: Sequence[Tartan]) -> str:
    """Whether the numbers support the paper's remark that Fourier features make maps look like tartan, as text."""
    told = "; ".join(f"{one.name} {_energy(one)}, {_regularity(one)}" for one in models)
    numbers = f"On this input, as means over blocks: {told}."
    with_bands = [one for one in models if one.bands]
    without = [one for one in models if not one.bands]
    if not with_bands or not without:
        return f"{numbers} To check the remark, set models with and without Fourier features side by side."
    higher = {}
    for measure, what in MEASURES.items():
        theirs, others = ([_mean(getattr(one, measure)) for one in some] for some in (with_bands, without))
        if not any(map(math.isnan, theirs + others)):
            higher[what] = min(theirs) > max(others)
    return f"{numbers} {_verdict(higher)}"


def _verdict(higher: Mapping[str, bool]) -> str:
    """The conclusion about the remark; `higher` says for each measure whether it is higher with Fourier features."""
    if not higher:
        return "That is too little to check the remark."
    up = [name for name, more in higher.items() if more]
    if up and len(up) < len(higher):
        return f"Only the {up[0]} is higher with Fourier features: the remark holds in part."
    if len(higher) > 1:
        which = "Both are" if up else "Neither is"
    else:
        which = f"The {next(iter(higher))} is{'' if up else ' not'}"
    says = "as the remark says" if up else "contrary to the remark"
    return f"{which} higher with Fourier features, {says}."


def _energy(one: Tartan) -> str:
    mean = _mean(one.ratio)
    return "no baseline to measure against" if math.isnan(mean) else f"{number(mean)} times the baseline at the bands"


def _regularity(one: Tartan) -> str:
    mean = _mean(one.regularity)
    return "no regularity that could be told" if math.isnan(mean) else f"regularity {number(mean)}"


def _ticks(along: Float[np.ndarray, "_"], bands: Sequence[float]) -> tuple[Tick, ...]:
    """Ticks at positive and negative bands, labelled at the highest one, a middle one and 0."""
    reached = [f for f in bands if f <= float(along.max())]
    named = {reached[-1], reached[len(reached) // 2]} if reached else set()
    out = [
        (sign * f, f"{'−' if sign < 0 else ''}{number(f)}" if f in named else "") for f in reached for sign in (-1, 1)
    ]
    places = np.arange(len(along)) + 0.5
    return tuple(
        Tick(float(np.interp(f, along, places)) / len(along), f, label) for f, label in sorted([*out, (0.0, "0")])
    )


def _levels(lowest: float) -> list[float]:
    """Round shares from 1 down to the lowest, fewer for a wide range."""
    decades = [10.0**k for k in range(math.floor(math.log10(lowest)), 1)]
    steps = (1.0,) if len(decades) > 4 else (1.0, 2.0, 5.0)
    return [step * decade for decade in decades for step in steps if step * decade <= 1]


def _percents(shares: Sequence[float]) -> list[str]:
    return [f"{100 * share:g} %" for share in shares]


def _mean(values: Sequence[float]) -> float:
    """The mean of all values that are not NaN; NaN without any."""
    told = [value for value in values if not math.isnan(value)]
    return sum(told) / len(told) if told else math.nan
