"""Clips that are longer than the model input: the start of the window, and predictions over the whole clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import streamlit as st

from perceiver.analysis.formatting import clock, percent
from perceiver.analysis.timeline import Timeline
from perceiver.errors import InputError
from perceiver.plots.timeline import per_point, timeline_figure, timeline_text

from ..services import export, models, scan
from ..services.inference import Case
from ..services.queueing import Progress
from ..session import state, text
from .chart import chart

HALVES = 600.0
"""Clip length in seconds up to which windows overlap by half; in longer clips they do not overlap."""

ROUNDING = 1e-6
"""Tolerance for comparing lengths, in seconds."""


class Windowed(Protocol):
    """The fields of a sample of one window of a clip, in seconds of the clip."""

    start: float
    stop: float
    duration: float


def longer(sample: Windowed) -> bool:
    """Whether the clip is longer than the window of the model."""
    return sample.duration > sample.stop - sample.start + ROUNDING


def padding_text(sample: Windowed) -> str:
    """The padding after the end of the clip, as the end of a sentence; "" without any."""
    seconds = sample.stop - sample.duration
    return f", and {seconds:.3g} s of padding after its end" if seconds > ROUNDING else ""


def choose_start(sample: Windowed, read: Mapping[str, str], words: str, default: str, icon: str) -> None:
    """For clips longer than the window: an input for its start, and a button for the default.

    read     reading options that are not at their default
    words    label of the button
    default  name of the default start
    """
    if not longer(sample):
        return
    here, last = round(sample.start, 2), sample.duration - (sample.stop - sample.start)
    st.session_state["start"] = here
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Start of the window (s)",
            0.0,
            max(here, round(last, 2)),
            step=0.1,
            format="%.2f",
            key="start",
            on_change=lambda: begin_at(st.session_state["start"]),
            help="Where the part that the model reads begins.",
        )
        st.button(
            words,
            icon=icon,
            disabled="start" not in read,
            on_click=state.choose,
            args=("start", default),
            help="The part that is read without a choice.",
        )


def choose_channel(channels: int, read: Mapping[str, str], default: str) -> None:
    """For sounds with several channels: which of them is read.

    read     reading options that are not at their default
    default  name of the mix of all
    """
    if channels < 2:
        return
    names = {default: "Mix of all", **{str(number): f"Channel {number}" for number in range(1, channels + 1)}}
    chosen = read.get("channel", default)
    st.session_state["channel"] = chosen if chosen in names else f"{float(chosen):.0f}"
    st.selectbox(
        f"Channel, of {channels}",
        list(names),
        format_func=names.__getitem__,
        key="channel",
        on_change=lambda: state.choose("channel", st.session_state["channel"]),
        help="The model reads one channel: the mean of all, or one of them.",
    )


def begin_at(start: float) -> None:
    """Callback: moves the window."""
    state.choose("start", f"{start:.2f}")


def over_time(case: Case, sample: Windowed) -> None:
    """Offers the scan of a clip, continues a requested one, and shows the results so far."""
    length = sample.stop - sample.start
    every = length / 2 if sample.duration <= HALVES else length
    known, asked = scan.scan_of(case, every), f"{case.model}|{case.content}"
    st.subheader("Over the whole clip", anchor=False)
    if not known.done:
        if st.session_state.get("scanning") == asked:
            st.button("Stop", icon=":material/stop:", on_click=_want, args=("",))
            _finish(case, every)
            return
        label = "Go on with the scan" if known.reached else "Scan the whole clip"
        help = "Runs the model on one window after the other; it can be stopped."
        st.button(label, icon=":material/graphic_eq:", on_click=_want, args=(asked,), help=help)
        st.caption(f"The model answers for {length:.3g} s at a time, in steps of {every:.3g} s.")
    if known.timeline is not None:
        _results(case, known.timeline, sample)


def _finish(case: Case, every: float) -> None:
    """Continues the scan to the end, unless the user interacts, then reruns the page."""
    try:
        scan.finish(case, every, Progress())
    except InputError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
        _want("")
    except Exception:
        _want("")  # otherwise the next run would fail in the same way
        raise
    else:
        _want("")
        st.rerun()


def _want(asked: str) -> None:
    st.session_state["scanning"] = asked


def _results(case: Case, timeline: Timeline, sample: Windowed) -> None:
    names = [text.label(name) for name in models.config(case.model).class_names]
    words = timeline_text(timeline, names)
    chart(
        lambda: timeline_figure(timeline, names, duration=sample.duration, window=(sample.start, sample.stop)),
        key="timeline",
        on_select=_picked,
        alt=words,
    )
    together = per_point(timeline)
    hint = f"Each point is the mean of {together} windows; a click reads the one where its class is most probable."
    st.caption(f"{text.plain(words)} {'Click a point to read its window.' if together == 1 else hint}")
    with st.container(horizontal=True):
        table = "The predictions over time as rows."
        with st.popover("As a table", icon=":material/table_rows:", help=table):
            st.dataframe(_rows(timeline, names), hide_index=True)
        st.download_button(
            "Answers over time (CSV)",
            partial(scan.as_csv, case, timeline),
            file_name=f"{export.filename(case.name, case.model_name)}-over-time.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _rows(timeline: Timeline, names: Sequence[str]) -> list[dict[str, str]]:
    """Table rows, one per interval with the same prediction."""
    return [
        {
            "From": clock(stretch.start, 1),
            "To": clock(stretch.stop, 1),
            "Answer": "no signal" if stretch.answer is None else names[stretch.answer],
            "Mean probability": "" if stretch.probability is None else percent(stretch.probability),
        }
        for stretch in timeline.stretches()
    ]


def _picked() -> None:
    points = st.session_state["timeline"]["selection"]["points"]
    if points:
        state.choose("start", f"{points[0]['customdata']:.2f}")
