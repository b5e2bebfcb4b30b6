"""Visitors in a real browser: reloads, other browsers, errors, closed pages, and a public server."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app import folder, sounds
from tests.e2e.conftest import PATIENCE, App, at_rest, serving, upload

pytestmark = pytest.mark.e2e
PICTURE = folder.picture(12, 300, 200)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A public server over tiny checkpoints."""
    root = folder.build(tmp_path_factory.mktemp("checkpoints"))
    sounds.build(root)
    with serving(root, tmp_path_factory.mktemp("server") / "log.txt", PERCEIVER_PUBLIC="1") as running:
        yield running


def shows_maps(page: Page) -> None:
    expect(page.get_by_role("listbox", name="Latents").get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    at_rest(page)


def test_a_reload_keeps_the_upload_in_this_browser_and_no_other(page: Page, public: App, browser: Browser) -> None:
    page.goto(public.url)
    shows_maps(page)
    upload(page, "holiday.img", PICTURE)  # the file chooser takes any ending
    shows_maps(page)
    expect(page.get_by_text("A reload of the page loses")).to_have_count(0)
    link = page.url
    page.reload()
    shows_maps(page)
    expect(page.get_by_text("Shown: holiday.img.")).to_be_visible()
    expect(page).to_have_url(link)
    other = browser.new_context().new_page()
    other.goto(link)
    expect(other.get_by_text("Upload it again to see the same view.")).to_be_visible(timeout=PATIENCE)
    expect(other.get_by_text("holiday")).to_have_count(0)
    other.context.close()


def test_whatever_is_chosen_after_an_unreadable_file_works(page: Page, public: App) -> None:
    page.goto(public.url)
    shows_maps(page)
    upload(page, "broken.png", b"no picture at all")
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("broken.png")
    page.get_by_role("radio", name="Samples").click()
    shows_maps(page)
    upload(page, "tone.wav", sounds.LONG)
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("tone.wav")
    upload(page, "good.png", PICTURE)
    shows_maps(page)


@pytest.mark.parametrize("modality", ["Pictures", "Sounds"])
def test_the_headers_of_a_public_server_break_no_page(page: Page, public: App, modality: str) -> None:
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto(public.url)
    shows_maps(page)
    page.get_by_role("radio", name=modality).click()
    shows_maps(page)
    for name in ("Explain", "Ablate", "Compare", "Open"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"/{name.lower()}([?]|$)"), timeout=PATIENCE)
        at_rest(page)
    assert not faults
    with urllib.request.urlopen(public.url) as answer:
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "HttpOnly" in answer.headers["set-cookie"]
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["perceiver_lens_browser"]["httpOnly"]
    page.get_by_role("link", name="Open", exact=True).click()
    expect(page.get_by_role("radio", name="Upload")).to_be_visible()
    expect(page.get_by_role("radio", name="On this machine")).to_have_count(0)
