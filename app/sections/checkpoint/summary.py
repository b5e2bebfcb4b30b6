"""What a checkpoint is, the questions that its files leave open, and the button that opens it."""

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
    from perceiver.checkpoints.formats.base import Answer, Question
    from perceiver.checkpoints.found import Found

_FEW = 4
"""The most choices that are all visible; more go into a list."""


@dataclass
class _Asking:
    """The answers of this session about a checkpoint.

    answers  those that differ from the defaults
    needed   names of questions that were open at some time: they stay visible when they are answered
    found    what the checkpoint is with the last answers that fitted
    """

    answers: dict[str, Answer]
    needed: set[str] = field(default_factory=set)
    found: Found | None = None


def summary(source: Source, answers: Mapping[str, Answer]) -> str | None:
    """The summary, the questions, and a button. Returns the key of the checkpoint once it is open.

    answers  answers that a link holds
    """
    st.subheader(text.plain(source.name), anchor=False)
    asking = _asking(source, answers)
    fault = None
    try:
        asking.found = _found(source, asking.answers)
        asking.needed |= {question.name for question in asking.found.open_questions}
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
    _questions(source, asking)
    if fault:
        words.refused(fault)
    return _open(source, asking, ready=fault is None)


@st.cache_resource(show_spinner=False, max_entries=64)
def _looked(source: Source, key: str, _answers: Mapping[str, Answer]) -> Found:
    return source.look(_answers)


def _found(source: Source, answers: Mapping[str, Answer]) -> Found:
    return _looked(source, source.key(answers), answers)


def _asking(source: Source, answers: Mapping[str, Answer]) -> _Asking:
    held: dict[str, _Asking] = st.session_state.setdefault("open_asking", {})
    return held.setdefault(source.key(answers), _Asking(dict(answers)))


def _questions(source: Source, asking: _Asking) -> None:
    """Questions that must be answered, and the others folded away."""
    assert asking.found is not None
    needed = [question for question in asking.found.questions if question.name in asking.needed]
    others = [question for question in asking.found.questions if question not in needed]
    if needed:
        st.markdown("**What its files do not tell**")
        _form(source, asking, needed)
    if others:
        with st.expander("What may be changed: its arguments, and how it is run", icon=":material/tune:"):
            _form(source, asking, others)


def _form(source: Source, asking: _Asking, questions: Sequence[Question]) -> None:
    """A control for every question, two in a row."""
    for start in range(0, len(questions), 2):
        pair = questions[start : start + 2]
        for column, question in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column:
                _control(source, asking, question)


def _control(source: Source, asking: _Asking, question: Question) -> None:
    assert asking.found is not None
    stamp = hashlib.sha256(f"{source.kind}|{source.place}|{source.revision}|{source.stamp}".encode()).hexdigest()[:12]
    key = f"answer_{stamp}_{question.name}"
    value = asking.answers.get(question.name, asking.found.answers.get(question.name))
    shared: dict[str, Any] = {
        "key": key,
        "help": text.plain(question.help) or None,
        "on_change": _answer,
        "args": (source, asking, question.name, key),
    }
    label = text.plain(question.words)
    if question.choices:
        choices = list(question.choices)
        st.session_state[key] = value if value in choices else None
        if len(choices) <= _FEW and all(len(str(one)) <= 12 for one in choices):
            st.segmented_control(label, choices, required=value in choices, format_func=_said, **shared)
        else:
            st.selectbox(label, choices, format_func=_said, **shared)
    elif question.type == "bool":
        st.session_state[key] = value if isinstance(value, bool) else None
        st.segmented_control(label, [True, False], required=value is not None, format_func=_said, **shared)
    elif question.type == "int":
        st.session_state[key] = value if isinstance(value, int) else None
        st.number_input(label, min_value=1, step=1, value=None, placeholder="needed", **shared)
    elif question.type == "float":
        st.session_state[key] = float(value) if isinstance(value, int | float) else None
        st.number_input(label, value=None, placeholder="needed", format="%g", **shared)
    else:
        st.session_state[key] = "" if value is None else str(value)
        st.text_input(label, placeholder="224 x 224" if question.type == "shape" else "needed", **shared)


def _answer(source: Source, asking: _Asking, name: str, key: str) -> None:
    """Takes an answer. The default is no answer, so that the checkpoint keeps its short name."""
    value = st.session_state[key]
    asking.answers.pop(name, None)
    if value is None or value == "":
        return
    try:
        if _found(source, asking.answers).answers.get(name) == value:
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
    checkpoint = checkpoints.keep(source, asking.answers, found)
    progress = Progress()
    try:
        models.prepare(checkpoint.key, progress)
    except CheckpointError as error:
        checkpoints.drop(checkpoint.key)
        words.refused(error)
        return None
    progress.done()
    return checkpoint.key
