"""What a class rests on: its relevance over the input, and by block."""

from __future__ import annotations

import numpy as np
import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent

from ...components import Tile
from ...services import explaining
from ...session import controls, state, text
from ..scene import Scene
from . import words
from .shown import scaled, sentence

FEW = 4
"""Blocks whose maps are shown at the size of Explore's; more of them are shown smaller."""


def rests(scene: Scene, question: Question, names: tuple[str, ...]) -> None:
    """One large map, and the part of it that came in through each block."""
    found = explaining.class_relevance(scene.case, question, scene.progress)
    signed = question.against is not None
    blocks, part = found.blocks, scene.view.part
    total = scaled([found.total], signed=signed)[0]
    parts = scaled(list(found.maps), signed=signed, blocks=blocks)
    st.caption(_meaning(scene, question, names))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Worked out by", "method", words.METHODS, question.relevance)
        if len(blocks) > 1:
            # The twin of a click on a block's map.
            names_of: dict[int | None, str] = {block: f"Block {block + 1}" for block in blocks}
            controls.select("Shown large", "part", {None: "All blocks"} | names_of, part, width=150)
    large, split = st.columns([10, 11], gap="medium")
    one = total if part is None or part not in blocks else parts[blocks.index(part)]
    of = "all blocks together" if one is total else f"through block {one.block + 1}"
    with large:
        scene.shown.large(
            scene.sample,
            one,
            scene.paint,
            f"Relevance for {words.asks(question, names)}, {of}",
            scene.view.pick,
            lambda element: state.change(pick=element),
            key="relevance",
            hint=words.spot(scene.shown.spot),
            limit=576,
        )
        st.caption(f"{of[:1].upper()}{of[1:]}. {sentence(one.range, alone=one is total)}")
    with split:
        tiles = [
            Tile(
                f"Block {block + 1}",
                note=percent(float(share)),
                alt=f"Block {block + 1}, {percent(float(share))} of the {'difference' if signed else 'relevance'}.",
            )
            for block, share in zip(blocks, found.shares, strict=True)
        ]
        scene.shown.row(
            scene.sample,
            parts,
            tiles,
            scene.paint,
            None if part is None else blocks.index(part),
            scene.view.pick,
            lambda index: state.change(part=None if blocks[index] == part else blocks[index]),
            key="parts",
            name="Relevance by block",
            tile=220 if len(blocks) <= FEW else 130,
        )
        st.caption(
            f"{_where(found.shares, blocks, signed)} {sentence(parts[0].range)} {words.MEANT[question.relevance]}"
        )


def _meaning(scene: Scene, question: Question, names: tuple[str, ...]) -> str:
    if question.against is None:
        more = "Darker" if scene.view.colours == "greys" else "Brighter"
        return f"{more}: more of “{text.plain(names[question.target])}” rests on it."
    one, other = (text.plain(names[i]) for i in (question.target, question.against))
    return f"Red: “{one}” rests on it more than “{other}” does; blue: the other way round."


def _where(shares: np.ndarray, blocks: tuple[int, ...], signed: bool) -> str:
    """Which block most of it came in through."""
    if len(blocks) == 1:
        return "One block reads the input, so all of it came in there."
    most = int(shares.argmax())
    what = "difference" if signed else "relevance"
    return f"The largest part of the {what}, {percent(float(shares[most]))}, came in through block {blocks[most] + 1}."
