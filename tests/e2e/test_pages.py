"""From page to page in a real browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PATIENCE, App, at_rest, until

pytestmark = pytest.mark.e2e


def test_what_is_looked_at_is_taken_from_page_to_page(page: Page, app: App) -> None:
    page.goto(app.url)
    expect(page).to_have_url(re.compile("sample="), timeout=PATIENCE)
    at_rest(page)
    before = page.url
    page.get_by_role("listbox", name="Samples").get_by_role("option").nth(2).click()
    expect(page).not_to_have_url(before)
    at_rest(page)
    chosen = parse_qs(urlparse(page.url).query)
    for name in ("Explain", "Ablate", "Compare", "Explore"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"/{'' if name == 'Explore' else name.lower()}[?]"), timeout=PATIENCE)
        at_rest(page)
        until(page, lambda: chosen.items() <= parse_qs(urlparse(page.url).query).items())
