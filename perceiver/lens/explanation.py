"""Explanations of a run, with their figures and files."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float

from .. import notebook
from ..analysis.explanation import Explanations, Question
from ..analysis.formatting import class_name
from ..analysis.methods import RelevanceMethod, method_label
from ..analysis.summary import summarise
from ..errors import ConfigError
from ..export.explanations import explanations_json, explanations_npz
from ..plots.scale import ColourScale
from . import display
from .context import Context


def question(
    context: Context,
    logits: Float[np.ndarray, "classes"],
    target: int | str | None = None,
    against: int | str | None = None,
    *,
    relevance: RelevanceMethod = "gradient",
    steps: int = 32,
) -> Question:
    """What is asked of an explanation, as `Run.question` describes it.

    logits  of the run
    """
    chosen = context.class_index(target, logits)
    other = None if against is None else context.class_index(against, logits)
    if chosen == other:
        raise ConfigError(f"a class cannot be contrasted with itself, {context.labels[chosen]}")
    return Question(chosen, other, relevance, steps)


@dataclass(frozen=True, eq=False)
class Explained:
    """Maps of which elements a class depends on, as far as they are known.

    logits  of the run
    """

    context: Context
    logits: Float[np.ndarray, "classes"] = field(repr=False)
    found: Explanations

    @property
    def title(self) -> str:
        """The question, in words."""
        labels, question = self.context.labels, self.found.question
        rather = "" if question.against is None else f" rather than {class_name(labels[question.against])}"
        return f"What speaks for {class_name(labels[question.target])}{rather}"

    def __getitem__(self, method: str) -> Float[np.ndarray, "..."]:
        """The map of a method, in the shape of the input. Raises KeyError where it is not known."""
        return self.found[method].values

    def json(self) -> dict[str, Any]:
        """The numbers, as plain values for JSON."""
        return explanations_json(self.found, self.logits, self.context.labels, self.context.origin)

    def npz(self) -> bytes:
        """The maps with the places of their elements, as NPZ."""
        buffer = BytesIO()
        explanations_npz(buffer, self.found, self.context.origin, self.context.layout)
        return buffer.getvalue()

    def figure(self, *, signed: bool = False) -> bytes:
        """The maps that are never below 0, or those that are signed, in multiples of a uniform share, as a PNG; empty
        where there are none."""
        named = self._shares(signed=signed)
        if not named:
            return b""
        from ..plots.drawing import draw
        from ..plots.figures import figure_png

        values = [shares for _, shares in named]
        ranges = ColourScale("uniform", signed=signed).limits(values)
        unit = "times a uniform share" + (": above 0 for, below 0 against" if signed else "")
        ranges = tuple(replace(one, name=unit) for one in ranges)
        return figure_png(
            draw(self.context.sample, values, ranges, colours="magma", strength=None if signed else 0.8),
            ranges,
            [name for name, _ in named],
            [summarise(one, signed=signed) for one in values],
            title=f"{self.title}: {self.context.name}, {self.context.sample.name}",
            footer="Every map as shares of the sum of its magnitudes; blocks of a relevance add up to it.",
        )

    def _shares(self, *, signed: bool) -> list[tuple[str, Float[np.ndarray, "..."]]]:
        """Headings and maps as shares, class relevance followed by what each block holds of it."""
        out = []
        for one in self.found.maps:
            if one.signed != signed:
                continue
            out.append((method_label(one.method), one.shares))
            if (held := one.relevance) is not None and len(held.blocks) > 1:
                total = float(np.abs(one.values).sum()) or 1.0
                blocks = zip(held.blocks, held.maps, strict=True)
                out += [(f"Relevance of block {block + 1}", values / total) for block, values in blocks]
        return out

    def _repr_png_(self) -> bytes:
        return self.figure() or self.figure(signed=True)

    def _repr_html_(self) -> str:
        pictures = []
        for signed in (False, True):
            if named := self._shares(signed=signed):
                titles, values = zip(*named, strict=True)
                pictures.append(display.maps_html(self.context.sample, values, titles, signed=signed))
        scores = [
            [html.escape(method_label(key)), f"{score.deletion.area:.2f}", f"{score.insertion.area:.2f}"]
            for key, score in self.found.scores.items()
        ]
        table = notebook.table_html(scores, ["", "deletion", "insertion"]) if scores else ""
        return notebook.row(notebook.heading(self.title), *pictures, table)
