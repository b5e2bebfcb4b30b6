"""The Compare page in a real browser."""

from __future__ import annotations

import io
import re
from urllib.parse import parse_qs, urlparse

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import PATIENCE, App, at_rest

pytestmark = pytest.mark.e2e


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    return page


def choose(page: Page, section: str) -> None:
    at_rest(page)
    page.get_by_role("radio", name=section, exact=True).click()
    at_rest(page)


def canvas(page: Page, start: str) -> Locator:
    return page.get_by_role("application", name=re.compile(f"^{start}"))


def test_one_block_and_one_place_are_looked_at_in_all_models(page: Page, app: App, browser: Browser) -> None:
    opened(page, f"{app.url}/compare?model=image-fourier")
    page.get_by_role("listbox", name=re.compile("Maps of the blocks of image-learned")).get_by_role("option").nth(
        1
    ).click()
    expect(page).to_have_url(re.compile("block=2"))
    expect(canvas(page, "image-fourier, block 2")).to_be_visible()
    at_rest(page)
    canvas(page, "image-learned, block 2").click(position={"x": 60, "y": 40})
    expect(page).to_have_url(re.compile("pick="))
    at_rest(page)
    place = page.locator(".readout").filter(has_text=re.compile("^row"))
    expect(place.nth(1)).to_be_visible()
    assert len({text.split("column")[0] for text in place.all_inner_texts()}) == 1

    elsewhere = browser.new_context(viewport={"width": 1280, "height": 900})
    other = opened(elsewhere.new_page(), page.url)
    for section, start in (
        ("One block", "image-learned minus image-fourier, block 2"),
        ("Position similarity", "Similarity of the position encodings in image-learned"),
    ):
        choose(page, section)
        choose(other, section)
        label = str(canvas(page, start).get_attribute("aria-label"))
        expect(canvas(other, start)).to_have_attribute("aria-label", label)
    elsewhere.close()


def test_models_are_added_and_the_figure_holds_all(page: Page, app: App) -> None:
    opened(page, f"{app.url}/compare?model=image-fourier")
    page.get_by_role("combobox", name=re.compile("Compare with")).click()
    page.get_by_role("option", name="image-coordinates", exact=True).click()
    page.keyboard.press("Escape")  # while the list is open, nothing else is there for screen readers
    expect(page).to_have_url(re.compile("others="))
    at_rest(page)
    assert parse_qs(urlparse(page.url).query)["others"] == ["image-learned,image-coordinates"]
    expect(canvas(page, "image-coordinates, block 1")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_text("Figure of all models (PNG)").click()
    picture = Image.open(io.BytesIO(waiting.value.path().read_bytes()))
    assert picture.height > 3 * 400


def test_nothing_is_wider_than_a_phone(browser: Browser, app: App) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844})
    phone.set_default_timeout(PATIENCE)
    page = opened(phone.new_page(), f"{app.url}/compare?model=audio-mel&others=audio-raw#tartan")
    # As the anchor of a heading, from when the page showed all sections.
    expect(page).to_have_url(re.compile("section=tartan(&|$)"), timeout=PATIENCE)
    expect(page.get_by_text("Tartan numbers (CSV)")).to_be_visible(timeout=PATIENCE)
    for section in ("Tartan", "Position channels", "Position similarity", "One block"):
        choose(page, section)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()
