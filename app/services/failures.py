"""Unexpected errors: the visitor gets a reference number in place of a traceback, and the log gets both."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterator

import streamlit as st

from .public import is_public

LOGGER = logging.getLogger("perceiver_lens")

_STREAMLITS = ("streamlit.error_util", "streamlit.runtime.backend_operation_handler")
"""Loggers of Streamlit that write errors of this app."""

_installed = False


def install() -> None:
    """Has all pages of this process report unexpected errors by `report`. Without it they go up to Streamlit."""
    global _installed
    _installed = True
    if is_public():
        for name in _STREAMLITS:
            logging.getLogger(name).addFilter(_without_messages)


def is_installed() -> bool:
    """Whether pages report their errors."""
    return _installed


def report(error: BaseException) -> str:
    """Logs an error. Returns its reference number, which stands in the log beside it."""
    reference = secrets.token_hex(4)
    if is_public():
        LOGGER.error("error %s\n%s", reference, "".join(without_messages(error)))
    else:
        LOGGER.error("error %s", reference, exc_info=error)
    return reference


def sentence(error: BaseException) -> str:
    """Logs an error. Returns what the page says of it, with its reference number."""
    return (
        f"This failed for an unexpected reason: the server's log has the details under reference {report(error)}. "
        "Try again, or choose something else."
    )


def show(error: Exception) -> bool:
    """Logs an error and shows its reference number on the page. Returns True: nothing else is to be shown."""
    st.error(sentence(error), icon=":material/error:")
    return True


def without_messages(error: BaseException) -> Iterator[str]:
    """The lines of a traceback without messages and values, which may hold names and contents of visitors' files."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield f"{type(one).__name__}, raised in\n"
        yield from traceback.format_tb(one.__traceback__)
        one = one.__cause__ or one.__context__


def _without_messages(record: logging.LogRecord) -> bool:
    """Takes the messages out of a record's traceback."""
    if record.exc_info and record.exc_info[1] is not None:
        lines = "".join(without_messages(record.exc_info[1]))
        record.msg, record.args, record.exc_info = f"{record.getMessage()}\n{lines}", (), None
    return True
