"""The app as a visitor meets it: a server of its own on a free port, and Chromium."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from perceiver import Perceiver, load
from perceiver.checkpoints.bundled import BundledCheckpoints
from tests.app import folder

ROOT = Path(__file__).parents[2]
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    "--use-fake-device-for-media-stream",
]
START = 180
PATIENCE = 120_000  # milliseconds: the first visitor waits until torch is imported
expect.set_options(timeout=PATIENCE / 2)  # busy machines take long for what is quick otherwise


@dataclass(frozen=True)
class App:
    """A running app and the checkpoints it shows."""

    url: str
    checkpoints: Path


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those that come with the project; tiny ones while there are none."""
    bundled = BundledCheckpoints(ROOT / "checkpoints")
    return bundled.root if bundled.names("image") else folder.build(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def app(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with serving(checkpoints, tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running


@pytest.fixture(scope="session")
def strips_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app over the tiny checkpoints of `strips`, for tests of what all modalities have in common."""
    from tests.e2e import strips  # which imports this module

    folder = strips.build(tmp_path_factory.mktemp("strips"))
    with serving(folder, tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running


@contextmanager
def serving(checkpoints: Path, log: Path, **environment: str) -> Iterator[App]:
    """The app over a folder of checkpoints, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "server.py", *options],
            cwd=ROOT,
            # Checks of maps would begin in the middle of a test.
            env={**os.environ, "PERCEIVER_CHECKPOINTS": str(checkpoints), "PERCEIVER_CHECK_MAPS": "0", **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield App(f"http://127.0.0.1:{port}", checkpoints)
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        pytest.fail("these tests need Chromium: install the Debian package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    context.add_init_script(LISTEN)
    yield context
    context.close()


@pytest.fixture
def context(shared_context: BrowserContext) -> Iterator[BrowserContext]:
    """A browser that remembers nothing but the app's own scripts, whose loading takes a second."""
    yield shared_context
    for page in shared_context.pages:
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear()")
        page.close()
    shared_context.clear_cookies()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def model(checkpoints: Path) -> Perceiver:
    """The first checkpoint for pictures, which the app opens."""
    return load(checkpoints / BundledCheckpoints(checkpoints).default("image"))


QUIET, UNANSWERED = 200, 5000  # milliseconds
LISTEN = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (...message) {
    if (!this.heard) {
        this.heard = true;
        this.addEventListener("message", () => (window.answered = performance.now()));
    }
    window.asked = performance.now();
    return send.apply(this, message);
};
"""
"""Keeps when a page last asked the server for something, and when that last said something."""

AT_REST = """([call, quiet, unanswered]) => {
    const app = document.querySelector("[data-testid=stApp]");
    const waits = document.querySelector("[data-testid=stSkeleton], [aria-busy=true]");
    const busy = app?.dataset.testScriptState !== "notRunning" || waits;
    if (busy || window.rest?.call !== call) window.rest = { call, since: performance.now() };
    const since = performance.now() - Math.max(window.rest.since, window.asked ?? 0);
    return since >= (window.answered < window.asked ? unanswered : quiet);
}"""


def at_rest(page: Page) -> None:
    """Waits until the page's run has ended and what it shows is loaded.

    It stays so for a moment: a click may not have asked for a run yet, or the server not have begun it.
    """
    page.wait_for_function(AT_REST, arg=[time.monotonic(), QUIET, UNANSWERED], polling=50, timeout=PATIENCE)


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Waits for what no locator can say."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end, "it has not come true"
        page.wait_for_timeout(100)


def computed(page: Page, result: Locator) -> None:
    """Waits for a result. Work that starts by itself has to be started on a machine so busy that it would take long."""

    def shown() -> bool:
        if result.is_visible():
            return True
        starts = page.get_by_role("button", name=re.compile("^(Compute|Run) "))
        if starts.count():
            at_rest(page)
            if starts.count():
                starts.first.click()
        return False

    until(page, shown)


def upload(page: Page, name: str, data: bytes) -> None:
    """Uploads a file as the input, once the page is at rest."""
    at_rest(page)
    page.get_by_role("radio", name="Upload").click()
    at_rest(page)
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": data})
    digest = hashlib.sha256(data).hexdigest()
    expect(page).to_have_url(re.compile(f"sample=sha256-{digest}"), timeout=PATIENCE)
    at_rest(page)


def come_to_charts(page: Page) -> None:
    """Scrolls down until charts are drawn, which they are when the first of them is in the window."""
    chart = page.locator(".js-plotly-plot").first
    expect(chart.or_(page.locator(".place[role=img]").first).first).to_be_attached(timeout=2 * PATIENCE)
    end = time.monotonic() + PATIENCE / 1000
    while not chart.count() and time.monotonic() < end:
        page.get_by_test_id("stMain").evaluate("main => main.scrollBy(0, 400)")
        page.wait_for_timeout(200)
    expect(chart).to_be_visible()


def best_prediction(page: Page) -> Locator:
    """The most probable class, with its probability."""
    return page.get_by_role("list", name="Predictions with their probabilities").get_by_role("listitem").first


def saved_input(page: Page, label: str) -> bytes:
    """What a button saves, which is the input that the address names."""
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    data = Path(download.value.path()).read_bytes()
    assert f"sample=sha256-{hashlib.sha256(data).hexdigest()}" in page.url
    return data


def large(page: Page) -> Locator:
    """The large map of a block."""
    return page.get_by_role("application", name=re.compile("^Block "))


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text(errors='replace')}")
