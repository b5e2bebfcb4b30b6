"""Augmentation of sounds: variation of instrument, room, microphone and recording."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .base import uniform


@dataclass(frozen=True)
class SoundAugmentation:
    """Augmentation of sounds. Everything is drawn for each sound independently, ranges uniformly.

    speed   factor on pitch and tempo together, drawn on a logarithmic scale
    delay   maximum silence before the sound, in seconds
    tone    maximum gain of the equaliser in decibels, in either direction, interpolated between one gain per octave
    room    fraction of sounds with exponentially decaying reverberation
    fade    fraction of sounds with faster decay, and maximum rate of that decay in e-folds per second
    mask    maximum fractions of the bands and of the frames of a spectrogram that are masked with its mean
            (SpecAugment, Park et al. 2019); waveforms are not masked
    noise   range of the level of added white noise relative to the peak of the sound, in decibels
    """

    speed: tuple[float, float] = (0.92, 1.09)
    delay: float = 0.15
    tone: float = 12.0
    room: float = 0.4
    fade: tuple[float, float] = (0.4, 5.0)
    noise: tuple[float, float] = (-75.0, -35.0)
    mask: tuple[float, float] = (0.0, 0.0)

    def sentence(self) -> str:
        """Description for the model card."""
        return (
            f"played {self.speed[0]:g} to {self.speed[1]:g} times as fast, begun up to {self.delay:g} s late, filtered "
            f"by a random smooth curve of up to {self.tone:g} dB either way, {self.room:.0%} with reverberation, "
            f"{self.fade[0]:.0%} with a faster decay, white noise {-self.noise[1]:g} to {-self.noise[0]:g} dB below "
            "the peak"
            + (
                f"; up to {self.mask[0]:.0%} of a spectrogram's bands and {self.mask[1]:.0%} of its frames masked"
                if any(self.mask)
                else ""
            )
        )


def augment(
    sounds: Float[Tensor, "B samples"], rate: int, augmentation: SoundAugmentation, generator: torch.Generator
) -> Float[Tensor, "B samples"]:
    """Augments each sound independently; the length is unchanged."""
    a, (count, length) = augmentation, sounds.shape
    draw = uniform(count, generator)
    time = torch.arange(length) / rate
    slowest, fastest = map(math.log, a.speed)
    sounds = _played(sounds, draw(slowest, fastest).exp(), draw(0.0, a.delay) * rate)
    faded = torch.rand(count, generator=generator) < a.fade[0]
    sounds = sounds * torch.where(faded[:, None], (-draw(0.0, a.fade[1], 1) * time).exp(), 1.0)
    # Equaliser and room share one FFT; zero padding prevents circular wrap-around.
    size = 2 * length
    response = _room(count, length, rate, a.room, generator) if a.room else None
    spectrum = torch.fft.rfft(sounds, size) * _tone(count, size, rate, a.tone, generator)
    if response is not None:
        spectrum = spectrum * torch.fft.rfft(response, size)
    sounds = torch.fft.irfft(spectrum, size)[:, :length]
    level = 10 ** (draw(*a.noise, 1) / 20) * sounds.abs().amax(1, keepdim=True)
    return sounds + level * torch.randn(sounds.shape, generator=generator)


def masked(
    content: Float[Tensor, "B M 1"], shape: tuple[int, ...], share: tuple[float, float], generator: torch.Generator
) -> Float[Tensor, "B M 1"]:
    """Sets one range of bands and one of frames of each spectrogram to 0, the mean of the content.

    `shape` is the grid, `share` the maximum width of the ranges relative to the axis.
    """
    count, kept = len(content), torch.ones(len(content), *shape, dtype=torch.bool)
    for axis, (size, most) in enumerate(zip(shape, share, strict=True)):
        width = most * size * torch.rand(count, generator=generator)
        start = (size - width) * torch.rand(count, generator=generator)
        place = torch.arange(size) + 0.5
        outside = (place < start[:, None]) | (place >= (start + width)[:, None])
        kept &= outside[:, :, None] if axis == 0 else outside[:, None, :]
    return content * kept.flatten(1).unsqueeze(-1)


def _played(
    sounds: Float[Tensor, "B samples"], speed: Float[Tensor, "B"], delay: Float[Tensor, "B"]
) -> Float[Tensor, "B samples"]:
    """Resamples sounds by `speed` after a delay in samples, with linear interpolation and silence outside."""
    length = sounds.shape[1]
    at = (torch.arange(length) - delay[:, None]) * speed[:, None]
    grid = torch.stack([(2 * at + 1) / length - 1, torch.zeros_like(at)], dim=-1)
    return F.grid_sample(sounds[:, None, None], grid[:, None], align_corners=False)[:, 0, 0]


def _tone(count: int, size: int, rate: int, gain: float, generator: torch.Generator) -> Float[Tensor, "B bins"]:
    """Factors per FFT bin: one random gain per octave from 62.5 Hz, linearly interpolated in decibels."""
    frequencies = torch.fft.rfftfreq(size, 1 / rate).clamp_min(62.5)
    place = (frequencies / 62.5).log2()
    octaves = int(place[-1].ceil()) + 1
    knots = gain * (2 * torch.rand(count, octaves + 1, generator=generator) - 1)
    left = place.floor().long()
    share = place - left
    return 10 ** ((knots[:, left] * (1 - share) + knots[:, left + 1] * share) / 20)


def _room(count: int, length: int, rate: int, share: float, generator: torch.Generator) -> Float[Tensor, "B samples"]:
    """Impulse responses: a unit impulse, for a fraction of them followed by noise that decays within a second."""
    tail = torch.randn(count, length, generator=generator)
    decay = 10 ** (1.3 * torch.rand(count, 1, generator=generator))  # time constant of 1 to 1/20 s
    strength = 0.3 * torch.rand(count, 1, generator=generator) * (torch.rand(count, 1, generator=generator) < share)
    tail = tail * (-decay * torch.arange(length) / rate).exp()
    tail = strength * tail / tail.square().sum(1, keepdim=True).sqrt()
    tail[:, 0] += 1
    return tail
