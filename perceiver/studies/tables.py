"""Results of studies as rows of tables, CSV and JSON; every mean is followed by the ends of its 95 % interval."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from .base import Mean
from .faithfulness import Score
from .frequencies import AblationAccuracy, CutOff
from .split import HeldOutShares
from .tartan import HeldOutSpectra

Rows = list[dict[str, Any]]

MEASURES = ("ratio", "at_bands", "baseline", "regularity")
"""The means of a spectrum."""


def accuracy_rows(found: Iterable[tuple[CutOff, AblationAccuracy]]) -> Rows:
    """One row per cut-off."""
    return [
        {"family": cut.family, "cycles": cut.cycles, "ablation": cut.ablation.text()}
        | _interval("accuracy", reached.accuracy)
        | _interval("agrees", reached.agrees)
        for cut, reached in found
    ]


def score_rows(found: Sequence[Score]) -> Rows:
    """One row per kind of map."""
    names = [field.name for field in dataclasses.fields(Score)][1:]
    return [
        {"method": one.method} | {k: v for name in names for k, v in _interval(name, getattr(one, name)).items()}
        for one in found
    ]


def spectra_rows(found: Sequence[HeldOutSpectra]) -> Rows:
    """One row per model and block, of clips per model, block and part; blocks are counted from 1, measures that are not
    defined are None."""
    return [
        {
            **{name: getattr(one, name) for name in ("model", "positions", "bands_of", "examples", "groups")},
            "block": spectrum.block + 1,
            "part": spectrum.part,
            **{k: v for name in MEASURES for k, v in _interval(name, getattr(spectrum, name)).items()},
            **{name: getattr(spectrum, name) for name in ("matched", "resolved", "bands")},
        }
        for one in found
        for spectrum in one.blocks
    ]


def spectra_json(
    found: Sequence[HeldOutSpectra], digests: Sequence[str | None], *, kind: str, head: int | None
) -> dict[str, Any]:
    """Spectra as plain values for JSON; blocks are counted from 0, measures that are not defined are None.

    digests     SHA-256 of the weights, one per model
    kind, head  of the maps
    """
    models = []
    for one, digest in zip(found, digests, strict=True):
        blocks = [
            {"block": spectrum.block, "part": spectrum.part}
            | {name: _json(getattr(spectrum, name)) for name in MEASURES}
            | {name: getattr(spectrum, name) for name in ("matched", "resolved", "bands")}
            for spectrum in one.blocks
        ]
        about = {name: getattr(one, name) for name in ("positions", "bands_of", "examples", "groups")}
        models.append({"model": one.model, "weights_sha256": digest} | about | {"blocks": blocks})
    return {"kind": kind, "head": head, "models": models}


def share_rows(found: Sequence[HeldOutShares]) -> Rows:
    """One row per model, block and bundle of parts; blocks are counted from 1, shares that are not defined are None."""
    return [
        {name: getattr(one, name) for name in ("model", "positions", "examples", "groups")}
        | {"block": block + 1, "part": text}
        | _interval("share", mean)
        for one in found
        for block, row in zip(one.blocks, one.shares, strict=True)
        for text, mean in zip(one.bundles, row, strict=True)
    ]


def rows_csv(rows: Rows) -> str:
    """Rows as CSV with a header; None is an empty field."""
    out = StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _interval(name: str, mean: Mean) -> dict[str, float | None]:
    values = _json(mean) or dict.fromkeys(("value", "low", "high"))
    return {name: values["value"], f"{name}_low": values["low"], f"{name}_high": values["high"]}


def _json(mean: Mean) -> dict[str, float] | None:
    """A mean with its interval; None for NaN."""
    if mean.value != mean.value:
        return None
    return {"value": mean.value, "low": mean.low, "high": mean.high}
