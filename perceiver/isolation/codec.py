"""Values as JSON and plain arrays, for results of a process that is not trusted.

What is decoded is inert: numbers, texts, tuples, lists, dictionaries, arrays and tensors of numbers, and dataclasses
that the caller names. No code runs and no class is imported, whatever the bytes say. A value of another type cannot be
encoded.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PerceiverError

if TYPE_CHECKING:
    from torch import Tensor

Tree = Any
"""What `json` can write: None, bool, int, float, str, and lists of a tag and what it marks."""


class CodecError(Exception):
    """A value that cannot be encoded, or bytes that cannot be decoded."""


class _Deferred(np.ndarray[Any, Any]):
    """An array that becomes a tensor where it is received."""


_deferring = False


def defer_tensors() -> None:
    """Makes `as_tensor` leave arrays as they are in this process, whose results are sent to another.

    PyTorch takes more memory and time to import than all decoders together, and decoding does not need it.
    """
    global _deferring
    _deferring = True


def as_tensor(array: np.ndarray) -> Tensor:
    """The array as a tensor that shares its memory; in worker processes an array that is received as a tensor."""
    if _deferring:
        return array.view(_Deferred)  # type: ignore[return-value]
    import torch

    return torch.from_numpy(array)


def encode(value: object, arrays: list[np.ndarray | memoryview]) -> Tree:
    """The tree of a value; its arrays and bytes are appended to `arrays`. Raises CodecError for other types."""
    if isinstance(value, np.generic):  # before the others: NumPy's float64 is a float
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        arrays.append(memoryview(value))
        return ["bytes", len(arrays) - 1]
    tensor = _is_tensor(value)
    if tensor or isinstance(value, np.ndarray):
        array: np.ndarray = value if isinstance(value, np.ndarray) else value.numpy()  # type: ignore[attr-defined]
        if array.dtype.kind not in "biuf":
            raise CodecError(f"an array of {array.dtype} cannot be sent")
        arrays.append(np.asarray(array, order="C"))
        return ["tensor" if tensor else "array", len(arrays) - 1]
    if isinstance(value, tuple | list):
        return ["tuple" if isinstance(value, tuple) else "list", [encode(one, arrays) for one in value]]
    if isinstance(value, Mapping):
        return ["mapping", [[encode(key, arrays), encode(one, arrays)] for key, one in value.items()]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return ["object", type(value).__qualname__, {name: encode(one, arrays) for name, one in named.items()}]
    raise CodecError(f"a {type(value).__name__} cannot be sent")


def decode(tree: Tree, arrays: Sequence[np.ndarray | bytes], classes: Iterable[type] = ()) -> Any:
    """The value of a tree. `classes` are the dataclasses that may occur; their subclasses may as well.

    Raises CodecError for everything else.
    """
    try:
        return _decode(tree, arrays, {one.__qualname__: one for root in classes for one in _with_subclasses(root)})
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise CodecError(f"{type(error).__name__} in a value that was received") from error


def _decode(tree: Tree, arrays: Sequence[np.ndarray | bytes], classes: Mapping[str, type]) -> Any:
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    match tree:
        case ["bytes", int(index)]:
            data = arrays[index]
            return data if isinstance(data, bytes) else data.tobytes()
        case ["array" | "tensor" as kind, int(index)]:
            array = arrays[index]
            if not isinstance(array, np.ndarray):
                raise CodecError("bytes in place of an array")
            return array if kind == "array" else as_tensor(array)
        case ["tuple", list(items)]:
            return tuple(_decode(one, arrays, classes) for one in items)
        case ["list", list(items)]:
            return [_decode(one, arrays, classes) for one in items]
        case ["mapping", list(items)]:
            return {_decode(key, arrays, classes): _decode(one, arrays, classes) for key, one in items}
        case ["object", str(name), dict(fields)]:
            return classes[name](**{field: _decode(one, arrays, classes) for field, one in fields.items()})
    raise CodecError("a tree of no known form")


def encode_error(error: PerceiverError, arrays: list[np.ndarray | memoryview]) -> Tree:
    """An error: the names of its class and the bases, its arguments, and its fields as far as they can be encoded."""
    fields = {}
    for name, value in vars(error).items():
        try:
            fields[name] = encode(value, arrays)
        except CodecError:
            continue
    names = [one.__qualname__ for one in type(error).__mro__ if issubclass(one, PerceiverError)]
    args = error.args
    try:
        return [names, encode(args, arrays), fields]
    except CodecError:
        return [names, encode((str(error),), arrays), fields]


def decode_error(tree: Tree, arrays: Sequence[np.ndarray | bytes]) -> PerceiverError:
    """The error, of the first of its classes that exists here. Raises CodecError for anything else."""
    known = {one.__qualname__: one for one in _with_subclasses(PerceiverError)}
    match tree:
        case [list(names), args, dict(fields)]:
            kind: type[Any] = next((known[name] for name in names if name in known), PerceiverError)
            # As unpickling does: its constructor may take other arguments than those that it keeps.
            error: PerceiverError = Exception.__new__(kind)
            args = decode(args, arrays)
            error.args = args if isinstance(args, tuple) else (args,)
            vars(error).update({name: decode(one, arrays) for name, one in fields.items()})
            return error
    raise CodecError("an error of no known form")


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(value, _Deferred) or (torch is not None and isinstance(value, torch.Tensor))


def _with_subclasses(root: type[Any]) -> Iterable[type[Any]]:
    yield root
    one: type[Any]
    for one in root.__subclasses__():
        yield from _with_subclasses(one)
