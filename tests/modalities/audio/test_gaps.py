"""Sound whose time stamps begin late or leave gaps: there is silence, and times are those of the file."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.audio.decode import examine
from perceiver.modalities.audio.ffmpeg import Ffmpeg
from perceiver.modalities.audio.overview import survey
from perceiver.modalities.audio.stream import MOST_HOURS, Placement, centred
from tests.modalities.audio.sounds import AUDIO, noted, placed, read, tone

FRAGMENTS = {"movflags": "empty_moov", "frag_duration": "100000"}
# Containers, codecs and rates, with the seconds by which an encoder's first packet is early.
FORMATS = {
    "matroska": ("matroska", "pcm_s16le", 16_000, {}),
    "webm": ("webm", "libopus", 48_000, {}),
    "webm without a duration": ("webm", "libopus", 48_000, {"live": "1"}),
    "mp4": ("mp4", "aac", 44_100, {}),
    "mp4 in fragments": ("mp4", "aac", 44_100, FRAGMENTS),
    "flv": ("flv", "aac", 44_100, {}),
    "transport stream": ("mpegts", "mp2", 44_100, {}),
    "ogg": ("ogg", "libopus", 48_000, {}),
}


def whole(data: bytes) -> tuple[np.ndarray, int, tuple[str, ...]]:
    """All samples of the first channel, their rate, and the notes."""
    file = examine(data, "a")
    clip = survey(file)
    samples = np.concatenate(list(file.open(clip.decoder).blocks()))[:, 0]
    assert len(samples) == clip.frames
    return samples, clip.rate, clip.notes


def heard(samples: np.ndarray, rate: int, second: float) -> bool:
    """Whether 0.2 s around a time hold sound."""
    around = samples[round((second - 0.1) * rate) : round((second + 0.1) * rate)]
    return float(np.abs(around).max(initial=0)) > 0.1


@pytest.mark.parametrize(("container", "codec", "rate", "options"), FORMATS.values(), ids=FORMATS)
def test_a_gap_is_silence_and_what_follows_keeps_its_time(
    container: str, codec: str, rate: int, options: dict[str, str]
) -> None:
    data = placed([(0, tone(1, rate)), (2.5, tone(1, rate, 880))], rate, container, codec, **options)
    samples, found, notes = whole(data)
    assert len(samples) / found == pytest.approx(3.5, abs=0.06)
    assert [heard(samples, found, second) for second in (0.5, 1.3, 1.75, 2.2, 3.0)] == [True, False, False, False, True]
    assert sum("1.50 s, with silence: nothing was recorded there" in note for note in notes) == 1
    assert not any("cut off" in note or "announces" in note for note in notes)
    # A window near the end begins where the file says, with the second sound in it.
    sample = read(data, start=2.6, samples=8000, patch=50)
    peak = int(np.abs(np.fft.rfft(sample.seen[:8000] * np.hanning(8000))).argmax()) * 2
    assert peak == pytest.approx(880, abs=4)
    assert sample.start == pytest.approx(2.6, abs=1e-4)


@pytest.mark.parametrize("name", ["matroska", "webm", "webm without a duration", "mp4", "flv"])
def test_a_late_start_is_silence(name: str) -> None:
    container, codec, rate, options = FORMATS[name]
    samples, found, notes = whole(placed([(2, tone(1, rate))], rate, container, codec, **options))
    assert len(samples) / found == pytest.approx(3, abs=0.03)
    assert [heard(samples, found, second) for second in (0.5, 1.8, 2.5)] == [False, False, True]
    # AAC begins with 1,024 samples of padding of its own.
    assert any("s with silence: its sound begins after them" in note for note in notes)
    assert not any("cut off" in note or "announces" in note for note in notes)


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska", "mpegts"])
def test_the_sound_of_a_video_begins_when_it_does(container: str) -> None:
    data = placed([(2, tone(1, 44_100))], 44_100, container, "aac", picture=4.0)
    samples, rate, _ = whole(data)
    assert [heard(samples, rate, second) for second in (0.5, 1.8, 2.5)] == [False, False, True]


def test_a_file_that_is_cut_off_after_a_late_start_is_said_to_be() -> None:
    data = placed([(2, tone(4))], 16_000, "matroska", "pcm_s16le")
    (note,) = [note for note in whole(data[: len(data) * 2 // 3])[2] if "cut off" in note]
    assert "of the 6.00 s its header announces" in note


@pytest.mark.parametrize("name", ["matroska", "webm", "mp4"])
def test_a_late_window_behind_a_gap_is_what_decoding_from_the_beginning_gives(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    container, codec, rate, options = FORMATS[name]
    rising = tone(3.0, rate, 300 + 200 * np.arange(3 * rate) / rate)
    data = placed([(0.5, rising), (5, rising), (9, rising)], rate, container, codec, **options)
    file = examine(data, "a")
    clip = survey(file)
    every = np.concatenate(list(file.open("ffmpeg").blocks()))
    monkeypatch.setattr(Ffmpeg, "_from_the_beginning", None)  # it must be entered at a mark
    for second in (3.0, 4.2, 6.1, 8.5, 10.3):
        start = round(second * rate)
        late = np.concatenate(list(file.open("ffmpeg").blocks(start, clip.marks)))
        assert late.shape == every[start:].shape
        np.testing.assert_allclose(late, every[start:], atol=2e-2)  # AAC replaces some noise by noise of its own


def test_a_gap_stays_silent_when_a_constant_offset_is_taken_off() -> None:
    data = placed([(0, tone(1) + 0.3), (2, tone(1) + 0.3)], 16_000, "matroska", "pcm_s16le")
    sample = read(data, start=0.5, samples=32_000, patch=200)
    assert noted(sample, "took off a constant offset of +0.3 of full scale")
    expected = np.concatenate([tone(1)[8000:], np.zeros(16_000), tone(1)[:8000]])
    assert np.abs(sample.seen - expected).max() < 1e-3
    assert sample.padding is not None
    edges = range(0, 32_001, 200)
    assert sample.padding.tolist() == [a >= 8000 and b <= 24_000 for a, b in pairwise(edges)]
    windows = AUDIO.scan(data, "a", shape=(125,), preprocess={"peak": None})
    assert [window.silent for window in windows] == [False, True, False]


def test_time_stamps_are_followed_as_far_as_they_make_sense() -> None:
    """At 100 frames a second: a step of less than 0.05 s is rounding, one back or by more than 12 hours is ignored."""
    place = Placement(100, 10.0)
    assert place.silence_before(10.02) == 2  # the beginning is exact
    place.at += 2 + 50
    assert place.silence_before(10.56) == 0
    place.at += 50
    assert place.silence_before(13.02) == 200
    place.at += 200 + 50
    assert place.gaps == [(0, 2), (102, 302)]
    assert place.silence_before(11.0) == 0  # the clock was set back: it counts from here
    place.at += 50
    assert place.silence_before(11.5) == 0
    assert place.silence_before(12.5) == 100
    place.at += 100
    assert place.silence_before(12.5 + 3600 * MOST_HOURS) == 0
    assert list(place.notes()) == [
        "filled 2 gaps in its time stamps, 3.00 s, with silence: nothing was recorded there",
        "ignored its time stamps where they jump, 2 times: what comes next follows at once",
    ]
    assert Placement(100).silence_before(50.0) == 0
    assert Placement(100, 0.0).silence_before(None) == 0


def test_an_offset_is_taken_off_where_sound_was_recorded() -> None:
    samples = np.array([0.5, 0, 0, 0.5, 0.5], np.float32)
    assert centred(samples, 100, 0.5, [(0, 3), (101, 103), (200, 300)]).tolist() == [0, 0, 0, 0, 0]
    assert centred(samples, 100, 0.25, [(101, 103)]).tolist() == [0.25, 0, 0, 0.25, 0.25]


def test_a_window_after_the_end_is_refused_by_the_times_of_the_file() -> None:
    data = placed([(2, tone(1))], 16_000, "matroska", "pcm_s16le")
    assert read(data, start=2.9).start == pytest.approx(2.9)
    with pytest.raises(InputError, match=r"is 3.00 s long, so a window cannot begin at 3.10 s"):
        read(data, start=3.1)
