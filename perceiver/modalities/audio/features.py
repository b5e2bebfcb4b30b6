"""Windows of sound -> the content a model reads. Reading a file and training both go through `content`."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Float64

from ...errors import ConfigError
from .settings import AudioSettings

if TYPE_CHECKING:
    from torch import Tensor

# A window whose largest magnitude is no more than this (-80 dB of full scale: the noise of a muted 16-bit recording)
# holds no signal; scaling it up would make a sound of nothing.
SILENCE = 1e-4


def content(waveforms: Float[Tensor, "B samples"], settings: AudioSettings) -> Float[Tensor, "B M content"]:
    """Content of every input element, for mono windows at the model's rate: scaled, cut or transformed, normalised.

    Raw: element i holds samples i * patch to (i + 1) * patch. Mel: elements are the cells of the spectrogram row by
    row, the highest band first. Raises ValueError for windows of another length.
    """
    if waveforms.shape[-1] != settings.samples:
        raise ValueError(f"the windows have {waveforms.shape[-1]} samples, the model reads {settings.samples}")
    scaled = to_peak(waveforms, settings)
    values = scaled if settings.features == "raw" else spectrogram(scaled, settings)
    return (values.reshape(len(waveforms), -1, settings.content_channels) - settings.mean) / settings.std


def to_peak(waveforms: Float[Tensor, "B samples"], settings: AudioSettings) -> Float[Tensor, "B samples"]:
    """Scales each window so that its largest magnitude is `settings.peak`; not silence, and none if it is None."""
    import torch

    if settings.peak is None:
        return waveforms
    largest = waveforms.abs().amax(dim=-1, keepdim=True)
    return waveforms * torch.where(largest > SILENCE, settings.peak / largest.clamp(min=SILENCE), 1.0)


def spectrogram(waveforms: Float[Tensor, "B samples"], settings: AudioSettings) -> Float[Tensor, "B mels frames"]:
    """Log-mel spectrogram in decibels of power, 0 dB being a power of 1, never below `settings.floor_db`.

    Frame i is centred on sample i * hop, with zeros outside the window; row 0 is the highest band. Decibels are
    absolute: nothing is relative to the window's own maximum.
    """
    import torch

    window = torch.hann_window(settings.n_fft, dtype=waveforms.dtype, device=waveforms.device)
    spectrum = torch.stft(
        waveforms, settings.n_fft, settings.hop, window=window, center=True, pad_mode="constant", return_complex=True
    )[..., : settings.frames]
    power = spectrum.real.square() + spectrum.imag.square()
    weights = torch.from_numpy(_weights(settings)).to(power)
    return 10 * (weights @ power).clamp(min=10 ** (settings.floor_db / 10)).log10()


def band_centres(settings: AudioSettings) -> Float64[np.ndarray, "mels"]:
    """Centre frequencies of the mel bands in Hz, highest first."""
    import librosa

    edges = librosa.mel_frequencies(settings.mels + 2, fmin=settings.fmin, fmax=settings.fmax)
    return np.ascontiguousarray(edges[-2:0:-1], dtype=np.float64)


def _weights(settings: AudioSettings) -> Float32[np.ndarray, "mels bins"]:
    return _filters(settings.rate, settings.n_fft, settings.mels, settings.fmin, settings.fmax)


@lru_cache(maxsize=8)
def _filters(rate: int, n_fft: int, mels: int, fmin: float, fmax: float) -> Float32[np.ndarray, "mels bins"]:
    """Triangles of equal area on Slaney's mel scale, highest band first. Raises ConfigError for bands between bins."""
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # empty bands are refused below
        weights = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=fmin, fmax=fmax, norm="slaney")
    if not weights.any(axis=1).all():
        raise ConfigError(
            f"preprocess.mels is {mels}; some of these bands lie between the frequencies that frames of {n_fft} "
            "samples tell apart, so take fewer bands or a larger n_fft"
        )
    return np.ascontiguousarray(weights[::-1], dtype=np.float32)
