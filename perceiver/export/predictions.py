"""Export of predictions as JSON, and of maps with the locations of their elements as NPZ and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
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
    by_block: Float[np.ndarray, "blocks classes"] | None = None,
) -> dict[str, Any]:
    """Ranked classes with probabilities (softmax over all classes) and logits, as plain values for JSON.

    top       number of classes; None is all. Probabilities are over all classes in either case.
    truth     the true label, if known
    by_block  probabilities from the latents after every block; each class then has its own as "after_block"

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
        | ({} if by_block is None else {"after_block": [float(value) for value in by_block[:, one.index]]})
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


def maps_csv(maps: Float[np.ndarray, "blocks *shape"], blocks: Sequence[int], layout: Layout) -> str:
    """Maps as CSV, one line per input element: its number from 1, its location on the original, and a column per block.

    Columns of locations are named as in `Layout.axes`, e.g. "rows" and "cols"; a cloud has those of the file's points.
    For inputs with several modalities the column "part" says which one an element belongs to. The columns "file_row"
    (from 1) and "padding" (0 or 1) are there where `write_npz` has such arrays.

    Raises ValueError if maps and blocks do not match.
    """
    if len(blocks) != len(maps):
        raise ValueError(f"there are {len(blocks)} blocks for {len(maps)} maps")
    names, rows = _locations(layout)
    if layout.rows is not None:
        names, rows = [*names, "file_row"], ((*at, int(row) + 1) for at, row in zip(rows, layout.rows, strict=True))
    if layout.padding is not None:
        flat = layout.padding.ravel().tolist()
        names, rows = [*names, "padding"], ((*at, int(padded)) for at, padded in zip(rows, flat, strict=True))
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["element", *names, *(f"block_{block + 1}" for block in blocks)])
    values = maps.reshape(len(blocks), -1).T
    for number, (location, along) in enumerate(zip(rows, values, strict=True), start=1):
        writer.writerow([number, *location, *(f"{value:.7g}" for value in along)])
    return out.getvalue()


def _locations(layout: Layout) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The names of the columns that locate an element, and their values for every element."""
    if layout.parts:
        return ["part"], ((part.name,) for part in layout.parts for _ in range(part.count))
    places = list(layout.places.values())
    if layout.coordinates is not None:
        return list(layout.axes), (tuple(float(value) for value in point) for point in places[0])
    grids = np.meshgrid(*places, indexing="ij")
    return list(layout.axes), zip(*(grid.ravel().tolist() for grid in grids), strict=True)
