"""Why a latent attends to a spot: in a real browser the parts and maps are those that the library finds."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from perceiver.analysis.formatting import signed
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.lens import open_lens
from tests.app import folder
from tests.e2e.conftest import PATIENCE, App, at_rest, large, upload

pytestmark = pytest.mark.e2e
PICTURE = folder.picture(12, 240, 200)


def test_the_parts_of_a_score_are_the_librarys(page: Page, app: App, checkpoints: Path) -> None:
    lens = open_lens(checkpoints / BundledCheckpoints(checkpoints).default("image"))
    run = lens.run(lens.read(PICTURE, name="mine.png"))
    height, width = run.sample.shape
    element = (height // 3) * width + width // 2
    split = run.split.score(element)
    terms = split.terms(5, run.context.axis_names)

    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(app.url)
    upload(page, "mine.png", PICTURE)
    large(page).scroll_into_view_if_needed()
    box = large(page).bounding_box()
    assert box is not None
    row, column = divmod(element, width)
    page.mouse.click(box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height)
    expect(page).to_have_url(re.compile(f"pick={element + 1}(&|$)"), timeout=PATIENCE)

    which = f"latent {split.latent + 1} of block {split.block + 1}"
    parts = page.get_by_role("listbox", name=f"Parts of the score of {which}")
    expect(parts.get_by_role("option")).to_have_count(len(terms), timeout=PATIENCE)
    rows = [option.inner_text().split("\n") for option in parts.get_by_role("option").all()]
    assert [(lines[0].strip(), lines[-1].strip()) for lines in rows] == [
        (one.name, signed(one.excess)) for one in terms
    ]
    with page.expect_download() as download:
        page.get_by_role("button", name="All parts (CSV)").click()
    lines = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert sum(float(line["value"]) for line in lines) == pytest.approx(split.score, abs=1e-4)

    parts.get_by_role("option", name=re.compile("^content")).click()
    label = re.compile(f"^Block {split.block + 1}, latent {split.latent + 1}, content alone")
    expect(large(page)).to_have_attribute("aria-label", label, timeout=PATIENCE)
    expect(page).to_have_url(re.compile("split=content"), timeout=PATIENCE)
    at_rest(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Maps and coordinates (NPZ)").click()
    with np.load(Path(download.value.path())) as file:
        wanted = run.maps(latent=split.latent, part="content").values
        np.testing.assert_allclose(file["maps"], wanted, rtol=1e-3, atol=1e-9)
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Both").click()
    expect(page).not_to_have_url(re.compile("split="), timeout=PATIENCE)
