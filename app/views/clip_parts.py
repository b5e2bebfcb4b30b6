"""What a clip is shown as: its moment, the names of its frames and elements, and its frames and sound with a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from perceiver.analysis.formatting import clock
from perceiver.analysis.region import CellBox, PlaceBox, Region
from perceiver.plots import colour
from perceiver.plots.axes import time_axis
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing.clip import frame_pictures, sound_picture
from perceiver.sample import Sample

from ..components import Frames, Grid, Moving, Painted, Selected, Track
from ..session import state
from ..session.view import View
from .base import Inside, Paint
from .sound import ruler

STEPS = 100
"""Steps of the bar of time for a clip whose picture is not read."""

WIDE, FLAT = 480, 0.16
"""Approximate width in pixels of the picture of the sound, and its height as a share of that."""


@dataclass(frozen=True)
class Clip:
    """A sample of a clip, and what of it is shown.

    sample  a `VideoSample`, or a `ClipSample` with the sound
    """

    sample: Any

    @classmethod
    def of(cls, sample: Sample) -> Clip:
        """The clip that a sample is."""
        return cls(cast(Any, sample))

    @property
    def start(self) -> float:
        """Of the window, in seconds of the clip."""
        return float(self.sample.start)

    @property
    def stop(self) -> float:
        """Of the window, in seconds of the clip; after the end of the clip where that is shorter."""
        return float(self.sample.stop)

    @property
    def times(self) -> Float64[np.ndarray, "frames"]:
        """When each frame that was read is first shown."""
        return np.asarray(self.sample.times)

    @property
    def picture(self) -> tuple[tuple[int, int, int], slice] | None:
        """The grid of the picture's elements (steps in time, rows, columns), and which elements these are."""
        found = self.sample.part("video")
        return None if found is None else (found[0].shape, found[1])

    @property
    def sound(self) -> tuple[int, slice] | None:
        """The number of elements of the sound, and which elements these are."""
        found = self.sample.part("audio")
        return None if found is None else (found[0].count, found[1])

    @property
    def frames(self) -> int:
        """Frames that are read; equal steps in time where there are none."""
        return STEPS if self.picture is None else len(self.sample.seen)

    # ------------------------------------------------------------------------------------------------------- moments

    @property
    def moment(self) -> float:
        """The moment that the page shows, in seconds of the clip; by default the middle of the window."""
        chosen = state.view(View).moment
        if chosen is None:
            return self.middle(self.frames // 2)
        return min(max(chosen, self.start), self.stop)

    @property
    def moving(self) -> Moving:
        """The window and the moment."""
        return Moving(self.start, self.stop, self.moment)

    @property
    def frame(self) -> int:
        """The frame of the moment."""
        along = (self.moment - self.start) / (self.stop - self.start)
        return min(max(int(along * self.frames), 0), self.frames - 1)

    def middle(self, frame: int) -> float:
        """The middle of the time of a frame."""
        return self.start + (frame + 0.5) * (self.stop - self.start) / self.frames

    def time_of(self, element: int) -> float | None:
        """The middle of the time of an element; None for one without a time."""
        for found in (self.picture, self.sound):
            if found is not None and found[1].start <= element < found[1].stop:
                steps = found[0][0] if isinstance(found[0], tuple) else found[0]
                step = (element - found[1].start) * steps // (found[1].stop - found[1].start)
                return self.start + (step + 0.5) * (self.stop - self.start) / steps
        return None

    # --------------------------------------------------------------------------------------------------------- names

    def name(self, frame: int) -> str:
        """A frame by its number and time."""
        if self.picture is None:
            return clock(self.middle(frame))
        return f"Frame {frame + 1} of {self.frames}, {clock(float(self.times[frame]))}"

    @property
    def names(self) -> list[str]:
        """The names of all frames."""
        return [self.name(frame) for frame in range(self.frames)]

    def element(self, index: int) -> str:
        """Where an element lies."""
        if self.picture is not None and self.picture[1].start <= index < self.picture[1].stop:
            shape, elements = self.picture
            step, row, column = (int(i) for i in np.unravel_index(index - elements.start, shape))
            each = self.frames // shape[0]
            first = step * each
            frames = f"frame {first + 1}" if each == 1 else f"frames {first + 1} to {first + each}"
            return f"{frames} ({clock(float(self.times[first]))}), row {row + 1}, column {column + 1}"
        time = self.time_of(index)
        return "the element without a place" if time is None else f"the sound at {clock(time, 3)}"

    # ------------------------------------------------------------------------------------------------- what is drawn

    def frame_maps(self, shown: BlockMap | None, paint: Paint | None) -> UInt8[np.ndarray, "frames H W 3"]:
        """All frames, with a map over them."""
        if shown is None or paint is None:
            return frame_pictures(self.sample)
        return frame_pictures(self.sample, shown.values, shown.range, paint.colours, paint.strength)

    def sound_map(self, width: int, height: int, shown: BlockMap | None, paint: Paint | None) -> np.ndarray:
        """The waveform, with a map behind it."""
        if shown is None or paint is None:
            return sound_picture(self.sample, width, height)
        return sound_picture(self.sample, width, height, shown.values, shown.range, paint.colours, paint.strength)

    def shown_frames(
        self, pick: int | None, inside: Inside | None, shown: BlockMap | None = None, paint: Paint | None = None
    ) -> Frames | None:
        """The frames for the player; None where the picture is not read."""
        if self.picture is None:
            return None
        shape, elements = self.picture
        values, shades = _cells(shown, elements, shape)
        return Frames(
            self.frame_maps(shown, paint),
            Grid(
                *(
                    tuple(f"{what} {i + 1}" for i in range(n))
                    for what, n in zip(("row", "column"), shape[1:], strict=True)
                )
            ),
            shape[0],
            _within(pick, elements),
            _region_of(inside, elements, shape),
            values,
            shades,
        )

    def shown_sound(
        self, pick: int | None, inside: Inside | None, shown: BlockMap | None = None, paint: Paint | None = None
    ) -> Track | None:
        """The sound for the player; None where it is not read."""
        if self.sound is None:
            return None
        count, elements = self.sound
        width = count * max(1, round(WIDE / count))
        values, shades = _cells(shown, elements, (1, count))
        marked = None if inside is None else np.flatnonzero(inside[elements])
        step = (self.stop - self.start) / count
        return Track(
            self.sound_map(width, round(width * FLAT), shown, paint),
            Grid(("",), tuple(clock(self.start + (i + 0.5) * step, 3) for i in range(count))),
            self.sample.sound,
            self.sample.rate,
            _within(pick, elements),
            None if marked is None or not len(marked) else (0, int(marked[0]), 0, int(marked[-1])),
            values,
            shades,
            None if shown is None else ruler(time_axis(self.start, self.stop)),
        )

    def region(self, chosen: Selected) -> Region:
        """What was selected, as a region: cells of the only grid, or intervals of time and place."""
        top, left, bottom, right = chosen.box
        cells = ((chosen.step, chosen.step + 1), (top, bottom + 1), (left, right + 1))
        if not self.sample.parts:
            return CellBox(cells)
        part, _ = self.sample.part(chosen.part)
        axes = ("time", "rows", "cols") if chosen.part == "video" else ("time",)
        spans = cells if chosen.part == "video" else cells[-1:]
        return PlaceBox(
            tuple(
                (f"{part.name}_{axis}", *(round(a + (b - a) * at / count, 6) for at in span))
                for axis, span, (a, b), count in zip(axes, spans, part.box, part.shape, strict=True)
            )
        )

    def elements_of(self, painted: Painted, *, through: bool) -> Bool[np.ndarray, "M"]:
        """Which elements of the input were painted.

        through  those at the same places of all frames as well
        """
        out = np.zeros(int(np.prod(self.sample.shape)), dtype=bool)
        found = self.picture if painted.part == "video" else self.sound
        if found is None:
            return out
        steps = found[0][0] if isinstance(found[0], tuple) else 1
        out[found[1]].reshape(steps, -1)[slice(None) if through else painted.step * (steps > 1)] = painted.elements
        return out


def _within(pick: int | None, elements: slice) -> int | None:
    """An element as one of a part; None where it is of another."""
    return None if pick is None or not elements.start <= pick < elements.stop else pick - elements.start


def _cells(
    shown: BlockMap | None, elements: slice, shape: tuple[int, ...]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The values of a part of a map and their colours."""
    if shown is None:
        return None, None
    values = shown.values.ravel()[elements].reshape(shape)
    return values, colour.index(shown.range.apply(values)).astype(np.uint8)


def _region_of(
    inside: Inside | None, elements: slice, shape: tuple[int, int, int]
) -> tuple[tuple[int, int], tuple[int, int, int, int]] | None:
    """The steps in time of a region, and the rectangle that bounds it on their frames."""
    marked = None if inside is None else inside[elements].reshape(shape)
    if marked is None or not marked.any():
        return None
    steps, rows, columns = (np.flatnonzero(marked.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    return (int(steps[0]), int(steps[-1])), (int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1]))
