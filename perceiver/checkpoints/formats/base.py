"""What a converter for one family of checkpoints offers, and the small values it speaks in.

A family is told from names and shapes of tensors and from the small files beside them. It then says, without reading a
number, which `PerceiverConfig` the checkpoint is, and how each tensor of ours is made of theirs. Reading, bounds,
strictness and number types are the same for all and lie in `opening`.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor

from ...config import PerceiverConfig
from ...errors import CheckpointError
from ..header import Entry

Answer = int | float | bool | str
Given = Answer | list[Any] | tuple[Any, ...] | Mapping[str, Any]
"""What may stand in place of an answer before it is looked at."""
Answers = Mapping[str, Given | None]
"""Constructor arguments and switches by name, as a small JSON file, the command line or a form gives them."""


# No side of an input comes near the first and no count of heads, blocks or bands the second; nothing is made by more.
_MOST = 2**20
_MOST_COUNTED = 4096
_LARGEST = 1e9
_MOST_AXES = 8
_DIGITS = 20
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = 80


def shown(value: object) -> str:
    """A stranger's value in a message: as Python writes it, cut short where it is long or nested."""
    return _SHORTENED.repr(value)


def listed(names: Iterable[str], most: int = 4) -> str:
    """The first of these names in a message."""
    every = list(names)
    return ", ".join(every[:most]) + (", ..." if len(every) > most else "")


@dataclass(frozen=True)
class Question:
    """Something that decides the model and that neither names nor shapes of its tensors tell.

    name     the argument's name in the code the checkpoint comes from: "cross_heads"
    words    what to call it in a form: "Heads of the cross-attention"
    help     what it means, and where to look it up
    type     of the answer; a shape is a list of whole numbers or a text: "224 x 224"
    default  that code's own, or what a file says, which only `settle` looks at; None where there is none, so that it
             must be answered
    choices  the answers that are possible; empty for a number or a text
    switch   whether it chooses how to run the model and not what the model is (exact or tanh GELU, say)
    """

    name: str
    words: str
    help: str
    type: Literal["int", "float", "bool", "text", "shape"] = "int"
    default: Given | None = None
    choices: tuple[Answer, ...] = ()
    switch: bool = False

    def settle(self, answers: Answers) -> Answer | None:
        """The answer given, or the default, which may come from a file; None where there is neither.

        Raises CheckpointError for one of the wrong type, none of the choices, or a count that is impossible.
        """
        value = answers.get(self.name)
        if value is None:
            value = self.default
        if value is None:
            return None
        if self.type == "shape":
            return " x ".join(map(str, sides(self.name, value)))
        types: tuple[type, ...] = {"int": (int,), "float": (int, float), "bool": (bool,), "text": (str,)}[self.type]
        right = isinstance(value, types) and (self.type == "bool" or not isinstance(value, bool))
        if not right or (self.choices and value not in self.choices):
            allowed = " or ".join(map(repr, self.choices)) if self.choices else f"a value of type {self.type}"
            raise CheckpointError(f"{self.name} is {shown(value)}; it must be {allowed}")
        if self.type == "int" and isinstance(value, int) and not 0 < value <= _MOST_COUNTED:
            raise CheckpointError(
                f"{self.name} is {shown(value)}; it must be a whole number from 1 to {_MOST_COUNTED:,}"
            )
        if self.type == "float" and not abs(value) < _LARGEST:  # type: ignore[arg-type]
            raise CheckpointError(f"{self.name} is {shown(value)}; it must be a number of bearable size")
        assert isinstance(value, int | float | bool | str)
        return float(value) if self.type == "float" else value


def sides(name: str, value: object) -> tuple[int, ...]:
    """The sides of a shape given as a list, a number or a text: "224 x 224". Raises CheckpointError for others."""
    parts: Any = re.split(r"[\sx×,]+", value.strip(" ()[]")) if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, list | tuple) else [parts]
    written = (isinstance(part, str) and part.isdecimal() and len(part) < _DIGITS for part in parts)
    numbers: list[Any] = [int(part) if is_written else part for part, is_written in zip(parts, written, strict=True)]
    right = all(type(number) is int and 0 < number <= _MOST for number in numbers)
    if not right or not 0 < len(numbers) <= _MOST_AXES:
        raise CheckpointError(f"{name} is {shown(value)}; it must be whole numbers, as in 224 x 224")
    return tuple(numbers)


@dataclass(frozen=True)
class Rule:
    """How one tensor of ours is made: `make` of the tensors with these names (float32), in this order."""

    names: tuple[str, ...]
    make: Callable[..., Tensor] = lambda tensor: tensor


def take(name: str, make: Callable[[Tensor], Tensor] | None = None) -> Rule:
    """A tensor as it is, or changed by `make`."""
    return Rule((name,)) if make is None else Rule((name,), make)


@dataclass(frozen=True)
class Checkpoint:
    """What lies in a checkpoint of whatever family, before a number is read.

    name          what to call it in messages: a hub id, a folder's or a file's name
    entries       its tensors by name, wrappers' prefixes taken off
    config        `config.json` beside the weights, {} without one
    preprocessor  `preprocessor_config.json` beside the weights, {} without one
    extras        what a Lightning checkpoint holds beside its tensors: {"hyper_parameters": {...}}
    answers       constructor arguments and switches given by whoever opens it
    same          whether two tensors hold the same numbers; None where the numbers cannot be looked at
    """

    name: str
    entries: Mapping[str, Entry]
    config: Mapping[str, Any] = field(default_factory=dict)
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    same: Callable[[str, str], bool] | None = None

    def shape(self, name: str, axes: int | None = None) -> tuple[int, ...]:
        """The shape of a tensor. Raises CheckpointError when there is none of this name, or it has no axes, an empty
        one, or not as many as are asked for."""
        if name not in self.entries:
            raise CheckpointError(f"{self.name} has no tensor {name}, so some of its weights are missing")
        shape = self.entries[name].shape
        if not shape or 0 in shape or axes not in (None, len(shape)):
            raise CheckpointError(f"{self.name} has a {name} of shape {list(shape)}, which fits no Perceiver")
        return shape

    def asked(self, question: Question) -> Any:
        """The answer to a question that has a default or was answered. Raises CheckpointError as `settle` does."""
        return question.settle(self.answers)


@dataclass(frozen=True)
class Translation:
    """A checkpoint in our own terms.

    config   the model
    rules    by the names of the model's own tensors (its `state_dict`)
    ignored  names of tensors that are knowingly left aside: buffers that are computed anew, unused heads
    notes    what was decided or left aside, a sentence each
    """

    config: PerceiverConfig
    rules: Mapping[str, Rule]
    ignored: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@runtime_checkable
class Family(Protocol):
    """A format that checkpoints are published in.

    name     in results and on the command line: "transformers"
    title    whose it is, in words: "Hugging Face Transformers"
    """

    name: str
    title: str

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint is of this family, by the names of its tensors and its configuration."""
        ...

    def questions(self, checkpoint: Checkpoint) -> tuple[Question, ...]:
        """What may, or must, be answered about it, in the order to ask. Answers found in files beside the weights or
        among its hyper-parameters become defaults."""
        ...

    def translate(self, checkpoint: Checkpoint) -> Translation:
        """The checkpoint in our terms; called when all questions without a default are answered.

        Raises CheckpointError, with the option's own name, for what cannot be represented, and ConfigError for shapes
        that fit no model.
        """
        ...

    def credit(self, checkpoint: Checkpoint) -> str:
        """Attribution and licence of its parameters in a sentence; "" where nothing is known."""
        ...
