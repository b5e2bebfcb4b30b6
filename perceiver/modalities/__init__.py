"""Modalities: how files of one sort become samples, and how maps find their way back. Each is one object here."""

from __future__ import annotations

from ..errors import ConfigError
from ..sample import Sample
from .audio import AudioModality
from .audiovisual import AudiovisualModality
from .base import Box, Modality, printable
from .image import ImageModality
from .kinds import Kind, identify, sniff
from .options import Option, settle
from .points import PointsModality
from .scanning import Scannable, Window, Windows

__all__ = [
    "AudioModality",
    "AudiovisualModality",
    "Box",
    "ImageModality",
    "Kind",
    "Modality",
    "Option",
    "PointsModality",
    "Scannable",
    "Window",
    "Windows",
    "axes",
    "get",
    "identify",
    "names",
    "printable",
    "settle",
    "sniff",
]

_MODALITIES: dict[str, Modality] = {
    modality.name: modality for modality in (ImageModality(), AudioModality(), PointsModality(), AudiovisualModality())
}


def axes(sample: Sample) -> tuple[str, ...]:
    """The names of the axes that a sample's positions lie on: "rows" and "cols", "time" and "frequency"; of
    parts "audio_time", "video_rows"; of free elements "x", "y" and "z"."""
    if sample.coordinates is not None:
        return tuple("xyzw"[: sample.coordinates.shape[1]])
    return tuple(get(sample.modality).places(sample))


def names() -> tuple[str, ...]:
    """The names of all modalities."""
    return tuple(_MODALITIES)


def get(name: str) -> Modality:
    """The modality of this name. Raises ConfigError when there is none."""
    if name not in _MODALITIES:
        raise ConfigError(f"modality is {name!r}; it must be one of {', '.join(_MODALITIES)}")
    return _MODALITIES[name]
