"""Uploaded checkpoints: written to a temporary folder of the session under names of our own, and deleted with it."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import streamlit as st

from perceiver.checkpoints.folder import CONFIG, PICKLE, PREPROCESSOR, README, WEIGHTS, read_json
from perceiver.checkpoints.tensors.header import is_safetensors
from perceiver.errors import CheckpointError

from . import checkpoints, models
from .checkpoints import Source
from .public import limits

HELD = 3
"""Uploads whose files a session keeps, so that a model that was put out of memory can be read again."""

_BESIDE = {CONFIG, PREPROCESSOR, README}
_SMALL_BYTES = 4 * 2**20
_LONGEST_NAME = 60


class Room:
    """A temporary folder with a numbered folder for each upload; the earliest goes when there are more than HELD."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="perceiver-lens-")
        self._held: OrderedDict[str, Path] = OrderedDict()
        self._count = 0
        # Part of every key: the same weights, uploaded in two sessions, are two checkpoints. Each has the name that
        # its session gave it, and one session's end does not take the other's files away.
        self._salt = secrets.token_bytes(16)
        self._end = weakref.finalize(self, _end, self._folder, self._held)

    @property
    def path(self) -> Path:
        """Its path."""
        return Path(self._folder.name)

    def take(self, files: Sequence[tuple[str, memoryview | bytes]]) -> Source:
        """Writes the files of one checkpoint, each with the name it was given; names only sort them.

        One file holds the weights; JSON files are config.json, preprocessor_config.json or arguments. Raises
        CheckpointError for anything else, and for files that are larger than is allowed.
        """
        weights, small = _sorted(files)
        total = sum(len(data) for _, data in files)
        most = limits().checkpoint_megabytes
        if total > most * 10**6:
            raise CheckpointError(f"these files take {total / 1e6:,.0f} MB, and {most} MB are taken at most")
        stamp = hashlib.sha256(self._salt)
        stamp.update(weights[1])
        for name, data in sorted(small.items()):
            stamp.update(name.encode() + len(data).to_bytes(8, "big") + data)
        digest = stamp.hexdigest()
        if digest not in self._held:
            self._write(digest, weights[1], small)
        self._held.move_to_end(digest)
        folder = self._held[digest]
        file = next(path for path in (folder / WEIGHTS, folder / PICKLE) if path.is_file())
        name = _short(weights[0])
        given = _arguments(folder)
        labels = ((file, name), *((folder / beside, beside) for beside in _BESIDE))
        return Source(
            "upload", f"{name} (uploaded)", str(folder), stamp=digest, given=given, called="the upload", labels=labels
        )

    def _write(self, digest: str, weights: memoryview | bytes, small: Mapping[str, bytes]) -> None:
        self._count += 1
        folder = self.path / str(self._count)
        folder.mkdir()
        try:
            (folder / PICKLE).write_bytes(weights)
            if is_safetensors(folder / PICKLE):
                (folder / PICKLE).rename(folder / WEIGHTS)
            for name, data in small.items():
                (folder / name).write_bytes(data)
            _arguments(folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise CheckpointError(f"the upload cannot be kept: {error.strerror or type(error).__name__}") from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._held[digest] = folder
        while len(self._held) > HELD:
            gone, old = self._held.popitem(last=False)
            shutil.rmtree(old, ignore_errors=True)
            models.release(checkpoints.forget({gone}))

    def holds(self, source: Source) -> bool:
        """Whether the files of an upload are still there."""
        return source.stamp in self._held

    def close(self) -> None:
        """Deletes everything."""
        self._end()


def _end(folder: tempfile.TemporaryDirectory[str], held: OrderedDict[str, Path]) -> None:
    """Deletes what a room holds, and its models from memory."""
    models.release(checkpoints.forget(set(held)))
    held.clear()
    folder.cleanup()


def room() -> Room:
    """This session's folder, deleted when the session or the process ends.

    The session's state holds it: a cache of the session would be emptied whenever the connection drops.
    """
    if "room" not in st.session_state:
        st.session_state["room"] = Room()
    held: Room = st.session_state["room"]
    return held


_ARGUMENTS = "arguments.json"


def _sorted(
    files: Sequence[tuple[str, memoryview | bytes]],
) -> tuple[tuple[str, memoryview | bytes], dict[str, bytes]]:
    """The file of weights with its name, and the small ones by the names that we give them."""
    weights: list[tuple[str, memoryview | bytes]] = []
    small: dict[str, bytes] = {}
    for given, data in files:
        name = PurePath(given.replace("\\", "/")).name
        if PurePath(name).suffix.lower() not in (".json", ".md"):
            weights.append((name, data))
            continue
        ours = next((one for one in _BESIDE if one.lower() == name.lower()), None)
        if ours is None and name.lower().endswith(".md"):
            continue
        ours = ours or _ARGUMENTS
        if ours in small:
            raise CheckpointError(f"{_short(name)} and another file would both be its {ours}; give one of them")
        if len(data) > _SMALL_BYTES:
            raise CheckpointError(f"{_short(name)} is larger than {_SMALL_BYTES:,} bytes, which no such file is")
        small[ours] = bytes(data)
    if len(weights) != 1:
        names = ", ".join(_short(name) for name, _ in weights[:3])
        raise CheckpointError(
            f"{names} are several files of weights; give one" if weights else "a file of weights is missing"
        )
    if CONFIG not in small and _ARGUMENTS in small:
        # The library takes a JSON file beside the weights for their configuration, whatever it is called.
        small[CONFIG] = small.pop(_ARGUMENTS)
    return weights[0], small


def _arguments(folder: Path) -> dict[str, Any]:
    file = folder / _ARGUMENTS
    if not file.is_file():
        return {}
    return read_json(file, "the file of arguments")


def _short(name: str) -> str:
    kept = "".join(c for c in name if c.isprintable())
    return kept if len(kept) <= _LONGEST_NAME else f"{kept[:40]}…{kept[-16:]}"
