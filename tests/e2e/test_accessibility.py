"""Every page with axe-core, in light and dark; names of all controls and figures; the keyboard alone."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PATIENCE, App, at_rest, come_to_charts

pytestmark = pytest.mark.e2e

PAGES = ("", "explain", "ablate", "compare", "open")
NAMED = {
    *("application", "button", "checkbox", "combobox", "grid", "img", "image", "link", "listbox", "option", "radio"),
    *("slider", "spinbutton", "switch", "tab", "textbox"),
}
"""Roles of controls and figures, which must have a name."""


@pytest.fixture
def app(strips_app: App) -> App:
    return strips_app


@pytest.fixture
def page(page: Page) -> Page:
    page.set_viewport_size({"width": 1280, "height": 800})
    return page


IS_DARK = """dark => {
    const colour = getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor;
    return dark === (Math.max(...colour.match(/\\d+/g).slice(0, 3).map(Number)) < 128);
}"""
"""Whether the page is drawn in the scheme that is wanted: dark ground, or light."""

VIOLATIONS = {"resultTypes": ["violations"]}
COLOURS_ALONE = {**VIOLATIONS, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""The rules whose result depends on the scheme."""


def all_named(page: Page) -> None:
    """Fails unless every control and figure in the browser's accessibility tree has a name, or gets one soon.

    Streamlit draws some of its own controls a moment before it names them.
    """
    end = time.monotonic() + 30
    while found := unnamed(page):
        assert time.monotonic() < end, found
        page.wait_for_timeout(250)


def unnamed(page: Page) -> list[str]:
    """The roles of controls and figures in the browser's accessibility tree that have no name."""
    # Where plotly measures text: an empty picture ten thousand pixels off the page, and no figure.
    page.evaluate("document.getElementById('js-plotly-tester')?.setAttribute('aria-hidden', 'true')")
    session = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    assert len(nodes) > 50
    found = []
    for node in nodes:
        role, name = (node.get(part, {}).get("value", "") for part in ("role", "name"))
        if not node.get("ignored") and role in NAMED and not str(name).strip():
            found.append(f"{role} {node.get('properties')}")
    return found


@pytest.mark.parametrize("modality", ["image", "audio", "points"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_and_everything_has_a_name(page: Page, app: App, name: str, modality: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    if name == "open" and modality != "image":
        pytest.skip("the page is the same for every modality")
    page.goto(f"{app.url}/{name}?model={modality}-4")
    at_rest(page)
    expect(page.get_by_role("heading", name="Perceiver Lens")).to_be_visible()
    all_named(page)
    for scheme, dark, options in (("light", False, VIOLATIONS), ("dark", True, COLOURS_ALONE)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_function(IS_DARK, arg=dark, timeout=PATIENCE)
        at_rest(page)
        found = Axe().run(page, options=options).response["violations"]
        serious = {
            one["id"]: [node["html"][:200] for node in one["nodes"]]
            for one in found
            if one["impact"] in ("serious", "critical")
        }
        assert not serious, scheme


@pytest.mark.parametrize("name", ["explain?section=clusters&", "compare?section=tartan&"])
def test_charts_are_told_in_words(page: Page, app: App, name: str) -> None:
    page.goto(f"{app.url}/{name}model=image-4")
    at_rest(page)
    expect(page.locator(".place[role=img]").first).to_be_attached()
    places = [one.get_attribute("aria-label") for one in page.locator(".place[role=img]").all()]
    assert all(len(told or "") > 20 for told in places), "before they are drawn"
    come_to_charts(page)
    at_rest(page)
    charts = page.get_by_test_id("stPlotlyChart")
    expect(charts).to_have_count(len(places))
    for chart in charts.all():
        told = chart.evaluate(
            "node => node.getAttribute('aria-label') || node.closest('[aria-label]')?.ariaLabel || ''"
        )
        assert len(told) > 20, chart.inner_html()[:200]


def focused(page: Page) -> str:
    """Role or tag, and name, of the element that has the focus, within components too."""
    return page.evaluate(
        """() => {
            let node = document.activeElement;
            while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
            if (!node || node === document.body) return "";
            const name = node.getAttribute("aria-label") || node.textContent || "";
            return `${node.getAttribute("role") || node.tagName.toLowerCase()}: ${name.trim()}`;
        }"""
    )


def tab_to(page: Page, start: str, most: int = 80) -> str:
    """Presses Tab until the focus is on what starts so; returns what it is."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(focused(page))
        if passed[-1].startswith(start):
            return passed[-1]
    raise AssertionError(f"Tab does not reach {start!r}: {passed}")


def test_the_keyboard_alone_reaches_and_works_everything(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?model=image-4")
    at_rest(page)
    maps = page.get_by_role("listbox", name="Maps of the blocks").get_by_role("option")
    expect(maps).to_have_count(4, timeout=PATIENCE)
    # The sidebar: another sample.
    tab_to(page, "option: A ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("sample=lamp-1"), timeout=PATIENCE)
    at_rest(page)
    # The links to the pages, the input, the maps.
    tab_to(page, "a: Compare")
    tab_to(page, "application: The picture as the model read it")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pick="), timeout=PATIENCE)
    at_rest(page)
    tab_to(page, "option: Block 1")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(maps.nth(3)).to_have_attribute("aria-selected", "true", timeout=PATIENCE)
    at_rest(page)
    # What is behind a button, and back with Escape.
    tab_to(page, "button: tuneDisplay")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Colour scale")).to_be_visible()
    page.keyboard.press("Escape")
    tab_to(page, "button: Copy link")
    # The large map, a latent, and who reads the marked spot.
    tab_to(page, "application: Block 4")
    tab_to(page, "option: Latent ")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("latent="), timeout=PATIENCE)
    at_rest(page)
    tab_to(page, "option: Block", most=120)
