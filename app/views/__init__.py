"""Views: how the inputs and maps of each modality are shown. Each is one object in one registry."""

from __future__ import annotations

from .audio import AudioView
from .base import ModalityView
from .image import ImageView
from .points import PointsView
from .video import VideoView

_ALL: tuple[ModalityView, ...] = (ImageView(), AudioView(), PointsView(), VideoView())
VIEWS = {view.modality: view for view in _ALL}


def get(modality: str) -> ModalityView:
    """The view of a modality. Raises KeyError for one that cannot be shown yet."""
    return VIEWS[modality]


def names() -> tuple[str, ...]:
    """The modalities that can be shown."""
    return tuple(VIEWS)
