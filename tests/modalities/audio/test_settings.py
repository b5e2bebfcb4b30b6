"""The preprocessing of sound models: what it may hold."""

from __future__ import annotations

import pytest

from perceiver import ConfigError
from perceiver.modalities.audio.settings import AudioSettings


def test_defaults_are_the_shipped_models() -> None:
    raw, mel = AudioSettings.of({}), AudioSettings.of({"features": "mel"})
    assert (raw.shape, raw.content_channels, raw.seconds, raw.highest) == ((125,), 128, 1.0, 8000)
    assert (mel.shape, mel.content_channels, mel.highest) == ((64, 80), 1, 8000)


def test_takes_whole_numbers_where_fractions_are_meant() -> None:
    settings = AudioSettings.of({"fmin": 50, "peak": 1, "mean": -30})
    assert (settings.fmin, settings.peak, settings.mean) == (50.0, 1.0, -30.0)
    assert AudioSettings.of({"peak": None}).peak is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, "'colour', which sound models do not know"),
        ({"features": "mfcc"}, "'mfcc'; it must be one of raw, mel"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": 16_000.0}, "rate is 16000.0; it must be a whole number"),
        ({"hop": True}, "hop is True"),
        ({"samples": 100}, "samples is 100; it must be a multiple of the patch, 128"),
        ({"std": 0}, "std is 0"),
        ({"mean": "loud"}, "mean is 'loud'"),
        ({"mean": float("nan")}, "mean is nan"),
        ({"peak": 0}, "peak is 0"),
        ({"features": "mel", "n_fft": 1}, "n_fft is 1"),
        ({"features": "mel", "fmax": 9000}, "half the rate, 8000"),
        ({"features": "mel", "fmin": 8000}, "must rise"),
    ],
)
def test_says_which_setting_is_impossible(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AudioSettings.of(values)
