"""How much each frequency matters: estimates at once, exact values over them as they come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from jaxtyping import Float64
from streamlit.delta_generator import DeltaGenerator

from perceiver.analysis.ablation import Ablation
from perceiver.analysis.formatting import clock
from perceiver.analysis.sweep import Curve, spearman
from perceiver.plots.sweep import Line, Measure, sweep_figure, sweep_text

from ...services import ablating
from ...services.ablating import CodeAxis, Sweep
from ...session import controls, state, text
from ..export import stem
from ..scene import Scene
from . import words

CURVES: Mapping[str, str] = {"single": "Each band alone", "cumulative": "Low-pass and high-pass"}
MEASURES: Mapping[str, str] = {"logit": "Logit", "probability": "Probability"}


@dataclass(frozen=True)
class _Curves:
    """The curves that are asked for, drawn as far as they are known.

    estimated  first-order changes of the logit of the class `asked`, one an ablation of the sweep
    off        what is taken out now
    """

    sweep: Sweep
    estimated: Float64[np.ndarray, "n"]
    off: Ablation
    axes: Sequence[CodeAxis]
    family: Literal["single", "cumulative"]
    measure: Measure
    asked: int

    def lines(self) -> list[Line]:
        """One a curve of the family."""
        exact = self.sweep.exact(self.asked, self.measure)
        return [
            Line(
                name=self._name(curve),
                frequencies=curve.frequencies,
                exact=exact[part],
                estimated=self.estimated[part] if self.measure == "logit" else None,
                links=tuple(state.ablated(one) for one in curve.ablations),
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
        """A band alone is marked where it is among those taken out, a cut-off only where it is the very one."""
        off = self.off
        if self.family == "single":
            return off.whole or (one.sines <= off.sines and one.cosines <= off.cosines)
        return (one.sines, one.cosines) == (off.sines, off.cosines)

    def _name(self, curve: Curve) -> str:
        match curve.family:
            case "single":
                return words.name(self.axes[curve.axis or 0])
            case "low_pass":
                return "Low-pass"
            case _:
                return "High-pass"

    def _along(self) -> str:
        """What is written along the bottom."""
        first = words.across(self.axes[0])
        if self.family == "single":
            unit = "the axis" if len(self.axes) > 1 else first
            return f"frequency of the band taken out (cycles across {unit})"
        return f"cut-off (cycles across {first}{'; the same bands on every axis' if len(self.axes) > 1 else ''})"


def sensitivity(scene: Scene, off: Ablation, asked: int) -> None:
    """The curves of the chosen family, and the work on them. It takes its time, so it is to be drawn last."""
    view, case = scene.view, scene.case
    sweep = ablating.sweep(case, off.fill, off.seed)
    name = text.label(scene.config.labels[asked])
    st.subheader("How much each frequency matters", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Taken out", "curve", CURVES, view.curve)
        controls.segments("Change of", "measure", MEASURES, view.measure)
    estimated = ablating.first_order(case, sweep, asked, scene.progress)
    scene.progress.done()
    state.publish()
    curves = _Curves(sweep, estimated, off, ablating.axes(case), view.curve, view.measure, asked)
    task = f"{case.model}|{case.key}|{off.fill}|{off.seed}"
    wanted = st.session_state.get("sweeping")
    place, below = st.empty(), st.empty()
    if not sweep.logits:
        _still(place, curves)
        ablating.advance(case, sweep, scene.progress)
    if not sweep.done and (wanted == task or (wanted != f"not {task}" and sweep.seconds_left <= ablating.QUICK)):
        _go_on(scene, curves, task, place, below)
    said = sweep_text(curves.lines(), name, view.measure)
    place.plotly_chart(
        curves.figure(),
        key="sensitivity",
        on_select=_picked,
        selection_mode="points",
        config={"displayModeBar": False},
        alt=said,
    )
    with below.container():
        if not sweep.done:
            _offer(sweep, task)
        st.caption(f"{text.plain(said)} {_notes(curves)} Click a point to take that out.")
        st.download_button(
            "The whole sweep (CSV)",
            partial(ablating.sweep_file, case, sweep, asked),
            file_name=f"{stem(scene)}-sweep.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _go_on(scene: Scene, curves: _Curves, task: str, place: DeltaGenerator, below: DeltaGenerator) -> None:
    """Steps to the end, unless the visitor does something else first."""
    sweep = curves.sweep
    with below.container(horizontal=True, vertical_alignment="center"):
        st.button("Stop", icon=":material/stop:", on_click=_want, args=(f"not {task}",))
        line = st.empty()
    while not sweep.done:
        reached = f"{len(sweep.logits)} of {sweep.total} exact, about {_duration(sweep)} left"
        line.progress(len(sweep.logits) / sweep.total, text=reached)
        _still(place, curves)
        ablating.advance(scene.case, sweep, scene.progress)


def _still(place: DeltaGenerator, curves: _Curves) -> None:
    """The chart while it changes. One that answers clicks would be made anew with every change, which flickers."""
    key = f"sensitivity_{len(curves.sweep.logits)}"
    place.plotly_chart(curves.figure(), key=key, config={"displayModeBar": False})


def _offer(sweep: Sweep, task: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Work out the exact values", icon=":material/play_arrow:", on_click=_want, args=(task,))
        are = "is" if len(sweep.logits) == 1 else "are"
        st.caption(f"{len(sweep.logits)} of {sweep.total} {are} known; the others take about {_duration(sweep)}.")


def _duration(sweep: Sweep) -> str:
    return clock(max(1.0, sweep.seconds_left), 0)


def _want(task: str) -> None:
    st.session_state["sweeping"] = task


def _notes(curves: _Curves) -> str:
    """What the curves are, and how well estimates put the ablations of each into their order."""
    cumulative = curves.family == "cumulative"
    notes = (
        ["Low-pass: this band and all above it are out; high-pass: this one and all below it."] if cumulative else []
    )
    ranks = []
    for line in curves.lines() if curves.sweep.done and curves.measure == "logit" else ():
        assert line.estimated is not None
        rho = spearman(line.estimated, line.exact)
        if not np.isnan(rho):
            ranks.append(f"{rho:.2f} ({line.name})".replace("-", "−"))
    if ranks:
        notes.append(f"Estimated and exact changes agree in rank by Spearman’s ρ = {text.listed(ranks)}.")
    return " ".join(notes)


def _picked() -> None:
    points = st.session_state["sensitivity"]["selection"]["points"]
    if points and "customdata" in points[0]:
        found = points[0]["customdata"]
        state.change(ablate=found if isinstance(found, str) else found[0])
