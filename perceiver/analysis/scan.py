"""Predictions for the windows of a long input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..validation import check_finite
from .batches import together
from .timeline import Timeline

AT_A_TIME = 16
"""Maximum batch size in windows."""


@runtime_checkable
class Window(Protocol):
    """The interface of a window (`perceiver.modalities.Window`)."""

    @property
    def start(self) -> float: ...

    @property
    def content(self) -> Float[Tensor, "M content"]: ...

    @property
    def silent(self) -> bool: ...


def scan(
    model: Perceiver,
    windows: Iterable[Window],
    seconds: float,
    *,
    duration: float | None = None,
    at_a_time: int | None = None,
    before: Timeline | None = None,
) -> Iterator[Timeline]:
    """Yields the timeline of the model's predictions so far after each batch of windows.

    seconds    the length of a window
    duration   the length of the input; None where it is not known
    at_a_time  batch size; None is that of `batches.together`, at most AT_A_TIME
    before     a timeline to continue: its windows are skipped

    Raises ConfigError if `before` is of windows of another length or of an input of another length, CheckpointError for
    an output that is not finite, and the errors of iterating over the windows.
    """
    if before is not None and (before.seconds, before.duration) != (seconds, duration):
        raise ConfigError("a scan can be continued for the input and the windows that it was begun with")
    remaining = iter(windows) if before is None else islice(windows, len(before), None)
    step = at_a_time or min(AT_A_TIME, together(model, model.config.num_inputs))
    timeline = before
    while batch := list(islice(remaining, step)):
        with torch.no_grad():
            logits = model(model.input_array(torch.stack([window.content for window in batch])))
            check_finite(logits)
        part = Timeline(
            starts=np.array([window.start for window in batch], dtype=np.float64),
            seconds=seconds,
            probabilities=logits.softmax(-1).numpy(),
            silent=np.array([window.silent for window in batch]),
            duration=duration,
        )
        timeline = part if timeline is None else timeline + part
        yield timeline
