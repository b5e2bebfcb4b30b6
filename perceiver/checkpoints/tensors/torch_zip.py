"""Weights as `torch.save` writes them: a zip archive with a pickle inside and a part of numbers for each storage.

They are read in two steps, of which the first can be done in a worker process. `outline` runs the pickle on inert
stand-ins (`unpickle`) and says which tensors there are and where their numbers lie in the file. Then `storages` maps
the file and makes the tensors. No code in a file can run, and nothing is imported, called or allocated because a file
names it:

- Memory and time. Only the names that a state dict needs are allowed; `torch.load(weights_only=True)` allows more, some
  of which allocate whatever a few bytes ask for. `unpickle` bounds instructions, copies and keys.
- Sizes. Parts of the archive that unpack to more than the file, storages that claim numbers which are not there or lie
  in another part, tensors that repeat one number a trillion times, the same weights listed over and over.
- Settings of training tools. An inert class stands in for each of their classes, whose fields are read as plain values,
  so that a Lightning checkpoint opens without its library.
- Messages. A refusal names what the file wants. PyTorch's own message advises to switch `weights_only` off.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from .header import AGAIN, RE_SAVE, Entry
from .sets import ASIDE, Place, is_average
from .unpickle import BYTES, Dictionary, ForbiddenError, Record, Setting, Stored, UnreadableError, run

_START, _END, _END_64 = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"
_MAX_DIRECTORY = 16 * 2**20  # 100,000 parts take less
_MAX_PICKLE = 64 * 2**20
_MAX_TENSORS = 100_000
_MAX_REPEATS = 64  # of the file's size: how often tied weights may be listed
_MAX_DEPTH = 6
_MAX_VALUES = 1_000_000
_MAX_SETTINGS = 100_000
# Dictionaries of settings that training tools have made classes of.
_DICTIONARIES = {
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
}
_PATHS = {"pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath"}


class _Path(Record):
    def plain(self) -> str:
        return "/".join(part for part in self.made_with if isinstance(part, str))


@dataclass(frozen=True)
class Group:
    """Tensors of one mapping or list: by name, or by number in order.

    place  the keys under which they are in the file
    left   names in the mapping whose values are neither tensors nor hold any
    """

    place: Place
    tensors: Mapping[str, Stored] = field(repr=False)
    left: tuple[str, ...] = ()

    def key(self, name: str) -> str:
        """A name for one of its tensors that no other group has."""
        return "\0".join((*self.place, name))

    @property
    def entries(self) -> dict[str, Entry]:
        """Number type and shape of each tensor."""
        return {name: Entry(tensor.dtype, tensor.shape) for name, tensor in self.tensors.items()}


@dataclass(frozen=True)
class Outline:
    """What a file holds: mappings and lists of tensors, where their numbers are, and plain values beside them.

    parts       the first byte in the file and the number of bytes of each storage, by its key
    big_endian  the order of the bytes of a number
    values      plain values at the top of the file, by name
    """

    mappings: tuple[Group, ...]
    lists: tuple[Group, ...]
    parts: Mapping[str, tuple[int, int]] = field(repr=False)
    big_endian: bool
    values: Mapping[str, Any] = field(repr=False)

    def extras(self, models: Container[str]) -> dict[str, Any]:
        """What is beside the models; `models` are the first keys of their places."""
        return {name: one for name, one in self.values.items() if name not in models}


def is_zip(path: Path) -> bool:
    """Whether the first bytes are those of a zip archive, whatever the file's name. Raises OSError."""
    with path.open("rb") as file:
        return file.read(4) in (_START, _END)


def outline(path: Path, label: str) -> Outline:
    """What a file holds that `torch.save` wrote, which messages call `label`.

    Raises CheckpointError for everything that is damaged or cannot be trusted.
    """
    archive = _read_archive(path, label)
    value = _run(archive, label)
    if not isinstance(value, dict):
        kinds: dict[type, str] = {Stored: "one tensor", list: "a list", Record: "settings"}
        kind = next((words for one, words in kinds.items() if isinstance(value, one)), "something else")
        raise CheckpointError(f"{label} holds {kind} in place of a mapping of names to tensors", RE_SAVE)
    groups = _Groups()
    groups.search(value)
    _check_amount([*groups.mappings, *groups.lists], archive, os.path.getsize(path), label)
    budget = [_MAX_SETTINGS]
    values = {
        str(name): _plain(one, budget)
        for name, one in value.items()
        if not isinstance(one, Stored) and not str(name).lower().startswith(ASIDE)
    }
    return Outline(tuple(groups.mappings), tuple(groups.lists), archive.parts, archive.big_endian, values)


def outline_apart(data: bytes, *, path: str, label: str) -> Outline:
    """As `outline`, for worker processes, which are given no bytes here."""
    return outline(Path(path), label)


@dataclass(frozen=True)
class _Archive:
    """The pickle of an archive, and where the numbers of each storage are: first byte and number of bytes by key."""

    pickle: bytes
    parts: dict[str, tuple[int, int]]
    big_endian: bool


def _read_archive(path: Path, label: str) -> _Archive:
    """The pickle, and where the numbers are.

    All parts are stored unpacked one after the other, so that none can be larger than the file. Raises CheckpointError
    when the archive is cut off, packed, larger inside than outside, or torch.save did not write it.
    """
    try:
        size = _check_directory(path, label)
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            _check_parts(parts, size, label)
            folder = _folder(parts, label)
            prefix, order = f"{folder}/data/", f"{folder}/byteorder"
            places = {
                part.filename.removeprefix(prefix): (_start(archive, part), part.file_size)
                for part in parts
                if part.filename.startswith(prefix)
            }
            return _Archive(
                _bytes(archive, f"{folder}/data.pkl"),
                places,
                order in archive.NameToInfo and _bytes(archive, order) == b"big",
            )
    except CheckpointError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise CheckpointError(f"{label} is a zip archive that is cut off or damaged", AGAIN) from error


def _check_directory(path: Path, label: str) -> int:
    """The file's size. Raises BadZipFile unless it ends with the end of a directory, which must not be long, because it
    is read as a whole."""
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
        raise CheckpointError(f"{label} has a directory of {length:,} bytes, which no weights file needs")
    return size


def _check_parts(parts: list[zipfile.ZipInfo], size: int, label: str) -> None:
    # PyTorch looks names up without regard to case.
    if len({part.filename.lower() for part in parts}) < len(parts):
        raise CheckpointError(f"{label} is damaged: a part of the archive stands in it twice", AGAIN)
    packed = [part.filename for part in parts if part.compress_type != zipfile.ZIP_STORED or part.flag_bits & 1]
    if packed and any(_is_pickle(part.filename) for part in parts):
        raise CheckpointError(f"{label} holds {packed[0]} packed, which torch.save never does", RE_SAVE)
    total = sum(max(part.file_size, part.compress_size) for part in parts)
    if total > size:
        raise CheckpointError(f"{label} is damaged: its parts take {total:,} bytes, more than the file has", AGAIN)


def _folder(parts: list[zipfile.ZipInfo], label: str) -> str:
    """The folder in the archive that holds everything."""
    sizes = {part.filename: part.file_size for part in parts}
    pickles = [name for name in sizes if _is_pickle(name)]
    if not pickles:
        inside = ", ".join(list(sizes)[:3]) or "nothing"
        raise CheckpointError(
            f"{label} is a zip archive that torch.save did not write (it holds {inside})", "unpack it first"
        )
    folder = pickles[0].removesuffix("/data.pkl")
    if len(pickles) > 1 or any(not name.startswith(f"{folder}/") for name in sizes):
        raise CheckpointError(f"{label} is damaged: it is several archives in one", AGAIN)
    if f"{folder}/constants.pkl" in sizes:
        raise CheckpointError(f"{label} is a TorchScript program and no file of weights", RE_SAVE)
    size = sizes[pickles[0]]
    if size > _MAX_PICKLE:
        raise CheckpointError(f"{label} holds {size:,} bytes beside its numbers, which no weights file needs", RE_SAVE)
    return folder


def _is_pickle(name: str) -> bool:
    return name.endswith("/data.pkl") and name.count("/") == 1


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    """A part, without its check sum, which torch.save can be told to leave out."""
    assert archive.fp is not None
    part = archive.getinfo(name)
    archive.fp.seek(_start(archive, part))
    return archive.fp.read(part.file_size)


def _start(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    """The first byte of a part in the file."""
    assert archive.fp is not None
    archive.fp.seek(part.header_offset)
    header = archive.fp.read(30)
    if len(header) < 30 or header[:4] != _START:
        raise zipfile.BadZipFile("a part without a header")
    return part.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))


def _setting(name: str) -> Setting | None:
    """What stands in for a class of settings, among them those of perceiver-io, whose package is called `perceiver`.

    The classes are not imported, whatever their names.
    """
    if name in _DICTIONARIES:
        return Dictionary
    if name in _PATHS:
        return _Path
    return Record if name.startswith("perceiver.") else None


def _run(archive: _Archive, label: str) -> Any:
    """What the pickle makes."""
    try:
        return run(archive.pickle, {key: size for key, (_, size) in archive.parts.items()}, _setting)
    except ForbiddenError as error:
        names = ", ".join(error.args[:3]) + (", ..." if len(error.args) > 3 else "")
        raise CheckpointError(
            f"{label} holds more than weights ({names}), which can run code when it is opened", RE_SAVE
        ) from error
    except UnreadableError as error:
        raise CheckpointError(
            f"{label} is damaged, or not written as torch.save does ({error})", f"{AGAIN}, or {RE_SAVE}"
        ) from error


def _check_amount(groups: Sequence[Group], archive: _Archive, size: int, label: str) -> None:
    """Raises CheckpointError for tensors of more numbers than their storages have, and for too many."""
    tensors = [(name, tensor) for group in groups for name, tensor in group.tensors.items()]
    for name, tensor in tensors:
        there = archive.parts[tensor.key][1] // BYTES[tensor.dtype]
        if tensor.count > there:
            raise CheckpointError(
                f"{label} claims {tensor.count:,} numbers in tensor {name} and holds {there:,} of them", RE_SAVE
            )
    if len(tensors) > _MAX_TENSORS:
        raise CheckpointError(f"{label} holds {len(tensors):,} tensors; at most {_MAX_TENSORS:,} are read")
    total = sum(tensor.count * BYTES[tensor.dtype] for _, tensor in tensors)
    if total > _MAX_REPEATS * size:
        raise CheckpointError(f"{label} lists the same numbers so often that they would take {total:,} bytes", RE_SAVE)


class _Groups:
    """The mappings and lists of tensors in what a file holds. Each is looked at once."""

    def __init__(self) -> None:
        self.mappings: list[Group] = []
        self.lists: list[Group] = []
        self._seen: set[int] = set()
        self._left = _MAX_VALUES

    def search(self, value: Any, place: Place = ()) -> int:
        """Adds the groups in a mapping or list, the deepest first; returns the number of tensors of the largest.

        A few tensors beside a larger group, such as a loss beside a model, are none.
        """
        children = _children(value)
        self._left -= len(children)
        if id(value) in self._seen or len(place) > _MAX_DEPTH or self._left < 0:
            return 0
        self._seen.add(id(value))
        inside = {
            name: self.search(one, (*place, name))
            for name, one in children.items()
            if isinstance(one, dict | list | tuple)
        }
        tensors = {name: one for name, one in children.items() if isinstance(one, Stored)}
        most = max(inside.values(), default=0)
        if not isinstance(value, dict):
            if len(tensors) == len(children) > 1:
                self.lists.append(Group(place, tensors))
        elif not all(type(name) is str for name in value):
            self._states(value, place)
        elif tensors and len(tensors) >= most:
            left = tuple(name for name in children if name not in tensors and not inside.get(name))
            self.mappings.append(Group(place, tensors, left))
        return max(most, len(tensors))

    def _states(self, value: Mapping[Any, Any], place: Place) -> None:
        """Averages that an optimiser keeps in its state of each parameter: {0: {"ax": tensor}, 1: ...}."""
        states = [value[i] for i in sorted(i for i in value if type(i) is int)]
        names = {str(name) for one in states if isinstance(one, dict) for name in one}
        for name in sorted(filter(is_average, names)):
            found = [one[name] for one in states if isinstance(one, dict) and isinstance(one.get(name), Stored)]
            if len(found) > 1:
                self.lists.append(Group((*place, name), {str(i): one for i, one in enumerate(found)}))


def _children(value: Any) -> dict[str, Any]:
    """What is inside a mapping or list, by key or number."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return {str(name): one for name, one in pairs}


def _plain(value: Any, budget: list[int], depth: int = 16) -> Any:
    """Settings as mappings, lists, numbers and texts; records as mappings of their fields, anything else as None."""
    budget[0] -= 1
    if budget[0] < 0 or depth < 0:
        return None
    if isinstance(value, Record):
        return _plain(value.plain(), budget, depth - 1)
    if isinstance(value, dict):
        kept = {str(name): one for name, one in value.items() if not isinstance(one, Stored)}
        return {name: _plain(one, budget, depth - 1) for name, one in kept.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, budget, depth - 1) for one in value if not isinstance(one, Stored)]
    return value if value is None or type(value) in (bool, int, float, str) else None
