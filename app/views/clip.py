"""The view of clips and their maps: one moment at a time, the frame and the sound of it, on one bar of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float, UInt8
from PIL import Image

from perceiver.analysis.formatting import clock
from perceiver.analysis.latents import thumbnail_sides
from perceiver.plots import colour
from perceiver.plots.axes import time_axis
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing.audiovisual import AudiovisualDrawing
from perceiver.plots.drawing.clip import columns
from perceiver.plots.drawing.frames import tiled
from perceiver.plots.drawing.video import VideoDrawing
from perceiver.plots.overlay import enlarge, on_original, png
from perceiver.sample import Part, Sample, filled

from ..components import Moving, Painted, Selected, Tile, clip_recorder, player, wall
from ..components import clip as choose_window
from ..services import inference, models
from ..services.inference import Case
from ..session import state
from ..session.view import View
from .base import Brush, Inside, OnPick, OnRegion, Paint, Recorder, colour_bar, painting
from .clip_parts import Clip
from .grid import EXTEND, GridView
from .over_time import begin_at, choose_channel, choose_start, longer, over_time, padding_text
from .sound import ruler

SIDE = 256
"""Maximum width of the images next to the prediction, in CSS pixels."""

THUMB = 96
"""Width of the frame thumbnails under a large map, in CSS pixels."""

TILE = 128
"""Least width of a map of the row, in pixels: a waveform needs some."""

MOST = 6_000_000
"""Bytes of a row of maps up to which all frames are sent, so that they play; of a larger one, one frame."""


class ClipView(GridView):
    """Clips, with their sound or without: a bar of time moves the frame, its map, and the map of the sound together, on
    the whole page."""

    spot = "spot"
    over_input = True
    recorder: Recorder | None = Recorder("Camera", "Camera and microphone", clip_recorder)

    def __init__(self, drawing: VideoDrawing | AudiovisualDrawing) -> None:
        self.drawing = drawing
        self.modality = drawing.modality

    def moment(self, sample: Sample) -> float | None:
        """The moment that the page shows."""
        return Clip.of(sample).moment

    def reaches(self, sample: Sample) -> tuple[str, str] | None:
        """The elements at a place of the frame can be painted in all frames."""
        picture = Clip.of(sample).picture
        return None if picture is None or picture[0][0] == 1 else ("This frame", "All frames")

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """The centre crop of the middle frame, resized to 128 x 128 pixels."""
        frames = sample.original
        picture = Image.fromarray(frames[len(frames) // 2])
        square = min(picture.size)
        left, top = (picture.width - square) // 2, (picture.height - square) // 2
        box = (left, top, left + square, top + square)
        return np.asarray(picture.resize((128, 128), Image.Resampling.BICUBIC, box=box))

    def latent_tile(self, sample: Sample, unit: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "h w"]:
        """Some frames of the map of one latent in a grid, and its sound below."""
        indices = colour.index(unit).astype(np.uint8)
        if not sample.parts:
            return _tiled(indices)
        rows: list[np.ndarray] = []
        at = 0
        for part in sample.parts:
            shape = tuple(-(-n // side) for n, side in zip(part.shape, thumbnail_sides(part), strict=True))
            cells = indices[at : (at := at + int(np.prod(shape)))].reshape(shape)
            if part.name == "video":
                rows.insert(0, _tiled(cells))
            elif part.name == "audio":
                rows.append(cells)
        width = next((one.shape[1] for one in rows if one.ndim == 2), TILE // 2)
        return np.concatenate([one if one.ndim == 2 else _band(one, width) for one in rows])

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """For longer clips the start of the window, and the channel of a sound that has several."""
        clip = Clip.of(sample)
        choose_channel(getattr(sample, "channels", 0), read, "mix")
        choose_start(clip.sample, read, "Middle", "middle", ":material/center_focus_strong:")
        view = state.view(View)
        if view.pick is not None and view.moment is None:
            state.replace(moment=clip.time_of(view.pick))

    def beyond(self, case: Case, sample: Sample) -> None:
        """Predictions over the whole clip, for models with a window of fixed length."""
        settings = models.config(case.model).preprocess
        if sample.parts or settings.get("seconds") is not None:
            over_time(case, Clip.of(sample).sample)

    def element(self, index: int, sample: Sample) -> str:
        """Frame, row and column, from 1, and the time of the frame; or the time of the sound."""
        return Clip.of(sample).element(index)

    def seen(
        self,
        sample: Sample,
        pick: int | None,
        on_pick: OnPick,
        *,
        hint: str = "Pick a spot to see which latents attend to it.",
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
        brush: Brush | None = None,
    ) -> None:
        """The model input at the moment: the frame, the sound, and the bar of time."""
        clip = Clip.of(sample)
        label = f"The {self.noun} as the model read it, {self.size(sample)}"
        player(
            clip.shown_frames(pick, inside),
            clip.shown_sound(pick, inside),
            clip.moving,
            clip.names,
            key="seen",
            label=f"{label}. {_keys(on_region, brush)}",
            hint=hint,
            limit=SIDE,
            on_moment=_look,
            on_pick=partial(_pick, clip, on_pick),
            on_region=_selecting(clip, on_region),
            **painting(brush),
            on_stroke=partial(_paint, clip, brush) if brush else None,
        )

    def original(self, case: Case, sample: Sample) -> None:
        """The whole frame with the part outside the model input dimmed and hatched, and the file itself, which
        plays where browsers can."""
        clip, words = Clip.of(sample), _read_part(sample)
        if longer(clip.sample):
            choose_window(
                sample.thumbnails,  # type: ignore[attr-defined]
                key="clip",
                label="The window that the model reads",
                duration=clip.sample.duration,
                window=(clip.start, clip.stop),
                bottom=ruler(time_axis(0.0, clip.sample.duration)),
                on_move=begin_at,
            )
        if clip.picture is not None:
            st.image(_whole(case.model, case.key, clip.frame, sample), width=SIDE, alt=f"The whole frame. {words}")
        st.caption(words)
        kind = inference.file_kind(case)
        if kind and kind.mime.startswith("video/"):
            st.video(case.data, format=kind.mime)
        elif kind and kind.mime.startswith("image/"):
            # An image of a given width is made anew in that width, and stands still then.
            with st.container(width=SIDE):
                st.image(case.data, alt=f"The whole {self.noun}, which plays")
        else:
            st.caption(f"Browsers do not play this file{f' ({kind.words})' if kind else ''}.")

    def picture(self, sample: Sample, shown: BlockMap, paint: Paint) -> UInt8[np.ndarray, "frames h w 3"]:
        """One map of the row, over every frame and over the sound below it."""
        clip = Clip.of(sample)
        frames = np.zeros((clip.frames, 0, TILE, 3), np.uint8)
        if clip.picture is not None:
            frames = clip.frame_maps(shown, paint)
            times = max(1, round(TILE / frames.shape[2]))
            frames = frames.repeat(times, axis=1).repeat(times, axis=2)
        if clip.sound is None:
            return frames
        width = frames.shape[2]
        below = clip.sound_map(width, max(24, width // 4), shown, paint)
        sounds = np.stack([_with_playhead(below, (i + 0.5) / clip.frames) for i in range(clip.frames)])
        return np.concatenate([frames, np.zeros((clip.frames, 4, width, 3), np.uint8), sounds], axis=1)

    def row_pictures(
        self, sample: Sample, maps: Sequence[BlockMap], paint: Paint
    ) -> tuple[list[np.ndarray], Moving | None]:
        """All frames of the maps of the row, which play with the page; only the frame of the moment of large ones."""
        clip = Clip.of(sample)
        painted = [self.picture(sample, one, paint) for one in maps]
        if sum(one.nbytes for one in painted) > MOST:
            return [one[clip.frame] for one in painted], None
        return painted, clip.moving

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
        hint: str = "Point at a patch or a moment to read its value; pick it to see which latents attend to it.",
        limit: int = 640,
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
    ) -> None:
        """One map at the moment, over the frame and over the sound, and thumbnails of the map over all frames."""
        clip = Clip.of(sample)
        weights = shown.range.what == "probability" and not shown.range.signed
        player(
            clip.shown_frames(pick, inside, shown, paint),
            clip.shown_sound(pick, inside, shown, paint),
            clip.moving,
            clip.names,
            key=key,
            label=f"{label}. {shown.summary.sentence()} {_keys(on_region)}",
            hint=hint,
            limit=limit,
            bar=colour_bar(shown.range, paint),
            measure="nats" if shown.range.what == "entropy" else "",
            multiple=weights,
            whole=(shown.values.size, float(np.nansum(shown.values, dtype=np.float64))) if weights else None,
            on_moment=_look,
            on_pick=partial(_pick, clip, on_pick),
            on_region=_selecting(clip, on_region),
        )
        if clip.picture is not None and clip.frames > 1:
            self._every_frame(clip, shown, paint, label, key, limit)

    def _every_frame(self, clip: Clip, shown: BlockMap, paint: Paint, label: str, key: str, limit: int) -> None:
        """The map over all frames, small, to choose a moment."""
        st.caption("All frames:")
        wall(
            clip.frame_maps(shown, paint),
            [Tile(f"Frame {i + 1}", alt=name) for i, name in enumerate(clip.names)],
            key=f"{key}_frames",
            label=f"{label}, all frames",
            tile=THUMB,
            dense=True,
            tall=448,
            limit=limit,
            fill=True,
            chosen=clip.frame,
            on_pick=lambda index: _look(clip.middle(index)),
        )


def _look(moment: float) -> None:
    """Callback: the page shows another moment."""
    state.change(moment=moment)


def _pick(clip: Clip, on_pick: OnPick, part: str, element: int | None, moment: float) -> None:
    """Callback: an element is marked, and the moment that it was marked at is kept."""
    found = clip.picture if part == "video" else clip.sound
    _look(moment)
    on_pick(None if element is None or found is None else found[1].start + element)


@dataclass(frozen=True)
class _Selecting:
    """Callback: a region is selected, and the moment that it was selected at is kept."""

    clip: Clip
    on_region: OnRegion

    def __call__(self, chosen: Selected | None, moment: float) -> None:
        _look(moment)
        self.on_region(None if chosen is None else self.clip.region(chosen))


def _selecting(clip: Clip, on_region: OnRegion | None) -> _Selecting | None:
    return None if on_region is None else _Selecting(clip, on_region)


def _paint(clip: Clip, brush: Brush, painted: Painted, moment: float, live: bool) -> None:
    """Callback: elements are painted, and the moment that they were painted at is kept."""
    _look(moment)
    brush.on_stroke(clip.elements_of(painted, through=brush.through), live)


def _keys(on_region: OnRegion | None, brush: Brush | None = None) -> str:
    """How a map is used with the keyboard."""
    does = "paints" if brush else "picks"
    return f"Arrow keys move, Enter {does} a spot. {EXTEND if on_region else ''}".rstrip()


def _with_playhead(picture: UInt8[np.ndarray, "h w 3"], along: float) -> UInt8[np.ndarray, "h w 3"]:
    """A picture of the sound with a line at a moment, given as a share of the window."""
    out, at = picture.copy(), int(along * picture.shape[1])
    out[:, max(0, at - 1) : at + 2] = 0
    out[:, at] = 255
    return out


def _tiled(cells: UInt8[np.ndarray, "steps rows columns"]) -> UInt8[np.ndarray, "h w"]:
    return tiled(np.repeat(cells[..., None], 3, axis=3))[..., 0]


def _band(cells: UInt8[np.ndarray, "n"], width: int) -> UInt8[np.ndarray, "h w"]:
    """A band of the sound, below a gap."""
    line = columns(cells.astype(np.float64), width).round().astype(np.uint8)
    height = max(3, width // 8)
    return np.concatenate([np.zeros((2, width), np.uint8), enlarge(line[None], 1).repeat(height, axis=0)])


@dataclass(frozen=True)
class _Still:
    """One frame, as `on_original` draws it."""

    original: UInt8[np.ndarray, "h w 3"]
    shape: tuple[int, ...]
    box: tuple[tuple[float, float], ...]


@st.cache_data(show_spinner=False, max_entries=32)
def _whole(model: str, key: str, frame: int, _sample: Sample) -> bytes:
    seen = _sample.seen[frame]
    one = _Still(_sample.original[frame], seen.shape[:2], _video(_sample).box[1:])
    return png(on_original(one, np.zeros_like(seen), strength=0.0, longest=2 * SIDE))


def _video(sample: Sample) -> Part:
    found = sample.part("video")
    assert found is not None
    return found[0]


def _read_part(sample: Sample) -> str:
    """What the model read of the file, in a sentence."""
    clip = Clip.of(sample)
    video = clip.sample
    span = f"{clock(video.start)} to {clock(min(video.stop, video.duration))} of {clock(video.duration)}"
    span += padding_text(video)
    silent = filled(sample, "audio")
    if clip.picture is None:
        return f"The model read {'silence in place of the sound' if silent else 'the sound alone'}, {span}."
    whole = all(
        start <= 0 and stop >= length
        for (start, stop), length in zip(_video(sample).box[1:], sample.original.shape[1:3], strict=True)
    )
    frame = "all of each frame" if whole else "the framed part of each frame, not the hatched one"
    sound = (
        "without the sound"
        if clip.sound is None
        else "with silence in place of the sound"
        if silent
        else "with its sound"
    )
    return f"The model read {frame}, {span}, {sound}."
