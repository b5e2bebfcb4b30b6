"""A public server: no paths, few repositories, smaller limits, and references in place of an error's details."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.services import checkpoints, failures, fetching, inference, public, visitors
from app.services.checkpoints import LOCAL_PATHS, Hub
from app.services.inference import Case
from perceiver import CheckpointError, InputError
from perceiver.cli import serve
from tests.app import folder, sounds
from tests.app.pages import control, opened, said

SECRET = "name-of-an-upload.png"


@pytest.fixture(autouse=True)
def _public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(public.PUBLIC, "1")
    monkeypatch.delenv(public.ALLOWED, raising=False)


@pytest.fixture
def reporting() -> Iterator[None]:
    """As under `server.py`."""
    failures.install()
    yield
    failures._installed = False
    for name in failures._STREAMLITS:
        logging.getLogger(name).removeFilter(failures._without_messages)


def test_files_of_the_machine_cannot_be_named(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCAL_PATHS, "1")
    assert not checkpoints.local_paths()
    with pytest.raises(CheckpointError, match="by their path"):
        checkpoints.at_path("/etc/passwd")
    assert opened(app, "open").segmented_control(key="open_from").options == ["From the hub", "Upload"]


@pytest.mark.parametrize(
    ("said", "repository", "allowed"),
    [
        (None, "deepmind/vision-perceiver-fourier", True),
        (None, "someone/else", False),
        ("someone/else", "someone/else", True),
        ("someone/else", "deepmind/vision-perceiver-fourier", False),
        ("a/b, deepmind/*", "deepmind/anything", True),
        ("a/b, deepmind/*", "deepmind-x/anything", False),
        ("", "a/b", False),
    ],
)
def test_only_some_repositories_can_be_opened(
    said: str | None, repository: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv(public.ALLOWED, said)
    assert public.may_open(repository) == allowed
    monkeypatch.setattr(
        fetching.hub, "look", lambda *_, **__: pytest.fail("the hub was asked") if not allowed else None
    )
    if allowed:
        return
    for ask in (lambda: fetching.look(Hub(repository)), lambda: fetching.fetch(repository, "c" * 40)):
        with pytest.raises(CheckpointError, match="cannot be opened on this public server"):
            ask()
    assert fetching.cached(Hub(repository)) is None


def test_a_link_to_another_repository_opens_nothing(app: AppTest, checkpoints: Path) -> None:
    from app.services import checkpoints as registry

    source = registry.on_hub(Hub("someone/else"), "c" * 40)
    found = registry.inspect(checkpoints / "image-fourier")
    registry.keep(source, {}, found)
    try:
        opened(app, "explore", model="someone/else")
        assert not app.exception
        assert "Nothing is fetched" in said(app)
        next(button for button in app.button if button.label == "Look it up").click().run()
        assert "cannot be opened on this public server" in said(app)
    finally:
        registry._known.clear()
        st.session_state.pop("opened", None)


def test_limits_are_smaller() -> None:
    for name in vars(public._OWN):
        own, smaller = getattr(public._OWN, name), getattr(public._PUBLIC, name)
        assert smaller <= (own or smaller)
    assert public.limits().checkpoint_megabytes == serve.PUBLIC_UPLOAD
    with pytest.raises(InputError, match=r"a\.png has 25\.0 MB|at most 25 MB"):
        public.check_size("a.png", bytes(25_000_001))


def test_a_long_clip_is_refused(tmp_path: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(sounds.build(tmp_path)))
    monkeypatch.setattr(public, "_PUBLIC", public.Limits(clip_seconds=3.0))
    with pytest.raises(InputError, match=r"long\.wav lasts 5 s, and this public server takes at most 3 s"):
        inference.read(Case("audio-raw", "0", "long.wav", sounds.LONG))


def test_an_error_shows_a_reference_that_is_in_the_log_and_nothing_else(
    app: AppTest, reporting: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError(SECRET)

    app.run()
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(inference, "trace", fails)
        control(app, "model").set_value("image-learned").run()
    (error,) = app.error
    assert not app.exception
    assert "RuntimeError" not in error.value
    (reference,) = re.findall(r"reference ([0-9a-f]{8})", error.value)
    assert f"error {reference}" in caplog.text
    assert "in fails" in caplog.text
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text
    control(app, "model").set_value("image-fourier").run()
    assert not app.error
    assert app.query_params["model"] in ("image-fourier", ["image-fourier"])


def test_streamlits_own_log_has_no_messages_of_errors(reporting: None, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger(failures._STREAMLITS[0])
    log.propagate, before = True, log.propagate
    try:
        raise ValueError(SECRET) from OSError(SECRET)
    except ValueError:
        log.warning("Uncaught app execution", exc_info=True)
    finally:
        log.propagate = before
    assert "ValueError" in caplog.text
    assert "OSError" in caplog.text
    assert SECRET not in caplog.text


def test_the_command_sets_the_server_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    streamlits = ("CLIENT_SHOW_ERROR_DETAILS", "SERVER_MAX_UPLOAD_SIZE", "SERVER_HEADLESS", "SERVER_ENABLE_AGENT_API")
    for name in (*(f"STREAMLIT_{name}" for name in streamlits), public.PUBLIC):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(serve.os, "execv", lambda _, command: seen.append((dict(os.environ), command)))
    serve.serve(port=8501, address="localhost", public=True)
    ((environment, command),) = seen
    assert environment[public.PUBLIC] == "1"
    assert environment["STREAMLIT_CLIENT_SHOW_ERROR_DETAILS"] == "none"
    assert environment["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] == "100"
    assert environment["STREAMLIT_SERVER_HEADLESS"] == "true"
    assert environment["STREAMLIT_SERVER_ENABLE_AGENT_API"] == "false"
    assert command[command.index("run") + 1].endswith("server.py")


Headers = list[tuple[bytes, bytes]]


def answer(
    request: Headers,
    kind: bytes = b"text/html; charset=utf-8",
    scheme: str = "http",
    path: str = "/",
    query: bytes = b"",
) -> dict[str, list[str]]:
    """The headers of an answer of the server to a request with some headers."""
    server = importlib.import_module("server")
    sent: list[Any] = []

    async def page(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    scope = {"type": "http", "scheme": scheme, "headers": request, "path": path, "query_string": query}
    asyncio.run(server.Visitors(page)(scope, receive, send))
    found: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name.decode(), []).append(value.decode())
    return found


def test_the_server_sends_its_headers(reporting: None) -> None:
    headers = answer([], kind=b"application/javascript")
    assert headers["x-content-type-options"] == ["nosniff"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"][0]
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        ("/explore", b"model=a&sample=b", "./?model=a&sample=b"),
        ("/explore/", b"", "../"),
        ("/explain", b"", None),
        ("/explored", b"", None),
    ],
)
def test_the_main_page_is_found_by_its_name_too(reporting: None, path: str, query: bytes, place: str | None) -> None:
    assert answer([], path=path, query=query).get("location") == (place and [place])


def test_a_browser_gets_an_unguessable_key_once(reporting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (cookie,) = answer([])["set-cookie"]
    name, _, rest = cookie.partition("=")
    key, *flags = rest.split("; ")
    assert name == visitors.COOKIE
    assert visitors.is_key(key)
    assert flags == ["HttpOnly", "SameSite=Lax", "Path=/"]
    assert "set-cookie" not in answer([(b"cookie", f"a=b; {name}={key}".encode())])
    assert "set-cookie" in answer([(b"cookie", f"{name}=guessed".encode())])
    assert "set-cookie" in answer([(b"sec-fetch-dest", b"document")], kind=b"")  # not modified
    assert answer([], scheme="https")["set-cookie"][0].endswith("; Secure")
    assert answer([(b"x-forwarded-proto", b"https")])["set-cookie"][0].endswith("; Secure")
    monkeypatch.delenv(public.PUBLIC)
    assert set(answer([])) == {"content-type", "set-cookie"}


def test_the_name_of_an_upload_is_in_no_link_and_no_log(app: AppTest, caplog: pytest.LogCaptureFixture) -> None:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value((SECRET, folder.picture(3), "image/png")).run()
    app.file_uploader(key="upload").set_value((SECRET, b"no picture", "image/png")).run()
    assert len(app.error) == 1
    assert SECRET not in str(dict(app.query_params.items()))
    assert SECRET not in caplog.text
