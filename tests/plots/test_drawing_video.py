"""Videos as pictures: frames in rows, and maps over them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from perceiver.plots import colour
from perceiver.plots.drawing import draw, get
from perceiver.plots.drawing.clip import frame_pictures
from perceiver.plots.drawing.frames import GAP, TILE
from perceiver.plots.drawing.video import VideoDrawing
from perceiver.plots.scale import ColourScale
from perceiver.sample import Part

DRAWING = VideoDrawing()
SHAPE = (3, 2, 4)
SIZE = TILE // 4
VALUES = np.arange(24, dtype=np.float64).reshape(SHAPE) / 276
RANGE = ColourScale("shared").limits([VALUES], "probability")[0]


def sample() -> SimpleNamespace:
    seen = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    out = SimpleNamespace(modality="video", seen=seen, shape=SHAPE, start=1.0, stop=2.5)
    out.part = lambda name: (Part(name, SHAPE, ()), slice(0, 24)) if name == "video" else None
    return out


def frame_map(one: SimpleNamespace, index: int, colours: str, strength: float | None) -> np.ndarray:
    return frame_pictures(one, VALUES, RANGE, colours, strength)[index]


def cell(picture: np.ndarray, frame: int, row: int, column: int) -> np.ndarray:
    """The pixels of an element: frames stand in rows of two."""
    top = (frame // 2) * (2 * SIZE + GAP) + row * SIZE
    left = (frame % 2) * (4 * SIZE + GAP) + column * SIZE
    return picture[top : top + SIZE, left : left + SIZE].reshape(-1, 3)


def test_every_element_is_a_square_of_its_pixel() -> None:
    one = sample()
    picture = DRAWING.given(one)
    assert picture.shape == (4 * SIZE + GAP, 8 * SIZE + GAP, 3)
    for index in np.ndindex(SHAPE):
        assert (cell(picture, *index) == one.seen[index]).all()
    # Nothing stands in the place of a fourth frame.
    assert not picture[2 * SIZE + GAP :, 4 * SIZE + GAP :].any()


def test_maps_alone_show_the_colours_of_their_values() -> None:
    one = sample()
    picture = DRAWING.map(one, VALUES, RANGE, "viridis", None)
    table = colour.table("viridis")
    for index in np.ndindex(SHAPE):
        place = float(RANGE.apply(VALUES)[index])
        assert (cell(picture, *index) == table[min(int(place * 256), 255)]).all()
    frame = frame_map(one, 1, "viridis", None)
    assert frame.shape == (2, 4, 3)
    assert (frame[1, 2] == cell(picture, 1, 1, 2)[0]).all()


def test_maps_over_the_frames_depend_on_both() -> None:
    one = sample()
    over = draw(one, [VALUES], [RANGE], colours="magma", strength=0.5)
    assert over.over_input
    assert over.maps[0].shape == over.given.shape
    assert (frame_map(one, 2, "magma", 0.5) == cell(over.maps[0], 2, 0, 0)[0]).any()
    assert get("video").size(one) == "3 frames of 4 × 2, 1.5 s"


def test_rearranged_elements_show_what_was_at_others() -> None:
    one = sample()
    order = np.random.default_rng(1).permutation(24)
    picture = DRAWING.rearranged(one, order)
    for element, index in enumerate(np.ndindex(SHAPE)):
        source = np.unravel_index(order[element], SHAPE)
        assert (cell(picture, *index) == one.seen[source]).all()


def test_frames_after_the_end_are_hatched_and_carry_no_map() -> None:
    one, padded = sample(), sample()
    padded.padding = np.zeros(SHAPE, bool)
    padded.padding[2] = True
    for before, after in (
        (DRAWING.given(one), DRAWING.given(padded)),
        (DRAWING.map(one, VALUES, RANGE, "viridis", None), DRAWING.map(padded, VALUES, RANGE, "viridis", None)),
        (DRAWING.map(one, VALUES, RANGE, "viridis", 0.5), DRAWING.map(padded, VALUES, RANGE, "viridis", 0.5)),
    ):
        top = 2 * SIZE + GAP
        np.testing.assert_array_equal(before[:top], after[:top])
        assert (cell(after, 2, 0, 0) == cell(DRAWING.given(padded), 2, 0, 0)).all()
        assert np.ptp(cell(after, 2, 1, 3).astype(int), axis=1).max() == 0  # grey
        assert len(np.unique(cell(after, 2, 1, 3))) == 2  # lines and what is between them
    assert DRAWING.size(padded) == "3 frames of 4 × 2, 1.5 s, 1 of them padding, hatched"
    for index, same in ((1, True), (2, False)):
        drawn, plain = (frame_map(it, index, "viridis", None) for it in (padded, one))
        assert np.array_equal(drawn, plain) == same
