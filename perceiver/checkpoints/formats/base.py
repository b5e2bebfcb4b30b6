"""The interface of a format of checkpoints, and the values it is given and returns.

A format is given the names and shapes of tensors and the small files beside them. It says, without reading a number,
which options a checkpoint takes, which `PerceiverConfig` it is, and how each tensor of ours is made of theirs. Reading,
strictness and number types are the same for all formats and lie in `reader`.
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
from ..tensors.header import Entry

OptionValue = int | float | bool | str
GivenValue = OptionValue | list[Any] | tuple[Any, ...] | Mapping[str, Any]
"""The value of an option before it is checked."""
Options = Mapping[str, GivenValue | None]
"""Constructor arguments and switches by name, as a JSON file, the command line or a form gives them."""

# No side of an input comes near the first, no count of heads, blocks or bands the second.
_MAX_SIDE = 2**20
_MAX_COUNT = 4096
_MAX_FLOAT = 1e9
_MAX_AXES = 8
_MAX_DIGITS = 20
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = 80


def shown(value: object) -> str:
    """A value from a file as it stands in a message: as Python writes it, cut short if it is long or nested."""
    return _SHORTENED.repr(value)


def listed(names: Iterable[str], most: int = 4) -> str:
    """The first of these names in a message."""
    every = list(names)
    return ", ".join(every[:most]) + (", ..." if len(every) > most else "")


@dataclass(frozen=True)
class Option:
    """Something that decides the model and does not follow from names and shapes of its tensors.

    name     the argument's name in the code that the checkpoint comes from: "cross_heads"
    label    what to call it in a form: "Heads of the cross-attention"
    help     what it means, and where to look it up
    type     of the value; a shape is a list of whole numbers or a text: "224 x 224"
    default  that code's own, or what a file says, which `value` checks; None if the option must be given
    choices  the possible values; empty for a number or a text
    switch   whether it chooses how the model is run and not what it is: exact or tanh GELU
    """

    name: str
    label: str
    help: str
    type: Literal["int", "float", "bool", "text", "shape"] = "int"
    default: GivenValue | None = None
    choices: tuple[OptionValue, ...] = ()
    switch: bool = False

    def value(self, given: Options) -> OptionValue | None:
        """The value given, or the default; None if there is neither.

        Raises CheckpointError for one of the wrong type, none of the choices, or an impossible count.
        """
        value = given.get(self.name)
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
        if self.type == "int" and isinstance(value, int) and not 0 < value <= _MAX_COUNT:
            raise CheckpointError(f"{self.name} is {shown(value)}; it must be a whole number from 1 to {_MAX_COUNT:,}")
        if self.type == "float" and not abs(value) < _MAX_FLOAT:  # type: ignore[arg-type]
            raise CheckpointError(f"{self.name} is {shown(value)}; it must be a number below 1e9 in size")
        assert isinstance(value, int | float | bool | str)
        return float(value) if self.type == "float" else value


def sides(name: str, value: object) -> tuple[int, ...]:
    """The sides of a shape given as a list, a number or a text: "224 x 224". Raises CheckpointError for others."""
    parts: Any = re.split(r"[\sx×,]+", value.strip(" ()[]")) if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, list | tuple) else [parts]
    written = (isinstance(part, str) and part.isdecimal() and len(part) < _MAX_DIGITS for part in parts)
    numbers: list[Any] = [int(part) if is_written else part for part, is_written in zip(parts, written, strict=True)]
    right = all(type(number) is int and 0 < number <= _MAX_SIDE for number in numbers)
    if not right or not 0 < len(numbers) <= _MAX_AXES:
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
    """The content of a checkpoint of any format, before a number is read.

    name          what messages call it: a hub id, a path
    entries       its tensors by name, without the prefixes of wrappers
    config        `config.json` beside the weights, {} without one
    config_label  what messages call that file; None without one
    preprocessor  `preprocessor_config.json` beside the weights, {} without one
    extras        what a Lightning checkpoint holds beside its tensors: {"hyper_parameters": {...}}
    options       constructor arguments and switches given by the caller
    same          whether two tensors hold the same numbers; None if the numbers cannot be compared
    credit        reads whose parameters they are from a card of this project beside them
    """

    name: str
    entries: Mapping[str, Entry]
    config: Mapping[str, Any] = field(default_factory=dict)
    config_label: str | None = None
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    same: Callable[[str, str], bool] | None = None
    credit: Callable[[], str] = str

    def shape(self, name: str, axes: int | None = None) -> tuple[int, ...]:
        """The shape of a tensor. Raises CheckpointError when there is no such tensor, or it has no axes, an empty one,
        or another number of them than `axes`."""
        if name not in self.entries:
            raise CheckpointError(f"{self.name} has no tensor {name}, so some of its weights are missing")
        shape = self.entries[name].shape
        if not shape or 0 in shape or axes not in (None, len(shape)):
            raise CheckpointError(f"{self.name} has a {name} of shape {list(shape)}, which fits no Perceiver")
        return shape

    def value(self, option: Option) -> Any:
        """The value of an option. Raises CheckpointError as `Option.value` does."""
        return option.value(self.options)


@dataclass(frozen=True)
class Conversion:
    """How a checkpoint becomes a model of this project.

    config   the model's configuration
    rules    how each tensor of the model's `state_dict` is made, by its name there
    ignored  names of tensors that are not needed: buffers that are computed anew, unused heads
    notes    what was decided or ignored, a sentence each
    """

    config: PerceiverConfig
    rules: Mapping[str, Rule]
    ignored: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@runtime_checkable
class Format(Protocol):
    """A format that checkpoints are published in.

    name   in results and on the command line: "transformers"
    title  its project: "Hugging Face Transformers"
    """

    name: str
    title: str

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint has this format, by the names of its tensors and its configuration."""
        ...

    def options(self, checkpoint: Checkpoint) -> tuple[Option, ...]:
        """What may or must be given, in the order to ask for it. Values in files beside the weights or among its
        hyper-parameters become defaults."""
        ...

    def convert(self, checkpoint: Checkpoint) -> Conversion:
        """Its configuration and the rules for its tensors; called when every option has a value.

        Raises CheckpointError, with the option's own name, for what cannot be represented, and ConfigError for shapes
        that fit no model.
        """
        ...

    def credit(self, checkpoint: Checkpoint) -> str:
        """Attribution and licence of its parameters in a sentence; "" if nothing is known."""
        ...
