"""Clips drawn: where frames, maps and sound lie in the picture."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from perceiver.plots import colour
from perceiver.plots.drawing import draw
from perceiver.plots.drawing.audiovisual import HEIGHT, AudiovisualDrawing
from perceiver.plots.drawing.clip import frame_pictures, sound_picture
from perceiver.plots.scale import ColourRange, ColourScale
from perceiver.sample import Part, find_part

PARTS = (Part("audio", (600,), ()), Part("video", (5, 4, 8), ()), Part("label", (1,), ()))
TOTAL = 600 + 5 * 4 * 8 + 1
CELL = 14  # 112 / 8
WIDE, HIGH = 8 * CELL, 4 * CELL


def sample(**changes: object) -> SimpleNamespace:
    seen = np.stack([np.full((16, 32, 3), 40 * i, np.uint8) for i in range(5)])
    sound = np.zeros(9600, np.float32)
    values = {"modality": "audiovisual", "seen": seen, "sound": sound, "parts": PARTS, "start": 1.0, "stop": 1.64}
    out = SimpleNamespace(**values | changes)
    out.part = lambda name: find_part(out.parts, name)
    return out


def range_of(values: np.ndarray) -> ColourRange:
    return ColourScale("per_map").limits([values], "score")[0]


def corner(number: int) -> tuple[int, int]:
    """The top left pixel of a frame: three a row, four black pixels between them."""
    return number // 3 * (HIGH + 4), number % 3 * (WIDE + 4)


def test_frames_run_to_the_right_and_then_down_with_the_sound_below() -> None:
    picture = AudiovisualDrawing().given(sample())
    assert picture.shape == (2 * HIGH + 4 + 4 + HEIGHT, 3 * WIDE + 8, 3)
    for i in range(5):
        top, left = corner(i)
        assert (picture[top : top + HIGH, left : left + WIDE] == 40 * i).all()
    assert not picture[:HIGH, WIDE : WIDE + 4].any()
    sounding = AudiovisualDrawing().given(sample(sound=np.full(9600, 0.5, np.float32)))
    lit = np.flatnonzero(sounding[-HEIGHT:, 100].max(axis=1) > 100)
    assert abs(lit.mean() - (HEIGHT / 4 - 0.5)) < 1  # half of full scale lies a quarter of the height from the top


def test_every_element_of_a_map_lies_at_its_place() -> None:
    for step, row, column in ((0, 0, 0), (1, 3, 7), (4, 2, 5)):
        values = np.zeros(TOTAL, np.float32)
        values[600 + step * 32 + row * 8 + column] = 1
        range_ = range_of(values)
        picture = AudiovisualDrawing().map(sample(), values, range_, "viridis", None)
        bright = (picture == colour.table("viridis")[-1]).all(axis=2)
        top, left = corner(step)
        expected = np.zeros_like(bright)
        expected[
            top + row * CELL : top + (row + 1) * CELL,
            left + column * CELL : left + (column + 1) * CELL,
        ] = True
        assert (bright == expected).all()


@pytest.mark.parametrize("patches", [600, 344, 20])
def test_sound_is_a_column_of_colour_that_shows_means(patches: int) -> None:
    parts = (Part("audio", (patches,), ()), *PARTS[1:])
    values = np.zeros(patches + 161, np.float32)
    values[patches // 2 : patches] = 1
    picture = AudiovisualDrawing().map(sample(parts=parts), values, range_of(values), "greys", None)
    line = picture[-1, :, 0].astype(int)
    half = len(line) // 2
    assert (line[: half - 1] == line[0]).all()
    assert (line[half + 1 :] == line[-1]).all()
    assert line[0] > line[-1]  # greys darken


def test_strength_and_differences() -> None:
    values = np.linspace(-1, 1, TOTAL).astype(np.float32)
    signed = ColourScale(signed=True).limits([values], "score")
    drawn = draw(sample(), [values], signed, strength=0.5)
    assert drawn.over_input
    assert drawn.colours == "RdBu_r"
    assert drawn.maps[0].shape == drawn.given.shape
    assert drawn.size == "5 frames of 32 × 16, 0.64 s sound"
    bare = draw(sample(), [values], signed, strength=None)
    assert not bare.over_input


def test_elements_of_several_frames_show_the_middle_one() -> None:
    parts = (PARTS[0], Part("video", (2, 4, 8), ()), PARTS[2])
    seen = np.stack([np.full((16, 32, 3), 40 * i, np.uint8) for i in range(4)])
    picture = AudiovisualDrawing().given(sample(parts=parts, seen=seen))
    assert picture[0, 0, 0] == 40
    assert picture[0, WIDE + 4, 0] == 120


def test_sound_that_was_not_recorded_and_frames_after_the_end_are_hatched() -> None:
    padding = np.zeros(TOTAL, bool)
    padding[400:600] = True  # the last third of the sound
    padding[600 + 4 * 32 : 600 + 5 * 32] = True  # the last frame
    values = np.random.default_rng(0).random(TOTAL)
    one, padded, draw_ = sample(), sample(padding=padding), AudiovisualDrawing()
    for strength in (None, 0.8):
        before, after = (draw_.map(it, values, range_of(values), "viridis", strength) for it in (one, padded))
        x = after.shape[1] * 2 // 3
        np.testing.assert_array_equal(before[-HEIGHT:, :x], after[-HEIGHT:, :x])
        drawn = after[-HEIGHT:, x + 1 :]
        drawn = drawn[drawn.any(axis=(1, 2))]  # without the gap above the strip
        assert set(np.unique(drawn)) == {72, 136}
        top, left = corner(4)
        last = (slice(top, top + HIGH), slice(left, left + WIDE))
        np.testing.assert_array_equal(after[last], draw_.given(padded)[last])
        np.testing.assert_array_equal(after[:HIGH], before[:HIGH])
    assert draw_.size(padded).endswith("; hatched: padding")
    assert "padding" not in draw_.size(one)


@pytest.mark.parametrize("strength", [None, 0.7])
def test_a_part_that_a_map_does_not_apply_to_is_grey(strength: float | None) -> None:
    """The channels of an axis of the frames have no value on the sound; a value that is missing among others stays
    marked, and so does a map without any."""
    values = np.full(TOTAL, np.nan, np.float32)
    values[600:760] = np.linspace(-1, 1, 160)
    range_ = ColourRange("shared", "score", True, -1.0, 1.0, 100.0, name="value")
    picture = AudiovisualDrawing().map(sample(), values, range_, "viridis", strength)
    assert (picture[-HEIGHT:] == 128).all()
    assert (sound_picture(sample(), 60, 30, values, range_, "viridis", strength) == 128).all()
    assert len(np.unique(frame_pictures(sample(), values, range_, "viridis", strength).reshape(-1, 3), axis=0)) > 10
    missing = np.array(colour.missing("RdBu_r"))
    assert not (picture == missing).all(-1).any()
    values[600] = np.nan
    picture = AudiovisualDrawing().map(sample(), values, range_, "viridis", None)
    assert (picture[:CELL, :CELL] == missing).all()
    values[:] = np.nan
    assert (sound_picture(sample(), 60, 30, values, range_, "viridis", None) == missing).all()
    values[:600] = 0.5
    assert (frame_pictures(sample(), values, range_, "viridis", strength) == 128).all()
