"""What leaves the program as data: maps with coordinates as NPZ, predictions as JSON, answers over time as CSV too."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO, StringIO
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float

from .analysis.timeline import Timeline
from .positions import grid_coordinates

FORMAT = 1
DISTRIBUTION = "perceiver-lens"


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
    metadata = _origin(model, weights_sha256, sample, notes) | {
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


def timeline_json(
    timeline: Timeline,
    labels: Sequence[str],
    *,
    model: str,
    sample: str,
    top: int | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Answers over time as plain values for JSON: the ranked classes of every window, and the stretches of one answer.

    top  how many classes a window; None is all

    Raises ValueError where labels and classes differ in number.
    """
    windows = [
        {"start": start, "stop": stop, "silent": silent, "predictions": ranked}
        for start, stop, silent, ranked in _windows(timeline, labels, top)
    ]
    stretches = [
        {
            "start": stretch.start,
            "stop": stretch.stop,
            "windows": stretch.windows,
            "label": None if stretch.answer is None else labels[stretch.answer],
            "probability": stretch.probability,
        }
        for stretch in timeline.stretches()
    ]
    origin = _origin(model, weights_sha256, sample, notes)
    return origin | {"seconds": timeline.seconds, "windows": windows, "stretches": stretches}


def timeline_csv(timeline: Timeline, labels: Sequence[str], *, top: int | None = None) -> str:
    """Answers over time as CSV, a line for each window and class: start, stop, silent, rank, label, probability.

    Raises ValueError where labels and classes differ in number.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["start", "stop", "silent", "rank", "label", "probability"])
    for start, stop, silent, ranked in _windows(timeline, labels, top):
        for one in ranked:
            writer.writerow([start, stop, int(silent), one["rank"], one["label"], one["probability"]])
    return out.getvalue()


def _windows(
    timeline: Timeline, labels: Sequence[str], top: int | None
) -> Iterator[tuple[float, float, bool, list[dict[str, Any]]]]:
    """Beginning, end, silence and ranked classes of every window; seconds to the microsecond."""
    if len(labels) != timeline.probabilities.shape[1]:
        raise ValueError(f"there are {len(labels)} labels for {timeline.probabilities.shape[1]} classes")
    for start, silent, row in zip(timeline.starts.tolist(), timeline.silent, timeline.probabilities, strict=True):
        order = np.argsort(-row, kind="stable")[:top]
        ranked = [
            {"rank": rank, "class": int(i), "label": labels[i], "probability": float(row[i])}
            for rank, i in enumerate(order.tolist(), start=1)
        ]
        yield round(start, 6), round(start + timeline.seconds, 6), bool(silent), ranked


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
