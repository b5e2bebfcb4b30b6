"""Figures of scores split into parts."""

from __future__ import annotations

import math

import numpy as np

from perceiver.plots.split import (
    Piece,
    along_figure,
    colour_of,
    score_figure,
    score_text,
    shares_figure,
    shares_text,
)
from perceiver.plots.style import ACCENT, GREY

BUNDLES = ("content", "axis:1", "axis:2", "embedding")
PIECES = (Piece("content", 2.1, "content"), Piece("height <3>", -0.4, "axis:1"), Piece("3 others", 0.0, ""))


def test_a_bar_holds_every_part_in_the_colour_of_its_bundle() -> None:
    figure = score_figure(PIECES, BUNDLES)
    assert [list(bar.x) for bar in figure.data] == [[2.1], [-0.4], [0.0]]
    assert figure.layout.barmode == "relative"
    assert [bar.marker.color for bar in figure.data] == [ACCENT, colour_of("axis:1", BUNDLES), GREY]
    assert figure.data[1].name == "height &lt;3&gt;"
    assert score_text(PIECES) == "content +2.1, height <3> −0.4, 3 others 0"


def test_bundles_have_colours_of_their_own() -> None:
    colours = [colour_of(bundle, BUNDLES) for bundle in BUNDLES]
    assert len(set(colours)) == 4
    assert colours[0] == colour_of("content", ("content", "position"))


def test_shares_are_stacked_by_block() -> None:
    shares = {"content": np.array([0.7, math.nan]), "position": np.array([0.3, math.nan])}
    names = {"content": "content", "position": "position"}
    figure = shares_figure(shares, names, (0, 2), 2)
    assert [bar.name for bar in figure.data] == ["content", "position"]
    assert list(figure.data[0].x) == ["Block 1", "<b>Block 3</b>"]
    assert list(figure.data[1].text) == ["30.0 %", "not defined"]
    assert shares_text(shares, names, (0, 2)).startswith(
        "Block 1: content 70.0 %, position 30.0 %. Block 3: content not"
    )


def test_curves_along_an_axis() -> None:
    figure = along_figure(np.array([100.0, 200.0]), np.array([0.5, math.nan]), np.array([0.1, 0.2]), "Frequency (Hz)")
    assert [list(line.x) for line in figure.data] == [[100.0, 200.0]] * 2
    assert figure.data[0].y[0] == 0.5
    assert list(figure.data[1].y) == [0.1, 0.2]
    assert figure.layout.xaxis.title.text == "Frequency (Hz)"
