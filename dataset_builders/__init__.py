"""The data sets that training needs, built from packages."""

from __future__ import annotations

from .audio import build_audio
from .image import build_image
from .points import build_points

__all__ = ["build_audio", "build_image", "build_points"]
