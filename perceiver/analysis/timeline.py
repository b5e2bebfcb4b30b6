"""Predictions over time: the probabilities of every window, and the intervals with a constant prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64


@dataclass(frozen=True)
class Timeline:
    """Predictions of a model for the windows of an input.

    starts         start of each window in seconds, ascending
    seconds        the length of a window
    probabilities  of every class, one row per window
    silent         windows without a signal, whose prediction has no meaning
    duration       the length of the input, where windows and stretches end at the latest; None where it is not known
    """

    starts: Float64[np.ndarray, "n"]
    seconds: float
    probabilities: Float[np.ndarray, "n classes"]
    silent: Bool[np.ndarray, "n"]
    duration: float | None = None

    @property
    def stops(self) -> Float64[np.ndarray, "n"]:
        """The end of each window in seconds, without the padding after the end of the input."""
        stops = self.starts + self.seconds
        return stops if self.duration is None else np.minimum(stops, self.duration)

    @property
    def padding(self) -> Float64[np.ndarray, "n"]:
        """The seconds of each window that lie after the end of the input."""
        return self.starts + self.seconds - self.stops

    def __len__(self) -> int:
        return len(self.starts)

    def leading(self, count: int) -> tuple[int, ...]:
        """The leading classes: by the number of windows in which they are predicted, then by mean probability.

        Silent windows are ignored.
        """
        heard = self.probabilities[~self.silent]
        if not len(heard):
            return ()
        wins = np.bincount(heard.argmax(axis=1), minlength=heard.shape[1])
        # Probabilities are at most 1, so they only break ties.
        order = np.argsort(-(wins + heard.mean(axis=0) / 2), kind="stable")
        return tuple(order[:count].tolist())

    def __add__(self, other: Timeline) -> Timeline:
        """The windows of this timeline followed by those of another."""
        return Timeline(
            starts=np.concatenate([self.starts, other.starts]),
            seconds=self.seconds,
            probabilities=np.concatenate([self.probabilities, other.probabilities]),
            silent=np.concatenate([self.silent, other.silent]),
            duration=self.duration,
        )

    def stretches(self) -> tuple[Stretch, ...]:
        """Runs of consecutive windows with the same prediction, or of silence, in order.

        A run starts with its first window and ends where the next run starts; the last ends with its last window, or
        where the input ends.
        """
        answers = np.where(self.silent, -1, self.probabilities.argmax(axis=1))
        firsts = np.flatnonzero(np.append(True, answers[1:] != answers[:-1])) if len(self) else np.empty(0, np.int64)
        out = []
        for first, after in zip(firsts, np.append(firsts[1:], len(self)), strict=True):
            answer = int(answers[first])
            end = self.starts[after] if after < len(self) else self.stops[-1]
            mean = float(self.probabilities[first:after, answer].mean()) if answer >= 0 else None
            out.append(
                Stretch(
                    start=float(self.starts[first]),
                    stop=float(end),
                    windows=int(after - first),
                    answer=answer if answer >= 0 else None,
                    probability=mean,
                )
            )
        return tuple(out)


@dataclass(frozen=True)
class Stretch:
    """Consecutive windows with the same prediction.

    start, stop  in seconds
    answer       the predicted class; None without a signal
    probability  of the predicted class, mean over the windows; None without a signal
    """

    start: float
    stop: float
    windows: int
    answer: int | None
    probability: float | None
