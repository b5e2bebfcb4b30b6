"""Predictions along an input that is longer than a model reads at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..analysis.formatting import clock, percent
from ..analysis.scan import scan
from ..analysis.timeline import Timeline
from ..export.origin import Origin
from ..modalities import Windows
from ..model import Perceiver
from ..notebook import titled_table
from ..progress import ProgressCallback, ignore

SHOWN = 20
"""Stretches that a notebook shows."""


@dataclass(frozen=True)
class Scan:
    """A scan as far as it has come.

    timeline  the answers to the first windows
    total     windows of the input
    notes     what was changed when the input was read
    labels    the names of the classes
    """

    timeline: Timeline = field(repr=False)
    total: int
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"Scan({self.reached} of {self.total} windows)"

    def _repr_html_(self) -> str:
        """The stretches with one prediction as a table, the first ones where there are many."""
        stretches, rows = self.timeline.stretches(), []
        for one in stretches[:SHOWN]:
            label = "silence" if one.answer is None else self.labels[one.answer]
            share = "" if one.probability is None else percent(one.probability)
            rows.append([clock(one.start), clock(one.stop), label, share])
        more = f"; the first {SHOWN} of {len(stretches)} stretches" if len(stretches) > SHOWN else ""
        title = f"Predictions over time: {self.reached} of {self.total} windows{more}"
        return titled_table(title, rows, ["from", "to", "prediction", "mean probability"])

    @property
    def reached(self) -> int:
        """Windows that have an answer."""
        return len(self.timeline)

    @property
    def done(self) -> bool:
        """Whether all windows have one."""
        return self.reached >= self.total

    def origin(self, model: str, sample: str, weights_sha256: str | None = None) -> Origin:
        """Where the scan comes from, for exports."""
        return Origin(model, sample, weights_sha256, self.notes)


def scan_steps(
    model: Perceiver,
    windows: Windows,
    *,
    before: Timeline | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Scan]:
    """The answers to the windows of an input so far, longer with every few windows, to the last.

    before  a timeline to continue, of a scan that was stopped

    Raises InputError when the input cannot be read on.
    """
    total, notes = len(windows), tuple(windows.notes)
    for timeline in scan(model, windows, windows.seconds, duration=windows.duration, before=before):
        progress(len(timeline) / total, f"Window {len(timeline):,} of {total:,}")
        yield Scan(timeline, total, notes, model.config.class_names)
