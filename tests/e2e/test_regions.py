"""A region dragged on the page in a real browser has the shares that the library finds."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from perceiver import Perceiver, Trace, modalities
from perceiver.analysis.formatting import number, percent
from tests.app import folder
from tests.e2e.conftest import PATIENCE, App, at_rest, large, upload

pytestmark = pytest.mark.e2e
PICTURE = folder.picture(12, 240, 200)


@pytest.fixture(scope="module")
def trace(model: Perceiver) -> Trace:
    config = model.config
    sample = modalities.get("image").read(PICTURE, "mine.png", shape=config.input_shape, preprocess=config.preprocess)
    return model.trace(model.inputs(sample))


@pytest.fixture
def shown(page: Page, app: App) -> Page:
    """The Explore page with the picture uploaded."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(app.url)
    upload(page, "mine.png", PICTURE)
    expect(large(page)).to_be_visible(timeout=PATIENCE)
    return page


def region_of(page: Page) -> list[tuple[int, int]]:
    """The cells of the region in the address: (start, stop) of rows and columns, from 0."""
    found = re.search(r"region=(\d+)-(\d+)%2C(\d+)-(\d+)", page.url)
    assert found, page.url
    a, b, c, d = map(int, found.groups())
    return [(a - 1, b), (c - 1, d)]


def test_a_dragged_region_has_the_shares_that_the_library_finds(shown: Page, model: Perceiver, trace: Trace) -> None:
    height, width = model.config.input_shape
    large(shown).scroll_into_view_if_needed()
    box = large(shown).bounding_box()
    assert box is not None
    cell = (box["width"] / width, box["height"] / height)

    def middle(row: int, column: int) -> tuple[float, float]:
        return box["x"] + (column + 0.5) * cell[0], box["y"] + (row + 0.5) * cell[1]

    top, left, bottom, right = height // 8, width // 4, height // 2, width // 2
    shown.mouse.move(*middle(bottom, left))
    shown.mouse.down()
    shown.mouse.move(*middle(bottom - 1, left + 2))
    shown.mouse.move(*middle(top, right))
    shown.mouse.up()
    blocks = shown.get_by_role("listbox", name=re.compile("^Share of each block"))
    expect(blocks).to_be_visible(timeout=PATIENCE)
    expect(shown).to_have_url(re.compile("region="), timeout=PATIENCE)
    at_rest(shown)
    assert region_of(shown) == [(top, bottom + 1), (left, right + 1)]
    assert "pick=" not in shown.url

    inside = np.zeros((height, width), dtype=bool)
    inside[top : bottom + 1, left : right + 1] = True
    uniform = inside.sum() / inside.size
    expected = [float(trace.map(block).numpy()[inside.ravel()].sum()) for block in trace.blocks]
    rows = [row.inner_text().split("\n")[-1].strip() for row in blocks.get_by_role("option").all()]
    assert rows == [f"{percent(share)} · {number(share / uniform)} ×" for share in expected]
    # The answer begins on the screen that the drag was on.
    answer = blocks.bounding_box()
    assert answer is not None
    assert answer["y"] + answer["height"] <= 800

    with shown.expect_download() as download:
        shown.get_by_role("button", name="Shares of all blocks and latents (CSV)").click()
    lines = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    shares = {(line["block"], line["latent"]): float(line["share"]) for line in lines}
    for block, share in zip(trace.blocks, expected, strict=True):
        assert shares[str(block + 1), ""] == pytest.approx(share, rel=1e-3)
    strongest = max((one for one in shares if one[1]), key=lambda one: shares[one])
    latents = shown.get_by_role("listbox", name="Attention weight in the region, by latent")
    expect(latents.get_by_role("option").first).to_contain_text(f"Block {strongest[0]}, latent {strongest[1]}")
    latents.get_by_role("option").first.click()
    expect(large(shown)).to_have_attribute(
        "aria-label", re.compile(f"^Block {strongest[0]}, latent {strongest[1]}"), timeout=PATIENCE
    )
    assert region_of(shown) == [(top, bottom + 1), (left, right + 1)]


def test_the_keyboard_selects_and_clears_a_region(shown: Page, model: Perceiver) -> None:
    height, width = model.config.input_shape
    seen = shown.get_by_role("application", name=re.compile("^The picture as the model read it"))
    seen.focus()
    shown.keyboard.down("Shift")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        shown.keyboard.press(key)
    shown.keyboard.up("Shift")
    expect(shown).to_have_url(re.compile("region="), timeout=PATIENCE)
    assert region_of(shown) == [(height // 2, height // 2 + 2), (width // 2, width // 2 + 3)]
    expect(shown.get_by_role("button", name="Clear the region")).to_be_visible(timeout=PATIENCE)
    at_rest(shown)
    seen.focus()
    shown.keyboard.press("Escape")
    expect(shown).not_to_have_url(re.compile("region="), timeout=PATIENCE)
    expect(shown.get_by_role("button", name="Clear the region")).to_have_count(0, timeout=PATIENCE)
