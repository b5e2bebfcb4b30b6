"""Analyses of data sets in files, and those that are kept beside the weights of the bundled checkpoints.

A file is an NPZ archive of arrays, with a JSON text "about" and the thumbnails in one WebP picture. Probabilities, maps
and means are rounded to half precision; labels, predictions and counts are exact.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..checkpoints.bundled import BundledCheckpoints
from ..checkpoints.folder import WEIGHTS, sha256
from ..errors import CheckpointError, InputError
from ..studies.base import Mean
from .partial import read_archive, write_archive
from .result import About, BandAccuracy, DataSetAnalysis, ExampleTable, LatentTable, MeanMaps, PartShare

FILE = "dataset.npz"
"""The name of the analysis in a checkpoint's folder."""

VERSION = 1
QUALITY = 45
"""Of the WebP picture of the thumbnails."""


def save(analysis: DataSetAnalysis, path: Path) -> None:
    """Writes an analysis to a file, whole or not at all. Raises InputError when it cannot be written."""
    table, latents = analysis.examples, analysis.latents
    about = {
        "version": VERSION,
        **dataclasses.asdict(analysis.about),
        "keys": table.keys,
        "names": table.names,
        "shares": [[one.block, one.group] for one in analysis.shares],
        "bands": [[one.cycles, one.ablation, one.accuracy is not None] for one in analysis.bands],
        "thumbnail": table.thumbnails.shape[1],
    }
    arrays: dict[str, np.ndarray] = {
        "labels": table.labels.astype(np.int32),
        "groups": table.groups.astype(np.int32),
        "counted": table.counted,
        "answers": table.answers.astype(np.uint16),
        "probabilities": table.probabilities.astype(np.float16),
        "places": table.places.astype(np.float16),
        "thumbnails": _atlas(table.thumbnails),
        "removed": _means(latents.removed),
        "removed_by_class": latents.classes.astype(np.float16),
        "strongest": latents.strongest.astype(np.int32),
        "focused": latents.focused.astype(np.int32),
        "entropy": latents.entropy.astype(np.float32),
        "share_means": _means([one.share for one in analysis.shares]),
        "band_accuracy": _means([one.accuracy for one in analysis.bands if one.accuracy is not None]),
        "band_agrees": _means([one.agrees for one in analysis.bands]),
    }
    if analysis.maps is not None:
        for field in dataclasses.fields(MeanMaps):
            arrays[f"maps_{field.name}"] = getattr(analysis.maps, field.name).astype(np.float16)
    write_archive(path, about, arrays)


def load(path: Path) -> DataSetAnalysis:
    """Reads what `save` wrote. Raises InputError for any other file."""
    about, arrays = read_archive(path)
    try:
        return _loaded(about, arrays)
    except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
        raise InputError(f"{path} is not the analysis of a data set, or is damaged") from error


def _loaded(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> DataSetAnalysis:
    if about["version"] != VERSION:
        raise ValueError(f"version {about['version']}")
    shares = _each(arrays["share_means"], len(about["shares"]))
    accuracy = iter(_each(arrays["band_accuracy"], sum(bool(known) for *_, known in about["bands"])))
    agrees = _each(arrays["band_agrees"], len(about["bands"]))
    described = _about(about)
    count, classes = len(about["keys"]), len(described.classes)
    labels, answers, probabilities = arrays["labels"], arrays["answers"], arrays["probabilities"]
    one_row_each = (about["names"], labels, arrays["groups"], arrays["counted"], answers, arrays["places"])
    if any(len(one) != count for one in one_row_each) or probabilities.shape != (count, classes):
        raise ValueError("rows are missing")
    if count and (labels.max() >= classes or labels.min() < -1 or answers.max() >= classes):
        raise ValueError("there is no such class")
    if any(arrays[name].max(initial=-1) >= count for name in ("strongest", "focused")):
        raise ValueError("there is no such input")
    maps = None
    if "maps_blocks" in arrays:
        maps = MeanMaps(**{one.name: arrays[f"maps_{one.name}"].astype(float) for one in dataclasses.fields(MeanMaps)})
        if any(getattr(maps, one.name).shape[1:] != (math.prod(described.cells),) for one in dataclasses.fields(maps)):
            raise ValueError("maps have other cells")
    return DataSetAnalysis(
        about=described,
        examples=ExampleTable(
            keys=tuple(map(str, about["keys"])),
            names=tuple(map(str, about["names"])),
            labels=labels.astype(np.int64),
            groups=arrays["groups"].astype(np.int64),
            counted=arrays["counted"].astype(bool),
            answers=answers.astype(np.int64),
            probabilities=probabilities.astype(np.float64),
            places=arrays["places"].astype(np.float64),
            thumbnails=_tiles(arrays["thumbnails"], count, int(about["thumbnail"])),
        ),
        maps=maps,
        latents=LatentTable(
            removed=_each(arrays["removed"], len(arrays["removed"])),
            classes=arrays["removed_by_class"].astype(np.float64),
            strongest=arrays["strongest"].astype(np.int64),
            focused=arrays["focused"].astype(np.int64),
            entropy=arrays["entropy"].astype(np.float64),
        ),
        shares=tuple(
            PartShare(int(block), str(group), share)
            for (block, group), share in zip(about["shares"], shares, strict=True)
        ),
        bands=tuple(
            BandAccuracy(cycles, str(text), next(accuracy) if known else None, agreeing)
            for (cycles, text, known), agreeing in zip(about["bands"], agrees, strict=True)
        ),
    )


def read_about(path: Path) -> About:
    """What an analysis is of, without reading its arrays. Raises InputError as `load` does."""
    about, _ = read_archive(path, about_only=True)
    try:
        return _about(about)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not the analysis of a data set, or is damaged") from error


def _about(values: Mapping[str, Any]) -> About:
    fields: dict[str, Any] = {field.name: values[field.name] for field in dataclasses.fields(About)}
    return About(**{name: _tupled(value) for name, value in fields.items()})


def check(folder: Path) -> bool:
    """Whether a checkpoint folder holds an analysis. Raises CheckpointError where it is of other weights."""
    path = folder / FILE
    if not path.is_file():
        return False
    try:
        current = read_about(path).weights_sha256 == sha256(folder / WEIGHTS)
    except InputError as error:
        raise CheckpointError(str(error)) from error
    if not current:
        raise CheckpointError(f"{path} is of other weights than those beside it", "`perceiver dataset --outdated`")
    return True


def outdated(store: BundledCheckpoints) -> tuple[str, ...]:
    """The bundled checkpoints without an analysis of their weights: it is missing, of other weights, or damaged."""

    def is_current(name: str) -> bool:
        try:
            return check(store.folder(name))
        except CheckpointError:
            return False

    return tuple(name for name in store.names() if not is_current(name))


def _means(means: Any) -> np.ndarray:
    return np.array([[one.value, one.low, one.high] for one in means], dtype=np.float32).reshape(-1, 3)


def _each(values: np.ndarray, count: int) -> tuple[Mean, ...]:
    if values.shape != (count, 3):
        raise ValueError("means are missing")
    return tuple(Mean(*row) for row in values.astype(float).tolist())


def _tupled(value: Any) -> Any:
    """The value with tuples in place of its lists."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _atlas(tiles: UInt8[np.ndarray, "n s s 3"]) -> UInt8[np.ndarray, "bytes"]:
    """All thumbnails in one picture, row by row, as the bytes of a WebP file."""
    count, side = len(tiles), tiles.shape[1]
    columns = max(1, math.isqrt(count - 1) + 1)
    rows = -(-count // columns)
    held = np.zeros((rows * columns, side, side, 3), dtype=np.uint8)
    held[:count] = tiles
    picture = (
        held.reshape(rows, columns, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 3)
    )
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", quality=QUALITY, method=6)
    return np.frombuffer(out.getvalue(), dtype=np.uint8)


def _tiles(data: UInt8[np.ndarray, "bytes"], count: int, side: int) -> UInt8[np.ndarray, "n s s 3"]:
    with Image.open(io.BytesIO(data.tobytes()), formats=["WEBP"]) as file:
        picture = np.asarray(file.convert("RGB"))
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    tiles = picture.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)
    if len(tiles) < count:
        raise ValueError("thumbnails are missing")
    return tiles[:count]
