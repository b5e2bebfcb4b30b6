"""Export of predictions as JSON, and of maps with the locations of their elements as NPZ."""

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

    top    number of classes; None is all. Probabilities are over all classes in either case.
    truth  the true label, if known

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
    """Writes maps over the input elements, with the elements' locations on the original.

    maps       (blocks, *shape), or (blocks, N, *shape) for the maps of all latents; written as float32
    blocks     the block of each map, counted from 0
    selection  the selection of the maps; for the maps of all latents only its kind and head are used

    The file can be loaded with `numpy.load(path, allow_pickle=False)`. Besides the arrays of `write_npz` it contains

    maps      float32, as given; "maps_video" and so on for several modalities
    blocks    int64 (blocks,), counted from 0

    Raises ValueError if maps, blocks, places and box do not match.
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
