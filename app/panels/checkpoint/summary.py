"""What a checkpoint turned out to be, what has to be answered about it, and the button that opens it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import streamlit as st

from perceiver.errors import CheckpointError
from perceiver.weights.families.base import Answer, Question
from perceiver.weights.found import Found

from ... import checkpoints, compute, text, views
from ...checkpoints import Source
from ...progress import Progress
from . import words

_FEW = 4
"""Choices that are all kept in sight; more go into a list."""


def summary(source: Source, answers: Mapping[str, Answer], *, label: str = "Open") -> str | None:
    """The summary, the questions, and a button; the key of the checkpoint once it is open.

    answers  what was said about it already, by a link
    """
    st.subheader(text.plain(source.name), anchor=False)
    place = st.container()
    try:
        first = _found(source, answers)
    except CheckpointError as error:
        words.refused(error)
        if not answers:
            return None
        # What a link says about it may be wrong, and can be said anew.
        return summary(source, {}, label=label)
    answers, found, fault = _answered(source, first, answers)
    with place:
        words.table(found.rows())
        for note in found.notes:
            st.caption(text.sentence(note))
    if fault:
        words.refused(fault)
    return _open(source, answers, found, ready=not fault, label=label)


@st.cache_resource(show_spinner=False, max_entries=64)
def _looked(source: Source, given: str, _answers: Mapping[str, Answer]) -> Found:
    return source.look(_answers)


def _found(source: Source, answers: Mapping[str, Answer]) -> Found:
    return _looked(source, source.key(answers), answers)


def _answered(
    source: Source, found: Found, answers: Mapping[str, Answer]
) -> tuple[Mapping[str, Answer], Found, CheckpointError | None]:
    """The answers of the form, what the checkpoint is with them, and what speaks against them."""
    asked = [question for question in found.questions if not question.switch]
    switches = [question for question in found.questions if question.switch]
    if not found.questions:
        return answers, found, None
    given = dict(answers)
    if asked:
        st.markdown("**What its files do not tell**")
        missing = len(found.open_questions)
        if missing:
            st.caption(f"{missing} {'answer is' if missing == 1 else 'answers are'} needed; the rest may stay.")
        given |= _form(source, asked, found.answers)
    if switches:
        with st.expander("How it is run", icon=":material/tune:"):
            given |= _form(source, switches, found.answers)
    defaults = {question.name: question.default for question in found.questions}
    given = {name: value for name, value in given.items() if name in defaults and value != defaults[name]}
    try:
        return given, _found(source, given), None
    except CheckpointError as error:
        return given, found, error


def _form(source: Source, questions: Sequence[Question], answers: Mapping[str, object]) -> dict[str, Answer]:
    """A control for every question, two in a row; the answers that were given."""
    given: dict[str, Answer] = {}
    for start in range(0, len(questions), 2):
        pair = questions[start : start + 2]
        for column, question in zip(st.columns(2, gap="medium"), pair, strict=False):
            with column:
                value = _control(source, question, answers.get(question.name))
            if value is not None:
                given[question.name] = value
    return given


def _control(source: Source, question: Question, value: object) -> Answer | None:
    stamp = hashlib.sha256(f"{source.kind}|{source.place}|{source.revision}|{source.stamp}".encode()).hexdigest()[:12]
    key = f"answer_{stamp}_{question.name}"
    label, help_ = text.plain(question.words), text.plain(question.help)
    if question.choices:
        choices = list(question.choices)
        index = choices.index(value) if value in choices else None
        if len(choices) <= _FEW and all(len(str(one)) <= 12 for one in choices):
            default = None if index is None else choices[index]
            return st.segmented_control(
                label, choices, default=default, required=default is not None, format_func=_said, key=key, help=help_
            )
        return st.selectbox(label, choices, index=index, format_func=_said, key=key, help=help_)
    if question.type == "bool":
        return st.toggle(label, value=value is True, key=key, help=help_)
    if question.type == "text":
        return st.text_input(label, value if isinstance(value, str) else "", key=key, help=help_) or None
    number = value if isinstance(value, int | float) else None
    if question.type == "int":
        whole = None if number is None else int(number)
        return st.number_input(label, min_value=1, step=1, value=whole, key=key, help=help_, placeholder="needed")
    real = None if number is None else float(number)
    return st.number_input(label, value=real, key=key, help=help_, placeholder="needed", format="%g")


def _said(choice: object) -> str:
    return {True: "yes", False: "no"}[choice] if isinstance(choice, bool) else text.plain(str(choice))


def _open(source: Source, answers: Mapping[str, Answer], found: Found, *, ready: bool, label: str) -> str | None:
    config = found.config
    if config is not None and config.modality not in views.names():
        st.info(
            f"It reads {text.plain(config.modality)}, which the pages here do not show yet. "
            "In Python and on the command line it can be used.",
            icon=":material/info:",
        )
        return None
    if not st.button(label, type="primary", icon=":material/visibility:", disabled=not ready or config is None):
        return None
    checkpoint = checkpoints.keep(source, answers, found)
    progress = Progress()
    try:
        compute.bring(checkpoint.key, progress)
    except CheckpointError as error:
        checkpoints.drop(checkpoint.key)
        words.refused(error)
        return None
    progress.done()
    return checkpoint.key
