"""Who visits: sessions, the browsers that they run in, and uploads that are kept for a browser across reloads.

A reload of the page begins another session. The server gives every browser a cookie with an unguessable key (see
`server.py`); uploads are kept under it for a while, within a bound of memory.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from .public import limits

COOKIE = "perceiver_lens_browser"
"""The cookie that holds a browser's key."""

_KEY = re.compile(r"[\w-]{43}", re.ASCII)


def new_key() -> str:
    """A key for a browser: 256 random bits."""
    return secrets.token_urlsafe(32)


def is_key(text: str | None) -> bool:
    """Whether a cookie holds what `new_key` returns."""
    return text is not None and _KEY.fullmatch(text) is not None


def session() -> str:
    """The id of the session whose page is being drawn; "" outside of any, as when a download is made."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def is_connected(session_id: str) -> bool:
    """Whether the page of a session is open in a browser."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session_id)


def browser() -> str | None:
    """A digest of the key of the browser of this session; None where it sends no cookie."""
    if not runtime.exists():
        return None
    key = st.context.cookies.to_dict().get(COOKIE)
    return hashlib.sha256(key.encode()).hexdigest() if key and is_key(key) else None


@dataclass(frozen=True)
class _Upload:
    name: str
    data: bytes = field(repr=False)
    until: float


class KeptUploads:
    """The latest uploads of all browsers; each is dropped when it was not used for a while, the longest unused ones
    first when there are too many bytes."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], _Upload] = OrderedDict()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def keep(self, browser: str, digest: str, name: str, data: bytes) -> bool:
        """Keeps an upload. The earlier ones of the browser go when they are too many bytes together. Returns False for
        an upload that is too large."""
        bounds = limits()
        if len(data) > bounds.kept_bytes:
            return False
        with self._lock:
            self._held.pop((browser, digest), None)
            self._held[browser, digest] = _Upload(name, data, time.monotonic() + bounds.kept_seconds)
            self._bound([key for key in self._held if key[0] == browser], bounds.kept_bytes)
            self._bound(list(self._held), bounds.kept_bytes_in_all)
            self._expire()
        return True

    def _bound(self, keys: Sequence[tuple[str, str]], most: int) -> None:
        """Drops the longest unused ones of some uploads until they take no more than so many bytes."""
        taken = sum(len(self._held[key].data) for key in keys)
        for key in keys:
            if taken <= most:
                return
            taken -= len(self._held.pop(key).data)

    def get(self, browser: str, digest: str) -> tuple[str, bytes] | None:
        """Name and bytes of an upload of this browser, used now; None when it is not kept, or no longer."""
        with self._lock:
            self._expire()
            found = self._held.pop((browser, digest), None)
            if found is None:
                return None
            until = time.monotonic() + limits().kept_seconds
            self._held[browser, digest] = _Upload(found.name, found.data, until)
            return found.name, found.data

    def _expire(self) -> None:
        """Drops what is over its time, now and when the time of the next one is over. Needs the lock."""
        now = time.monotonic()
        for key in [key for key, one in self._held.items() if one.until <= now]:
            del self._held[key]
        if self._held and self._timer is None:
            wait = min(one.until for one in self._held.values()) - now
            self._timer = threading.Timer(wait, self._wake)
            self._timer.daemon = True
            self._timer.start()

    def _wake(self) -> None:
        with self._lock:
            self._timer = None
            self._expire()


kept = KeptUploads()
"""The uploads that are kept for browsers by this process."""
