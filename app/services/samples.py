"""Bundled samples, and what each modality reads."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from perceiver import modalities
from perceiver.checkpoints.bundled import BundledCheckpoints, BundledSample
from perceiver.modalities import AxisWords, Description, Option


@dataclass(frozen=True)
class GallerySample:
    """A bundled sample with its bytes and their SHA-256."""

    about: BundledSample
    digest: str
    data: bytes = field(repr=False)


def digest(data: bytes) -> str:
    """The SHA-256 of an input, which identifies it everywhere."""
    return hashlib.sha256(data).hexdigest()


@st.cache_resource(show_spinner=False, max_entries=8)
def bundled(modality: str, labels: tuple[str, ...] = ()) -> Mapping[str, GallerySample]:
    """The bundled samples of a modality by name, of a model's own data where there are some with its labels.

    Raises CheckpointError when their index is damaged.
    """
    out = {}
    for about in BundledCheckpoints().samples(modality, labels):
        data = about.read()
        out[about.name] = GallerySample(about, digest(data), data)
    _digests.update(sample.digest for sample in out.values())
    return out


_digests: set[str] = set()
_drawn: deque[str] = deque(maxlen=1000)


def note_drawing(digest: str) -> None:
    """Notes the digest of a picture that this process has rendered from strokes."""
    _drawn.append(digest)


def is_own(digest: str) -> bool:
    """Whether an input is a bundled sample that a page has listed, or a drawing: not a file that a visitor sent."""
    return digest in _digests or digest in _drawn


def extensions(modality: str) -> tuple[str, ...]:
    """The file endings of a modality."""
    return modalities.get(modality).extensions


def options(modality: str) -> tuple[Option, ...]:
    """The reading options of a modality."""
    return modalities.get(modality).options


def describe(modality: str) -> Description:
    """What a modality and its inputs are called."""
    return modalities.describe(modality)


def axis_words(axis: str) -> AxisWords:
    """What an axis of an input is called, by its name in exports."""
    return modalities.axis_words(axis)
