"""Windows over a whole sound, for predictions over time. It is decoded once, as a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import soxr
from jaxtyping import Float32

from ...errors import OptionError
from ..scanning import Window
from .decode import SoundFile, input_errors
from .features import SILENCE, content
from .overview import Overview
from .settings import AudioSettings
from .stream import centred, clean, mono
from .window import clip_notes


class Scan:
    """The windows of a clip in order. `len()` tells how many there are; each iteration decodes the clip anew.

    every  seconds from one window's start to the next; None puts them end to end

    The last window reaches the end of the clip and is filled with silence. Iterating raises InputError where the file
    cannot be decoded.
    """

    def __init__(self, file: SoundFile, clip: Overview, settings: AudioSettings, every: float | None = None) -> None:
        every = settings.seconds if every is None else every
        if not (math.isfinite(every) and every > 0):
            raise OptionError(f"windows cannot begin every {every:g} s; the time between them must be above 0")
        self._file, self._clip, self._settings = file, clip, settings
        self._step = max(round(every * settings.rate), 1)
        self._total = -(-clip.frames * settings.rate // clip.rate)

    @property
    def seconds(self) -> float:
        """The length of a window."""
        return self._settings.seconds

    @property
    def duration(self) -> float:
        """The length of the clip."""
        return self._clip.seconds

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed on the way in, one sentence each."""
        notes = tuple(clip_notes(self._clip, self._settings))
        missing = (len(self) - 1) * self._step + self._settings.samples - self._total
        filled = f"filled the end of the last window, {missing / self._settings.rate:,.2f} s, with silence"
        return (*notes, filled) if missing > 0 else notes

    def __len__(self) -> int:
        to_the_end = 1 + max(math.ceil((self._total - self._settings.samples) / self._step), 0)
        # With gaps between the windows the last one would begin after the end.
        return min(to_the_end, math.ceil(self._total / self._step))

    def __iter__(self) -> Iterator[Window]:
        samples, origin, held = self._settings.samples, 0, np.empty(0, np.float32)
        pieces = self._resampled()
        for start in range(0, len(self) * self._step, self._step):
            while origin + len(held) < start + samples and (piece := next(pieces, None)) is not None:
                held = np.concatenate([held, piece])
                passed = min(start - origin, len(held))
                held, origin = held[passed:], origin + passed
            here = held[start - origin : start - origin + samples]
            yield self._window(start, np.pad(here, (0, samples - len(here))))

    def _window(self, start: int, waveform: Float32[np.ndarray, "samples"]) -> Window:
        import torch

        settings = self._settings
        return Window(
            start=start / settings.rate,
            content=content(torch.from_numpy(waveform)[None], settings)[0],
            silent=float(np.abs(waveform).max()) <= SILENCE,
        )

    def _resampled(self) -> Iterator[Float32[np.ndarray, "_"]]:
        """The clip at the model's rate, piece by piece."""
        source, target = self._clip.rate, self._settings.rate
        if source == target:
            yield from self._mono()
            return
        stream = soxr.ResampleStream(source, target, 1, dtype="float32")
        for samples in self._mono():
            yield stream.resample_chunk(samples)
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)

    def _mono(self) -> Iterator[Float32[np.ndarray, "_"]]:
        with input_errors(self._file):
            at, file, clip = 0, self._file, self._clip
            for block in file.open(clip.decoder).blocks():
                yield centred(mono(clean(block)[0], file.channel), at, clip.offset, clip.gaps)
                at += len(block)
