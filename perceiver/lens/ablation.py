"""What a run does without a part of the position encoding: predictions and maps before and after."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any

from .. import notebook
from ..analysis.ablate import ablated_trace, band_counts, choose, describe, removes, without_elements
from ..analysis.ablation import Ablation
from ..analysis.change import AnswerChange, MapChange, map_changes
from ..analysis.formatting import class_name, number, percent
from ..analysis.maps import MEAN, MapSelection
from ..analysis.methods import Fill
from ..analysis.summary import Quantity
from ..analysis.sweep import Curve, curves
from ..errors import ConfigError
from ..export.changes import ablation_json, ablation_npz
from ..model import Perceiver
from ..plots.block_maps import BlockMap, scaled_maps, scaled_rows
from ..sample import Sample
from ..trace import Trace
from . import display
from .context import Context


def ablate(
    context: Context,
    before: Trace,
    ablation: Ablation | str | None,
    *,
    target: int | str | None = None,
    selection: MapSelection = MEAN,
    **removed: Any,
) -> Ablated:
    """Runs a model once more without a part of its position encoding, as `Run.ablate` describes it.

    before  the run with the whole encoding
    """
    encoding, config = context.model.encoding, context.model.config
    selection.check(config, context.name)
    chosen = context.class_index(target, before.logits.numpy())
    if not isinstance(ablation, Ablation):
        ablation = choose(encoding, text=ablation, name=context.name, **removed)
    elif removed:
        raise ConfigError(f"an ablation is complete, so {', '.join(removed)} cannot be combined with it")
    if not removes(ablation, context.model):
        raise ConfigError(f"that takes nothing away: {band_counts(context.name, context.model)}")
    after = ablated_trace(context.model, context.sample, ablation)
    return Ablated(context, ablation, before, after, chosen, selection)


def sweep_curves(model: Perceiver, name: str, fill: Fill = "zero", seed: int = 0) -> tuple[Curve, ...]:
    """What there is to sweep of a model's position encoding. Raises ConfigError where it has no frequencies."""
    found = curves(model.encoding, fill, seed)
    if not found:
        raise ConfigError(f"{name} has {model.config.positions_phrase}: there are no frequencies to sweep")
    return found


@dataclass(frozen=True)
class BlockChange:
    """The map of a block before and after an ablation and their difference, ready to be drawn, with its measures."""

    before: BlockMap
    after: BlockMap
    difference: BlockMap
    change: MapChange


def block_changes(changes: Sequence[MapChange], quantity: Quantity, mode: str = "shared") -> tuple[BlockChange, ...]:
    """The maps before and after of all blocks on one colour scale, and their differences on another.

    mode  of the scales; "shared" where these maps do not have it
    """
    sides = ({one.block: one.before for one in changes}, {one.block: one.after for one in changes})
    before, after = scaled_rows(sides, quantity, mode)
    differences = [(one.block, one.block, one.difference) for one in changes]
    moved = scaled_maps(differences, quantity, mode, signed=True)
    return tuple(BlockChange(*one) for one in zip(before, after, moved, changes, strict=True))


@dataclass(frozen=True, eq=False)
class Ablated:
    """A run with and without what an ablation takes away.

    target     the class whose logit and probability are followed
    selection  what the maps are
    """

    context: Context
    ablation: Ablation
    before: Trace = field(repr=False)
    after: Trace = field(repr=False)
    target: int
    selection: MapSelection = MEAN

    @cached_property
    def answer(self) -> AnswerChange:
        """How the predictions change."""
        return AnswerChange(self.before.logits.numpy(), self.after.logits.numpy())

    @cached_property
    def maps(self) -> tuple[MapChange, ...]:
        """How the map of every block changes."""
        return tuple(map_changes(self.before, self.after, self.selection))

    @cached_property
    def blocks(self) -> tuple[BlockChange, ...]:
        """`maps` on common colour scales."""
        return block_changes(self.maps, self.selection.quantity)

    @cached_property
    def sample_after(self) -> Sample:
        """The input with the elements marked that are removed from the input array; the input itself where none is."""
        return without_elements(self.context.sample, self.ablation, self.context.model)

    @property
    def verdict(self) -> str:
        """Whether the answer is another, and how far it moved, in a sentence."""
        labels, answer = self.context.labels, self.answer
        before, after = (class_name(labels[int(one.argmax())]) for one in (answer.before, answer.after))
        turned = f"the answer turns from {before} to {after}" if answer.flipped else f"the answer stays {before}"
        return f"{turned}; KL divergence {number(answer.kl)} nats"

    def json(self) -> dict[str, Any]:
        """The numbers, as plain values for JSON."""
        return ablation_json(
            self.ablation, self.answer, self.context.labels, self.context.origin, target=self.target, maps=self.maps
        )

    def npz(self) -> bytes:
        """The maps before and after with the places of their elements, as NPZ."""
        buffer = BytesIO()
        ablation_npz(buffer, self.ablation, self.maps, self.context.origin, self.context.layout, self.selection)
        return buffer.getvalue()

    def figure(self) -> bytes:
        """The maps before and after, a row each on one scale, as a PNG."""
        from ..plots.comparison import comparison_png, comparison_row

        sample, after, blocks = self.context.sample, self.sample_after, self.blocks
        rows = [
            comparison_row("Before", sample, [one.before for one in blocks]),
            comparison_row("After", after, [one.after for one in blocks]),
        ]
        return comparison_png(rows, title=self._title("What each block read"), footer=self._footer())

    def difference_figure(self) -> bytes:
        """The maps after less those before, on a scale of their own, as a PNG."""
        from ..plots.figures import block_maps_figure

        return block_maps_figure(
            self.context.sample,
            [one.difference for one in self.blocks],
            self._titles(),
            title=self._title("What changed"),
            footer=self._footer(),
        )

    def _title(self, what: str) -> str:
        return f"{what}: {self.context.name}, {self.context.sample.name}"

    def _footer(self) -> str:
        config = self.context.model.config
        selected = (
            "Mean over latents." if self.selection == MEAN
            else self.selection.sentence(config.num_latents, config.cross_heads)
        )  # fmt: skip
        return f"{selected} Taken away: {self.removed}."

    @property
    def removed(self) -> str:
        """What is taken away and what takes its place, in words."""
        return describe(self.ablation, self.context.model.encoding, self.context.axes)

    def _repr_png_(self) -> bytes:
        return self.figure()

    def _repr_html_(self) -> str:
        sample = self.context.sample
        before, after = [one.before for one in self.blocks], [one.after for one in self.blocks]
        return notebook.row(
            f"{notebook.heading(self.removed[0].upper() + self.removed[1:])}: {html.escape(self.verdict)}",
            notebook.table_html(self._rows(), ["", "before", "after"]),
            f"Before<br>{display.block_maps_html(sample, before)}",
            f"After<br>{display.block_maps_html(self.sample_after, after)}",
            display.scale_html(before[0].range),
        )

    def _titles(self) -> list[str]:
        return [f"Block {one.block + 1}" for one in self.maps]

    def _rows(self, top: int = 5) -> list[Sequence[str]]:
        order = self.answer.before.argsort(kind="stable")[::-1][:top].tolist()
        before, after = self.answer.probabilities_before, self.answer.probabilities_after
        return [[html.escape(self.context.labels[i]), percent(before[i]), percent(after[i])] for i in order]
