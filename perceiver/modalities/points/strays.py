"""Points that belong to nothing: copies of one place, as scanners write where nothing came back, and far strays.

One of them sets the scale of the whole cloud, and many of them make up much of what the model reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

# Points beside strays that are needed to tell what is usual.
_LEAST = 8
# Largest share of far points; a larger part of a cloud is another thing in it.
_FAR_SHARE = 10
# Far points begin where the distance from the middle grows by more than this factor from one point to the next.
_GAP = 3
# A place has no point near it where the nearest is more than this many times the usual distance away.
_ALONE = 10
# A place holds copies where it has this many points or more, and this many times those of any other place.
_COPIES = 10
# Points that neighbours are looked for among; of more, a random part.
_SEARCHED = 50_000
_NO_RETURN = ", as scanners write where nothing came back"


@dataclass(frozen=True)
class Strays:
    """Points of one sort that belong to nothing.

    rows   their indices, rising
    where  where they lie, in words that follow their number: "lie at exactly 0, 0, 0"
    """

    rows: Int64[np.ndarray, "k"]
    where: str

    def note(self, total: int, dropped: bool) -> str:
        """What is said of them."""
        count = len(self.rows)
        them = f"{count:,} of its {total:,} points"
        if dropped:
            return f"left out {them}, which {self.where}"
        return f"{them} {self.where}; strays=drop leaves {'them' if count > 1 else 'it'} out"


def find_strays(points: Float64[np.ndarray, "n 3"], *, copies: bool = True) -> tuple[Strays, ...]:
    """The points of a cloud that belong to nothing, each in one group; none for clouds of a few points.

    copies  whether to look for copies of one place too: points drawn on a surface have none
    """
    found = list(_copies(points)) if copies else []
    rest = np.ones(len(points), dtype=bool)
    for group in found:
        rest[group.rows] = False
    far = _far(points, rest)
    return (*found, far) if far is not None else tuple(found)


def _far(points: Float64[np.ndarray, "n 3"], rest: Bool[np.ndarray, "n"]) -> Strays | None:
    """Those of the rest of the points that lie behind a gap in the distances from the middle, if they are few."""
    total = int(np.count_nonzero(rest))
    few = max(total // _FAR_SHARE, 1)
    if total - few < _LEAST:
        return None
    step = len(points) // _SEARCHED + 1
    distances = np.zeros(len(points))
    with np.errstate(over="ignore", invalid="ignore"):
        middle = np.median(points[::step][rest[::step]], axis=0)
        for column, centre in zip(points.T, middle, strict=True):
            np.maximum(distances, np.abs(column - centre), out=distances)
    distances[~rest] = 0
    outer = np.sort(np.partition(distances, -few - 1)[-few - 1 :])
    gaps = np.flatnonzero(outer[1:] / _GAP > outer[:-1])
    if not len(gaps) or outer[gaps[0]] == 0:
        return None
    limit = outer[gaps[0]]
    far = np.flatnonzero(distances > limit)
    lie = "lie up to" if len(far) > 1 else "lies"
    return Strays(far, f"{lie} {_short(outer[-1])} from the middle, where all others lie within {_short(limit)}")


def _copies(points: Float64[np.ndarray, "n 3"]) -> Iterator[Strays]:
    """0, 0, 0 and the place that holds most points, if they have no neighbour or many more points than other places."""
    few = len(points) <= _SEARCHED
    part = points if few else points[np.unique(np.random.default_rng(0).integers(len(points), size=_SEARCHED))]
    places, counts = np.unique(part + 0.0, axis=0, return_counts=True)  # -0 becomes 0
    if len(places) <= _LEAST:
        return
    fullest = places[counts.argmax()]
    candidates = (np.zeros(3), fullest) if fullest.any() else (fullest,)
    usual = counts[~np.logical_or.reduce([(places == place).all(axis=1) for place in candidates])].max()
    for place in candidates:
        rows = np.flatnonzero((points == place).all(axis=1))
        if len(rows) < (_COPIES if place.any() else 1):
            continue
        here = (places == place).all(axis=1)
        many = counts[here].sum() >= _COPIES * usual
        alone = _is_alone(place, places[~here])
        if many or alone:
            at = ", ".join(f"{value:.6g}" for value in place)
            lie = "lie" if len(rows) > 1 else "lies"
            near = ", with no other point near" if alone else ""
            yield Strays(rows, f"{lie} at exactly {at}{near}{'' if place.any() else _NO_RETURN}")


def _is_alone(place: Float64[np.ndarray, "3"], others: Float64[np.ndarray, "n 3"]) -> bool:
    """Whether the nearest other place is much farther away than places usually are from one another."""
    from scipy.spatial import cKDTree

    distances, _ = cKDTree(others).query(others, k=2)
    with np.errstate(over="ignore"):
        nearest = np.sqrt(np.square(others - place).sum(axis=1).min())
    return bool(nearest > _ALONE * np.median(distances[:, 1]))


def _short(value: float) -> str:
    """A length with four digits, or in whole units."""
    return f"{value:,.0f}" if 1000 <= value < 1e12 else f"{value:.4g}"
