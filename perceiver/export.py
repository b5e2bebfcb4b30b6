"""What leaves the program as data: maps with their coordinates as NPZ, predictions as JSON. Plain arrays in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float

from .positions import grid_coordinates

FORMAT = 1
DISTRIBUTION = "perceiver-lens"


def maps_npz(
    target: str | PathLike[str] | BinaryIO | BytesIO,
    maps: Float[np.ndarray, "blocks *latents H W"],
    *,
    blocks: Sequence[int],
    box: Sequence[Sequence[float]],
    model: str,
    sample: str,
    kind: str = "probability",
    reduce: str | None = "mean",
    head: int | None = None,
    latent: int | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Writes maps over a grid, and where on the original each of their elements lies.

    maps     (blocks, H, W), or (blocks, N, H, W) for every latent's own; written as float32
    blocks   the zero-based number of the block behind each map
    box      where the grid lies on the original (`Sample.box`): ((row start, stop), (column start, stop)) in pixels
    reduce   how latents were reduced; None where none were
    head, latent   the chosen one; None is the mean over heads, and all latents or their reduction
    notes    what was changed on the way in (`Sample.notes`)

    The file opens with `numpy.load(path, allow_pickle=False)` and holds

    maps      float32, as given
    blocks    int64 (blocks,), zero-based
    rows      float64 (H,), cols: float64 (W,), centres of the elements in pixels of the original, where pixel k
              covers k to k + 1
    position  float32 (H, W, 2), row then column in [-1, 1]: what the position encoding is given
    box       float64 (2, 2)
    metadata  JSON text: `json.loads(str(file["metadata"]))`

    Raises ValueError where maps, blocks and box do not match.
    """
    if maps.ndim not in (3, 4):
        raise ValueError(f"maps are (blocks, H, W) or (blocks, latents, H, W); these have {maps.ndim} axes")
    if len(blocks) != len(maps):
        raise ValueError(f"there are {len(maps)} maps for {len(blocks)} blocks")
    edges = np.asarray(box, dtype=np.float64)
    if edges.shape != (2, 2) or not (edges[:, 1] > edges[:, 0]).all():
        raise ValueError(f"the box {box!r} is no ((row start, stop), (column start, stop))")
    shape = (int(maps.shape[-2]), int(maps.shape[-1]))
    metadata = _origin(model, weights_sha256, sample, notes) | {
        "axes": ["block", "latent", "row", "column"] if maps.ndim == 4 else ["block", "row", "column"],
        "kind": kind,
        "reduce": reduce,
        "head": head,
        "latent": latent,
    }
    np.savez_compressed(
        target,
        maps=np.asarray(maps, dtype=np.float32),
        blocks=np.asarray(blocks, dtype=np.int64),
        rows=_centres(edges[0], shape[0]),
        cols=_centres(edges[1], shape[1]),
        position=grid_coordinates(shape).numpy().reshape(*shape, 2),
        box=edges,
        metadata=np.array(json.dumps(metadata, ensure_ascii=False)),
    )


def predictions_json(
    logits: Float[np.ndarray, "classes"],
    labels: Sequence[str],
    *,
    model: str,
    sample: str,
    top: int | None = None,
    truth: str | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Ranked classes with probabilities (softmax over all classes) and logits, as plain values for JSON.

    top  how many classes; None is all. The probabilities are over all classes in either case.

    Raises ValueError where labels and logits differ in number, and for logits that are not finite: JSON has no word
    for them.
    """
    if len(labels) != len(logits):
        raise ValueError(f"there are {len(labels)} labels for {len(logits)} logits")
    exact = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(exact).all():
        raise ValueError(f"the logits of {sample} are not finite")
    weights = np.exp(exact - exact.max())
    probabilities = weights / weights.sum()
    order = np.argsort(-exact, kind="stable")[:top]
    predictions = [
        {
            "rank": rank,
            "class": int(i),
            "label": labels[i],
            "probability": float(probabilities[i]),
            "logit": float(exact[i]),
        }
        for rank, i in enumerate(order.tolist(), start=1)
    ]
    return _origin(model, weights_sha256, sample, notes) | {"truth": truth, "predictions": predictions}


def _origin(model: str, weights_sha256: str | None, sample: str, notes: Sequence[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "library": f"{DISTRIBUTION} {_version()}",
        "model": model,
        "weights_sha256": weights_sha256,
        "sample": sample,
        "notes": list(notes),
    }


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed"


def _centres(edges: Float[np.ndarray, "2"], cells: int) -> Float[np.ndarray, "cells"]:
    start, stop = edges
    return start + (np.arange(cells) + 0.5) * (stop - start) / cells
