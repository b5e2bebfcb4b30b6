"""Arrays over the input elements with the places of those elements, as NPZ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float

from ..positions import grid_coordinates

Target = str | PathLike[str] | BinaryIO | BytesIO
"""Where a file is written to."""


def write_npz(
    target: Target,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
    *,
    shape: tuple[int, ...],
    places: Mapping[str, Float[np.ndarray, "..."]],
    coordinates: Float[np.ndarray, "M axes"] | None = None,
    box: Sequence[Sequence[float]] = (),
) -> None:
    """Writes arrays, where on the original each element lies, and where all of it comes from.

    shape        the grid of elements, rows first (`Sample.shape`); (M,) for free elements
    places       where the elements lie on the original (`Modality.places`), an array each
    coordinates  what the position encoding was given for free elements (`Sample.coordinates`); None for a grid's
    box          where the grid lies on the original (`Sample.box`): (start, stop) an axis

    Besides `arrays` the file holds

    places    float64, one array a name: "rows" (H,) and "cols" (W,) in pixels of a picture, where pixel k covers k to
              k + 1; "time" in seconds, "frequency" in hertz; "points" (M, 3) in the file's own coordinates
    position  float32 (*shape, axes), in [-1, 1]: what the position encoding is given
    box       float64 (axes, 2)
    metadata  JSON text: `json.loads(str(file["metadata"]))`

    Raises ValueError where places, box and shape do not match.
    """
    edges = np.asarray(box, dtype=np.float64).reshape(-1, 2)
    if not (edges[:, 1] >= edges[:, 0]).all():
        raise ValueError(f"the box {box!r} holds an axis that ends before it starts")
    if tuple(len(place) for place in places.values()) != shape:
        raise ValueError(f"the places {', '.join(places)} do not match the grid {shape}")
    position = grid_coordinates(shape).numpy() if coordinates is None else coordinates
    held = {
        **arrays,
        **{name: np.asarray(place, dtype=np.float64) for name, place in places.items()},
        "position": np.asarray(position, dtype=np.float32).reshape(*shape, -1),
        "box": edges,
        "metadata": np.array(json.dumps(metadata, ensure_ascii=False)),
    }
    np.savez_compressed(target, **held)  # type: ignore[arg-type]
