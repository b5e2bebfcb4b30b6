"""The measurements of a data set as far as they have come: they grow, are kept in a file, and are resumed."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from ..errors import InputError
from .collection import UNKNOWN, Collection, Entry, sha256_of
from .measure import Measured

ROWS = ("logits", "removed", "entropy", "shares", "after", "latent", "thumbnail")
"""The measurements that are kept for every input."""


@dataclass(eq=False)
class Partial:
    """The measurements of the first inputs of a collection.

    identity  of the model and the collection
    reached   entries that were read, with and without success
    rows      the measurements of every input that was read, one array per input; `digests` those of what was read
    index     of their entries
    sums      attention weight in each cell over the counted inputs: by "blocks", "latents" and "classes"; "occupied"
              the share of their elements there, and "class_occupied" the same for the inputs of each class
    errors    inputs that could not be read: name and reason
    """

    identity: str
    reached: int = 0
    index: list[int] = field(default_factory=list)
    rows: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in ROWS})
    digests: list[str] = field(default_factory=list)
    sums: dict[str, Float64[np.ndarray, "..."]] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def add(self, entry: Entry, found: Measured | str) -> None:
        """Adds the next entry: its measurements, or the reason why it could not be read."""
        if isinstance(found, str):
            self.errors.append((entry.key, found))
            self.reached += 1
            return
        for name in ROWS:
            self.rows[name].append(np.asarray(getattr(found, name)))
        self.index.append(self.reached)
        self.digests.append(found.digest)
        self.reached += 1
        if not entry.counted:
            return
        label = entry.label if entry.label != UNKNOWN else int(found.logits[-1].argmax())
        classes, count = found.logits.shape[1], len(found.occupied)
        if not self.sums:
            self.sums = {
                "blocks": np.zeros_like(found.attention),
                "latents": np.zeros_like(found.reading),
                "occupied": np.zeros(count),
                "classes": np.zeros((classes, count)),
                "class_occupied": np.zeros((classes, count)),
            }
        self.sums["blocks"] += found.attention
        self.sums["latents"] += found.reading
        self.sums["occupied"] += found.occupied
        self.sums["classes"][label] += found.attention.mean(0)
        self.sums["class_occupied"][label] += found.occupied

    def stacked(self, name: str) -> np.ndarray:
        """One kind of measurement of all inputs."""
        return np.stack(self.rows[name])

    def labels(self, collection: Collection) -> Int[np.ndarray, "n"]:
        """The labels of the inputs that were read."""
        return np.array([collection.entries[i].label for i in self.index], dtype=np.int64)

    def save(self, path: Path) -> None:
        """Writes it to a file, whole or not at all."""
        about = {name: getattr(self, name) for name in ("identity", "reached", "index", "digests", "errors")}
        arrays: dict[str, np.ndarray] = {f"sum_{name}": values for name, values in self.sums.items()}
        if self.index:
            arrays |= {f"row_{name}": self.stacked(name) for name in ROWS}
        write_archive(path, about, arrays, compress=False)

    @classmethod
    def load(cls, path: Path) -> Partial:
        """Reads what `save` wrote. Raises InputError for any other file."""
        about, arrays = read_archive(path)
        try:
            return cls(
                identity=str(about["identity"]),
                reached=int(about["reached"]),
                index=[int(i) for i in about["index"]],
                rows={name: list(arrays.get(f"row_{name}", ())) for name in ROWS},
                digests=[str(one) for one in about["digests"]],
                sums={name[4:]: values for name, values in arrays.items() if name.startswith("sum_")},
                errors=[(str(name), str(reason)) for name, reason in about["errors"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not an unfinished analysis of a data set ({error})") from error


def identity_of(model: str, collection: Collection) -> str:
    """What tells the measurements of a model on a collection from others; `model` a digest."""
    return sha256_of([model, collection.title, [(one.key, one.label, one.group) for one in collection.entries]])


def write_archive(
    path: Path, about: Mapping[str, object], arrays: Mapping[str, np.ndarray], *, compress: bool = True
) -> None:
    """Writes plain values as JSON and arrays into one NPZ file, whole or not at all.

    Raises InputError when it cannot be written.
    """
    held = io.BytesIO()
    # Names of folders can hold bytes that are no text.
    encoded = json.dumps(about, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    text = np.frombuffer(encoded, dtype=np.uint8)
    named: dict[str, Any] = {"about": text, **arrays}
    (np.savez_compressed if compress else np.savez)(held, **named)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(held.getvalue())
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {(error.strerror or type(error).__name__).lower()}") from error


def read_archive(path: Path, *, about_only: bool = False) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads what `write_archive` wrote, or the plain values alone. Raises InputError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name == "about" or not about_only}
        about = json.loads(bytes(arrays.pop("about")))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or type(error).__name__).lower()}") from error
    # An NPY file is an array, which cannot be opened so: a TypeError.
    except (ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RecursionError) as error:
        raise InputError(f"{path} is not the analysis of a data set") from error
    if not isinstance(about, dict):
        raise InputError(f"{path} is not the analysis of a data set")
    return about, arrays
