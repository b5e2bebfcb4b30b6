"""The interface of views, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8

from perceiver.plots import colour
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing import colours_for
from perceiver.plots.scale import ColourRange
from perceiver.sample import Sample

from ..components import ColourBar, Tick, Tile
from ..services.inference import Case
from ..services.maps import Strip
from ..services.samples import describe

OnPick = Callable[[int | None], None]
OnChoice = Callable[[int], None]


@dataclass(frozen=True)
class Paint:
    """How maps are coloured.

    colours   name of a colour map
    strength  of the map over the input in [0, 1]; None shows the map alone
    """

    colours: str
    strength: float | None


def colour_bar(range_: ColourRange, paint: Paint) -> ColourBar:
    """The colour bar of a range."""
    return ColourBar(
        table=colour.table(colours_for(range_, paint.colours)),
        ticks=tuple(Tick(tick.place, tick.label, tick.mark) for tick in range_.ticks(wanted=3, apart=0.2)),
        unit=range_.unit,
    )


def readout(shown: BlockMap, paint: Paint) -> dict[str, Any]:
    """The values shown on hover over a large map, and its colour bar: arguments of `map_canvas` and of `cloud`."""
    values, range_ = shown.values, shown.range
    return {
        "values": values,
        "shades": colour.index(range_.apply(values)).astype(np.uint8),
        "bar": colour_bar(range_, paint),
        "measure": "nats" if range_.what == "entropy" else "",
        "multiple": range_.what == "probability" and not range_.signed,
    }


def in_place(painted: Sequence[UInt8[np.ndarray, "*size 3"]], tiles: Sequence[Tile]) -> UInt8[np.ndarray, "n *size 3"]:
    """The pictures of a row, one for each tile; black for empty tiles."""
    pictures = iter(painted)
    return np.stack([np.zeros_like(painted[0]) if tile.empty else next(pictures) for tile in tiles])


@dataclass(frozen=True)
class Recorder:
    """A way to record an input in the browser: its name among the sources, and the widget (label, key, on_change,
    args) that gives a file."""

    name: str
    label: str
    widget: Callable[..., Any]


class Described:
    """The words of a view, from the description of its modality."""

    modality: str

    @property
    def noun(self) -> str:
        """One input: "picture"."""
        return describe(self.modality).noun.one

    @property
    def title(self) -> str:
        """The modality, as people choose it: "Pictures"."""
        return describe(self.modality).title

    def element_noun(self, sample: Sample) -> str:
        """One element of an input: "pixel"."""
        return describe(self.modality).element_of(sample.shape).one


class ModalityView(Protocol):
    """Draws inputs and maps of one modality; the pick is a flat element index, rows first.

    modality    its name
    noun        one input: "picture"
    title       the modality, as people choose it: "Pictures"
    spot        one input element to be picked: "spot"
    over_input  whether maps can lie over the input, more or less strongly; else they are its colours
    recorder    how an input can be recorded in the browser, where it can
    """

    modality: str
    spot: str
    over_input: bool
    recorder: Recorder | None

    @property
    def noun(self) -> str: ...

    @property
    def title(self) -> str: ...

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """A small square picture of an input."""

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """Controls of how the input is read; they call `state.choose`. `read` holds what is not at its default."""

    def beyond(self, case: Case, sample: Sample) -> None:
        """What else there is to show of an input beyond the part that the model read.

        It is drawn last and may take its time: the rest of the page is there already.
        """

    def element(self, index: int, sample: Sample) -> str:
        """Where an input element lies, in words."""

    def size(self, sample: Sample) -> str:
        """The size of what the model read, in words."""

    def seen(self, sample: Sample, pick: int | None, on_pick: OnPick, *, hint: str = "") -> None:
        """The input exactly as the model read it, answering clicks; `hint` is the line under it."""

    def original(self, case: Case, sample: Sample) -> None:
        """What the user gave, with the part that the model read marked."""

    def row(
        self,
        sample: Sample,
        maps: Sequence[BlockMap],
        tiles: Sequence[Tile],
        paint: Paint,
        chosen: int | None,
        pick: int | None,
        on_pick: OnChoice,
        *,
        key: str = "row",
        name: str = "Maps of the blocks",
        bar: bool = True,
        tile: int = 220,
    ) -> None:
        """The maps as small multiples, with their colour bar where they share one; the pick marked where it helps.

        tiles      one a map, in order, and empty ones where there is none
        chosen     of the tiles, as `on_pick` is called with
        key, name  of the row on the page, and for those who cannot see it
        bar        whether a colour bar is drawn; one may serve several rows
        tile       least width of a picture in CSS pixels
        """

    def large(
        self,
        sample: Sample,
        shown: BlockMap,
        paint: Paint,
        label: str,
        pick: int | None,
        on_pick: OnPick,
        *,
        key: str = "large",
        hint: str = "",
        limit: int = 640,
    ) -> None:
        """One map, large, with values under the pointer and a colour bar.

        key    of the map on the page
        hint   the line under it while nothing is pointed at
        limit  greatest width in CSS pixels
        """

    def strip(
        self,
        sample: Sample,
        strip: Strip,
        tiles: Sequence[Tile],
        mode: str,
        what: str,
        paint: Paint,
        chosen: int | None,
        on_pick: OnChoice,
    ) -> None:
        """Thumbnails of latents, in the strip's order."""
