"""What a session holds: the values that the address bar shows, and the notes on a link.

Controls change the values through callbacks, and every run ends by writing them to the address bar, so that each view
is a link. Streamlit can bind widgets to the address itself; we do not use it, because a bad value in a link has to be
named in a note, a choice has to be kept while its control is hidden, and links must not change with the labels of the
controls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import streamlit as st

from ..services import visitors
from . import fields
from .rules import UPLOADED, Limits
from .view import DEFAULTS, FIELDS, View, parse, unparse

V = TypeVar("V", bound=View)


def view(page: type[V]) -> V:
    """The session's values as one page sees them; for callbacks too."""
    held = st.session_state.get("view", DEFAULTS)
    return page(**{field.name: held[field.name] for field in dataclasses.fields(page)})


def current(page: type[V]) -> V:
    """The view of the page that runs.

    The values are read from the address on the first run, and after the address was changed by hand or by the
    browser's history; from one page to another they are kept.
    """
    moved = st.session_state.get("page", page.__name__) != page.__name__
    st.session_state["page"] = page.__name__
    params = {name: st.query_params.get_all(name) for name in st.query_params}
    address = {name: given[-1] for name, given in params.items() if given}
    touched = st.session_state.pop("touched", False)
    # A run that a control started has the address from before it: the browser does not know of the change yet.
    changed = not touched and address != st.session_state.get("published")
    # Going to another page by its name clears the address.
    if "view" not in st.session_state or (changed and not (moved and not address)):
        st.session_state["view"], notes = parse(params)
        # Noted at once: going on in the history can end this run before it publishes.
        st.session_state["published"] = address
        st.session_state.pop("source", None)  # the sample of the address decides where it comes from
        add_notes(notes)
    elif moved:
        changes, note = page.entered(st.session_state["view"])
        replace(**changes)
        add_notes([note] if note else [])
    return view(page)


def settle(page: type[V], limits: Limits) -> V:
    """Fits the view of a page to the limits, and keeps notes on what had to change."""
    if limits.shape:
        if st.session_state.get("shape", limits.shape) != limits.shape:
            replace(pick=None, region="", erase="")  # on another grid the same number is another place
        st.session_state["shape"] = limits.shape
    fitted, notes = fields.fit(view(page), limits)
    replace(**{field.name: getattr(fitted, field.name) for field in dataclasses.fields(fitted)})
    add_notes(notes)
    return fitted


def change(**values: Any) -> None:
    """Changes some values; for callbacks. What belongs to another model or sample is set back to its default."""
    held = st.session_state.get("view", DEFAULTS)
    for owner in ("model", "sample"):
        if values.get(owner, held[owner]) != held[owner]:
            values = {name: DEFAULTS[name] for name, field in FIELDS.items() if field.of == owner} | values
    replace(**values)
    st.session_state["touched"] = True
    st.session_state["passing"] = False
    st.session_state["notes"] = []


def change_in_passing(**values: Any) -> None:
    """As `change`, while a stroke is drawn: the address is written when it has ended."""
    change(**values)
    st.session_state["passing"] = True


def replace(**values: Any) -> None:
    """Sets some values and nothing else. Raises KeyError for a name that no page knows."""
    if unknown := values.keys() - DEFAULTS.keys():
        raise KeyError(*unknown)
    st.session_state["view"] = {**st.session_state.get("view", DEFAULTS), **values}


def draws_charts() -> bool:
    """Whether charts are drawn: one of them has come into the window."""
    return bool(st.session_state.get("draws_charts"))


def draw_charts() -> None:
    """Callback: charts are drawn from now on."""
    st.session_state["draws_charts"] = True
    st.session_state["touched"] = True


def choose(name: str, value: str) -> None:
    """Sets a reading option. The input elements become others, so those that are marked are forgotten."""
    read = dict(view(View).read) | {name: value}
    change(read=tuple(sorted(read.items())), pick=None, region="", erase="", moment=None)


def keep(digest: str, name: str, data: bytes, *, passing: bool = False) -> None:
    """Keeps an upload for this session, in place of the one before, and for its browser across reloads; shows it.

    passing  while it is drawn: for this session only
    """
    if not passing and (browser := visitors.browser()):
        visitors.kept.keep(browser, digest, name, data)
    st.session_state["upload_kept"] = (digest, name, data)
    (change_in_passing if passing else change)(sample=UPLOADED + digest)


def is_passing() -> bool:
    """Whether the last change was made by a stroke that is still drawn."""
    return bool(st.session_state.get("passing"))


def upload(sample: str) -> tuple[str, bytes] | None:
    """Name and bytes of the upload that a view's sample names; None when it is not kept for this session or browser."""
    digest, name, data = st.session_state.get("upload_kept", ("", "", b""))
    if sample == UPLOADED + digest:
        return name, data
    found = _kept(sample)
    if found is not None:
        st.session_state["upload_kept"] = (sample.removeprefix(UPLOADED), *found)
    return found


def can_keep() -> bool:
    """Whether uploads can be kept across reloads: the browser sends the server's cookie."""
    return visitors.browser() is not None


def survives_reload(sample: str) -> bool:
    """Whether an upload is there after a reload of the page. Asking counts as a use of it, so it is kept for longer."""
    return _kept(sample) is not None


def _kept(sample: str) -> tuple[str, bytes] | None:
    browser = visitors.browser()
    return visitors.kept.get(browser, sample.removeprefix(UPLOADED)) if browser else None


def reset(name: str, note: str) -> None:
    """Sets a value back to its default and keeps a note on why."""
    replace(**{name: DEFAULTS[name]})
    add_notes([note])


def publish() -> None:
    """Writes the values to the address bar, unless a stroke is still drawn."""
    if "view" not in st.session_state or is_passing():
        return
    address = unparse(st.session_state["view"])
    st.session_state["published"] = address
    st.session_state.pop("touched", None)
    if {n: st.query_params.get_all(n) for n in st.query_params} != {n: [v] for n, v in address.items()}:
        st.query_params.from_dict(address)


def add_notes(notes: Sequence[str]) -> None:
    """Keeps notes on a link until the next change."""
    st.session_state.setdefault("notes", []).extend(notes)


def notes() -> list[str]:
    """What had to be changed about the link, one sentence each."""
    return list(st.session_state.get("notes", []))
