"""A digit drawn with the mouse in a real browser: the prediction is the library's for the same picture."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

import perceiver
from perceiver.analysis.formatting import percent
from tests.e2e.conftest import PATIENCE, App, at_rest, best_prediction, saved_input

pytestmark = pytest.mark.e2e


def test_a_drawn_digit_and_its_undoing(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?model=digits-fourier")
    expect(page.get_by_role("listbox", name="Maps of the blocks")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    page.get_by_test_id("stSidebar").get_by_role("radio", name="Draw").click()
    expect(page.get_by_text("Draw on the pad in the sidebar")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    pad = page.get_by_role("img", name="Drawing pad")
    box = pad.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=6)
    # The page follows the pen; its address does once the stroke has ended.
    expect(page.get_by_text("P(1) after each block")).to_be_visible(timeout=PATIENCE)
    assert "sample=sha256" not in page.url
    page.mouse.up()
    expect(page).to_have_url(re.compile("sample=sha256"), timeout=PATIENCE)
    at_rest(page)
    data = saved_input(page, "Save the drawing")
    lens = perceiver.open(app.checkpoints / "digits-fourier")
    answer = lens.run(lens.read(data)).trace.block_probabilities[-1]
    assert answer.argmax() == 1
    expect(best_prediction(page)).to_contain_text(percent(float(answer[1])))
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Draw on the pad in the sidebar")).to_be_visible(timeout=PATIENCE)


def test_a_phone_shows_the_answer_above_the_pad(browser: Browser, app: App) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    phone.set_default_timeout(PATIENCE)
    page = phone.new_page()
    page.goto(f"{app.url}/?model=digits-fourier")
    expect(page.get_by_role("listbox", name="Maps of the blocks")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebar").get_by_role("radio", name="Draw").click()
    expect(page.get_by_text("Draw on the pad in the sidebar")).to_be_in_viewport(timeout=PATIENCE)
    at_rest(page)
    pad = page.get_by_role("img", name="Drawing pad")
    for seen in (pad, page.get_by_role("button", name="Clear"), page.get_by_test_id("stSidebarCollapseButton")):
        expect(seen).to_be_in_viewport(ratio=1)
    box = pad.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=6)
    answer = page.get_by_role("list", name="Predictions with their probabilities")
    expect(answer.get_by_role("listitem").first).to_contain_text("1")
    page.mouse.up()
    expect(page).to_have_url(re.compile("sample=sha256"), timeout=PATIENCE)
    at_rest(page)
    shown, box = answer.bounding_box(), pad.bounding_box()
    assert shown
    assert box
    assert shown["y"] >= 0
    assert shown["y"] + shown["height"] < box["y"]
    assert box["y"] + box["height"] <= 844
    phone.close()
