"""The manifest of a data folder, and the lock against concurrent builds.

`MANIFEST.json` next to the data holds the SHA-256, size, settings and packages of every file written by a builder. A
file counts as built only while it agrees with its entry.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from perceiver.errors import DataError
from perceiver.storage import atomic_write, disk_errors


@runtime_checkable
class Readable(Protocol):
    """A stream of bytes; `read` returns fewer than asked for only at its end."""

    def read(self, count: int, /) -> bytes: ...


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Locks the folder against a second build. Raises DataError when another build has locked it."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"another build is at work in {folder}; wait for it to end") from None
        yield


@dataclass
class Manifest:
    """The files of a data folder and their origin."""

    folder: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    NAME = "MANIFEST.json"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a folder, empty if there is none. Raises DataError if it cannot be read."""
        path = folder / cls.NAME
        if not path.exists():
            return cls(folder)
        try:
            files = json.loads(path.read_text())["files"]
            if not all("sha256" in entry and "settings" in entry for entry in files.values()):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"{path} is no manifest; delete it and build again") from None
        return cls(folder, files)

    def holds(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Whether the file exists, is undamaged, and was built with these settings."""
        entry, path = self.files.get(name), self.folder / name
        return (
            entry is not None
            and entry["settings"] == dict(settings)
            and path.is_file()
            and sha256(path) == entry["sha256"]
        )

    def record(self, name: str, settings: Mapping[str, Any], **notes: Any) -> None:
        """Adds an entry for a new file, with notes on its origin, and writes the manifest."""
        path = self.folder / name
        self.files[name] = {
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
            "settings": dict(settings),
            **notes,
        }
        with atomic_write(self.folder / self.NAME) as part:
            part.write_text(json.dumps({"files": self.files}, indent=2, sort_keys=True) + "\n")

    def verify(self) -> None:
        """Raises DataError naming the first file that is missing or differs from its checksum."""
        for name, entry in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise DataError(f"{path} is missing, though {self.NAME} lists it; build it again")
            if sha256(path) != entry["sha256"]:
                raise DataError(f"{path} differs from its checksum in {self.NAME}; build it again")
