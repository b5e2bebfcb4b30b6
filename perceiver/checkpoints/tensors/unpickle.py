"""Runs the pickle that `torch.save` wrote: nothing that it names is imported or called.

A pickle is a program for a stack machine: it makes dictionaries, lists, numbers and texts, and names classes and
functions to call. Python's own unpickler runs it here with inert stand-ins for the few names that weights and settings
need. Every other name is an error, and instructions, copies, storages and tensors are compared with what the file can
hold. What comes out says where the numbers of a tensor are; they are not read.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

_MAX_INSTRUCTIONS = 4_000_000  # 100,000 tensors take three million
_MAX_AXES = 64
_PROTOCOL = 2  # the one torch.save writes
_OPCODES = {
    *("PROTO", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINSTRING", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2"),
    *("TUPLE3", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "BINPERSID", "NEWOBJ", "REDUCE", "BUILD"),
}
_STORAGES = {
    "torch.ByteStorage": "U8",
    "torch.CharStorage": "I8",
    "torch.BoolStorage": "BOOL",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.ShortStorage": "I16",
    "torch.FloatStorage": "F32",
    "torch.IntStorage": "I32",
    "torch.DoubleStorage": "F64",
    "torch.LongStorage": "I64",
}
BYTES = {
    **dict.fromkeys(("U8", "I8", "BOOL"), 1),
    **dict.fromkeys(("F16", "BF16", "I16"), 2),
    **dict.fromkeys(("F32", "I32"), 4),
    **dict.fromkeys(("F64", "I64"), 8),
}
"""Bytes of a number, by the names that safetensors has for types."""
_DTYPES = {f"torch.{name}" for name in ("float16", "bfloat16", "float32", "float64", "int64", "int32", "uint8", "bool")}


class UnreadableError(Exception):
    """A pickle that is damaged, or of a variant that torch.save does not write."""


class ForbiddenError(Exception):
    """A pickle that names classes or functions beyond weights and settings; `args` are their names."""


@dataclass(frozen=True)
class Stored:
    """A tensor whose numbers are in a storage.

    dtype    as safetensors names it
    key      of the storage
    offset   of its first number there
    strides  numbers from one to the next along each axis
    """

    dtype: str
    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


class Dictionary(dict[Any, Any]):
    """A dictionary of any class. It is made empty: a short pickle could ask for a long one to be copied for ever."""

    def __init__(self) -> None:
        super().__init__()


class Record:
    """An object of settings: what it was made with, and its fields."""

    made_with: tuple[Any, ...]
    fields: dict[Any, Any]

    def __new__(cls, *made_with: Any) -> Record:
        record = super().__new__(cls)
        record.made_with, record.fields = made_with, {}
        return record

    def plain(self) -> Any:
        """Its fields; of a member of an enumeration, its value."""
        return self.made_with[0] if not self.fields and len(self.made_with) == 1 else self.fields


Setting = type[Record] | type[Dictionary]


def run(data: bytes, parts: Mapping[str, int], setting: Callable[[str], Setting | None]) -> Any:
    """What a pickle makes: plain values, `Stored` tensors, and stand-ins for objects of settings.

    parts    bytes of the numbers of each storage in the archive, by its key
    setting  what stands in for objects of a class; None where a pickle must not name it

    Raises ForbiddenError for names that neither weights nor settings need, all of them, and UnreadableError.
    """
    names = _names(data)
    foreign = [name for name in names if name not in _KNOWN and setting(name) is None]
    if foreign:
        raise ForbiddenError(*foreign)
    try:
        return _Unpickler(data, parts, setting).load()
    except (pickle.UnpicklingError, LookupError, TypeError, ValueError, AttributeError, EOFError) as error:
        raise UnreadableError("an instruction that does not fit") from error


def _names(data: bytes) -> tuple[str, ...]:
    """The classes and functions that a pickle names, each once. Raises UnreadableError for instructions that torch.save
    does not write, or too many."""
    names: dict[str, None] = {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= _MAX_INSTRUCTIONS:
                raise UnreadableError(f"more than {_MAX_INSTRUCTIONS:,} instructions")
            if opcode.name not in _OPCODES:
                raise UnreadableError(f"the instruction {opcode.name}")
            if opcode.name == "PROTO" and argument != _PROTOCOL:
                raise UnreadableError(f"protocol {argument} in place of {_PROTOCOL}")
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
                names[_full(module, name)] = None
    except (ValueError, OverflowError) as error:
        raise UnreadableError("no instruction") from error
    return tuple(names)


def _full(module: str, name: str) -> str:
    """The full name that a name has today: pickles of this protocol use those of Python 2."""
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    count: int


class _Unpickler(pickle._Unpickler):
    """Python's unpickler; what a name means, what a storage is, and how objects are changed are replaced."""

    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, data: bytes, parts: Mapping[str, int], setting: Callable[[str], Setting | None]) -> None:
        super().__init__(io.BytesIO(data), encoding="latin-1")
        self.parts, self.setting = parts, setting
        self.left = _MAX_INSTRUCTIONS

    def find_class(self, module: str, name: str) -> Any:
        full = _full(module, name)
        return _KNOWN[full] if full in _KNOWN else self.setting(full)

    def persistent_load(self, pid: Any) -> _Storage:
        """Compares a storage with its part of the archive."""
        kind, storage, key, _, count = pid
        if kind != "storage" or type(key) is not str or type(count) is not int or count < 0:
            raise TypeError
        dtype = _STORAGES[storage]
        claimed, there = count * BYTES[dtype], self.parts.get(key)
        if claimed != there:
            found = "none of them are" if there is None else f"{there:,} are"
            raise UnreadableError(f"it claims {claimed:,} bytes of numbers in part {key} and {found} there")
        return _Storage(key, dtype, count)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def load_setitems(self) -> None:
        self.set_items(self.pop_mark())

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        # Keys that are made of others could take for ever to compare.
        if not isinstance(target, dict) or not all(isinstance(key, str | int | float | None) for key in items[::2]):
            raise TypeError
        target.update(zip(items[::2], items[1::2], strict=True))

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        parts = [part for part in (state if type(state) is tuple else (state,)) if part is not None]
        if not isinstance(target, Dictionary | Record) or not all(isinstance(part, dict) for part in parts):
            raise UnreadableError(f"a change of a {type(target).__name__}")
        # The fields are copied, again for each time that they are mentioned.
        self.left -= sum(map(len, parts))
        if self.left < 0:
            raise UnreadableError(f"more than {_MAX_INSTRUCTIONS:,} values")
        if isinstance(target, Record):
            for part in parts:
                target.fields.update(part)

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.BUILD[0]: load_build,
    }


def _whole_numbers(values: Any) -> tuple[int, ...]:
    if type(values) is not tuple or len(values) > _MAX_AXES or not all(type(n) is int and n >= 0 for n in values):
        raise TypeError
    return values


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Stored:
    for values in ((offset,), shape, strides):
        _whole_numbers(values)
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        raise TypeError
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and last >= storage.count:
        raise UnreadableError(f"a tensor reaches beyond the {storage.count:,} numbers of part {storage.key}")
    return Stored(storage.dtype, storage.key, offset, shape, strides)


def _parameter(tensor: Any, *_: Any) -> Stored:
    if not isinstance(tensor, Stored):
        raise TypeError
    return tensor


def _device(kind: str, index: int | None = None) -> str:
    return f"{kind:.9}" if index is None else f"{kind:.9}:{index:d}"


_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": Dictionary,
    "torch.Size": _whole_numbers,
    "torch.device": _device,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    **{name: name for name in (*_STORAGES, *_DTYPES)},
}
