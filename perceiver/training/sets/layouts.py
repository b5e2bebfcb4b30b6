"""Layouts of folders of labelled files: class folders, as ImageNet and Kinetics are laid out, and AudioSet's lists."""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from .base import TEST, TRAIN, VAL

_NAMES = {TRAIN: ("train",), VAL: ("val", "valid", "validation"), TEST: ("test", "val", "valid", "validation")}
# Without split folders: percentage thresholds of a hash of the file name; 10 % are for validation, 20 % for the test.
_VALIDATED, _TESTED = 10, 30
# AudioSet's lists by the words in their names; "eval" is the test split of its 2017 release.
_LISTS = {TRAIN: re.compile("train"), VAL: re.compile("(?<!e)val"), TEST: re.compile("eval|test")}
_NAMED = "class_labels_indices.csv"
_COLUMNS = 4  # identifier, start, end, labels


@dataclass(frozen=True)
class Labelled:
    """A file, or a segment of one.

    labels  indices into the classes; several in AudioSet
    start, stop  of the segment in seconds of the whole file; None for all of it
    cut     whether the file's name says that it holds the segment alone
    """

    path: Path
    labels: tuple[int, ...]
    start: float | None = None
    stop: float | None = None
    cut: bool = False


@dataclass(frozen=True)
class Listed:
    """The files of one split of a folder.

    classes  names of the folder's classes, of all splits
    split    how the folder is split, a sentence
    """

    classes: tuple[str, ...]
    files: tuple[Labelled, ...]
    split: str


def is_class_folder(folder: Path, endings: Sequence[str]) -> bool:
    """Whether a folder holds at least two folders of such files, directly or in split folders."""
    return len(_classes(_split_folder(folder, TRAIN) or folder, endings)) > 1


def read_class_folder(folder: Path, split: int, endings: Sequence[str], noun: str) -> Listed:
    """The files in class folders: CLASS/*, or train/CLASS/* and so on.

    Without a test split, "val" is the test split, as usual for ImageNet and Kinetics. Without any splits, a hash of the
    file names assigns a tenth to validation and a fifth to the test. Raises DataError where the split has no files,
    which messages call `noun`.
    """
    train = _split_folder(folder, TRAIN)
    classes = tuple(_classes(train or folder, endings))
    own = _split_folder(folder, split)
    if own is None and train:
        raise DataError(f"{folder} has a folder train, and none of {', '.join(_NAMES[split])}")
    files = tuple(
        Labelled(file, (label,))
        for label, name in enumerate(classes)
        for file in _files((own or folder) / name, endings)
        if own or _split_of(file.name) == split
    )
    if not files:
        raise DataError(f"{own or folder} holds no {noun} to {'train' if split == TRAIN else 'test'} on")
    how = "The folder's own." if train else "By the names of the files."
    if own and (foreign := sorted(set(_classes(own, endings)) - set(classes))):
        how += f" Folders that are no classes of the training data were left out: {', '.join(foreign)}."
    return Listed(classes, files, how)


def segment_lists(folder: Path) -> list[Path]:
    """The lists of segments in a folder that is laid out like AudioSet; empty for another folder."""
    return [path for path in sorted(folder.glob("*.csv")) if _is_segment_list(path)]


def read_segments(folder: Path, split: int, endings: Sequence[str]) -> Listed:
    """The segments of one split of a folder that is laid out like AudioSet.

    Lists are CSV files with lines of identifier, start, end and quoted labels, as `balanced_train_segments.csv`; their
    names tell the split, or else a hash of the identifiers does. `class_labels_indices.csv` names the labels. Files lie
    anywhere in the folder and are named IDENTIFIER, IDENTIFIER_START or IDENTIFIER_START_END, in seconds or
    milliseconds. Segments without a file are left out: not all of them can still be had.

    Raises DataError where a list cannot be read or the split has no files.
    """
    lists = segment_lists(folder)
    parts = {path: [which for which, word in _LISTS.items() if word.search(path.stem)] for path in lists}
    sorted_ = all(len(found) == 1 for found in parts.values())
    rows = {path: list(_rows(path)) for path in lists}
    names = _names(folder)
    marks = sorted({mark for found in rows.values() for row in found for mark in row.labels})
    # In the order of the list of labels, of which AudioSet's has one; labels that it lacks come last.
    order = [mark for mark in names if mark in set(marks)] + [mark for mark in marks if mark not in names]
    index = {mark: place for place, mark in enumerate(order)}
    chosen = [
        row
        for path, found in rows.items()
        for row in found
        if (parts[path] == [split] if sorted_ else _split_of(row.identifier) == split)
    ]
    there: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in endings and not _is_hidden(path):
            there[path.stem].append(path)
    files = tuple(found for row in chosen if (found := row.located(there, index)) is not None)
    if not files:
        raise DataError(f"{folder} holds no clips of its {len(chosen):,} segments to {_purpose(split)} on")
    how = "By its lists." if sorted_ else "By the identifiers of the segments."
    missing = len(chosen) - len(files)
    return Listed(
        classes=tuple(names.get(mark, mark) for mark in order),
        files=files,
        split=f"{how} {missing:,} of {len(chosen):,} segments are not there." if missing else how,
    )


@dataclass(frozen=True)
class _Row:
    """A line of a list of segments."""

    identifier: str
    start: float
    stop: float
    labels: tuple[str, ...]

    def located(self, there: dict[str, list[Path]], index: dict[str, int]) -> Labelled | None:
        """The segment in its file; None where there is none."""
        labels = tuple(index[mark] for mark in self.labels)
        for stem in self._stems():
            if stem in there:
                return Labelled(there[stem][0], labels, self.start, self.stop, cut=stem != self.identifier)
        return None

    def _stems(self) -> Iterator[str]:
        for start, stop in zip(_written(self.start), _written(self.stop), strict=True):
            yield f"{self.identifier}_{start}_{stop}"
            yield f"{self.identifier}_{start}"
        yield self.identifier


def _written(seconds: float) -> tuple[str, ...]:
    """A time as it may stand in the name of a file: 30, 30.000, 30000, 000030."""
    return f"{seconds:g}", f"{seconds:.3f}", str(round(1000 * seconds)), f"{round(seconds):06d}"


def _rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file, skipinitialspace=True):
                if not row or row[0].startswith("#"):
                    continue
                identifier, start, stop, labels = row
                marks = tuple(dict.fromkeys(mark.strip() for mark in labels.split(",") if mark.strip()))
                if not marks or not float(start) < float(stop):
                    raise ValueError(f"a line without labels or length: {identifier}")
                yield _Row(identifier, float(start), float(stop), marks)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is no list of segments as AudioSet's: {error}") from error


def _is_segment_list(path: Path) -> bool:
    """Whether the first line that is no comment has an identifier, two numbers and labels."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            row = next((row for row in csv.reader(file, skipinitialspace=True) if row and row[0][:1] != "#"), [])
            return len(row) == _COLUMNS and float(row[1]) < float(row[2])
    except (OSError, ValueError, csv.Error):
        return False


def _names(folder: Path) -> dict[str, str]:
    """The names of labels, in the order of their list; empty without one."""
    path = folder / _NAMED
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["mid"]: row["display_name"] for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path} is no list of labels as AudioSet's, with mid and display_name") from error


def _purpose(split: int) -> str:
    return "train" if split == TRAIN else "test"


def _split_folder(folder: Path, split: int) -> Path | None:
    return next((folder / name for name in _NAMES[split] if (folder / name).is_dir()), None)


def _classes(folder: Path, endings: Sequence[str]) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(
        inner.name
        for inner in folder.iterdir()
        if inner.is_dir() and not _is_hidden(inner) and any(_found(inner, endings))
    )


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(_found(folder, endings)) if folder.is_dir() else []


def _found(folder: Path, endings: Sequence[str]) -> Iterator[Path]:
    return (
        file for file in folder.iterdir() if file.suffix.lower() in endings and file.is_file() and not _is_hidden(file)
    )


def _is_hidden(path: Path) -> bool:
    """Whether a file or folder was left by a system or a notebook: ".ipynb_checkpoints", "._photo.jpg"."""
    return path.name.startswith(".")


def _split_of(name: str) -> int:
    place = zlib.crc32(name.encode()) % 100
    return VAL if place < _VALIDATED else TEST if place < _TESTED else TRAIN
