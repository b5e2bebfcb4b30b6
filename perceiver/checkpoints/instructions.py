"""The instructions of a pickle that `torch.save` wrote, carried out on plain values: nothing is imported or called.

A pickle is a small program for a machine with a stack: it makes dictionaries, lists, numbers and texts, and names
classes and functions to call. Here a name stays a name. The few calls that weights need (a tensor from a place in a
storage, an ordered dictionary) are known by their names and give values of our own; settings of training tools become
records of their fields; everything else is refused by its name. What comes out is all there is, before a number is
read and before PyTorch sees the file.
"""

from __future__ import annotations

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Any

_MAX_INSTRUCTIONS = 4_000_000  # 100,000 tensors take three million
_PROTOCOL = 2  # the one torch.save writes


class Unreadable(Exception):
    """A pickle that is damaged, or of a variant that torch.save does not write."""


class Forbidden(Exception):
    """A pickle that names classes or functions beyond weights and settings; `args` are their names."""


@dataclass(frozen=True)
class Name:
    """A class or a function that the pickle names: "torch.FloatStorage"."""

    full: str


@dataclass(frozen=True, eq=False)
class Storage:
    """Numbers in a part of the archive: `count` of the type `dtype` ("F32")."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor: where its numbers begin in a storage, and how many elements lie between neighbours of each axis."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Content:
    """What a pickle describes: dictionaries, lists, tuples, numbers and texts, `Stored`, `Record` and `Name`; and the
    storages that it says there are."""

    value: Any
    storages: tuple[Storage, ...]


@dataclass(eq=False)
class Record:
    """Stands in for an object of settings: the class it is of, what it was made with, and its fields."""

    kind: str
    made_with: tuple[Any, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)


STORAGES = {
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.FloatStorage": "F32",
    "torch.DoubleStorage": "F64",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}
WIDTHS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""Bytes of a number."""
_CALLS = {
    "collections.OrderedDict",
    "torch.Size",
    "torch.device",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
}
_DTYPES = {f"torch.{name}" for name in ("float16", "bfloat16", "float32", "float64", "int64", "int32", "uint8", "bool")}


def names_in(pickle: bytes) -> tuple[str, ...]:
    """The classes and functions that a pickle names, each once. Raises Unreadable."""
    names: dict[str, None] = {}
    for name, argument in _instructions(pickle):
        if name == "GLOBAL":
            names[_full(argument)] = None
    return tuple(names)


def run(pickle: bytes, is_dictionary: Callable[[str], bool], is_record: Callable[[str], bool]) -> Content:
    """What a pickle describes.

    is_dictionary  whether a class is one of dictionaries of settings, which becomes a plain one
    is_record      whether a class is one of settings, which becomes a `Record`

    Raises Forbidden for other classes and functions than weights need, all their names given, and Unreadable.
    """
    needed = _CALLS | set(STORAGES) | _DTYPES
    foreign = [n for n in names_in(pickle) if n not in needed and not is_dictionary(n) and not is_record(n)]
    if foreign:
        raise Forbidden(*foreign)
    machine = _Machine(is_dictionary, is_record)
    try:
        for name, argument in _instructions(pickle):
            if name == "STOP":
                return Content(machine.stack.pop(), tuple(machine.storages.values()))
            machine.step(name, argument)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable("an instruction that does not fit") from error
    raise Unreadable("no end")


def _instructions(pickle: bytes) -> Iterator[tuple[str, Any]]:
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(pickle)):
            if count >= _MAX_INSTRUCTIONS:
                raise Unreadable(f"more than {_MAX_INSTRUCTIONS:,} instructions")
            if opcode.name == "PROTO" and argument != _PROTOCOL:
                raise Unreadable(f"protocol {argument} in place of {_PROTOCOL}")
            yield opcode.name, argument
    except (ValueError, OverflowError) as error:
        raise Unreadable("no instruction") from error


def _full(argument: str) -> str:
    """ "module name" as the full name it has today: pickles of this protocol use those of Python 2."""
    module, _, name = argument.partition(" ")
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


class _Machine:
    """A stack of values, the marks on it, and what was kept to be used again."""

    def __init__(self, is_dictionary: Callable[[str], bool], is_record: Callable[[str], bool]) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.kept: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.is_dictionary = is_dictionary
        self.is_record = is_record
        self.left = _MAX_INSTRUCTIONS

    def charge(self, copied: Sized) -> None:
        """Counts what an instruction copies: a short pickle can ask for the same long list to be copied for ever."""
        self.left -= len(copied)
        if self.left < 0:
            raise Unreadable(f"more than {_MAX_INSTRUCTIONS:,} values")

    def step(self, name: str, argument: Any) -> None:
        """Carries out one instruction. Raises Unreadable for one that weights do not need."""
        match name:
            case "PROTO":
                pass
            case "MARK":
                self.below.append(self.stack)
                self.stack = []
            case "BINUNICODE" | "SHORT_BINSTRING" | "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                self.stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                self.stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "TUPLE":
                items = tuple(self.marked())
                self.stack.append(items)
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                if len(self.stack) < count:
                    raise IndexError
                self.stack[-count:] = [tuple(self.stack[-count:])]
            case "BINPUT" | "LONG_BINPUT":
                self.kept[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.kept[argument])
            case "APPEND":
                self.extend([self.stack.pop()])
            case "APPENDS":
                self.extend(self.marked())
            case "SETITEM":
                value, key = self.stack.pop(), self.stack.pop()
                self.set_items([key, value])
            case "SETITEMS":
                self.set_items(self.marked())
            case "GLOBAL":
                self.stack.append(Name(_full(argument)))
            case "BINPERSID":
                self.stack.append(self.storage(self.stack.pop()))
            case "NEWOBJ" | "REDUCE":
                arguments, called = self.stack.pop(), self.stack.pop()
                self.stack.append(self.made(called, arguments))
            case "BUILD":
                self.build(self.stack.pop())
            case _:
                raise Unreadable(f"the instruction {name}")

    def marked(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise TypeError
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Keys that are made of others could take for ever to compare.
            if not isinstance(key, str | int | float | bytes | Name | None):
                raise TypeError
            target[key] = value

    def storage(self, described: Any) -> Storage:
        kind, (called, key, _, count) = described[0], described[1:]
        if kind != "storage" or type(key) is not str or type(count) is not int or count < 0:
            raise TypeError
        storage = self.storages.setdefault(key, Storage(key, STORAGES[called.full], count))
        if (storage.dtype, storage.count) != (STORAGES[called.full], count):
            raise Unreadable(f"the storage {key} described twice, and differently")
        return storage

    def made(self, called: Any, arguments: Any) -> Any:
        if type(called) is not Name or type(arguments) is not tuple:
            raise TypeError
        match called.full:
            case "collections.OrderedDict":
                return self.ordered(*arguments)
            case "torch.Size":
                return self.whole_numbers(*arguments)
            case "torch.device":
                return ":".join(str(part) for part in arguments if isinstance(part, str | int))
            case "torch._utils._rebuild_tensor_v2":
                storage, offset, shape, strides = arguments[:4]
                if type(storage) is not Storage or type(offset) is not int or offset < 0:
                    raise TypeError
                return Stored(storage, offset, self.whole_numbers(shape), self.whole_numbers(strides))
            case "torch._utils._rebuild_parameter":
                if type(arguments[0]) is not Stored:
                    raise TypeError
                return arguments[0]
            case name if self.is_dictionary(name):
                return self.ordered(*arguments)
            case name if self.is_record(name):
                return Record(name, arguments)
            case name:
                raise Unreadable(f"a call of {name}")

    def ordered(self, pairs: Any = ()) -> dict[Any, Any]:
        """A dictionary of pairs, as lists of two, which old pickles hold."""
        if type(pairs) not in (list, tuple) or not all(type(pair) in (list, tuple) for pair in pairs):
            raise TypeError
        self.charge(pairs)
        self.stack.append({})
        for key, value in pairs:
            self.set_items([key, value])
        out: dict[Any, Any] = self.stack.pop()
        return out

    def build(self, state: Any) -> None:
        target = self.stack[-1]
        parts = [part for part in (state if type(state) is tuple else (state,)) if part is not None]
        if type(target) not in (Record, dict) or not all(type(part) is dict for part in parts):
            raise Unreadable(f"a change of a {type(target).__name__}")
        for part in parts:
            self.charge(part)
            if type(target) is Record:  # a dictionary's own attributes, such as a state dict's versions, drop out
                target.fields.update({str(name): value for name, value in part.items()})

    def whole_numbers(self, values: Any) -> tuple[int, ...]:
        if type(values) is not tuple or not all(type(n) is int and n >= 0 for n in values):
            raise TypeError
        self.charge(values)
        return values
