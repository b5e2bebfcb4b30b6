"""Clips with maps as GIF, MP4 and PNG, read back by other readers."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

from perceiver import modalities
from perceiver.plots import colour
from perceiver.plots.animation import LINE, MARGIN, SIDES, ClipMap, clip_animation, clip_still
from perceiver.plots.scale import ColourScale
from perceiver.sample import Sample
from tests.app.clips import CONFIG, PREPARED, square

WIDTH = SIDES[1] // 32 * 32
TOP = MARGIN + 2 * LINE
LEFT = MARGIN + WIDTH + 10
"""Where the map lies beside the input."""


@pytest.fixture(scope="module")
def sample() -> Sample:
    data = square(8, starts=0.4)
    return modalities.get("audiovisual").read(data, "a.mp4", shape=CONFIG.input_shape, preprocess=PREPARED)


def one_map() -> ClipMap:
    """Weight on one patch of each frame: the one in the row of the frame's number, from the left to the right."""
    values = np.zeros(613, np.float32)
    for frame in range(8):
        values[100 + frame * 64 + frame * 8 + frame] = 1 / 8
    return ClipMap("Block 1", values, ColourScale("shared").limits([values], "probability")[0])


def patch(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    """The mean colour of a patch of the map, without its edges."""
    cell = WIDTH // 8
    top, left = TOP + row * cell, LEFT + column * cell
    return picture[top + 6 : top + cell - 6, left + 6 : left + cell - 6].reshape(-1, 3).mean(axis=0)


def check(picture: np.ndarray, frame: int, tolerance: float) -> None:
    bright, dark = colour.table("viridis")[[-1, 0]]
    for number in range(8):
        expected = bright if number == frame else dark
        assert np.abs(patch(picture, number, number) - expected).max() < tolerance, (frame, number)


def test_an_mp4_shows_every_frame_at_its_time_with_the_sound(sample: Sample) -> None:
    data = clip_animation(sample, [one_map()], form="mp4", colours="viridis", strength=None, title="a clip")
    with av.open(io.BytesIO(data)) as file:
        pictures = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    assert len(pictures) == 16  # 10 frames a second, each twice
    for time, picture in pictures:
        check(picture, int(time * 10 + 1e-6), 30)
    with av.open(io.BytesIO(data)) as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        assert file.streams.audio[0].rate == 48_000
    loud = np.abs(sound) > 0.1
    assert abs(np.flatnonzero(loud)[0] / 48_000 - 0.4) < 0.05
    assert abs(len(sound) / 48_000 - 0.8) < 0.05


def test_a_gif_plays_as_long_as_the_clip(sample: Sample) -> None:
    data = clip_animation(sample, [one_map()], form="gif", colours="viridis", strength=None, title="a clip")
    file = Image.open(io.BytesIO(data))
    assert file.n_frames == 16
    total = 0
    for number in range(16):
        file.seek(number)
        total += file.info["duration"]
        check(np.asarray(file.convert("RGB")), number // 2, 30)
    assert total == 800


def test_a_still_shows_the_frame_of_a_moment(sample: Sample) -> None:
    for moment, frame in ((0.0, 0), (0.35, 3), (5.0, 7)):
        data = clip_still(sample, [one_map()], moment, colours="viridis", strength=None, title="a clip")
        check(np.asarray(Image.open(io.BytesIO(data))), frame, 1)


def test_a_clip_without_sound_has_as_many_pictures_as_frames() -> None:
    data = square(8, starts=0.4)
    silent = modalities.get("video").read(data, "a.mp4", shape=(4, 16, 16), preprocess={})
    values = np.full((4, 16, 16), 1 / 1024, np.float32)
    drawn = ClipMap("Block 1", values, ColourScale("shared").limits([values], "probability")[0])
    with av.open(io.BytesIO(clip_animation(silent, [drawn, drawn], form="mp4"))) as file:
        assert not file.streams.audio
        assert sum(1 for _ in file.decode(video=0)) == 4
