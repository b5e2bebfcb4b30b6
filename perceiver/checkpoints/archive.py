"""The zip archive that `torch.save` writes, its bounds checked before a part of it is read.

`NAME/data.pkl` says what is in it, `NAME/data/KEY` are the numbers, one part for each storage. All parts lie unpacked
one after the other, so that none can be larger than the file.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import CheckpointError
from .header import AGAIN, RE_SAVE

_START = b"PK\x03\x04"
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_MAX_DIRECTORY = 16 * 2**20  # 100,000 parts take less
_MAX_PICKLE = 64 * 2**20


@dataclass(frozen=True)
class Part:
    """Where a part of the archive lies in the file, in bytes."""

    start: int
    size: int


@dataclass(frozen=True)
class Archive:
    """What an archive holds: the pickle, and where the numbers of each storage lie, by its key."""

    pickle: bytes
    storages: Mapping[str, Part]


def is_archive(path: Path) -> bool:
    """Whether the first bytes are those of a zip archive, whatever the file's name. Raises OSError."""
    with path.open("rb") as file:
        return file.read(4) in (_START, _END)


def read_archive(path: Path) -> Archive:
    """The parts of an archive, each one wholly inside the file.

    Raises CheckpointError when it is cut off, packed, larger inside than outside, or not written by `torch.save`.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            parts = {part.filename: part for part in archive.infolist()}
            _check_parts(path, archive, parts)
            folder = _folder(path, parts)
            starts = {name: _start(path, archive, part) for name, part in parts.items()}
            prefix = f"{folder}/data/"
            storages = {
                name.removeprefix(prefix): Part(starts[name], part.file_size)
                for name, part in parts.items()
                if name.startswith(prefix)
            }
            pickle = Part(starts[f"{folder}/data.pkl"], parts[f"{folder}/data.pkl"].file_size)
            return Archive(_bytes(archive, pickle), storages)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, struct.error) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} is a zip archive that is cut off or damaged; {AGAIN}") from error


def _check_directory(path: Path) -> None:
    """Raises BadZipFile unless the file ends with the end of a directory of bearable length, which is read as one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 22))
        end = file.read(22)
        if len(end) < 22 or end[:4] != _END or end[20:] != b"\0\0":
            raise zipfile.BadZipFile("no end of the directory")
        (length,) = struct.unpack("<L", end[12:16])
        if size >= 98:
            file.seek(size - 98)
            wide = file.read(56)
            if wide[:4] == _END_64:
                (length,) = struct.unpack("<Q", wide[40:48])
    if length > _MAX_DIRECTORY:
        raise CheckpointError(f"{path} has a directory of {length:,} bytes, which no weights file needs")


def _check_parts(path: Path, archive: zipfile.ZipFile, parts: Mapping[str, zipfile.ZipInfo]) -> None:
    # PyTorch looks names up without regard to case.
    if len({part.filename.lower() for part in archive.infolist()}) < len(archive.infolist()):
        raise CheckpointError(f"{path} is damaged: a part of the archive stands in it twice; {AGAIN}")
    packed = [name for name, part in parts.items() if part.compress_type != zipfile.ZIP_STORED or part.flag_bits & 1]
    if packed and any(_is_torch(name) for name in parts):
        raise CheckpointError(f"{path} holds {packed[0]} packed, which torch.save never does; {RE_SAVE}")
    total = sum(max(part.file_size, part.compress_size) for part in parts.values())
    if total > os.path.getsize(path):
        raise CheckpointError(f"{path} is damaged: its parts take {total:,} bytes, more than the file has; {AGAIN}")


def _folder(path: Path, parts: Mapping[str, zipfile.ZipInfo]) -> str:
    pickles = [name for name in parts if _is_torch(name)]
    if not pickles:
        inside = ", ".join(list(parts)[:3]) or "nothing"
        raise CheckpointError(f"{path} is a zip archive that torch.save did not write (it holds {inside}); unpack it")
    folder = pickles[0].removesuffix("/data.pkl")
    if len(pickles) > 1 or any(not name.startswith(f"{folder}/") for name in parts):
        raise CheckpointError(f"{path} is damaged: it is several archives in one; {AGAIN}")
    if f"{folder}/constants.pkl" in parts:
        raise CheckpointError(f"{path} is a TorchScript program and no file of weights; {RE_SAVE}")
    size = parts[pickles[0]].file_size
    if size > _MAX_PICKLE:
        raise CheckpointError(f"{path} holds {size:,} bytes beside its numbers, which no weights file needs; {RE_SAVE}")
    return folder


def _is_torch(name: str) -> bool:
    return name.endswith("/data.pkl") and name.count("/") == 1


def _bytes(archive: zipfile.ZipFile, part: Part) -> bytes:
    # Not by the archive's own method, which insists on check sums that torch.save can be told to leave out.
    assert archive.fp is not None
    archive.fp.seek(part.start)
    return archive.fp.read(part.size)


def _start(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    """Where a part's bytes begin: behind a header of its own, whose two lengths only stand there."""
    assert archive.fp is not None
    archive.fp.seek(part.header_offset)
    header = archive.fp.read(30)
    if len(header) < 30 or header[:4] != _START:
        raise zipfile.BadZipFile("a part without a header")
    start = part.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    if start + part.file_size > archive.start_dir:
        raise CheckpointError(f"{path} is damaged: {part.filename} does not lie wholly in the file; {AGAIN}")
    return start
