"""The maps of all blocks before and after an ablation, their differences, and one block large."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.analysis.change import AnswerChange
from perceiver.analysis.formatting import number
from perceiver.lens import BlockChange
from perceiver.plots.block_maps import BlockMap
from perceiver.sample import Sample

from ...components import Tile
from ...services import inference
from ...session import state, text
from .. import findings, strip
from ..context import AblateContext
from ..maps import scale_text, tile
from ..predictions import model_input
from . import answers

SIDE_BY_SIDE = 2
"""Blocks up to which the maps before and after stand side by side, so that those of clips, which are tall, are on the
first screen too."""

TILE, WIDEST, GAP = 200, 300, 16
"""Least and greatest width of the map of a difference, and the space between two, in CSS pixels."""

DIVERGENCES = (
    "Red: more weight than before; blue: less. Divergence: Jensen-Shannon divergence of the maps, from 0 (equal) to "
    "1 bit (disjoint); latents: mean divergence of each latent’s own map."
)
HINTS = {
    "encoding": "Switch a part of the position encoding off to see what becomes of the maps and of the answer.",
    "elements": "Mark elements on the input to see what becomes of the maps and of the answer.",
}
"""What can be done while nothing is removed, by what the controls are for."""


def before(context: AblateContext, maps: Sequence[BlockMap], target: int, aside: Callable[[], None]) -> None:
    """The strip while nothing is removed from the position encoding.

    aside  draws the controls under the prediction
    """
    shares = inference.probabilities(context.case, context.progress)
    given, blocks, answer = strip.columns(len(maps), widest=strip.SMALL)
    with given:
        model_input(context)
    with blocks:
        # Beside few maps there is no room for the whole note.
        _heading(context, "Cross-attention by block", target, short=len(maps) <= SIDE_BY_SIDE)
        _row(context, maps, shares, target, "", bar=True)
        st.caption(HINTS["encoding"])
    with answer:
        strip.heading("Prediction")
        answers.predictions(context, shares[-1], None, target, key="before")
        aside()


def rows(
    context: AblateContext,
    maps: Sequence[Sequence[BlockMap]],
    after: Sample,
    shares: tuple[np.ndarray, np.ndarray],
    change: AnswerChange,
    target: int,
    aside: Callable[[], None],
) -> None:
    """The maps before and after, side by side where there are few, else in two strips.

    maps    of all blocks, before and after
    after   the input with the removed elements marked
    shares  the probability of every class after every block, before and after
    aside   draws the controls under the input, or beside the second strip
    """
    blocks = len(maps[0])
    if blocks <= SIDE_BY_SIDE:
        given, first, second, answer = strip.before_and_after(blocks)
        with given:
            model_input(context)
            aside()
        with first:
            _heading(context, "Before", target)
            _row(context, maps[0], shares[0], target, "before")
        with second:
            _heading(context, "After", target)
            _row(context, maps[1], shares[1], target, "after", bar=True, sample=after)
        with answer:
            _prediction_after(context, shares, change, target)
            _prediction_before(context, shares[0], target)
        return
    given, row, answer = strip.columns(blocks, widest=strip.TWO_STRIPS)
    with given:
        model_input(context)
    with row:
        _heading(context, "Before", target)
        _row(context, maps[0], shares[0], target, "before")
    with answer:
        _prediction_before(context, shares[0], target)
    followed, row, answer = strip.columns(blocks, key="flow_after", widest=strip.TWO_STRIPS)
    with followed:
        aside()
    with row:
        _heading(context, "After", target)
        _row(context, maps[1], shares[1], target, "after", bar=True, sample=after)
    with answer:
        _prediction_after(context, shares, change, target)


@dataclass(frozen=True)
class Places:
    """What a stroke over the input changes in the strips beside it: the maps before, whose colour scale is that of the
    maps after too, the maps after, and the answer after."""

    before: DeltaGenerator
    after: DeltaGenerator
    answer: DeltaGenerator


def lay_out(context: AblateContext, target: int, aside: Callable[[], None]) -> Places:
    """The two strips beside an input that is worked on, with what stays while a stroke is drawn over it.

    aside  draws the controls under the second strip
    """
    blocks = len(context.config.cross_attention_blocks)
    row, answer = strip.beside_input(blocks, key="flow")
    with row:
        _heading(context, "Before", target)
        first = st.container()
    with answer:
        _prediction_before(context, inference.probabilities(context.case, context.progress), target)
    row, answer = strip.beside_input(blocks, key="flow_after")
    with row:
        _heading(context, "After", target)
        second = st.container()
        aside()
    with answer:
        strip.heading("Prediction after")
    return Places(first, second, answer)


def fill(
    context: AblateContext,
    places: Places,
    maps: Sequence[Sequence[BlockMap]],
    after: Sample,
    shares: tuple[np.ndarray, np.ndarray],
    change: AnswerChange,
    target: int,
) -> None:
    """The maps and the answer in their places, as `rows` draws them; without the maps and the answer after, a hint.

    maps  of all blocks, before and after; the latter where something is removed
    """
    with places.answer:  # first, since it is the least
        if len(maps) > 1:
            _answer_after(context, shares, change, target)
        else:
            st.empty()
    with places.after:
        if len(maps) > 1:
            _row(context, maps[1], shares[1], target, "after", bar=True, sample=after)
        else:
            st.caption(HINTS["elements"])
    with places.before:
        _row(context, maps[0], shares[0], target, "before", bar=len(maps) == 1)


def _prediction_before(context: AblateContext, shares: np.ndarray, target: int) -> None:
    strip.heading("Prediction before")
    answers.predictions(context, shares[-1], None, target, key="before")


def _prediction_after(
    context: AblateContext, shares: tuple[np.ndarray, np.ndarray], change: AnswerChange, target: int
) -> None:
    strip.heading("Prediction after")
    _answer_after(context, shares, change, target)


def _answer_after(
    context: AblateContext, shares: tuple[np.ndarray, np.ndarray], change: AnswerChange, target: int
) -> None:
    """The answer after, whether it is another, and by how much the target's changed."""
    verdict, numbers = answers.what_changed(context, change, target)
    st.markdown(verdict)
    answers.predictions(context, shares[1][-1], shares[0][-1], target, key="after")
    st.caption(numbers)


def differences(context: AblateContext, changes: Sequence[BlockChange]) -> BlockChange:
    """The differences of the maps of all blocks; returns the chosen block."""
    maps = [c.difference for c in changes]
    chosen = _chosen(context, [c.change.block for c in changes])
    st.subheader("Differences of the maps: after minus before", anchor="differences", divider="gray", help=DIVERGENCES)
    with st.container(width=len(changes) * (WIDEST + GAP)):
        context.modality.row(
            context.sample,
            maps,
            [_difference(context, c) for c in changes],
            context.paint,
            chosen,
            context.view.pick,
            _choose(maps),
            key="difference",
            name="Differences of the maps, after minus before",
            tile=TILE,
        )
    st.caption(scale_text(maps[0].range))
    return changes[chosen]


def _heading(context: AblateContext, title: str, target: int, *, short: bool = False) -> None:
    name = text.plain(text.label(context.config.class_names[target]))
    strip.heading(title, note=f"P({name})" if short else f"P({name}) after each block")


def _row(
    context: AblateContext,
    maps: Sequence[BlockMap],
    shares: np.ndarray,
    target: int,
    which: str,
    *,
    bar: bool = False,
    sample: Sample | None = None,
) -> None:
    """The maps of all blocks, with the probability of the target class after each."""
    tiles = [tile(context, m, float(shares[m.block][target])) for m in maps]
    context.modality.row(
        sample or context.sample,
        maps,
        [dataclasses.replace(t, alt=f"{which.capitalize()} {t.alt}".strip()) for t in tiles],
        context.paint,
        _chosen(context, [m.block for m in maps]),
        context.view.pick,
        _choose(maps),
        key=which or "before",
        name=f"Maps {which}" if which else "Maps of the blocks",
        bar=bar,
        tile=strip.TILE,
    )


def large(context: AblateContext, one: BlockChange, words: str, after: Sample, whole: str) -> None:
    """The three maps of the chosen block, large.

    after  the input with the removed elements marked
    whole  what the difference is from: "the whole encoding"
    """
    block = f"Block {one.change.block + 1}"
    st.subheader(f"{block}: {words}", anchor=False)
    findings.show(context, one.difference, whole)
    for column, shown, name in zip(
        st.columns(3, gap="medium"),
        (one.before, one.after, one.difference),
        ("before", "after", "difference"),
        strict=True,
    ):
        with column:
            st.markdown(f"**{name.capitalize()}**")
            context.modality.large(
                after if name == "after" else context.sample,
                shown,
                context.paint,
                f"{block} {name}, {words}",
                context.view.pick,
                _pick,
                key=f"large_{name}",
                hint="Point at it to read its value.",
                limit=420,
            )


def _difference(context: AblateContext, one: BlockChange) -> Tile:
    """The tile of a difference, with the divergences of the map and of the latents' own maps."""
    base = tile(context, one.difference)
    facts = [("latents", f"{number(one.change.latents)} bits")]
    if one.change.divergence is not None:
        facts.insert(0, ("divergence", f"{number(one.change.divergence)} bits"))
    title = f"Block {one.change.block + 1}"
    said = ", ".join(f"{name} {value}" for name, value in facts)
    return dataclasses.replace(
        base, title=title, facts=(*base.facts, *facts), alt=f"{title}, difference. {said}. {base.alt}"
    )


def _chosen(context: AblateContext, blocks: Sequence[int]) -> int:
    return blocks.index(context.view.block) if context.view.block in blocks else 0


def _choose(maps: Sequence[BlockMap]) -> Callable[[int], None]:
    return lambda index: state.change(block=maps[index].block)


def _pick(element: int | None) -> None:
    state.change(pick=element)
