"""A visitor's browser without the browser: a client of the protocol that Streamlit's page and server speak."""

from __future__ import annotations

import http.cookiejar
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

PATIENCE = 900.0
"""Seconds after which a missing answer is an error."""

_PLACE = re.compile(r"Waiting for the model: (\d+)\w\w in the queue")


class ProtocolError(Exception):
    """The server did not do what it should, or the page shows an error."""


class Client:
    """One browser with one tab.

    elements  of the page as the last run of its script has drawn them, in the order of their arrival
    place     the largest place in the queue that the page has shown since the last request; 0 for none
    repeated  downloads that had to be asked for twice
    received  called with every message as bytes, to look for what is not this visitor's
    """

    def __init__(self, url: str, received: Callable[[bytes], None] | None = None) -> None:
        self._url = url
        self._received = received
        self._cookies = http.cookiejar.CookieJar()
        self._http = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self._held = ExitStack()  # of the connection
        self._socket: ClientConnection | None = None
        self._page = ""
        self._states: dict[str, WidgetState] = {}
        self._running = False
        self._awaited = False  # the run that the last request asked for has not begun
        self._urls: dict[str, Any] = {}
        self._files: dict[str, str] = {}
        self.elements: dict[tuple[int, ...], Element] = {}
        self.query = ""
        self.session = ""
        self.place = 0
        self.repeated = 0

    # ---------------------------------------------------------------------------------------------------- the page

    def open(self, page: str = "", **query: str) -> Client:
        """Opens a page by its address, as a link does, in a new tab. Its script runs; see `settle`."""
        self.close()
        self._get("/")
        self._get("/_stcore/health")  # sets the cookie against forged requests
        self._socket = self._held.enter_context(
            connect(
                self._url.replace("http", "ws", 1) + "/_stcore/stream",
                origin=self._url,  # type: ignore[arg-type]
                subprotocols=["streamlit"],  # type: ignore[list-item]
                additional_headers={"Cookie": "; ".join(f"{one.name}={one.value}" for one in self._cookies)},
                max_size=None,
                open_timeout=PATIENCE,
                ping_timeout=PATIENCE,
            )
        )
        self._states, self._page, self.query = {}, page, urllib.parse.urlencode(query)
        self._rerun()
        return self

    def go(self, page: str, **query: str) -> Client:
        """Goes to another page in the same session; with another address, if one is given."""
        if page != self._page:
            self._states = {}  # the controls of another page are others
        self._page = page
        self.query = urllib.parse.urlencode(query) if query else self.query
        self._rerun()
        return self

    def click(self, label: str) -> Client:
        """Clicks a button."""
        button = self.find("button", label)
        if button is None:
            raise ProtocolError(f"there is no button {label!r}")
        state = WidgetState(id=button.button.id, trigger_value=True)
        self._rerun(state)
        return self

    def upload(self, name: str, data: bytes) -> Client:
        """Puts a file into the page's first file chooser."""
        chooser = self.find("file_uploader")
        if chooser is None:
            raise ProtocolError(f"there is nothing to upload {name} with")
        ask = BackMsg()
        ask.file_urls_request.request_id = secrets.token_hex(8)
        ask.file_urls_request.file_names.append(name)
        ask.file_urls_request.session_id = self.session
        self._send(ask)
        self._until(lambda: ask.file_urls_request.request_id in self._urls)
        (place,) = self._urls.pop(ask.file_urls_request.request_id)
        self._put(place.upload_url, name, data)
        info = UploadedFileInfo(file_id=place.file_id, name=name, size=len(data), file_urls=place)
        state = WidgetState(id=chooser.file_uploader.id)
        state.file_uploader_state_value.uploaded_file_info.append(info)
        self._states[state.id] = state
        self._rerun()
        return self

    def download(self, label: str) -> bytes:
        """The file of a download button, made for this click. Waits for the button."""
        found = self.appears(lambda: self.find("download_button", label))
        if found is None:
            raise ProtocolError(f"there is no download {label!r}")
        for left in (2, 1, 0):
            ask = BackMsg()
            ask.backend_operation_request.request_id = secrets.token_hex(8)
            ask.backend_operation_request.session_id = self.session
            ask.backend_operation_request.deferred_file.file_id = found.download_button.deferred_file_id
            self._send(ask)
            self._until(lambda number=ask.backend_operation_request.request_id: number in self._files)
            try:
                return self._get(self._files.pop(ask.backend_operation_request.request_id))
            except urllib.error.HTTPError as error:
                # Streamlit drops a made file when two scripts, of any visitors, end before it is fetched.
                if not left or error.code != 404:
                    raise
                self.repeated += 1
        raise AssertionError

    def settle(self) -> Client:
        """Waits until the script of the page has run to its end. Raises ProtocolError when the page shows an error."""
        self._until(lambda: not self._running)
        return self.check()

    def appears(self, find: Callable[[], Element | None]) -> Element | None:
        """Waits until the page shows something, or its script ends without it: None. Raises ProtocolError for a page
        with an error."""
        found: Element | None = None

        def seen() -> bool:
            nonlocal found
            self.check()
            found = find()
            return found is not None or not self._running

        self._until(seen)
        return found

    def check(self) -> Client:
        """Raises ProtocolError when the page shows an error."""
        for kind, element in self._kinds():
            if kind == "exception":
                raise ProtocolError(f"{element.exception.type}: {element.exception.message}")
            if kind == "alert" and element.alert.format == element.alert.ERROR:
                raise ProtocolError(element.alert.body)
        return self

    def find(self, kind: str, label: str | None = None) -> Element | None:
        """The page's first element of a kind, with a label."""
        return next(
            (one for its, one in self._kinds() if its == kind and (label is None or getattr(one, kind).label == label)),
            None,
        )

    @property
    def is_open(self) -> bool:
        """Whether the tab is open."""
        return self._socket is not None

    @property
    def text(self) -> str:
        """What the page says."""
        return "\n".join(
            {"markdown": one.markdown.body, "heading": one.heading.body, "alert": one.alert.body}.get(kind, "")
            for kind, one in self._kinds()
        )

    def close(self) -> None:
        """Closes the tab."""
        self._held.close()
        self._socket, self._running = None, False
        self.elements = {}

    def _kinds(self) -> Iterator[tuple[str, Element]]:
        return ((one.WhichOneof("type") or "", one) for one in list(self.elements.values()))

    # ------------------------------------------------------------------------------------------------ the protocol

    def _rerun(self, trigger: WidgetState | None = None) -> None:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self._page
        message.rerun_script.widget_states.widgets.extend([*self._states.values(), *([trigger] if trigger else [])])
        self._running = self._awaited = True
        self.place = 0
        self._send(message)

    def _send(self, message: BackMsg) -> None:
        if self._socket is None:
            raise ProtocolError("the tab is closed")
        self._socket.send(message.SerializeToString())

    def _until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            if self._socket is None:
                raise ProtocolError("the tab is closed")
            try:
                raw = self._socket.recv(max(0.0, end - time.monotonic()))
            except TimeoutError as error:
                raise ProtocolError(f"no answer for {PATIENCE:.0f} s") from error
            assert isinstance(raw, bytes)
            if self._received is not None:
                self._received(raw)
            self._take(ForwardMsg.FromString(raw))

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
            self.elements, self._awaited = {}, False
        elif kind == "script_finished":
            ended = message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            self._running = self._running and (self._awaited or not ended)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            self.elements[tuple(message.metadata.delta_path)] = element
            if found := _PLACE.match(element.progress.text):
                self.place = max(self.place, int(found[1]))
        elif kind == "delta" and message.delta.WhichOneof("type") == "add_block":
            # A container that takes the place of another has none of its contents.
            path = tuple(message.metadata.delta_path)
            self.elements = {at: one for at, one in self.elements.items() if at[: len(path)] != path}
        elif kind == "file_urls_response":
            self._urls[message.file_urls_response.response_id] = message.file_urls_response.file_urls
        elif kind == "backend_operation_response":
            answer = message.backend_operation_response
            if answer.error_msg:
                raise ProtocolError(answer.error_msg)
            self._files[answer.request_id] = answer.deferred_file.url

    def _get(self, path: str) -> bytes:
        with self._http.open(urllib.parse.urljoin(self._url, path), timeout=PATIENCE) as answer:
            data: bytes = answer.read()
        return data

    def _put(self, path: str, name: str, data: bytes) -> None:
        mark = secrets.token_hex(16)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        token = next((one.value or "" for one in self._cookies if one.name == "_streamlit_xsrf"), "")
        request = urllib.request.Request(
            urllib.parse.urljoin(self._url, path),
            data=head.encode() + data + f"\r\n--{mark}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={mark}", "X-Xsrftoken": token},
            method="PUT",
        )
        with self._http.open(request, timeout=PATIENCE) as answer:
            if answer.status not in (200, 204):
                raise ProtocolError(f"the upload of {name} was answered by {answer.status}")
