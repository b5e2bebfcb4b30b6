"""Content of sound windows against librosa and against values worked out by hand."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from perceiver import ConfigError
from perceiver.modalities.audio.features import band_centres, content, spectrogram, to_peak
from perceiver.modalities.audio.settings import AudioSettings

MEL = AudioSettings.of({"features": "mel"})
RAW = AudioSettings.of({})


def tone(hertz: float, amplitude: float = 0.5, settings: AudioSettings = MEL) -> torch.Tensor:
    seconds = torch.arange(settings.samples, dtype=torch.float64) / settings.rate
    return (amplitude * torch.sin(2 * torch.pi * hertz * seconds)).float()


def test_raw_content_is_the_scaled_samples_patch_by_patch() -> None:
    settings = AudioSettings.of({"samples": 6, "patch": 2, "mean": 0.1, "std": 0.5, "peak": 0.8})
    waveform = torch.tensor([[0.1, -0.2, 0.3, -0.4, 0.2, 0.0]])
    expected = (np.array([[0.2, -0.4], [0.6, -0.8], [0.4, 0.0]]) - 0.1) / 0.5
    assert settings.shape == (3,)
    np.testing.assert_allclose(content(waveform, settings)[0], expected, atol=1e-6)


def test_the_papers_raw_input_is_480_vectors_of_128() -> None:
    settings = AudioSettings.of({"rate": 48_000, "samples": 61_440})
    assert settings.shape == (480,)
    assert content(torch.zeros(2, 61_440), settings).shape == (2, 480, 128)


@pytest.mark.parametrize(("samples", "hop", "frames"), [(16_000, 200, 80), (16_001, 200, 81), (15_999, 200, 80)])
def test_the_spectrogram_is_librosas_turned_over(samples: int, hop: int, frames: int) -> None:
    settings = AudioSettings.of({"features": "mel", "samples": samples, "hop": hop, "peak": None})
    waveforms = np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)
    waveforms[1] *= np.linspace(0, 1, samples) ** 4  # down to nothing, so that the floor is reached
    power = librosa.feature.melspectrogram(
        y=waveforms, sr=16_000, n_fft=512, hop_length=hop, n_mels=64, fmin=40, fmax=8000, pad_mode="constant"
    )
    expected = librosa.power_to_db(power, ref=1.0, amin=1e-8, top_db=None)[:, ::-1, :frames]
    ours = spectrogram(torch.from_numpy(waveforms), settings)
    assert settings.shape == (64, frames)
    assert float(ours.min()) == pytest.approx(-80)
    np.testing.assert_allclose(ours, expected, atol=0.01)


def test_mel_content_is_the_spectrogram_row_by_row() -> None:
    settings = AudioSettings.of({"features": "mel", "mean": -30.0, "std": 20.0, "peak": None})
    waveform = tone(440)[None]
    cells = content(waveform, settings)[0]
    assert cells.shape == (64 * 80, 1)
    np.testing.assert_allclose(cells[3 * 80 + 5, 0], (spectrogram(waveform, settings)[0, 3, 5] + 30) / 20)


@pytest.mark.parametrize("hertz", [100, 440, 3000, 7500])
def test_a_tone_lights_the_band_whose_centre_is_nearest(hertz: float) -> None:
    rows = spectrogram(tone(hertz)[None], MEL)[0, :, 40]
    assert abs(int(rows.argmax()) - int(np.abs(band_centres(MEL) - hertz).argmin())) <= 1


def test_a_click_is_brightest_in_the_frame_centred_on_it() -> None:
    waveform = torch.zeros(1, 16_000)
    waveform[0, 30 * 200] = 0.5
    assert int(spectrogram(waveform, MEL)[0].mean(dim=0).argmax()) == 30


def test_band_centres_fall_from_the_top_row_down() -> None:
    centres = band_centres(MEL)
    assert centres.shape == (64,)
    assert np.all(np.diff(centres) < 0)
    # Slaney's scale is linear below 1 kHz: 15 mels for 1000 Hz, then 27 steps of a factor 6.4 ** (1 / 27) a mel.
    top = 15 + 27 * np.log(8) / np.log(6.4)
    assert centres[-1] == pytest.approx(40 + (top - 0.6) / 65 * 200 / 3)


def test_each_window_of_a_batch_is_scaled_by_itself_and_silence_never() -> None:
    waveforms = torch.stack([tone(440, 0.01), torch.zeros(16_000), tone(440, 9e-5), tone(440, 4.0)])
    peaks = to_peak(waveforms, MEL).abs().amax(dim=1)
    np.testing.assert_allclose(peaks, [0.8, 0, 9e-5, 0.8], rtol=1e-4)
    assert torch.equal(to_peak(waveforms, AudioSettings.of({"peak": None})), waveforms)


def test_silence_lies_on_the_floor_not_at_the_top() -> None:
    """AUD-07: decibels relative to the window's own maximum would draw silence at 0 dB, the brightest colour."""
    waveforms = torch.zeros(2, 16_000)
    waveforms[1, 500] = 1e-6
    assert torch.all(spectrogram(waveforms, MEL) == -80)
    assert torch.isfinite(content(waveforms, RAW)).all()


def test_windows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="15999 samples, the model reads 16000"):
        content(torch.zeros(1, 15_999), RAW)


def test_bands_that_no_bin_falls_into_are_refused() -> None:
    settings = AudioSettings.of({"features": "mel", "mels": 300})
    with pytest.raises(ConfigError, match="mels is 300"):
        spectrogram(torch.zeros(1, 16_000), settings)
