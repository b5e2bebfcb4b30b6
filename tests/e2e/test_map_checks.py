"""The checks of maps in the browser: a press begins them, and the line under each map says how it did."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

import perceiver
from perceiver.checkpoints import BundledCheckpoints
from tests.e2e.conftest import PATIENCE, App, at_rest

pytestmark = pytest.mark.e2e


def test_maps_are_checked_on_request_without_leaving_the_first_screen(page: Page, strips_app: App) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{strips_app.url}/?model=audio-8")
    at_rest(page)
    tiles = page.get_by_role("listbox", name="Maps of the blocks").get_by_role("option")
    expect(tiles.first.locator(".remark")).to_have_text("not checked", timeout=PATIENCE)
    begin = page.get_by_role("button", name="Check the maps")
    begin.scroll_into_view_if_needed()
    at_rest(page)  # charts are drawn once they come into sight
    begin.click()
    expect(page.get_by_text("Checked on this input")).to_be_visible(timeout=PATIENCE)
    lens = perceiver.open(strips_app.checkpoints / "audio-8")
    (sample, *_) = BundledCheckpoints(strips_app.checkpoints).samples("audio")
    expected = lens.run(sample.path).checks()
    for i, one in enumerate(expected.checks):
        expect(tiles.nth(i).locator(".remark")).to_have_text(one.verdict)
    at_rest(page)
    for i in range(len(expected.checks)):
        box = tiles.nth(i).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800
    page.get_by_text("Figures of the checks").click()
    expect(page.get_by_text(f"{100 * expected.of(0).deletion.area:.1f} %").first).to_be_visible()
