"""What the Explain page says of its methods."""

from __future__ import annotations

from collections.abc import Mapping

from perceiver.analysis.formatting import number, percent

from ...services.explaining import Explained, Question

METHODS: Mapping[str, str] = {"gradient": "Gradients", "rollout": "Rollout"}
MEANT: Mapping[str, str] = {
    "gradient": "Attention is followed from the head back through all towers and cross-attentions, every weight "
    "counted by how much the class gains from it (after Chefer, Gur and Wolf 2021).",
    "rollout": "Attention is followed from the head back through all towers and cross-attentions as it is: only the "
    "start, the head's weights over the latents, knows the class (after Abnar and Zuidema 2020).",
}
ASKED: Mapping[str, str] = {
    "attention": "The attention weights, as a mean over latents and blocks: what was read, whatever it was read for. "
    "No class is asked about.",
    "last": "The attention weights of the last block, as a mean over latents. No class is asked about.",
    "relevance": "Attention followed from the class back to the input, through all blocks and towers.",
    "saliency": "How strongly the class's logit answers to a small change of an element: the length of its gradient.",
    "input_x_gradient": "The gradient times the input: to first order, what an element adds to the class's logit.",
    "integrated_gradients": "The gradient on the whole way from a baseline, the mean of the training data or of the "
    "elements, to this input: what an element adds to the class's logit.",
}


def spot(name: str) -> str:
    """The line under a large map while nothing is pointed at."""
    return f"Point at a {name} to read its value; click it to mark it on every map."


def completeness(shown: Explained) -> str:
    """How far a map's values add up to what they should; "" where nothing was promised."""
    its = shown.attribution
    if its is None or its.completeness is None or its.change is None:
        return ""
    change = f"Its values should add up to what the input adds to the baseline's logit, {number(its.change)}"
    error = f"they miss it by {number(its.completeness)}"
    relative = f" ({percent(its.completeness / abs(its.change))})" if its.change else ""
    return f"{change}; {error}{relative}."


def asks(question: Question, names: tuple[str, ...]) -> str:
    """The classes of a question, in words: “cup”, or “cup” rather than “bowl”."""
    one = f"“{names[question.target]}”"
    return one if question.against is None else f"{one} rather than “{names[question.against]}”"
