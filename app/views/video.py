"""The view of videos and their maps: one frame at a time, and thumbnails of all frames of a map."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, cast

import numpy as np
import streamlit as st
from jaxtyping import Float, Float64, UInt8
from PIL import Image

from perceiver.analysis.formatting import clock
from perceiver.plots import colour
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing.frames import tiled
from perceiver.plots.drawing.video import VideoDrawing
from perceiver.plots.overlay import on_original, png
from perceiver.sample import Sample

from ..components import Tile, map_canvas, wall
from ..services import inference, models
from ..services.inference import Case
from ..session import state
from ..session.view import View
from .base import Inside, OnPick, OnRegion, Paint, Recorder, readout
from .grid import EXTEND, GridView, region_arguments
from .over_time import choose_start, over_time, padding_text

DRAWING = VideoDrawing()
SIDE = 256
"""Side of the images next to the prediction, in CSS pixels."""

THUMB = 96
"""Width of the frame thumbnails under a large map, in CSS pixels."""


class Video(Protocol):
    """The fields of a video sample that are shown."""

    shape: tuple[int, ...]
    seen: UInt8[np.ndarray, "frames H W 3"]
    original: UInt8[np.ndarray, "frames h w 3"]
    start: float
    stop: float
    duration: float
    times: Float64[np.ndarray, "frames"]


class VideoView(GridView):
    """Videos: maps are drawn over the cells of the frames. A slider selects the frame for the whole page."""

    drawing = DRAWING
    modality = drawing.modality
    spot = "spot"
    over_input = True
    recorder: Recorder | None = None

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """The centre crop of the middle frame, resized to 128 x 128 pixels."""
        frames = _video(sample).original
        picture = Image.fromarray(frames[len(frames) // 2])
        square = min(picture.size)
        left, top = (picture.width - square) // 2, (picture.height - square) // 2
        box = (left, top, left + square, top + square)
        return np.asarray(picture.resize((128, 128), Image.Resampling.BICUBIC, box=box))

    def tile(self, unit: Float[np.ndarray, "*grid"]) -> UInt8[np.ndarray, "h w"]:
        """The frames of the map of one latent, in a grid."""
        indices = colour.index(unit).astype(np.uint8)
        return tiled(np.repeat(indices[..., None], 3, axis=3))[..., 0]

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """The selected frame and, for longer videos, the start of the window."""
        video = _video(sample)
        choose_start(video, read, "Middle", "middle", ":material/center_focus_strong:")
        _follow(sample, state.view(View).pick)
        count = sample.shape[0]
        if count > 1:
            st.session_state["frame"] = _frame(sample) + 1
            label, help = f"Frame, 1 to {count}", "The frame that the input and the large maps show."
            st.slider(label, 1, count, key="frame", on_change=_chosen, args=(count,), help=help)

    def beyond(self, case: Case, sample: Sample) -> None:
        """Predictions over the whole video, for models with a window of fixed length."""
        if models.config(case.model).preprocess.get("seconds") is not None:
            over_time(case, _video(sample))

    def element(self, index: int, sample: Sample) -> str:
        """Frame, row and column, from 1, and the time of the frame."""
        frame, row, column = (int(i) for i in np.unravel_index(index, sample.shape))
        return f"frame {frame + 1} ({_time(sample, frame)}), row {row + 1}, column {column + 1}"

    def seen(
        self,
        sample: Sample,
        pick: int | None,
        on_pick: OnPick,
        *,
        hint: str = "Pick a spot to see which latents attend to it.",
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
    ) -> None:
        """The pixels of the selected frame of the model input."""
        frame = _frame(sample)
        map_canvas(
            sample.seen[frame],
            key="seen",
            label=f"The video as the model read it, {self.size(sample)}. {self._named(sample)}. Arrow keys move, "
            f"Enter picks a {self.element_noun(sample)}. {EXTEND if on_region else ''}".rstrip(),
            hint=hint,
            pick=_within(sample, frame, pick),
            on_pick=partial(_pick, sample, frame, on_pick),
            limit=SIDE,
            **_selection(sample, frame, inside, on_region),
        )
        st.caption(self._named(sample))

    def original(self, case: Case, sample: Sample) -> None:
        """The whole frame with the part outside the model input dimmed and hatched, and a player if possible."""
        frame, words = _frame(sample), _read_part(sample)
        st.image(_whole(case.model, case.key, frame, sample), width=SIDE, alt=f"The whole frame. {words}")
        st.caption(words)
        kind = inference.file_kind(case)
        if kind and kind.mime.startswith("video/"):
            st.video(case.data, format=kind.mime)
        else:
            st.caption(f"Browsers do not play this file{f' ({kind.words})' if kind else ''}.")

    def picture(self, sample: Sample, shown: BlockMap, paint: Paint) -> UInt8[np.ndarray, "h w 3"]:
        """One map of the row, over the selected frame."""
        return DRAWING.frame(sample, shown.values, _frame(sample), shown.range, paint.colours, paint.strength)

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
        hint: str = "Point at a pixel to read its value; pick it to see which latents attend to it.",
        limit: int = 640,
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
    ) -> None:
        """One map over the selected frame, and thumbnails of all frames to select another."""
        frame, count = _frame(sample), sample.shape[0]
        map_canvas(
            self.picture(sample, shown, paint),
            key=key,
            label=f"{label}. {self._named(sample)}. {shown.summary.sentence()} Arrow keys move, Enter picks a "
            f"{self.element_noun(sample)}. {EXTEND if on_region else ''}".rstrip(),
            hint=hint,
            pick=_within(sample, frame, pick),
            on_pick=partial(_pick, sample, frame, on_pick),
            **readout(dataclasses.replace(shown, values=shown.values[frame]), paint),
            limit=limit,
            **_selection(sample, frame, inside, on_region),
        )
        if count == 1:
            return
        st.caption(f"{self._named(sample)}. All frames:")
        frames = [
            DRAWING.frame(sample, shown.values, i, shown.range, paint.colours, paint.strength) for i in range(count)
        ]
        wall(
            np.stack(frames),
            [Tile(f"Frame {i + 1}", alt=f"Frame {i + 1} of {count}, {_time(sample, i)}") for i in range(count)],
            key=f"{key}_frames",
            label=f"{label}, all frames",
            tile=THUMB,
            dense=True,
            tall=448,
            limit=limit,
            chosen=frame,
            on_pick=lambda index: _look_at(index, count),
        )

    def _named(self, sample: Sample) -> str:
        frame = _frame(sample)
        return f"Frame {frame + 1} of {sample.shape[0]}, {_time(sample, frame)}"


def _video(sample: Sample) -> Video:
    return cast(Video, sample)


def _time(sample: Sample, frame: int) -> str:
    return clock(float(_video(sample).times[frame]))


def _look_at(frame: int, count: int) -> None:
    """Callback: selects one of `count` frames."""
    st.session_state["looked_at"] = (frame + 0.5) / count


def _chosen(count: int) -> None:
    _look_at(st.session_state["frame"] - 1, count)


def _frame(sample: Sample) -> int:
    """The selected frame; for models with another number of frames, the one at the same time."""
    return int(st.session_state.get("looked_at", 0.5) * sample.shape[0])


def _follow(sample: Sample, pick: int | None) -> None:
    """Selects the frame of a new pick."""
    if pick is not None and pick != st.session_state.get("followed"):
        _look_at(pick // (sample.shape[1] * sample.shape[2]), sample.shape[0])
    st.session_state["followed"] = pick


def _within(sample: Sample, frame: int, pick: int | None) -> int | None:
    """The pick as an element of a frame; None if it is in another frame."""
    if pick is None:
        return None
    of, element = divmod(pick, sample.shape[1] * sample.shape[2])
    return element if of == frame else None


def _selection(sample: Sample, frame: int, inside: Inside | None, on_region: OnRegion | None) -> dict[str, Any]:
    """Arguments of `map_canvas`: a region that is drawn on a frame is of this frame alone."""
    on_frame = None if inside is None else inside.reshape(sample.shape)[frame]
    return region_arguments(on_frame, on_region, (frame, frame + 1))


def _pick(sample: Sample, frame: int, on_pick: OnPick, element: int | None) -> None:
    on_pick(None if element is None else frame * sample.shape[1] * sample.shape[2] + element)


@st.cache_data(show_spinner=False, max_entries=32)
def _whole(model: str, key: str, frame: int, _sample: Sample) -> bytes:
    seen, original = _sample.seen[frame], _sample.original[frame]
    one = dataclasses.replace(_sample, shape=_sample.shape[1:], seen=seen, original=original, box=_sample.box[1:])
    return png(on_original(one, np.zeros_like(one.seen), strength=0.0, longest=2 * SIDE))


def _read_part(sample: Sample) -> str:
    video = _video(sample)
    whole = all(
        start <= 0 and stop >= length
        for (start, stop), length in zip(sample.box[1:], sample.original.shape[1:3], strict=True)
    )
    frame = "all of each frame" if whole else "the framed part of each frame, not the hatched one"
    span = f"{clock(video.start)} to {clock(min(video.stop, video.duration))} of {clock(video.duration)}"
    span += padding_text(video)
    return f"The model read {frame}, {span}, without the sound."
