"""What a latent reads, split into parts as its scores are (`analysis.split`): its mean content and position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from torch import Tensor

from ..attention import CHUNK_ROWS
from ..trace import CrossAttentionRecord, Trace
from ..validation import index_of
from .parts import RowPart, RowParts, parse
from .split import scaled, shared_out


@dataclass(frozen=True)
class Reading:
    """What one latent reads in one block.

    head        one head; None is the mean over heads
    content     mean content that is read, of every content channel: weighted by attention, over the elements that have
                the channel
    average     the same with equal weights: the mean content of the input
    similarity  cosine similarity of the mean position code that is read with that of every element, in the shape of the
                input: from where it is read; 0 for elements without a code, or with one of length 0
    parts       of the rows
    shares      of the vector that the cross-attention adds to the latent, each part's projection on it over its square
                length; with `constant` they add up to 1
    constant    the share of what does not depend on the input
    """

    block: int
    latent: int
    head: int | None
    content: Float64[np.ndarray, "channels"]
    average: Float64[np.ndarray, "channels"]
    similarity: Float32[np.ndarray, "*shape"] = field(repr=False)
    parts: tuple[RowPart, ...] = field(repr=False)
    shares: Float64[np.ndarray, "parts"] = field(repr=False)
    constant: float

    def of(self, text: str) -> float:
        """The share of some parts (`perceiver.analysis.parts.parse`). Raises ConfigError where there are none."""
        return float(self.shares[parse(text).of(self.parts)].sum())


@torch.no_grad()
def reading(trace: Trace, parts: RowParts, block: int, latent: int, *, head: int | None = None) -> Reading:
    """What a latent reads in a block.

    Raises ConfigError for a block, latent or head that does not exist.
    """
    record = trace.record(block)
    latent = index_of("latent", latent, record.latents)
    chosen = range(record.heads) if head is None else [index_of("head", head, record.heads)]
    array = trace.inputs.array[0]
    at = slice(latent, latent + 1)
    weights = torch.cat([trace.latent_maps(block, at, head=one) for one in chosen]).double()
    shares, constant = _shares_of_output(record, parts, array, weights, chosen)
    mean_weights = weights.mean(0)
    content, average = (_mean_content(parts, array, one) for one in (mean_weights, torch.full_like(mean_weights, 1.0)))
    similarity = _similarity(parts, array, mean_weights).reshape(trace.shape)
    return Reading(record.block, latent, head, content, average, similarity, parts.parts, shares, constant)


@dataclass(frozen=True)
class ContentAlong:
    """The mean content that a latent reads at each place along one axis, of content with a single channel: of a sound
    the spectrum that it reads.

    axis     its name, as in `Modality.places`
    places   the centres of its cells
    read     the mean over the other axes, weighted by attention
    average  the same with equal weights
    """

    axis: str
    places: Float64[np.ndarray, "n"]
    read: Float64[np.ndarray, "n"]
    average: Float64[np.ndarray, "n"]


def content_along(
    axis: str,
    places: Mapping[str, Float[np.ndarray, "_"]],
    content: Float[np.ndarray, "*grid"],
    weights: Float[np.ndarray, "*grid"],
) -> ContentAlong:
    """The content that is read along one axis of a grid. Raises ConfigError for an axis that the grid does not have.

    places   of every axis of the grid, in order
    content  one value an element
    weights  attention weight of every element
    """
    kept = index_of("axis", list(places).index(axis) if axis in places else -1, len(places))
    others = tuple(i for i in range(content.ndim) if i != kept)
    exact, its = content.astype(np.float64), weights.astype(np.float64)
    # Where nothing is read at a place, nothing is known of its content: NaN.
    total = its.sum(others)
    read = np.divide((exact * its).sum(others), total, out=np.full(total.shape, np.nan), where=total > 0)
    return ContentAlong(axis, np.asarray(places[axis], dtype=np.float64), read, exact.mean(others))


def mean_colour(
    seen: UInt8[np.ndarray, "h w 3"], weights: Float[np.ndarray, "rows columns"]
) -> Float64[np.ndarray, "3"]:
    """The mean colour of a picture, 0 to 255, weighted by the attention on its elements; an element is a rectangle of
    pixels. Raises ValueError where elements are none."""
    down, across = seen.shape[0] / weights.shape[0], seen.shape[1] / weights.shape[1]
    if down != int(down) or across != int(across):
        raise ValueError(f"{weights.shape} elements are no rectangles of {seen.shape[:2]} pixels")
    cells = seen.reshape(weights.shape[0], int(down), weights.shape[1], int(across), 3).mean((1, 3))
    return (cells * weights[..., None]).sum((0, 1)) / weights.sum(dtype=np.float64)


def _shares_of_output(
    record: CrossAttentionRecord,
    parts: RowParts,
    array: Float[Tensor, "M C"],
    weights: Float64[Tensor, "heads M"],
    heads: Sequence[int],
) -> tuple[Float64[np.ndarray, "parts"], float]:
    """The share of every part in the vector that some heads add to a latent, and that of the constant."""
    layer = record.layer
    width = layer.value.out_features // layer.heads
    gamma, beta = layer.input_norm.weight.double(), layer.input_norm.bias.double()
    means = [_sum(parts, array[group.rows], weights[:, group.rows]) for group in parts.groups]  # heads x C each
    maps, constants = [], []
    for head in heads:
        its = slice(head * width, (head + 1) * width)
        value, out = layer.value.weight[its].double(), layer.out.weight[:, its].double()
        bias = 0.0 if layer.value.bias is None else layer.value.bias[its].double()
        maps.append(parts.turned(shared_out(out @ (value * gamma))))
        constants.append(out @ (value @ beta + bias))
    constant = torch.stack(constants).sum(0)
    if layer.out.bias is not None and len(heads) == layer.heads:
        constant = constant + layer.out.bias.double()
    output = sum((one @ mean[i] for i, one in enumerate(maps) for mean in means), constant)
    square = float(output @ output)
    shares = np.zeros(len(parts.parts))
    for group, mean in zip(parts.groups, means, strict=True):
        along = torch.stack([(output @ one) * its for one, its in zip(maps, mean, strict=True)]).sum(0)
        shares += parts.sums(group, along.numpy())
    return shares / square, float(output @ constant) / square


def _sum(
    parts: RowParts, rows: Float[Tensor, "m C"], weights: Float64[Tensor, "heads m"]
) -> Float64[Tensor, "heads C"]:
    """The weighted sum of scaled rows."""
    pairs = zip(rows.split(CHUNK_ROWS), weights.split(CHUNK_ROWS, dim=1), strict=True)
    return torch.stack([its @ scaled(parts, chunk) for chunk, its in pairs]).sum(0)


def _mean_content(
    parts: RowParts, array: Float[Tensor, "M C"], weights: Float64[Tensor, "M"]
) -> Float64[np.ndarray, "channels"]:
    """The weighted mean of every content channel, over the rows that have it."""
    content = parts.of_group("content")
    out = np.zeros(int(content.sum()))
    for group in parts.groups:
        channels = np.flatnonzero(content[group.part_of])
        its = weights[group.rows]
        if len(channels):
            total = its @ array[group.rows, torch.from_numpy(channels)].double()
            out[group.part_of[channels]] = (total / its.sum()).numpy()
    return out


def _similarity(
    parts: RowParts, array: Float[Tensor, "M C"], weights: Float64[Tensor, "M"]
) -> Float32[np.ndarray, "M"]:
    """Cosine similarity of the weighted mean position code of each group of rows with that of each of its rows."""
    out = np.zeros(len(array), dtype=np.float32)
    for group in parts.groups:
        if not len(group.positions):
            continue
        chunks = array[group.rows].split(CHUNK_ROWS)
        codes = [chunk[:, torch.from_numpy(group.positions)] for chunk in chunks]
        its = weights[group.rows].float().split(CHUNK_ROWS)
        mean = torch.stack([w @ code for w, code in zip(its, codes, strict=True)]).sum(0)
        lengths = mean.norm().clamp_min(torch.finfo(mean.dtype).tiny)
        near = [code @ mean / (code.norm(dim=1) * lengths).clamp_min(1e-30) for code in codes]
        out[group.rows] = torch.cat(near).clamp(-1, 1).numpy()
    return out
