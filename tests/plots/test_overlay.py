"""Overlays: the arithmetic of the blend, and that every cell lands where the model read it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from perceiver.plots import colour
from perceiver.plots.overlay import GREY_BAND, enlarge, greyed, hatched, laid_over, on_original, opacity, overlay, png

RNG = np.random.default_rng(0)
RED = np.array([200, 0, 0], dtype=np.uint8)


def picture(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Given:
    """A picture, the shape of its map, and where the map lies."""

    original: np.ndarray
    shape: tuple[int, ...]
    box: tuple[tuple[float, float], ...]


class TestBlend:
    def test_by_hand(self) -> None:
        seen = np.full((1, 3, 3), (100, 100, 100), dtype=np.uint8)
        painted = np.full((1, 3, 3), (200, 0, 50), dtype=np.uint8)
        solid = np.array([[0.0, 0.5, 1.0]])
        out = overlay(seen, painted, 0.5, solid, grey=False)
        np.testing.assert_array_equal(out[0], [(100, 100, 100), (125, 75, 88), (150, 50, 75)])

    def test_without_opacities_every_cell_is_covered_alike(self) -> None:
        seen, painted = picture(4, 6), picture(4, 6)
        expected = np.rint(0.3 * painted.astype(float) + 0.7 * seen)
        np.testing.assert_allclose(overlay(seen, painted, 0.3, grey=False), expected, atol=1)

    def test_the_ends_of_the_strength(self) -> None:
        seen, painted = picture(4, 6), picture(4, 6)
        np.testing.assert_array_equal(overlay(seen, painted, 0.0), seen)
        np.testing.assert_array_equal(overlay(seen, painted, 1.0), painted)
        np.testing.assert_array_equal(overlay(seen, painted, 1.0, np.zeros((4, 6))), greyed(seen))

    def test_blends_are_never_rescaled(self) -> None:
        """What a cell becomes depends on that cell alone."""
        seen, painted, solid = picture(8, 8), picture(8, 8), RNG.random((8, 8))
        whole = overlay(seen, painted, 0.8, solid)
        part = overlay(seen[2:4, 5:], painted[2:4, 5:], 0.8, solid[2:4, 5:])
        np.testing.assert_array_equal(whole[2:4, 5:], part)

    def test_grey_by_hand(self) -> None:
        seen = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], dtype=np.uint8)
        low, high = GREY_BAND
        expected = [low, high, round(low + (high - low) * 0.2126)]
        np.testing.assert_array_equal(greyed(seen)[0], np.repeat(np.array(expected)[:, None], 3, 1))

    def test_opacity(self) -> None:
        unit = np.array([[0.0, 0.5, 1.0, np.nan]])
        np.testing.assert_allclose(opacity(unit), [[1, 0, 1, 1]])
        np.testing.assert_allclose(opacity(unit / 2), [[1, 0.5**0.6, 0, 1]])

    def test_refuses_impossible_strengths(self) -> None:
        for strength in (-0.1, 1.1, float("nan")):
            with pytest.raises(ValueError, match="it runs from 0 to 1"):
                overlay(picture(3, 5), picture(3, 5), strength)


def luma(picture: np.ndarray) -> np.ndarray:
    return picture.astype(float) @ np.array([0.2126, 0.7152, 0.0722])


class TestLaidOver:
    """A black letter I on white paper: rows 2 to 7 of columns 4 and 5 are the stroke."""

    stroke = np.zeros((10, 10), dtype=bool)
    stroke[2:8, 4:6] = True
    letter = np.repeat(np.where(stroke, 0, 255).astype(np.uint8)[..., None], 3, axis=2)

    @pytest.mark.parametrize("strength", [0.7, 0.85, 1.0])
    @pytest.mark.parametrize("name", ["magma", "inferno", "viridis", "cividis"])
    def test_a_read_stroke_is_brighter_than_the_paper(self, name: str, strength: float) -> None:
        drawn = luma(laid_over(self.letter, np.where(self.stroke, 0.6, 0.0), name, strength))
        assert drawn[self.stroke].min() > drawn[~self.stroke].max()

    def test_with_colours_that_end_dark_a_read_spot_of_paper_is_darker_than_the_stroke(self) -> None:
        drawn = luma(laid_over(self.letter, np.where(self.stroke, 0.0, 0.6), "greys", 0.85))
        assert drawn[~self.stroke].max() < drawn[self.stroke].min()

    @pytest.mark.parametrize("name", colour.SEQUENTIAL)
    @pytest.mark.parametrize("grey", [0, 90, 255])
    def test_every_pixel_follows_its_value(self, grey: int, name: str) -> None:
        seen = np.full((1, 33, 3), grey, dtype=np.uint8)
        steps = np.diff(luma(laid_over(seen, np.linspace(0, 1, 33)[None], name, 0.85))[0])
        assert ((-steps if name == "greys" else steps) > 0).all()

    def test_by_hand(self) -> None:
        """A grey of 102 is dimmed to 12 + 68 * 0.4; half of the brightest colour is added to what is left of 255."""
        seen = np.full((1, 1, 3), 102, dtype=np.uint8)
        dim = round(12 + 68 * 0.4)
        expected = [round(dim + 0.5 * part * (1 - dim / 255)) for part in colour.table("magma")[-1].tolist()]
        assert laid_over(seen, np.ones((1, 1)), "magma", 0.5)[0, 0].tolist() == expected

    def test_without_strength_the_picture_is_left(self) -> None:
        seen = picture(4, 6)
        for name in colour.SEQUENTIAL:
            np.testing.assert_array_equal(laid_over(seen, RNG.random((4, 6)), name, 0.0), seen)

    def test_missing_values_have_their_colour(self) -> None:
        assert laid_over(picture(1, 1), np.full((1, 1), np.nan), "magma", 1.0)[0, 0].tolist() == [0, 160, 255]

    def test_differences_show_the_picture_where_nothing_changed(self) -> None:
        seen = picture(1, 2)
        drawn = laid_over(seen, np.array([[0.5, 1.0]]), "RdBu_r", 1.0, signed=True)
        np.testing.assert_array_equal(drawn[0, 0], greyed(seen)[0, 0])
        np.testing.assert_array_equal(drawn[0, 1], colour.table("RdBu_r")[-1])

    def test_refuses_impossible_strengths(self) -> None:
        with pytest.raises(ValueError, match="it runs from 0 to 1"):
            laid_over(picture(3, 5), np.zeros((3, 5)), "magma", 1.5)


class TestEnlarge:
    def test_every_cell_is_a_square(self) -> None:
        small = picture(3, 5)
        large = enlarge(small, 4)
        assert large.shape == (12, 20, 3)
        for row in range(12):
            for column in range(20):
                np.testing.assert_array_equal(large[row, column], small[row // 4, column // 4])

    def test_refuses_nothing(self) -> None:
        with pytest.raises(ValueError, match="cannot enlarge by 0"):
            enlarge(picture(2, 2), 0)


class TestOnOriginal:
    def test_a_crop_lands_on_its_box(self) -> None:
        """400 x 300, shorter side to 256, crop 224: the box is x 68.75 to 331.25, y 18.75 to 281.25."""
        given = Given(picture(300, 400), (224, 224), ((18.75, 281.25), (68.75, 331.25)))
        solid = np.zeros((224, 224))
        solid[0, 0] = solid[-1, -1] = solid[0, -1] = 1
        painted = np.full((224, 224, 3), RED)
        out = on_original(given, painted, 1.0, solid, longest=400)
        assert out.shape == (300, 400, 3)
        hits = np.argwhere((out == RED).all(-1))
        # Cell (0, 0) spans 1.17 pixels from 68.75 and 18.75: it holds the centre of pixel 69 (69.5) and of row 19.
        np.testing.assert_array_equal(hits, [[19, 69], [19, 330], [280, 330]])

    def test_every_pixel_takes_the_cell_under_its_centre(self) -> None:
        given = Given(picture(20, 30), (3, 5), ((2.0, 17.0), (5.0, 25.0)))
        painted = picture(3, 5)
        out = on_original(given, painted, 1.0, longest=20 * 6)
        assert out.shape == (80, 120, 3)
        for row, column in RNG.integers(0, (80, 120), (300, 2)):
            y, x = (row + 0.5) / 4, (column + 0.5) / 4
            if 2 < y < 17 and 5 < x < 25:
                np.testing.assert_array_equal(out[row, column], painted[int((y - 2) / 5), int((x - 5) / 4)])

    def test_wide_maps_keep_rows_and_columns(self) -> None:
        """3 x 5 with all weight on element 9: row 1, column 4."""
        painted = np.zeros((3, 5, 3), dtype=np.uint8)
        painted.reshape(15, 3)[9] = RED
        given = Given(picture(30, 50), (3, 5), ((0.0, 30.0), (0.0, 50.0)))
        out = on_original(given, painted, 1.0, longest=50)
        expected = np.zeros((30, 50), dtype=bool)
        expected[10:20, 40:50] = True
        np.testing.assert_array_equal((out == RED).all(-1), expected)

    def test_the_unseen_part_is_dimmed_hatched_and_fenced(self) -> None:
        given = Given(np.full((60, 100, 3), 200, np.uint8), (4, 4), ((0.0, 60.0), (20.0, 80.0)))
        out = on_original(given, np.full((4, 4, 3), RED), 0.0, longest=100)
        np.testing.assert_array_equal(out[:, 20:80], 200)
        np.testing.assert_array_equal(out[:, [19, 80]], 255)
        np.testing.assert_array_equal(out[:, [18, 81]], 0)
        dark = out[:, :18, 0]
        assert set(np.unique(dark)) == {90, 131}  # 200 * 0.45, and a quarter of the way from there to white
        assert 0.1 < (dark == 131).mean() < 0.15

    def test_all_seen_leaves_no_mark(self) -> None:
        given = Given(picture(8, 8), (8, 8), ((0.0, 8.0), (0.0, 8.0)))
        np.testing.assert_array_equal(on_original(given, picture(8, 8), 0.0, longest=8), given.original)

    def test_large_pictures_are_shrunk_with_their_box(self) -> None:
        given = Given(np.full((600, 1000, 3), 50, np.uint8), (2, 2), ((0.0, 600.0), (200.0, 800.0)))
        painted = np.array([[[1, 1, 1], [2, 2, 2]], [[3, 3, 3], [4, 4, 4]]], dtype=np.uint8)
        out = on_original(given, painted, 1.0, longest=100)
        assert out.shape == (60, 100, 3)
        np.testing.assert_array_equal(out[0:30, 20:50], 1)
        np.testing.assert_array_equal(out[30:60, 50:80], 4)

    def test_a_map_of_another_shape_is_refused(self) -> None:
        with pytest.raises(ValueError, match="they must agree"):
            on_original(Given(picture(9, 9), (3, 5), ((0.0, 9.0), (0.0, 9.0))), picture(5, 3), 0.5)


def test_png_keeps_every_pixel() -> None:
    array = picture(7, 11)[::-1]
    with Image.open(io.BytesIO(png(array))) as image:
        assert image.size == (11, 7)
        np.testing.assert_array_equal(np.asarray(image), array)


def test_hatching_covers_what_it_marks_and_nothing_else() -> None:
    picture = np.full((40, 60, 3), 200, np.uint8)
    where = np.zeros((40, 60), bool)
    where[:, 30:] = True
    marked = hatched(picture, where)
    assert (marked[:, :30] == 200).all()
    assert set(np.unique(marked[:, 30:])) == {72, 136}
    # Lines run diagonally: the next row is the same, one pixel further to the left.
    np.testing.assert_array_equal(marked[0, 31:60], marked[1, 30:59])
    through = hatched(picture, where, kept=0.5)
    grey = int(greyed(picture)[0, 0, 0])
    assert set(np.unique(through[:, 30:])) == {round(72 + (grey - 72) / 2), round(136 + (grey - 136) / 2)}
    assert hatched(picture, np.zeros((40, 60), bool)) is picture
