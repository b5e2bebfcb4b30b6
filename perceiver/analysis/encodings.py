"""Properties of position encodings: similarity between positions, effective dimension, principal components.

All are computed from products of channels (P x P), never from pairs of elements (M x M).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from ..config import PerceiverConfig
from ..model import Perceiver
from ..notebook import titled_table
from ..positions import Band, Rows
from ..validation import index_of
from .formatting import number

NOTHING = 1e-12
"""Eigenvalues below this share of the largest are rounding errors."""


@dataclass(frozen=True)
class Gram:
    """The spectrum of the Gram matrix of a position encoding: inner products between the vectors of all elements.

    shares     its nonzero eigenvalues over their sum, largest first
    effective  exp of the entropy of `shares`, the effective number of dimensions
    """

    shares: Float64[np.ndarray, "k"]
    effective: float


def similarity(codes: Float[Tensor, "M P"], element: int) -> Float32[np.ndarray, "M"]:
    """Cosine similarity of one element's position encoding with that of every element; 0 for a zero vector.

    Raises ConfigError for an element that does not exist.
    """
    element = index_of("input element", element, len(codes))
    lengths = codes.norm(dim=1)
    products = codes @ codes[element] / (lengths * lengths[element]).clamp_min(torch.finfo(codes.dtype).tiny)
    return products.clamp(-1, 1).detach().numpy()


def gram(codes: Float[Tensor, "M P"]) -> Gram:
    """The Gram spectrum of a position encoding. Its eigenvalues are those of the channels' second moments. An encoding
    without channels has no shares and effective dimension 0.

    Raises ValueError if all values are 0.
    """
    if not codes.shape[1]:
        return Gram(np.zeros(0), 0.0)
    values = torch.linalg.eigvalsh(_moments(codes)).flip(0)
    if not values[0] > 0:
        raise ValueError("a code that is 0 everywhere has no spectrum")
    values = values[values > NOTHING * values[0]]
    shares = (values / values.sum()).numpy()
    return Gram(shares, float(np.exp(-(shares * np.log(shares)).sum())))


def directions(codes: Float[Tensor, "M P"]) -> tuple[Float64[Tensor, "P"], Float64[Tensor, "P P"]]:
    """The eigenvalues of the channels' second moments, largest first, and their eigenvectors as columns: the directions
    of the principal components."""
    values, vectors = torch.linalg.eigh(_moments(codes))
    return values.flip(0), vectors.flip(1)


def components(codes: Float[Tensor, "M P"], count: int) -> Float32[np.ndarray, "count M"]:
    """The leading eigenvectors of the Gram matrix over the elements, each of length 1; at most as many as the encoding
    has dimensions. The sign makes the sum positive, or, if it is 0 up to rounding, the value of largest magnitude."""
    if not codes.shape[1]:
        return np.zeros((0, len(codes)), dtype=np.float32)
    values, vectors = directions(codes)
    wanted = min(count, int((values > NOTHING * values[0]).sum()))
    out = []
    for column in range(wanted):
        pattern = codes.detach().double() @ vectors[:, column]
        pattern = pattern / pattern.norm()
        total = float(pattern.sum())
        if abs(total) < 1e-6 * len(pattern) ** 0.5:
            total = float(pattern[pattern.abs().argmax()])
        out.append((pattern if total >= 0 else -pattern).float())
    return torch.stack(out).numpy()


def pattern(codes: Float[Tensor, "M P"], channel: int) -> Float32[np.ndarray, "M"]:
    """The values of one channel over the elements. Raises ConfigError for a channel that does not exist."""
    return codes[:, index_of("channel", channel, codes.shape[1])].detach().numpy()


LEADING = 5
"""Number of leading components that are always among the patterns of a learned encoding."""


@dataclass(frozen=True)
class CodePattern:
    """One channel or component of a position encoding over the input.

    axis, index  the band, for encodings with bands; `index` alone is a component, `axis` alone a raw coordinate
    frequency    of the band in cycles across the axis; 0 for none
    values       one per element; NaN for those without the axis, in an input of several parts
    """

    axis: int | None
    index: int
    frequency: float
    values: Float32[np.ndarray, "M"]


def code_parts(config: PerceiverConfig) -> int:
    """The number of bands per axis of a position encoding, the most of several; else that of its channels; 0 without
    position channels."""
    encodings = [one.positions for one in config.segments if one.positions] or [config.positions]
    return max(one.bands_per_axis for one in encodings) or config.position_channels


def code_patterns(model: Perceiver, codes: Float[Tensor, "M P"], chosen: int) -> tuple[CodePattern, ...]:
    """Selected channels or components of a position encoding over the input.

    For encodings with bands: the sines of the lowest, the chosen and the highest band of every axis. Otherwise the raw
    coordinates, or else the leading components and the chosen one. Empty without position channels.

    chosen  the band or component, from 0; clipped to the last one
    """
    encoding, parts = model.encoding, code_parts(model.config)
    if not parts:
        return ()
    chosen = min(chosen, parts - 1)
    if every := encoding.bands():
        counts = Counter(band.axis for band in every)
        shown = [b for b in every if b.index in (0, min(chosen, counts[b.axis] - 1), counts[b.axis] - 1)]
        return tuple(
            CodePattern(b.axis, b.index, b.frequency, _of_rows(pattern(codes, b.sine), encoding.rows(b.axis)))
            for b in shown
        )
    if raw := encoding.coordinate_channels():
        return tuple(
            CodePattern(axis, axis, 0.0, _of_rows(pattern(codes, channel), encoding.rows(axis)))
            for axis, channel in enumerate(raw)
        )
    numbers = sorted({*range(min(LEADING, parts)), chosen})
    # Components have length 1 over all elements; scaled to a mean square of 1, they are comparable to channels.
    leading = components(codes, max(numbers) + 1) * np.float32(math.sqrt(len(codes)))
    return tuple(CodePattern(None, i, 0.0, leading[i]) for i in numbers if i < len(leading))


def _of_rows(values: Float32[np.ndarray, "M"], rows: Rows) -> Float32[np.ndarray, "M"]:
    """The values of some elements, NaN for the others."""
    if rows is None:
        return values
    out = np.full_like(values, np.nan)
    out[slice(*rows)] = values[slice(*rows)]
    return out


@dataclass(frozen=True)
class CodeAnalysis:
    """The properties of a position encoding on an input.

    positions            the kind of encoding
    shape                the grid of elements
    bands                of the encoding; empty if it has none
    codes                the encoding of every element
    gram                 the spectrum of the Gram matrix
    element, similarity  cosine similarity of one element's encoding with every element's; None if no element was given
    """

    positions: str
    shape: tuple[int, ...]
    bands: tuple[Band, ...]
    codes: Float[Tensor, "M P"]
    gram: Gram
    element: int | None = None
    similarity: Float32[np.ndarray, "M"] | None = None

    def __repr__(self) -> str:
        count, channels = self.codes.shape
        dimensions = number(self.gram.effective)
        return f"CodeAnalysis({self.positions}: {count} elements, {channels} channels, {dimensions} dimensions)"

    def _repr_html_(self) -> str:
        """The properties as a table."""
        frequencies = sorted({band.frequency for band in self.bands})
        rows = [
            ["elements", " × ".join(map(str, self.shape))],
            ["channels", str(self.codes.shape[1])],
            ["bands", f"{len(self.bands)}, {number(frequencies[0])} to {number(frequencies[-1])} cycles"]
            if frequencies
            else ["bands", "none"],
            ["effective dimensions", number(self.gram.effective)],
        ]
        if self.similarity is not None:
            near = number(float(np.mean(self.similarity)))
            rows.append([f"mean cosine similarity with element {self.element}", near])
        return titled_table(f"Position encoding: {self.positions}", rows)


def analyse_code(model: Perceiver, codes: Float[Tensor, "M P"], element: int | None = None) -> CodeAnalysis:
    """Analyses a model's position encoding.

    codes    the encoding of an input's elements (`Perceiver.codes`), or of the model's own grid
    element  the element whose encoding is compared with all others

    Raises ConfigError for an element that does not exist.
    """
    return CodeAnalysis(
        positions=model.config.positions_kind,
        shape=model.config.input_shape,
        bands=model.encoding.bands(),
        codes=codes.detach(),
        gram=gram(codes),
        element=element,
        similarity=None if element is None else similarity(codes, element),
    )


def _moments(codes: Float[Tensor, "M P"]) -> Float[Tensor, "P P"]:
    exact = codes.detach().double()
    return exact.T @ exact / len(codes)
