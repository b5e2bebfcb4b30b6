"""Frames, which send arrays to a component as raw bytes, and the assets of components."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ASSETS = Path(__file__).parent / "assets"


def pack(meta: Mapping[str, Any], **arrays: np.ndarray) -> bytes:
    """Length of a JSON head (uint32, little endian), the head, then the arrays; each part padded to four bytes.

    Arrays are float32 or uint8 of any shape; `frame.js` returns them flat. Raises TypeError for other types.
    """
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.uint8):
            raise TypeError(f"{name} is {array.dtype}; a frame holds float32 and uint8")
    described = [{"name": name, "type": str(a.dtype), "length": a.size} for name, a in arrays.items()]
    head = _padded(json.dumps({"meta": meta, "arrays": described}).encode(), b" ")
    return b"".join([len(head).to_bytes(4, "little"), head, *(_padded(a.tobytes(), b"\0") for a in arrays.values())])


def asset(*names: str) -> str:
    """The concatenated text of the assets."""
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def _padded(part: bytes, filler: bytes) -> bytes:
    return part + filler * (-len(part) % 4)
