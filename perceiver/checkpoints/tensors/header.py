"""The header of a safetensors file, and what a file is instead that has none.

A safetensors file is eight bytes with the header's length, the header (JSON: name -> type, shape, place), and the
numbers, without gaps. Files of other kinds are recognised by their first bytes, so that the message says "a pointer
file" and not "header too large".
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import CheckpointError

RE_SAVE = (
    "re-save the weights where they were made with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
)
AGAIN = "download it again"
_RUNS_CODE = "which can run code when it is opened"
_MAX_HEADER = 16 * 2**20  # a header of 100,000 tensors stays below it
_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
FLOATS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
"""The number types that weights may have, and PyTorch's names for them."""
# First bytes, upper case, of files that are met under the name of a weights file: what it is and what to do.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (
        rb"VERSION HTTPS://GIT-LFS",
        "is a Git LFS pointer, three lines in place of the weights",
        "run 'git lfs pull' or download the file itself",
    ),
    (rb"<", "is a web page (HTML or XML) that a server sent in place of the weights", AGAIN),
    (rb"\{", "is a JSON text, perhaps a server's error message, and holds no weights", AGAIN),
    (rb"PK\x03\x04", f"is a zip archive as torch.save writes, {_RUNS_CODE}", RE_SAVE),
    (
        re.escape(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19".upper()),
        f"is a Python pickle as torch wrote before version 1.6, {_RUNS_CODE}",
        RE_SAVE,
    ),
    (rb"\x80[\x02-\x05]", f"is a Python pickle, {_RUNS_CODE}", RE_SAVE),
    (rb"\x1F\x8B", "is a gzip archive", "unpack it first"),
    (rb"\x89HDF", "is an HDF5 file", RE_SAVE),
)


@dataclass(frozen=True)
class Entry:
    """One tensor of a weights file: its number type ("F32") and its shape."""

    dtype: str
    shape: tuple[int, ...]


_Placed = tuple[Entry, int, int]  # with the bytes from the end of the header at which it begins and ends


def is_safetensors(path: Path) -> bool:
    """Whether the first bytes are those of a safetensors file, whatever its name. Raises OSError."""
    with path.open("rb") as file:
        return _plausible(file.read(9))


def read_header(path: Path, label: str | None = None) -> dict[str, Entry]:
    """The tensors of a safetensors file by name, each one wholly inside the file and none on top of another.

    label  what messages call the file instead of its path

    Raises CheckpointError for every other file: pointers, web pages, pickles, files cut off or damaged.
    """
    label = label or str(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(512)
            length = int.from_bytes(start[:8], "little")
            if not _plausible(start):
                raise _other_kind(label, start)
            file.seek(8)
            text = file.read(length)
    except OSError as error:
        raise CheckpointError(f"{label} cannot be read: {error.strerror or type(error).__name__}") from error
    if len(text) < length:
        raise CheckpointError(f"{label} is cut off inside its header, after {size:,} bytes", AGAIN)
    placed = _parse(label, text)
    _check_places(label, placed, size - 8 - length)
    return {name: entry for name, (entry, _, _) in placed.items()}


def cast_notes(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """A note for each type of numbers that becomes float32."""
    kinds = Counter(FLOATS[entry.dtype] for entry in entries.values() if entry.dtype in FLOATS and entry.dtype != "F32")
    return tuple(f"cast {count} of {len(entries)} tensors from {dtype} to float32" for dtype, count in kinds.items())


def _plausible(start: bytes) -> bool:
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= _MAX_HEADER


def _other_kind(label: str, start: bytes) -> CheckpointError:
    """The error that says what a file is that does not begin as a safetensors file does."""
    if not start:
        return CheckpointError(f"{label} is empty (0 bytes)", AGAIN)
    shown = start.removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    for signature, cause, advice in _SIGNATURES:
        if re.match(signature, shown):
            return CheckpointError(f"{label} {cause}", advice)
    if start[8:9] == b"{":
        length = int.from_bytes(start[:8], "little")
        return CheckpointError(f"{label} claims a header of {length:,} bytes and is damaged", AGAIN)
    if len(start) < 9:
        return CheckpointError(f"{label} is cut off after {len(start)} bytes", AGAIN)
    return CheckpointError(f"{label} is not a safetensors file: it begins with the bytes {start[:8].hex(' ')}")


def _parse(label: str, text: bytes) -> dict[str, _Placed]:
    try:
        header = json.loads(text, object_pairs_hook=_without_repeats)
        header.pop("__metadata__", None)
        return {name: _placed(values) for name, values in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{label} has a damaged header that describes no tensors", AGAIN) from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice")
    return values


def _placed(values: Mapping[str, Any]) -> _Placed:
    (start, stop), shape = values["data_offsets"], tuple(values["shape"])
    if not isinstance(values["dtype"], str) or not all(type(n) is int and n >= 0 for n in (start, stop, *shape)):
        raise ValueError("a type, a shape or a place is impossible")
    return Entry(values["dtype"], shape), start, stop


def _check_places(label: str, placed: Mapping[str, _Placed], available: int) -> None:
    end = 0
    for name, (entry, start, stop) in sorted(placed.items(), key=lambda item: item[1][1:]):
        if start != end:
            fault = "overlaps the tensor before it" if start < end else "leaves a gap before it"
            raise CheckpointError(f"{label} is damaged: tensor {name} {fault}", AGAIN)
        width = _BYTES.get(entry.dtype)
        if stop < start or (width and stop - start != width * math.prod(entry.shape)):
            raise CheckpointError(
                f"{label} is damaged: tensor {name} takes {stop - start:,} bytes, "
                f"which a {entry.dtype} of shape {list(entry.shape)} does not",
                AGAIN,
            )
        end = stop
    if end > available:
        raise CheckpointError(
            f"{label} is cut off: its header promises {end:,} bytes of numbers and {available:,} are there", AGAIN
        )
    if end < available:
        raise CheckpointError(f"{label} has {available - end:,} bytes more than its header describes", AGAIN)
