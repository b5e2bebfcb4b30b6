"""The data sets that training needs, built from packages."""

from __future__ import annotations

from .audio import build_audio
from .digits import build_digits
from .image import build_image
from .letters import build_letters
from .points import build_points

__all__ = ["build_audio", "build_digits", "build_image", "build_letters", "build_points"]
