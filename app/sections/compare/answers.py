"""What each model is and what it answers, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...services import comparing, compute
from ...session import text
from .. import overview
from ..scene import CompareScene
from .beside import name

NUMBERS = {2: "Both", 3: "All three", 4: "All four"}


def answers(scenes: Sequence[CompareScene]) -> None:
    """One column a model: its answer, and what there is to know about it."""
    probabilities = [compute.probabilities(scene.case, scene.progress)[-1] for scene in scenes]
    if len(scenes) > 1:
        found = [text.label(s.config.labels[int(p.argmax())]) for s, p in zip(scenes, probabilities, strict=True)]
        st.caption(_agreement(found))
    for column, scene, shares in zip(st.columns(len(scenes), gap="medium"), scenes, probabilities, strict=True):
        with column:
            st.markdown(f"**{name(scene)}**  \n:small[{text.positions(scene.config.positions)}]")
            overview.predictions(shares, scene.config.labels, scene.truth, key=f"predictions_{scene.case.model}")
            results = compute.results(scene.case.model)
            st.caption(f"{comparing.parameters(scene.case.model):,} parameters. {text.accuracy(results).rstrip('.')}.")


def _agreement(found: Sequence[str]) -> str:
    if len(set(found)) == 1:
        return f"{NUMBERS[len(found)]} answer {text.plain(found[0])}."
    return f"They do not agree: {text.listed([text.plain(one) for one in dict.fromkeys(found)])}."
