"""Registry of the views, which draw the inputs and maps of each modality."""

from __future__ import annotations

from .audio import AudioView
from .base import ModalityView
from .image import ImageView
from .points import PointsView
from .video import VideoView

_ALL: tuple[ModalityView, ...] = (ImageView(), AudioView(), PointsView(), VideoView())
VIEWS = {view.modality: view for view in _ALL}


def get(modality: str) -> ModalityView:
    """The view of a modality. Raises KeyError if it has none."""
    return VIEWS[modality]


def names() -> tuple[str, ...]:
    """The names of the modalities with a view."""
    return tuple(VIEWS)
