"""Descriptions of modalities: their words, the files that they read, and the options for reading.

Nothing here imports torch, NumPy or a decoder, so that the help of the command line and model cards can ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .kinds import Medium
from .options import Option

Layout = Literal["grid", "free", "parts"]


@dataclass(frozen=True)
class Noun:
    """The singular and the plural of a word."""

    one: str
    many: str


@dataclass(frozen=True)
class AxisWords:
    """Words for an axis that the elements of an input lie on.

    title      its name, capitalised: "Height"
    span       what the cycles of its frequencies run across: "the height"
    direction  how a pattern along it repeats: "down"
    steps      the elements along it, plural: "pixels"
    sides      words for the parts with small and with large coordinates: "upper" and "lower"; "before" and "after"
    unit       of its coordinates, where parts are named by them: "s"; else empty
    """

    title: str
    span: str
    direction: str
    steps: str = "elements"
    sides: tuple[str, str] = ("", "")
    unit: str = ""


@dataclass(frozen=True)
class Description:
    """A modality in words and constants.

    name        in configurations, and that of its folder: "image"
    noun        one input: "picture"
    element     one element of the input array; `element_by_axes` has the words for grids of another number of axes
    media       the media of the files that it reads, the one it is meant for first
    extensions  endings of those files, lower case, without a dot; a help for file choosers, never a check
    layout      "grid": elements lie on one grid; "free": every input brings the places of its own elements; "parts":
                elements lie on several grids, one after the other
    grid_axes   how many axes such a grid can have, the usual number first; empty unless `layout` is "grid"
    axes        words for its axes, by the names that `Modality.places` gives them
    task        what the hub calls the classification of such inputs (`pipeline_tag` of a model card), if it has a word
    options     what may be chosen about reading one input
    normalised  whether `preprocess` may hold a mean and a standard deviation of values in [0, 1]
    parts       what the parts of inputs of several modalities are called, by their names in exports
    libraries   modules that its readers import when a file needs them; worker processes share them once imported
    """

    name: str
    noun: Noun
    element: Noun
    media: tuple[Medium, ...]
    extensions: tuple[str, ...]
    layout: Layout = "grid"
    grid_axes: tuple[int, ...] = ()
    axes: Mapping[str, AxisWords] = field(default_factory=dict)
    task: str | None = None
    options: tuple[Option, ...] = ()
    element_by_axes: Mapping[int, Noun] = field(default_factory=dict)
    normalised: bool = False
    libraries: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Inputs of this modality, as people choose it: "Pictures"."""
        return self.noun.many.capitalize()

    def element_of(self, shape: tuple[int, ...]) -> Noun:
        """One element of an input of this shape, in words."""
        return self.element_by_axes.get(len(shape), self.element)
