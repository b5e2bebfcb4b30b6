"""Starts the app with what its server adds to every answer: `streamlit run server.py`, as `perceiver app` does.

Streamlit finds `app` in this file. It serves `streamlit_app.py`, gives every browser the cookie under which its uploads
are kept across reloads, and on a public server sends the headers that restrict what a page may do. It frees the memory
of sessions whose time is over.
"""

from __future__ import annotations

import asyncio
import gc
import math
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit import runtime

from app.services import failures, visitors
from app.services.public import is_public

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    # Streamlit's page and its components begin with inline scripts, and Vega's expressions are compiled.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss: data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}
"""What a public server sends with every answer."""

MAIN_PAGE = "/explore"
"""The address that the main page would have if it were like the others; it leads to the main page."""

LAST_LOADED = "app.sections.downloads"
"""The module that is imported last of those that take long: `app.sections.header.HEAVY`."""

COLLECTED_EVERY = 300.0
"""Seconds after which everything is collected again, also what was exempted."""

_NEEDED = (b"cookie", b"sec-fetch-dest", b"x-forwarded-proto")


class Visitors:
    """Middleware that sends the headers, and the cookie of a browser with a page."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handles a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        base = st.get_option("server.baseUrlPath").strip("/")
        if scope["path"].strip("/") == f"{base}{MAIN_PAGE}".strip("/"):
            # Streamlit knows the main page by "/" alone.
            place = b"../" if scope["path"].endswith("/") else b"./"
            query = scope.get("query_string", b"")
            headers = [(b"location", place + (b"?" + query if query else b"")), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 307, "headers": headers})
            await send({"type": "http.response.body"})
            return
        given = {name: value for name, value in scope["headers"] if name in _NEEDED}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                kinds = [value for name, value in headers if name.lower() == b"content-type"]
                # A page that the browser has in its cache is answered without a content type.
                page = given.get(b"sec-fetch-dest") == b"document" or any(k.startswith(b"text/html") for k in kinds)
                if page and not _has_key(given.get(b"cookie", b"")):
                    tls = scope.get("scheme") == "https" or given.get(b"x-forwarded-proto") == b"https"
                    headers.append((b"set-cookie", _cookie(tls).encode()))
                if is_public():
                    names = {name.lower() for name, _ in headers}
                    headers += [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in names]
            await send(message)

        await self._app(scope, receive, answer)


def _has_key(cookies: bytes) -> bool:
    try:
        held = SimpleCookie(cookies.decode("latin-1")).get(visitors.COOKIE)
    except CookieError:
        return False
    return held is not None and visitors.is_key(held.value)


def _cookie(tls: bool) -> str:
    """A cookie for as long as the browser runs, which no script of a page can read."""
    flags = "; HttpOnly; SameSite=Lax; Path=/" + ("; Secure" if tls else "")
    return f"{visitors.COOKIE}={visitors.new_key()}{flags}"


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Ends sessions in time while the server runs."""
    task = asyncio.create_task(_end_sessions())
    try:
        yield
    finally:
        task.cancel()


async def _end_sessions() -> None:
    """Ends the sessions whose page was closed `server.disconnectedSessionTTL` seconds ago.

    Streamlit itself ends them when the next page is closed, which may be hours later; until then their uploads stay in
    memory.
    """
    pause = min(15.0, max(1.0, st.get_option("server.disconnectedSessionTTL") / 4))
    collected = -math.inf
    while True:
        await asyncio.sleep(1.0 if collected == -math.inf else pause)
        due = LAST_LOADED in sys.modules and time.monotonic() - collected > COLLECTED_EVERY
        if _end_expired() or due:
            _collect()
            collected = time.monotonic()


def _collect() -> None:
    """Frees what is in cycles, such as the values of a session, and exempts what is left from later collections.

    Streamlit collects after every run of a page, which holds the answer back for as long as it takes to go through
    everything that the libraries have loaded, 0.15 s.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _end_expired() -> int:
    """Ends the sessions whose time is over. Returns how many."""
    expired = runtime.get_instance()._session_mgr._session_storage._cache.expire()
    for _, ended in expired:
        ended.session.shutdown()
    return len(expired)


failures.install()
app = st.App(
    Path(__file__).parent / "streamlit_app.py",
    middleware=[Middleware(Visitors)],
    on_script_error=failures.show,
    lifespan=lifespan,
)
