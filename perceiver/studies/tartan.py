"""Spectra of every block's maps, averaged over held-out examples."""

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
    """The spectrum of one block's maps, averaged over examples; fields as in `analysis.spectrum.Spectrum`.

    ratio  a geometric mean
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
    """The mean spectrum of every block with a map.

    bands  the bands at which energy is measured: the model's own, or another model's for comparison
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
