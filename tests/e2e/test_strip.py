"""The strip on the first screen, on a large one and on a phone, and old links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PATIENCE, App, at_rest
from tests.e2e.strips import BLOCKS, CONFIGS, Box, Strip

pytestmark = pytest.mark.e2e

LARGE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def app(strips_app: App) -> App:
    return strips_app


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("modality", CONFIGS)
def test_input_maps_and_prediction_are_on_the_first_screen_from_left_to_right(
    page: Page, app: App, modality: str
) -> None:
    page.set_viewport_size(LARGE)  # type: ignore[arg-type]
    for blocks in BLOCKS:
        page.goto(f"{app.url}/?model={modality}-{blocks}")
        strip = Strip.of(page, blocks)
        for box in (strip.given, *strip.maps, strip.answer):
            assert box.inside(**LARGE), box
        for left, right in pairwise([strip.given, *strip.maps, strip.answer]):
            assert left.right <= right.left, "the parts follow each other in one row"


def test_a_phone_shows_the_same_order_in_a_column_and_targets_for_a_finger(phone: Page, app: App) -> None:
    for modality in reversed(CONFIGS):
        phone.goto(f"{app.url}/?model={modality}-4")
        strip = Strip.of(phone, 4)
        assert strip.given.bottom <= min(one.top for one in strip.maps)
        assert max(one.bottom for one in strip.maps) <= strip.answer.top
        for box in (strip.given, *strip.maps, strip.answer):
            assert 0 <= box.left < box.right <= PHONE["width"], "nothing is scrolled sideways"
    # The page of the pictures.
    opener = phone.get_by_test_id("stExpandSidebarButton")
    targets = [opener, *phone.get_by_test_id("stPageLink-NavLink").all()]
    targets += [
        phone.get_by_role("button", name=name, exact=False).first for name in ("Display", "Export", "Copy link")
    ]
    for target in targets:
        box = Box.of(target)
        assert box.bottom - box.top >= 44, target
    assert not Box.of(opener).overlaps(Box.of(phone.get_by_role("heading", name="Perceiver Lens")))
    opener.click()
    choices = phone.get_by_test_id("stSidebar").get_by_test_id("stButtonGroup").get_by_role("radio")
    expect(choices.first).to_be_visible()
    for target in choices.all():
        box = Box.of(target)
        assert box.bottom - box.top >= 44, target
    # The switches of frequencies.
    phone.goto(f"{app.url}/ablate?model=image-4")
    at_rest(phone)
    cells = phone.get_by_role("gridcell")
    expect(cells.first).to_be_visible(timeout=PATIENCE)
    for cell in cells.all():
        box = Box.of(cell)
        assert min(box.right - box.left, box.bottom - box.top) >= 42, "44 with the gap around it"


def test_links_from_before_the_strip_open_the_same_view(page: Page, app: App) -> None:
    page.goto(
        f"{app.url}/?model=image-4&sample=lamp-1&block=3&reduce=latent&latent=2&kind=score&colours=viridis&pick=18"
    )
    at_rest(page)
    maps = page.get_by_role("listbox", name="Maps of the blocks").get_by_role("option")
    expect(maps.nth(2)).to_have_attribute("aria-selected", "true", timeout=PATIENCE)
    expect(page.get_by_role("heading", name="Block 3: latent 2")).to_be_visible()
    expect(page.get_by_text("Logit (pre-softmax) · latent 2")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("A lamp", exact=True)).to_be_visible()
    # The marked element, counted from 1 in the link: row 2 of 16 columns.
    expect(page.get_by_text("Row 2, column 2", exact=False).first).to_be_visible()


def test_thumbnails_of_latents_and_sounds_carry_names_and_show_that_they_go_on(page: Page, app: App) -> None:
    page.set_viewport_size(LARGE)  # type: ignore[arg-type]
    page.goto(f"{app.url}/?model=audio-4")
    at_rest(page)
    for name in ("Samples", "Latents, the most concentrated first"):
        wall = page.get_by_role("listbox", name=name)
        expect(wall.get_by_role("option").first).to_have_text(re.compile(r"\S"))
        scrolls, rows = wall.evaluate(
            """wall => {
                const pitch = wall.children[0].getBoundingClientRect().height + 6;
                return [wall.scrollHeight > wall.clientHeight + 1, (wall.clientHeight - 8) / pitch];
            }"""
        )
        assert not scrolls or abs(rows % 1 - 0.5) < 0.1, f"{name} end at the edge of a row, as if there were no more"
