"""Export of position encodings and of the spectra of maps."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from ..analysis.encodings import CodeAnalysis, Gram, components
from ..analysis.spectrum import Spectrum
from .arrays import Target, write_npz
from .origin import Layout, Origin, finite

TARTAN = (
    "model", "positions", "bands_of", "block", "ratio", "at_bands", "baseline", "matched", "regularity", "resolved",
    "bands", "estimated", "part",
)  # fmt: skip
"""Columns of the numbers of spectra."""


@dataclass(frozen=True)
class ModelSpectra:
    """The spectra of one model's maps.

    origin     the model and the input
    positions  the kind of its position encoding
    bands_of   the model whose bands were used; None for those of Fourier features on this grid
    spectra    one per block; of clips, one per block and part
    gram       the Gram spectrum of its position encoding; None leaves it out
    """

    origin: Origin
    positions: str
    bands_of: str | None
    spectra: tuple[Spectrum, ...]
    gram: Gram | None = None


def tartan_csv(measured: Sequence[ModelSpectra]) -> str:
    """The spectra as CSV, one line per model and block; blocks are counted from 1.

    bands_of            the model whose bands were used; empty for those of Fourier features on this grid
    at_bands, baseline  shares of the maps' energy at the bands and at the matched baseline; `ratio` is their ratio
    regularity          periodicity of the maps, 0 to 1; empty, like `ratio`, if it cannot be measured
    resolved            number of the `bands` that could be measured
    part                of a clip: "audio", "video"; empty for other inputs
    """
    out = StringIO()
    writer = csv.DictWriter(out, TARTAN, lineterminator="\n")
    writer.writeheader()
    for one in measured:
        about = {"model": one.origin.model, "positions": one.positions, "bands_of": one.bands_of}
        for row in _spectra(one.spectra):
            writer.writerow(about | row | {"block": row["block"] + 1, "estimated": int(row["estimated"])})
    return out.getvalue()


def tartan_json(measured: Sequence[ModelSpectra], *, kind: str = "score", head: int | None = None) -> dict[str, Any]:
    """Position encodings and spectra as plain values for JSON; blocks are counted from 0, NaN becomes None.

    kind, head  of the maps, as in `spectra`
    """
    models = [
        one.origin.to_dict()
        | {"positions": one.positions, "bands_of": one.bands_of}
        | ({"code": _gram(one.gram)} if one.gram else {})
        | {"blocks": list(_spectra(one.spectra))}
        for one in measured
    ]
    return {"sample": measured[0].origin.sample, "kind": kind, "head": head, "models": models}


def encoding_json(code: CodeAnalysis, origin: Origin, *, axes: Sequence[str]) -> dict[str, Any]:
    """A position encoding as plain values for JSON: frequencies in cycles across the axis, the Gram spectrum, and the
    similarity of one element with every element, row by row.

    axes  the names of the input's axes
    """
    along = {
        axis: [band.frequency for band in code.bands if band.axis == i]
        for i, axis in enumerate(axes)
        if any(band.axis == i for band in code.bands)
    }
    cosines = None
    if code.similarity is not None:
        cosines = {"element": code.element, "cosine": [float(value) for value in code.similarity]}
    return origin.to_dict() | {
        "positions": code.positions,
        "shape": list(code.shape),
        "channels": code.codes.shape[1],
        "cycles": along,
        "code": _gram(code.gram),
        "similarity": cosines,
    }


def encoding_npz(target: Target, code: CodeAnalysis, origin: Origin, layout: Layout, *, leading: int = 16) -> None:
    """Writes a position encoding.

    leading  maximum number of components

    codes       float32 (*shape, channels)
    gram        float64 (k,): shares of the eigenvalues
    components  float32 (k, *shape): the leading eigenvectors over the elements
    bands       of Fourier features, float64 (bands, 4): axis, frequency in cycles across it, sine and cosine channel
    similarity  float32 (*shape), only if an element is given: cosine similarity of its encoding with every element's
    """
    shape, leading_maps = layout.shape, components(code.codes, leading)
    arrays: dict[str, np.ndarray] = {
        "codes": code.codes.numpy().astype(np.float32).reshape(*shape, code.codes.shape[1]),
        "gram": code.gram.shares,
        "components": leading_maps.reshape(len(leading_maps), *shape),
    }
    if code.bands:
        arrays["bands"] = np.array([(b.axis, b.frequency, b.sine, b.cosine) for b in code.bands], dtype=np.float64)
    if code.similarity is not None:
        arrays["similarity"] = np.asarray(code.similarity, dtype=np.float32).reshape(shape)
    metadata = origin.to_dict() | {
        "axes": list(layout.places),
        "positions": code.positions,
        "effective": code.gram.effective,
        "element": code.element,
    }
    write_npz(target, arrays, metadata, layout)


def _spectra(spectra: Sequence[Spectrum]) -> Iterator[dict[str, Any]]:
    """The measures of every block."""
    for one in spectra:
        yield {
            "block": one.block,
            "ratio": finite(one.ratio),
            "at_bands": finite(one.at_bands),
            "baseline": finite(one.baseline),
            "matched": one.matched,
            "regularity": finite(one.regularity),
            "resolved": one.resolved,
            "bands": one.bands,
            "estimated": one.estimated,
            "part": one.part,
        }


def _gram(gram: Gram) -> dict[str, Any]:
    return {"effective": gram.effective, "dimensions": len(gram.shares), "shares": gram.shares.tolist()}
