"""The checkpoints that can be looked at: their names, cards and configurations, and the models that are in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache

import streamlit as st
import torch

from perceiver.checkpoints import load
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.checkpoints.cards.card import Card
from perceiver.checkpoints.cards.results import Results
from perceiver.config import PerceiverConfig
from perceiver.errors import CheckpointError
from perceiver.lens.isolated import worker_processes
from perceiver.model import Perceiver, count_parameters
from perceiver.positions import Positions
from perceiver.progress import ProgressCallback

from . import checkpoints
from .caching import BoundedCache
from .queueing import Progress, queue

HELD = 4
"""Models held in memory: as many as can be compared. One of DeepMind's takes 200 MB."""


@st.cache_data(show_spinner=False, ttl=60)
def _bundled(kinds: tuple[str, ...]) -> Mapping[str, str]:
    return {name: kind for kind in kinds for name in BundledCheckpoints().names(kind)}


def available(kinds: tuple[str, ...]) -> Mapping[str, str]:
    """The checkpoints of some modalities by key, each with its modality: bundled ones, then those that this session
    opened.

    Raises CheckpointError when a configuration is damaged.
    """
    mine = {one.key: one.config.modality for one in checkpoints.mine()}
    return {**_bundled(kinds), **{key: kind for key, kind in mine.items() if kind in kinds}}


def is_bundled(key: str) -> bool:
    """Whether a checkpoint comes with the project: these are small, and run in a fraction of a second."""
    return checkpoints.known(key) is None


def display_name(key: str) -> str:
    """The name of a checkpoint on the page."""
    return checkpoints.called(key)


@st.cache_data(show_spinner=False, max_entries=32)
def card(key: str) -> Card:
    """The card of a checkpoint. Raises CheckpointError when it has none."""
    one = checkpoints.known(key)
    return BundledCheckpoints().card(key) if one is None else one.card()


def results(key: str) -> Results | None:
    """The accuracy of a checkpoint on held-out inputs, None where it is not known.

    Raises CheckpointError when a bundled one has no card.
    """
    try:
        return card(key).results
    except CheckpointError:
        if checkpoints.known(key) is None:
            raise
        return None


@st.cache_data(show_spinner=False, max_entries=64, ttl=60)
def other_seeds(key: str) -> tuple[str, ...]:
    """The bundled checkpoints of the recipe of a checkpoint that were trained with another seed."""
    try:
        trained = results(key)
    except CheckpointError:
        return ()
    return () if trained is None else BundledCheckpoints().other_seeds(trained, stored_config(key))


@cache
def _prepare_torch() -> None:
    # One inference at a time uses all cores this process may run on; a bound set from outside stands.
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@st.cache_resource(show_spinner=False)
def _held() -> BoundedCache[Perceiver]:
    return BoundedCache(HELD)


def _load(key: str, report: ProgressCallback | None = None) -> Perceiver:
    _prepare_torch()
    one = checkpoints.known(key)
    if one is not None:
        return load(one.source.location(), options=one.arguments, workers=worker_processes(), progress=report)
    if key not in BundledCheckpoints().names():
        raise CheckpointError("this checkpoint is no longer open here", "open it again")
    return load(key)


def get(key: str) -> Perceiver:
    """The model of a checkpoint, which all visitors share; loaded again where it was dropped from memory.

    Raises CheckpointError when it cannot be opened.
    """
    return _held().get(key, lambda: _load(key))


def release(keys: Sequence[str]) -> None:
    """Drops models from memory; those that are in use end with their use."""
    for key in keys:
        _held().drop(key)


def prepare(key: str, progress: Progress) -> None:
    """Loads a checkpoint that a visitor opened, queued and with progress, as large ones take seconds.

    Raises CheckpointError when it cannot be opened.
    """
    if key in _held() or checkpoints.known(key) is None:
        return

    def report(share: float | None, words: str) -> None:
        progress.step(share or 0.0, words)

    progress.step(0.0, f"Opening {display_name(key)}")
    with queue.turn(progress.wait):
        _held().get(key, lambda: _load(key, report))


def config(key: str) -> PerceiverConfig:
    """The configuration of a checkpoint whose weights are loaded. Raises CheckpointError when it cannot be opened."""
    one = checkpoints.known(key)
    return get(key).config if one is None else one.config


@st.cache_data(show_spinner=False, max_entries=32, ttl=60)
def _stored(key: str) -> PerceiverConfig:
    return BundledCheckpoints().config(key)


def stored_config(key: str) -> PerceiverConfig:
    """The configuration of a checkpoint, without loading it. Raises CheckpointError when it is damaged."""
    one = checkpoints.known(key)
    return _stored(key) if one is None else one.config


def encoding(key: str) -> Positions:
    """The position encoding of a model. Raises CheckpointError when it cannot be opened."""
    return get(key).encoding


def encoding_label(config: PerceiverConfig) -> str:
    """The position encoding of a model in a few words."""
    label = config.positions_label
    return label[:1].upper() + label[1:]


@st.cache_data(show_spinner=False, max_entries=32)
def parameters(key: str) -> int:
    """The number of parameters of a checkpoint. Raises CheckpointError when it cannot be opened."""
    known = results(key)
    return known.parameters if known else count_parameters(get(key))


def weights_sha256(key: str) -> str | None:
    """The SHA-256 of a checkpoint's weights, for exports; None where its card does not hold it."""
    if checkpoints.known(key) is not None:
        return checkpoints.digest(key)
    known = results(key)
    return known.sha256 or None if known else None
