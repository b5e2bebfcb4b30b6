"""Switches for the bands of a position encoding, one row per axis and one column per frequency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from .frame import asset, pack

_mount = st.components.v2.component(
    "perceiver_bands", html=asset("bands.html"), css=asset("bands.css"), js=asset("frame.js", "bands.js")
)

PARTS = ("sines", "cosines", "coordinates")


@dataclass(frozen=True)
class BandAxis:
    """One row of switches.

    name   name of the axis: "Height"
    cells  labels of its bands, lowest first; "" for none
    words  descriptions of its bands
    raw    description of its raw coordinate; "" if the encoding has none
    """

    name: str
    cells: tuple[str, ...]
    words: tuple[str, ...]
    raw: str = ""


@dataclass(frozen=True)
class Off:
    """The ablated parts: bands (sine and cosine) as (axis, band), raw coordinates by axis, all counted from 0."""

    sines: frozenset[tuple[int, int]] = frozenset()
    cosines: frozenset[tuple[int, int]] = frozenset()
    coordinates: frozenset[int] = frozenset()


def bands(
    axes: Sequence[BandAxis],
    off: Off,
    *,
    key: str,
    label: str,
    heads: Sequence[str],
    corner: str,
    on_change: Callable[[Off], None],
) -> None:
    """Draws the switches; calls `on_change` with the ablated parts when the user changes them.

    label   label for screen readers
    heads   labels of the columns; `corner` is their caption
    """
    # A rerun can be slower than the user's clicks: the serial number of the last known change is sent along, so that a
    # response to an older change does not revert newer ones.
    serial = f"{key}_serial"
    meta = {
        "label": label,
        "axes": [asdict(axis) for axis in axes],
        "heads": list(heads),
        "corner": corner,
        "serial": st.session_state.get(serial, 0),
        "off": _written(axes, off),
    }

    def changed() -> None:
        told = st.session_state[key]["off"]
        if told is not None:
            st.session_state[serial] = int(told["serial"])
            on_change(_read(axes, told))

    _mount(key=key, data=pack(meta), on_off_change=changed)


def _written(axes: Sequence[BandAxis], off: Off) -> dict[str, list[str]]:
    """A string of 0 and 1 per axis: one character per band, and one for the raw coordinate."""

    def rows(places: frozenset[tuple[int, int]]) -> list[str]:
        return ["".join("01"[(a, k) in places] for k in range(len(axis.cells))) for a, axis in enumerate(axes)]

    return {
        "sines": rows(off.sines),
        "cosines": rows(off.cosines),
        "coordinates": ["01"[a in off.coordinates] for a in range(len(axes))],
    }


def _read(axes: Sequence[BandAxis], told: dict[str, Any]) -> Off:
    """The inverse; unknown axes and bands are ignored."""
    sines, cosines, raw = (
        {
            (a, k)
            for a, row in enumerate(told[part][: len(axes)])
            for k, sign in enumerate(row[: 1 if part == "coordinates" else len(axes[a].cells)])
            if sign == "1"
        }
        for part in PARTS
    )
    return Off(frozenset(sines), frozenset(cosines), frozenset(a for a, _ in raw if axes[a].raw))
