"""The options of analyses, and the table of explanation methods.

Importing this module does not load PyTorch, so that command line help can be built from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Fill = Literal["zero", "mean", "shuffle"]
"""The replacement for a removed position channel."""

Shuffle = Literal["elements", "contents", "blocks"]
"""What a permutation test permutes."""

Removal = Literal["remove", "blank"]
"""How a deletion test removes an element."""

ErasedBy = Literal["remove", "mean", "blur"]
"""How elements are erased: their rows leave the input array, or their content is replaced."""

RelevanceMethod = Literal["gradient", "rollout"]
"""The methods of class relevance."""

AttributionMethod = Literal["saliency", "input_x_gradient", "integrated_gradients"]
"""Gradient attributions."""

FILLS: tuple[Fill, ...] = get_args(Fill)
SHUFFLES: tuple[Shuffle, ...] = get_args(Shuffle)
ERASED_BY: tuple[ErasedBy, ...] = get_args(ErasedBy)
REMOVALS: tuple[Removal, ...] = get_args(Removal)
RELEVANCE_METHODS: tuple[RelevanceMethod, ...] = get_args(RelevanceMethod)
ATTRIBUTION_METHODS: tuple[AttributionMethod, ...] = get_args(AttributionMethod)


@dataclass(frozen=True)
class ExplanationMethod:
    """A method that maps the input elements a class depends on.

    key          its name in files, links and on the command line
    label        its name in figures and tables
    description  what its map shows, in one sentence
    signed       whether values below 0 are evidence against the class
    slow         whether its map takes many times as long as one run of the model
    about_class  whether its map depends on the class
    """

    key: str
    label: str
    description: str
    signed: bool = False
    slow: bool = False
    about_class: bool = True

    @property
    def lower_label(self) -> str:
        """The label for use within a sentence."""
        return self.label[0].lower() + self.label[1:]


METHODS: Mapping[str, ExplanationMethod] = {
    method.key: method
    for method in (
        ExplanationMethod(
            "attention",
            "Attention",
            "The attention weights, mean over latents, heads and blocks: what was read, whatever it was read for.",
            about_class=False,
        ),
        ExplanationMethod(
            "last",
            "Attention, last block",
            "The attention weights of the last block, mean over latents and heads.",
            about_class=False,
        ),
        ExplanationMethod(
            "relevance",
            "Class relevance",
            "Attention followed from the class back to the input, through all blocks and towers.",
        ),
        ExplanationMethod(
            "saliency",
            "Saliency",
            "How strongly the logit responds to a small change of an element: the length of its gradient.",
        ),
        ExplanationMethod(
            "input_x_gradient",
            "Input × gradient",
            "The gradient times the input: to first order, what an element adds to the logit.",
            signed=True,
        ),
        ExplanationMethod(
            "integrated_gradients",
            "Integrated gradients",
            "The gradient along the path from a baseline to the input, times the difference of the two: what an "
            "element adds to the logit.",
            signed=True,
            slow=True,
        ),
    )
}
"""The explanation methods by key, those that take least time first."""

RANDOM = "random"
"""The key of random orders, the baseline of all methods."""

RANDOM_LABEL = "Random order"


def method_label(key: str) -> str:
    """The label of a method or of random order."""
    return RANDOM_LABEL if key == RANDOM else METHODS[key].label
