"""Export of predictions as JSON, and of maps with the places of their elements as NPZ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..analysis.maps import MEAN, MapSelection
from ..analysis.predictions import rank_predictions
from .arrays import Target, write_npz
from .origin import Layout, Origin


def predictions_json(
    logits: Float[np.ndarray, "classes"],
    labels: Sequence[str],
    origin: Origin,
    *,
    top: int | None = None,
    truth: str | None = None,
) -> dict[str, Any]:
    """Ranked classes with probabilities (softmax over all classes) and logits, as plain values for JSON.

    top    how many classes; None is all. The probabilities are over all classes in either case.
    truth  the label that is right, where it is known

    Raises ValueError as `rank_predictions` does.
    """
    predictions = [
        {
            "rank": one.rank,
            "class": one.index,
            "label": one.label,
            "probability": one.probability,
            "logit": one.logit,
        }
        for one in rank_predictions(logits, labels, top)
    ]
    return origin.to_dict() | {"truth": truth, "predictions": predictions}


def maps_npz(
    target: Target,
    maps: Float[np.ndarray, "blocks *latents_and_grid"],
    blocks: Sequence[int],
    origin: Origin,
    layout: Layout,
    selection: MapSelection = MEAN,
) -> None:
    """Writes maps over the input elements, and where on the original each of them lies.

    maps       (blocks, *shape), or (blocks, N, *shape) for every latent's own; written as float32
    blocks     the zero-based number of the block behind each map
    selection  what the maps are; of every latent's own only its kind and head

    The file opens with `numpy.load(path, allow_pickle=False)` and holds, besides what `write_npz` puts into every file,

    maps      float32, as given; of several parts "maps_video" and so on
    blocks    int64 (blocks,), zero-based

    Raises ValueError where maps, blocks, places and box do not match.
    """
    shape = layout.shape
    axes = len(shape)
    if maps.ndim not in (axes + 1, axes + 2) or maps.shape[-axes:] != shape:
        raise ValueError(f"maps are (blocks, ...) or (blocks, latents, ...) over {shape}; these are {maps.shape}")
    if len(blocks) != len(maps):
        raise ValueError(f"there are {len(maps)} maps for {len(blocks)} blocks")
    every = maps.ndim == axes + 2
    metadata = origin.to_dict() | {"axes": ["block", *(["latent"] if every else []), *layout.places]}
    metadata |= selection.metadata() | ({"reduce": None, "latent": None} if every else {})
    arrays: dict[str, np.ndarray] = {
        "maps": np.asarray(maps, dtype=np.float32),
        "blocks": np.asarray(blocks, dtype=np.int64),
    }
    write_npz(target, arrays, metadata, layout)
