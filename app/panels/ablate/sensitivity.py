"""How much each frequency matters: estimates at once, exact values over them as they come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.analysis.ablation import Ablation
from perceiver.analysis.numbers import clock
from perceiver.analysis.sweep import Curve, spearman
from perceiver.plots.sweep import Line, Measure, sweep_figure, sweep_text

from ... import ablating, controls, state, text
from ...ablating import CodeAxis, Sweep
from ..scene import Scene
from . import words

CURVES: Mapping[str, str] = {"single": "Each band alone", "cumulative": "Low-pass and high-pass"}
MEASURES: Mapping[str, str] = {"logit": "Logit", "probability": "Probability"}


def sensitivity(scene: Scene, off: Ablation, asked: int) -> None:
    """The curves of the chosen family, and the work on them. It takes its time, so it is to be drawn last."""
    view, case = scene.view, scene.case
    axes = ablating.axes(case)
    here = ablating.sweep(case, off.fill, off.seed)
    name = text.label(scene.config.labels[asked])
    st.subheader("How much each frequency matters", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Taken out", "curve", CURVES, view.curve)
        controls.segments("Change of", "measure", MEASURES, view.measure)
    estimated = ablating.first_order(case, here, asked, scene.progress)
    scene.progress.done()
    state.publish()
    draw = partial(_figure, here, estimated, off, axes, view.curve, view.measure, asked)
    task = f"{case.model}|{case.key}|{off.fill}|{off.seed}"
    wanted = st.session_state.get("sweeping")
    place, below = st.empty(), st.empty()
    if not here.done and (wanted == task or (wanted != f"not {task}" and here.seconds_left <= ablating.QUICK)):
        _go_on(scene, here, task, draw, place, below)
    said = _clickable(place, draw, name, view.measure)
    with below.container():
        if not here.done:
            _offer(here, task)
        rank = _agreement(draw()[0], view.curve) if here.done and view.measure == "logit" else ""
        st.caption(f"{text.plain(said)} {rank} Click a point to take that out.")


def _go_on(
    scene: Scene,
    here: Sweep,
    task: str,
    draw: partial[tuple[list[Line], str]],
    place: DeltaGenerator,
    below: DeltaGenerator,
) -> None:
    """Steps to the end, unless the visitor does something else first."""
    with below.container(horizontal=True, vertical_alignment="center"):
        st.button("Stop", icon=":material/stop:", on_click=_want, args=(f"not {task}",))
        line = st.empty()
    while not here.done:
        line.progress(len(here.logits) / here.total, text=_reached(here))
        lines, axis = draw()
        figure = sweep_figure(lines, measure=scene.view.measure, axis=axis)
        # A chart that answers clicks is made anew with every change of it, which flickers; one that does not is not.
        place.plotly_chart(figure, key=f"sensitivity_{len(here.logits)}", config={"displayModeBar": False})
        ablating.advance(scene.case, here, scene.progress)


def _offer(here: Sweep, task: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Go on with the exact values" if here.logits else "Work out the exact values"
        st.button(label, icon=":material/play_arrow:", on_click=_want, args=(task,))
        st.caption(f"{len(here.logits)} of {here.total} are known; the others take about {_duration(here)}.")


def _reached(here: Sweep) -> str:
    return f"{len(here.logits)} of {here.total} exact, about {_duration(here)} left"


def _duration(here: Sweep) -> str:
    return clock(max(1.0, here.seconds_left), 0)


def _want(task: str) -> None:
    st.session_state["sweeping"] = task


def _clickable(place: DeltaGenerator, draw: partial[tuple[list[Line], str]], name: str, measure: Measure) -> str:
    """The chart that answers clicks; returns what it shows in words."""
    lines, axis = draw()
    said = sweep_text(lines, name, measure)
    place.plotly_chart(
        sweep_figure(lines, measure=measure, axis=axis),
        key="sensitivity",
        on_select=_picked,
        selection_mode="points",
        config={"displayModeBar": False},
        alt=said,
    )
    return said


def _agreement(lines: Sequence[Line], family: str) -> str:
    """How well estimates put the ablations into their order."""
    estimated = np.concatenate([line.estimated for line in lines if line.estimated is not None])
    rho = spearman(estimated, np.concatenate([line.exact for line in lines]))
    if np.isnan(rho):
        return ""
    far = "" if family == "single" else " First-order estimates do not reach so far."
    return f"Estimated and exact changes agree in rank by Spearman’s ρ = {rho:.2f}.{far}"


def _figure(
    here: Sweep,
    estimated: np.ndarray,
    off: Ablation,
    axes: Sequence[CodeAxis],
    family: str,
    measure: Measure,
    asked: int,
) -> tuple[list[Line], str]:
    """The curves as far as they are known, and what is written along them."""
    exact = here.exact(asked, measure)
    lines = [
        Line(
            name=_name(curve, axes),
            frequencies=curve.frequencies,
            exact=exact[part],
            estimated=estimated[part] if measure == "logit" else None,
            links=tuple(state.ablated(one) for one in curve.ablations),
            chosen=np.array([_chosen(one, off, curve.family) for one in curve.ablations]),
        )
        for curve, part in _parts(here)
        if (curve.family == "single") == (family == "single")
    ]
    if family == "single":
        return lines, f"frequency of the band taken out ({_unit(axes)})"
    return lines, f"cut-off ({'cycles across ' + words.across(axes[0])}; the same bands on every axis)"


def _parts(here: Sweep) -> Iterator[tuple[Curve, slice]]:
    start = 0
    for curve in here.curves:
        yield curve, slice(start, start + len(curve.ablations))
        start += len(curve.ablations)


def _chosen(one: Ablation, off: Ablation, family: str) -> bool:
    """A band alone is marked where it is among those taken out, a cut-off only where it is the very one."""
    if family == "single":
        return off.whole or (one.sines <= off.sines and one.cosines <= off.cosines)
    return (one.sines, one.cosines) == (off.sines, off.cosines)


def _name(curve: Curve, axes: Sequence[CodeAxis]) -> str:
    match curve.family:
        case "single":
            return words.name(axes[curve.axis or 0])
        case "low_pass":
            return "From here upwards taken out (low-pass)"
        case _:
            return "Up to here taken out (high-pass)"


def _unit(axes: Sequence[CodeAxis]) -> str:
    return "cycles across the axis" if len(axes) > 1 else f"cycles across {words.across(axes[0])}"


def _picked() -> None:
    points = st.session_state["sensitivity"]["selection"]["points"]
    if points and "customdata" in points[0]:
        found = points[0]["customdata"]
        state.change(ablate=found if isinstance(found, str) else found[0])
