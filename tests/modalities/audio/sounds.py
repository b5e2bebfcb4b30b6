"""Sound files for the tests, written by soundfile and PyAV, and what is heard in them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from perceiver.modalities.audio.modality import AudioModality, AudioSample

AUDIO = AudioModality()
MEL = {"features": "mel"}


def tone(
    seconds: float = 1.0, rate: int = 16_000, hertz: float | np.ndarray = 440.0, amplitude: float = 0.5
) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(samples: np.ndarray, rate: int = 16_000, format: str = "WAV", subtype: str | None = None) -> bytes:
    """A file of (n,) or (n, channels) samples by soundfile; WAV is 16-bit with its data size at byte 40."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=format, subtype=subtype)
    return out.getvalue()


def encode(
    samples: np.ndarray,
    rate: int,
    container: str,
    codec: str,
    *,
    tracks: int = 1,
    picture: bool = False,
    **options: str,
) -> bytes:
    """A file of mono samples by PyAV, with as many equal sound tracks as wanted and a picture track beside them."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=options) as file:
        video = file.add_stream("mpeg4", rate=25, width=32, height=32) if picture else None
        streams = [file.add_stream(codec, rate=rate, layout="mono") for _ in range(tracks)]
        for at in range(0, len(samples) if streams else 0, 960):
            for stream in streams:
                part = samples[None, at : at + 960].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = rate, at
                file.mux(stream.encode(frame))
        for number in range(25 if video else 0):
            assert video is not None
            still = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            still.pts = number
            file.mux(video.encode(still))
        for stream in [*streams, *([video] if video else [])]:
            file.mux(stream.encode(None))
    return out.getvalue()


def patch(data: bytes, at: int, value: int) -> bytes:
    """The data with a 32-bit little-endian number written over them."""
    return data[:at] + struct.pack("<I", value) + data[at + 4 :]


def read(data: bytes, name: str = "a.wav", start: float | str = 0, **preprocess: object) -> AudioSample:
    """A raw window of one second at 16 kHz, unscaled unless told otherwise."""
    settings = {"peak": None, "patch": 100, **preprocess}
    return AUDIO.read(data, name, shape=(160,), preprocess=settings, options={"start": start})


def memory_growth(run: Callable[[], object]) -> int:
    """By how many bytes the process's memory peaks above where it was, native libraries included."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        pytest.skip("the system does not tell a process's peak of memory")
    reset.write_text("5")
    before = _memory("VmRSS")
    run()
    return _memory("VmHWM") - before


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def strongest(samples: np.ndarray, rate: int = 16_000) -> float:
    """The frequency of the strongest bin, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def noted(sample: AudioSample, words: str) -> bool:
    return any(words in note for note in sample.notes)


def placed(
    parts: list[tuple[float, np.ndarray]],
    rate: int,
    container: str,
    codec: str,
    *,
    picture: float = 0.0,
    **options: str,
) -> bytes:
    """A file by PyAV whose time stamps begin each part of mono samples at its own time.

    parts    (seconds, samples)
    picture  seconds of a picture track from 0 on
    """
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        video = file.add_stream("mpeg4", rate=25, width=32, height=32) if picture else None
        for start, samples in parts:
            for at in range(0, len(samples), 960):
                part = samples[None, at : at + 960].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate) + at, Fraction(1, rate)
                file.mux(stream.encode(frame))
        for number in range(round(25 * picture)):
            assert video is not None
            still = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            still.pts = number
            file.mux(video.encode(still))
        for one in [stream, *([video] if video else [])]:
            file.mux(one.encode(None))
    return out.getvalue()
