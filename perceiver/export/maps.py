"""Maps with the places of their elements, as NPZ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ..sample import Part
from .arrays import Target, write_npz
from .origin import origin


def maps_npz(
    target: Target,
    maps: Float[np.ndarray, "blocks *latents_and_grid"],
    *,
    shape: tuple[int, ...],
    places: Mapping[str, Float[np.ndarray, "..."]],
    blocks: Sequence[int],
    model: str,
    sample: str,
    coordinates: Float[np.ndarray, "M axes"] | None = None,
    box: Sequence[Sequence[float]] = (),
    parts: Sequence[Part] = (),
    kind: str = "probability",
    reduce: str | None = "mean",
    head: int | None = None,
    latent: int | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Writes maps over the input elements, and where on the original each of them lies.

    maps     (blocks, *shape), or (blocks, N, *shape) for every latent's own; written as float32
    blocks   the zero-based number of the block behind each map
    reduce   how latents were reduced; None where none were
    head, latent   the chosen one; None is the mean over heads, and all latents or their reduction
    notes    what was changed on the way in (`Sample.notes`)

    shape, places, coordinates, box, parts  as `write_npz` takes them, and writes them

    The file opens with `numpy.load(path, allow_pickle=False)` and holds, besides what `write_npz` puts into every file,

    maps      float32, as given; of several parts "maps_video" and so on
    blocks    int64 (blocks,), zero-based

    Raises ValueError where maps, blocks, places and box do not match.
    """
    axes = len(shape)
    if maps.ndim not in (axes + 1, axes + 2) or maps.shape[-axes:] != shape:
        raise ValueError(f"maps are (blocks, ...) or (blocks, latents, ...) over {shape}; these are {maps.shape}")
    if len(blocks) != len(maps):
        raise ValueError(f"there are {len(maps)} maps for {len(blocks)} blocks")
    metadata = origin(model, weights_sha256, sample, notes) | {
        "axes": ["block", *(["latent"] if maps.ndim == axes + 2 else []), *places],
        "kind": kind,
        "reduce": reduce,
        "head": head,
        "latent": latent,
    }
    arrays: dict[str, np.ndarray] = {
        "maps": np.asarray(maps, dtype=np.float32),
        "blocks": np.asarray(blocks, dtype=np.int64),
    }
    write_npz(target, arrays, metadata, shape=shape, places=places, coordinates=coordinates, box=box, parts=parts)
