"""Where a checkpoint comes from: the hub, a folder of this machine, or the visitor's own files."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.errors import CheckpointError

from ...services import checkpoints, fetching, public, uploads
from ...services.checkpoints import Hub, Source
from ...session import text
from . import words
from .repository import looked_up, repository
from .summary import summary

SOURCES = {"hub": "From the hub", "path": "On this machine", "upload": "Upload"}


def source(right: DeltaGenerator, linked: Hub | None) -> str | None:
    """The choice of a source, with the checkpoint on the right. Returns the key of the opened checkpoint.

    linked  the checkpoint that a link names
    """
    ways = {name: words_ for name, words_ in SOURCES.items() if name != "path" or checkpoints.local_paths()}
    if st.session_state.get("open_from") not in ways:
        st.session_state["open_from"] = "hub"
    st.segmented_control(
        "Where it is",
        list(ways),
        format_func=ways.__getitem__,
        required=True,
        key="open_from",
        width="stretch",
        help="A repository of the Hugging Face hub, a folder of the machine that runs this app, or files of yours.",
    )
    way: str = st.session_state["open_from"]
    shown: Callable[[], str | None] | None = {"hub": _hub, "path": _path, "upload": _upload}[way](linked)
    with right, st.container(border=True):
        if shown is None:
            st.header("Nothing chosen yet", anchor=False)
            st.markdown("Choose a checkpoint: what it is appears here, before it is opened.")
            st.caption(words.FORMATS)
            return None
        return shown()


def _hub(linked: Hub | None) -> Callable[[], str | None] | None:
    if "open_hub" not in st.session_state:
        st.session_state["open_hub"] = linked
    asked: Hub | None = st.session_state["open_hub"]
    if asked and "open_repository" not in st.session_state:
        st.session_state["open_repository"] = asked.repository
        st.session_state["open_revision"] = asked.revision or ""
    with st.form("open_form", border=False):
        st.text_input(
            "Repository on the Hugging Face hub",
            key="open_repository",
            placeholder="owner/name",
            help="The name of the repository, or the address of its page.",
        )
        st.text_input(
            "Revision", key="open_revision", placeholder="main", help="A branch, tag or commit, to pin what is opened."
        )
        fault = st.container()
        st.form_submit_button("Look it up", icon=":material/search:", on_click=_asked)
    if st.session_state.get("open_fault"):
        fault.error(st.session_state["open_fault"], icon=":material/error:")
    suggested = public.suggested()
    chosen = asked.repository if asked and asked.repository in suggested else None
    st.session_state["open_suggested"] = chosen
    st.pills(
        "Suggestions",
        suggested,
        format_func=_suggestion,
        key="open_suggested",
        on_change=_suggested,
        wrap=True,
        help="Perceivers that are known to open; a mark stands before those that are on this machine already.",
    )
    if asked is None:
        return None

    def shown() -> str | None:
        listing = looked_up(asked)
        return repository(asked, listing) if listing else None

    return shown


def _suggestion(name: str) -> str:
    return f":material/download_done: {name}" if fetching.cached(Hub(name)) else name


def _suggested() -> None:
    name = st.session_state["open_suggested"] or st.session_state["open_repository"]
    st.session_state["open_repository"], st.session_state["open_revision"] = name, ""
    _asked()


def _asked() -> None:
    """Looks up what the fields hold, again each time, as the hub may have changed."""
    repository_, revision = st.session_state["open_repository"].strip(), st.session_state["open_revision"].strip()
    # The address of its page is what people copy.
    repository_ = repository_.removeprefix("https://huggingface.co/").strip("/")
    asked = Hub.parse(f"{repository_}@{revision}" if revision and "@" not in repository_ else repository_)
    st.session_state["open_fault"] = (
        "" if asked else "A repository looks like owner/name, a revision like main or a1b2c3d."
    )
    st.session_state["open_hub"] = asked
    st.session_state.pop("open_listing", None)


def _path(linked: Hub | None) -> Callable[[], str | None] | None:
    with st.form("open_path_form", border=False):
        given = st.text_input(
            "Folder or file on this machine",
            key="open_path",
            placeholder="~/models/my-perceiver",
            help="A folder with its weights and configuration, or a single file of weights.",
        )
        st.form_submit_button("Look at it", icon=":material/search:")
    if not given or not given.strip():
        return None
    try:
        found = checkpoints.at_path(given)
    except CheckpointError as error:
        st.error(text.remark(str(error)), icon=":material/error:")
        return None
    return lambda: summary(found, {})


def _upload(linked: Hub | None) -> Callable[[], str | None] | None:
    files = st.file_uploader(
        "Weights, and the JSON files beside them",
        accept_multiple_files=True,
        key="open_files",
        help="Several files can be chosen together. Nothing in them is run.",
        max_upload_size=public.limits().checkpoint_megabytes,
    )
    st.caption(
        "One file of weights (safetensors, or what `torch.save` wrote), with its `config.json` and "
        "`preprocessor_config.json` if there are any, or a JSON file of constructor arguments. "
        f"Up to {public.limits().checkpoint_megabytes} MB; kept on the server until this page is closed or reloaded."
    )
    held: tuple[list[str], Source] | None = st.session_state.get("open_uploaded")
    names = [file.file_id for file in files]
    if files and (held is None or held[0] != names):
        st.session_state.pop("open_uploaded", None)
        try:
            # By value: what the browser sent is freed when the page is left.
            held = names, uploads.room().take([(file.name, file.getbuffer()) for file in files])
        except CheckpointError as error:
            st.error(text.remark(str(error)), icon=":material/error:")
            return None
        st.session_state["open_uploaded"] = held
    if held is None or not uploads.room().holds(held[1]):
        return None
    found = held[1]
    return lambda: summary(found, {})
