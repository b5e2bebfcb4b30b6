"""Clips: a video file -> the frames and the sound that a model reads together, and maps laid back on the frames."""

from __future__ import annotations

from .modality import AudiovisualModality
from .sample import ClipSample
from .settings import ClipSettings

__all__ = ["AudiovisualModality", "ClipSample", "ClipSettings"]
