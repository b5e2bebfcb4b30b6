"""How much each frequency matters: estimates at once, then exact values as they are computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import nan
from typing import Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.analysis.ablation import Ablation
from perceiver.analysis.formatting import clock
from perceiver.analysis.sweep import Curve, Sweep, spearman
from perceiver.lens import EncodingAxis
from perceiver.plots.sweep import Line, Measure, estimates_text, sweep_figure, sweep_text

from ...services import ablation
from ...session import controls, state, text
from ...session.fields import ablation_text
from ...views.chart import chart
from ..context import AblateContext
from ..downloads import download_button, stem
from . import axis_text

CURVES: Mapping[str, str] = {"single": "Each band alone", "cumulative": "Low-pass and high-pass"}
MEASURES: Mapping[str, str] = {"logit": "Logit", "probability": "Probability"}


@dataclass(frozen=True)
class _Curves:
    """The curves of one family, as far as they are known.

    removed  what is removed now
    """

    sweep: Sweep
    removed: Ablation
    axes: Sequence[EncodingAxis]
    family: Literal["single", "cumulative"]
    measure: Measure

    def lines(self) -> list[Line]:
        """A line for each curve of the family."""
        exact = self.sweep.logits() if self.measure == "logit" else self.sweep.probabilities()
        return [
            Line(
                name=self._name(curve),
                frequencies=curve.frequencies,
                exact=exact[part],
                estimated=self.sweep.estimates[part] if self.measure == "logit" else None,
                links=tuple(ablation_text(one) for one in curve.ablations),
                chosen=np.array([self._chosen(one) for one in curve.ablations]),
            )
            for curve, part in self._parts()
            if (curve.family == "single") == (self.family == "single")
        ]

    def figure(self) -> go.Figure:
        """The chart."""
        return sweep_figure(self.lines(), measure=self.measure, axis=self._along())

    def _parts(self) -> Iterator[tuple[Curve, slice]]:
        start = 0
        for curve in self.sweep.curves:
            yield curve, slice(start, start + len(curve.ablations))
            start += len(curve.ablations)

    def _chosen(self, one: Ablation) -> bool:
        """Whether a point is marked: a single band where it is removed, a cut-off only where it is the current one."""
        removed = self.removed
        if self.family == "single":
            return removed.whole or (one.sines <= removed.sines and one.cosines <= removed.cosines)
        return (one.sines, one.cosines) == (removed.sines, removed.cosines)

    def _name(self, curve: Curve) -> str:
        match curve.family:
            case "single":
                return axis_text.name(self.axes[curve.axis or 0])
            case "low_pass":
                return "Low-pass"
            case _:
                return "High-pass"

    def _along(self) -> str:
        """The label of the horizontal axis."""
        first = axis_text.across(self.axes[0])
        if self.family == "single":
            unit = "the axis" if len(self.axes) > 1 else first
            return f"frequency of the removed band (cycles across {unit})"
        return f"cut-off (cycles across {first}{'; the same bands on every axis' if len(self.axes) > 1 else ''})"


def show(context: AblateContext, removed: Ablation, target: int) -> None:
    """The curves of the chosen family, and the work on them, which takes its time: draw it last."""
    view, case = context.view, context.case
    name = text.label(context.config.class_names[target])
    st.subheader("Sensitivity by frequency", anchor="sensitivity", divider="gray")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Removed", "curve", CURVES, view.curve, help="Which frequencies are removed at each point.")
        controls.segments(
            "Change of", "measure", MEASURES, view.measure, help="What the vertical axis shows, for the target class."
        )
    sweep = ablation.sweep_of(case, removed.fill, removed.seed, target, context.progress)
    context.progress.done()
    state.publish()
    curves = _Curves(sweep, removed, ablation.axes(case), view.curve, view.measure)
    task = f"{case.model}|{case.key}|{removed.fill}|{removed.seed}"
    wanted = st.session_state.get("sweeping")
    place, below = st.empty(), st.empty()
    if not curves.sweep.known:
        _still(place, curves)
        curves = _advanced(context, curves)
    quick = curves.sweep.seconds_left <= ablation.QUICK
    if not curves.sweep.done and (wanted == task or (wanted != f"not {task}" and quick)):
        try:
            curves = _go_on(context, curves, task, place, below)
        except Exception:
            _want(f"not {task}")  # otherwise the next run would fail in the same way
            raise
    said = sweep_text(curves.lines(), name, view.measure)
    chart(curves.figure, key="sensitivity", alt=said, on_select=_picked, place=place)
    with below.container():
        if not curves.sweep.done:
            _offer(curves.sweep, task)
        st.caption(f"{text.plain(said)} {_notes(curves)} Pick a point to remove what it stands for.")
        table = partial(ablation.sweep_csv, case, curves.sweep)
        download_button("The whole sweep (CSV)", table, f"{stem(context)}-sweep.csv", "text/csv")


def _advanced(context: AblateContext, curves: _Curves) -> _Curves:
    removed, target = curves.removed, curves.sweep.target
    grown = ablation.advance(context.case, removed.fill, removed.seed, target, context.progress)
    return replace(curves, sweep=grown)


def _go_on(context: AblateContext, curves: _Curves, task: str, place: DeltaGenerator, below: DeltaGenerator) -> _Curves:
    """Runs all steps, unless the visitor does something else first."""
    with below.container(horizontal=True, vertical_alignment="center"):
        st.button("Stop", icon=":material/stop:", on_click=_want, args=(f"not {task}",))
        line = st.empty()
    while not (sweep := curves.sweep).done:
        reached = f"{sweep.known} of {sweep.total} exact, about {_duration(sweep)} left"
        line.progress(sweep.known / sweep.total, text=reached)
        _still(place, curves)
        curves = _advanced(context, curves)
    return curves


def _still(place: DeltaGenerator, curves: _Curves) -> None:
    """The chart while it changes. One that reacts to clicks would be made again with every change, which flickers."""
    key = f"sensitivity_{curves.sweep.known}"
    chart(curves.figure, key=key, alt="The exact changes known so far.", place=place)


def _offer(sweep: Sweep, task: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compute the exact values",
            icon=":material/play_arrow:",
            on_click=_want,
            args=(task,),
            help="Runs the model once for each point; the estimates come from one gradient.",
        )
        are = "is" if sweep.known == 1 else "are"
        st.caption(f"{sweep.known} of {sweep.total} {are} known; the others take about {_duration(sweep)}.")


def _duration(sweep: Sweep) -> str:
    return clock(max(1.0, sweep.seconds_left), 0)


def _want(task: str) -> None:
    st.session_state["sweeping"] = task


def _notes(curves: _Curves) -> str:
    """What the curves are, and how well the estimates agree with the exact changes."""
    cumulative = curves.family == "cumulative"
    notes = (
        ["Low-pass: this band and all above it are removed; high-pass: this one and all below it."]
        if cumulative
        else []
    )
    if curves.sweep.done and curves.measure == "logit":
        lines = curves.lines()
        ranks = [nan if line.estimated is None else spearman(line.estimated, line.exact) for line in lines]
        notes.append(text.plain(estimates_text(lines, ranks)))
    return " ".join(filter(None, notes))


def _picked() -> None:
    points = st.session_state["sensitivity"]["selection"]["points"]
    if points and "customdata" in points[0]:
        found = points[0]["customdata"]
        state.change(ablate=found if isinstance(found, str) else found[0])
