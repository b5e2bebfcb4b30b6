"""The Ablate page in a real browser: the switches by mouse and by keyboard, the curve, and the downloads."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import PATIENCE, App, at_rest, come_to_charts

pytestmark = pytest.mark.e2e


def opened(page: Page, app: App) -> Locator:
    """The page with its switches; the curve may still be on its way."""
    page.goto(f"{app.url}/ablate")
    switches = page.get_by_role("grid", name=re.compile("Parts of the position encoding that are kept"))
    expect(switches).to_be_visible(timeout=PATIENCE)
    return switches


def test_a_click_a_stroke_and_keys_take_bands_out(page: Page, app: App) -> None:
    switches = opened(page, app)
    at_rest(page)
    band = switches.get_by_role("gridcell", name=re.compile("band 3:"))
    band.first.click()
    expect(page).to_have_url(re.compile(r"ablate=b1(:|%3A)3(&|$)"), timeout=PATIENCE)
    expect(page.get_by_role("listbox", name="Maps after")).to_be_visible(timeout=PATIENCE)
    expect(band.first).to_have_attribute("aria-selected", "false")
    at_rest(page)
    # A stroke sets all that it passes as it set the first.
    cells = [switches.get_by_role("gridcell", name=re.compile(f"band {k}:")).last for k in (2, 3, 4)]
    cells[0].hover()
    page.mouse.down()
    for cell in cells[1:]:
        cell.hover()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"b2(:|%3A)2-4"), timeout=PATIENCE)
    # The keyboard goes on from the cell that was painted first.
    at_rest(page)
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile(r"b2(:|%3A)3-4"), timeout=PATIENCE)
    at_rest(page)
    page.keyboard.press("Shift+ArrowRight")
    expect(page).to_have_url(re.compile(r"b2(:|%3A)4(&|$)"), timeout=PATIENCE)
    # A name brings its whole row back, and takes it out where all of it is there.
    switches.get_by_role("rowheader").last.click()
    expect(page).to_have_url(re.compile(r"ablate=b1(:|%3A)3(&|$)"), timeout=PATIENCE)
    switches.get_by_role("rowheader").last.click()
    expect(page).to_have_url(re.compile(r"b2(:|%3A)1-\d+(,|%2C)x2"), timeout=PATIENCE)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_progress_bar_of_the_page_moves_nothing_and_takes_no_clicks(page: Page, app: App, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    switches = opened(page, app)
    at_rest(page)
    before = switches.bounding_box()
    bar = page.locator(".st-key-progress_page").evaluate_handle(
        """place => {
            const bar = document.createElement("div");
            bar.className = "stProgress";
            bar.style.height = "60px";
            return place.appendChild(bar);
        }"""
    )
    element = bar.as_element()
    assert element is not None
    assert switches.bounding_box() == before
    box = element.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert 400 < box["y"] < box["y"] + box["height"] <= 800
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert element.evaluate("(bar, [x, y]) => !bar.contains(document.elementFromPoint(x, y))", middle)


def test_the_curve_leads_to_an_ablation_that_can_be_taken_along(page: Page, app: App) -> None:
    opened(page, app)
    # Where the machine is slow, the page asks before it works out the exact values; it takes clicks in either case.
    come_to_charts(page)
    expect(page.get_by_text("Pick a point to remove what it stands for.")).to_be_visible(timeout=2 * PATIENCE)
    at_rest(page)
    point = page.locator(".js-plotly-plot .scatterlayer .trace .points path").nth(2)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page).to_have_url(re.compile(r"ablate=b[12](:|%3A)\d+"), timeout=PATIENCE)
    expect(page.get_by_role("listbox", name="Differences of the maps")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    with page.expect_download() as sweep:
        page.get_by_role("button", name="The whole sweep (CSV)").click()
    assert sweep.value.suggested_filename.endswith("-sweep.csv")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as figure:
        page.get_by_role("button", name="Before and after (PNG)").click()
    assert figure.value.path().read_bytes()[:4] == b"\x89PNG"
