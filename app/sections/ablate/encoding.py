"""The position encoding as switches: what is removed from it, and what replaces it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import streamlit as st

from perceiver.analysis import ablation as ablations
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.formatting import number
from perceiver.analysis.methods import Fill
from perceiver.lens import EncodingAxis

from ...components import BandAxis, Off, bands
from ...services import ablation, models
from ...services.inference import Case
from ...services.samples import describe
from ...session import state
from ...session.fields import ablation_text
from ...session.text import listed
from .. import strip
from ..context import AblateContext
from . import axis_text

FILLS: Mapping[str, str] = {"zero": "Zero", "mean": "Mean", "shuffle": "Shuffled"}
NAMES: Mapping[str, str] = {
    "all": "All on",
    "low": "Low-pass",
    "high": "High-pass",
    "coordinates": "Coordinates only",
    "no coordinates": "No coordinates",
    "sines": "Sines only",
    "cosines": "Cosines only",
    "none": "No positions",
}
PRESETS = "A preset keeps some of its parts and removes the others; the switches below show which."


def removed(context: AblateContext) -> Ablation:
    """What the view removes of the position encoding, or of a clip; nothing, with a note, where the model has no such
    part. Single elements are erased by another field."""
    asked = dataclasses.replace(ablations.parse(context.view.ablate), erased=None)
    if not ablation.is_possible(context.case.model, asked):
        what = "a part of the input" if asked.without else "frequencies"
        whose = "this model" if asked.without else "this model’s position encoding"
        state.reset("ablate", f"The link removes {what} that {whose} does not have.")
        st.rerun()
    return asked


def switches(context: AblateContext, off: Ablation, contents: Callable[[], None]) -> None:
    """The switches, presets above them, and the choice of what replaces the removed parts.

    contents  draws the links to what stands below
    """
    _parts(context, off)
    axes = ablation.axes(context.case)
    frequencies = any(axis.frequencies for axis in axes)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        spacing = axis_text.spacing(axes) if frequencies else ""
        strip.heading("Position encoding", f"{spacing} {PRESETS}".strip())
        contents()
    if not frequencies:
        _without_frequencies(context, axes)
    if not context.config.position_channels:
        return
    _presets(context, off, axes)
    grid, replaced = st.columns([16, 5], gap="small")
    with grid:
        if axes:
            _grid(off, axes)
    with replaced:
        if _count(axes) > 1:
            _kept(context.case, off, _count(axes))
        _filling(off)


def _parts(context: AblateContext, off: Ablation) -> None:
    """The choice of one part of an input of several modalities, such as the sound of a clip."""
    words = describe(context.sample.modality).parts
    parts = [part.name for part in context.sample.parts if part.name in words]
    if len(parts) < 2:
        return
    every = frozenset(parts)
    names = {frozenset[str](): f"{words[parts[0]].capitalize()} and {listed([words[one] for one in parts[1:]])}"}
    names |= {every - {one}: f"{words[one].capitalize()} alone" for one in parts}
    st.session_state["parts"] = off.without
    st.segmented_control(
        "Input",
        list(names),
        format_func=names.__getitem__,
        required=True,
        key="parts",
        on_change=lambda: _change(dataclasses.replace(off, without=st.session_state["parts"])),
        help="Removes the elements of the other part from the input array: the model runs on those that are left.",
    )


def _without_frequencies(context: AblateContext, axes: Sequence[EncodingAxis]) -> None:
    if axes:
        said = (
            "This model’s position encoding is the coordinates themselves, without frequencies: those of one axis can "
            "be removed, or all."
        )
    elif context.config.position_channels:
        said = (
            "This model’s position encoding is one learned vector for every place, without frequencies: only all of it "
            "can be removed."
        )
    else:
        said = "This model has no position channels, so there is nothing to remove: its input is an unordered set."
    other = ablation.model_with_bands(context.case.model)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(said, width="stretch")
        if other:
            st.button(
                f"Open {other}",
                icon=":material/equalizer:",
                on_click=state.change,
                kwargs={"model": other},
                help="A checkpoint whose position encoding has frequencies.",
            )


def _presets(context: AblateContext, off: Ablation, axes: Sequence[EncodingAxis]) -> None:
    """The presets, the one that is on marked."""
    found = ablation.presets(context.case)
    names = {name: NAMES.get(name) or f"No {axis_text.name(axes[int(name[5:])]).lower()}" for name in found}
    st.session_state["preset"] = _active_preset(context.case, off, found)
    st.pills(
        "Presets",
        list(names),
        format_func=names.__getitem__,
        key="preset",
        on_change=_preset,
        args=(found, off),
        label_visibility="collapsed",
        wrap=True,
    )


def _active_preset(case: Case, off: Ablation, found: Mapping[str, Ablation]) -> str | None:
    """The preset that is on; low-pass and high-pass at any cut-off."""
    plain = dataclasses.replace(off.filled("zero"), without=frozenset())
    for name, preset in found.items():
        if plain == preset:
            return name
    encoding = models.encoding(case.model)
    count = _count(ablation.axes(case))
    for name, cut in (("low", ablations.low_pass), ("high", ablations.high_pass)):
        if any(plain == cut(encoding, kept) for kept in range(1, count)):
            return name
    return None


def _preset(found: Mapping[str, Ablation], off: Ablation) -> None:
    chosen = st.session_state["preset"]
    _change(_beside(off, found[chosen or "all"].filled(off.fill, off.seed)))


def _grid(off: Ablation, axes: Sequence[EncodingAxis]) -> None:
    count = _count(axes)
    alike = len({axis.frequencies for axis in axes}) == 1
    steps = [number(f) for f in axes[0].frequencies] if alike else [str(i + 1) for i in range(count)]
    every = Off(
        frozenset((a, k) for a in range(len(axes)) for k in range(count)),
        frozenset((a, k) for a in range(len(axes)) for k in range(count)),
        frozenset(range(len(axes))),
    )
    bands(
        [
            BandAxis(
                name=axis_text.name(axis),
                cells=tuple("" if alike else number(f) for f in axis.frequencies),
                words=tuple(axis_text.band(axis, index) for index in range(len(axis.frequencies))),
                raw=f"{axis_text.name(axis)}, the raw coordinate" if axis.raw else "",
            )
            for axis in axes
        ],
        every if off.whole else Off(off.sines, off.cosines, off.coordinates),
        key="bands",
        label="Parts of the position encoding that are kept: arrow keys move, space switches, shift and arrows paint.",
        heads=steps,
        corner=("cycles" if alike else "band") if count else "",
        on_change=lambda now: _change(_read(now, axes, off)),
    )


def _read(now: Off, axes: Sequence[EncodingAxis], before: Ablation) -> Ablation:
    """The ablation that the switches show, filled as before; with everything off, that of the whole encoding."""
    off = dataclasses.replace(before, sines=now.sines, cosines=now.cosines, coordinates=now.coordinates, whole=False)
    size = sum(len(axis.frequencies) for axis in axes)
    raw = sum(axis.raw for axis in axes)
    if (len(off.sines), len(off.cosines), len(off.coordinates)) == (size, size, raw):
        return _beside(before, ablations.WHOLE.filled(before.fill, before.seed))
    return off


def _kept(case: Case, off: Ablation, count: int) -> None:
    """The bands that are kept, as a slider with two ends: the others are removed on every axis."""
    encoding = models.encoding(case.model)
    gone = off.sines | off.cosines
    whole = [] if off.whole else [band.index for band in encoding.bands() if (band.axis, band.index) not in gone]
    st.session_state["kept"] = (min(whole) + 1, max(whole) + 1) if whole else (1, count)
    st.slider(
        "Bands kept",
        1,
        count,
        key="kept",
        on_change=_keep,
        args=(case, off),
        help="Removes the bands below and above, on every axis; raw coordinates stay as they are.",
    )


def _keep(case: Case, off: Ablation) -> None:
    first, last = st.session_state["kept"]
    encoding = models.encoding(case.model)
    cut = ablations.low_pass(encoding, last) | ablations.high_pass(encoding, first - 1)
    raw = frozenset(range(len(encoding.coordinate_channels()))) if off.whole else off.coordinates
    _change(_beside(off, dataclasses.replace(cut, coordinates=raw).filled(off.fill, off.seed)))


def _filling(off: Ablation) -> None:
    st.session_state["fill"] = off.fill
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control(
            "Replace removed values by",
            list(FILLS),
            format_func=FILLS.__getitem__,
            required=True,
            key="fill",
            on_change=lambda: _change(off.filled(cast(Fill, st.session_state["fill"]), off.seed)),
            help="Zero: nothing. Mean: the channel’s mean over all elements. Shuffled: its own values, handed to other "
            "elements, so that all of them still occur but say nothing.",
        )
        if off.fill == "shuffle":
            st.button(
                "Another order",
                icon=":material/shuffle:",
                on_click=lambda: _change(dataclasses.replace(off, seed=off.seed + 1)),
                help=f"This is order {off.seed + 1}.",
            )


def _beside(off: Ablation, encoding: Ablation) -> Ablation:
    """Another ablation of the position encoding, without the parts of the input that are removed already."""
    return dataclasses.replace(encoding, without=off.without)


def _count(axes: Sequence[EncodingAxis]) -> int:
    return max((len(axis.frequencies) for axis in axes), default=0)


def _change(off: Ablation) -> None:
    state.change(ablate=ablation_text(off))
