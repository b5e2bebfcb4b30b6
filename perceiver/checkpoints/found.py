"""What a checkpoint turned out to be, told before its weights are loaded."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..config import PerceiverConfig
from .formats.base import Question

Told = Callable[[float | None, str], None]
"""Called while something is fetched or read, with the share that is done (None where that is not known) and words for
what is being done."""


@dataclass(frozen=True)
class Found:
    """A checkpoint before it is loaded.

    source      what it was asked for by: a name, a path, a hub id
    family      the format's name: "own", "transformers", "krasserm", "lucidrains"; `title` in words
    config      the model; None as long as a question without a default is open
    parameters  numbers in its tensors, shared ones counted once, computed buffers left out
    size        bytes of its weights file
    numbers     how its weights are stored: "float32"
    questions   what may or must be answered about it; `answers` what was, or is by default
    revision    the commit, for a checkpoint from the hub
    credit      whose parameters they are and under which licence, in a sentence; "" where nothing is known
    notes       what was decided or left aside, a sentence each
    """

    source: str
    family: str
    title: str
    config: PerceiverConfig | None
    parameters: int
    size: int
    numbers: str
    questions: tuple[Question, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    revision: str | None = None
    credit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """Those that must be answered before the model is known."""
        return tuple(question for question in self.questions if self.answers.get(question.name) is None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        config = {} if self.config is None else {"config": self.config.to_dict()}
        return dataclasses.asdict(self) | config

    def rows(self) -> list[tuple[str, str]]:
        """The summary as a table of two columns, for a page or a terminal."""
        rows = [("Format", self.title), ("Parameters", f"{self.parameters:,}, {self.numbers}, {_megabytes(self.size)}")]
        if self.revision:
            rows.append(("Revision", self.revision))
        if self.config is not None:
            rows[1:1] = described(self.config)
        if self.credit:
            rows.append(("Licence", self.credit))
        return rows


def described(config: PerceiverConfig) -> list[tuple[str, str]]:
    """A configuration in words: input, encoding, latents, plan, heads, classes."""
    crosses = len(config.cross_attention_blocks)
    heads = f"{config.cross_heads} in cross-attention, {config.self_heads} in self-attention"
    named = f", {config.labels[0]} to {config.labels[-1]}" if config.labels else ", without names"
    return [
        (
            "Reads",
            (
                f"{config.modality}, {_times(config.input_shape)} elements of {config.input_channels} channels"
                f"{_parts(config)}"
            ),
        ),
        ("Positions", config.positions_description),
        ("Latents", f"{config.num_latents} of width {config.latent_dim}"),
        ("Blocks", f"{len(config.plan)}, {crosses} with a cross-attention, {config.self_attends} self-attentions each"),
        ("Plan", plan(config)),
        ("Heads", heads),
        ("Classes", f"{config.num_classes:,}{named}"),
    ]


def _parts(config: PerceiverConfig) -> str:
    each = ", ".join(f"{one.name} {_times(one.shape)}" for one in config.segments)
    return f": {each}" if each else ""


def plan(config: PerceiverConfig) -> str:
    """The weight sets of each block: "A1, 7 × B1", a letter for its cross-attention and a number for its tower, a dash
    for a part that it leaves out; blocks alike in a row are counted."""
    words = [
        f"{'–' if cross is None else _letter(cross)}{'–' if tower is None else tower + 1}"
        for cross, tower in config.plan
    ]
    counted = [(word, len(list(alike))) for word, alike in itertools.groupby(words)]
    return ", ".join(word if times == 1 else f"{times} × {word}" for word, times in counted)


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"[{number + 1}]"


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
