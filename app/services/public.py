"""What visitors may do: everything if the app serves this machine alone, less on a public server (`--public`)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from perceiver.errors import CheckpointError, InputError
from perceiver.sample import Sample

PUBLIC = "PERCEIVER_PUBLIC"
"""Set to 1, it makes the app a public one."""

ALLOWED = "PERCEIVER_HUB_ALLOWED"
"""The repositories of the hub that visitors of a public server may open, `owner/name` or `owner/*`, with commas between
them; by default, the suggested ones."""

SUGGESTED = (
    "deepmind/vision-perceiver-fourier",
    "deepmind/vision-perceiver-learned",
    "deepmind/vision-perceiver-conv",
    "deepmind/multimodal-perceiver",
    "krasserm/perceiver-io-img-clf",
    "krasserm/perceiver-io-img-clf-mnist",
)
"""Repositories of the hub that the app suggests."""


@dataclass(frozen=True)
class Limits:
    """The bounds of what visitors may do.

    input_megabytes       of an uploaded input
    checkpoint_megabytes  of the files of an uploaded checkpoint; DeepMind's take up to 250. The server's own bound is
                          `server.maxUploadSize`
    fetched_bytes         of weights from the hub
    clip_seconds          of a sound or a video; None without a bound
    kept_bytes            of the uploads that are kept for one browser across reloads
    kept_bytes_in_all     of those that are kept for all
    kept_seconds          for which an upload is kept after its last use
    """

    input_megabytes: int = 200
    checkpoint_megabytes: int = 400
    fetched_bytes: int = 1_500_000_000
    clip_seconds: float | None = None
    kept_bytes: int = 100_000_000
    kept_bytes_in_all: int = 200_000_000
    kept_seconds: float = 3600.0


_OWN = Limits()
_PUBLIC = Limits(
    input_megabytes=25,
    checkpoint_megabytes=100,
    fetched_bytes=500_000_000,
    clip_seconds=600.0,
    kept_bytes=25_000_000,
    kept_seconds=900.0,
)


def is_on(name: str) -> bool | None:
    """Whether an environment variable says yes; None where it is not set."""
    said = os.environ.get(name)
    return None if said is None else said.strip().lower() in ("1", "true", "yes", "on")


def is_public() -> bool:
    """Whether the app serves visitors whom nobody knows."""
    return bool(is_on(PUBLIC))


def limits() -> Limits:
    """The bounds that hold here."""
    return _PUBLIC if is_public() else _OWN


def may_open(repository: str) -> bool:
    """Whether visitors may open a repository of the hub."""
    if not is_public():
        return True
    said = os.environ.get(ALLOWED)
    allowed = SUGGESTED if said is None else [one.strip() for one in said.split(",")]
    return repository in allowed or f"{repository.partition('/')[0]}/*" in allowed


def suggested() -> tuple[str, ...]:
    """Repositories to suggest."""
    return tuple(filter(may_open, SUGGESTED))


def check_repository(repository: str) -> None:
    """Raises CheckpointError for a repository that visitors may not open."""
    if not may_open(repository):
        raise CheckpointError(
            f"{repository} cannot be opened on this public server",
            "run the app on your own machine, or upload its files",
        )


def check_size(name: str, data: bytes) -> None:
    """Raises InputError for a file that is larger than an input may be."""
    most = limits().input_megabytes
    if len(data) > most * 10**6:
        raise InputError(f"{name} has {len(data) / 1e6:,.1f} MB, and at most {most} MB are taken")


def check_length(sample: Sample) -> None:
    """Raises InputError for a sound or a video that is too long."""
    most, seconds = limits().clip_seconds, getattr(sample, "duration", None)
    if most is not None and seconds is not None and seconds > most:
        raise InputError(
            f"{sample.name} lasts {seconds:,.0f} s, and this public server takes at most {most:,.0f} s; cut it first"
        )
