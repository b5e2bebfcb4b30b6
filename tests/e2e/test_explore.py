"""The Explore page in a real browser."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from perceiver import Perceiver, Trace, modalities
from tests.app import folder
from tests.e2e.conftest import PATIENCE, App, at_rest, best_prediction, large, until, upload

pytestmark = pytest.mark.e2e
PICTURE = folder.picture(11, 300, 200)


@pytest.fixture(scope="module")
def trace(model: Perceiver) -> Trace:
    """The library's own answer to the picture that the tests upload."""
    config = model.config
    reader = modalities.get("image")
    sample = reader.read(PICTURE, "mine.png", shape=config.input_shape, preprocess=config.preprocess)
    return model.trace(model.inputs(sample))


def tiles(page: Page, wall: str) -> Locator:
    return page.get_by_role("listbox", name=wall).get_by_role("option")


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(tiles(page, "Latents").first).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    return page


def address(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlparse(page.url).query).items()}


def pixels(map_: Locator) -> str:
    """What a map's canvas shows."""
    return str(map_.evaluate("node => node.parentElement.querySelector('.picture').toDataURL()"))


def display(page: Page, option: str) -> None:
    """Chooses how maps are shown, behind one button."""
    page.get_by_role("button", name="Display").click()
    page.get_by_text(option, exact=True).click()
    page.keyboard.press("Escape")


def plain_number(text: str) -> float:
    """0.0213, 4,100 or 2.44×10⁻⁴ as a float."""
    digits, _, power = text.replace(",", "").partition("×10")
    return float(digits) * 10 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def test_a_view_travels_by_its_link(page: Page, app: App, browser: Browser) -> None:
    opened(page, app.url)
    display(page, "× uniform")
    expect(page).to_have_url(re.compile("scale=uniform"))
    at_rest(page)
    tiles(page, "Maps of the blocks").nth(1).click()
    expect(page).to_have_url(re.compile("block=2"))
    at_rest(page)
    tiles(page, "Latents").nth(2).click()
    expect(page).to_have_url(re.compile("latent="))
    at_rest(page)
    large(page).click(position={"x": 40, "y": 90})
    expect(page).to_have_url(re.compile("pick="))
    expect(page.get_by_role("listbox", name=re.compile("^Attention to row"))).to_be_visible()
    expect(large(page)).to_have_attribute("aria-label", re.compile("^Block 2, latent"))
    at_rest(page)

    elsewhere = browser.new_context(viewport={"width": 1280, "height": 900})
    other = opened(elsewhere.new_page(), page.url)
    expect(large(other)).to_have_attribute("aria-label", str(large(page).get_attribute("aria-label")))
    expect(tiles(other, "Maps of the blocks").nth(1)).to_have_attribute("aria-selected", "true")
    expect(tiles(other, "Latents").nth(2)).to_have_attribute("aria-selected", "true")
    expect(other.get_by_role("listbox", name=re.compile("^Attention to row"))).to_be_visible()
    at_rest(other)
    assert address(other) == address(page)
    page.mouse.move(0, 0)
    until(page, lambda: pixels(large(other)) == pixels(large(page)))
    elsewhere.close()


def test_the_browsers_history_walks_through_views(page: Page, app: App) -> None:
    opened(page, app.url)
    display(page, "Max")
    expect(large(page)).to_have_attribute("aria-label", re.compile("maximum over latents"))
    expect(page).to_have_url(re.compile("reduce=max"))
    at_rest(page)
    page.go_back()
    expect(large(page)).to_have_attribute("aria-label", re.compile("mean over latents"))
    at_rest(page)
    page.go_forward()
    expect(large(page)).to_have_attribute("aria-label", re.compile("maximum over latents"))


def test_everything_a_click_does_the_keyboard_does(page: Page, app: App, model: Perceiver) -> None:
    opened(page, app.url)
    height, width = model.config.input_shape
    seen = page.get_by_role("application", name=re.compile("^The picture as the model read it"))
    seen.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    row, column = height // 2 + 1, width // 2 + 2
    expect(page).to_have_url(re.compile(f"pick={row * width + column + 1}"))
    who = page.get_by_role("listbox", name=f"Attention to row {row + 1}, column {column + 1}, by latent")
    second = who.get_by_role("option").nth(1)
    expect(second).to_be_visible()
    at_rest(page)
    block, latent = re.findall(r"\d+", second.inner_text())[:2]
    who.get_by_role("option").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(large(page)).to_have_attribute("aria-label", re.compile(f"^Block {block}, latent {latent}"))
    at_rest(page)
    tiles(page, "Maps of the blocks").and_(page.locator("[tabindex='0']")).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(large(page)).to_have_attribute("aria-label", re.compile("^Block 2"))


def test_an_uploaded_picture_is_recognised_and_read_as_by_the_library_and_taken_away_as_data(
    page: Page, app: App, model: Perceiver, trace: Trace
) -> None:
    page.goto(app.url)
    upload(page, "mine.png", PICTURE)
    expect(page.get_by_text("The model read the framed part")).to_be_visible()
    best = best_prediction(page)
    label = model.config.labels[int(trace.logits.argmax())].replace("_", " / ")
    expect(best).to_contain_text(label)
    shown = float(re.findall(r"([\d.]+) %", best.inner_text())[0])
    assert shown == pytest.approx(100 * float(trace.logits.softmax(-1).max()), rel=0.01)
    expect(tiles(page, "Maps of the blocks")).to_have_count(len(model.config.cross_attention_blocks))

    # Pointing tells the value of an element.
    height, width = model.config.input_shape
    values = trace.map(trace.blocks[0]).numpy()
    box = large(page).bounding_box()
    assert box is not None
    readout = large(page).locator("xpath=../../div[@class='readout']")
    for row, column in ((0, 0), (height // 3, width - 2), (height - 1, width // 2)):
        spot = {"x": (column + 0.5) / width * box["width"], "y": (row + 0.5) / height * box["height"]}
        large(page).hover(position=spot)
        value = values[row * width + column]
        expect(readout).to_contain_text(f"row {row + 1}, column {column + 1}")
        said = readout.inner_text().replace("\n", " ")
        # The page and the test ran the model on their own: values agree, their last digit may not.
        value_shown = re.search(r"column \d+\s+([^\s]+)", said)
        assert value_shown is not None
        assert plain_number(value_shown[1]) == pytest.approx(float(value), rel=0.006)
        rank = int(re.findall(r"rank ([\d]+) of", said)[0])
        assert abs(rank - (1 + int((values > value).sum()))) <= max(2, len(values) // 200)

    blocks = model.config.cross_attention_blocks
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Maps and coordinates (NPZ)").click()
    with np.load(io.BytesIO(Path(download.value.path()).read_bytes()), allow_pickle=False) as file:
        maps = file["maps"]
        assert maps.shape == (len(blocks), *model.config.input_shape)
        np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1.0, atol=1e-4)
        np.testing.assert_allclose(maps[-1].ravel(), trace.map(blocks[-1]).numpy(), rtol=1e-4, atol=1e-9)
        np.testing.assert_array_equal(file["blocks"], blocks)
        assert file["cols"][0] == pytest.approx(50 + 100 / model.config.input_shape[1])
    with page.expect_download() as download:
        page.get_by_role("button", name="Predictions (JSON)").click()
    first = json.loads(Path(download.value.path()).read_text())["predictions"][0]
    assert first["label"] == model.config.labels[int(trace.logits.argmax())]
    with page.expect_download() as download:
        page.get_by_role("button", name="Figure (PNG)").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as download:
        page.get_by_role("button", name="Block 1 alone (PDF)").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    with page.expect_download() as download:
        page.get_by_role("button", name="Maps (CSV)").click()
    table = np.loadtxt(Path(download.value.path()), delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 3:].T.reshape(maps.shape), maps, rtol=1e-5)


def test_a_phone_shows_it_all_within_its_width(browser: Browser, app: App) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2)
    phone.set_default_timeout(PATIENCE)
    page = opened(phone.new_page(), app.url)
    wide = page.locator("canvas, button, [role=option]").evaluate_all(
        "nodes => nodes.filter(n => n.getBoundingClientRect().right > innerWidth + 1).map(n => n.className)"
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()


def test_an_upload_without_the_token_is_forbidden(page: Page, app: App) -> None:
    answer = page.request.put(f"{app.url}/_stcore/upload_file/session/file", multipart={"file": "text"})
    assert answer.status == 403


def test_nothing_is_asked_of_other_machines(page: Page, app: App) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, app.url)
    assert asked
    assert [
        url for url in asked if not url.startswith((app.url, "data:", "blob:", app.url.replace("http", "ws")))
    ] == []
