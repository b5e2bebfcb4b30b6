"""Notes played from a sound font (SF2) by FluidSynth, without reverberation or chorus."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float32

from perceiver.errors import DataError

from .notes import Note

RATE = 48_000
"""Samples a second that banks are played at, thrice those of the data: samplers do not filter before they fold."""

_GAIN = 0.3
_DRUM_BANK = 128
_BLOCK = 64  # samples that FluidSynth computes at once, and to which it moves every event
_FADE = 32  # blocks, 43 ms; a voice that is cut off fades for some 10 ms
_BEND_RANGE, _BEND_STEPS = 200.0, 8192  # cents and steps of the wheel to either side
_PROGRAMS = 128


def require_player() -> Any:
    """FluidSynth's Python module. Raises DataError, saying what to install, when it or its library is missing."""
    try:
        return importlib.import_module("fluidsynth")
    except ModuleNotFoundError:
        missing = "pyfluidsynth; install it with `pip install 'perceiver-lens[data]'`"
    except ImportError:
        missing = "the FluidSynth library; install it with `apt-get install libfluidsynth3`"
    raise DataError(f"building the sound data needs {missing}")


class SoundFont:
    """An open sound font. Use it in a `with` block. Raises DataError when the file is none."""

    def __init__(self, path: Path) -> None:
        self._synth = require_player().Synth(
            gain=_GAIN, samplerate=float(RATE), **{"synth.reverb.active": 0, "synth.chorus.active": 0}
        )
        self._font = self._synth.sfload(str(path))
        if self._font < 0:
            self._synth.delete()
            raise DataError(f"{path} is no sound font that FluidSynth can read")

    def __enter__(self) -> SoundFont:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._synth.delete()

    def programs(self, *, drums: bool) -> set[int]:
        """The programs, or the drum kits, that the font has."""
        bank = _DRUM_BANK if drums else 0
        return {p for p in range(_PROGRAMS) if self._synth.sfpreset_name(self._font, bank, p) is not None}

    def keys(self) -> range:
        """The keys of drums that a kit may have: which of them sound is heard only."""
        return range(128)

    def play(self, note: Note, seconds: float) -> Float32[np.ndarray, " samples"]:
        """A note from the press of its key on, RATE samples a second, mono, 1 being full scale.

        What is missing in the font is silent.
        """
        total = -(-round(seconds * RATE) // _BLOCK)
        down = min(round(note.held * RATE / _BLOCK), total)
        self._synth.system_reset()
        self._blocks(_FADE)
        self._synth.program_select(0, self._font, _DRUM_BANK if note.drum else 0, note.program)
        self._synth.pitch_bend(0, round(note.cents / _BEND_RANGE * _BEND_STEPS))
        self._synth.noteon(0, note.key, note.velocity)
        first = self._blocks(down)
        self._synth.noteoff(0, note.key)
        return np.concatenate([first, self._blocks(total - down)])[: round(seconds * RATE)]

    def _blocks(self, count: int) -> Float32[np.ndarray, " samples"]:
        """The next blocks of what is sounding, mono."""
        stereo = self._synth.get_samples(count * _BLOCK).reshape(-1, 2)
        return stereo.mean(axis=1, dtype=np.float32) / np.float32(1 << 15)
