"""The Explain page in a real browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PATIENCE, App, at_rest, come_to_charts, computed

pytestmark = pytest.mark.e2e


def test_maps_come_first_and_clicks_become_links(page: Page, app: App) -> None:
    page.goto(f"{app.url}/explain")
    page.get_by_text("Methods and faithfulness", exact=True).click(timeout=PATIENCE)
    maps = page.get_by_role("listbox", name=re.compile("Maps without a sign"))
    expect(maps).to_be_visible(timeout=PATIENCE)
    maps.get_by_role("option", name=re.compile("^Saliency")).click()
    expect(page).to_have_url(re.compile("by=saliency"), timeout=PATIENCE)
    expect(page.get_by_role("application", name=re.compile("^Saliency for"))).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    classes = page.get_by_role("listbox", name=re.compile("the chosen one is asked about"))
    other = classes.get_by_role("option").nth(1)
    name = other.locator(".name").inner_text()
    other.click()
    expect(page.get_by_text(f"Relevance for “{name}” by block")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("target="), timeout=PATIENCE)
    assert parse_qs(urlparse(page.url).query)["by"] == ["saliency"]


def test_the_chart_of_an_answer_comes_after_the_maps(page: Page, strips_app: App) -> None:
    page.goto(f"{strips_app.url}/explain?model=image-4&section=methods")
    computed(page, page.get_by_text("random order").first)
    come_to_charts(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=PATIENCE)
    at_rest(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Deletion and insertion (CSV)").click()
    assert download.value.suggested_filename.endswith("-curves.csv")
