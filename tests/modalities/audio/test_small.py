"""Clicks, damaged samples, channels, clips shorter than a window, and codecs that cannot be sought in."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.audio.decode import examine
from perceiver.modalities.audio.overview import survey
from tests.modalities.audio.sounds import AUDIO, MEL, noted, read, tone, write


def chosen(data: bytes, **options: object) -> tuple[np.ndarray, tuple[str, ...]]:
    sample = AUDIO.read(data, "a.wav", shape=(160,), preprocess={"peak": None, "patch": 100}, options=options)
    return sample.seen, sample.notes


@pytest.mark.parametrize(
    "samples",
    [
        np.array([1.0]),
        np.full(10, 0.5),
        np.append(np.zeros(99), 0.9),
        np.concatenate([np.zeros(3000), np.full(200, 0.9), np.zeros(1000)]),
    ],
    ids=["a click", "ten equal samples", "a click in silence", "a pulse"],
)
def test_no_offset_is_estimated_from_so_little(samples: np.ndarray) -> None:
    sample = read(write(samples, subtype="FLOAT"))
    np.testing.assert_allclose(sample.seen[: len(samples)], samples, atol=1e-6)
    assert not noted(sample, "offset")
    assert not noted(sample, "no signal")


@pytest.mark.parametrize("seconds", [0.1, 0.5, 3.0])
def test_an_offset_that_is_there_all_the_time_is_taken_off(seconds: float) -> None:
    samples = tone(seconds, amplitude=0.1) + 0.4
    sample = read(write(samples, subtype="FLOAT"))
    assert noted(sample, "took off a constant offset of +0.4 of full scale")
    assert np.abs(sample.seen[:1600] - (samples - 0.4)[:1600]).max() < 2e-3
    still = read(write(np.full(round(seconds * 16_000), 0.4), subtype="FLOAT"))
    assert noted(still, "offset of +0.4")
    assert noted(still, "there is no signal")


def test_values_that_are_no_samples_are_counted_and_located() -> None:
    samples = tone(12.0)
    samples[[100_000, 100_001, 190_000]] = np.nan, np.inf, -3e9
    sample = read(write(samples, subtype="DOUBLE"), start=1)
    assert noted(
        sample, "took 3 values that are no samples (not finite, or beyond all bounds) as silence, the first at"
    )
    assert noted(sample, "the first at 6.250 s")
    samples = tone(1.0)
    samples[8000] = np.nan
    expected = "took a value that is no sample (not finite, or beyond all bounds) as silence, at 0.500 s"
    assert noted(read(write(samples, subtype="FLOAT")), expected)


def test_a_sound_without_a_single_finite_value_is_refused() -> None:
    with pytest.raises(InputError, match=r"^a.wav is a WAV sound, but none of its values can be a sample"):
        read(write(np.full(16_000, np.nan), subtype="FLOAT"))


def test_one_channel_can_be_read() -> None:
    data = write(np.stack([tone(amplitude=a) for a in (0.1, 0.2, 0.4)], axis=1), subtype="FLOAT")
    for channel, amplitude in ((1, 0.1), ("2", 0.2), ("3.0", 0.4), ("mix", 0.7 / 3)):
        seen, notes = chosen(data, channel=channel, start=0)
        np.testing.assert_allclose(seen, tone(amplitude=amplitude), atol=1e-6)
        note = "mixed its 3 channels to one" if channel == "mix" else f"read channel {float(channel):.0f} of its 3"
        assert note in notes
    windows = AUDIO.scan(data, "a.wav", shape=(160,), preprocess={"peak": None, "patch": 100}, options={"channel": 3})
    np.testing.assert_allclose(next(iter(windows)).content.flatten(), tone(amplitude=0.4), atol=1e-6)
    assert "read channel 3 of its 3" in windows.notes


def test_a_channel_that_is_not_there_is_refused() -> None:
    for channel in ("0", "1.5"):
        with pytest.raises(InputError, match=rf"^channel cannot be {channel}; it is mix or a whole number from 1$"):
            chosen(write(tone()), channel=channel)
    with pytest.raises(InputError, match=r"^a.wav has one channel of sound, so channel 2 cannot be read$"):
        chosen(write(tone()), channel=2)
    with pytest.raises(InputError, match="there is no option 'start'"):
        AUDIO.scan(write(tone()), "a.wav", shape=(125,), preprocess={}, options={"start": 1})


def test_what_lies_after_the_end_is_padding() -> None:
    """0.6 s in a window of 1 s of 125 patches: patch 75 begins at 0.6 s."""
    data = write(tone(0.6))
    raw = AUDIO.read(data, "a", shape=(125,), preprocess={})
    assert raw.padding is not None
    assert raw.padding.tolist() == [False] * 75 + [True] * 50
    mel = AUDIO.read(data, "a", shape=(64, 80), preprocess=MEL)
    assert mel.padding is not None
    assert mel.padding.shape == (64, 80)
    # Frame i covers (i - 0.5) to (i + 0.5) times 12.5 ms; 0.6 s lies in frame 48.
    assert mel.padding[0].tolist() == mel.padding[63].tolist() == [False] * 49 + [True] * 31
    assert AUDIO.read(write(tone(1.0)), "a", shape=(125,), preprocess={}).padding is None
    late = AUDIO.read(write(tone(1.5)), "a", shape=(125,), preprocess={}, options={"start": 1.0})
    assert late.padding is not None
    assert late.padding.tolist() == [False] * 63 + [True] * 62  # 0.5 s are 62.5 patches


SLOW = tone(2.0, 8000, 200, 0.5)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        *(("WAV", name) for name in ("GSM610", "G721_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32")),
        *(("AU", name) for name in ("G721_32", "G723_24", "G723_40")),
        *(("AIFF", name) for name in ("GSM610", "DWVW_16", "DWVW_24")),
        ("W64", "GSM610"),
    ],
)
def test_codecs_of_telephones_are_read_though_none_can_seek(format: str, subtype: str) -> None:
    data = write(SLOW, 8000, format, subtype)
    file = examine(data, "a")
    clip = survey(file)
    every = np.concatenate(list(file.open(clip.decoder).blocks()))
    assert clip.seconds == pytest.approx(2.0, abs=0.03)
    # What follows the first adaptation is the tone, a few samples late.
    here = every[4000:12_000, 0]
    best = max(float(np.corrcoef(here, SLOW[4000 - late : 12_000 - late])[0, 1]) for late in range(12))
    assert best > 0.98
    for start in (1, 5000, 15_000):
        late = np.concatenate(list(file.open(clip.decoder).blocks(start, clip.marks)))
        np.testing.assert_array_equal(late, every[start:])
    sample = read(data, start=1.0, rate=8000, samples=8000, patch=50)
    np.testing.assert_allclose(sample.seen, every[8000:16_000, 0], atol=1e-6)
    # Some of these come in whole blocks, which end after the sound.
    assert len(list(AUDIO.scan(data, "a", shape=(125,), preprocess={}, every=0.5))) in (3, 4)
