"""Every control of every page says in one line what it does, and headings are in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.pages import opened

CONTROLS = {
    "audio_input",
    "button",
    "button_group",
    "camera_input",
    "checkbox",
    "file_uploader",
    "multiselect",
    "number_input",
    "popover",
    "radio",
    "selectbox",
    "slider",
    "text_input",
}
"""Kinds of controls by Streamlit's names. Download buttons name their files, and page links their pages."""

PLAIN = {"Cancel", "Clear the region", "Clear the spot", "Look it up", "Presets", "Section", "Stop"}
"""Labels that need no further words, presets, which the heading beside them explains, and titles of sections."""

PAGES: list[tuple[str, dict[str, str], str]] = [
    ("explore", {"model": "image-fourier", "sample": "lamp-1", "reduce": "latent", "latent": "2"}, "Latent, 1 to 6"),
    ("explore", {"model": "image-fourier", "sample": "lamp-1", "region": "2-5,3-6"}, "Clear the region"),
    ("explore", {"model": "image-learned", "sample": "lamp-1", "pick": "3"}, "Clear the spot"),
    (
        "explain",
        {"model": "image-fourier", "sample": "lamp-1", "against": "2", "part": "1"},
        "Show all blocks together",
    ),
    (
        "ablate",
        {"model": "image-fourier", "sample": "lamp-1", "ablate": "b1:3,shuffle", "shuffle": "blocks"},
        "Permute",
    ),
    ("ablate", {"model": "image-learned", "sample": "lamp-1"}, "Permute"),
    ("compare", {"model": "image-fourier", "sample": "lamp-1", "reduce": "latent", "latent": "2"}, "Compare with"),
    ("open", {}, "Suggestions"),
]
"""Pages with their addresses, and the label of one control that each shows."""


def elements(node: Any) -> Iterator[Any]:
    """A node of a page and all below it, top to bottom."""
    yield node
    for child in getattr(node, "children", {}).values():
        yield from elements(child)


def controls(app: AppTest) -> Iterator[tuple[str, str]]:
    """Label and help of every control of a page."""
    for node in elements(app._tree):
        if node.type in CONTROLS:
            proto = node.proto.popover if node.type == "popover" else node.proto
            yield proto.label, proto.help


@pytest.mark.parametrize(("page", "address", "shown"), PAGES)
def test_every_control_says_what_it_does(page: str, address: dict[str, str], shown: str, app: AppTest) -> None:
    opened(app, page, **address)
    found = dict(controls(app))
    assert any(label.startswith(shown) for label in found), found
    assert not [label for label, help in found.items() if not help and label not in PLAIN]


@pytest.mark.parametrize("page", ["explore", "explain", "ablate", "compare", "open"])
def test_no_heading_leaves_out_a_level(page: str, app: AppTest) -> None:
    opened(app, page)
    levels = [int(node.tag[1]) for node in elements(app.main) if node.type in ("title", "header", "subheader")]
    assert levels[0] == 1
    assert len(levels) > 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
