"""Pictures of point clouds against drawings made point by point and pixel by pixel."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from perceiver.analysis.summary import summarise
from perceiver.plots import colour
from perceiver.plots.drawing import colours_for, draw, get
from perceiver.plots.drawing.points import (
    DARK,
    EDGE,
    GROUND,
    LIGHT,
    LOOK,
    axes,
    by_height,
    ground,
    indexed,
    painted,
    reach,
    shot,
)
from perceiver.plots.figures import figure_png
from perceiver.plots.scale import ColourScale
from perceiver.plots.sheet import sheet

AXES = np.eye(3)


def cloud(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3)).astype(np.float32)


def sample(points: np.ndarray, up: str = "y") -> SimpleNamespace:
    return SimpleNamespace(modality="points", seen=points, model_up=up)


def drawn_slowly(points: np.ndarray, up: str, side: int, fine: int) -> np.ndarray:
    """What every fine pixel shows: of all dots and edges that cover it, the one nearest to the eye."""
    right, upward, towards = axes(up, LOOK["azimuth"], LOOK["elevation"])
    wide, count = side * fine, len(points)
    scale = wide / 2 * LOOK["fill"] / max(float(np.linalg.norm(p)) for p in points.astype(np.float64))
    radius = max(min(LOOK["dot"] * wide / count**0.5, LOOK["largest"] * wide), fine)
    edge = min(LOOK["edge"] * radius, LOOK["thickest"] * fine) if radius >= 2 * fine else 0.0
    front = np.full((wide, wide), GROUND)
    near = np.full((wide, wide), -np.inf)
    for i, point in enumerate(points.astype(np.float64)):
        column = round(float(point @ right) * scale + wide / 2 - 0.5)
        row = round(-float(point @ upward) * scale + wide / 2 - 0.5)
        depth = float(point @ towards) * scale
        for r in range(wide):
            for c in range(wide):
                far = (r - row) ** 2 + (c - column) ** 2
                for shows, within, at in (
                    (i, radius - edge, depth),
                    (EDGE, radius, depth - LOOK["behind"] * radius),
                ):
                    if far <= within**2 and at > near[r, c]:
                        near[r, c], front[r, c] = at, shows
    return front


@pytest.mark.parametrize("up", ["x", "y", "z"])
def test_the_eye_sees_the_cloud_the_right_way_round(up: str) -> None:
    top = "xyz".index(up)
    right, upward, towards = axes(up, 0, 0)
    np.testing.assert_allclose(upward, AXES[top])
    np.testing.assert_allclose(towards, AXES[(top + 1) % 3])
    np.testing.assert_allclose(right, AXES[(top + 2) % 3])
    for azimuth, elevation in ((50, 18), (-130, -70), (0, 90)):
        turned = axes(up, azimuth, elevation)
        np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(np.cross(turned[0], turned[1]), turned[2], atol=1e-12)
    assert axes(up, 0, 30)[2] @ AXES[top] == pytest.approx(0.5)  # from above
    assert axes(up, 30, 0)[2] @ right == pytest.approx(0.5)  # the eye goes to the right


@pytest.mark.parametrize(("up", "count", "side", "fine"), [("y", 9, 24, 1), ("z", 30, 16, 2), ("x", 400, 20, 1)])
def test_every_pixel_shows_what_lies_nearest_to_the_eye(up: str, count: int, side: int, fine: int) -> None:
    points = cloud(count)
    np.testing.assert_array_equal(shot(points, up, side, fine).front, drawn_slowly(points, up, side, fine))


def test_equal_lengths_look_equal_along_all_axes() -> None:
    middles = []
    for axis in AXES:
        front = shot(np.float32([axis, -axis]), "y", side=300, fine=1).front
        # Each dot hides nothing of the other: its middle is where it lies.
        middles.append([np.argwhere(front == i).mean(axis=0) for i in (0, 1)])
    lengths = [np.linalg.norm(a - b) for a, b in middles]
    # An orthographic picture shortens three perpendicular lengths so that their squares add up to two of them.
    assert np.sqrt(np.sum(np.square(lengths)) / 2) == pytest.approx(300 * LOOK["fill"], rel=0.02)


@pytest.mark.parametrize("up", ["x", "y", "z"])
def test_what_is_up_is_drawn_above(up: str) -> None:
    pole = np.float32([AXES["xyz".index(up)] * height for height in (-1, 1)])
    front = shot(pole, up, side=60).front
    bottom, top = (np.argwhere(front == i)[:, 0].mean() for i in (0, 1))
    assert top < bottom
    assert by_height(pole, up)[1].sum() > by_height(pole, up)[0].sum()


def test_a_weight_on_one_point_lights_that_point_alone() -> None:
    points = cloud(200, seed=3)
    front = shot(points, "y").front[1::3, 1::3]  # the middle of every pixel
    element = int(front[front >= 0][0])
    values = np.zeros(200)
    values[element] = 1.0
    (range_,) = ColourScale("shared").limits([values], "probability")
    picture = get("points").map(sample(points), values, range_, "magma", None)
    hot = (np.abs(picture.astype(int) - colour.table("magma")[-1]) <= 2).all(axis=-1)
    assert hot.any()
    assert set(front[hot]) == {element}
    whole = shot(points, "y").front.reshape(400, 3, 400, 3)
    others = ~(whole == element).any(axis=(1, 3))
    assert picture[others].astype(int).sum(axis=-1).max() <= sum(DARK.ink)


def test_repeated_points_are_drawn_as_one() -> None:
    points = np.repeat(cloud(20, seed=5), 3, axis=0)
    assert set(np.unique(shot(points, "y", side=50).front)) - {GROUND, EDGE} <= set(range(0, 60, 3))


@pytest.mark.parametrize("points", [np.zeros((1, 3)), np.zeros((40, 3)), np.eye(3)[:1] * 1e-8])
def test_clouds_without_a_shape_are_drawn(points: np.ndarray) -> None:
    points = points.astype(np.float32)
    given = get("points").given(sample(points))
    assert (given != np.array(DARK.colour)).any()
    assert reach(points) > 0


def test_values_that_are_not_finite_take_the_colour_for_missing_ones() -> None:
    values = np.array([0.0, np.nan, 1.0, np.inf])
    (range_,) = ColourScale("shared").limits([values], "probability")
    missing = colour.missing("viridis")
    np.testing.assert_array_equal(painted(values, range_, "viridis")[[1, 3]], [missing, missing])
    assert tuple(painted(values, range_, "viridis")[0]) == tuple(colour.table("viridis")[0])


@pytest.mark.parametrize(
    ("colours", "behind"),
    [("magma", DARK), ("viridis", DARK), ("inferno", DARK), ("cividis", DARK), ("greys", LIGHT), ("RdBu_r", LIGHT)],
)
def test_values_of_no_account_recede_into_the_ground(colours: str, behind: object) -> None:
    assert ground(colours) is behind


def test_many_small_maps_look_like_the_large_ones() -> None:
    points = cloud(300, seed=8)
    maps = np.random.default_rng(1).random((4, 300))
    maps[2, 5] = np.nan
    ranges = ColourScale("shared").limits(list(maps), "probability")
    look = shot(points, "y", side=64, fine=1)
    units = np.stack([range_.apply(values) for range_, values in zip(ranges, maps, strict=True)])
    indices, table = indexed(look, units, "viridis")
    assert table.shape == (256, 3)
    for i, values in enumerate(maps):
        large = look.paint(painted(values, ranges[i], "viridis"), ground("viridis"))
        assert np.abs(table[indices[i]].astype(int) - large).max() <= 6  # 253 colours for 256


def test_a_figure_draws_clouds_and_says_nothing_of_an_overlay() -> None:
    points, maps = cloud(50), [np.full(50, 0.02), np.arange(50.0) / 1225]
    ranges = ColourScale("shared").limits(maps, "probability")
    drawn = draw(sample(points), maps, ranges)
    assert drawn.size == "50 points"
    assert not drawn.over_input
    assert {picture.shape for picture in (drawn.given, *drawn.maps)} == {(400, 400, 3)}
    summaries = [summarise(values) for values in maps]
    arranged = sheet(drawn, ranges, ["a", "b"], summaries, columns=None, title="", footer="")
    assert "over the input" not in " ".join(arranged.footer)
    assert figure_png(drawn, ranges, ["a", "b"], summaries).startswith(b"\x89PNG")


def test_differences_are_drawn_in_their_own_colours() -> None:
    points, values = cloud(50), np.linspace(-1, 1, 50)
    (range_,) = ColourScale("shared", signed=True).limits([values], "probability")
    picture = get("points").map(sample(points), values, range_, "magma", None)
    assert tuple(picture[0, 0]) == LIGHT.colour
    assert colours_for(range_, "magma") == "RdBu_r"
