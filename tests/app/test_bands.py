"""The switches of a position encoding: what travels to the browser and back."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from app.components.bands import BandAxis, Off, _read, _written
from tests.app.frames import labelled

AXES = (
    BandAxis("Height", ("1", "2", "3"), ("a", "b", "c"), raw="r"),
    BandAxis("Width", ("1", "2", "3"), ("d", "e", "f")),
)


def page() -> None:
    import streamlit as st

    from app.components import BandAxis, Off, bands

    axes = [BandAxis("Height", ("1", "2"), ("one", "two"), raw="its coordinate")]
    bands(
        axes,
        Off(sines=frozenset({(0, 1)})),
        key="bands",
        label="The code",
        heads=("1", "2"),
        corner="cycles",
        on_change=lambda off: st.session_state.update(told=off),
    )


def test_the_browser_hears_what_is_off() -> None:
    app = AppTest.from_function(page).run()
    assert not app.exception
    meta = labelled(app, "bands", "The code").meta
    assert meta["off"] == {"sines": ["01"], "cosines": ["00"], "coordinates": ["0"]}
    assert meta["axes"][0]["words"] == ["one", "two"]
    assert (meta["heads"], meta["corner"], meta["serial"]) == (["1", "2"], "cycles", 0)


def test_there_and_back() -> None:
    off = Off(frozenset({(0, 0), (1, 2)}), frozenset({(1, 2)}), frozenset({0}))
    written = _written(AXES, off)
    assert written == {"sines": ["100", "001"], "cosines": ["000", "001"], "coordinates": ["1", "0"]}
    assert _read(AXES, written) == off


def test_what_there_is_not_is_not_heard() -> None:
    told = {"sines": ["1001", "000", "111"], "cosines": ["000", "0002"], "coordinates": ["11", "1"]}
    assert _read(AXES, told) == Off(sines=frozenset({(0, 0)}), coordinates=frozenset({0}))
