"""The publication figure, read back from its own pixels."""

from __future__ import annotations

import io
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from perceiver.analysis.summary import summarise
from perceiver.plots import colour
from perceiver.plots.drawing import draw
from perceiver.plots.figures import figure_png, figure_vector
from perceiver.plots.overlay import enlarge, laid_over
from perceiver.plots.scale import ColourScale, Mode
from perceiver.plots.sheet import numbers

RNG = np.random.default_rng(0)


def material(
    maps: Sequence[np.ndarray], mode: Mode = "shared", colours: str = "inferno", strength: float | None = 0.85
) -> tuple[Any, ...]:
    """Arguments of a figure of some maps over a random picture."""
    seen = RNG.integers(0, 256, (*maps[0].shape, 3), dtype=np.uint8)
    sample = SimpleNamespace(modality="image", seen=seen)
    ranges = ColourScale(mode).limits(maps)
    titles = [f"Block {i + 1}" for i in range(len(maps))]
    drawn = draw(sample, maps, ranges, colours=colours, strength=strength)
    return drawn, ranges, titles, [summarise(values) for values in maps]


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def find(page: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """Every place (row, column) where a picture lies on the page, pixel for pixel."""
    height, width = picture.shape[:2]
    window = page[: page.shape[0] - height + 1, : page.shape[1] - width + 1]
    middle = height // 2, width // 2
    other = page[middle[0] : middle[0] + window.shape[0], middle[1] : middle[1] + window.shape[1]]
    places = np.argwhere((window == picture[0, 0]).all(-1) & (other == picture[middle]).all(-1))
    return [(int(r), int(c)) for r, c in places if (page[r : r + height, c : c + width] == picture).all()]


def hot() -> np.ndarray:
    """3 x 5, all weight on element 9: row 1, column 4."""
    values = np.zeros(15, dtype=np.float32)
    values[9] = 1
    return values.reshape(3, 5)


def test_rows_and_columns_keep_their_places() -> None:
    page = opened(figure_png(*material([hot()], strength=None)))
    expected = np.zeros((3, 5, 3), dtype=np.uint8)
    expected[:] = colour.table("inferno")[0]
    expected[1, 4] = colour.table("inferno")[255]
    assert len(find(page, enlarge(expected, 80))) == 1


@pytest.mark.parametrize(
    ("shape", "factor"), [((3, 5), 80), ((14, 14), 29), ((64, 64), 6), ((64, 24), 6), ((224, 224), 2)]
)
def test_the_input_and_every_map_are_there_cell_for_cell(shape: tuple[int, int], factor: int) -> None:
    values = [RNG.random(shape) ** power for power in (1, 3)]
    drawn, ranges, titles, summaries = material(values, colours="viridis", strength=0.7)
    page = opened(figure_png(drawn, ranges, titles, summaries))
    seen = drawn.given
    assert (page[0] == 255).all()
    places = find(page, enlarge(seen, factor))
    for map_, range_ in zip(values, ranges, strict=True):
        unit = range_.apply(map_)
        places += find(page, enlarge(laid_over(seen, unit, "viridis", 0.7), factor))
    assert len(places) == 3
    assert len({row for row, _ in places}) == 1
    columns = [column for _, column in places]
    assert columns == sorted(columns)
    assert min(np.diff(columns)) >= shape[1] * factor


def test_columns_wrap() -> None:
    values = [RNG.random((8, 8)) for _ in range(4)]
    drawn, ranges, titles, summaries = material(values, strength=None)
    page = opened(figure_png(drawn, ranges, titles, summaries, columns=2))
    tops = [
        find(page, enlarge(colour.paint(r.apply(v), "inferno"), 50))[0] for v, r in zip(values, ranges, strict=True)
    ]
    (first,) = find(page, enlarge(drawn.given, 50))
    assert tops[0][0] == first[0] < tops[1][0] == tops[2][0] < tops[3][0]
    assert tops[1][1] == tops[3][1] == first[1] < tops[0][1] == tops[2][1]


def test_one_bar_for_a_shared_scale_and_one_each_otherwise() -> None:
    values = [RNG.random((10, 10)) for _ in range(3)]
    standing = colour.bar("inferno", 400, 24)[:, ::-1].transpose(1, 0, 2)
    lying = colour.bar("inferno", 400, 24)
    for mode, upright, flat in (("shared", 1, 0), ("per_map", 0, 3)):
        page = opened(figure_png(*material(values, mode, strength=None)))  # type: ignore[arg-type]
        # The mark of the uniform level crosses the bar, so ends are looked for, where nothing does.
        assert len(find(page, standing[:40])) == upright
        assert len(find(page, lying[:, 360:])) == flat


def test_everything_is_within_the_page() -> None:
    for mode in ("shared", "per_map"):
        maps = [RNG.random((6, 9)) ** 8 for _ in range(3)]
        title = "A title that is longer than the page is wide, and then some more of it " * 3
        page = opened(figure_png(*material(maps, mode), title=title, footer="word " * 90))  # type: ignore[arg-type]
        for edge in (page[:30], page[-30:], page[:, :30], page[:, -20:]):
            assert (edge == 255).all()


def test_text_from_files_is_not_mathematics() -> None:
    drawn, ranges, _, summaries = material([hot()])
    data = figure_png(drawn, ranges, ["$\\frac{1"], summaries, title="a$b$ {x} $\\broken", footer="100 % of $x$")
    assert opened(data).shape[2] == 3


def test_missing_values_are_drawn_in_their_own_colour() -> None:
    values = RNG.random((4, 4))
    values[2, 1] = np.nan
    page = opened(figure_png(*material([values], strength=0.8)))
    own = np.argwhere((np.abs(page.astype(int) - colour.missing("inferno")).sum(-1)) < 90)
    assert len(own) == 100 * 100
    top, left = own.min(0)
    assert (own.max(0) - (top, left) == 99).all()


def test_numbers_under_a_map_are_in_the_unit_of_the_bar() -> None:
    values = np.array([[0.5, 0.25, 0.125, 0.125]])
    (uniform,) = ColourScale("uniform").limits([values])
    assert numbers(summarise(values), uniform) == (
        "min 0.5 · max 2",
        "entropy 1.21 of 1.39 nats",
        "top 1 % hold 50.0 %",
    )
    (score,) = ColourScale().limits([values], "score")
    assert numbers(summarise(values, "score"), score) == ("min 0.125 · max 0.5", "mean 0.25")
    even = np.full((2, 2), 0.25)
    (flat,) = ColourScale().limits([even])
    assert numbers(summarise(even), flat) == ("constant: 0.25",)
    holes = np.array([[np.nan, 1.0, 3.0]])
    (signed,) = ColourScale(signed=True).limits([holes])
    assert numbers(summarise(holes, signed=True), signed) == ("min 1 · max 3", "1 not finite")
    assert numbers(summarise(holes * np.nan), signed) == ("no finite value",)


@pytest.mark.parametrize("mode", ["shared", "per_map"])
def test_vectors(mode: Mode) -> None:
    arguments = material([hot(), hot().T.reshape(3, 5)], mode)
    root = ElementTree.fromstring(figure_vector(*arguments, form="svg", title="a < b & $c$"))
    images = root.findall(".//{http://www.w3.org/2000/svg}image")
    assert len(images) == (4 if mode == "shared" else 5)
    pdf = figure_vector(*arguments, form="pdf", title="maps")
    assert pdf.startswith(b"%PDF-")
    assert b"%%EOF" in pdf[-16:]


def test_many_threads_draw_the_same() -> None:
    arguments = material([RNG.random((16, 16)) for _ in range(2)])
    expected = figure_png(*arguments, title="t", footer="f")
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(figure_png(*arguments, title="t", footer="f"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_numbers_of_maps_and_titles_must_agree() -> None:
    drawn, ranges, _, summaries = material([hot()])
    with pytest.raises(ValueError, match="there are 1 maps, 1 ranges, 0 titles and 1 summaries"):
        figure_png(drawn, ranges, [], summaries)
    with pytest.raises(ValueError, match="0 maps and 0 ranges"):
        draw(SimpleNamespace(modality="image", seen=drawn.given), [], [])
