"""Sounds in a real browser: heard, read, picked, moved along and scanned."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from perceiver import Trace, load, modalities
from perceiver.sample import Sample
from tests.app import sounds
from tests.e2e.conftest import PATIENCE, App, at_rest, come_to_charts, large, upload

pytestmark = pytest.mark.e2e
ROWS, COLUMNS = sounds.MEL.input_shape


@pytest.fixture
def app(strips_app: App) -> App:
    return strips_app


def read(start: float | str = "loudest") -> Sample:
    """The long clip as audio-mel reads it."""
    config = sounds.MEL
    reader = modalities.get("audio")
    return reader.read(
        sounds.LONG, "long.wav", shape=config.input_shape, preprocess=config.preprocess, options={"start": start}
    )


@pytest.fixture(scope="module")
def trace(strips_app: App) -> Trace:
    model = load(strips_app.checkpoints / "audio-mel")
    return model.trace(model.inputs(read()))


@pytest.fixture
def uploaded(page: Page, app: App) -> Page:
    """The long clip in the app."""
    page.goto(f"{app.url}?model=audio-mel")
    upload(page, "long.wav", sounds.LONG)
    expect(page.get_by_text("The model read the framed part")).to_be_visible()
    return page


def tiles(page: Page, wall: str) -> Locator:
    return page.get_by_role("listbox", name=wall).get_by_role("option")


def window(page: Page) -> Locator:
    return page.get_by_role("slider", name="The window that the model reads")


def start(page: Page) -> float:
    """Where the window begins, by the page's address."""
    (chosen,) = parse_qs(urlparse(page.url).query)["read"]
    assert chosen.startswith("start:")
    return float(chosen.removeprefix("start:"))


def test_the_clip_is_heard_and_each_cell_tells_its_time_its_frequency_and_its_value(
    uploaded: Page, trace: Trace
) -> None:
    players = uploaded.locator("audio")
    expect(players).to_have_count(2)
    for player, seconds in zip(players.all(), (5.0, 1.0), strict=True):
        player.evaluate("node => node.readyState || new Promise((done) => (node.onloadedmetadata = done, node.load()))")
        assert player.evaluate("node => node.duration") == pytest.approx(seconds, abs=0.01)

    sample = read()
    box = large(uploaded).bounding_box()
    assert box is not None
    readout = large(uploaded).locator("xpath=../../div[@class='readout']")
    values = trace.map(0).reshape(ROWS, COLUMNS).numpy()
    for row, column in ((0, 0), (ROWS - 1, 3), (5, COLUMNS - 1)):
        spot = {"x": (column + 0.5) / COLUMNS * box["width"], "y": (row + 0.5) / ROWS * box["height"]}
        large(uploaded).hover(position=spot)
        # Frames are 50 ms apart and centred on their time; bands are named by their own centres.
        time = sample.start + 0.05 * column  # type: ignore[attr-defined]
        hertz = sample.bands[row]  # type: ignore[attr-defined]
        expect(readout).to_contain_text(f"{time:.3f} s, ")
        said = readout.inner_text().replace("\n", " ")
        number, unit = re.findall(r"s, ([\d.]+) (k?Hz)", said)[0]
        assert float(number) * (1000 if unit == "kHz" else 1) == pytest.approx(hertz, rel=0.006)
        shown = float(re.findall(r"Hz ([\d.]+)", said)[0])
        assert shown == pytest.approx(float(values[row, column]), rel=0.006)


def test_cells_of_pixels_are_picked_by_click_and_by_keyboard(page: Page, app: App) -> None:
    page.goto(f"{app.url}?model=audio-raw")
    expect(large(page)).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    box = large(page).bounding_box()
    assert box is not None
    patches = sounds.RAW.input_shape[0]
    large(page).click(position={"x": 10.5 / patches * box["width"], "y": box["height"] - 5})
    expect(page).to_have_url(re.compile(r"pick=11\b"))
    expect(page.get_by_role("listbox", name="Attention to 0.263 s, by latent")).to_be_visible()
    at_rest(page)
    seen = page.get_by_role("application", name=re.compile("^The sound as the model read it"))
    seen.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "Enter"):  # one row: up leads nowhere
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"pick=13\b"))


def test_a_drag_a_click_and_the_arrow_keys_move_the_window(uploaded: Page) -> None:
    page = uploaded
    loudest = read().start  # type: ignore[attr-defined]
    expect(window(page)).to_have_attribute("aria-valuenow", f"{loudest:.2f}")
    track = window(page).locator("..").bounding_box()
    assert track is not None
    across = track["x"] + track["width"] * (np.array([loudest + 0.5, loudest - 1.5]) / 5)
    page.mouse.move(across[0], track["y"] + 40)
    page.mouse.down()
    page.mouse.move(across[1], track["y"] + 60, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("read=start"))
    at_rest(page)
    assert start(page) == pytest.approx(loudest - 2, abs=0.05)
    expect(page.get_by_role("spinbutton", name="Start of the window (s)")).to_have_value(f"{start(page):.2f}")

    window(page).locator("..").click(position={"x": track["width"] * 0.3, "y": 40})  # 1.5 s becomes the middle
    expect(page).to_have_url(re.compile(r"read=start%3A(0\.9|1\.0)"))
    at_rest(page)
    before = start(page)
    assert before == pytest.approx(1.0, abs=0.05)
    window(page).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(f"read=start%3A{before + 0.3:.2f}".rstrip("0")))
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile(r"read=start%3A4\.00"))
    at_rest(page)
    page.get_by_role("button", name="Loudest part").click()
    expect(page).not_to_have_url(re.compile("read="))
    expect(window(page)).to_have_attribute("aria-valuenow", f"{loudest:.2f}")


def test_the_answers_over_time_lead_to_their_windows(uploaded: Page) -> None:
    page = uploaded
    page.get_by_role("button", name="Scan the whole clip").click()
    come_to_charts(page)
    curves = page.locator(".js-plotly-plot .scatterlayer .trace")
    expect(curves).to_have_count(len(sounds.LABELS), timeout=PATIENCE)  # plotly itself is loaded first
    expect(page.get_by_text("1 more window holds no signal")).to_be_visible()
    at_rest(page)
    # The third window is silent, so the fourth point drawn is that of the window at 2 seconds.
    dot = curves.first.locator(".points path").nth(3)
    dot.scroll_into_view_if_needed()
    point = dot.bounding_box()
    assert point is not None
    page.mouse.click(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    expect(page).to_have_url(re.compile("read=start%3A2.00"))
    expect(window(page)).to_have_attribute("aria-valuenow", "2.00")
    expect(curves).to_have_count(len(sounds.LABELS))
    at_rest(page)  # a click while the page is drawn again would be lost
    with page.expect_download() as download:
        page.get_by_role("button", name="Answers over time (CSV)").click()
    assert download.value.suggested_filename == "long-audio-mel-over-time.csv"


def test_a_phone_shows_it_all_within_its_width(browser: Browser, app: App) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2)
    phone.set_default_timeout(PATIENCE)
    page = phone.new_page()
    for model in ("audio-mel", "audio-raw"):
        page.goto(f"{app.url}?model={model}")
        tiles(page, "Latents").first.wait_for()
        at_rest(page)
        wide = page.locator("canvas, button, audio, .track, .ruler span, [role=option]").evaluate_all(
            "nodes => nodes.filter(n => n.getBoundingClientRect().right > innerWidth + 1).map(n => n.className)"
        )
        assert wide == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()
