"""What a checkpoint is, the options that its files leave open, and the button that opens it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from perceiver.errors import CheckpointError

from ... import views
from ...services import checkpoints, models
from ...services.checkpoints import Source
from ...services.queueing import Progress
from ...session import text
from . import words

if TYPE_CHECKING:
    from perceiver.checkpoints import CheckpointInfo
    from perceiver.checkpoints.formats import Option, OptionValue

_FEW = 4
"""The most choices that are all visible; more go into a list."""


@dataclass
class _Asking:
    """The answers of this session about a checkpoint.

    answers  options whose values differ from the defaults
    needed   names of options that were open at some time: they stay visible when they are answered
    found    what the checkpoint is with the last answers that fitted
    """

    answers: dict[str, OptionValue]
    needed: set[str] = field(default_factory=set)
    found: CheckpointInfo | None = None


def summary(source: Source, answers: Mapping[str, OptionValue]) -> str | None:
    """The summary, the options, and a button. Returns the key of the checkpoint once it is open.

    answers  options that a link holds
    """
    st.header(text.plain(source.name), anchor=False)
    asking = _asking(source, answers)
    fault = None
    try:
        asking.found = _found(source, asking.answers)
        asking.needed |= {option.name for option in asking.found.open_options}
    except CheckpointError as error:
        fault = error
        if asking.found is None and asking.answers:
            try:  # the answers of a link may be wrong, and can be given again
                asking.found = _found(source, {})
            except CheckpointError as without:
                fault = without
    if asking.found is None:
        assert fault is not None
        words.refused(fault)
        return None
    words.table(asking.found.rows())
    for note in asking.found.notes:
        st.caption(text.sentence(note))
    _options(source, asking)
    if fault:
        words.refused(fault)
    return _open(source, asking, ready=fault is None)


@st.cache_resource(show_spinner=False, max_entries=64)
def _looked(source: Source, key: str, _answers: Mapping[str, OptionValue]) -> CheckpointInfo:
    return source.look(_answers)


def _found(source: Source, answers: Mapping[str, OptionValue]) -> CheckpointInfo:
    return _looked(source, source.key(answers), answers)


def _asking(source: Source, answers: Mapping[str, OptionValue]) -> _Asking:
    held: dict[str, _Asking] = st.session_state.setdefault("open_asking", {})
    return held.setdefault(source.key(answers), _Asking(dict(answers)))


def _options(source: Source, asking: _Asking) -> None:
    """Options that must be answered, and the others folded away."""
    assert asking.found is not None
    needed = [option for option in asking.found.options if option.name in asking.needed]
    others = [option for option in asking.found.options if option not in needed]
    if needed:
        st.markdown("**What its files do not tell**")
        _form(source, asking, needed)
    if others:
        with st.expander("What may be changed: its arguments, and how it is run", icon=":material/tune:"):
            _form(source, asking, others)


def _form(source: Source, asking: _Asking, options: Sequence[Option]) -> None:
    """A control for every option, two in a row."""
    for start in range(0, len(options), 2):
        pair = options[start : start + 2]
        for column, option in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column:
                _control(source, asking, option)


def _control(source: Source, asking: _Asking, option: Option) -> None:
    assert asking.found is not None
    stamp = hashlib.sha256(f"{source.kind}|{source.place}|{source.revision}|{source.stamp}".encode()).hexdigest()[:12]
    key = f"answer_{stamp}_{option.name}"
    value = asking.answers.get(option.name, asking.found.values.get(option.name))
    shared: dict[str, Any] = {
        "key": key,
        "help": text.plain(option.help) or None,
        "on_change": _answer,
        "args": (source, asking, option.name, key),
    }
    label = option.label  # free of markup; escaped, the backslashes would be read out
    if option.choices:
        choices = list(option.choices)
        st.session_state[key] = value if value in choices else None
        if len(choices) <= _FEW and all(len(str(one)) <= 12 for one in choices):
            st.segmented_control(label, choices, required=value in choices, format_func=_said, **shared)
        else:
            st.selectbox(label, choices, format_func=str, **shared)  # shown as they are, not as Markdown
    elif option.type == "bool":
        st.session_state[key] = value if isinstance(value, bool) else None
        st.segmented_control(label, [True, False], required=value is not None, format_func=_said, **shared)
    elif option.type == "int":
        st.session_state[key] = value if isinstance(value, int) else None
        st.number_input(label, min_value=1, step=1, value=None, placeholder="needed", **shared)
    elif option.type == "float":
        st.session_state[key] = float(value) if isinstance(value, int | float) else None
        st.number_input(label, value=None, placeholder="needed", format="%g", **shared)
    else:
        st.session_state[key] = "" if value is None else str(value)
        st.text_input(label, placeholder="224 x 224" if option.type == "shape" else "needed", **shared)


def _answer(source: Source, asking: _Asking, name: str, key: str) -> None:
    """Takes an answer. The default is no answer, so that the checkpoint keeps its short name."""
    value = st.session_state[key]
    asking.answers.pop(name, None)
    if value is None or value == "":
        return
    try:
        if _found(source, asking.answers).values.get(name) == value:
            return
    except CheckpointError:
        pass
    asking.answers[name] = value


def _said(choice: object) -> str:
    return ("yes" if choice else "no") if isinstance(choice, bool) else text.plain(str(choice))


def _open(source: Source, asking: _Asking, *, ready: bool) -> str | None:
    found = asking.found
    assert found is not None
    config = found.config
    if config is not None and config.modality not in views.names():
        st.info(
            f"It reads {text.plain(config.modality)}, which the pages here do not show. "
            "In Python and on the command line it can be used.",
            icon=":material/info:",
        )
        return None
    if not st.button("Open", type="primary", icon=":material/visibility:", disabled=not ready or config is None):
        return None
    before = checkpoints.known(source.key(asking.answers)) is not None
    checkpoint = checkpoints.keep(source, asking.answers, found)
    progress = Progress()
    try:
        models.prepare(checkpoint.key, progress)
    except CheckpointError as error:
        checkpoints.drop(checkpoint.key, known_before=before)
        words.refused(error)
        return None
    progress.done()
    return checkpoint.key
