"""What the Explain page says of its methods."""

from __future__ import annotations

from collections.abc import Mapping

from perceiver.analysis.explanation import Explanation, Question
from perceiver.analysis.formatting import number, percent

METHODS: Mapping[str, str] = {"gradient": "Gradients", "rollout": "Rollout"}
MEANT: Mapping[str, str] = {
    "gradient": "Attention is followed from the head back through all towers and cross-attentions, every weight "
    "counted by how much the class gains from it (after Chefer, Gur and Wolf 2021).",
    "rollout": "Attention is followed from the head back through all towers and cross-attentions as it is: only the "
    "start, the head's weights over the latents, knows the class (after Abnar and Zuidema 2020).",
}


def spot(name: str) -> str:
    """The line under a large map while nothing is pointed at."""
    return f"Point at a {name} to read its value; click it to mark it on every map."


def completeness(its: Explanation) -> str:
    """How far a map's values add up to what they should; "" where nothing was promised."""
    if its.completeness is None or its.change is None:
        return ""
    change = f"Its values should add up to what the input adds to the baseline's logit, {number(its.change)}"
    error = f"they miss it by {number(its.completeness)}"
    relative = f" ({percent(its.completeness / abs(its.change))})" if its.change else ""
    return f"{change}; {error}{relative}."


def asks(question: Question, names: tuple[str, ...]) -> str:
    """The classes of a question, in words: “cup”, or “cup” rather than “bowl”."""
    one = f"“{names[question.target]}”"
    return one if question.against is None else f"{one} rather than “{names[question.against]}”"
