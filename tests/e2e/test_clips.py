"""Clips in a real browser: played, scrubbed, read, without one of its parts, and exported."""

from __future__ import annotations

import io
import re
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import perceiver
from perceiver import Run
from perceiver.analysis.formatting import percent
from tests.app import clips
from tests.e2e.conftest import App, at_rest, upload
from tests.e2e.strips import Box

pytestmark = pytest.mark.e2e

CLIP = clips.square(8, starts=0.4)
"""A square moves 8 pixels to the right every 0.1 s; after 0.4 s a tone begins."""

SOUND = 100


@pytest.fixture
def app(strips_app: App) -> App:
    return strips_app


@pytest.fixture(scope="module")
def run(strips_app: App) -> Run:
    return perceiver.open(strips_app.checkpoints / "av-tiny").run(CLIP, name="square.mp4")


def large(page: Page) -> Locator:
    """The player of the large map."""
    return page.locator(".player", has=page.get_by_role("application", name=re.compile(r"^Block 1, "))).first


def bright_columns(player: Locator) -> tuple[float, float]:
    """Where the picture of the frame is brightest: the first and the last share of its width."""
    found = player.locator(".frames canvas.picture").evaluate(
        """(canvas) => {
            const row = canvas.getContext("2d").getImageData(0, canvas.height / 2, canvas.width, 1).data;
            const lit = Array.from({ length: canvas.width }, (_, x) => x).filter((x) => row[4 * x] > 150);
            return [lit[0] / canvas.width, lit.at(-1) / canvas.width];
        }"""
    )
    return float(found[0]), float(found[1])


def test_a_clip_is_scrubbed_played_silenced_and_exported(page: Page, app: App, run: Run, tmp_path: Path) -> None:
    page.goto(f"{app.url}?model=av-tiny")
    upload(page, "square.mp4", CLIP)
    best = run.predictions[0]
    expect(page.get_by_text(percent(best.probability), exact=True).first).to_be_visible()

    # Scrubbing moves the frames of the input and of the maps together, and the link follows.
    seen = page.locator(".player").first
    time = large(page).get_by_role("slider")
    time.focus()
    for key, frame in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 3)):
        time.press(key)
        expect(large(page).locator(".moment")).to_have_text(re.compile(rf"^Frame {frame + 1} of 8, "))
        expect(seen.locator(".moment")).to_have_text(re.compile(rf"^Frame {frame + 1} of 8, "))
        left, right = bright_columns(seen)
        assert left == pytest.approx(8 * frame / 64, abs=0.06)
        assert right == pytest.approx((8 * frame + 16) / 64, abs=0.06)
    expect(page).to_have_url(re.compile("moment=0.350"))
    at_rest(page)

    # A patch of this frame, by its value.
    marks = large(page).locator(".frames canvas.marks")
    box = marks.bounding_box()
    assert box is not None
    marks.click(position={"x": box["width"] * 5.5 / 8, "y": box["height"] * 2.5 / 8})
    element = SOUND + 3 * 64 + 2 * 8 + 5
    expect(page.get_by_text(re.compile(r"Frame 4 \(0.30 s\), row 3, column 6"))).to_be_visible()
    expect(page).to_have_url(re.compile(f"pick={element + 1}"))
    at_rest(page)
    told = large(page).locator(".readout .value").inner_text()
    assert float(told.replace("×10⁻", "e-").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))) == pytest.approx(
        float(run.map(0)[element]), rel=0.01
    )
    # A moment of the sound.
    heard = large(page).locator(".sound canvas.marks")
    box = heard.bounding_box()
    assert box is not None
    heard.click(position={"x": box["width"] * 60.5 / 100, "y": box["height"] / 2})
    expect(page.get_by_text("The sound at 0.484 s")).to_be_visible()
    expect(large(page).locator(".moment")).to_have_text(re.compile("^Frame 5 of 8, "))
    at_rest(page)

    # Playing needs no run of the page, and the moment where it stops is in the link.
    large(page).get_by_role("button", name="Play").click()
    expect(large(page).locator(".moment")).to_have_text(re.compile("^Frame 8 of 8, "))
    expect(seen.locator(".moment")).not_to_have_text(re.compile("^Frame 5 of 8, "))
    large(page).get_by_role("button", name="Full speed").click()
    large(page).get_by_role("button", name="Pause").click()
    expect(large(page).get_by_role("button", name="Half speed")).to_be_visible()
    expect(page).not_to_have_url(re.compile("moment=0.484"))
    at_rest(page)

    # The export is what the library makes.
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Maps as they play (MP4)").click()
    waiting.value.save_as(tmp_path / "maps.mp4")
    mine, theirs = (frames_of(data) for data in ((tmp_path / "maps.mp4").read_bytes(), run.maps().animation("mp4")))
    assert len(mine) == 16
    top = 44  # below the titles, which name the maps in other words
    for one, other in zip(mine, theirs, strict=True):
        assert one.shape == other.shape
        assert np.abs(one[top:-60].astype(int) - other[top:-60]).mean() < 6

    # Without the sound.
    page.get_by_role("link", name="Ablate").click()
    page.get_by_text("Picture alone", exact=True).click()
    expect(page).to_have_url(re.compile("ablate=no-audio"))
    at_rest(page)
    after = run.ablate("no-audio").answer
    shown = page.get_by_role("listbox", name=re.compile("^Predictions after")).or_(
        page.get_by_label(re.compile("^Predictions after"))
    )
    expect(shown.first).to_contain_text(percent(float(after.probabilities_after.max())))
    # The switch and what it changes are on one screen.
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    maps = page.get_by_role("listbox", name="Maps after").get_by_role("option")
    expect(maps).to_have_count(2)
    for part in (page.get_by_text("Picture alone", exact=True), shown.first, *maps.all()):
        assert Box.of(part).inside(1280, 800), part


def frames_of(data: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(data)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
