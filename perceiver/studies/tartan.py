"""Spectra of every block's maps, mean over held-out examples (the tartan question)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..analysis.band_baseline import Baseline
from ..analysis.spectrum import spectra
from ..model import Perceiver
from ..positions import Band
from ..progress import ProgressCallback, ignore
from ..trace import Kind
from ..training.sets import Examples
from .base import Mean, sample


@dataclass(frozen=True)
class MeanSpectrum:
    """One block's maps, mean over examples; the numbers are those of `analysis.spectrum.Spectrum`.

    ratio  is taken in logarithms, so that halves and doubles weigh alike: a geometric mean
    """

    block: int
    at_bands: Mean
    baseline: Mean
    ratio: Mean
    regularity: Mean
    matched: Baseline
    resolved: int
    bands: int


def tartan(
    model: Perceiver,
    examples: Examples,
    bands: Sequence[Band],
    *,
    kind: Kind = "score",
    head: int | None = None,
    progress: ProgressCallback = ignore,
) -> tuple[MeanSpectrum, ...]:
    """The patterns of every block that has a map.

    bands  whose frequencies are looked for: the model's own, or another's to be set beside
    """
    found = []
    for index in range(len(examples)):
        one = sample(examples, index, model.config)
        found.append(tuple(spectra(model.trace(model.inputs(one)), bands, one.coordinates, kind=kind, head=head)))
        progress((index + 1) / len(examples), f"Measuring spectra: example {index + 1:,} of {len(examples):,}")
    groups = examples.group.numpy()

    def mean(values: Sequence[float]) -> Mean:
        return Mean.of(np.array(values, dtype=np.float64), groups)

    out = []
    for measured in zip(*found, strict=True):
        log = mean([np.log(one.ratio) for one in measured])
        out.append(
            MeanSpectrum(
                block=measured[0].block,
                at_bands=mean([one.at_bands for one in measured]),
                baseline=mean([one.baseline for one in measured]),
                ratio=Mean(float(np.exp(log.value)), float(np.exp(log.low)), float(np.exp(log.high))),
                regularity=mean([one.regularity for one in measured]),
                matched=measured[0].matched,
                resolved=measured[0].resolved,
                bands=measured[0].bands,
            )
        )
    return tuple(out)
