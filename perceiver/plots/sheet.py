"""The publication figure: the input and its maps side by side, with scale, unit and summary statistics.

Uses matplotlib objects only (no pyplot, no global settings), so that it is thread-safe. Lengths are device pixels from
the top left corner at DPI dots per inch; every cell of a map is a whole number of pixels.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ..analysis.formatting import count, number, percent
from ..analysis.summary import MapSummary
from . import colour
from .axes import Axes
from .drawing.base import Drawn
from .overlay import enlarge
from .scale import NOT_COMPARABLE, ColourRange

Picture = UInt8[np.ndarray, "H W 3"]
Format = Literal["png", "svg", "pdf"]
Pixels = float | int

DPI = 200
PANEL = 400  # approximate longer side of a panel
NARROWEST = 384  # minimum width for the numbers under a panel
MARGIN, COLUMN_GAP, ROW_GAP = 48, 40, 36
BAR, BAR_COLUMN = 24, 210
TICK, LABELS = 8, 84  # length of an axis's ticks; width on the left for tick labels and the unit
INK, QUIET, HAIRLINE = "#16191d", "#565d66", "#8b929a"
POINTS = {"title": 11.0, "heading": 8.5, "small": 7.0}
LETTERS = 44  # letters in a line under a panel
LETTER, BOLD = 0.56, 1.1  # mean width of a letter relative to the font size; factor for bold letters


@dataclass(frozen=True)
class Panel:
    """One picture with a heading and lines of text below; `bar` is its own colour bar, if it has one."""

    picture: UInt8[np.ndarray, "H W 3"]
    heading: str
    lines: tuple[str, ...]
    bar: ColourRange | None = None
    axes: Axes | None = None

    @property
    def enlarged(self) -> UInt8[np.ndarray, "fH fW 3"]:
        """The picture at its size on the sheet."""
        return enlarge(self.picture, max(1, round(PANEL / max(self.picture.shape[:2]))))


@dataclass(frozen=True)
class Sheet:
    """A figure before it is drawn. `bar` is the common colour bar of all panels, or None if each has its own."""

    panels: tuple[Panel, ...]
    colours: str
    columns: int
    bar: ColourRange | None
    title: str = ""
    footer: tuple[str, ...] = ()

    @property
    def cell(self) -> tuple[int, int]:
        """Height and width reserved for every panel's picture, including the labels on its left."""
        shapes = [panel.enlarged.shape for panel in self.panels]
        return max(shape[0] for shape in shapes), self.label_width + max(NARROWEST, *(shape[1] for shape in shapes))

    @property
    def label_width(self) -> int:
        """Width of the labels on the left of a picture."""
        return LABELS if any(panel.axes and panel.axes.left for panel in self.panels) else 0

    @property
    def below(self) -> int:
        """Height of the axis below a picture."""
        return TICK + 6 + 2 * line("small") if any(panel.axes for panel in self.panels) else 0

    @property
    def unit(self) -> list[str]:
        """The unit of the common colour bar as lines of text."""
        return textwrap.wrap(self.bar.unit, 18) if self.bar else []

    @property
    def under(self) -> int:
        """Height of everything below a picture."""
        lines = max(len(self.unit), *(len(panel.lines) for panel in self.panels))
        return self.below + 10 + lines * line("small") + (0 if self.bar else BAR + 16 + line("small"))

    @property
    def width(self) -> int:
        """Width of the sheet."""
        panels = self.columns * (self.cell[1] + COLUMN_GAP) - COLUMN_GAP
        return 2 * MARGIN + panels + (COLUMN_GAP + BAR_COLUMN if self.bar else 0)

    def draw(self) -> Figure:
        """The figure, at DPI."""
        letters = int((self.width - 2 * MARGIN) / (LETTER * POINTS["small"] * DPI / 72))
        footer = [part for text in self.footer for part in textwrap.wrap(text, letters)]
        top = MARGIN + (line("title") + 14 if self.title else 0)
        pitch = line("heading") + 8 + self.cell[0] + self.under + ROW_GAP
        rows = math.ceil(len(self.panels) / self.columns)
        bottom = top + rows * pitch - ROW_GAP
        height = bottom + (28 + len(footer) * line("small") if footer else 0) + MARGIN
        paper = _Paper(self.width, height)
        paper.text(MARGIN, MARGIN, _fit(self.title, self.width - 2 * MARGIN, "title"), "title", weight="bold")
        for place, panel in enumerate(self.panels):
            row, column = divmod(place, self.columns)
            self._panel(paper, panel, MARGIN + column * (self.cell[1] + COLUMN_GAP), top + row * pitch)
        if self.bar:
            self._standing_bar(paper, self.bar, top + line("heading") + 8)
        for i, text in enumerate(footer):
            paper.text(MARGIN, bottom + 28 + i * line("small"), text, "small", QUIET)
        return paper.figure

    def _panel(self, paper: _Paper, panel: Panel, x: int, y: int) -> None:
        x += self.label_width
        paper.text(x, y, _fit(panel.heading, self.cell[1] - self.label_width, "heading"), "heading", weight="bold")
        y += line("heading") + 8
        paper.picture(x, y, panel.enlarged)
        if panel.axes:
            self._axes(paper, panel.axes, x, y, *panel.enlarged.shape[:2])
        y += panel.enlarged.shape[0] + self.below + 10
        if panel.bar:
            self._lying_bar(paper, panel.bar, x, y, panel.enlarged.shape[1])
            y += BAR + 16 + line("small")
        for i, text in enumerate(panel.lines):
            paper.text(x, y + i * line("small"), text, "small", QUIET)

    def _axes(self, paper: _Paper, axes: Axes, x: int, y: int, height: int, width: int) -> None:
        foot = y + height
        for tick in axes.bottom.ticks:
            at = x + width * tick.place
            paper.line(at, foot, at, foot + TICK, INK, 1.5)
            paper.text(at, foot + TICK + 4, tick.label, "small", INK, ha="center")
        paper.text(x + width / 2, foot + TICK + 4 + line("small"), axes.bottom.unit, "small", QUIET, ha="center")
        if not axes.left:
            return
        for tick in axes.left.ticks:
            at = y + height * tick.place
            paper.line(x - TICK, at, x, at, INK, 1.5)
            paper.text(x - TICK - 4, at, tick.label, "small", INK, ha="right", va="center")
        left = x - self.label_width
        paper.text(left, y + height / 2, axes.left.unit, "small", QUIET, va="center", rotation=90)

    def _standing_bar(self, paper: _Paper, bar: ColourRange, y: int) -> None:
        x = self.width - MARGIN - BAR_COLUMN
        length = self.panels[0].enlarged.shape[0]
        paper.picture(x, y, np.ascontiguousarray(colour.bar(self.colours, length, BAR)[:, ::-1].transpose(1, 0, 2)))
        for tick in bar.ticks(wanted=5, apart=1.6 * line("small") / length):
            at = y + length * (1 - tick.place)
            if tick.mark:
                paper.line(x, at, x + BAR, at, "white", 5)
                paper.line(x, at, x + BAR, at, "black", 2)
            paper.line(x + BAR, at, x + BAR + 8, at, INK, 1.5)
            # The labels of the ends stay within the bar, so that they do not overlap anything above or below.
            side = "top" if tick.place > 0.97 else "bottom" if tick.place < 0.03 else "center"
            paper.text(x + BAR + 14, at, tick.label, "small", INK, va=side)
        for i, text in enumerate(self.unit):
            paper.text(x, y + length + 10 + i * line("small"), text, "small", QUIET)

    def _lying_bar(self, paper: _Paper, bar: ColourRange, x: int, y: int, length: int) -> None:
        paper.picture(x, y, colour.bar(self.colours, length, BAR))
        for tick in bar.ticks(wanted=2, apart=0.33):
            at = x + length * tick.place
            if tick.mark:
                paper.line(at, y, at, y + BAR, "white", 5)
                paper.line(at, y, at, y + BAR, "black", 2)
            paper.line(at, y + BAR, at, y + BAR + 6, INK, 1.5)
            side = "left" if tick.place < 0.15 else "right" if tick.place > 0.85 else "center"
            paper.text(at, y + BAR + 8, tick.label, "small", INK, ha=side)


def sheet(
    drawn: Drawn,
    ranges: Sequence[ColourRange],
    titles: Sequence[str],
    summaries: Sequence[MapSummary],
    *,
    columns: int | None,
    title: str,
    footer: str,
) -> Sheet:
    """Arranges the input and its maps on a sheet. See `figures.figure_png` for the arguments."""
    if len({len(drawn.maps), len(ranges), len(titles), len(summaries)}) != 1:
        raise ValueError(
            f"a figure needs as many ranges, titles and summaries as maps; there are {len(drawn.maps)} maps, "
            f"{len(ranges)} ranges, {len(titles)} titles and {len(summaries)} summaries"
        )
    own = not ranges[0].comparable
    panels = [Panel(drawn.given, "Input", size_lines(drawn), axes=drawn.axes)]
    for picture, range_, heading, summary in zip(drawn.maps, ranges, titles, summaries, strict=True):
        panels.append(Panel(picture, heading, numbers(summary, range_), range_ if own else None, drawn.axes))
    notes = [NOT_COMPARABLE if own else ranges[0].sentence()]
    if drawn.over_input:
        notes.append("Colours lie over the input in grey, the more solid the stronger.")
    return Sheet(
        panels=tuple(panels),
        colours=drawn.colours,
        columns=max(1, min(columns or 5, len(panels))),
        bar=None if own else ranges[0],
        title=title,
        footer=tuple(part for part in (" ".join(notes), footer) if part),
    )


def size_lines(drawn: Drawn) -> tuple[str, ...]:
    """The lines under the input, no wider than its column."""
    return tuple(textwrap.wrap(f"{drawn.size}, as read", LETTERS))


def numbers(summary: MapSummary, range_: ColourRange) -> tuple[str, ...]:
    """The lines under a map, in the unit of its colour bar."""
    if summary.finite == 0:
        return ("no finite value",)
    low, high, mean = (number(v * range_.factor) for v in (summary.minimum, summary.maximum, summary.mean))
    out = [f"constant: {mean}" if summary.constant else f"min {low} · max {high}"]
    if not summary.constant:
        if summary.entropy is not None and summary.top_mass is not None:
            out.append(f"entropy {summary.entropy:.2f} of {math.log(summary.finite):.2f} nats")
            out.append(f"top 1 % hold {percent(summary.top_mass)}")
        elif not range_.signed:
            out.append(f"mean {mean}")
    if summary.finite < summary.size:
        out.append(f"{count(summary.size - summary.finite)} not finite")
    return tuple(out)


def save(figure: Figure, form: Format, title: str) -> bytes:
    """The bytes of a figure's file, without a date, so that equal figures give equal files."""
    buffer = io.BytesIO()
    match form:
        case "png":
            FigureCanvasAgg(figure).print_png(buffer, metadata={"Title": title, "Software": None})  # type: ignore[no-untyped-call]
        case "svg":
            FigureCanvasSVG(figure).print_svg(buffer, metadata={"Title": title, "Date": None})  # type: ignore[no-untyped-call]
        case "pdf":
            FigureCanvasPdf(figure).print_pdf(buffer, metadata={"Title": title, "CreationDate": None})  # type: ignore[no-untyped-call]
        case _:
            assert_never(form)
    return buffer.getvalue()


class _Paper:
    """A white figure addressed in device pixels from its top left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")

    def text(
        self,
        x: Pixels,
        y: Pixels,
        text: str,
        size: str,
        colour: str = INK,
        *,
        weight: str = "normal",
        ha: str = "left",
        va: str = "top",
        rotation: float = 0,
    ) -> None:
        """Draws plain text without math parsing, because file names may contain dollar signs."""
        place = x / self.width, 1 - y / self.height
        font = {"fontsize": POINTS[size], "fontweight": weight, "color": colour, "ha": ha, "va": va}
        self.figure.text(*place, text, font, rotation=rotation, parse_math=False)

    def line(self, x0: Pixels, y0: Pixels, x1: Pixels, y1: Pixels, colour: str, width: Pixels) -> None:
        xs, ys = (x0 / self.width, x1 / self.width), (1 - y0 / self.height, 1 - y1 / self.height)
        stroke = Line2D(xs, ys, color=colour, linewidth=width * 72 / DPI, solid_capstyle="butt", zorder=2)
        self.figure.add_artist(stroke)

    def picture(self, x: int, y: int, picture: Picture) -> None:
        """Draws a picture without scaling, with a hairline border."""
        height, width = picture.shape[:2]
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set_axis_off()
        axes.imshow(picture, interpolation="none", aspect="auto")
        frame = ((x - 1) / self.width, 1 - (y + height + 1) / self.height)
        size = (width + 2) / self.width, (height + 2) / self.height
        self.figure.add_artist(Rectangle(frame, *size, facecolor=HAIRLINE, edgecolor="none", zorder=-1))


def line(size: str) -> int:
    """Distance of two lines of text."""
    return round(POINTS[size] * DPI / 72 * 1.4)


def _fit(text: str, width: int, size: str) -> str:
    """Bold text, truncated with an ellipsis to the width of its column."""
    letters = int(width / (BOLD * LETTER * POINTS[size] * DPI / 72))
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"
