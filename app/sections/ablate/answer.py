"""The answer before and after, and what changed, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.change import AnswerChange
from perceiver.analysis.formatting import number, percent
from perceiver.plots.sweep import change_text

from ...components import Row, ranking
from ...session import state
from ...session.text import label, plain
from ..scene import Scene

TOP = 5


def target(scene: Scene, before: Float[np.ndarray, "classes"]) -> int:
    """The class that is asked about: that of the view, or the most probable one."""
    return int(before.argmax()) if scene.view.target is None else scene.view.target


def answers(scene: Scene, change: AnswerChange, asked: int, *, changed: bool) -> None:
    """Predictions side by side, and what changed between them.

    changed  whether anything was taken out; else the answer stands alone
    """
    before, after, numbers = st.columns(3, gap="medium")
    with before:
        st.subheader("Prediction before" if changed else "Prediction", anchor=False)
        ranked(scene, change.probabilities_before, None, asked, key="before")
    with after:
        st.subheader("After", anchor=False)
        if changed:
            ranked(scene, change.probabilities_after, change.probabilities_before, asked, key="after")
        else:
            st.caption("Nothing is taken out yet. Switch a part of the code off: the answer without it appears here.")
    with numbers:
        st.subheader("What changed", anchor=False)
        _ask(scene, change.probabilities_before, asked)
        if changed:
            st.markdown(in_words(change, [label(name) for name in scene.config.labels], asked))


def in_words(change: AnswerChange, names: Sequence[str], asked: int) -> str:
    """What changed, as Markdown: whether the answer did, and by how much that of the class asked about."""
    first, last = plain(names[int(change.before.argmax())]), plain(names[int(change.after.argmax())])
    flipped = f"**The answer flipped** from {first} to {last}."
    verdict = flipped if change.flipped else f"**The answer stayed** {first}."
    logits = (number(float(side[asked])) for side in (change.before, change.after))
    shares = (percent(float(side[asked])) for side in (change.probabilities_before, change.probabilities_after))
    moved, by = change_text(change.logit(asked), "logit"), change_text(change.probability(asked), "probability")
    return "  \n".join(
        [
            verdict,
            f"Logit: {' → '.join(logits)} ({moved})",
            f"Probability: {' → '.join(shares)} ({by})",
            f"KL divergence of the answers: {number(change.kl)} nats",
        ]
    )


def _ask(scene: Scene, before: Float[np.ndarray, "classes"], asked: int) -> None:
    """The class that is asked about, the most probable ones first."""
    order = [int(i) for i in np.argsort(-before, kind="stable")]
    st.session_state["asked"] = asked
    st.selectbox(
        "Class asked about",
        order,
        format_func=lambda index: label(scene.config.labels[index]),
        key="asked",
        on_change=_asked,
        args=(order[0],),
    )


def _asked(best: int) -> None:
    chosen = st.session_state["asked"]
    state.change(target=None if chosen == best else chosen)


def ranked(
    scene: Scene,
    probabilities: Float[np.ndarray, "classes"],
    before: Float[np.ndarray, "classes"] | None,
    asked: int,
    *,
    key: str,
) -> None:
    """The most probable classes and the one asked about, with what they gained or lost where `before` is known."""
    labels = scene.config.labels
    order = [int(i) for i in np.argsort(-probabilities, kind="stable")]
    rows = order[:TOP] + [i for i in order[TOP:] if i == asked]
    ranking(
        [
            Row(
                name=label(labels[i]),
                share=float(probabilities[i]),
                text=percent(float(probabilities[i])),
                note=_note(scene, i, None if before is None else float(probabilities[i] - before[i])),
                strong=i == order[0],
            )
            for i in rows
        ],
        key=f"answer_{key}",
        label=f"Predictions {key} with their probabilities",
    )


def _note(scene: Scene, which: int, change: float | None) -> str:
    """The true label, and by how much it moved."""
    parts = ["true label"] if scene.config.labels[which] == scene.truth else []
    if change is not None and abs(change) >= 5e-4:
        parts.append(change_text(change, "probability", short=True))
    return ", ".join(parts)
