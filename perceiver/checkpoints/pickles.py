"""Weights as `torch.save` writes them: a zip archive with a pickle inside, read without running what it may hold.

What is in the file, and whether its numbers are there, is told by `archive` and `instructions` beforehand; then PyTorch
maps the numbers, with weights_only=True and never otherwise. Its own messages are not shown: they advise to switch
that off.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from .archive import Archive, read_archive
from .header import AGAIN, RE_SAVE, Entry
from .instructions import WIDTHS, Content, Forbidden, Name, Record, Stored, Unreadable, names_in, run

_MAX_TENSORS = 100_000
_MAX_REPEATS = 64  # of the file's size: how often tied weights may be listed
_MAX_DEPTH = 4
_MAX_SETTINGS = 100_000
# Dictionaries of settings that training tools have made classes of.
_DICTIONARIES = frozenset(
    {
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning.pytorch.utilities.parsing.AttributeDict",
        "lightning_fabric.utilities.data.AttributeDict",
        "lightning.fabric.utilities.data.AttributeDict",
    }
)
_PATHS = frozenset({"pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath"})
# Where training tools put the model's tensors.
_PLACES = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "sd",
    "weights",
    "params",
    "net",
    "network",
)
# What they put beside the model, and may hold tensors too: first words of names.
_ASIDE = ("optim", "sched", "lr_", "callback", "loops", "scaler", "amp", "native_amp", "rng", "metric")
_LOCK = threading.Lock()  # the list of stand-ins is PyTorch's and one for the process


class _Inert:
    """What PyTorch puts in place of a class of settings: it takes everything, keeps nothing and runs nothing."""

    def __new__(cls, *_: object, **__: object) -> _Inert:
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


@dataclass(frozen=True)
class Pickled:
    """What lies in the archive: the model's tensors, mapped from the file, and harmless values beside them."""

    entries: Mapping[str, Entry]
    tensors: Mapping[str, Tensor] = field(repr=False)
    extras: Mapping[str, Any]
    notes: tuple[str, ...]


def read(path: Path) -> Pickled:
    """The tensors of a file that `torch.save` wrote. Raises CheckpointError for everything that cannot be trusted."""
    archive = read_archive(path)
    content = _content(path, archive)
    _check_storages(path, archive, content)
    place, model = _model_in(path, content.value)
    entries = {name: _entry(path, archive, name, tensor) for name, tensor in model.items() if type(tensor) is Stored}
    _check_amount(path, entries)
    tensors = _mapped(path, archive, place, entries)
    return Pickled(entries, tensors, _extras(content.value, place), tuple(_notes(place, model, entries)))


def _content(path: Path, archive: Archive) -> Content:
    try:
        return run(archive.pickle, _is_dictionary, _is_record)
    except Forbidden as error:
        names = ", ".join(error.args[:3]) + (", ..." if len(error.args) > 3 else "")
        raise CheckpointError(
            f"{path} holds more than weights ({names}), which can run code when it is opened; {RE_SAVE}"
        ) from error
    except Unreadable as error:
        raise CheckpointError(
            f"{path} is damaged, or not written as torch.save does ({error}); {AGAIN}, or {RE_SAVE}"
        ) from error


def _is_dictionary(name: str) -> bool:
    return name in _DICTIONARIES


def _is_record(name: str) -> bool:
    """Whether objects of a class are settings: those of perceiver-io, whose package is called `perceiver`, and paths.

    The classes are not imported, whatever their names.
    """
    return name.startswith("perceiver.") or name in _PATHS


def _check_storages(path: Path, archive: Archive, content: Content) -> None:
    """Raises CheckpointError unless the numbers of every storage are there, no fewer and no more."""
    for storage in content.storages:
        part = archive.storages.get(storage.key)
        claimed = storage.count * WIDTHS[storage.dtype]
        if part is None or part.size != claimed:
            there = "none of them are" if part is None else f"{part.size:,} are"
            raise CheckpointError(
                f"{path} is damaged: it claims {claimed:,} bytes of numbers in part {storage.key} and {there} there; "
                f"{AGAIN}"
            )


def _entry(path: Path, archive: Archive, name: str, tensor: Stored) -> Entry:
    """A tensor's shape and place. Raises CheckpointError when it has more numbers than its storage."""
    storage, count = tensor.storage, math.prod(tensor.shape)
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=False))
    if len(tensor.shape) != len(tensor.strides) or (count and last >= storage.count):
        raise CheckpointError(f"{path} is damaged: tensor {name} reaches beyond its numbers; {AGAIN}")
    if count > storage.count:
        raise CheckpointError(
            f"{path} claims {count:,} numbers in tensor {name} and holds {storage.count:,} of them; {RE_SAVE}"
        )
    width = WIDTHS[storage.dtype]
    start = archive.storages[storage.key].start + tensor.offset * width
    return Entry(storage.dtype, tensor.shape, start, start + count * width)


def _check_amount(path: Path, entries: Mapping[str, Entry]) -> None:
    if len(entries) > _MAX_TENSORS:
        raise CheckpointError(f"{path} holds {len(entries):,} tensors; at most {_MAX_TENSORS:,} are read")
    total = sum(entry.stop - entry.start for entry in entries.values())
    if total > _MAX_REPEATS * path.stat().st_size:
        raise CheckpointError(f"{path} lists the same numbers so often that they would take {total:,} bytes; {RE_SAVE}")


def _model_in(path: Path, value: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The one mapping of names to tensors that is the model, and under which names it lies.

    Raises CheckpointError when there is none, or more than one.
    """
    if type(value) is not dict:
        kind = {Stored: "one tensor", list: "a list", Record: "settings"}.get(type(value), "something else")
        raise CheckpointError(f"{path} holds {kind} in place of a mapping of names to tensors; {RE_SAVE}")
    found = list(_candidates(value, set()))
    if not found:
        raise CheckpointError(f"{path} holds no mapping of names to tensors, so there are no weights in it; {RE_SAVE}")
    usual = [one for one in found if one[0] and one[0][-1] in _PLACES]
    chosen = usual[0] if len(usual) == 1 else found[0]
    # Beside the model a few tensors may lie, such as the classes' weights among the settings, but no second model.
    rivals = [one for one in found if one is not chosen and 2 * _count(one[1]) >= _count(chosen[1])]
    if rivals or (len(found) > 1 and len(usual) != 1):
        names = ", ".join(".".join(place) for place, _ in found[:4]) + (", ..." if len(found) > 4 else "")
        raise CheckpointError(f"{path} holds {len(found)} sets of tensors ({names}); save the one that is meant alone")
    return chosen


def _count(model: Mapping[str, Any]) -> int:
    return sum(type(value) is Stored for value in model.values())


def _candidates(
    value: dict[Any, Any], seen: set[int], place: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Mappings with tensors, deepest first: one with another inside it is not a model. Each is looked at once."""
    seen.add(id(value))
    if not all(type(name) is str for name in value):
        return
    inside = [
        one
        for name, child in value.items()
        if type(child) is dict and id(child) not in seen
        if len(place) < _MAX_DEPTH and not name.lower().startswith(_ASIDE)
        for one in _candidates(child, seen, (*place, name))
    ]
    if inside:
        yield from inside
    elif any(type(child) is Stored for child in value.values()):
        yield place, value


def _mapped(path: Path, archive: Archive, place: tuple[str, ...], entries: Mapping[str, Entry]) -> dict[str, Tensor]:
    """The model's tensors, mapped from the file; they are what was found in it before."""
    settings = [name for name in names_in(archive.pickle) if _is_dictionary(name) or _is_record(name)]
    stand_ins: list[Any] = [(OrderedDict if _is_dictionary(name) else _Inert, name) for name in settings]
    try:
        with _LOCK, torch.serialization.safe_globals(stand_ins):
            content = _loaded(path)
        for name in place:
            content = content[name]
        tensors = {name: content[name].detach() for name in entries}
        same = all(tuple(tensors[name].shape) == entry.shape for name, entry in entries.items())
    except Exception as error:  # the library raises whatever its reader trips over
        raise CheckpointError(f"{path} cannot be read as a file of weights; {AGAIN}, or {RE_SAVE}") from error
    if not same:
        raise CheckpointError(f"{path} changed while it was read; try again")
    return tensors


def _loaded(path: Path) -> Any:
    if path.suffix.lower() != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    # By this name PyTorch would expect the other format; what it reads without a name it cannot map.
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)


def _extras(value: dict[Any, Any], place: tuple[str, ...]) -> dict[str, Any]:
    """What lies beside the model, as plain values."""
    if not place:
        return {}
    budget = [_MAX_SETTINGS]
    return {
        str(name): _plain(one, budget)
        for name, one in value.items()
        if name != place[0] and type(one) is not Stored and not str(name).lower().startswith(_ASIDE)
    }


def _plain(value: Any, budget: list[int], depth: int = 16) -> Any:
    """Settings as mappings, lists, numbers and texts; records as mappings of their fields, anything else as None."""
    budget[0] -= 1
    if budget[0] < 0 or depth < 0:
        return None
    if type(value) is dict:
        return {_key(name): _plain(one, budget, depth - 1) for name, one in value.items() if type(one) is not Stored}
    if type(value) in (list, tuple):
        return [_plain(one, budget, depth - 1) for one in value if type(one) is not Stored]
    if type(value) is Record:
        if value.kind in _PATHS:
            return "/".join(str(part) for part in value.made_with)
        if not value.fields and len(value.made_with) == 1:  # a member of an enumeration
            return _plain(value.made_with[0], budget, depth - 1)
        return _plain(value.fields, budget, depth)
    if type(value) is Name:
        return value.full
    return value if value is None or type(value) in (bool, int, float, str) else None


def _key(name: Any) -> str:
    return name.full if type(name) is Name else str(name)


def _notes(place: tuple[str, ...], model: Mapping[str, Any], entries: Mapping[str, Entry]) -> Iterator[str]:
    if place:
        yield f"took the tensors under {'.'.join(place)} for the model"
    left = [name for name in model if name not in entries]
    if left:
        yield f"left {len(left)} values aside that are no tensors ({', '.join(left[:3])}{', ...' if left[3:] else ''})"
