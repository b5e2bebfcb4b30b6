"""Messages of errors are one line that can be shown, whatever a file's names and values are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perceiver.errors import AmbiguousInputError, CheckpointError, ConfigError, InputError, PerceiverError
from perceiver.sample import Sample


@pytest.mark.parametrize(
    "error",
    [
        InputError("a.png holds \x1b[31m\n\u202e\ud800"),
        AmbiguousInputError("a.png holds \x1b[31m\n\u202e\ud800", "up", {"x": "x"}),
        CheckpointError("a.png holds \x1b[31m\n\u202e\ud800"),
        ConfigError("a.png holds \x1b[31m\n\u202e\ud800"),
    ],
)
def test_control_characters_are_replaced(error: PerceiverError) -> None:
    assert str(error) == "a.png holds \ufffd[31m \ufffd\ufffd"


def test_the_cause_and_the_advice_are_one_sentence() -> None:
    assert str(CheckpointError("é is 日本", "save it\nagain")) == "é is 日本; save it again"


def test_a_page_of_values_is_cut() -> None:
    assert str(InputError("a" * 1000)) == "a" * 1000
    assert str(InputError("a" * 1001)) == "a" * 997 + "..."


def test_notes_of_a_sample_can_be_shown_too() -> None:
    sample = Sample(
        name="a",
        modality="image",
        content=torch.zeros(1, 3),
        shape=(1, 1),
        seen=np.zeros((1, 1, 3), np.uint8),
        original=np.zeros((1, 1, 3), np.uint8),
        box=((0.0, 1.0), (0.0, 1.0)),
        notes=("left out \x00\n", "b" * 1500),
    )
    assert sample.notes == ("left out \ufffd ", "b" * 997 + "...")
