"""Elements erased with the brush and the lasso in a real browser: those that lie there, and the answer is the library's
on the elements that are left."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import perceiver
from perceiver.analysis.erasure import ElementMask
from perceiver.analysis.formatting import percent
from perceiver.analysis.region import ViewBox
from perceiver.plots.drawing.points import LOOK, reach
from tests.e2e.conftest import PATIENCE, App, at_rest

pytestmark = pytest.mark.e2e


def erased(page: Page) -> str:
    """The erased regions in the address."""
    return parse_qs(urlsplit(page.url).query).get("erase", [""])[0]


LOOP = ((0.25, 0.2), (0.8, 0.3), (0.6, 0.75), (0.5, 0.45), (0.3, 0.7))
"""A loop that is drawn over an input, in shares of its sides."""


def looped(page: Page, canvas: Locator) -> str:
    """Draws the loop; the erased regions in the address."""
    for tool, hint in (("Wide", "Drag over it"), ("Lasso", "Drag around elements")):
        at_rest(page)
        page.get_by_test_id("stMain").get_by_role("radio", name=tool).click()
        expect(page.get_by_text(hint)).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    box = canvas.bounding_box()
    assert box
    for i, (x, y) in enumerate(LOOP):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=2)
        if i == 0:
            page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"erase=mask"), timeout=PATIENCE)
    return erased(page)


def check_loop(found: np.ndarray, places: Iterable[tuple[float, float]]) -> None:
    """Elements are erased by whether they lie in the loop, those at its very edge aside."""
    inside, sides = 0, list(zip(LOOP, (*LOOP[1:], LOOP[0]), strict=True))
    for (x, y), marked in zip(places, found, strict=True):
        far = []
        crossed = False
        for (ax, ay), (bx, by) in sides:
            along = min(1, max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)))
            far.append(math.dist((x, y), (ax + along * (bx - ax), ay + along * (by - ay))))
            crossed ^= (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay)
        if min(far) > 0.01:
            assert marked == crossed, (x, y)
            inside += crossed
    assert inside > 20


def test_a_lasso_erases_what_it_encloses(page: Page, strips_app: App) -> None:
    page.goto(f"{strips_app.url}/ablate?model=image-4&removes=elements")
    canvas = page.get_by_role("application", name=re.compile("as the model read it"))
    expect(canvas).to_be_visible(timeout=PATIENCE)
    cells = [((column + 0.5) / 16, (row + 0.5) / 16) for row in range(16) for column in range(16)]
    check_loop(ElementMask.parse(looped(page, canvas).removeprefix("mask:")).marked, cells)
    page.goto(f"{strips_app.url}/ablate?model=points-4&removes=elements")
    expect(canvas).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    page.get_by_role("radio", name="All points").click()
    every = ElementMask.parse(looped(page, canvas).removeprefix("mask:")).marked
    cloud = perceiver.open(strips_app.checkpoints / "points-4").read(
        next(strips_app.checkpoints.glob("samples/points/chair*"))
    )
    right, upward = ViewBox(LOOK["azimuth"], LOOK["elevation"], 1, (0, 1), (0, 1)).directions()
    scale = LOOK["fill"] / reach(cloud.seen)
    check_loop(every, [((1 + scale * p @ right) / 2, (1 - scale * p @ upward) / 2) for p in cloud.seen.astype(float)])
    page.get_by_role("button", name="Undo").click()
    expect(page).not_to_have_url(re.compile("erase="), timeout=PATIENCE)
    page.get_by_role("radio", name="Points in front").click()
    front = ElementMask.parse(looped(page, canvas).removeprefix("mask:")).marked
    assert 0 < (front & every).sum() < every.sum()


def test_the_answer_follows_a_stroke(page: Page, app: App) -> None:
    page.goto(f"{app.url}/ablate?model=digits-fourier&sample=digit_3&removes=elements")
    canvas = page.get_by_role("application", name=re.compile("as the model read it"))
    expect(canvas).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=4)
    # While the stroke is drawn, and before the address has it.
    expect(page.get_by_role("listbox", name="Maps after")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    assert not erased(page)
    told = page.get_by_text(re.compile(r"Erased: \d+ of 784 elements")).inner_text()
    shown = page.get_by_role("list", name="Predictions after").get_by_role("listitem").first.inner_text()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"erase=mask"), timeout=PATIENCE)
    at_rest(page)
    lens = perceiver.open(app.checkpoints / "digits-fourier")
    found = lens.run(lens.read(app.checkpoints / "samples/image/digit_3.png")).erase(erased(page))
    erasure = found.ablation.erased
    assert erasure is not None
    assert told == f"Erased: {erasure.mask.count} of 784 elements."
    assert percent(float(found.answer.probabilities_after.max())) in shown


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
