"""Sweeps: many ablations of one input, each band alone and all bands up to a cut-off.

A first-order estimate of all of them comes first, from one backward pass; the exact answers follow in batches, so that
the work can be watched and stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.stats import spearmanr

from ..model import Perceiver
from ..positions import Positions
from ..sample import Sample
from .ablation import Ablation, Fill, high_pass, low_pass, one_band

Family = Literal["single", "low_pass", "high_pass"]

HELD = 1 << 26
"""Bytes of input arrays that go through the model together."""


@dataclass(frozen=True)
class Curve:
    """Ablations along the bands, lowest first.

    family       "single": each band alone, on `axis`; "low_pass": the bands from here upwards are gone, on all axes;
                 "high_pass": the bands up to here are gone
    axis         of single bands; None for all axes
    ablations    one a band
    frequencies  of the bands in cycles across the axis; of the first axis where all are meant
    """

    family: Family
    axis: int | None
    ablations: tuple[Ablation, ...]
    frequencies: tuple[float, ...]


def curves(encoding: Positions, fill: Fill = "zero", seed: int = 0) -> tuple[Curve, ...]:
    """Every band of every axis alone, then cumulative low-pass and high-pass; none where the encoding has no bands."""
    axes = sorted({band.axis for band in encoding.bands()})
    by_axis = {axis: [band for band in encoding.bands() if band.axis == axis] for axis in axes}
    out = [
        Curve(
            "single",
            axis,
            tuple(one_band(encoding, band.index, axis).filled(fill, seed) for band in by_axis[axis]),
            tuple(band.frequency for band in by_axis[axis]),
        )
        for axis in axes
    ]
    if axes:
        first = by_axis[axes[0]]
        frequencies = tuple(band.frequency for band in first)
        lows = tuple(low_pass(encoding, band.index).filled(fill, seed) for band in first)
        highs = tuple(high_pass(encoding, band.index + 1).filled(fill, seed) for band in first)
        out += [Curve("low_pass", None, lows, frequencies), Curve("high_pass", None, highs, frequencies)]
    return tuple(out)


@dataclass(frozen=True)
class Estimate:
    """The answer to the untouched input, and first-order changes of one class's logit.

    logits   of the untouched input
    changes  one an ablation
    """

    logits: Float[np.ndarray, "classes"]
    changes: Float64[np.ndarray, "n"]


def estimate(model: Perceiver, sample: Sample, ablations: Sequence[Ablation], target: int | None = None) -> Estimate:
    """First-order changes of a class's logit, all from one backward pass: the gradient with respect to the position
    code times the change of the code.

    target  the class; None is the most probable one

    Raises ConfigError when the encoding has no such band.
    """
    codes = model.codes(sample).detach().requires_grad_()
    with torch.enable_grad():
        logits = model(model.inputs(sample, codes))[0]
        chosen = int(logits.argmax()) if target is None else target
        (gradient,) = torch.autograd.grad(logits[chosen], codes)
    codes, encoding = codes.detach(), model.encoding
    # A channel's part does not depend on what goes with it, so each is worked out once for each filling.
    parts: dict[tuple[Fill, int], torch.Tensor] = {}
    changes = []
    for ablation in ablations:
        key = (ablation.fill, ablation.seed)
        if key not in parts:
            parts[key] = (gradient * (ablation.filling(codes) - codes)).sum((0, 1), dtype=torch.float64)
        changes.append(float(parts[key][list(ablation.channels(encoding, codes.shape[-1]))].sum()))
    return Estimate(logits.detach().numpy(), np.array(changes, dtype=np.float64))


@torch.no_grad()
def answers(
    model: Perceiver, sample: Sample, ablations: Sequence[Ablation], *, at_a_time: int | None = None
) -> Iterator[Float[np.ndarray, "batch classes"]]:
    """The exact logits after each ablation, in order, a batch at a time.

    at_a_time  ablations that go through the model together; None is what fits into HELD bytes

    Raises ConfigError when the encoding has no such band.
    """
    codes = model.codes(sample)
    size = codes.shape[1] * model.config.input_channels * codes.element_size()
    step = at_a_time or max(1, HELD // size)
    content = sample.content[None]
    for start in range(0, len(ablations), step):
        batch = torch.cat([ablation.apply(codes, model.encoding) for ablation in ablations[start : start + step]])
        with torch.no_grad():
            yield model(model.input_array(content.expand(len(batch), -1, -1), batch)).numpy()


def spearman(one: Float[np.ndarray, "n"], other: Float[np.ndarray, "n"]) -> float:
    """Spearman's rank correlation; NaN where one of the two is constant."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)
