"""Figures of single latents, drawn and told."""

from __future__ import annotations

import numpy as np

from perceiver.plots.latents import effects_figure, effects_text, patching_figure, patching_text

EFFECTS = np.array([0.5, -0.25, 2.0, 0.0])


def test_bars_come_by_effect() -> None:
    (bars,) = effects_figure(EFFECTS, ["a", "b", "<c>", "a"], strong=0).data
    assert list(bars.y) == [2.0, 0.5, 0.0, -0.25]
    assert list(bars.customdata) == [2, 0, 3, 1]
    assert bars.text[0] == "latent 3: +2, then &lt;c&gt;"
    assert bars.marker.color[1] != bars.marker.color[0] == bars.marker.color[2]


def test_effects_in_words() -> None:
    told = effects_text(EFFECTS, np.array([0, 0, 1, 0]), 0, "cup")
    assert told.startswith("The logit of “cup” loses most without latent 3 (+2), latent 1 (+0.5), latent 4 (0).")
    assert "3 of 4 latents speak for the class, 1 against it; the prediction changes without one of them." in told
    assert "without any single one the prediction stays" in effects_text(EFFECTS, np.zeros(4, dtype=int), 0, "cup")


def test_shares_come_by_the_largest_of_a_latent_and_unknown_ones_are_left_out() -> None:
    shares = np.array([[0.1, 0.4, -0.2], [0.3, 0.0, np.nan]])
    figure = patching_figure([0, 2], shares, strong=0)
    (cells,) = figure.data
    np.testing.assert_array_equal(cells.z, [[0.4, 0.1, -0.2], [0.0, 0.3, np.nan]])
    assert list(cells.y) == ["after block 1", "after block 3"]
    assert (cells.zmin, cells.zmax) == (-0.4, 0.4)
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (1.5, 2.5)
    told = patching_text([0, 2], shares, np.array([0.9, np.nan]))
    assert told == (
        "The states of all latents carry 90.0 % after block 1 of what the two inputs differ in; of single latents, "
        "latent 2 after block 1 carries most: 40.0 %."
    )
    assert patching_text([0], np.full((1, 2), np.nan), np.array([np.nan])) == "No state has been exchanged yet."
