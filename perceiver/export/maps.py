"""Maps with the places of their elements, as NPZ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from os import PathLike
from typing import BinaryIO

import numpy as np
from jaxtyping import Float

from ..positions import grid_coordinates
from .origin import origin


def maps_npz(
    target: str | PathLike[str] | BinaryIO | BytesIO,
    maps: Float[np.ndarray, "blocks *latents_and_grid"],
    *,
    shape: tuple[int, ...],
    places: Mapping[str, Float[np.ndarray, "..."]],
    blocks: Sequence[int],
    model: str,
    sample: str,
    coordinates: Float[np.ndarray, "M axes"] | None = None,
    box: Sequence[Sequence[float]] = (),
    kind: str = "probability",
    reduce: str | None = "mean",
    head: int | None = None,
    latent: int | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Writes maps over the input elements, and where on the original each of them lies.

    maps     (blocks, *shape), or (blocks, N, *shape) for every latent's own; written as float32
    shape    the grid of elements, rows first (`Sample.shape`); (M,) for free elements
    places   where the elements lie on the original (`Modality.places`), an array each
    blocks   the zero-based number of the block behind each map
    coordinates  what the position encoding was given for free elements (`Sample.coordinates`); None for a grid's
    box      where the grid lies on the original (`Sample.box`): (start, stop) an axis
    reduce   how latents were reduced; None where none were
    head, latent   the chosen one; None is the mean over heads, and all latents or their reduction
    notes    what was changed on the way in (`Sample.notes`)

    The file opens with `numpy.load(path, allow_pickle=False)` and holds

    maps      float32, as given
    blocks    int64 (blocks,), zero-based
    places    float64, one array a name: "rows" (H,) and "cols" (W,) in pixels of a picture, where pixel k covers k to
              k + 1; "time" in seconds, "frequency" in hertz; "points" (M, 3) in the file's own coordinates
    position  float32 (*shape, axes), in [-1, 1]: what the position encoding is given
    box       float64 (axes, 2)
    metadata  JSON text: `json.loads(str(file["metadata"]))`

    Raises ValueError where maps, blocks, places and box do not match.
    """
    axes = len(shape)
    if maps.ndim not in (axes + 1, axes + 2) or maps.shape[-axes:] != shape:
        raise ValueError(f"maps are (blocks, ...) or (blocks, latents, ...) over {shape}; these are {maps.shape}")
    if len(blocks) != len(maps):
        raise ValueError(f"there are {len(maps)} maps for {len(blocks)} blocks")
    edges = np.asarray(box, dtype=np.float64).reshape(-1, 2)
    if not (edges[:, 1] >= edges[:, 0]).all():
        raise ValueError(f"the box {box!r} holds an axis that ends before it starts")
    if tuple(len(place) for place in places.values()) != shape:
        raise ValueError(f"the places {', '.join(places)} do not match the grid {shape}")
    position = grid_coordinates(shape).numpy() if coordinates is None else coordinates
    metadata = origin(model, weights_sha256, sample, notes) | {
        "axes": ["block", *(["latent"] if maps.ndim == axes + 2 else []), *places],
        "kind": kind,
        "reduce": reduce,
        "head": head,
        "latent": latent,
    }
    arrays = {
        "maps": np.asarray(maps, dtype=np.float32),
        "blocks": np.asarray(blocks, dtype=np.int64),
        **{name: np.asarray(place, dtype=np.float64) for name, place in places.items()},
        "position": np.asarray(position, dtype=np.float32).reshape(*shape, -1),
        "box": edges,
        "metadata": np.array(json.dumps(metadata, ensure_ascii=False)),
    }
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
