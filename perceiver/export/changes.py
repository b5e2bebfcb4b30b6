"""Export of ablations, sweeps and permutation tests."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np

from ..analysis.ablation import Ablation
from ..analysis.change import AnswerChange, MapChange
from ..analysis.maps import MEAN, MapSelection
from ..analysis.permutation import Shuffled
from ..analysis.sweep import Sweep, agreement
from .arrays import Target, write_npz
from .origin import Layout, Origin, finite

SWEEP = ("family", "axis", "cycles", "ablation", "estimate", "logit_change", "probability_change", "kl", "answer")
"""The columns of a sweep's CSV file."""


def ablation_json(
    ablation: Ablation,
    answer: AnswerChange,
    labels: Sequence[str],
    origin: Origin,
    *,
    target: int,
    maps: Sequence[MapChange] = (),
) -> dict[str, Any]:
    """The predictions with and without an ablation, and the changes of the maps, as plain values for JSON.

    target  the class whose logit and probability are followed

    Raises ValueError if the numbers of labels and logits differ.
    """
    about = origin.to_dict()
    blocks = [{"block": one.block, "divergence": one.divergence, "latents": one.latents} for one in maps]
    return (
        about
        | {"ablation": ablation.text()}
        | _erased(ablation)
        | _answers(answer, labels, target)
        | {"blocks": blocks}
    )


def ablation_npz(
    target: Target,
    ablation: Ablation,
    maps: Sequence[MapChange],
    origin: Origin,
    layout: Layout,
    selection: MapSelection = MEAN,
) -> None:
    """Writes every block's map before and after: "before" and "after", float32 (blocks, *shape), "divergence" and
    "latents", float64 (blocks,) in bits, NaN if undefined, and "blocks", counted from 0. Where elements are erased,
    also "erased", bool (*shape); "after" is NaN at those that are removed from the input array.

    selection  the selection of the maps
    """
    arrays = {
        "before": np.stack([one.before for one in maps]).astype(np.float32),
        "after": np.stack([one.after for one in maps]).astype(np.float32),
        "divergence": np.array([np.nan if one.divergence is None else one.divergence for one in maps]),
        "latents": np.array([one.latents for one in maps], dtype=np.float64),
        "blocks": np.array([one.block for one in maps], dtype=np.int64),
    }
    if ablation.erased is not None:
        arrays["erased"] = ablation.erased.mask.marked.reshape(layout.shape)
        if ablation.erased.by == "remove":
            arrays["after"][:, arrays["erased"]] = np.nan
    metadata = origin.to_dict() | {"axes": ["block", *layout.places], "ablation": ablation.text()} | _erased(ablation)
    write_npz(target, arrays, metadata | selection.metadata(), layout)


def sweep_json(sweep: Sweep, labels: Sequence[str], origin: Origin, *, axes: Sequence[str]) -> dict[str, Any]:
    """A sweep as plain values for JSON: one point per ablation, and the rank correlations of estimated and exact
    changes for single bands and for cumulative curves. Values that are not known yet are None.

    axes  the names of the input's axes
    """
    return origin.to_dict() | {
        "target": _class(sweep.target, labels),
        "spearman": {
            part: finite(rho) for part, rho in agreement(sweep.curves, sweep.estimates, sweep.logits()).items()
        },
        "points": list(_sweep(sweep, labels, axes)),
    }


def sweep_csv(sweep: Sweep, labels: Sequence[str], *, axes: Sequence[str]) -> str:
    """A sweep as CSV, one line per ablation.

    family, axis  the curve; the axis by its name, empty for all axes
    cycles        the frequency in cycles across the axis
    ablation      as in links and command lines (`Ablation.text`)
    estimate      estimated change of the logit; `logit_change` and `probability_change` are exact, `kl` in nats; empty
                  if not known yet
    answer        the most probable class
    """
    out = StringIO()
    writer = csv.DictWriter(out, SWEEP, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_sweep(sweep, labels, axes))
    return out.getvalue()


def shuffles_json(
    shuffles: Sequence[Shuffled], labels: Sequence[str], origin: Origin, *, target: int
) -> dict[str, Any]:
    """The effects of shuffles of an input on the prediction, as plain values for JSON. Raises ValueError if the numbers
    of labels and logits differ."""
    rows = [
        {
            "shuffle": one.shuffle,
            "size": one.size,
            "seed": one.seed,
            "kept": one.kept,
            "largest": one.largest,
        }
        | _answers(one.answer, labels, target)
        for one in shuffles
    ]
    return origin.to_dict() | {"shuffles": rows}


def _sweep(sweep: Sweep, labels: Sequence[str], axes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One row with the columns of SWEEP per ablation."""
    places = [
        (curve, frequency, ablation)
        for curve in sweep.curves
        for frequency, ablation in zip(curve.frequencies, curve.ablations, strict=True)
    ]
    if len(sweep.estimates) != len(places):
        raise ValueError(f"there are {len(sweep.estimates)} estimates for {len(places)} ablations")
    for i, (curve, frequency, ablation) in enumerate(places):
        change = AnswerChange(sweep.before, sweep.after[i]) if i < sweep.known else None
        yield {
            "family": curve.family,
            "axis": None if curve.axis is None else axes[curve.axis],
            "cycles": frequency,
            "ablation": ablation.text(),
            "estimate": float(sweep.estimates[i]),
            "logit_change": change and change.logit(sweep.target),
            "probability_change": change and change.probability(sweep.target),
            "kl": change and change.kl,
            "answer": change and labels[int(change.after.argmax())],
        }


def _erased(ablation: Ablation) -> dict[str, Any]:
    """What is erased of the elements, as an entry of the metadata; none where nothing is."""
    erased = ablation.erased
    if erased is None:
        return {}
    told = {"elements": erased.mask.count, "of": erased.mask.total, "by": erased.by, "mask": erased.mask.text()}
    return {"erased": told}


def _answers(answer: AnswerChange, labels: Sequence[str], target: int) -> dict[str, Any]:
    """Every class in two predictions, in descending order of the probability before."""
    if len(labels) != len(answer.before):
        raise ValueError(f"there are {len(labels)} labels for {len(answer.before)} logits")
    before, after = answer.probabilities_before, answer.probabilities_after
    classes = [
        _class(i, labels)
        | {
            "logit_before": float(answer.before[i]),
            "logit_after": float(answer.after[i]),
            "probability_before": float(before[i]),
            "probability_after": float(after[i]),
        }
        for i in np.argsort(-answer.before, kind="stable").tolist()
    ]
    return {
        "target": _class(target, labels)
        | {"logit_change": answer.logit(target), "probability_change": answer.probability(target)},
        "kl": answer.kl,
        "flipped": answer.flipped,
        "classes": classes,
    }


def _class(number: int, labels: Sequence[str]) -> dict[str, Any]:
    return {"class": number, "label": labels[number]}
