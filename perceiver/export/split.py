"""Export of scores split into parts of the input's rows, as JSON, CSV and NPZ."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float

from ..analysis.reading import Reading
from ..analysis.split import ScoreSplit
from ..analysis.split_shares import ScoreShares
from .arrays import Target, write_npz
from .origin import Layout, Origin, finite

Bundles = Sequence[tuple[str, str]]
"""Choices of parts as text and in words."""


def score_split_json(
    split: ScoreSplit, origin: Origin, axes: Sequence[str], read: Reading | None = None
) -> dict[str, Any]:
    """A score as a sum over parts, as plain values for JSON; block, latent, head and element are counted from 0.

    axes  names of the input's axes in words
    read  what the latent reads

    Every part has its score here ("value") and its mean over all elements ("mean"). "parts" holds every content channel
    on its own.
    """
    parts = [
        {"part": part.text(), "name": part.name(axes), "value": float(value), "mean": float(mean)}
        for part, value, mean in zip(split.parts, split.values, split.means, strict=True)
    ]
    about = {name: getattr(split, name) for name in ("block", "latent", "head", "element", "weight")}
    sums = {"score": split.score, "constant": split.constant, "mean_score": split.mean_score}
    return origin.to_dict() | about | sums | {"parts": parts} | ({} if read is None else {"read": _reading(read)})


def score_split_csv(split: ScoreSplit, axes: Sequence[str]) -> str:
    """A score as a sum over parts as CSV: part, name, value, mean, difference; largest difference first. The last line
    is the constant, which is the same for all elements."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["part", "name", "value", "mean", "difference"])
    writer.writerows([one.text, one.name, one.value, one.mean, one.excess] for one in split.terms(axes=axes))
    writer.writerow(["constant", "constant", split.constant, split.constant, 0.0])
    return out.getvalue()


def split_json(shares: ScoreShares, origin: Origin, bundles: Bundles) -> dict[str, Any]:
    """The shares of parts in the variance of the scores, as plain values for JSON; blocks and latents are counted from
    0, shares of constant scores are None.

    Every block has its shares of all latents together by bundle ("shares") and by single part ("parts"), the variance
    of the scores of each group of parts alone over that of the whole ("alone"), and the shares of every latent by
    bundle ("latents").
    """
    alone = {group: shares.alone_of(group) for group in shares.groups}
    by_block = {text: shares.of(text) for text, _ in bundles}
    by_latent = {text: shares.by_latent(text) for text, _ in bundles}
    names = [part.text() for part in shares.parts]
    blocks = [
        {
            "block": block,
            "shares": {text: finite(its[i]) for text, its in by_block.items()},
            "alone": {group: finite(its[i]) for group, its in alone.items()},
            "parts": {name: finite(its) for name, its in zip(names, shares.shares[i], strict=True)},
            "latents": {text: [finite(one) for one in its[i]] for text, its in by_latent.items()},
        }
        for i, block in enumerate(shares.blocks)
    ]
    return origin.to_dict() | {"head": shares.head, "names": dict(bundles), "blocks": blocks}


def split_csv(shares: ScoreShares, bundles: Bundles) -> str:
    """The shares of parts in the variance of the scores as CSV: block, latent, part, name, share; blocks and latents
    are counted from 1. Lines without a latent are those of all latents together; shares of constant scores are empty.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["block", "latent", "part", "name", "share"])
    for i, block in enumerate(shares.blocks):
        writer.writerows(
            [block + 1, latent, text, name, share]
            for text, name in bundles
            for latent, share in _lines(shares, text, i)
        )
    return out.getvalue()


def split_npz(
    target: Target,
    shares: ScoreShares,
    maps: Float[np.ndarray, "bundles blocks M"],
    bundles: Bundles,
    origin: Origin,
    layout: Layout,
) -> None:
    """Writes the scores of parts with the places of the elements (`write_npz`), and besides

    scores      float32 (bundles, blocks, *shape): the score of every bundle of parts, mean over latents and heads
    bundles     the bundles as text: "content", "axis:1"
    covariance  float64 (blocks, N, parts): of the scores of every latent with those of each part, over all elements
    variance    float64 (blocks, N): of the scores of every latent
    parts       the parts as text
    blocks      int64, counted from 0
    """
    arrays = {
        "scores": np.asarray(maps, dtype=np.float32).reshape(*maps.shape[:2], *layout.shape),
        "bundles": np.array([text for text, _ in bundles]),
        "covariance": shares.covariance,
        "variance": shares.variance,
        "parts": np.array([part.text() for part in shares.parts]),
        "blocks": np.array(shares.blocks, dtype=np.int64),
    }
    write_npz(target, arrays, origin.to_dict() | {"head": shares.head, "names": dict(bundles)}, layout)


def _lines(shares: ScoreShares, text: str, block: int) -> Iterator[tuple[int | str, float | str]]:
    """The shares of a bundle: of all latents together, then of each."""
    values = [shares.of(text)[block], *shares.by_latent(text)[block]]
    for latent, share in enumerate(values):
        found = finite(share)
        yield latent or "", "" if found is None else found


def _reading(read: Reading) -> dict[str, Any]:
    return {
        "content": read.content.tolist(),
        "content_average": read.average.tolist(),
        "similarity": read.similarity.ravel().tolist(),
        "shares": {part.text(): float(share) for part, share in zip(read.parts, read.shares, strict=True)},
        "constant": read.constant,
    }
