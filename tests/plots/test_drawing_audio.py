"""Sounds as pictures: every element in its place, times and frequencies where they are."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import librosa
import numpy as np
import pytest
from PIL import Image

from perceiver.analysis.summary import summarise
from perceiver.plots import colour, drawing
from perceiver.plots.axes import Axis, mel_axis, time_axis
from perceiver.plots.drawing import draw
from perceiver.plots.figures import figure_png
from perceiver.plots.overlay import laid_over
from perceiver.plots.scale import ColourScale
from perceiver.plots.sheet import size_lines

AUDIO = drawing.get("audio")
PATCHES, PATCH = 125, 128


def raw(waveform: np.ndarray, start: float = 0.0) -> Any:
    """A sample of patches, as the drawing reads it."""
    seconds = len(waveform) / 16_000
    return SimpleNamespace(
        modality="audio",
        features="raw",
        seen=waveform.astype(np.float32),
        shape=(len(waveform) // PATCH,),
        start=start,
        stop=start + seconds,
        box=((start, start + seconds),),
    )


def mel(spectrogram: np.ndarray, start: float = 0.0) -> Any:
    """A sample of a spectrogram whose frames are 200 samples apart."""
    mels, frames = spectrogram.shape
    return SimpleNamespace(
        modality="audio",
        features="mel",
        spectrogram=spectrogram.astype(np.float32),
        bands=bands(mels),
        shape=spectrogram.shape,
        start=start,
        stop=start + 1.0,
        box=((0.0, float(mels)), (start - 0.00625, start - 0.00625 + frames * 0.0125)),
    )


def bands(mels: int = 64) -> np.ndarray:
    """Centres of triangles between 40 and 8000 Hz, highest first."""
    return librosa.mel_frequencies(mels + 2, fmin=40, fmax=8000)[-2:0:-1].copy()


def silence() -> np.ndarray:
    return np.zeros(PATCHES * PATCH)


def hot(shape: tuple[int, ...], *where: int) -> np.ndarray:
    """All weight on one element, a little on the others."""
    values = np.full(shape, 0.001)
    values[where] = 1.0
    return values


def only(values: np.ndarray) -> Any:
    return ColourScale("per_map").limits([values])[0]


def labels(axis: Axis) -> list[str]:
    return [tick.label for tick in axis.ticks]


def test_a_patch_colours_the_columns_over_its_samples() -> None:
    values = hot((PATCHES,), 40)
    range_ = only(values)
    picture = AUDIO.map(raw(silence()), values, range_, "magma", 0.85)
    wide = picture.shape[1] // PATCHES
    assert picture.shape[1] == wide * PATCHES
    strip = picture[-1]
    np.testing.assert_array_equal(strip, np.repeat(colour.table("magma")[colour.index(range_.apply(values))], wide, 0))
    top = picture[0].astype(int)
    bright = np.flatnonzero(np.abs(top - top[0]).sum(-1))
    assert bright.tolist() == list(range(40 * wide, 41 * wide))


def test_the_waveform_is_drawn_where_it_sounds_and_upwards() -> None:
    waveform = silence()
    waveform[70 * PATCH + 5] = 0.9  # one click upwards
    picture = AUDIO.given(raw(waveform))
    height, width = picture.shape[:2]
    ground, inked = picture[0, 0], (picture != picture[0, 0]).any(-1)
    assert (picture[:, :1][~inked[:, :1]] == ground).all()
    middle = np.flatnonzero(inked[:, 0])
    assert set(middle) <= {height // 2 - 1, height // 2}  # silence is a flat line
    reach = np.flatnonzero(inked[: height // 2 - 2].any(0))
    column = int((70 * PATCH + 5) / len(waveform) * width)
    assert column in reach
    assert abs(reach - column).max() <= 1
    tip = np.flatnonzero(inked[:, column]).min()
    assert tip == pytest.approx(height * (1 - 0.9) / 2, abs=1)
    assert not inked[height // 2 + 2 :].any()


def test_a_map_alone_is_columns_of_its_colours() -> None:
    values = np.random.default_rng(0).random(PATCHES)
    range_ = only(values)
    picture = AUDIO.map(raw(silence()), values, range_, "viridis", None)
    assert picture.shape == AUDIO.given(raw(silence())).shape
    expected = np.repeat(colour.table("viridis")[colour.index(range_.apply(values))], picture.shape[1] // PATCHES, 0)
    np.testing.assert_array_equal(picture, np.broadcast_to(expected, picture.shape))


def test_without_strength_the_waveform_is_left_alone_and_the_strip_still_tells_the_map() -> None:
    values = hot((PATCHES,), 3)
    waveform = np.sin(np.arange(PATCHES * PATCH) / 9) * 0.5
    covered = AUDIO.map(raw(waveform), values, only(values), "magma", 0.0)
    assert (covered[:-40, :, 0] == covered[:-40, :, 1]).all()  # grey
    assert covered[-1, 3 * covered.shape[1] // PATCHES].tolist() == colour.table("magma")[255].tolist()


@pytest.mark.parametrize("name", colour.SEQUENTIAL)
def test_the_waveform_stands_out_from_every_colour(name: str) -> None:
    values = np.linspace(0, 1, PATCHES)
    picture = AUDIO.map(raw(silence()), values, only(values), name, 0.85).astype(float)
    luma = picture @ np.array([0.2126, 0.7152, 0.0722])
    line = luma[(picture.shape[0] - 32) // 2]
    assert np.abs(line - luma[0]).min() >= 40


def test_every_number_of_patches_gets_whole_columns() -> None:
    for patches in (1, 3, 60, 480, 2000):
        picture = AUDIO.given(raw(np.zeros(patches * PATCH)))
        assert picture.shape[1] % patches == 0


def test_a_spectrogram_keeps_its_cells_and_its_decibels() -> None:
    spectrogram = np.array([[-80.0, -30.0, 20.0], [-120.0, 50.0, -80.0]])
    given = AUDIO.given(mel(spectrogram))
    assert given[..., 0].tolist() == [[0, 128, 255], [0, 255, 0]]  # 0 at -80 dB, 255 at +20 dB, for every sound
    assert (given == given[..., :1]).all()
    values = hot((2, 3), 0, 1)
    range_ = only(values)
    unit = range_.apply(values)
    painted = colour.paint(unit, "magma")
    np.testing.assert_array_equal(AUDIO.map(mel(spectrogram), values, range_, "magma", None), painted)
    expected = laid_over(given, unit, "magma", 0.6)
    np.testing.assert_array_equal(AUDIO.map(mel(spectrogram), values, range_, "magma", 0.6), expected)


def test_times_lie_where_the_window_lies_in_the_clip() -> None:
    axis = time_axis(12.3, 13.3)
    assert labels(axis) == ["12.50", "12.75", "13.00", "13.25"]
    assert [tick.place for tick in axis.ticks] == pytest.approx([0.2, 0.45, 0.7, 0.95])
    long = time_axis(59.0, 63.0, wanted=4)
    assert labels(long) == ["0:59", "1:00", "1:01", "1:02", "1:03"]
    assert long.unit == "time (min:s)"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (26.0, ["0", "10", "20"]),
        (100.0, ["0:00", "0:30", "1:00", "1:30"]),
        (900.0, ["0:00", "5:00", "10:00", "15:00"]),
        (3600.0, ["0:00", "15:00", "30:00", "45:00", "1:00:00"]),
        (12 * 3600.0, ["0:00", "3:00:00", "6:00:00", "9:00:00", "12:00:00"]),
    ],
)
def test_long_clips_are_numbered_by_the_clock(seconds: float, expected: list[str]) -> None:
    assert labels(time_axis(0.0, seconds)) == expected


def test_the_first_frame_of_a_spectrogram_is_centred_on_the_windows_beginning() -> None:
    axes = draw(mel(np.zeros((64, 80)), start=2.0), [np.ones((64, 80))], [only(np.ones((64, 80)))]).axes
    assert axes is not None
    (two,) = (tick.place for tick in axes.bottom.ticks if tick.value == 2.0)
    assert two == pytest.approx(0.5 / 80)


def test_octaves_lie_on_the_mel_scale() -> None:
    axis = mel_axis(bands())
    assert labels(axis) == ["4", "2", "1", "0.5", "0.25"]
    low, high = librosa.hz_to_mel([40.0, 8000.0])
    # 64 triangles between 66 edges: the first and the last row are centred one step within the ends.
    step = (high - low) / 65
    for tick in axis.ticks:
        from_top = (high - step / 2 - librosa.hz_to_mel(tick.value)) / step
        assert tick.place == pytest.approx(from_top / 64, abs=0.002)


def test_figures_carry_the_axes() -> None:
    values = hot((64, 80), 10, 20)
    sample, range_ = mel(np.full((64, 80), -80.0)), only(values)
    drawn = draw(sample, [values], [range_], colours="magma", strength=None)
    page = np.asarray(
        Image.open(io.BytesIO(figure_png(drawn, [range_], ["Block 1"], [summarise(values)]))).convert("RGB")
    )
    black = (page == 0).all(-1)
    rows, columns = np.flatnonzero(black.sum(1) >= 400), np.flatnonzero(black.sum(0) >= 320)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    assert (bottom - top, right - left) == (64 * 5, 80 * 5)  # the silent input
    assert drawn.axes is not None
    for tick in drawn.axes.bottom.ticks:
        at = round(left + tick.place * (right - left))
        assert page[bottom + 3 : bottom + 7, at - 2 : at + 3].min() < 100
    assert drawn.axes.left is not None
    for tick in drawn.axes.left.ticks:
        at = round(top + tick.place * (bottom - top))
        assert page[at - 2 : at + 3, left - 7 : left - 3].min() < 100
        assert page[at - 8 : at + 9, left - 84 : left - 12].min() < 100  # its label


def test_sizes_in_words() -> None:
    assert AUDIO.size(raw(silence())) == "1 s in 125 patches of 128 samples"
    assert AUDIO.size(mel(np.zeros((64, 80)))) == "1 s in 64 mel bands × 80 frames"


def padded(sample: Any, first: int) -> Any:
    """The sample with padding from an element of time on."""
    sample.padding = np.broadcast_to(np.arange(sample.shape[-1]) >= first, sample.shape)
    return sample


@pytest.mark.parametrize("strength", [0.85, None])
@pytest.mark.parametrize("features", ["raw", "mel"])
def test_padding_is_hatched_in_place_of_the_sound_and_of_every_map(features: str, strength: float | None) -> None:
    plain, short = (raw(silence()) if features == "raw" else mel(np.full((64, 80), -80.0)) for _ in range(2))
    first = 75 if features == "raw" else 49
    padded(short, first)
    values = np.zeros(short.shape)
    values[..., first:] = 1.0  # all weight on the padding
    range_ = only(values)
    x = first * AUDIO.given(short).shape[1] // short.shape[-1]
    for before, after in (
        (AUDIO.given(plain), AUDIO.given(short)),
        *((AUDIO.map(one, values, range_, "magma", strength) for one in (plain, short)),),
    ):
        np.testing.assert_array_equal(before[:, :x], after[:, :x])
        hatching = after[:, x:]
        drawn = hatching[hatching.any(axis=(1, 2))]  # without the gap above the strip
        assert set(np.unique(drawn)) == {72, 136}
        assert 0.05 < (drawn == 136).mean() < 0.5
    assert "padding" in AUDIO.axes(short).bottom.unit
    assert AUDIO.axes(plain).bottom.unit == "time (s)"
    assert AUDIO.size(short).endswith(" s of it padding")
    assert "padding" not in AUDIO.size(plain)


def test_a_figure_names_padding_at_its_axes() -> None:
    short = padded(raw(silence()), 75)
    assert AUDIO.size(short) == "1 s in 125 patches of 128 samples, 0.4 s of it padding"
    assert AUDIO.axes(short).bottom.unit == "time (s); hatched: padding"


def test_the_lines_under_the_input_stay_in_its_column() -> None:
    short = padded(raw(silence()), 75)
    values = hot((PATCHES,), 3)
    drawn = draw(short, [values], [only(values)])
    assert size_lines(drawn) == ("1 s in 125 patches of 128 samples, 0.4 s of", "it padding, as read")
    plain = draw(raw(silence()), [values], [only(values)])
    assert size_lines(plain) == ("1 s in 125 patches of 128 samples, as read",)
