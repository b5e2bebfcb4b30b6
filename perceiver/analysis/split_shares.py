"""How much of the variance of cross-attention scores each part of the input's rows explains (`analysis.split`).

The scores of a latent over the elements are the sum of the scores of the parts. The covariance of each part's scores
with the whole, over the elements, adds up to the variance of the whole: over that variance it is the part's share. All
of them follow from a and the covariance of the rows, without any map.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from ..notebook import titled_table
from ..trace import Trace
from ..validation import index_of
from .formatting import percent
from .parts import Group, RowPart, RowParts, parse
from .split import RowMoments, absorbed, row_moments

FLAT = 1e-12
"""Variance of a latent's scores, as a share of their mean square, below which it is rounding."""


@dataclass(frozen=True)
class ScoreShares:
    """How much of the variance of the scores over the elements each part explains.

    The covariances of the parts' scores with the whole score add up to its variance; a part's share is its covariance
    over the variance. Shares add up to 1. One is negative where a part works against the others.

    blocks      that have a cross-attention, from 0
    head        one head; None is the mean score over heads
    parts       of the rows
    covariance  of every latent's scores in each block with those of each part, over all elements
    variance    of every latent's scores in each block, over all elements
    alone       the variance of the scores of each group of parts, by `groups`
    flat        latents whose scores are constant up to rounding
    """

    blocks: tuple[int, ...]
    head: int | None
    parts: tuple[RowPart, ...] = field(repr=False)
    covariance: Float64[np.ndarray, "blocks N parts"] = field(repr=False)
    variance: Float64[np.ndarray, "blocks N"] = field(repr=False)
    groups: tuple[Group, ...]
    alone: Float64[np.ndarray, "blocks N groups"] = field(repr=False)
    flat: Bool[np.ndarray, "blocks N"] = field(repr=False)

    @property
    def _whole(self) -> Float64[np.ndarray, "blocks"]:
        """The variance of the scores of all latents of a block together; NaN where all are constant."""
        return np.where(np.all(self.flat, axis=1), np.nan, self.variance.sum(1))

    @property
    def latents(self) -> Float64[np.ndarray, "blocks N parts"]:
        """The shares of every latent; NaN where its scores are constant."""
        variance = np.where(self.flat, np.nan, self.variance)[..., None]
        return self.covariance / variance

    @property
    def shares(self) -> Float64[np.ndarray, "blocks parts"]:
        """The shares of every block: of the variance of the scores of all its latents together."""
        return self.covariance.sum(1) / self._whole[:, None]

    def of(self, text: str) -> Float64[np.ndarray, "blocks"]:
        """The share of some parts in every block (`perceiver.analysis.parts.parse`). Raises ConfigError where there are
        none."""
        return self.shares[:, parse(text).of(self.parts)].sum(1)

    def by_latent(self, text: str) -> Float64[np.ndarray, "blocks N"]:
        """The share of some parts for every latent; NaN where its scores are constant. Raises as `of` does."""
        return self.latents[:, :, parse(text).of(self.parts)].sum(2)

    def alone_of(self, group: Group) -> Float64[np.ndarray, "blocks"]:
        """The variance of the scores of a group of parts alone, over that of the whole scores, in every block."""
        return self.alone[:, :, self.groups.index(group)].sum(1) / self._whole

    def largest(self, block: int, top: int = 8, *, group: Group | None = None) -> tuple[tuple[RowPart, float], ...]:
        """The parts with the largest shares of a block, largest magnitude first. Raises ConfigError for a block that
        has none."""
        row = self.shares[self.blocks.index(index_of("cross-attention in block", block, self.blocks))]
        found = [(part, float(share)) for part, share in zip(self.parts, row, strict=True)]
        chosen = [one for one in found if group in (None, one[0].group)]
        return tuple(sorted(chosen, key=lambda one: -abs(one[1]))[:top])

    def _repr_html_(self) -> str:
        """The shares of the groups by block as a table."""
        columns = [self.of(group) for group in self.groups]
        rows = [
            [str(block), *(percent(float(column[i])) if np.isfinite(column[i]) else "" for column in columns)]
            for i, block in enumerate(self.blocks)
        ]
        return titled_table("Share of the variance of the scores", rows, ["block", *self.groups])


@torch.no_grad()
def score_shares(
    trace: Trace, parts: RowParts, *, head: int | None = None, moments: RowMoments | None = None
) -> ScoreShares:
    """How much of the variance of every latent's scores each part explains, in all blocks.

    moments  of the rows with their covariances, if already computed

    Raises ConfigError for a head that does not exist.
    """
    moments = row_moments(trace, parts) if moments is None else moments
    covariances, squares, alone = [], [], []
    for record in trace.records:
        query, constant = absorbed(record, parts, head)
        covariance, mean = _covariance(query, parts, moments)
        covariances.append(covariance)
        squares.append((mean + constant.numpy()) ** 2 + covariance.sum(-1))
        each = [_covariance(query, parts, moments, parts.of_group(group))[0].sum(-1) for group in parts.present]
        alone.append(np.stack(each, axis=-1))
    variance = np.stack(covariances).sum(-1)
    return ScoreShares(
        blocks=trace.blocks,
        head=head,
        parts=parts.parts,
        covariance=np.stack(covariances),
        variance=variance,
        groups=parts.present,
        alone=np.stack(alone),
        flat=variance <= FLAT * np.stack(squares),
    )


def _covariance(
    query: Float64[Tensor, "N C"],
    parts: RowParts,
    moments: RowMoments,
    chosen: Bool[np.ndarray, "parts"] | None = None,
) -> tuple[Float64[np.ndarray, "N parts"], Float64[np.ndarray, "N"]]:
    """The covariance of every part's scores with those of all parts, or of all that are chosen; and the mean of the
    latter."""
    means, within = [], []
    for group, mean, spread in zip(parts.groups, moments.means, moments.spreads, strict=True):
        its = query if chosen is None else query * torch.from_numpy(chosen[group.part_of])
        means.append(parts.sums(group, (its * mean).numpy()))
        within.append(parts.sums(group, (its * (its @ spread)).numpy()))
    overall = np.sum([weight * one.sum(-1) for weight, one in zip(moments.weights, means, strict=True)], axis=0)
    covariance = np.zeros_like(within[0])
    for weight, by_part, own in zip(moments.weights, means, within, strict=True):
        # Between groups of rows the means differ, which adds to the covariance within each.
        covariance += weight * (own + by_part * (by_part.sum(-1) - overall)[:, None])
    return covariance, overall


def shares_sentence(shares: ScoreShares) -> str:
    """How much content and position explain in the first block and in the last, in words."""
    if "content" not in shares.groups:
        return "The input array holds the position encoding alone, which explains all of the variance of the scores."
    if "position" not in shares.groups:
        return "The input array holds the content alone, which explains all of the variance of the scores."
    content, position = shares.of("content"), shares.of("position")
    told = [
        f"content explains {_told(content[i])} of the variance of the scores of block {shares.blocks[i] + 1} and "
        f"position {_told(position[i])}"
        for i in dict.fromkeys((0, len(shares.blocks) - 1))
    ]
    text = "; ".join([told[0], *(one.replace("of the variance of the scores of", "in") for one in told[1:])])
    return f"{text[0].upper()}{text[1:]}."


def _told(share: float) -> str:
    return "nothing" if not np.isfinite(share) else percent(float(share))
