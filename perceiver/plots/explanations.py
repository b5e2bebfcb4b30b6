"""Figures of the faithfulness of maps and of the attention of latents, with text alternatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Protocol, runtime_checkable

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from PIL import Image

from ..analysis.formatting import number, percent
from ..analysis.methods import METHODS, RANDOM, RANDOM_LABEL
from ..analysis.random_order import Direction, compare, random_interval
from .style import ACCENT, CONTRAST, FOURTH, GREY, THIRD, styled

NAMES: Mapping[str, str] = {**{key: method.label for key, method in METHODS.items()}, RANDOM: RANDOM_LABEL}
"""The labels of the explanation methods and of their baseline, random order."""

STYLES: Mapping[str, tuple[str, str]] = {
    "attention": (ACCENT, "solid"),
    "last": (ACCENT, "dash"),
    "relevance": (CONTRAST, "solid"),
    "saliency": (FOURTH, "dashdot"),
    "input_x_gradient": (THIRD, "dash"),
    "integrated_gradients": (THIRD, "solid"),
    "random": (GREY, "dot"),
}

DIRECTIONS: Mapping[Direction, str] = {"deletion": "Elements taken away", "insertion": "Elements put in"}


@runtime_checkable
class PerturbationCurve(Protocol):
    """The interface of a deletion or insertion curve."""

    @property
    def shares(self) -> Float[np.ndarray, "k"]:
        """Shares of the elements changed so far."""
        ...

    @property
    def probabilities(self) -> Float[np.ndarray, "k"]:
        """Probabilities of the class."""
        ...

    @property
    def area(self) -> float:
        """Area under the curve."""
        ...

    @property
    def areas(self) -> tuple[float, ...]:
        """Areas of single orders, if the curve is their mean."""
        ...


@runtime_checkable
class Score(Protocol):
    """The interface of the deletion and insertion curves of one map."""

    @property
    def deletion(self) -> PerturbationCurve:
        """Elements with the highest values are removed first."""
        ...

    @property
    def insertion(self) -> PerturbationCurve:
        """Elements with the highest values are inserted first."""
        ...


def course_figure(scores: Mapping[str, Score], direction: Direction, *, strong: str = "") -> go.Figure:
    """The probability of the class against the share of removed or inserted elements; one curve per method, with its
    area in the legend.

    scores  by a key of NAMES, which also determines the line style
    strong  the method with a thicker line

    Raises ValueError for a method without a name.
    """
    if unknown := scores.keys() - NAMES.keys():
        raise ValueError(f"there is no method {min(unknown)!r}; there are {', '.join(NAMES)}")
    figure = go.Figure()
    for key in [key for key in NAMES if key in scores]:
        course: PerturbationCurve = getattr(scores[key], direction)
        colour, dash = STYLES[key]
        figure.add_trace(
            go.Scatter(
                x=course.shares,
                y=course.probabilities,
                name=f"{NAMES[key]} {course.area:.2f}",
                mode="lines",
                line={"color": colour, "dash": dash, "width": 3.5 if key == strong else 1.75},
                hovertemplate="%{y:.1%}",
            )
        )
    figure.update_xaxes(title_text=DIRECTIONS[direction], range=[0, 1], dtick=0.25, tickformat=".0%")
    figure.update_yaxes(title_text="Probability", rangemode="tozero", range=[0, 1.03], tickformat=".0%", nticks=6)
    figure.update_layout(hovermode="x unified", legend={"y": -0.24, "yanchor": "top"})
    return styled(figure, height=380, right=24, top=8)


def faithfulness_text(scores: Mapping[str, Score], label: str) -> str:
    """The content of the curves as text: the maps with the best deletion and insertion, and whether attention is better
    than random order (`faithfulness.compare`).

    scores  by a key of NAMES, including "random"
    label   the class

    Raises ValueError without random order or without any method.
    """
    methods = [key for key in NAMES if key in scores and key != RANDOM]
    if RANDOM not in scores or not methods:
        raise ValueError("maps are measured against random order; there must be both")
    parts = [_best(scores, methods, "deletion", label), _best(scores, methods, "insertion", label)]
    start = float(scores[RANDOM].deletion.probabilities[0])
    if start < 0.1:
        parts.append(f"The whole input gives “{label}” only {percent(start)}, so there is little to take away.")
    if "attention" in methods:
        parts.append(compared_text(scores, "attention"))
    return " ".join(parts)


def _best(scores: Mapping[str, Score], methods: Sequence[str], direction: Direction, label: str) -> str:
    """The map with the best area, if it is better than random order."""
    areas = {key: float(getattr(scores[key], direction).area) for key in methods}
    best = min(areas, key=lambda key: areas[key] if direction == "deletion" else -areas[key])
    chance = _chance(scores, direction)
    if _verdict(scores, best, direction) != "better":
        return f"{direction.title()}: no map is better than random order (the best {areas[best]:.2f}, {chance})."
    does = f"brings “{label}” {'down' if direction == 'deletion' else 'up'} fastest"
    return f"{direction.title()}: what {_within(NAMES[best])} marks {does} (area {areas[best]:.2f}, {chance})."


def _verdict(scores: Mapping[str, Score], key: str, direction: Direction) -> str:
    return compare(getattr(scores[key], direction), getattr(scores[RANDOM], direction), direction)


def _chance(scores: Mapping[str, Score], direction: Direction) -> str:
    """The interval of random orders as text."""
    curve: PerturbationCurve = getattr(scores[RANDOM], direction)
    if len(curve.areas) < 2:
        return f"random order {curve.area:.2f}, too few orders to compare"
    low, high = random_interval(curve)
    return f"random orders {low:.2f} to {high:.2f}"


def areas_text(scores: Mapping[str, Score]) -> str:
    """The areas of all curves, for the foot of a figure; "" for none."""
    told = [
        f"{NAMES[key]} {scores[key].deletion.area:.2f} and {scores[key].insertion.area:.2f}"
        for key in NAMES
        if key in scores
    ]
    return f"Areas of deletion (the lower the better) and insertion: {', '.join(told)}." if told else ""


def compared_text(scores: Mapping[str, Score], key: str) -> str:
    """Whether one map is better than random order, as text. Raises ValueError if it or random order is missing."""
    if not {key, RANDOM} <= scores.keys():
        raise ValueError("maps are measured against random order; there must be both")
    name = NAMES[key]
    verdicts = {direction: _verdict(scores, key, direction) for direction in DIRECTIONS}
    numbers = {
        direction: f"{getattr(scores[key], direction).area:.2f}, {_chance(scores, direction)}"
        for direction in DIRECTIONS
    }
    if len(set(verdicts.values())) == 1:
        both = "; ".join(f"{direction} {told}" for direction, told in numbers.items())
        return f"{name} is {verdicts['deletion']} than random order ({both})."
    told = ", and ".join(f"{verdicts[one]} at {one} ({numbers[one]})" for one in DIRECTIONS)
    return f"{name} against random order: {told}."


def _within(name: str) -> str:
    """A name for use within a sentence."""
    return name[0].lower() + name[1:]


def movement_figure(steps: Sequence[tuple[int, int]], divergence: Float[np.ndarray, "steps N"]) -> go.Figure:
    """The change of each latent's map from one block to the next, one box per step.

    steps       (from, to) pairs of blocks, counted from 0
    divergence  in bits

    Raises ValueError if the numbers of steps differ.
    """
    if len(steps) != len(divergence):
        raise ValueError(f"there are {len(divergence)} rows for {len(steps)} steps")
    names = [f"{start + 1} → {stop + 1}" for start, stop in steps]
    figure = _boxes(names, list(divergence), "%{x}, %{text}: %{y:.3f} bits<extra></extra>", FOURTH)
    figure.update_yaxes(title_text="Divergence (bits)", range=[0, 1.03], nticks=6)
    figure.update_xaxes(title_text="From block to block")
    return figure


def movement_text(steps: Sequence[tuple[int, int]], divergence: Float[np.ndarray, "steps N"], most: int = 3) -> str:
    """The content of `movement_figure` as text, and the latents with the largest change. Raises as it does."""
    if len(steps) != len(divergence):
        raise ValueError(f"there are {len(divergence)} rows for {len(steps)} steps")
    if not len(steps):
        return "There is one block that reads, so no reading moves."
    told = []
    for (start, stop), row in zip(steps, divergence, strict=True):
        low, middle, high = (number(float(part)) for part in np.quantile(row, (0.25, 0.5, 0.75)))
        told.append(f"{middle} bits from block {start + 1} to {stop + 1} (half of the latents {low} to {high})")
    mean = divergence.mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:most]
    movers = ", ".join(f"latent {i + 1} ({number(float(mean[i]))} bits)" for i in order.tolist())
    over = " a step" if len(steps) > 1 else ""
    return (
        f"In the median a latent's map moves by {', by '.join(told)}. Those that move most{over}: {movers}. 0 bits is "
        "the same map, 1 bit one that shares nothing with it."
    )


def concentration_figure(
    blocks: Sequence[int], effective: Sequence[Float[np.ndarray, "N"]], elements: int
) -> go.Figure:
    """The effective number of elements of each latent, one box per block.

    blocks     counted from 0
    effective  exp(entropy) of each latent's map
    elements   M

    Raises ValueError if the numbers of blocks differ.
    """
    if len(blocks) != len(effective):
        raise ValueError(f"there are {len(effective)} rows for {len(blocks)} blocks")
    names = [str(block + 1) for block in blocks]
    figure = _boxes(names, list(effective), "block %{x}, %{text}: %{y:,.1f}<extra></extra>", ACCENT)
    figure.update_yaxes(title_text="Elements read", type="log", range=[0, np.log10(elements) + 0.35], dtick=1)
    figure.update_xaxes(title_text="Block")
    line = {"color": GREY, "dash": "dot", "width": 1}
    figure.add_hline(elements, line=line, label={"text": "all alike", "textposition": "end", "yanchor": "bottom"})
    return figure


def concentration_text(blocks: Sequence[int], effective: Sequence[Float[np.ndarray, "N"]], elements: int) -> str:
    """The content of `concentration_figure` as text. Raises as it does."""
    if len(blocks) != len(effective):
        raise ValueError(f"there are {len(effective)} rows for {len(blocks)} blocks")
    told = ", ".join(
        f"{number(float(np.median(row)))} in block {block + 1}" for block, row in zip(blocks, effective, strict=True)
    )
    narrowest = min(range(len(blocks)), key=lambda i: float(effective[i].min()))
    latent = int(effective[narrowest].argmin())
    return (
        f"Elements read as if alike, of {elements:,}, median over latents: {told}. The most concentrated is latent "
        f"{latent + 1} of block {blocks[narrowest] + 1}: {number(float(effective[narrowest][latent]))}."
    )


def _boxes(names: Sequence[str], rows: Sequence[Float[np.ndarray, "N"]], hover: str, colour: str) -> go.Figure:
    """A box plot with all points for every row; points are labelled by latent."""
    figure = go.Figure()
    for name, row in zip(names, rows, strict=True):
        figure.add_trace(
            go.Box(
                x=[name] * len(row),
                y=row,
                name=name,
                text=[f"latent {i + 1}" for i in range(len(row))],
                boxpoints="all",
                pointpos=0,
                jitter=0.6,
                width=0.5,
                marker={"color": colour, "size": 4, "opacity": 0.55},
                line={"color": colour, "width": 1.5},
                fillcolor="rgba(0,0,0,0)",
                hovertemplate=hover,
                hoveron="points",
            )
        )
    figure.update_xaxes(type="category")
    return styled(figure, height=280, right=24, top=8, legend=False)


def below_one_another(sheets: Sequence[bytes]) -> bytes:
    """Stacks PNGs vertically on a white background. Raises ValueError for none."""
    if not sheets:
        raise ValueError("there is no figure to put on a sheet")
    pictures = [Image.open(BytesIO(sheet)).convert("RGB") for sheet in sheets]
    size = max(one.width for one in pictures), sum(one.height for one in pictures)
    whole, top = Image.new("RGB", size, "white"), 0
    for one in pictures:
        whole.paste(one, (0, top))
        top += one.height
    out = BytesIO()
    whole.save(out, "PNG", optimize=True)
    return out.getvalue()
