"""Accuracy on held-out examples under ablations of the position encoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..analysis.ablation import Ablation
from ..analysis.sweep import Curve
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..training.sets import Examples
from .base import Mean

BATCH = 32

CUT_OFFS = 16
"""Maximum number of cut-offs of a curve."""


@dataclass(frozen=True)
class CutOff:
    """An ablation of all bands up to a cut-off.

    family  that of its curve; "whole code" without ablation
    cycles  the frequency of the cut-off, in cycles across the first axis; None without ablation
    """

    family: str
    cycles: float | None
    ablation: Ablation


def cut_offs(curves: Sequence[Curve], most: int = CUT_OFFS) -> tuple[CutOff, ...]:
    """No ablation, then at most `most` evenly spaced cut-offs of every cumulative curve; the strongest ablation of each
    curve is among them."""
    out = [CutOff("whole code", None, Ablation())]
    for curve in curves:
        if curve.axis is None:
            every = list(zip(curve.frequencies, curve.ablations, strict=True))
            step = -(-len(every) // most)
            chosen = every[::step] if curve.family == "low_pass" else every[::-step]
            out += [CutOff(curve.family, cycles, ablation) for cycles, ablation in chosen]
    return tuple(out)


@dataclass(frozen=True)
class AblationAccuracy:
    """The accuracy of a model under an ablation of its position encoding.

    accuracy  share of examples that are classified correctly
    agrees    share of examples with the same prediction as without ablation
    """

    ablation: Ablation
    accuracy: Mean
    agrees: Mean


@torch.no_grad()
def frequencies(
    model: Perceiver, examples: Examples, ablations: Sequence[Ablation], progress: ProgressCallback = ignore
) -> Iterator[AblationAccuracy]:
    """The accuracy after each ablation, in order.

    Raises ConfigError when the encoding has no such band.
    """
    before = _answers(model, examples, Ablation())
    groups = examples.group.numpy()
    for done, ablation in enumerate(ablations, start=1):
        progress(done / (len(ablations) + 1), f"Ablation {done:,} of {len(ablations):,}")
        found = _answers(model, examples, ablation) if ablation else before
        yield AblationAccuracy(
            ablation=ablation,
            accuracy=Mean.of((found == examples.label).double().numpy(), groups),
            agrees=Mean.of((found == before).double().numpy(), groups),
        )
    progress(1.0, "Done")


def _answers(model: Perceiver, examples: Examples, ablation: Ablation) -> torch.Tensor:
    """The predicted class of every example."""
    found = []
    for start in range(0, len(examples), BATCH):
        part = examples.at(slice(start, start + BATCH))
        codes = ablation.apply(part.codes(model), model.encoding)
        found.append(model(part.inputs(model, codes)).argmax(-1))
    return torch.cat(found)
