"""Spectra of every block's maps, averaged over held-out examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..analysis.band_baseline import Baseline
from ..analysis.compare import bands_of_models
from ..analysis.spectrum import spectra
from ..model import Perceiver
from ..positions import Band
from ..progress import ProgressCallback, ignore, portion
from ..trace import Kind
from ..training.sets import Examples
from .base import Mean, held_out, sample


@dataclass(frozen=True)
class MeanSpectrum:
    """The spectrum of one block's maps, averaged over examples; fields as in `analysis.spectrum.Spectrum`.

    ratio  a geometric mean
    """

    block: int
    part: str | None
    at_bands: Mean
    baseline: Mean
    ratio: Mean
    regularity: Mean
    matched: Baseline
    resolved: int
    bands: int


@dataclass(frozen=True)
class HeldOutSpectra:
    """The mean spectra of one model's maps.

    positions         the kind of its position encoding
    bands_of          the model whose bands were used; None for those of Fourier features on this grid
    blocks            one per block with a map; of clips, one per block and part
    examples, groups  number of examples, and of independent groups among them
    """

    model: str
    positions: str
    bands_of: str | None
    blocks: tuple[MeanSpectrum, ...]
    examples: int
    groups: int


def tartan_of_models(
    models: Sequence[tuple[str, Perceiver]],
    folder: Path,
    most: int | None = None,
    *,
    kind: Kind = "score",
    head: int | None = None,
    progress: ProgressCallback = ignore,
) -> tuple[HeldOutSpectra, ...]:
    """The mean spectra of several models, each on held-out examples of its own data set in a folder, at the bands that
    `bands_of_models` chooses.

    models  with their names
    most    maximum number of examples

    Raises DataError without data, ConfigError for a model that matches no data set.
    """
    lenders, out = bands_of_models([model for _, model in models]), []
    for i, ((name, model), (lender, bands)) in enumerate(zip(models, lenders, strict=True)):
        examples = held_out(model, folder, most)
        part = portion(progress, i / len(models), (i + 1) / len(models), name)
        blocks = tartan(model, examples, bands, kind=kind, head=head, progress=part)
        bands_of = None if lender is None else models[lender][0]
        out.append(HeldOutSpectra(name, model.config.positions_kind, bands_of, blocks, len(examples), examples.groups))
    return tuple(out)


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
        trace, segments = model.trace(model.inputs(one)), model.config.segments
        found.append(tuple(spectra(trace, bands, one.coordinates, segments=segments, kind=kind, head=head)))
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
                part=measured[0].part,
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
