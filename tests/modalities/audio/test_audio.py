"""The audio modality: windows, rates, levels, and the way back (AUD-04, AUD-07, ATT-01, ATT-05)."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from perceiver import ConfigError, InputError
from perceiver.modalities import Modality, get, names
from perceiver.modalities.audio.features import content, spectrogram
from perceiver.modalities.audio.modality import AudioSample
from perceiver.modalities.audio.settings import AudioSettings
from tests.modalities.audio.sounds import AUDIO, MEL, noted, read, strongest, tone, write


def mel(data: bytes, start: float | str = 0) -> AudioSample:
    return AUDIO.read(data, "a.wav", shape=(64, 80), preprocess=MEL, options={"start": start})


def burst(at: float, seconds: float = 10.0, rate: int = 16_000, hertz: float = 440.0) -> np.ndarray:
    """Silence but for a tone of 0.3 s."""
    out = np.zeros(round(seconds * rate))
    out[round(at * rate) : round((at + 0.3) * rate)] = tone(0.3, rate, hertz)
    return out


def test_the_registry_holds_it_by_name() -> None:
    assert "audio" in names()
    assert isinstance(get("audio"), Modality)
    assert all(ending == ending.lower().lstrip(".") for ending in AUDIO.extensions)
    assert [(option.name, option.default) for option in AUDIO.options] == [("start", "loudest"), ("channel", "mix")]


def test_content_is_made_by_the_function_that_training_uses() -> None:
    data = write(tone(amplitude=0.1), subtype="FLOAT")
    window = torch.from_numpy(tone(amplitude=0.1)).float()[None]
    raw = AUDIO.read(data, "a.wav", shape=(125,), preprocess={"mean": 0.1, "std": 2.0}, options={"start": 0})
    assert torch.equal(raw.content, content(window, AudioSettings.of({"mean": 0.1, "std": 2.0}))[0])
    assert raw.content.shape == (125, 128)
    assert raw.shape == (125,)
    np.testing.assert_allclose(raw.seen, tone(amplitude=0.8), atol=1e-4)
    cells = mel(data)
    assert torch.equal(cells.content, content(window, AudioSettings.of(MEL))[0])
    assert (cells.content.shape, cells.shape) == ((64 * 80, 1), (64, 80))
    expected = spectrogram(torch.from_numpy(cells.seen)[None], AudioSettings.of(MEL))[0]
    np.testing.assert_allclose(cells.spectrogram, expected, atol=1e-4)
    assert cells.bands.shape == (64,)
    assert raw.bands.shape == (0,)
    assert raw.spectrogram.shape == (0, 0)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_is_brought_to_the_models(rate: int) -> None:
    """AUD-04: 440 Hz stay 440 Hz and one second stays one second; both rates are told."""
    sample = read(write(tone(1.0, rate), rate, subtype="FLOAT"))
    assert sample.seen.shape == (16_000,)
    assert (sample.rate, sample.clip_rate, sample.duration) == (16_000, rate, 1.0)
    assert strongest(sample.seen) == pytest.approx(440, abs=1)
    assert np.abs(sample.seen - tone())[200:-200].max() < 2e-3
    assert noted(sample, f"resampled from {rate:,} Hz to the 16,000 Hz") == (rate != 16_000)
    assert noted(sample, "holds nothing above 4,000 Hz") == (rate == 8000)


def test_a_rate_that_fills_the_bands_of_a_spectrogram_is_no_reason_to_warn() -> None:
    data = write(tone(1.0, 8000), 8000)
    low = AUDIO.read(data, "a.wav", shape=(40, 80), preprocess=MEL | {"mels": 40, "fmax": 3800.0})
    assert not noted(low, "nothing above")
    assert noted(mel(data), "nothing above 4,000 Hz, so the model, which reads up to 8,000 Hz")


@pytest.mark.parametrize(("rate", "start"), [(44_100, 0.5), (44_100, 0.123), (48_000, 1.7), (22_051, 0.9), (8000, 0.0)])
def test_a_window_is_cut_out_of_the_resampled_clip(rate: int, start: float) -> None:
    """Resampling only the window leaves no trace of its edges."""
    clip = np.random.default_rng(0).normal(0, 0.1, 3 * rate).astype(np.float32)
    first = round(start * rate)
    sample = read(write(clip, rate, subtype="FLOAT"), start=start)
    # The whole clip, moved so that the window begins on a sample at both rates.
    whole = librosa.resample(clip[first % rate :], orig_sr=rate, target_sr=16_000, res_type="soxr_hq")
    begin = first // rate * 16_000
    lead = 200 if first < rate else 0  # there, moving cut off what lies before the window
    np.testing.assert_allclose(sample.seen[lead:], whole[begin : begin + 16_000][lead:], atol=1e-4)
    assert sample.start == first / rate


def test_the_loudest_window_begins_before_its_onset() -> None:
    clip = burst(6.0) + 0.05 * burst(2.0)
    sample = read(write(clip), start="loudest")
    assert sample.start == pytest.approx(5.95, abs=0.011)
    assert sample.stop == sample.start + 1
    assert noted(sample, "read 1.00 s of its 10.00 s, from 5.95 s on, its loudest part")
    assert read(write(burst(0.01)), start="loudest").start == 0
    # The window never reaches past the end of a clip that is long enough.
    assert read(write(burst(9.69)), start="loudest").start == 9.0


def test_loud_noise_wins_over_an_offset() -> None:
    """Energy is counted about the clip's own mean."""
    clip = 0.5 + burst(3.0) * 0.2
    assert read(write(clip), start="loudest").start == pytest.approx(2.95, abs=0.011)


def test_the_chosen_second_is_read_and_said() -> None:
    clip = np.concatenate([tone(hertz=200.0), tone(hertz=1000.0), tone(hertz=3000.0)])
    sample = read(write(clip), start=1)
    assert strongest(sample.seen) == pytest.approx(1000, abs=1)
    assert noted(sample, "read 1.00 s of its 3.00 s, from 1.00 s on")
    assert not noted(sample, "loudest")
    with pytest.raises(InputError, match=r"^a.wav is 3.00 s long, so a window cannot begin at 3.00 s$"):
        read(write(clip), start=3)
    with pytest.raises(InputError, match="start cannot be 'soon'; it is loudest or a number from 0"):
        read(write(clip), start="soon")


def test_short_clips_are_filled_with_silence() -> None:
    sample = read(write(tone(0.25)))
    np.testing.assert_allclose(sample.seen[:4000], tone(0.25), atol=1e-4)
    assert not sample.seen[4000:].any()
    assert (sample.start, sample.stop, sample.duration) == (0, 1, 0.25)
    assert noted(sample, "filled the last 0.75 s with silence")
    late = read(write(tone(3.0)), start=2.5)
    assert noted(late, "read 0.50 s of its 3.00 s, from 2.50 s on")
    assert noted(late, "filled the last 0.50 s with silence")


@pytest.mark.parametrize("clip", [np.zeros(16_000), np.full(16_000, 0.4), np.eye(1, 16_000)[0] * 1e-6])
def test_silence_is_called_silence(clip: np.ndarray) -> None:
    """AUD-07: nothing is divided by nothing, and nothing is drawn at the top of the scale."""
    data = write(clip, subtype="FLOAT")
    sample = read(data, peak=0.8)
    assert noted(sample, "there is no signal in what was read")
    assert not noted(sample, "scaled")
    assert np.abs(sample.seen).max() <= 1e-6
    assert torch.isfinite(sample.content).all()
    assert np.all(mel(data).spectrogram == -80)


def test_an_offset_is_taken_off_and_said() -> None:
    data = write(tone(amplitude=0.1) + 0.4, subtype="FLOAT")
    sample = read(data)
    np.testing.assert_allclose(sample.seen, tone(amplitude=0.1), atol=1e-5)
    assert noted(sample, "took off a constant offset of +0.4 of full scale")
    # What the visitor sees of the file still has it.
    assert sample.original.mean() == pytest.approx(0.4, abs=0.01)
    assert not noted(read(write(tone())), "offset")
    padded = read(write(tone(0.5, amplitude=0.1) - 0.4, subtype="FLOAT"))
    assert np.abs(padded.seen[8000:]).max() == 0


def test_numbers_that_are_none_count_as_silence() -> None:
    channels = np.stack([tone(), tone()], axis=1)
    channels[100, 0], channels[200], channels[300, 1] = np.nan, np.inf, -1e30
    sample = read(write(channels, subtype="DOUBLE"))
    expected = tone()
    expected[[100, 300]] /= 2
    expected[200] = 0
    np.testing.assert_allclose(sample.seen, expected, atol=1e-5)
    assert noted(sample, "took 4 values that are no samples")


def test_channels_that_cancel_are_told() -> None:
    sample = read(write(np.stack([tone(), -tone()], axis=1)))
    assert noted(sample, "mixed its 2 channels to one")
    assert noted(sample, "nearly each other's opposite")
    assert noted(sample, "no signal")
    assert not noted(read(write(np.stack([tone(), tone(hertz=600)], axis=1))), "opposite")


def test_scaling_is_said() -> None:
    assert noted(read(write(tone(amplitude=0.1)), peak=0.8), "scaled by 8, to a largest value of 0.8")
    assert noted(read(write(tone(amplitude=40.0), subtype="FLOAT"), peak=0.8), "scaled by 0.02")
    assert not noted(read(write(tone(amplitude=0.8)), peak=0.8), "scaled")


def test_a_click_of_known_time_and_a_tone_of_known_pitch_lie_in_their_cells() -> None:
    """ATT-01: the sides are unequal, and rows fall from the highest band."""
    clip = np.zeros(4 * 16_000)
    clip[round(2.345 * 16_000)] = 0.9
    click = mel(write(clip), start=2)
    frame = int(click.spectrogram.mean(axis=0).argmax())
    time = AUDIO.box_of(click, frame)[1]
    assert time[0] <= 2.345 < time[1]
    assert time[1] - time[0] == pytest.approx(200 / 16_000)
    assert AUDIO.places(click)["time"][frame] == pytest.approx(2.345, abs=100 / 16_000)

    whistle = mel(write(tone(hertz=3000.0)))
    row = int(whistle.spectrogram[:, 40].argmax())
    assert AUDIO.places(whistle)["frequency"][row] == pytest.approx(3000, rel=0.05)
    assert AUDIO.box_of(whistle, row * 80 + 40)[0] == (row, row + 1)
    assert row < 32


def test_the_first_frame_is_centred_on_the_first_sample() -> None:
    sample = mel(write(tone(3.0)), start=1.5)
    assert AUDIO.places(sample)["time"][0] == pytest.approx(1.5)
    assert AUDIO.box_of(sample, 0)[1] == pytest.approx((1.5 - 0.00625, 1.5 + 0.00625))
    assert sample.box[1] == pytest.approx((1.49375, 2.49375))


def test_patches_lie_end_to_end() -> None:
    sample = AUDIO.read(write(tone(3.0)), "a.wav", shape=(125,), preprocess={}, options={"start": 1.5})
    assert sample.box == ((1.5, 2.5),)
    assert AUDIO.box_of(sample, 124) == (pytest.approx((2.492, 2.5)),)
    assert AUDIO.places(sample)["time"] == pytest.approx(1.504 + 0.008 * np.arange(125))
    with pytest.raises(ValueError, match="no input element 125"):
        AUDIO.box_of(sample, 125)


def test_a_map_is_laid_on_the_whole_clip() -> None:
    """ATT-05: slices that the model did not read stay empty. 4 s in 2,000 slices: one slice is 2 ms, a patch four."""
    raw = AUDIO.read(write(tone(4.0)), "a.wav", shape=(125,), preprocess={}, options={"start": 1})
    laid = AUDIO.to_original(raw, np.arange(125.0))
    assert raw.original.shape == (2, 2000)
    assert np.isnan(laid[:500]).all()
    assert np.isnan(laid[1000:]).all()
    assert laid[500:1000].tolist() == np.repeat(np.arange(125.0), 4).tolist()
    assert AUDIO.element_at(raw, 504) == 1
    assert AUDIO.element_at(raw, 499) is None
    assert AUDIO.element_at(raw, 2000) is None

    cells = mel(write(tone(4.0)), start=1)
    laid = AUDIO.to_original(cells, np.arange(64 * 80.0).reshape(64, 80))
    assert laid.shape == (64, 2000)
    for row, column in ((0, 500), (63, 990), (10, 700)):
        assert laid[row, column] == AUDIO.element_at(cells, row, column)
    # Slice 700 is centred on 1.401 s, which is 6416 samples into the window: frame 32.08.
    assert laid[10, 700] == 10 * 80 + 32
    with pytest.raises(ValueError, match="the map is"):
        AUDIO.to_original(cells, np.zeros((80, 64)))


def test_a_window_thinner_than_a_slice_is_still_found() -> None:
    clip = np.zeros((6000 * 8, 1), np.float32)
    clip[8 * 1500 :] = 0.5
    sample = AUDIO.read(write(clip, 1000), "a.wav", shape=(2,), preprocess={"rate": 1000, "samples": 10, "patch": 5})
    laid = AUDIO.to_original(sample, np.array([1.0, 2.0]))
    assert np.isfinite(laid).sum() == 1


def test_a_shape_that_is_not_the_settings_is_a_fault_of_the_configuration() -> None:
    for shape in ((80, 64), (125,)):
        with pytest.raises(ConfigError, match=r"with these settings of preprocess a sound is \(64, 80\)"):
            AUDIO.read(write(tone()), "a.wav", shape=shape, preprocess=MEL)


def test_names_are_made_fit_for_messages() -> None:
    assert read(write(tone()), "a\nb.wav").name == "a b.wav"
