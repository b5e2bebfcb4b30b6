"""Registry of the views, which draw the inputs and maps of each modality."""

from __future__ import annotations

from perceiver.plots.drawing.audiovisual import AudiovisualDrawing
from perceiver.plots.drawing.video import VideoDrawing

from .audio import AudioView
from .base import ModalityView
from .clip import ClipView
from .image import ImageView
from .points import PointsView

_ALL: tuple[ModalityView, ...] = (
    ImageView(),
    AudioView(),
    PointsView(),
    ClipView(AudiovisualDrawing()),
    ClipView(VideoDrawing()),
)
VIEWS = {view.modality: view for view in _ALL}


def get(modality: str) -> ModalityView:
    """The view of a modality. Raises KeyError if it has none."""
    return VIEWS[modality]


def names() -> tuple[str, ...]:
    """The names of the modalities with a view."""
    return tuple(VIEWS)
