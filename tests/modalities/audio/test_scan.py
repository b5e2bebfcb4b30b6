"""A whole clip window after window."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
import torch

from perceiver import InputError
from perceiver.modalities.audio.scan import Scan
from tests.modalities.audio.sounds import AUDIO, encode, memory_growth, tone, write

RAW = {"peak": None}


def scan(data: bytes, every: float | None = None) -> Scan:
    return AUDIO.scan(data, "a.wav", shape=(125,), preprocess=RAW, every=every)


@pytest.mark.parametrize(
    ("seconds", "every", "starts"),
    [
        (3.0, None, [0, 1, 2]),
        (3.1, None, [0, 1, 2, 3]),
        (2.0, 0.5, [0, 0.5, 1]),
        (2.1, 0.5, [0, 0.5, 1, 1.5]),
        (0.2, 0.5, [0]),
        (4.0, 1.5, [0, 1.5, 3]),
        (4.1, 2.5, [0, 2.5]),
        (5.0, 2.5, [0, 2.5]),
    ],
)
def test_windows_cover_the_clip_to_its_end(seconds: float, every: float | None, starts: list[float]) -> None:
    clip = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
    windows = scan(write(clip, subtype="FLOAT"), every)
    found = list(windows)
    assert len(windows) == len(found)
    assert [window.start for window in found] == starts
    padded = np.append(clip, np.zeros(16_000, np.float32))
    for window in found:
        first = round(window.start * 16_000)
        assert torch.equal(window.content.flatten(), torch.from_numpy(padded[first : first + 16_000]))


@pytest.mark.parametrize(
    "data",
    [
        write(tone(5.0, 44_100) + 0.2, 44_100, "FLAC"),
        write(np.stack([tone(5.0, 44_100)] * 2, axis=1), 44_100, "MP3"),
        encode(tone(5.0, 48_000), 48_000, "webm", "libopus"),
    ],
    ids=["flac", "mp3", "webm"],
)
def test_a_window_is_the_one_that_reading_there_gives(data: bytes) -> None:
    for window in scan(data, 0.5):
        alone = AUDIO.read(data, "a", shape=(125,), preprocess=RAW, options={"start": window.start})
        np.testing.assert_allclose(window.content, alone.content, atol=3e-3)


def test_it_can_be_iterated_again() -> None:
    windows = scan(write(tone(2.0)))
    assert [w.start for w in windows] == [w.start for w in windows] == [0, 1]


def test_spectrograms_are_scanned_alike() -> None:
    windows = list(AUDIO.scan(write(tone(2.0)), "a", shape=(64, 80), preprocess={"features": "mel"}))
    assert [window.content.shape for window in windows] == [(64 * 80, 1)] * 2


def test_windows_that_never_move_on_are_refused() -> None:
    for every in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="windows cannot begin every"):
            scan(write(tone()), every)


def test_windows_without_a_signal_are_marked() -> None:
    windows = scan(write(np.concatenate([np.zeros(16_000), tone(), np.full(16_000, 1 / 32768)])))
    assert windows.seconds == 1.0
    assert [window.silent for window in windows] == [True, False, True]


def test_what_was_changed_is_said_of_the_whole_clip() -> None:
    stereo = np.stack([tone(2.5, 44_100)] * 2, axis=1)
    assert scan(write(stereo, 44_100)).notes == (
        "mixed its 2 channels to one",
        "resampled from 44,100 Hz to the 16,000 Hz that the model reads",
        "filled the end of the last window, 0.50 s, with silence",
    )
    assert scan(write(tone(2.0))).notes == ()


def test_memory_does_not_grow_with_the_clip() -> None:
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", 16_000, 1, format="FLAC", compression_level=0) as file:
        for _ in range(20):
            file.write(np.zeros(60 * 16_000, np.int16))
    windows = scan(out.getvalue(), 20.0)
    growth = memory_growth(lambda: sum(1 for _ in windows))
    # As float32 the clip would take 77 MB.
    assert growth < 20e6
