"""Export of arrays over the input elements, with the elements' locations, as NPZ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from os import PathLike
from typing import Any, BinaryIO

import numpy as np

from ..positions import grid_coordinates
from ..sample import split
from .origin import Layout

Target = str | PathLike[str] | BinaryIO | BytesIO
"""A path or binary file to write to."""


def write_npz(target: Target, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any], layout: Layout) -> None:
    """Writes arrays over the input elements, with the elements' locations on the original and the origin.

    Besides `arrays` the file contains

    places    float64, one array per name: "rows" (H,) and "cols" (W,) in pixels of an image, where pixel k covers k to
              k + 1; "time" in seconds, "frequency" in hertz; "points" (M, 3) in the coordinates of the input file
    file_row  int64 (M,), of a cloud alone: the point of the file that each element is, or the triangle of its mesh that
              it lies on, counted from 0
    position  float32 (*shape, axes), in [-1, 1]: the input of the position encoding
    box       float64 (axes, 2)
    padding   bool, in the shape of the elements: those for which nothing was recorded, such as those after the end of a
              sound; only where there are some
    metadata  JSON text: `json.loads(str(file["metadata"]))`

    For inputs with several modalities each array is split by modality, on its own grid, with the modality's name as
    suffix: "maps_video" and "maps_audio" instead of "maps", "position_video", "box_video". Modalities without positions
    have no position and no box.

    Raises ValueError if places, box and shape do not match.
    """
    if layout.padding is not None:
        arrays = {**arrays, "padding": layout.padding}
    if layout.parts:
        _write_parts(target, arrays, metadata, layout)
        return
    shape, places = layout.shape, layout.places
    edges = np.asarray(layout.box, dtype=np.float64).reshape(-1, 2)
    if not (edges[:, 1] >= edges[:, 0]).all():
        raise ValueError(f"the box {layout.box!r} holds an axis that ends before it starts")
    if tuple(len(place) for place in places.values()) != shape:
        raise ValueError(f"the places {', '.join(places)} do not match the grid {shape}")
    position = grid_coordinates(shape).numpy() if layout.coordinates is None else layout.coordinates
    held = {
        **arrays,
        **{name: np.asarray(place, dtype=np.float64) for name, place in places.items()},
        "position": np.asarray(position, dtype=np.float32).reshape(*shape, -1),
        "box": edges,
        "metadata": np.array(json.dumps(metadata, ensure_ascii=False)),
    }
    if layout.rows is not None:
        held["file_row"] = np.asarray(layout.rows, dtype=np.int64)
    np.savez_compressed(target, **held)  # type: ignore[arg-type]


def _write_parts(target: Target, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any], layout: Layout) -> None:
    parts, places = layout.parts, layout.places
    total = sum(part.count for part in parts)
    wanted = [length for part in parts if part.box for length in part.shape]
    if [len(place) for place in places.values()] != wanted:
        grids = ", ".join(f"{part.name} {part.shape}" for part in parts)
        raise ValueError(f"the places {', '.join(places)} do not match the grids {grids}")
    held: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        over = [axis for axis in range(values.ndim) if values.shape[axis] == total]
        if not over:
            held[name] = values
            continue
        each = split(parts, np.moveaxis(values, over[-1], -1))
        for part in parts:
            # The axes of the grid replace the axis of elements.
            on_grid, axes = each[part.name], len(part.shape)
            sources = range(on_grid.ndim - axes, on_grid.ndim)
            held[f"{name}_{part.name}"] = np.moveaxis(on_grid, sources, range(over[-1], over[-1] + axes))
    for part in parts:
        if part.box:
            position = grid_coordinates(part.shape).numpy()
            held[f"position_{part.name}"] = position.astype(np.float32).reshape(*part.shape, -1)
            held[f"box_{part.name}"] = np.asarray(part.box, dtype=np.float64)
    held |= {name: np.asarray(place, dtype=np.float64) for name, place in places.items()}
    named = {**metadata, "parts": {part.name: list(part.shape) for part in parts}}
    held["metadata"] = np.array(json.dumps(named, ensure_ascii=False))
    np.savez_compressed(target, **held)  # type: ignore[arg-type]
