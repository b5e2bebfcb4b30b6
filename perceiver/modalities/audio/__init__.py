"""Sounds: a sound file -> the window a model reads, as patches of samples or as a log-mel spectrogram."""

from __future__ import annotations

from .audio import AudioModality
from .sample import AudioSample
from .scan import Scan, Window
from .settings import AudioSettings

__all__ = ["AudioModality", "AudioSample", "AudioSettings", "Scan", "Window"]
