"""Sounds of actions: recorded effects of 0 A.D., laid into a window of background noise."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32, Int16

from perceiver.errors import DataError

from .motions import CLASSES

FOLDER = "audio/"

_STEPS = r"actor/singlesteps/.*"
_HOOVES = r"actor/mounted/movement/.*|actor/singlesteps/fs_(rock|gravel|wood).*"
_CALLS = r"actor/fauna/animal/(?!.*(attack|death)).*"
# The files of each class below `FOLDER`; none for a class that is silent.
_FILES = {
    "animal attack": r"actor/fauna/animal/.*attack.*",
    "animal death": r"actor/fauna/death/.*|actor/fauna/animal/.*death.*",
    "animal idle": _CALLS,
    "animal run": _HOOVES,
    "animal walk": _HOOVES,
    "death": r"actor/human/death/.*",
    "melee attack": r"attack/weapon/(sword|spear|pike).*|attack/impact/shield.*",
    "ranged attack": r"attack/weapon/(bow|sling|jav|arrowfly).*",
    "run": _STEPS,
    "walk": _STEPS,
}
# Seconds from one step to the next; a running human and a walking animal are hardly told apart by it.
_PERIODS = {"animal run": 0.14, "animal walk": 0.29, "run": 0.31, "walk": 0.5}
_STEP = 0.3  # seconds of a step's sound at most
_DIFFERENT = 3  # sounds of steps in a clip, at most
_LATEST = 0.35  # seconds at which a single sound begins at the latest
_QUIET = 0.01  # of the peak: what is quieter at the ends is cut off
_SHORTEST = 0.025  # seconds
_NOISE = (-3.0, -1.3)  # power of ten of the standard deviation of the background noise
_PEAK = 26_000


def files_of(label: int, paths: Iterable[str]) -> list[str]:
    """The sounds of a class among the paths of the archive, sorted."""
    pattern = _FILES.get(CLASSES[label])
    if pattern is None:
        return []
    wanted = re.compile(FOLDER + f"({pattern})", re.IGNORECASE)
    return sorted(path for path in paths if path.endswith(".ogg") and wanted.fullmatch(path))


def is_effect(path: str) -> bool:
    """Whether a file of the archive is a sound of some class."""
    return any(files_of(label, [path]) for label in range(len(CLASSES)))


def read_effect(path: str, data: bytes, rate: int) -> Float32[np.ndarray, " samples"] | None:
    """A sound as mono samples with a peak of 1, without silence at its ends; None where nothing is left.

    Raises DataError for what is no sound.
    """
    try:
        samples, found = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path} is no sound that can be read: {error}") from None
    mono = soxr.resample(samples.mean(axis=1), found, rate).astype(np.float32)
    peak = float(np.abs(mono).max(initial=0.0))
    loud = np.flatnonzero(np.abs(mono) > _QUIET * peak)
    if peak < 1e-3 or loud[-1] - loud[0] < _SHORTEST * rate:
        return None
    return mono[loud[0] : loud[-1] + 1] / peak


def soundtrack(
    label: int, effects: Sequence[Float32[np.ndarray, " samples"]], count: int, rate: int, rng: np.random.Generator
) -> Int16[np.ndarray, " count"]:
    """`count` samples of a clip of a class: steps in its rhythm, or one of the effects; then noise over all of it."""
    track = np.zeros(count, np.float32)
    period = _PERIODS.get(CLASSES[label])
    if period is not None:
        chosen = [effects[int(i)] for i in rng.permutation(len(effects))[:_DIFFERENT]]
        pace = period * rng.uniform(0.85, 1.15)
        moment = rng.uniform(0, pace)
        while moment < count / rate:
            step = chosen[int(rng.integers(len(chosen)))][: int(_STEP * rate)]
            _lay(track, step * rng.uniform(0.4, 1.0), int(moment * rate))
            moment += pace * rng.uniform(0.92, 1.08)
    elif effects:
        effect = effects[int(rng.integers(len(effects)))]
        _lay(track, effect * rng.uniform(0.5, 1.0), int(rng.uniform(0, _LATEST) * rate))
    track += rng.standard_normal(count).astype(np.float32) * np.float32(10 ** rng.uniform(*_NOISE))
    return (track / max(1.0, float(np.abs(track).max())) * _PEAK).astype(np.int16)


def _lay(track: Float32[np.ndarray, " count"], effect: Float32[np.ndarray, " samples"], first: int) -> None:
    length = min(len(effect), len(track) - first)
    track[first : first + length] += effect[:length]
