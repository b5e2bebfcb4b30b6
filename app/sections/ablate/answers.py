"""The answers before and after an ablation, and what changed, in numbers and in words."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.change import AnswerChange
from perceiver.analysis.formatting import number, percent
from perceiver.plots.sweep import change_text

from ...components import Row, ranking
from ...session import state
from ...session.text import label, plain
from ..context import AblateContext
from ..predictions import TOP, ranked


def target_class(context: AblateContext, before: Float[np.ndarray, "classes"]) -> int:
    """The target class of the view, or the most probable one."""
    return int(before.argmax()) if context.view.target is None else context.view.target


def what_changed(context: AblateContext, change: AnswerChange, target: int) -> tuple[str, str]:
    """Whether the answer changed, and by how much that of the target class, as Markdown."""
    names = [label(name) for name in context.config.class_names]
    first, last = plain(names[int(change.before.argmax())]), plain(names[int(change.after.argmax())])
    flipped = f"**The answer flipped** from {first} to {last}."
    verdict = flipped if change.flipped else f"**The answer stayed** {first}."
    logits = (number(float(side[target])) for side in (change.before, change.after))
    shares = (percent(float(side[target])) for side in (change.probabilities_before, change.probabilities_after))
    moved, by = change_text(change.logit(target), "logit"), change_text(change.probability(target), "probability")
    numbers = "  \n".join(
        [
            f"Logit: {' → '.join(logits)} ({moved})",
            f"Probability: {' → '.join(shares)} ({by})",
            f"KL divergence of the answers: {number(change.kl)} nats",
        ]
    )
    return verdict, numbers


def predictions(
    context: AblateContext,
    probabilities: Float[np.ndarray, "classes"],
    before: Float[np.ndarray, "classes"] | None,
    target: int,
    *,
    key: str,
) -> None:
    """The most probable classes and the target, with the changes of their probabilities where `before` is known."""
    labels = context.config.class_names
    order = ranked(probabilities)
    rows = order[:TOP] + [i for i in order[TOP:] if i == target]
    ranking(
        [
            Row(
                name=label(labels[i]),
                share=float(probabilities[i]),
                text=percent(float(probabilities[i])),
                note=_note(context, i, None if before is None else float(probabilities[i] - before[i])),
                strong=i == order[0],
            )
            for i in rows
        ],
        key=f"answer_{key}",
        label=f"Predictions {key} with their probabilities",
    )


def choose_target(context: AblateContext, before: Float[np.ndarray, "classes"], target: int) -> None:
    """The choice of the target class, the most probable ones first."""
    order = ranked(before)
    st.session_state["asked"] = target
    st.selectbox(
        "Target class",
        order,
        format_func=lambda index: label(context.config.class_names[index]),
        key="asked",
        on_change=_set_target,
        args=(order[0],),
        help="The class whose logit and probability are followed.",
    )


def _set_target(best: int) -> None:
    chosen = st.session_state["asked"]
    state.change(target=None if chosen == best else chosen)


def _note(context: AblateContext, index: int, change: float | None) -> str:
    """Whether a class is the true one, and the change of its probability."""
    parts = ["true label"] if context.config.class_names[index] == context.truth else []
    if change is not None and abs(change) >= 5e-4:
        parts.append(change_text(change, "probability", short=True))
    return ", ".join(parts)
