"""Reads back what the app sent to its components: the inverse of `app.components.frame.pack`, written on its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest


@dataclass(frozen=True)
class Frame:
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


def unpack(data: bytes) -> Frame:
    size = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + size])
    at, arrays = 4 + size, {}
    for described in head["arrays"]:
        dtype = np.dtype(described["type"])
        arrays[described["name"]] = np.frombuffer(data, dtype, described["length"], at)
        at += -(-described["length"] * dtype.itemsize // 4) * 4
    assert at == len(data)
    return Frame(head["meta"], arrays)


def frames(app: AppTest, component: str) -> list[Frame]:
    """The frames of one sort of component on the page, top to bottom."""
    found = [element.proto for element in app.get("bidi_component")]
    return [unpack(proto.bytes) for proto in found if proto.component_name == f"perceiver_{component}"]


def labelled(app: AppTest, component: str, start: str) -> Frame:
    """The one whose label begins so."""
    found = [frame for frame in frames(app, component) if frame.meta["label"].startswith(start)]
    assert len(found) == 1, [frame.meta["label"] for frame in frames(app, component)]
    return found[0]
