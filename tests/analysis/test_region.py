"""Shares of attention weight in a region and profiles of maps, against loops over elements and values by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perceiver import ConfigError
from perceiver.analysis import region
from perceiver.analysis.region import CellBox, PlaceBox, ViewBox, parse, profiles, region_shares
from perceiver.export.origin import Layout
from perceiver.sample import Part
from tests.analysis import cases

GRID = Layout(shape=(3, 4), places={"rows": np.array([1.0, 3.0, 5.0]), "cols": np.array([0.5, 1.5, 2.5, 3.5])})


def chosen(one: region.Region, layout: Layout) -> list[int]:
    return np.flatnonzero(one.inside(layout)).tolist()


class TestText:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("3-10,5", CellBox(((2, 10), (4, 5)))),
            ("7", CellBox(((6, 7),))),
            ("time=0:0.15", PlaceBox((("time", 0.0, 0.15),))),
            ("frequency=200:,time=-0.5:1e3", PlaceBox((("frequency", 200.0, np.inf), ("time", -0.5, 1000.0)))),
            (
                "view=-60:25:z,right=-0.5:0.2,upward=0.1:0.5",
                ViewBox(-60.0, 25.0, 2, (-0.5, 0.2), (0.1, 0.5)),
            ),
        ],
    )
    def test_it_is_read_and_written(self, text: str, expected: region.Region) -> None:
        assert parse(text) == expected
        assert parse(parse(text).text()) == expected

    @pytest.mark.parametrize(
        "text",
        ["", "0-3", "5-2", "a", "1-2,", "1-2-3", "time", "time=1", "time=2:1", "time=1:1", "time=nan:1",
         "time=0:1,time=2:3", "view=1:2:w,right=0:1,upward=0:1", "view=1:2:z,right=0:1", "1" * 300, "١-٢"],
    )  # fmt: skip
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigError):
            parse(text)


class TestWhereItLies:
    def test_a_box_of_cells(self) -> None:
        assert chosen(parse("2-3,1-2"), GRID) == [4, 5, 8, 9]

    def test_intervals_hold_their_low_end_and_not_their_high_one(self) -> None:
        assert chosen(parse("rows=3:5"), GRID) == [4, 5, 6, 7]
        assert chosen(parse("cols=1.5:,rows=:2"), GRID) == [1, 2, 3]

    def test_the_axes_of_one_part_hold_no_element_of_another(self) -> None:
        parts = (
            Part("audio", (3,), ((0.0, 3.0),)),
            Part("video", (2, 2), ((0.0, 2.0), (0.0, 2.0))),
            Part("label", (1,), ()),
        )
        places = {
            "audio_time": np.array([0.5, 1.5, 2.5]),
            "video_time": np.array([0.5, 1.5]),
            "video_rows": np.array([0.5, 1.5]),
        }
        layout = Layout(shape=(8,), places=places, parts=parts)
        assert chosen(parse("audio_time=1:"), layout) == [1, 2]
        assert chosen(parse("video_rows=1:2,video_time=0:1"), layout) == [4]

    def test_a_cloud_in_the_coordinates_of_its_file(self) -> None:
        points = np.array([[0.0, 1.0, 10.0], [2.0, 3.0, 20.0], [4.0, 5.0, 30.0]])
        layout = Layout(shape=(3,), places={"points": points}, coordinates=points / 30)
        assert chosen(parse("x=1:,z=:30"), layout) == [1]

    @pytest.mark.parametrize(
        ("azimuth", "elevation", "up", "right", "upward"),
        # Seen from +x with z up, y points right; from +y, -x does; from above, -x points up.
        [(0, 0, 2, (0, 1, 0), (0, 0, 1)), (90, 0, 2, (-1, 0, 0), (0, 0, 1)), (0, 90, 2, (0, 1, 0), (-1, 0, 0)),
         (0, 0, 1, (1, 0, 0), (0, 1, 0))],
    )  # fmt: skip
    def test_the_directions_of_a_view(
        self, azimuth: float, elevation: float, up: int, right: tuple[int, ...], upward: tuple[int, ...]
    ) -> None:
        found = ViewBox(azimuth, elevation, up, (-1, 1), (-1, 1)).directions()
        np.testing.assert_allclose(found, [right, upward], atol=1e-12)

    def test_a_rectangle_in_a_view_holds_points_at_any_depth(self) -> None:
        points = np.array([[0.9, 0.2, 0.3], [-0.9, 0.2, 0.3], [0.0, -0.2, 0.3], [0.0, 0.2, -0.3]])
        layout = Layout(shape=(4,), places={"points": points}, coordinates=points)
        assert chosen(parse("view=0:0:z,right=0:0.5,upward=0:0.5"), layout) == [0, 1]

    @pytest.mark.parametrize("text", ["1-2", "1-4,1-2", "time=0:1", "rows=100:", "view=0:0:z,right=0:1,upward=0:1"])
    def test_a_region_that_the_input_lacks_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigError):
            parse(text).inside(GRID)


@pytest.mark.parametrize("head", [None, 1])
def test_shares_are_sums_of_the_latents_weights(head: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perceiver.trace.REGION_ROWS", 5)
    model = cases.frozen(cross_heads=2)
    trace = model.trace(model.inputs(cases.sample(model)))
    size = trace.inputs.shape[1]
    inside = np.random.default_rng(3).random(size) < 0.4
    found = region_shares(trace, inside, head=head)
    assert (found.elements, found.total) == (inside.sum(), size)
    assert found.uniform == inside.sum() / size
    count = trace.record(trace.blocks[0]).latents
    for row, block in enumerate(trace.blocks):
        for latent in range(count):
            weights = trace.map(block, latent=latent, head=head)
            expected = sum(float(weights[i]) for i in range(size) if inside[i])
            assert found.latents[row, latent] == pytest.approx(expected, rel=1e-5)
        mean = float(trace.map(block, head=head)[torch.from_numpy(inside)].sum())
        assert found.shares[row] == pytest.approx(mean, rel=1e-5)
    outside = region_shares(trace, ~inside, head=head)
    np.testing.assert_allclose(found.latents + outside.latents, 1, rtol=1e-5)
    strongest = found.strongest(3)
    assert [one.weight for one in strongest] == sorted(found.latents.ravel(), reverse=True)[:3]
    assert strongest[0].multiple == pytest.approx(strongest[0].weight / found.uniform)
    last = trace.blocks[-1]
    assert {one.block for one in found.strongest(100, block=last)} == {last}
    with pytest.raises(ValueError, match="region"):
        region_shares(trace, np.zeros(size, dtype=bool))


def test_profiles_are_means_over_the_other_axes() -> None:
    maps = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    rows, cols = profiles(GRID, maps)
    assert (rows.axis, cols.axis) == ("rows", "cols")
    assert rows.means.tolist() == [[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]
    assert cols.sums[0].tolist() == [12.0, 15.0, 18.0, 21.0]
    assert (rows.uniform, cols.uniform) == (4 / 12, 3 / 12)
    points = np.zeros((12, 3))
    assert profiles(Layout(shape=(12,), places={"points": points}, coordinates=points), maps.reshape(2, 12)) == ()
