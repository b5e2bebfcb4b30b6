"""Elements erased with the brush in a real browser: the answer is the library's on the elements that are left."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

import perceiver
from tests.e2e.conftest import PATIENCE, App, at_rest

pytestmark = pytest.mark.e2e


def erased(page: Page) -> str:
    """The erased regions in the address."""
    return parse_qs(urlsplit(page.url).query).get("erase", [""])[0]


def test_a_stroke_its_answer_and_its_undoing(page: Page, strips_app: App) -> None:
    page.goto(f"{strips_app.url}/ablate?model=image-4&removes=elements")
    canvas = page.get_by_role("application", name=re.compile("as the model read it"))
    expect(canvas).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    box = canvas.bounding_box()
    assert box
    across, down = (box["x"] + box["width"] * 0.3, box["x"] + box["width"] * 0.6), box["y"] + box["height"] * 0.4
    page.mouse.move(across[0], down)
    page.mouse.down()
    page.mouse.move(across[1], down, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"erase=mask"), timeout=PATIENCE)
    expect(page.get_by_role("listbox", name="Maps after")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    lens = perceiver.open(strips_app.checkpoints / "image-4")
    found = lens.run(lens.read(strips_app.checkpoints / "samples/image/bed_cot-0.png")).erase(erased(page))
    erasure = found.ablation.erased
    assert erasure is not None
    assert 0 < erasure.mask.count < erasure.mask.total
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Answers and divergences (JSON)").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert told["erased"] == found.json()["erased"]
    after = {one["class"]: one["logit_after"] for one in told["classes"]}
    assert [after[i] for i in range(len(after))] == pytest.approx(found.answer.after.tolist(), abs=1e-4)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo").click()
    expect(page).not_to_have_url(re.compile("erase="), timeout=PATIENCE)
    page.get_by_role("button", name="Redo").click()
    expect(page).to_have_url(re.compile(r"erase=mask"), timeout=PATIENCE)
