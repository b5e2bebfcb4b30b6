"""The points to choose from, finite points of a cloud or samples of a mesh's surface, and ways to choose."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from ...errors import InputError
from .geometry import areas, sample_surface
from .readers import Cloud
from .strays import find_strays

# Points drawn on a mesh, of which the model reads some and the display shows all.
SURFACE = 50_000


# Spreading compares every point chosen with all others; beyond so many a random share of them stands for the rest.
CANDIDATES = 50_000


@dataclass(frozen=True)
class Pool:
    """Points to choose from, in the file's coordinates.

    rows    the point of the file that each is, or the triangle that it lies on
    notes   what was left out, and what was done to come by the points
    strays  how many of the file's points belong to nothing, whether they are among these or were left out
    """

    points: Float64[np.ndarray, "n 3"]
    colours: UInt8[np.ndarray, "n 3"] | None
    rows: Int64[np.ndarray, "n"]
    source: Literal["points", "mesh"]
    notes: tuple[str, ...]
    strays: int = 0


def make_pool(cloud: Cloud, name: str, least: int, generator: np.random.Generator) -> Pool:
    """The points of a cloud that are finite, or at least `least` drawn on a mesh, uniformly by area.

    Raises InputError where no point is left.
    """
    notes = list(cloud.notes)
    if cloud.triangles is not None:
        shares = areas(cloud.points, cloud.triangles)
        if shares.any():
            return _surface(cloud, int(np.count_nonzero(shares)), max(least, SURFACE), generator)
        notes.append("its faces have no area, so its corners were used as points")
    finite = np.isfinite(cloud.points).all(axis=1)
    kept = np.flatnonzero(finite)
    dropped = len(cloud.points) - len(kept)
    if not len(kept):
        raise InputError(f"{name} has no point with three finite coordinates; all {dropped:,} were dropped")
    if not dropped:
        return Pool(cloud.points, cloud.colours, kept, "points", tuple(notes))
    notes.append(_not_finite(dropped, int(np.flatnonzero(~finite)[0]), "point"))
    colours = None if cloud.colours is None else cloud.colours[kept]
    return Pool(cloud.points[kept], colours, kept, "points", tuple(notes))


def treat_strays(pool: Pool, drop: bool) -> Pool:
    """The pool with a note on its points that belong to nothing, and without them if they are to be dropped."""
    found = find_strays(pool.points, copies=pool.source == "points")
    if not found:
        return pool
    notes = (*pool.notes, *(group.note(len(pool.points), drop) for group in found))
    rows = np.concatenate([group.rows for group in found])
    if not drop:
        return dataclasses.replace(pool, notes=notes, strays=len(rows))
    kept = np.delete(np.arange(len(pool.points)), rows)
    colours = None if pool.colours is None else pool.colours[kept]
    return Pool(pool.points[kept], colours, pool.rows[kept], pool.source, notes, len(rows))


def _not_finite(count: int, first: int, one: str) -> str:
    """A note on what was dropped, with the place of its first one in the file; `first` counts from 0."""
    if count == 1:
        return f"dropped 1 {one} that was not finite, {one} {first + 1:,} of the file"
    return f"dropped {count:,} {one}s that were not finite, the first of them {one} {first + 1:,} of the file"


def _surface(cloud: Cloud, sound: int, count: int, generator: np.random.Generator) -> Pool:
    """Points on the surface of a mesh that has one; `sound` is the number of triangles that have an area."""
    assert cloud.triangles is not None
    points, rows, weights = sample_surface(cloud.points, cloud.triangles, count, generator)
    colours = None
    if cloud.colours is not None:
        blended = np.einsum("nk,nkc->nc", weights, cloud.colours[cloud.triangles[rows]].astype(np.float64))
        colours = np.rint(blended).astype(np.uint8)
    broken = np.flatnonzero(~np.isfinite(cloud.points).all(axis=1)[cloud.triangles].all(axis=1))
    flat = len(cloud.triangles) - sound - len(broken)
    over = f"{sound:,} triangle{'s' * (sound > 1)}"
    without = f"; {flat:,} more have no area" if flat else ""
    note = f"sampled its mesh to {count:,} points, evenly by area over {over}{without}"
    dropped = (_not_finite(len(broken), int(broken[0]), "triangle"),) if len(broken) else ()
    return Pool(points, colours, rows, "mesh", (*cloud.notes, *dropped, note))


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
