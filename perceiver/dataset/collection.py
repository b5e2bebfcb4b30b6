"""Collections of inputs that a checkpoint is analysed over: held-out examples of its data, or a folder of files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from .. import modalities
from ..analysis.target_class import find_class, words
from ..checkpoints import BundledCheckpoints
from ..config import PerceiverConfig
from ..errors import InputError, UnknownClassError, printable
from ..lens import read_sample
from ..sample import Sample
from ..training.sets import TEST, open_set

# Names that a note lists at most.
_LISTED = 8

UNKNOWN = -1
"""The label of an input whose class is not known."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One input of a collection: a file, or prepared content.

    key      identifies it within its data, whichever model reads it
    label    its class; UNKNOWN where that is not known
    group    inputs of a group are not independent
    name     of the file below its folder, or of the bundled sample; "" for an example that is no file
    counted  whether it enters means and counts; bundled samples do not, as they are no further examples
    """

    key: str
    label: int
    group: int
    name: str = ""
    counted: bool = True
    path: Path | None = None
    content: Float[np.ndarray, "M content"] | None = field(default=None, repr=False)
    coordinates: Float[np.ndarray, "M axes"] | None = field(default=None, repr=False)

    def read(self, config: PerceiverConfig, *, isolate: bool = False) -> Sample:
        """The input as a model reads it. Raises InputError for a file that cannot be read."""
        if self.path is not None:
            return read_sample(config, self.path, isolate=isolate)
        assert self.content is not None
        return Sample(
            name=self.key,
            modality=config.modality,
            content=torch.from_numpy(self.content),
            shape=config.input_shape,
            seen=np.empty(0, dtype=np.float32),
            original=np.empty(0, dtype=np.float32),
            box=(),
            coordinates=None if self.coordinates is None else torch.from_numpy(self.coordinates),
        )


@dataclass(frozen=True, eq=False)
class Collection:
    """The inputs that a checkpoint is analysed over.

    title      what they are, in words
    available  the number of inputs that they were chosen from
    notes      what was left out, one sentence each
    """

    title: str
    entries: tuple[Entry, ...] = field(repr=False)
    available: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def sha256(self) -> str:
        """A digest of which inputs these are, with labels and groups; the same for all models that read them."""
        return sha256_of([(one.key, one.label, one.group) for one in self.entries if one.counted])


def sha256_of(values: object) -> str:
    """The SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def held_out(config: PerceiverConfig, folder: Path, most: int | None = None, *, samples: bool = True) -> Collection:
    """The held-out examples of a model's data set, or at most `most` of them, equally many of each class.

    folder   of built data, as `perceiver evaluate` takes it
    samples  adds the bundled samples with labels of the model, which are not counted

    Raises DataError without data, ConfigError for a model that matches no data set.
    """
    data = open_set(folder, TEST, config)
    examples = data.held_out()
    labels, groups = examples.label.numpy(), examples.group.numpy()
    chosen = np.arange(len(labels)) if most is None else balanced(labels, most)
    entries = [
        Entry(
            key=f"held-out example {index + 1}",
            label=int(labels[index]),
            group=int(groups[index]),
            content=examples.content[index].numpy(),
            coordinates=None if examples.coordinates is None else examples.coordinates[index].numpy(),
        )
        for index in chosen.tolist()
    ]
    if samples:
        entries += _bundled_samples(config)
    return Collection(f"held-out examples of {data.about.name}", tuple(entries), len(labels))


def balanced(labels: Int[np.ndarray, "n"], most: int) -> Int[np.ndarray, "k"]:
    """Indices of at most `most` examples in ascending order: as equally many of each class as there are, evenly spaced
    within a class."""
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    quota, left = np.zeros(len(members), dtype=int), min(most, len(labels))
    while left:
        open_ = [i for i, its in enumerate(members) if quota[i] < len(its)]
        each, rest = divmod(left, len(open_))
        for place, i in enumerate(open_):
            more = min(each + (place < rest), len(members[i]) - quota[i])
            quota[i] += more
            left -= more
    chosen = [
        its[np.linspace(0, len(its) - 1, count).round().astype(int)]
        for its, count in zip(members, quota.tolist(), strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def files(config: PerceiverConfig, folder: Path) -> Collection:
    """The files of a folder and its subfolders that the model's modality reads, in order of their paths.

    The subfolder of the first level that holds a file is its label where it is the name of a class of the model, or a
    word that occurs in one name only. Each file is a group of its own.

    Raises InputError where the folder does not exist or holds no such file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    about = modalities.describe(config.modality)
    endings = {f".{ending.lstrip('.')}" for ending in about.extensions}
    found, others = [], 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith(".") or not path.is_file():
                continue
            if path.suffix.lower() in endings:
                found.append(path)
            else:
                others += 1
    found.sort()
    if not found:
        raise InputError(f"{folder} holds no {about.noun.one}: no file ends with {', '.join(sorted(endings))}")
    labels = {name: _class(name, config) for name in {_label_folder(path, folder) for path in found}}
    entries = [
        Entry(
            key=name,
            label=labels[_label_folder(path, folder)],
            group=group,
            name=name,
            path=path,
        )
        for group, path in enumerate(found)
        for name in [printable(path.relative_to(folder).as_posix())]
    ]
    notes = []
    if others:
        notes.append(f"{others:,} files of other sorts were left out.")
    if unknown := sorted(name for name, label in labels.items() if name and label == UNKNOWN):
        notes.append(f"No class of the model is called {_list(unknown)}: these files have no label.")
    known = {name: config.class_names[label] for name, label in sorted(labels.items()) if label != UNKNOWN}
    if likely := [
        f"{name} for {label}" for name, label in known.items() if config.labels and words(name) != words(label)
    ]:
        notes.append(f"Folders were taken for classes by a word of their names: {_list(likely)}.")
    return Collection(f"files of {printable(folder.name or str(folder))}", tuple(entries), len(entries), tuple(notes))


def _label_folder(path: Path, root: Path) -> str:
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else ""


def _class(name: str, config: PerceiverConfig) -> int:
    """The class that a folder's name is; UNKNOWN where it is none, or could be several."""
    if config.labels and name.isdecimal() and name not in config.labels:
        return UNKNOWN  # a number of another list of classes
    try:
        return find_class(name, config) if name else UNKNOWN
    except UnknownClassError:
        return UNKNOWN


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return printable(", ".join(names[:_LISTED])) + more


def _bundled_samples(config: PerceiverConfig) -> list[Entry]:
    """The bundled samples of a model's classes."""
    known = {name: index for index, name in enumerate(config.labels)}
    return [
        Entry(key=one.file, label=known[one.label], group=UNKNOWN, name=one.name, counted=False, path=one.path)
        for one in BundledCheckpoints().samples(config.modality, config.labels)
        if one.label in known
    ]
