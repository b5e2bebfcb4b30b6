"""As many of a cloud's points as a model reads: drawn at random, spread far apart, or repeated."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

# Spreading compares every point chosen with all others; beyond so many a random share of them stands for the rest.
CANDIDATES = 50_000


def draw_random(total: int, count: int, generator: np.random.Generator) -> Int64[np.ndarray, "count"]:
    """Draws `count` of `total` points, none twice, in their old order."""
    return np.sort(generator.choice(total, count, replace=False))


def draw_farthest(
    points: Float64[np.ndarray, "n 3"], count: int, generator: np.random.Generator
) -> Int64[np.ndarray, "count"]:
    """Chooses points one by one, each the farthest from all before it, from one drawn at random; none twice.

    Of more than `CANDIDATES` points a random share is looked at. Takes time in proportion to both numbers.
    """
    pool = draw_random(len(points), max(min(CANDIDATES, len(points)), count), generator)
    columns = np.ascontiguousarray(points[pool].T)
    chosen = np.empty(count, np.int64)
    distance, away, along = np.full(len(pool), np.inf), np.empty(len(pool)), np.empty(len(pool))
    latest = int(generator.integers(len(pool)))
    for step in range(count):
        chosen[step] = latest
        away[:] = 0
        for column in columns:
            np.subtract(column, column[latest], out=along)
            away += np.square(along, out=along)
        np.minimum(distance, away, out=distance)
        # Below any distance, or a place that holds several points would be chosen again and again.
        distance[latest] = -1
        latest = int(distance.argmax())
    return np.sort(pool[chosen])


def repeat(total: int, count: int, generator: np.random.Generator) -> Int64[np.ndarray, "count"]:
    """Every one of `total` points as often as fits into `count`, and for the rest a random part of them once more.

    The first `total` are the points in their old order.
    """
    rounds, rest = divmod(count, total)
    return np.concatenate([np.tile(np.arange(total), rounds), draw_random(total, rest, generator)])
