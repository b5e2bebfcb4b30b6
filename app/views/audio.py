"""The view of sounds: the input window, its position in the clip, and maps over it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import streamlit as st
from jaxtyping import Float, UInt8
from PIL import Image

from perceiver.analysis.formatting import clock
from perceiver.analysis.region import axis_means
from perceiver.plots.axes import time_axis
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing.audio import AudioDrawing
from perceiver.plots.overlay import enlarge
from perceiver.sample import Sample

from ..components import Profiles, Tile, clip
from ..services import inference
from ..services.inference import Case
from .base import Brush, Inside, OnPick, OnRegion, Recorder, file_recorder
from .grid import GridView
from .over_time import begin_at, choose_channel, choose_start, longer, over_time, padding_text
from .sound import Sound, grid, ruler, wav

DRAWING = AudioDrawing()
THUMB = 80
"""Width in pixels up to which the thumbnail of a latent is enlarged."""

COLUMN = 24
"""Height in pixels of the thumbnail of a latent for a waveform."""


class AudioView(GridView):
    """Sounds: maps are drawn over the cells of the spectrogram, or as columns behind the waveform."""

    drawing = DRAWING
    row_limit = 400
    modality = drawing.modality
    spot = "spot"
    over_input = True
    names_samples = True
    recorder: Recorder | None = Recorder("Microphone", "A recording", file_recorder(st.audio_input))

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """The window, resized to 128 x 128 pixels."""
        picture = Image.fromarray(DRAWING.given(sample))
        return np.asarray(picture.resize((128, 128), Image.Resampling.BICUBIC))

    def latent_tile(self, sample: Sample, unit: Float[np.ndarray, "*grid"]) -> UInt8[np.ndarray, "h w"]:
        """The cells of a spectrogram, or the columns of a waveform."""
        cells = super().latent_tile(sample, np.atleast_2d(unit))
        cells = enlarge(cells, max(1, THUMB // cells.shape[1]))
        return np.resize(cells, (COLUMN, cells.shape[1])) if unit.ndim == 1 else cells

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """The start of the window, for clips that are longer, and the channel, for those that have several."""
        choose_channel(_sound(sample).channels, read, "mix")
        choose_start(_sound(sample), read, "Loudest part", "loudest", ":material/volume_up:")

    def beyond(self, case: Case, sample: Sample) -> None:
        """Predictions over the whole clip, if it is longer than the window."""
        sound = _sound(sample)
        if longer(sound):
            over_time(case, sound)

    def element(self, index: int, sample: Sample) -> str:
        """Time in the clip, and frequency."""
        names = grid(_sound(sample))
        row, column = divmod(index, len(names.columns))
        return ", ".join(part for part in (names.columns[column], names.rows[row]) if part)

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
        """The clickable window, with a player."""
        super().seen(sample, pick, on_pick, hint=hint, inside=inside, on_region=on_region, brush=brush)
        st.audio(wav(_sound(sample)), format="audio/wav", alt="What the model read")

    def original(self, case: Case, sample: Sample) -> None:
        """The whole clip with the movable window and a player."""
        sound = _sound(sample)
        clip(
            sound.original,
            key="clip",
            label="The window that the model reads" if longer(sound) else "The whole sound, which the model read",
            duration=sound.duration,
            window=(sound.start, sound.stop),
            bottom=ruler(time_axis(0.0, sound.duration)),
            on_move=begin_at,
        )
        if longer(sound):  # else the player of the model input plays all of it
            _player(case)
        st.caption(_read_part(sound))

    def canvas(self, sample: Sample, shown: BlockMap | None = None) -> dict[str, Any]:
        """The places of the cells; around a map also rulers of time and frequency, and its profiles along both."""
        places = grid(_sound(sample))
        if shown is None:
            return {"grid": places}
        axes = DRAWING.axes(sample)
        return {
            "grid": places,
            "left": ruler(axes.left) if axes.left else None,
            "bottom": ruler(axes.bottom),
            "fill": True,
            "below": _profiles([shown], -1),
            "beside": _profiles([shown], 0) if shown.values.ndim > 1 else None,
        }

    def profiles(self, maps: Sequence[BlockMap], tiles: Sequence[Tile]) -> Profiles | None:
        """The profile of every map over time."""
        found, rows = _profiles(maps, -1), iter(range(len(maps)))
        nothing = np.zeros_like(found.values[0])
        values = np.stack([nothing if tile.empty else found.values[next(rows)] for tile in tiles])
        return dataclasses.replace(found, values=values)


def _profiles(maps: Sequence[BlockMap], axis: int) -> Profiles:
    """The profiles of maps along one axis, on one scale: of attention weights as multiples of uniform."""
    what = maps[0].range
    weights = what.what == "probability"
    values = np.stack([axis_means(one.values, axis) * (one.values.size if weights else 1) for one in maps])
    uniform = 1.0 if weights and not what.signed else None
    return Profiles(values, min(0.0, float(values.min())), max(uniform or 0.0, float(values.max())), uniform)


def _player(case: Case) -> None:
    """The player of the whole file."""
    kind = inference.file_kind(case)
    if kind and kind.mime.startswith(("audio/", "video/")):
        # Only the sound of a video is played.
        st.audio(case.data, format=kind.mime.replace("video/", "audio/"), alt="The whole sound")
    else:
        st.caption(f"Browsers do not play this file{f' ({kind.words})' if kind else ''}.")


def _sound(sample: Sample) -> Sound:
    return cast(Sound, sample)


def _read_part(sound: Sound) -> str:
    if not longer(sound):
        return f"The model read all of it{padding_text(sound)}."
    until = min(sound.stop, sound.duration)
    return (
        f"The model read the framed part, {clock(sound.start)} to {clock(until)} of {clock(sound.duration)}"
        f"{padding_text(sound)}. "
        "Drag the frame, or use the arrow keys on it, to read another."
    )
