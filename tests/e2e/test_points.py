"""Point clouds in a real browser: turned, read, picked."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.components.frame import asset
from perceiver import Trace, load, modalities
from perceiver.plots.drawing.points import LOOK, shot
from perceiver.sample import Sample
from tests.app import clouds
from tests.e2e.conftest import PATIENCE, App, at_rest, large, until, upload

pytestmark = pytest.mark.e2e


@pytest.fixture
def app(strips_app: App) -> App:
    return strips_app


@pytest.fixture(scope="module")
def sample() -> Sample:
    """The first sample, as the library reads it."""
    data = clouds.ply(clouds.points())
    reader = modalities.get("points")
    return reader.read(data, "a.ply", shape=clouds.CONFIG.input_shape, preprocess=clouds.CONFIG.preprocess)


@pytest.fixture(scope="module")
def trace(strips_app: App, sample: Sample) -> Trace:
    model = load(strips_app.checkpoints / "points-fourier")
    return model.trace(model.inputs(sample))


@pytest.fixture
def opened(page: Page, app: App) -> Page:
    page.goto(f"{app.url}?model=points-fourier")
    expect(row(page)).to_have_count(len(clouds.CONFIG.plan), timeout=PATIENCE)
    at_rest(page)
    return page


def seen(page: Page) -> Locator:
    return page.get_by_role("application", name=re.compile("^The point cloud as the model read it"))


def original(page: Page) -> Locator:
    return page.get_by_role("application", name=re.compile("^The whole point cloud"))


def row(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Maps of the blocks").get_by_role("option")


SETTLED = """async (canvases) => {
    const frame = () => new Promise(requestAnimationFrame);
    const data = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const drawn = (canvas) => data(canvas).some(Boolean);
    let before, now;
    do {
        before = now;
        await new Promise((done) => setTimeout(done, 250));
        await frame();
        await frame();
        now = canvases.every(drawn) ? canvases.map((canvas) => canvas.toDataURL()).join() : undefined;
    } while (now === undefined || now !== before);
    return now;
}"""


def settled(*canvases: Locator) -> str:
    """The pictures once they are drawn finely, a moment after the last move."""
    return str(canvases[0].page.evaluate(SETTLED, [canvas.element_handle() for canvas in canvases]))


def picture(canvas: Locator) -> str:
    return str(canvas.evaluate("node => node.toDataURL()"))


def changed(canvas: Locator, was: str) -> str:
    """The picture once it is another one."""
    until(canvas.page, lambda: picture(canvas) != was)
    return settled(canvas)


def shows(canvas: Locator, wanted: str) -> None:
    """Waits until it shows this picture."""
    until(canvas.page, lambda: picture(canvas) == wanted)


def drag(canvas: Locator, across: int, down: int) -> None:
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = canvas.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + across, y + down, steps=4)
    mouse.up()
    mouse.move(0, 0)


def spot(canvas: Locator, sample: Sample) -> tuple[int, dict[str, float]]:
    """A point that lies open to view, and where it is on the canvas."""
    box = canvas.bounding_box()
    assert box is not None
    side = round(box["width"])
    front = shot(sample.seen, "y", side=side, fine=1).front
    middle = front[2:-2, 2:-2]
    open_ = middle >= 0
    for down in range(5):
        for across in range(5):
            open_ &= front[down : down + side - 4, across : across + side - 4] == middle
    r, c = np.argwhere(open_)[len(np.argwhere(open_)) // 2] + 2
    return int(front[r, c]), {"x": float(c) + 0.5, "y": float(r) + 0.5}


def address(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlparse(page.url).query).items()}


@pytest.mark.parametrize(("up", "side", "fine"), [("y", 60, 1), ("z", 40, 2), ("x", 90, 2)])
def test_the_page_draws_clouds_as_the_figures_do(page: Page, up: str, side: int, fine: int) -> None:
    points = np.random.default_rng(2).uniform(-1, 1, (500, 3)).astype(np.float32)
    page.set_content("<p></p>")
    page.add_script_tag(content=asset("camera.js", "splats.js"))
    reach = float(np.sqrt((points.astype(np.float64) ** 2).sum(axis=1).max()))
    front = page.evaluate(
        """([points, look, up, reach, side, fine]) => {
            const splats = new Splats(Float32Array.from(points), look, reach);
            splats.shoot(new Camera(look, up), side, fine);
            const { pad, stride } = splats.view;
            const rows = [...Array(side).keys()].map((row) => (row + pad) * stride + pad);
            return rows.map((from) => [...splats.front.subarray(from, from + side)]);
        }""",
        [points.ravel().tolist(), json.loads(json.dumps(dict(LOOK))), "xyz".index(up), reach, side * fine, fine],
    )
    agree = np.array(front) == shot(points, up, side, fine).front
    assert agree.mean() > 0.995  # a point on the border of two pixels may fall to either side


def test_a_point_is_read_by_pointing_and_picked_by_a_click_or_its_number(
    opened: Page, sample: Sample, trace: Trace
) -> None:
    element, place = spot(large(opened), sample)
    large(opened).hover(position=place)
    readout = large(opened).locator("xpath=../../div[@class='readout']")
    expect(readout).to_contain_text(f"point {element + 1}")
    value = trace.map(trace.blocks[0]).numpy()[element]
    shown = re.search(r"point \d+\s+([\d.]+)", readout.inner_text())
    assert shown is not None
    assert float(shown[1]) == pytest.approx(float(value), rel=0.006)

    large(opened).click(position=place)
    expect(opened).to_have_url(re.compile(f"pick={element + 1}(&|$)"))
    expect(opened.get_by_role("listbox", name=f"Attention to point {element + 1}, by latent")).to_be_visible()
    at_rest(opened)
    number = opened.get_by_role("spinbutton", name="Point, 1 to 256").first
    expect(number).to_have_value(str(element + 1))
    number.fill("17")
    number.press("Enter")
    expect(opened).to_have_url(re.compile("pick=17(&|$)"))
    expect(opened.get_by_role("listbox", name="Attention to point 17, by latent")).to_be_visible()


def test_turning_one_cloud_turns_all(opened: Page) -> None:
    canvases = [
        original(opened),
        seen(opened),
        large(opened),
        *(row(opened).nth(i).locator("canvas").first for i in (0, 2)),
    ]
    reset = opened.get_by_role("button", name="Reset view")
    expect(reset).to_have_count(0)
    before = []
    for canvas in canvases:
        canvas.scroll_into_view_if_needed()
        before.append(settled(canvas))
    drag(large(opened), 90, 30)
    expect(reset.first).to_be_visible()
    for canvas, was in zip(canvases, before, strict=True):
        canvas.scroll_into_view_if_needed()
        changed(canvas, was)
    assert "pick" not in address(opened)
    drag(row(opened).nth(1).locator("canvas").first, -60, 0)
    assert "block" not in address(opened)
    large(opened).dblclick(position={"x": 200, "y": 200})
    opened.mouse.move(0, 0)
    for canvas, was in zip(canvases, before, strict=True):
        canvas.scroll_into_view_if_needed()
        shows(canvas, was)
    assert "pick" not in address(opened)


def test_the_wheel_scrolls_the_page_until_the_cloud_is_chosen(opened: Page) -> None:
    canvas = seen(opened)
    before = settled(canvas)
    canvas.hover()
    opened.mouse.wheel(0, 200)
    opened.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 0", timeout=PATIENCE)
    opened.mouse.move(0, 0)
    assert settled(canvas) == before
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    canvas.hover()
    opened.mouse.wheel(0, -200)
    changed(canvas, before)


def test_the_keyboard_turns_zooms_picks_and_chooses_blocks(opened: Page) -> None:
    canvas = large(opened)
    canvas.focus()
    before = now = settled(canvas)
    for key in ("ArrowRight", "ArrowUp", "+", "Shift+ArrowLeft"):
        opened.keyboard.press(key)
        now = changed(canvas, now)
    opened.keyboard.press("0")
    opened.keyboard.press("Enter")
    expect(opened).to_have_url(re.compile("pick="))
    picked = address(opened)["pick"]
    expect(opened.get_by_role("listbox", name=f"Attention to point {picked}, by latent")).to_be_visible()
    at_rest(opened)
    canvas.focus()
    opened.keyboard.press("Escape")
    expect(opened).not_to_have_url(re.compile("pick="))
    canvas.blur()
    shows(canvas, before)
    at_rest(opened)

    row(opened).nth(1).get_by_text("Block 2").click()
    expect(large(opened)).to_have_attribute("aria-label", re.compile("^Block 2"))
    at_rest(opened)
    row(opened).nth(2).locator("canvas").first.click()
    expect(large(opened)).to_have_attribute("aria-label", re.compile("^Block 3"))
    at_rest(opened)
    row(opened).and_(opened.locator("[tabindex='0']")).focus()
    opened.keyboard.press("Home")
    opened.keyboard.press("Enter")
    expect(large(opened)).to_have_attribute("aria-label", re.compile("^Block 1"))


# Red and blue, as they lie in memory: alpha, blue, green, red.
HAS_BOTH = """node => {
    const { data } = node.getContext("2d").getImageData(0, 0, node.width, node.height);
    const pixels = new Uint32Array(data.buffer);
    const count = (colour) => pixels.filter((pixel) => pixel === (0xff000000 | colour) >>> 0).length;
    return [0x141ec8, 0xd25a14].every((colour) => count(colour) > 500);
}"""


def test_the_axis_that_points_up_is_chosen_and_an_upload_keeps_its_colours(opened: Page) -> None:
    before = settled(seen(opened))
    up = opened.get_by_test_id("stButtonGroup").filter(has_text="as trained")
    up.get_by_text("z", exact=True).click()
    expect(opened).to_have_url(re.compile("read=up%3Az"))
    expect(opened.get_by_text("Turned it so that its z axis points up")).to_be_visible()
    changed(seen(opened), before)
    at_rest(opened)
    up.get_by_text("y (as trained)").click()
    expect(opened).not_to_have_url(re.compile("read="))
    shows(seen(opened), before)
    at_rest(opened)

    places = clouds.points(3000, seed=4)
    colours = np.where(places[:, 2:] > 0, [[200, 30, 20]], [[20, 90, 210]]).astype(np.uint8)
    upload(opened, "mine.ply", clouds.ply(places, colours))
    expect(opened.get_by_text("3,000 points.", exact=True)).to_be_visible()
    until(opened, lambda: original(opened).evaluate(HAS_BOTH))
    opened.get_by_text("Spread out", exact=True).click()
    expect(opened).to_have_url(re.compile("read=draw%3Afarthest"))
    expect(opened.get_by_text("far apart")).to_be_visible()


def test_a_phone_shows_clouds_within_its_width(browser: Browser, app: App) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True)
    phone.set_default_timeout(PATIENCE)
    page = phone.new_page()
    page.goto(f"{app.url}?model=points-fourier")
    expect(large(page)).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    wide = page.locator("canvas, button, [role=option]").evaluate_all(
        "nodes => nodes.filter(n => n.getBoundingClientRect().right > innerWidth + 1).map(n => n.className)"
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # A finger scrolls the page over a cloud, and turns it both ways once it is chosen.
    touch = "node => getComputedStyle(node).touchAction"
    assert large(page).evaluate(touch) == "pan-y"
    large(page).focus()
    assert large(page).evaluate(touch) == "none"
    phone.close()
