"""Position codes and the spectra of maps, a model each and several side by side."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from ..analysis.encodings import Gram
from ..analysis.spectrum import Spectrum
from ..positions import Band
from ..sample import Part
from .arrays import Target, write_npz
from .origin import finite, origin

TARTAN = (
    "model", "positions", "bands_of", "block", "ratio", "at_bands", "baseline", "matched", "regularity", "resolved",
    "bands", "estimated",
)  # fmt: skip
"""Columns of the numbers of spectra."""


@dataclass(frozen=True)
class Measured:
    """The spectra of one model's maps.

    model, weights_sha256  of the maps
    positions              the kind of its position code
    bands_of               the model whose bands were looked for; None for those of a Fourier code of this grid
    spectra                one a block
    gram                   the spectrum of its position code itself; None leaves it out
    """

    model: str
    weights_sha256: str | None
    positions: str
    bands_of: str | None
    spectra: tuple[Spectrum, ...]
    gram: Gram | None = None


def tartan_csv(measured: Sequence[Measured]) -> str:
    """The numbers of the spectra as CSV, a line a model and block; blocks count from 1.

    bands_of            whose bands were looked for; empty for those of a Fourier code of this grid
    at_bands, baseline  shares of the maps' energy at those frequencies and at the matched baseline, ratio their ratio
    regularity          how well the maps repeat themselves, 0 to 1; empty, as a ratio, where it cannot be told
    resolved            how many of the `bands` could be measured
    """
    out = StringIO()
    writer = csv.DictWriter(out, TARTAN, lineterminator="\n")
    writer.writeheader()
    for one in measured:
        about = {"model": one.model, "positions": one.positions, "bands_of": one.bands_of}
        for row in _spectra(one.spectra):
            writer.writerow(about | row | {"block": row["block"] + 1, "estimated": int(row["estimated"])})
    return out.getvalue()


def tartan_json(
    measured: Sequence[Measured],
    *,
    sample: str,
    kind: str = "score",
    head: int | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The numbers of position codes and spectra as plain values for JSON; blocks count from 0, None is not a number.

    kind, head  of the maps, as `spectra` takes them
    """
    models = [
        origin(one.model, one.weights_sha256, sample, notes)
        | {"positions": one.positions, "bands_of": one.bands_of}
        | ({"code": _gram(one.gram)} if one.gram else {})
        | {"blocks": list(_spectra(one.spectra))}
        for one in measured
    ]
    return {"sample": sample, "kind": kind, "head": head, "models": models}


def encoding_json(
    positions: str,
    bands: Sequence[Band],
    gram: Gram,
    *,
    shape: tuple[int, ...],
    channels: int,
    axes: Sequence[str],
    model: str,
    element: int | None = None,
    similarity: Float[np.ndarray, "M"] | None = None,
    sample: str = "",
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """A position code as plain values for JSON.

    positions  the kind
    bands      with their frequencies in cycles across the axis; none for other kinds than Fourier
    channels   of the code
    axes       their names
    similarity of the code at `element`, from 0, with every code, row by row
    sample     the file that the places come from, where elements are free
    """
    along = {
        axis: [band.frequency for band in bands if band.axis == i]
        for i, axis in enumerate(axes)
        if any(band.axis == i for band in bands)
    }
    alike = None
    if similarity is not None:
        alike = {"element": element, "cosine": [float(value) for value in similarity]}
    return origin(model, weights_sha256, sample, notes) | {
        "positions": positions,
        "shape": list(shape),
        "channels": channels,
        "cycles": along,
        "code": _gram(gram),
        "similarity": alike,
    }


def encoding_npz(
    target: Target,
    codes: Float[np.ndarray, "M channels"],
    gram: Gram,
    components: Float32[np.ndarray, "k M"],
    bands: Sequence[Band],
    *,
    shape: tuple[int, ...],
    places: Mapping[str, Float[np.ndarray, "..."]],
    positions: str,
    model: str,
    coordinates: Float[np.ndarray, "M axes"] | None = None,
    box: Sequence[Sequence[float]] = (),
    parts: Sequence[Part] = (),
    element: int | None = None,
    similarity: Float[np.ndarray, "M"] | None = None,
    sample: str = "",
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Writes a position code.

    codes       float32 (*shape, channels)
    gram        float64 (k,): shares of the eigenvalues
    components  float32 (k, *shape): the leading eigenvectors over the elements
    bands       of Fourier features, float64 (bands, 4): axis, frequency in cycles across it, sine and cosine channel
    similarity  where an element is given, float32 (*shape): the cosine of its code with every code

    shape, places, coordinates, box, parts  as `write_npz` takes them, and writes them
    """
    arrays = {
        "codes": np.asarray(codes, dtype=np.float32).reshape(*shape, codes.shape[1]),
        "gram": gram.shares,
        "components": components.reshape(len(components), *shape),
    }
    if bands:
        arrays["bands"] = np.array([(b.axis, b.frequency, b.sine, b.cosine) for b in bands], dtype=np.float64)
    if similarity is not None:
        arrays["similarity"] = np.asarray(similarity, dtype=np.float32).reshape(shape)
    metadata = origin(model, weights_sha256, sample, notes) | {
        "axes": list(places),
        "positions": positions,
        "effective": gram.effective,
        "element": element,
    }
    write_npz(target, arrays, metadata, shape=shape, places=places, coordinates=coordinates, box=box, parts=parts)


def _spectra(spectra: Sequence[Spectrum]) -> Iterator[dict[str, Any]]:
    """The numbers of every block."""
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
        }


def _gram(gram: Gram) -> dict[str, Any]:
    return {"effective": gram.effective, "dimensions": len(gram.shares), "shares": gram.shares.tolist()}
