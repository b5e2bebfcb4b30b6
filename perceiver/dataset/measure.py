"""What is measured of one input for the analysis of a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64, UInt8
from PIL import Image

from ..analysis.batches import HELD
from ..analysis.parts import RowParts
from ..analysis.patching import latent_effects
from ..analysis.split_shares import score_shares
from ..analysis.sweep import answers, curves
from ..config import PerceiverConfig
from ..errors import InputError
from ..modalities.audiovisual.content import parts_of
from ..modalities.audiovisual.settings import ClipSettings
from ..model import Perceiver
from ..sample import Sample
from ..studies.frequencies import CutOff, cut_offs
from ..trace import Trace

CUT_OFFS = 6
"""Cut-offs of the position encoding's bands, below the whole encoding."""

SIDE = 16
"""Maximum number of cells along an axis of a mean map; four times that for inputs with a single axis."""

THUMBNAIL = 24
"""Side of a thumbnail in pixels."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The measurements of one input; rows of a table over all inputs.

    logits     the head applied to the latents after every block
    removed    how much the logit of the predicted class falls when one latent is removed before the head
    entropy    of every latent's attention weights over the elements, mean over blocks: 0 where all weight is on one
               element, 1 where it is spread evenly
    shares     of each group of parts in the variance of the scores, by block; NaN where they are constant
    after      the predicted class under every cut-off of the bands
    latent     the mean over the latents after the last block
    attention  attention weight in each cell by block, mean over latents; without cells for an input of several parts
    reading    the same for every latent, mean over blocks
    occupied   share of the elements in each cell
    thumbnail  of what the model reads
    digest     SHA-256 of what the model reads
    """

    logits: Float[np.ndarray, "blocks classes"]
    removed: Float[np.ndarray, "N"]
    entropy: Float[np.ndarray, "N"]
    shares: Float[np.ndarray, "crosses groups"]
    after: Int[np.ndarray, "cuts"]
    latent: Float[np.ndarray, "D"]
    attention: Float64[np.ndarray, "crosses cells"]
    reading: Float64[np.ndarray, "N cells"]
    occupied: Float64[np.ndarray, "cells"]
    thumbnail: UInt8[np.ndarray, "s s 3"]
    digest: str


class Probe:
    """Measures inputs of one model.

    cut_offs  of the bands, low-pass, the strongest first; none for an encoding without bands
    """

    def __init__(self, model: Perceiver) -> None:
        self.model = model
        self.parts = RowParts.of(model)
        self.cut_offs: tuple[CutOff, ...] = tuple(
            one for one in cut_offs(curves(model.encoding), CUT_OFFS) if one.family == "low_pass"
        )

    @torch.no_grad()
    def measure(self, sample: Sample) -> Measured:
        """All measurements of one input. Raises InputError for a sample on another grid than the model's."""
        try:
            inputs = self.model.inputs(sample)
        except ValueError as error:
            raise InputError(str(error)) from error
        trace = self.model.trace(inputs)
        latents = trace.latents[-1]
        placed = cells(sample) if cell_shape(self.model.config) else None
        attention, reading, occupied = _in_cells(trace, placed)
        entropy = torch.stack([trace.concentration(block) for block in trace.blocks]).mean(0)
        found = [logits.argmax(-1) for logits in answers(self.model, sample, [one.ablation for one in self.cut_offs])]
        shares = score_shares(trace, self.parts)
        return Measured(
            logits=trace.block_logits.numpy(),
            removed=_removed(self.model, trace),
            entropy=(entropy / max(np.log(trace.inputs.shape[1]), np.finfo(np.float32).tiny)).numpy(),
            shares=np.stack([shares.of(group) for group in shares.groups], axis=1),
            after=np.concatenate(found) if found else np.zeros(0, dtype=np.int64),
            latent=latents.mean(0).numpy(),
            attention=attention,
            reading=reading,
            occupied=occupied,
            thumbnail=thumbnail(sample, self.model.config),
            digest=_digest(sample),
        )


def _removed(model: Perceiver, trace: Trace) -> Float64[np.ndarray, "N"]:
    """What the logit of the predicted class loses without each latent's state after the last block; NaN for a model
    with a single latent."""
    if len(model.latents) == 1:
        return np.full(1, np.nan)
    return latent_effects(model, trace, after=len(model.config.plan) - 1).effects


def cell_shape(config: PerceiverConfig) -> tuple[int, ...]:
    """The grid of cells of a model's mean maps: its elements in blocks of neighbours; for free elements the first two
    coordinates, seen along the third. Empty for inputs of several parts, whose maps are on several grids."""
    if config.segments:
        return ()
    if config.position_axes is not None:
        return (SIDE,) * min(2, config.position_axes)
    return tuple(-(-size // side) for size, side in zip(config.input_shape, _sides(config.input_shape), strict=True))


def cells(sample: Sample) -> tuple[Int64[np.ndarray, "M"], int]:
    """The cell of every element, row-major in `cell_shape`, and the number of cells, for inputs of one part."""
    if sample.coordinates is not None:
        places = sample.coordinates[:, :2].numpy()
        index = ((places + 1) / 2 * SIDE).astype(np.int64).clip(0, SIDE - 1)
        if index.shape[1] == 1:
            return index[:, 0], SIDE
        # The second coordinate goes up, rows go down.
        return (SIDE - 1 - index[:, 1]) * SIDE + index[:, 0], SIDE * SIDE
    sides = _sides(sample.shape)
    shape = [-(-size // side) for size, side in zip(sample.shape, sides, strict=True)]
    axes = [np.arange(size) // side for size, side in zip(sample.shape, sides, strict=True)]
    return np.ravel_multi_index(np.meshgrid(*axes, indexing="ij"), shape).ravel(), int(np.prod(shape))


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    most = SIDE if len(shape) > 1 else 4 * SIDE
    return tuple(-(-size // most) for size in shape)


def _in_cells(
    trace: Trace, placed: tuple[Int64[np.ndarray, "M"], int] | None
) -> tuple[Float64[np.ndarray, "crosses cells"], Float64[np.ndarray, "N cells"], Float64[np.ndarray, "cells"]]:
    """Attention weight of every block and of every latent in each cell, and the share of the elements there."""
    latents = trace.latents.shape[1]
    if placed is None:
        return np.zeros((len(trace.blocks), 0)), np.zeros((latents, 0)), np.zeros(0)
    index, count = torch.from_numpy(placed[0]), placed[1]
    reading = torch.zeros(latents, count, dtype=torch.float64)
    by_block = []
    step = max(1, HELD // (4 * trace.inputs.shape[1]))
    for block in trace.blocks:
        total = torch.zeros(latents, count, dtype=torch.float64)
        for start in range(0, latents, step):
            maps = trace.latent_maps(block, slice(start, min(start + step, latents)))
            total[start : start + len(maps)].index_add_(1, index, maps.double())
        by_block.append(total.mean(0))
        reading += total / len(trace.blocks)
    occupied = np.bincount(placed[0], minlength=count) / len(placed[0])
    return torch.stack(by_block).numpy(), reading.numpy(), occupied


def thumbnail(sample: Sample, config: PerceiverConfig) -> UInt8[np.ndarray, "s s 3"]:
    """A small picture of what the model reads: colours, a grid of values, a waveform, or points seen along the third
    axis; of a clip the frame in the middle, or its sound where the model reads no frames."""
    if config.segments:
        return _clip(sample, ClipSettings.of(config.preprocess))
    if sample.coordinates is not None:
        return _points(sample.coordinates.numpy())
    values, shape = sample.content.numpy(), config.read_shape
    if len(shape) == 1:
        return _waveform(values)
    channels = values.shape[1]
    grid = values.reshape(*shape, channels)
    while grid.ndim > 3:  # the middle of a clip
        grid = grid[len(grid) // 2]
    if channels == 3 and {"mean", "std"} <= config.preprocess.keys():
        return _picture(grid * np.asarray(config.preprocess["std"]) + np.asarray(config.preprocess["mean"]))
    return _picture(_stretched(grid.mean(-1)))


def _clip(sample: Sample, settings: ClipSettings) -> UInt8[np.ndarray, "s s 3"]:
    parts = {name: values[0].numpy() for name, values in parts_of(sample.content[None], settings).items()}
    if "video" in parts:
        frame = parts["video"][:, settings.frames // 2].transpose(1, 2, 0)
        return _picture(frame * np.asarray(settings.std) + np.asarray(settings.mean))
    return _waveform(parts["audio"].T) if settings.spectrogram is None else _picture(_stretched(parts["audio"]))


def _picture(grid: Float[np.ndarray, "h w"] | Float[np.ndarray, "h w channels"]) -> UInt8[np.ndarray, "s s 3"]:
    """Values from 0 to 1 as a thumbnail: grey, or of 1 or 3 colours."""
    channels = np.broadcast_to(grid.reshape(*grid.shape[:2], -1), (*grid.shape[:2], 3))
    picture = Image.fromarray((channels.clip(0, 1) * 255).round().astype(np.uint8))
    return np.asarray(picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))


def _stretched(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _waveform(values: Float[np.ndarray, "patches samples"]) -> UInt8[np.ndarray, "s s 3"]:
    """The range of the values in each column, bright on dark."""
    top = max(float(np.abs(values).max()), np.finfo(np.float32).tiny)
    rows = np.linspace(1, -1, THUMBNAIL)[:, None]
    columns = np.array_split(values / top, THUMBNAIL)
    low = np.array([part.min() if part.size else 0.0 for part in columns])
    high = np.array([part.max() if part.size else 0.0 for part in columns])
    half = 1 / THUMBNAIL
    inside = (rows <= high + half) & (rows >= low - half)
    return np.where(inside, 230, 30).astype(np.uint8)[..., None].repeat(3, axis=-1)


def _points(coordinates: Float[np.ndarray, "M axes"]) -> UInt8[np.ndarray, "s s 3"]:
    """Points on a dark ground, the nearest in each pixel, brighter the nearer."""
    padded = np.zeros((len(coordinates), 3))
    padded[:, : min(3, coordinates.shape[1])] = coordinates[:, :3]
    column, row = (((padded[:, i] + 1) / 2 * THUMBNAIL).astype(int).clip(0, THUMBNAIL - 1) for i in (0, 1))
    picture = np.zeros((THUMBNAIL, THUMBNAIL))
    np.maximum.at(picture, (THUMBNAIL - 1 - row, column), 0.55 + 0.45 * ((padded[:, 2] + 1) / 2).clip(0, 1))
    return np.where(picture > 0, picture * 255, 30).astype(np.uint8)[..., None].repeat(3, axis=-1)


def _digest(sample: Sample) -> str:
    read = hashlib.sha256(np.ascontiguousarray(sample.content.numpy()).tobytes())
    if sample.coordinates is not None:
        read.update(np.ascontiguousarray(sample.coordinates.numpy()).tobytes())
    return read.hexdigest()
