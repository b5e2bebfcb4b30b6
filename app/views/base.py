"""The interface of views, and shared functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import streamlit as st
from jaxtyping import Bool, UInt8

from perceiver.analysis.region import Region
from perceiver.plots import colour
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing import colours_for
from perceiver.plots.scale import ColourRange
from perceiver.sample import Sample

from ..components import BrushWidth, ColourBar, Tick, Tile
from ..services.inference import Case
from ..services.maps import Strip
from ..services.samples import describe

OnPick = Callable[[int | None], None]
OnChoice = Callable[[int], None]
OnRegion = Callable[[Region | None], None]
Inside = Bool[np.ndarray, "M"]
"""Which elements lie in the selected region."""


@dataclass(frozen=True)
class Paint:
    """Colouring of maps.

    colours   name of the colour map
    strength  opacity of the map over the input in [0, 1]; None shows the map only
    """

    colours: str
    strength: float | None


def colour_bar(range_: ColourRange, paint: Paint) -> ColourBar:
    """The colour bar of a value range."""
    return ColourBar(
        table=colour.table(colours_for(range_, paint.colours)),
        ticks=tuple(Tick(tick.place, tick.label, tick.mark) for tick in range_.ticks(wanted=3, apart=0.2)),
        unit=range_.unit,
    )


def readout(shown: BlockMap, paint: Paint) -> dict[str, Any]:
    """Arguments of `map_canvas` and `cloud` for the values shown on hover and the colour bar of a large map."""
    values, range_ = shown.values, shown.range
    return {
        "values": values,
        "shades": colour.index(range_.apply(values)).astype(np.uint8),
        "bar": colour_bar(range_, paint),
        "measure": "nats" if range_.what == "entropy" else "",
        "multiple": range_.what == "probability" and not range_.signed,
    }


def in_place(painted: Sequence[UInt8[np.ndarray, "*size 3"]], tiles: Sequence[Tile]) -> UInt8[np.ndarray, "n *size 3"]:
    """The images of a row, one per tile; black for empty tiles."""
    pictures = iter(painted)
    return np.stack([np.zeros_like(painted[0]) if tile.empty else next(pictures) for tile in tiles])


OnTake = Callable[[str, bytes], None]


class RecorderWidget(Protocol):
    """Draws a recorder."""

    def __call__(self, label: str, *, key: str, on_take: OnTake) -> None: ...


def file_recorder(widget: Callable[..., Any]) -> RecorderWidget:
    """A recorder of Streamlit's, whose value is a file."""

    def show(label: str, *, key: str, on_take: OnTake) -> None:
        widget(label, key=key, on_change=take_file, args=(key, on_take))

    return show


def take_file(key: str, on_take: OnTake) -> None:
    """Callback: takes the file of a widget once, by value."""
    file = st.session_state[key]
    if file is not None:
        on_take(file.name, file.getvalue())


@dataclass(frozen=True)
class Recorder:
    """A recorder in the browser.

    name    among the sources
    label   of what is drawn
    widget  draws it with the label and a key, and calls `on_take` with the name and the bytes of each recording
    """

    name: str
    label: str
    widget: RecorderWidget


@dataclass(frozen=True)
class Suggestion:
    """A checkpoint of the hub that knows more than those of the project: its id, the label of the button that opens it,
    and its help."""

    model: str
    label: str
    help: str


@dataclass(frozen=True)
class Brush:
    """A brush or a lasso for the model input.

    size       its width as a share of the longer side of the drawn input, or "lasso"
    on_stroke  called with the elements that a stroke has painted, and whether it is still drawn; with none where a
               stroke ends without any
    live       whether it is called while a stroke is drawn
    through    whether it paints all that lies at the place: points behind others, the elements of all frames
    """

    size: BrushWidth
    on_stroke: Callable[[Inside, bool], None]
    live: bool = False
    through: bool = False


def painting(brush: Brush | None) -> dict[str, Any]:
    """Arguments of `map_canvas`, `cloud` and `player` for a brush."""
    return {} if brush is None else {"brush": brush.size, "live": brush.live}


class Described:
    """The nouns of a view, from the description of its modality."""

    modality: str
    suggestion: Suggestion | None = None
    """The checkpoint to try on an upload that those of the project were not trained for."""
    names_samples = False
    """Whether thumbnails of samples carry names, where pictures of them look alike."""
    drawable = False
    """Whether an input can be drawn on a pad."""

    @property
    def noun(self) -> str:
        """Noun for an input: "picture"."""
        return describe(self.modality).noun.one

    @property
    def title(self) -> str:
        """Title of the modality: "Pictures"."""
        return describe(self.modality).title

    def moment(self, sample: Sample) -> float | None:
        """The moment of a clip that the page shows, in seconds; None for inputs that are no clips."""
        return None

    def reaches(self, sample: Sample) -> tuple[str, str] | None:
        """What a brush can paint, in words: what is seen under it, or all that lies there; None where that is the
        same."""
        return None

    def element_noun(self, sample: Sample) -> str:
        """Noun for an input element: "pixel"."""
        return describe(self.modality).element_of(sample.shape).one


class ModalityView(Protocol):
    """Draws inputs and maps of one modality.

    `pick` is the flat index of the selected element, rows first; `inside` marks the elements of the selected region.
    With `on_region` a region can be selected.

    modality    name of the modality
    noun        noun for an input: "picture"
    title       title of the modality: "Pictures"
    spot        noun for a selectable input element: "spot"
    over_input  whether maps are overlaid on the input with a choice of opacity; else they colour its elements
    recorder    recorder in the browser, if there is one
    names_samples  whether thumbnails of samples carry names
    drawable    whether an input can be drawn on a pad
    suggestion  the checkpoint to try on an upload that those of the project were not trained for, if there is one
    """

    modality: str
    spot: str
    over_input: bool
    recorder: Recorder | None
    names_samples: bool
    suggestion: Suggestion | None
    drawable: bool

    @property
    def noun(self) -> str: ...

    @property
    def title(self) -> str: ...

    def moment(self, sample: Sample) -> float | None:
        """The moment of a clip that the page shows, in seconds; None for inputs that are no clips."""

    def reaches(self, sample: Sample) -> tuple[str, str] | None:
        """What a brush can paint, in words: what is seen under it, or all that lies there; None where that is the
        same."""

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """A square thumbnail of an input."""

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """Controls of the reading options, which call `state.choose`; `read` holds those that are not default."""

    def beyond(self, case: Case, sample: Sample) -> None:
        """Results for the input beyond the part that the model gets.

        Drawn last, since it can be slow.
        """

    def element(self, index: int, sample: Sample) -> str:
        """Description of the location of an input element."""

    def size(self, sample: Sample) -> str:
        """Description of the size of the model input."""

    def seen(
        self,
        sample: Sample,
        pick: int | None,
        on_pick: OnPick,
        *,
        hint: str = "",
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
        brush: Brush | None = None,
    ) -> None:
        """The clickable model input; `hint` is the text under it. With `brush` it is painted instead."""

    def original(self, case: Case, sample: Sample) -> None:
        """The original input, with the part that the model gets marked."""

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
        """Draws the maps as small multiples, with their colour bar if they share one.

        tiles   one per map, in order; empty ones where there is no map
        chosen  index of the selected tile, as passed to `on_pick`
        key     key of the widget
        name    label for screen readers
        bar     whether a colour bar is drawn; one may serve several rows
        tile    minimum width of an image in CSS pixels
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
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
    ) -> None:
        """Draws one large map, with values on hover and a colour bar.

        key    key of the widget
        hint   text under the map while the pointer is elsewhere
        limit  maximum width in CSS pixels
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
        *,
        key: str = "strip",
        name: str = "Latents, the most concentrated first",
    ) -> None:
        """Draws thumbnails of latents, in the order of the strip. `name` is the label for screen readers."""
