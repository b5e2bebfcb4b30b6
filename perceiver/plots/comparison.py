"""The figure of several models: one row per model with its input and the maps of its blocks, on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..analysis.summary import MapSummary
from .block_maps import BlockMap
from .drawing import draw
from .drawing.base import Drawable, Drawn
from .scale import NOT_COMPARABLE, ColourRange
from .sheet import Panel, Sheet, numbers, save, size_lines


@dataclass(frozen=True)
class Row:
    """One model's row of the figure.

    name       the model's name
    drawn      the input and the maps as pictures (`drawing.draw`)
    blocks     the block of each map, counted from 0
    ranges     one per map, from one call of `ColourScale.limits` for all models
    summaries  one per map
    """

    name: str
    drawn: Drawn
    blocks: tuple[int, ...]
    ranges: tuple[ColourRange, ...]
    summaries: tuple[MapSummary, ...]


def comparison_row(
    name: str, sample: Drawable, maps: Sequence[BlockMap], *, colours: str = "magma", strength: float | None = 0.8
) -> Row:
    """The row of one model, or of one side of a comparison.

    colours, strength  as in `drawing.draw`
    """
    ranges = tuple(one.range for one in maps)
    drawn = draw(sample, [one.values for one in maps], ranges, colours=colours, strength=strength)
    return Row(name, drawn, tuple(one.block for one in maps), ranges, tuple(one.summary for one in maps))


def comparison_png(rows: Sequence[Row], *, title: str = "", footer: str = "") -> bytes:
    """The figure as a PNG on white at 200 dots per inch; blocks without a map are marked.

    Raises ValueError without rows, and if a row's numbers of maps, blocks, ranges and summaries differ.
    """
    if not rows:
        raise ValueError("a comparison needs at least one model")
    for row in rows:
        if len({len(row.drawn.maps), len(row.blocks), len(row.ranges), len(row.summaries)}) != 1:
            raise ValueError(f"the maps, blocks, ranges and summaries of {row.name} differ in number")
    blocks = sorted({block for row in rows for block in row.blocks})
    shared = rows[0].ranges[0]
    notes = [shared.sentence() if shared.comparable else NOT_COMPARABLE]
    if rows[0].drawn.over_input:
        notes.append("Colours lie over the input in grey, the more solid the stronger.")
    arranged = Sheet(
        panels=tuple(panel for row in rows for panel in _panels(row, blocks)),
        colours=rows[0].drawn.colours,
        columns=1 + len(blocks),
        bar=shared if shared.comparable else None,
        title=title,
        footer=tuple(part for part in (" ".join(notes), footer) if part),
    )
    return save(arranged.draw(), "png", title)


def _panels(row: Row, blocks: Sequence[int]) -> list[Panel]:
    out = [Panel(row.drawn.given, row.name, size_lines(row.drawn), axes=row.drawn.axes)]
    for block in blocks:
        if block not in row.blocks:
            out.append(Panel(np.full_like(row.drawn.given, 255), f"Block {block + 1}", ("no cross-attention",)))
            continue
        i = row.blocks.index(block)
        own = None if row.ranges[i].comparable else row.ranges[i]
        lines = numbers(row.summaries[i], row.ranges[i])
        out.append(Panel(row.drawn.maps[i], f"Block {block + 1}", lines, own, row.drawn.axes))
    return out
