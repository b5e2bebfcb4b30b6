"""Share of content and of positions in the variance of the scores of every block, averaged over held-out examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..analysis.parts import RowParts
from ..analysis.split_shares import score_shares
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..training.sets import Examples
from .base import Mean, held_out, sample


@dataclass(frozen=True)
class HeldOutShares:
    """The mean shares of one model.

    positions         the kind of its position encoding
    blocks            that have a cross-attention, from 0
    bundles           what the shares are of, as text (`perceiver.analysis.parts.parse`); they add up to 1
    shares            a mean for every block and bundle
    examples, groups  number of examples, and of independent groups among them
    """

    model: str
    positions: str
    blocks: tuple[int, ...]
    bundles: tuple[str, ...]
    shares: tuple[tuple[Mean, ...], ...]
    examples: int
    groups: int


def held_out_shares(
    name: str,
    model: Perceiver,
    folder: Path,
    most: int | None = None,
    *,
    head: int | None = None,
    progress: ProgressCallback = ignore,
) -> HeldOutShares:
    """The mean shares of content and of each axis on held-out examples of a model's own data set in a folder.

    most  maximum number of examples

    Raises DataError without data, ConfigError for a model that matches no data set.
    """
    return shares_over(name, model, held_out(model, folder, most), head=head, progress=progress)


def shares_over(
    name: str, model: Perceiver, examples: Examples, *, head: int | None = None, progress: ProgressCallback = ignore
) -> HeldOutShares:
    """The mean shares of content and of each axis on some examples. Raises ConfigError for a head that does not
    exist."""
    parts = RowParts.of(model)
    found = []
    for index in range(len(examples)):
        one = score_shares(model.trace(model.inputs(sample(examples, index, model.config))), parts, head=head)
        found.append(np.stack([one.of(text) for text in parts.bundles], axis=1))
        progress((index + 1) / len(examples), f"Splitting scores: example {index + 1:,} of {len(examples):,}")
    groups, values = examples.group.numpy(), np.stack(found)
    return HeldOutShares(
        model=name,
        positions=model.config.positions_kind,
        blocks=model.config.cross_attention_blocks,
        bundles=parts.bundles,
        shares=tuple(
            tuple(Mean.of(values[:, b, i], groups) for i in range(values.shape[2])) for b in range(values.shape[1])
        ),
        examples=len(examples),
        groups=examples.groups,
    )
