"""The view of images and their maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import numpy as np
import streamlit as st
from jaxtyping import UInt8
from PIL import Image

from perceiver.plots.drawing.image import ImageDrawing
from perceiver.plots.overlay import on_original, png
from perceiver.sample import Sample

from ..services.inference import Case
from ..session import state
from .base import Recorder, Suggestion, file_recorder
from .grid import GridView

SIDE = 256
"""Longest side of the original, in CSS pixels."""


IMAGENET = "deepmind/vision-perceiver-fourier"


class Framed(Protocol):
    """The fields of an image sample that tell which frame of its file it is."""

    frame: int
    frames: int


class ImageView(GridView):
    """Images: maps are drawn over their cells, row 0 at the top, with nearest-neighbour interpolation."""

    drawing = ImageDrawing()
    modality = drawing.modality
    drawable = True
    spot = "spot"
    over_input = True
    recorder: Recorder | None = Recorder("Camera", "A photograph", file_recorder(st.camera_input))
    suggestion: Suggestion | None = Suggestion(
        IMAGENET,
        "Try an ImageNet model",
        "DeepMind’s Perceiver for photographs with 1,000 classes: 250 MB, fetched once from the Hugging Face hub when "
        f"you confirm it. `perceiver fetch {IMAGENET}` fetches it beforehand, for use without a network.",
    )

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """The centre crop, resized to 128 x 128 pixels."""
        picture = Image.fromarray(sample.original)
        square = min(picture.size)
        left, top = (picture.width - square) // 2, (picture.height - square) // 2
        box = (left, top, left + square, top + square)
        return np.asarray(picture.resize((128, 128), Image.Resampling.BICUBIC, box=box))

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """The frame, if the file has several."""
        framed = cast(Framed, sample)
        if framed.frames == 1:
            return
        st.session_state["read_frame"] = framed.frame + 1
        st.number_input(
            f"Frame (1 to {framed.frames:,})",
            1,
            framed.frames,
            step=1,
            key="read_frame",
            on_change=_show_frame,
            help="Frames of an animation, pages of a document.",
        )

    def beyond(self, case: Case, sample: Sample) -> None:
        """Nothing: the whole image is shown already."""

    def element(self, index: int, sample: Sample) -> str:
        """Row and column, from 1."""
        row, column = divmod(index, sample.shape[1])
        return f"row {row + 1}, column {column + 1}"

    def original(self, case: Case, sample: Sample) -> None:
        """The whole image; the part outside the model input is dimmed and hatched."""
        st.image(
            _whole(case.model, case.key, sample),
            width=max(1, round(SIDE * sample.original.shape[1] / max(sample.original.shape[:2]))),
            alt=f"The whole picture. {_read_part(sample)}",
        )
        st.caption(_read_part(sample))


def _show_frame() -> None:
    """Callback: reads the frame that was chosen."""
    state.choose("frame", str(st.session_state["read_frame"]))


@st.cache_data(show_spinner=False, max_entries=32)
def _whole(model: str, key: str, _sample: Sample) -> bytes:
    return png(on_original(_sample, np.zeros_like(_sample.seen), strength=0.0, longest=2 * SIDE))


def _read_part(sample: Sample) -> str:
    whole = all(
        start <= 0 and stop >= length
        for (start, stop), length in zip(sample.box, sample.original.shape[:2], strict=True)
    )
    return "The model read all of it." if whole else "The model read the framed part, not the hatched one."
