"""The data sets that training needs, built from packages of free 3D models and textures."""

from __future__ import annotations

from .image import build_image, default_folder

__all__ = ["build_image", "default_folder"]
