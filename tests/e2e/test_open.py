"""Checkpoints that do not come with the app, in a real browser: by path, by upload, by link, on every page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from perceiver.checkpoints.bundled import BundledCheckpoints
from tests.e2e.conftest import PATIENCE, App, at_rest

pytestmark = pytest.mark.e2e


def begin(page: Page, app: App, way: str) -> None:
    page.goto(f"{app.url}/open")
    at_rest(page)
    page.get_by_role("radio", name=way).click()
    at_rest(page)


def open_it(page: Page) -> None:
    at_rest(page)
    page.get_by_test_id("stBaseButton-primary").filter(has_text="Open").click()
    expect(page).to_have_url(re.compile(r"/[?].*sample="), timeout=PATIENCE)
    at_rest(page)


def test_a_folder_is_opened_by_its_path_and_stays_in_its_session(page: Page, app: App, tmp_path: Path) -> None:
    name = BundledCheckpoints(app.checkpoints).names("image")[-1]
    shutil.copytree(app.checkpoints / name, tmp_path / "my-own")
    begin(page, app, "On this machine")
    field = page.get_by_test_id("stTextInputField")
    expect(field).to_have_count(1)  # there are two for a repository
    field.fill(str(tmp_path / "no-such"))
    field.press("Enter")
    expect(page.get_by_text("no-such cannot be read: No such file or directory.")).to_be_visible()
    at_rest(page)
    field.fill(str(tmp_path / "my-own"))
    field.press("Enter")
    expect(page.get_by_role("cell", name="Perceiver Lens", exact=True)).to_be_visible()
    open_it(page)
    expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value("my-own")
    expect(page.get_by_text("Prediction", exact=True)).to_be_visible()
    expect(page).not_to_have_url(re.compile("my-own"))
    link = page.url
    for other in ("Explain", "Ablate", "Compare"):
        page.get_by_role("link", name=other, exact=True).click()
        expect(page).to_have_url(re.compile(f"/{other.lower()}([?]|$)"), timeout=PATIENCE)
        expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value("my-own", timeout=PATIENCE)
        at_rest(page)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
    page.goto(link)  # a new session
    expect(page.get_by_text("The link names a model that is not here")).to_be_visible(timeout=PATIENCE)


def foreign(folder: Path) -> list[Path]:
    """Small files of perceiver-io, as its library trains them; their origin is told beside them."""
    golden = Path(__file__).parents[1] / "peers" / "golden" / "krasserm" / "hub"
    return [Path(shutil.copy(golden / name, folder)) for name in ("pytorch_model.bin", "config.json")]


def test_uploaded_files_of_another_project_are_opened(page: Page, app: App, tmp_path: Path) -> None:
    begin(page, app, "Upload")
    page.locator("input[type=file]").set_input_files(foreign(tmp_path))
    expect(page.get_by_role("cell", name="perceiver-io (krasserm)")).to_be_visible(timeout=PATIENCE)
    open_it(page)
    expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value("pytorch_model.bin (uploaded)")
    page.get_by_role("button", name="Card", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("cell", name="perceiver-io (krasserm)")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_role("listbox", name=re.compile("^Maps of the blocks of"))).to_have_count(2, timeout=PATIENCE)
    expect(page.get_by_text("No held-out results")).to_be_visible(timeout=PATIENCE)


def test_a_file_that_is_no_checkpoint_is_refused_by_its_own_name(page: Page, app: App, tmp_path: Path) -> None:
    file = tmp_path / "notes.bin"
    file.write_bytes(b"no weights")
    begin(page, app, "Upload")
    page.locator("input[type=file]").set_input_files([file])
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("notes.bin", timeout=PATIENCE)


def test_a_link_to_the_hub_fetches_nothing_by_itself(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?model=someone/never-fetched&colours=greys")
    expect(page.get_by_text("Nothing is fetched before you ask for it.")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    page.get_by_role("button", name=re.compile("Show .* instead")).click()
    expect(page.get_by_text("Prediction", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("colours=greys"))
