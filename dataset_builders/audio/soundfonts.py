"""Renders notes from a sound font (SF2) with FluidSynth, without reverberation or chorus."""

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
"""Sample rate of rendering in Hz, three times that of the data, since samplers alias."""

_GAIN = 0.3
_DRUM_BANK = 128
_BLOCK = 64  # samples per block of FluidSynth, to which events are aligned
_FADE = 32  # blocks, 43 ms; a stopped voice fades for about 10 ms
_BEND_RANGE, _BEND_STEPS = 200.0, 8192  # cents and steps of the wheel to either side
_PROGRAMS = 128


def require_player() -> Any:
    """The Python module of FluidSynth. Raises DataError, naming what to install, if it or its library is missing."""
    try:
        return importlib.import_module("fluidsynth")
    except ModuleNotFoundError:
        missing = "pyfluidsynth; install it with `pip install 'perceiver-lens[data]'`"
    except ImportError:
        missing = "the FluidSynth library; install it with `apt-get install libfluidsynth3`"
    raise DataError(f"building the sound data needs {missing}")


class SoundFont:
    """An open sound font. Use it in a `with` block. Raises DataError if the file is not a sound font."""

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
        """The available programs, or drum kits."""
        bank = _DRUM_BANK if drums else 0
        return {p for p in range(_PROGRAMS) if self._synth.sfpreset_name(self._font, bank, p) is not None}

    def keys(self) -> range:
        """The possible keys of drums; which of them a kit has is only known from rendering."""
        return range(128)

    def play(self, note: Note, seconds: float) -> Float32[np.ndarray, " samples"]:
        """Renders a note from its onset at RATE samples per second, mono, with 1 as full scale.

        Notes that the font lacks are silent.
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
        """The next rendered blocks, mono."""
        stereo = self._synth.get_samples(count * _BLOCK).reshape(-1, 2)
        return stereo.mean(axis=1, dtype=np.float32) / np.float32(1 << 15)
