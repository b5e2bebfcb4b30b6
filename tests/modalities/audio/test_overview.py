"""The whole clip in short: its outline, where it is loud, what it costs, and seeking in it (AUD-09)."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver import InputError
from perceiver.modalities.audio import overview as overviews
from perceiver.modalities.audio.decode import examine
from perceiver.modalities.audio.envelope import Energy, Envelope
from perceiver.modalities.audio.ffmpeg import Ffmpeg
from perceiver.modalities.audio.overview import survey
from perceiver.modalities.audio.stream import Mark
from tests.modalities.audio.sounds import encode, memory_growth, noted, read, tone, write


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.integers(1, 100_000), st.lists(st.integers(500, 30_000), min_size=1, max_size=5))
def test_the_envelope_holds_every_slice(total: int, blocks: list[int]) -> None:
    samples = np.random.default_rng(0).normal(size=total).astype(np.float32)
    envelope, at = Envelope(), 0
    while at < total:
        size = blocks[at % len(blocks)]
        envelope.add(samples[at : at + size])
        at += size
    low, high = envelope.slices()
    count = min(total, 2000)
    assert len(low) == len(high) == count
    exact = total < 1 << 15
    for k in {0, 1, count // 2, count - 1} & set(range(count)):
        # A slice reaches at most one run further on either side, an eighth of a slice.
        start, stop = k * total // count, -(-(k + 1) * total // count)
        around = 0 if exact else 8
        inner, outer = samples[start:stop], samples[max(start - around, 0) : stop + around]
        assert outer.min() <= low[k] <= inner.min()
        assert inner.max() <= high[k] <= outer.max()


def test_energy_is_that_of_every_run_about_the_offset() -> None:
    samples = (np.random.default_rng(0).normal(size=1037) + 3).astype(np.float32)
    energy = Energy(run=100)
    for part in np.array_split(samples, [5, 300, 301, 900]):
        energy.add(part)
    mean = samples.mean(dtype=np.float64)
    expected = [np.square(samples[k : k + 100] - mean).sum() for k in range(0, 1037, 100)]
    assert energy.mean == pytest.approx(mean)
    np.testing.assert_allclose(energy.about(mean), expected, rtol=1e-4)
    assert energy.total == pytest.approx(np.square(samples, dtype=np.float64).sum())


def test_two_hours_are_read_in_flat_memory_and_the_tone_in_them_is_found() -> None:
    silence = np.zeros(60 * 8000, np.int16)
    beep = silence.copy()
    beep[:800] = 32767 * tone(0.1, 8000, amplitude=0.2)
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", 8000, 1, format="FLAC", compression_level=0) as file:
        for minute in range(120):
            file.write(beep if minute == 90 else silence)
    data, samples = out.getvalue(), []
    read(write(tone(0.5), format="FLAC"))  # the libraries are loaded
    growth = memory_growth(lambda: samples.append(read(data, start="loudest")))
    (sample,) = samples
    assert sample.duration == 7200
    assert sample.start == pytest.approx(5399.95, abs=0.011)
    assert noted(sample, "read 1.00 s of its 7,200.00 s, from 5,399.9")
    assert np.abs(sample.seen).max() == pytest.approx(0.2, rel=0.05)
    # As float32 the clip would take 230 MB.
    assert growth < 50e6


def test_a_clip_is_surveyed_once_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    surveyed = []
    monkeypatch.setattr(overviews, "survey", lambda file: surveyed.append(file.name) or survey(file))
    clips = [write(tone(1.5, hertz=100.0 + k)) for k in range(5)]
    for name in ("a.wav", "b.wav"):
        read(clips[0], name, start=0.1)
    assert surveyed == ["a.wav"]
    for clip in clips[1:]:
        read(clip, "c.wav")
    assert len(surveyed) == 5
    read(clips[0], "d.wav")  # four clips are remembered
    assert surveyed[-1] == "d.wav"


def test_days_of_silence_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "_MOST_VALUES", 100_000)
    with pytest.raises(InputError, match=r"^a.flac is longer than the 12 hours of sound that are read at most$"):
        read(write(np.zeros((40_000, 3)), format="FLAC"), "a.flac")


# Pitches that rise: what AAC calls noise, it replaces by noise of its own, another one at each decoding.
RISING = tone(8.0, 48_000, 300 + 200 * np.arange(8 * 48_000) / 48_000) + tone(8.0, 48_000, 1234, 0.2)
COMPRESSED = {
    "flac": write(RISING, 48_000, "FLAC"),
    "mp3": write(RISING, 48_000, "MP3"),
    "vorbis": write(RISING, 48_000, "OGG"),
    "opus": write(RISING, 48_000, "OGG", "OPUS"),
    "m4a": encode(RISING, 48_000, "ipod", "aac"),
    "aac": encode(RISING, 48_000, "adts", "aac"),
    "webm": encode(RISING, 48_000, "webm", "libopus"),
    "webm live": encode(RISING, 48_000, "webm", "libopus", live="1"),
    "mp4 in fragments": encode(RISING, 48_000, "mp4", "aac", movflags="empty_moov", frag_duration="100000"),
    "transport stream": encode(RISING, 48_000, "mpegts", "aac"),
    "avi": encode(RISING, 48_000, "avi", "libmp3lame"),
}


@pytest.mark.parametrize("data", COMPRESSED.values(), ids=COMPRESSED)
def test_a_late_window_is_what_decoding_from_the_beginning_gives(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    file = examine(data, "a")
    clip = survey(file)
    whole = np.concatenate(list(file.open(clip.decoder).blocks()))
    assert len(whole) == clip.frames
    if clip.decoder == "ffmpeg":
        assert [mark.frame for mark in clip.marks] == sorted({mark.frame for mark in clip.marks})
        assert len(clip.marks) >= 7
        monkeypatch.setattr(Ffmpeg, "_from_the_beginning", None)  # it must be entered at a mark
    for start in (100_001, 300_000):
        late = np.concatenate(list(file.open(clip.decoder).blocks(start, clip.marks)))
        assert late.shape == whole[start:].shape
        np.testing.assert_allclose(late, whole[start:], atol=2e-3)


def test_marks_that_lead_nowhere_cost_time_and_nothing_else() -> None:
    file = examine(COMPRESSED["m4a"], "a")
    sound = file.open("ffmpeg")
    whole = np.concatenate(list(sound.blocks()))
    lost = [Mark(mark.frame, mark.time, mark.position + 1) for mark in sound.marks]
    late = np.concatenate(list(file.open("ffmpeg").blocks(200_000, lost)))
    np.testing.assert_array_equal(late, whole[200_000:])
