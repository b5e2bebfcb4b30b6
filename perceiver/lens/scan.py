"""Predictions along an input that is longer than a model reads at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..analysis.scan import scan
from ..analysis.timeline import Timeline
from ..export import Origin
from ..modalities import Windows
from ..model import Perceiver
from ..progress import ProgressCallback, ignore


@dataclass(frozen=True)
class Scan:
    """A scan as far as it has come.

    timeline  the answers to the first windows
    total     windows of the input
    notes     what was changed when the input was read
    """

    timeline: Timeline = field(repr=False)
    total: int
    notes: tuple[str, ...] = ()

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
        yield Scan(timeline, total, notes)
