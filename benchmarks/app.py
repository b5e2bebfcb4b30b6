"""The app in a browser: times of warm pages and of controls, heights of pages, and where the first map lies.

    python benchmarks/app.py                       every page, medians of five
    python benchmarks/app.py --repeats 3 explore   some of them
    python benchmarks/app.py --strokes             what is drawn and erased by hand, medians of moves of the pointer
    python benchmarks/app.py --cold                from the command that starts the server to the first maps

A minimal Streamlit page (a picture and a button) is measured in the same run, as the least that Streamlit itself takes:
time depends on the machine and what else runs on it. A page is warm when the same view was drawn before; its time is
from the address to the page at rest, with all maps drawn. The time of a control is from the click to the changed page
at rest. The window is 1280 x 800.

The time of a stroke is from a move of the pointer, while its button is pressed, to the changed probabilities, with the
page at rest before. The minimal page has a component that sends the move, and shows the number that comes back.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
WINDOW = {"width": 1280, "height": 800}
PATIENCE = 180_000  # milliseconds: the first visit loads PyTorch
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

PEER = """
import numpy as np
import streamlit as st

st.set_page_config(layout="wide")
st.title("A minimal page")
clicks = st.session_state.get("clicks", 0) + st.button("Next")
st.session_state["clicks"] = clicks
st.image(np.full((64, 64, 3), clicks % 256, np.uint8), width=256)
st.write(f"Clicks: {clicks}")
"""


MOVED = """
import streamlit as st

HTML = '''
<div role="img" aria-label="Drawing pad" style="height:260px"></div>
<div class="shown" aria-label="Answer"></div>
'''
JS = '''
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.querySelector(".shown").textContent = data;
  const moved = (event) => event.buttons && setTriggerValue("moved", event.timeStamp);
  parentElement.querySelector("[role=img]").onpointermove = moved;
}
'''

def count():
    st.session_state["moves"] = st.session_state.get("moves", 0) + 1

mount = st.components.v2.component("peer", html=HTML, js=JS)
mount(key="pad", data=str(st.session_state.get("moves", 0)), on_moved_change=count)
"""

WATCH = """label => {
    const find = root => {
        for (const node of root.querySelectorAll("*")) {
            const found = node.getAttribute("aria-label") === label ? node : node.shadowRoot && find(node.shadowRoot);
            if (found) return found;
        }
        return null;
    };
    const node = find(document);
    window.changed = [];
    const options = { childList: true, subtree: true, characterData: true };
    new MutationObserver(() => window.changed.push(performance.now())).observe(node, options);
    window.addEventListener("pointermove", () => (window.moved = performance.now()), true);
}"""
"""Notes when the pointer moves, and when what has a label changes."""


@dataclass(frozen=True)
class Control:
    """Something to click, and how to tell that it was done."""

    name: str
    click: Callable[[Page, int], None]


def at_rest(page: Page) -> None:
    """Waits until the server is done and nothing stands for a part that is still to come."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)


def maps(page: Page) -> None:
    """Waits for the first row of maps."""
    page.locator("[class*=st-key-flow] canvas").first.wait_for(timeout=PATIENCE)


def minimal(page: Page) -> None:
    """Waits for the minimal page."""
    page.get_by_role("button", name="Next").wait_for(timeout=PATIENCE)


def choose_block(page: Page, turn: int) -> None:
    """Another block large."""
    option = page.get_by_role("listbox", name="Maps of the blocks").first.get_by_role("option").nth((turn + 1) % 2)
    option.click()
    expect(option).to_have_attribute("aria-selected", "true", timeout=PATIENCE)


def choose_sample(page: Page, turn: int) -> None:
    """One of two samples that were both shown before."""
    option = page.get_by_role("listbox", name="Samples").get_by_role("option").nth((turn + 1) % 2)
    option.click()
    expect(option).to_have_attribute("aria-selected", "true", timeout=PATIENCE)


def preset(page: Page, turn: int) -> None:
    """Frequencies removed, and back."""
    name = ("Low-pass", "All on")[turn % 2]
    before = page.url
    page.get_by_test_id("stMain").get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
    page.wait_for_function("before => location.href !== before", arg=before, timeout=PATIENCE)


BLOCK = Control("choose a block", choose_block)
PAGES: dict[str, tuple[str, tuple[Control, ...]]] = {
    "explore": ("", (BLOCK, Control("choose a sample", choose_sample))),
    "explain": ("explain", ()),
    "ablate": ("ablate", (Control("remove and restore frequencies", preset),)),
    "compare": ("compare", (Control("choose a block", choose_block),)),
    "open": ("open", ()),
    "data_set": ("data_set", ()),
}
WITHOUT_MAPS = ("open", "data_set")
"""Pages without the row of maps."""


@contextmanager
def serving(script: str, folder: Path, log: Path) -> Iterator[str]:
    """A Streamlit server of one script; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", script, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.2)
        else:
            raise SystemExit(f"the server did not start: {log.read_text(errors='replace')}")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def visit(browser: Browser, address: str, ready: Callable[[Page], None]) -> tuple[Page, float]:
    """Opens an address as a new visitor; returns the page at rest and the seconds that took."""
    page = browser.new_context(viewport=WINDOW).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    start = time.perf_counter()
    page.goto(address)
    ready(page)
    at_rest(page)
    return page, time.perf_counter() - start


def warm(browser: Browser, address: str, ready: Callable[[Page], None], repeats: int) -> tuple[float, Page]:
    """The median seconds of a warm page, and the last visitor's page."""
    visit(browser, address, ready)[0].context.close()
    seconds = []
    for turn in range(repeats):
        page, took = visit(browser, address, ready)
        seconds.append(took)
        if turn < repeats - 1:
            page.context.close()
    return median(seconds), page


def controlled(page: Page, click: Callable[[Page, int], None], repeats: int) -> float:
    """The median seconds from a click to the page at rest, after both states were drawn once."""
    seconds = []
    for turn in range(2 + repeats):
        start = time.perf_counter()
        click(page, turn)
        at_rest(page)
        if turn >= 2:
            seconds.append(time.perf_counter() - start)
    return median(seconds)


def placed(page: Page) -> str:
    """The height of a page, and the top of its first map, in CSS pixels."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    first = page.locator("[class*=st-key-flow]").first.get_by_role("listbox").first
    box = first.bounding_box() if first.count() else None
    return f"height {height:,} px" + (f", first map at {box['y']:.0f} px" if box else "")


def count(page: Page, turn: int) -> None:
    """The button of the minimal page."""
    page.get_by_role("button", name="Next").click()
    page.get_by_text(f"Clicks: {turn + 1}", exact=True).wait_for(timeout=PATIENCE)


def moves(page: Page, answer: str, repeats: int) -> tuple[float, float]:
    """Median and largest milliseconds from a move of the pointer, while its button is pressed over the pad or the large
    input, to the changed answer; the page is at rest before every move.

    answer  label of what changes
    """
    input_ = page.get_by_role("application", name=re.compile("as the model read it"))
    box = page.get_by_role("img", name="Drawing pad").or_(input_).first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.evaluate(WATCH, answer)
    times = []
    for i in range(1 + repeats):
        across, down = 0.2 + 0.6 * ((i + 1) % 2), 0.2 + 0.6 * (i + 1) / (1 + repeats)
        page.evaluate("window.changed = []")
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.wait_for_function("window.changed.length", timeout=PATIENCE)
        times.append(page.evaluate("window.changed[0] - window.moved"))
        page.wait_for_timeout(300)
        at_rest(page)
    page.mouse.up()
    at_rest(page)
    return median(times[1:]), max(times[1:])


def draw(page: Page) -> str:
    """Turns to the pad, and draws a first stroke; the label of the answer."""
    page.get_by_test_id("stSidebar").get_by_role("radio", name="Draw").click()
    pad = page.get_by_role("img", name="Drawing pad")
    pad.wait_for(timeout=PATIENCE)
    at_rest(page)
    pad.click()
    page.get_by_role("button", name="Save the drawing").wait_for(timeout=PATIENCE)
    at_rest(page)
    return "Predictions with their probabilities"


def erase(page: Page) -> str:
    """Erases a first spot; the label of the answer."""
    page.get_by_role("application", name=re.compile("as the model read it")).click()
    page.get_by_role("listbox", name="Maps after").wait_for(timeout=PATIENCE)
    at_rest(page)
    return "Predictions after with their probabilities"


STROKES: dict[str, tuple[str, Callable[[Page], str]]] = {
    "draw a digit": ("?model=digits-fourier", draw),
    "draw a letter": ("?model=letters-fourier", draw),
    "erase from a letter": ("ablate?model=letters-fourier&removes=elements", erase),
    "erase from a spectrogram": ("ablate?model=audio-mel&removes=elements", erase),
}
"""Where a hand draws on an input: an address, and what makes the page ready."""


def print_strokes(browser: Browser, peer: str, ours: str, repeats: int) -> None:
    """Prints a line for the minimal page, and one for every place where a hand draws."""
    page, _ = visit(browser, peer, lambda page: page.get_by_role("img", name="Drawing pad").wait_for())
    line = "{:<44} {:6.0f} ms   at most {:.0f} ms"
    print(line.format("minimal page, a move comes back", *moves(page, "Answer", repeats)), flush=True)
    page.context.close()
    for name, (where, ready) in STROKES.items():
        page, _ = visit(browser, f"{ours}/{where}", maps)
        print(line.format(name, *moves(page, ready(page), repeats)), flush=True)
        page.context.close()


def print_cold(browser: Browser, folder: Path, repeats: int) -> None:
    """Prints the median seconds from the command that starts a server until it answers, and until the first page is at
    rest, for the minimal page and for the app."""
    for name, script, where, ready in (
        ("minimal Streamlit page", "peer.py", folder, minimal),
        ("app, first maps", "server.py", ROOT, maps),
    ):
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            with serving(script, where, folder / "cold.log") as address:
                answered = time.perf_counter() - start
                page, _ = visit(browser, address, ready)
                seconds.append((answered, time.perf_counter() - start))
                page.context.close()
        answers, ends = zip(*seconds, strict=True)
        print(f"{name:<44} {median(ends):6.2f} s   server after {median(answers):.2f} s", flush=True)


def main() -> None:
    """Prints a line for every page and every control."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pages", nargs="*", choices=[*PAGES, []], help="all by default")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of which the median is printed")
    parser.add_argument("--model", default="", help="the checkpoint; the app's first by default")
    parser.add_argument("--strokes", action="store_true", help="measure strokes of a hand instead of pages")
    parser.add_argument("--cold", action="store_true", help="measure the start of the server instead of pages")
    asked = parser.parse_args()
    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if path is None:
        raise SystemExit("this benchmark needs Chromium: install the Debian package chromium")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "peer.py").write_text(MOVED if asked.strokes else PEER)
        playwright = stack.enter_context(sync_playwright())
        browser = stack.enter_context(playwright.chromium.launch(executable_path=path, args=ARGUMENTS))
        if asked.cold:
            print_cold(browser, folder, asked.repeats)
            return
        peer = stack.enter_context(serving("peer.py", folder, folder / "peer.log"))
        ours = stack.enter_context(serving("server.py", ROOT, folder / "app.log"))
        if asked.strokes:
            print_strokes(browser, peer, ours, asked.repeats)
            return
        seconds, page = warm(browser, peer, minimal, asked.repeats)
        print(f"{'minimal Streamlit page':<44} {seconds:6.2f} s", flush=True)
        print(f"{'  click its button':<44} {controlled(page, count, asked.repeats):6.2f} s", flush=True)
        page.context.close()
        for name in asked.pages or PAGES:
            where, controls = PAGES[name]
            ready = (lambda page: None) if name in WITHOUT_MAPS else maps
            address = f"{ours}/{where}" + (f"?model={asked.model}" if asked.model else "")
            seconds, page = warm(browser, address, ready, asked.repeats)
            print(f"{name:<44} {seconds:6.2f} s   {placed(page)}", flush=True)
            for control in controls:
                took = controlled(page, control.click, asked.repeats)
                print(f"{'  ' + control.name:<44} {took:6.2f} s", flush=True)
            page.context.close()


if __name__ == "__main__":
    main()
