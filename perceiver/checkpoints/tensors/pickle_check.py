"""A trial run of the pickle that `torch.save` wrote: nothing that it names is imported or called.

A pickle is a program for a stack machine: it makes dictionaries, lists, numbers and texts, and names classes and
functions to call. Python's own unpickler runs it here with placeholders for the few names that weights and settings
need. Every other name is an error, and instructions, copies and storages are compared with what the file can hold.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Mapping
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
    **dict.fromkeys(("torch.ByteStorage", "torch.CharStorage", "torch.BoolStorage"), 1),
    **dict.fromkeys(("torch.HalfStorage", "torch.BFloat16Storage", "torch.ShortStorage"), 2),
    **dict.fromkeys(("torch.FloatStorage", "torch.IntStorage"), 4),
    **dict.fromkeys(("torch.DoubleStorage", "torch.LongStorage"), 8),
}  # bytes of a number
_DTYPES = {f"torch.{name}" for name in ("float16", "bfloat16", "float32", "float64", "int64", "int32", "uint8", "bool")}


class UnreadableError(Exception):
    """A pickle that is damaged, or of a variant that torch.save does not write."""


class ForbiddenError(Exception):
    """A pickle that names classes or functions beyond weights and settings; `args` are their names."""


def check(data: bytes, parts: Mapping[str, int], is_setting: Callable[[str], bool]) -> tuple[str, ...]:
    """Runs a pickle on placeholders; returns the classes of settings that it names.

    parts       bytes of the numbers of each storage in the archive, by its key
    is_setting  whether objects of a class are settings, which may hold anything

    Raises ForbiddenError for names that neither weights nor settings need, all of them, and UnreadableError.
    """
    names = _names(data)
    foreign = [name for name in names if name not in _KNOWN and not is_setting(name)]
    if foreign:
        raise ForbiddenError(*foreign)
    try:
        _Unpickler(data, parts).load()
    except (pickle.UnpicklingError, LookupError, TypeError, ValueError, AttributeError, EOFError) as error:
        raise UnreadableError("an instruction that does not fit") from error
    return tuple(name for name in names if name not in _KNOWN)


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


class _Dictionary(dict[Any, Any]):
    """An ordered dictionary. It is made empty: a short pickle could ask for a long one to be copied for ever."""

    def __init__(self) -> None:
        super().__init__()


class _Setting(dict[Any, Any]):
    """An object of settings, which may be a dictionary, made with anything."""

    def __init__(self, *_: Any) -> None:
        super().__init__()


class _Unpickler(pickle._Unpickler):
    """Python's unpickler; what a name means, what a storage is, and how objects are changed are replaced."""

    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, data: bytes, parts: Mapping[str, int]) -> None:
        super().__init__(io.BytesIO(data), encoding="latin-1")
        self.parts = parts
        self.left = _MAX_INSTRUCTIONS

    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get(_full(module, name), _Setting)

    def persistent_load(self, pid: Any) -> str:
        """Compares a storage with its part of the archive."""
        kind, storage, key, _, count = pid
        if kind != "storage" or type(key) is not str or type(count) is not int or count < 0:
            raise TypeError
        claimed, there = count * _STORAGES[storage], self.parts.get(key)
        if claimed != there:
            found = "none of them are" if there is None else f"{there:,} are"
            raise UnreadableError(f"it claims {claimed:,} bytes of numbers in part {key} and {found} there")
        return key

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
        if not isinstance(target, dict) or not all(isinstance(part, dict) for part in parts):
            raise UnreadableError(f"a change of a {type(target).__name__}")
        # PyTorch copies the fields, again for each time that they are mentioned.
        self.left -= sum(map(len, parts))
        if self.left < 0:
            raise UnreadableError(f"more than {_MAX_INSTRUCTIONS:,} values")

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


def _tensor(_: Any, offset: Any, shape: Any, strides: Any, *__: Any) -> None:
    for values in ((offset,), shape, strides):
        _whole_numbers(values)


def _device(kind: str, index: int = 0) -> str:
    return f"{kind:.9}:{index:d}"


_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": _Dictionary,
    "torch.Size": _whole_numbers,
    "torch.device": _device,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda *_: None,
    **{name: name for name in (*_STORAGES, *_DTYPES)},
}
