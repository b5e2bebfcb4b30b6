"""Export of predictions over time, as JSON and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np

from ..analysis.timeline import Timeline
from .origin import Origin


def timeline_json(
    timeline: Timeline, labels: Sequence[str], origin: Origin, *, top: int | None = None
) -> dict[str, Any]:
    """A timeline as plain values for JSON: the ranked classes of every window, and the intervals with one prediction.

    top  number of classes per window; None is all

    Windows and intervals end where the input ends; the seconds of a window after that are its "padding". Raises
    ValueError if the numbers of labels and classes differ.
    """
    windows = [
        {"start": start, "stop": stop, "padding": padding, "silent": silent, "predictions": ranked}
        for start, stop, padding, silent, ranked in _windows(timeline, labels, top)
    ]
    stretches = [
        {
            "start": stretch.start,
            "stop": stretch.stop,
            "windows": stretch.windows,
            "label": None if stretch.answer is None else labels[stretch.answer],
            "probability": stretch.probability,
        }
        for stretch in timeline.stretches()
    ]
    return origin.to_dict() | {"seconds": timeline.seconds, "windows": windows, "stretches": stretches}


def timeline_csv(timeline: Timeline, labels: Sequence[str], *, top: int | None = None) -> str:
    """A timeline as CSV, one line per window and class: start, stop, silent, rank, label, probability, padding.

    Raises ValueError if the numbers of labels and classes differ.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["start", "stop", "silent", "rank", "label", "probability", "padding"])
    for start, stop, padding, silent, ranked in _windows(timeline, labels, top):
        for one in ranked:
            writer.writerow([start, stop, int(silent), one["rank"], one["label"], one["probability"], padding])
    return out.getvalue()


def _windows(
    timeline: Timeline, labels: Sequence[str], top: int | None
) -> Iterator[tuple[float, float, float, bool, list[dict[str, Any]]]]:
    """Start, stop, padding, silence and ranked classes of every window; seconds rounded to microseconds."""
    if len(labels) != timeline.probabilities.shape[1]:
        raise ValueError(f"there are {len(labels)} labels for {timeline.probabilities.shape[1]} classes")
    times = zip(timeline.starts.tolist(), timeline.stops.tolist(), timeline.padding.tolist(), strict=True)
    for (start, stop, padding), silent, row in zip(times, timeline.silent, timeline.probabilities, strict=True):
        order = np.argsort(-row, kind="stable")[:top]
        ranked = [
            {"rank": rank, "class": int(i), "label": labels[i], "probability": float(row[i])}
            for rank, i in enumerate(order.tolist(), start=1)
        ]
        yield round(start, 6), round(stop, 6), round(padding, 6), bool(silent), ranked
