"""The data sets that training needs, built from packages, or read from a folder."""

from __future__ import annotations

from .audio import build_audio
from .image import build_image, default_folder
from .modelnet import is_modelnet, read_modelnet
from .points import build_points

__all__ = ["build_audio", "build_image", "build_points", "default_folder", "is_modelnet", "read_modelnet"]
