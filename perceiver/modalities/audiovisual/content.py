"""Windows of clips -> the content a model reads. Reading a file and training both go through `content`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, UInt8

from .settings import ClipSettings

if TYPE_CHECKING:
    from torch import Tensor


def content(
    frames: UInt8[np.ndarray, "B T H W channels"], sound: Float32[np.ndarray, "B samples"], settings: ClipSettings
) -> Float32[np.ndarray, "B M content"]:
    """Content of every input element, for frames of the model's size and mono sound at the model's rate.

    Elements of frames hold (value / 255 - mean) / std; those of sound samples, -1 to 1, or the bands of a frame of the
    log-mel spectrogram, highest first. Rows that have fewer channels than others end in zeros. Frames or sound that the
    model does not read are ignored.
    """
    parts = []
    for name in settings.order:
        if name == "video":
            rows = patches(frames, settings)
        elif name == "audio":
            rows = heard(sound, settings)
        else:
            rows = np.zeros((len(frames), 1, 0), np.float32)
        parts.append(np.pad(rows, ((0, 0), (0, 0), (0, settings.content_channels - rows.shape[-1]))))
    return np.concatenate(parts, axis=1)


def patches(
    frames: UInt8[np.ndarray, "B T H W channels"], settings: ClipSettings
) -> Float32[np.ndarray, "B elements content"]:
    """Frames as elements, normalised, row by row; in each its frames, rows, columns and colours, in this order."""
    t, p = settings.patch_frames, settings.patch
    count, height, width = settings.shapes["video"]
    cut = frames.reshape(len(frames), count, t, height, p, width, p, settings.channels)
    cut = cut.transpose(0, 1, 3, 5, 2, 4, 6, 7)
    values = (cut.astype(np.float32) / 255 - np.array(settings.mean, np.float32)) / np.array(settings.std, np.float32)
    return values.reshape(len(frames), count * height * width, -1)


def heard(sound: Float32[np.ndarray, "B samples"], settings: ClipSettings) -> Float32[np.ndarray, "B elements content"]:
    """Sound as elements: samples, or frames of the spectrogram with the highest band first."""
    if settings.spectrogram is None:
        return sound.reshape(len(sound), -1, settings.samples_per_patch)
    import torch  # not in worker processes that read clips without a spectrogram

    from ..audio.features import content as cells

    by_band = cells(torch.from_numpy(sound), settings.spectrogram)
    grid = by_band.reshape(len(sound), *settings.spectrogram.shape)
    return np.ascontiguousarray(grid.transpose(1, 2).numpy())


def parts_of(content: Float[Tensor, "B M content"], settings: ClipSettings) -> dict[str, Float[Tensor, "B ..."]]:
    """The inverse of `content`, for networks that read frames and sound by themselves: "video" as frames, normalised,
    (B, channels, T, H, W); "audio" as a spectrogram, (B, mels, frames), or samples, (B, 1, samples)."""
    found: dict[str, Float[Tensor, "B ..."]] = {}
    counts = [math.prod(shape) for shape in settings.shapes.values()]
    for name, rows in zip(settings.order, content.split(counts, dim=1), strict=True):
        own = rows[..., : settings.channels_of[name]]
        if name == "video":
            t, p = settings.patch_frames, settings.patch
            cut = own.reshape(len(own), *settings.shapes["video"], t, p, p, settings.channels)
            whole = cut.permute(0, 7, 1, 4, 2, 5, 3, 6)
            found[name] = whole.reshape(len(own), settings.channels, settings.frames, settings.height, settings.width)
        elif name == "audio":
            found[name] = own.transpose(1, 2) if settings.spectrogram else own.flatten(1).unsqueeze(1)
    return found
