"""Envelope and energy of a stream of samples of unknown length, updated block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64

# Runs whose lowest and highest values are kept; a slice for display is made of many.
_RUNS = 1 << 15
_SLICES = 2000

Gaps = Sequence[tuple[int, int]]


class Envelope:
    """Lowest and highest values of equal runs of samples. Runs double as the stream grows; memory stays constant."""

    def __init__(self) -> None:
        self._low, self._high = np.empty(_RUNS, np.float32), np.empty(_RUNS, np.float32)
        self._rest = np.empty(0, np.float32)
        self._run, self._count = 1, 0

    def add(self, samples: Float32[np.ndarray, "n"]) -> None:
        """Adds the next samples."""
        while len(samples):
            room = (_RUNS - self._count) * self._run - len(self._rest)
            self._fill(samples[:room])
            samples = samples[room:]
            if self._count == _RUNS:
                self._low[: _RUNS // 2] = self._low.reshape(-1, 2).min(axis=1)
                self._high[: _RUNS // 2] = self._high.reshape(-1, 2).max(axis=1)
                self._run, self._count = self._run * 2, _RUNS // 2

    def slices(self) -> Float32[np.ndarray, "2 slices"]:
        """Lowest and highest value of up to 2,000 slices of equal length.

        Exact while a run is one sample; in longer streams a slice reaches to the edges of the runs it touches, which
        are at least eight times shorter.
        """
        total = self._count * self._run + len(self._rest)
        low, high = self._low[: self._count], self._high[: self._count]
        if len(self._rest):
            low, high = np.append(low, self._rest.min()), np.append(high, self._rest.max())
        count = min(_SLICES, total)
        edges = np.arange(count + 1) * total
        # The runs that hold a slice's first sample and the end of its last, in whole numbers.
        starts, stops = edges[:-1] // (count * self._run), -(-edges[1:] // (count * self._run))
        # `reduceat` reduces from each index to the next, so every second result spans one slice.
        pairs = np.stack([starts, stops], axis=1).ravel()
        return np.stack(
            [
                np.minimum.reduceat(np.append(low, np.float32(np.inf)), pairs)[::2],
                np.maximum.reduceat(np.append(high, np.float32(-np.inf)), pairs)[::2],
            ]
        )

    def _fill(self, samples: Float32[np.ndarray, "n"]) -> None:
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self._run
        runs = samples[: whole * self._run].reshape(whole, self._run)
        self._low[self._count : self._count + whole] = runs.min(axis=1)
        self._high[self._count : self._count + whole] = runs.max(axis=1)
        self._count += whole
        self._rest = samples[whole * self._run :]


class Energy:
    """Sums and sums of squares of runs of equal length.

    run  samples a run
    """

    def __init__(self, run: int) -> None:
        self.run = run
        self._sums: list[Float64[np.ndarray, "_"]] = []
        self._squares: list[Float64[np.ndarray, "_"]] = []
        self._rest = np.empty(0, np.float32)

    def add(self, samples: Float32[np.ndarray, "n"]) -> None:
        """Adds the next samples."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self.run
        self._keep(samples[: whole * self.run].reshape(whole, self.run))
        self._rest = samples[whole * self.run :]

    @property
    def total(self) -> float:
        """The sum of all squares."""
        return float(sum(part.sum() for part in self._squares)) + float(np.square(self._rest, dtype=np.float64).sum())

    @property
    def mean(self) -> float:
        """The mean of all samples; 0 for none."""
        return self.means()[0]

    def means(self, gaps: Gaps = ()) -> tuple[float, Float64[np.ndarray, "whole"]]:
        """The mean of all samples outside the gaps, 0 for none, and the means of the whole runs that touch no gap."""
        sums, counts = self._totals(), self._counts(gaps)
        recorded = int(counts.sum())
        return float(sums.sum()) / recorded if recorded else 0.0, sums[counts == self.run] / self.run

    def about(self, offset: float, gaps: Gaps = ()) -> Float64[np.ndarray, "runs"]:
        """The sum of squares of every run, the last and shorter one included, once an offset is taken off the samples
        outside the gaps."""
        squares = np.concatenate([*self._squares, [np.square(self._rest, dtype=np.float64).sum()]])
        if offset == 0:
            return squares
        return np.maximum(squares - 2 * offset * self._totals() + self._counts(gaps) * offset**2, 0)

    def _totals(self) -> Float64[np.ndarray, "runs"]:
        return np.concatenate([*self._sums, [self._rest.sum(dtype=np.float64)]])

    def _counts(self, gaps: Gaps) -> Int64[np.ndarray, "runs"]:
        """The samples of every run that lie outside the gaps."""
        counts = np.append(np.full(sum(map(len, self._sums)), self.run), len(self._rest)).astype(np.int64)
        for start, stop in gaps:
            first, last = start // self.run, -(-stop // self.run)
            edges = np.arange(first, min(last, len(counts)) + 1) * self.run
            counts[first:last] -= np.clip(np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start), 0, None)
        return counts

    def _keep(self, runs: Float32[np.ndarray, "count run"]) -> None:
        exact = runs.astype(np.float64)
        self._sums.append(exact.sum(axis=1))
        self._squares.append(np.einsum("ij,ij->i", exact, exact))
