"""Point clouds: a file of points or a mesh -> the points a model reads, and maps laid back on the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt8

from ...errors import ConfigError, InputError, OptionError
from ...isolation.codec import as_tensor
from ...sample import Sample
from ...validation import index_of
from ..base import MEGABYTE, Box, Modality, check_size, shortened
from ..description import Description
from ..options import Value, settle
from . import DESCRIPTION
from .geometry import Axis, rotate_up, unit_cube
from .pool import CANDIDATES, Pool, draw_farthest, draw_random, make_pool, repeat, treat_strays
from .readers import chosen_places, read_cloud

# As many points as a viewer still turns smoothly.
_DISPLAY = 200_000
# Half sizes of what was read, from its middle.
_FARTHEST = 1e6
_AXES: tuple[Axis, ...] = get_args(Axis)


@dataclass(frozen=True)
class PointsModality(Modality):
    """Point clouds, read as (M, 3) coordinates without content: sampled, rotated, scaled to the unit cube.

    max_bytes   the largest file that is taken
    max_points  the most points or triangles of a file
    """

    description: ClassVar[Description] = DESCRIPTION
    in_memory: ClassVar[str] = "an array of numbers (points, 3)"
    max_bytes: int = 256 * MEGABYTE
    max_points: int = 10_000_000

    def file_of(self, value: object) -> bytes | None:
        """The NPY file of an array with a row a point: x, y and z."""
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            return None
        if value.ndim != 2 or value.shape[1] != 3:
            return None
        out = BytesIO()
        np.save(out, value, allow_pickle=False)
        return out.getvalue()

    def read(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
    ) -> PointSample:
        """Makes a sample of a file of points or a mesh.

        shape       (M,), the points the model reads
        preprocess  "up", the axis that pointed up in training ("y")
        options     "up", the file's axis that points up; "draw" and "seed", which points are taken of too many;
                    "strays", what is done with points that belong to nothing; "columns", which columns of a table are
                    x, y and z

        The same bytes and options give the same points. Raises InputError for whatever is wrong with the file or the
        options, ConfigError for a shape or setting that means nothing.
        """
        shown = shortened(name)
        count, model_up = _count(shape), _model_up(preprocess)
        chosen = settle(self.options, options or {})
        generator = np.random.default_rng(_seed(chosen["seed"]))
        check_size(data, shown, self.max_bytes, "a cloud or a mesh")
        found = read_cloud(data, shown, self.max_points, chosen_places(str(chosen["columns"])))
        pool = treat_strays(make_pool(found, shown, count, generator), chosen["strays"] == "drop")
        drawn = _draw(pool, count, chosen["draw"], generator)
        display = _display(len(pool.points), drawn, generator)
        up = next((axis for axis in _AXES if axis == chosen["up"]), model_up)
        try:
            cube, centre, scale = unit_cube(rotate_up(pool.points[drawn], up, model_up))
        except ValueError as error:
            raise InputError(f"{shown} holds coordinates that are too large to measure distances by") from error
        with np.errstate(over="ignore"):
            original = (rotate_up(pool.points[display], up, model_up) - centre) / scale
        # A stray point among those not read can lie so far out that nothing else would be seen, or float32 end.
        near = np.abs(original).max(axis=1) <= _FARTHEST
        original, display = original[near], display[near]
        seen = cube.astype(np.float32)
        return PointSample(
            name=shown,
            modality=self.name,
            content=as_tensor(np.empty((count, 0), np.float32)),
            shape=(count,),
            seen=seen,
            original=original.astype(np.float32),
            box=_extent(pool.points[drawn]),
            coordinates=as_tensor(seen.copy()),
            notes=(*pool.notes, *_notes(pool, drawn, display, chosen["draw"], bool(cube.any()), up, model_up)),
            nearest=_nearest(cube, drawn, original, display),
            colours=None if pool.colours is None else pool.colours[display],
            centre=centre,
            scale=scale,
            up=up,
            model_up=model_up,
            count=len(pool.points),
            source=pool.source,
            rows=pool.rows[drawn],
            copies=np.bincount(drawn)[drawn],
            strays=pool.strays,
            columns=() if found.columns is None else found.columns.names,
            column_places=None if found.columns is None else found.columns.places,
        )

    def to_original(self, sample: Sample, values: Float[np.ndarray, "M"]) -> Float[np.ndarray, "n"]:
        """Lays a map on the display points: each takes the value of its own element, or of the nearest that was read.

        Raises ValueError for a map of another shape.
        """
        if values.shape != sample.shape:
            raise ValueError(f"the map is {values.shape}, the input {sample.shape}")
        return values[_cloud(sample).nearest]

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that a display point belongs to; None for a point that is not there."""
        (point,) = index
        nearest = _cloud(sample).nearest
        return int(nearest[point]) if 0 <= point < len(nearest) else None

    def box_of(self, sample: Sample, element: int) -> Box:
        """Where one element lies, in the file's coordinates: a box without a size, ((x, x), (y, y), (z, z)).

        Raises ConfigError for an element that does not exist.
        """
        points = self.places(sample)["points"]
        index = index_of("input element", element, len(points))
        return tuple((float(value), float(value)) for value in points[index])

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """The elements in the file's own coordinates, "points" (M, 3), as precisely as the model read them."""
        cloud = _cloud(sample)
        points = cloud.seen.astype(np.float64) * cloud.scale + cloud.centre
        return {"points": rotate_up(points, cloud.model_up, cloud.up)}


def _draw(pool: Pool, count: int, how: Value, generator: np.random.Generator) -> Int64[np.ndarray, "M"]:
    """The index into the pool for each element."""
    total = len(pool.points)
    if total <= count:
        return repeat(total, count, generator)
    return draw_farthest(pool.points, count, generator) if how == "farthest" else draw_random(total, count, generator)


def _display(total: int, drawn: Int64[np.ndarray, "M"], generator: np.random.Generator) -> Int64[np.ndarray, "n"]:
    """The points to display, in the order of the pool: all, or the chosen ones and a random part of the others."""
    if total <= _DISPLAY:
        return np.arange(total)
    others = np.delete(np.arange(total), drawn)
    room = max(_DISPLAY - (total - len(others)), 0)
    return np.sort(np.concatenate([np.unique(drawn), generator.choice(others, room, replace=False)]))


def _nearest(
    cube: Float64[np.ndarray, "M 3"],
    drawn: Int64[np.ndarray, "M"],
    original: Float64[np.ndarray, "n 3"],
    display: Int64[np.ndarray, "n"],
) -> Int64[np.ndarray, "n"]:
    """The element of each display point: the first that is this point, else the nearest."""
    read, first = np.unique(drawn, return_index=True)
    nearest = np.empty(len(display), np.int64)
    if len(display) > len(read):
        from scipy.spatial import cKDTree

        nearest[:] = first[cKDTree(cube[first]).query(original)[1]]
    # Of points in one place each keeps its own element.
    nearest[np.searchsorted(display, read)] = first
    return nearest


def _notes(
    pool: Pool,
    drawn: Int64[np.ndarray, "M"],
    display: Int64[np.ndarray, "n"],
    how: Value,
    apart: bool,
    up: Axis,
    model_up: Axis,
) -> list[str]:
    total, count, notes = len(pool.points), len(drawn), []
    them = "of these points" if pool.source == "mesh" else f"of its {total:,} points"
    if total > count and how == "farthest":
        among = f" among {CANDIDATES:,} drawn at random" if total > CANDIDATES else ""
        notes.append(f"chose {count:,} {them} so that they lie far apart{among}")
    elif total > count:
        notes.append(f"drew {count:,} {them} at random")
    elif total < count:
        notes.append(f"repeated its {total:,} point{'s' * (total > 1)} to the {count:,} that the model reads")
    if len(display) < total:
        notes.append(f"shows {len(display):,} of its {total:,} points")
    if up != model_up:
        notes.append(f"turned it so that its {up} axis points up, which is {model_up} for the model")
    if not apart:
        notes.append("all its points lie in one place, so there is no shape to read")
    return notes


def _extent(points: Float64[np.ndarray, "M 3"]) -> Box:
    return tuple((float(low), float(high)) for low, high in zip(points.min(axis=0), points.max(axis=0), strict=True))


def _cloud(sample: Sample) -> PointSample:
    if not isinstance(sample, PointSample):
        raise ValueError(f"{sample.name} was read as {sample.modality}, not as points")
    return sample


def _count(shape: tuple[int, ...]) -> int:
    if len(shape) != 1 or shape[0] < 1:
        raise ConfigError(f"input_shape is {shape}; a point cloud needs (points,)")
    return shape[0]


def _model_up(preprocess: Mapping[str, Any]) -> Axis:
    unknown = sorted(set(preprocess) - {"up"})
    if unknown:
        raise ConfigError(f"preprocess holds {', '.join(map(repr, unknown))}, which point models do not know")
    for axis in _AXES:
        if preprocess.get("up", "y") == axis:
            return axis
    raise ConfigError(f"preprocess.up is {preprocess['up']!r}; it must be x, y or z")


def _seed(value: Value) -> int:
    if float(value) != int(value):
        raise OptionError(f"seed cannot be {value}; it is a whole number from 0")
    return int(value)


@dataclass(frozen=True, kw_only=True, repr=False)
class PointSample(Sample):
    """A `Sample` of a point cloud.

    `seen` and `original` lie in the model's frame: turned so that the model's axis is up, centred, in [-1, 1] as far
    as they were read. Turned file coordinates are `seen * scale + centre`, in float64. `box` and the modality's
    `places` are in the file's own coordinates, not turned.

    nearest   the element that each display point (a row of `original`) belongs to: itself, where it was read, else the
              nearest that was
    colours   of the display points, from the file; None where it has none
    centre    the middle of the unit cube, in turned file coordinates
    scale     half the side of the unit cube, in the file's units
    up        the file's axis that was taken to point up
    model_up  the axis that points up in what the model reads
    count     points in the file that could be used, or that were sampled from its mesh
    source    whether the file holds points, or a mesh whose surface was sampled
    rows      the point of the file that each element is, counted from 0; for a mesh the triangle that it lies on
    copies    how many elements share each element's point: 1 unless there were too few points
    strays    how many of the file's points belong to nothing, whether they were kept or left out
    columns   the names of the columns of a table of numbers, empty where the file has none; () for other files
    column_places  which of these columns are x, y and z, from 0; None for other files
    """

    nearest: Int64[np.ndarray, "n"]
    colours: UInt8[np.ndarray, "n 3"] | None
    centre: Float64[np.ndarray, "3"]
    scale: float
    up: Axis
    model_up: Axis
    count: int
    source: Literal["points", "mesh"]
    rows: Int64[np.ndarray, "M"]
    copies: Int64[np.ndarray, "M"]
    strays: int
    columns: tuple[str, ...]
    column_places: tuple[int, int, int] | None


MODALITY = PointsModality()
