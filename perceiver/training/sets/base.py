"""What training and evaluation ask of a data set: balanced, augmented batches, and the held-out examples, fixed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...errors import DataError
from ...model import Perceiver

TRAIN, VAL, TEST = 0, 1, 2

Report = Callable[[int, int], None]
"""Called with what is done and what there is in all."""


@dataclass(frozen=True)
class Examples:
    """Inputs as a model reads them, with their classes.

    coordinates  of free elements, in [-1, 1]; None where the elements lie on the model's grid
    group        examples of one number are right or wrong together: views of an object, notes of an instrument
    """

    content: Float[Tensor, "B M content"]
    label: Int[Tensor, "B"]
    group: Int[Tensor, "B"]
    coordinates: Float[Tensor, "B M axes"] | None = None

    def __len__(self) -> int:
        return len(self.label)

    def at(self, index: Any) -> Examples:
        """Some of the examples."""
        coordinates = None if self.coordinates is None else self.coordinates[index]
        return Examples(self.content[index], self.label[index], self.group[index], coordinates)

    def codes(self, model: Perceiver) -> Float[Tensor, "#B M P"]:
        """The position codes of the elements; one for all examples where they lie on the model's grid."""
        return model.encoding.grid()[None] if self.coordinates is None else model.encoding.at(self.coordinates)

    def inputs(self, model: Perceiver, codes: Float[Tensor, "#B M P"] | None = None) -> Float[Tensor, "B M C"]:
        """The input arrays; `codes` takes the place of the examples' own."""
        return model.input_array(self.content, self.codes(model) if codes is None else codes)


@runtime_checkable
class Augmentation(Protocol):
    """How a training example varies."""

    def sentence(self) -> str:
        """What is varied, for the model card."""
        ...


@runtime_checkable
class DataSet(Protocol):
    """One split of a data set, prepared for one model.

    classes  in the order of the labels
    labels   of all examples
    about    name, licence and split, for the model card
    caveats  what a reader of the card has to know about the data, one sentence each
    """

    classes: tuple[str, ...]
    labels: Int[Tensor, "n"]
    about: Data
    caveats: tuple[str, ...]

    def batch(self, count: int, augmentation: Any, generator: torch.Generator) -> Examples:
        """Augmented examples, classes equally likely, drawn with the generator alone."""
        ...

    def held_out(self) -> Examples:
        """All examples of the split, never augmented, always the same."""
        ...

    def measures(self, model: Perceiver, report: Report | None = None) -> dict[str, float]:
        """What else can be measured of a model on this data, by name; empty where there is nothing."""
        ...


@torch.no_grad()
def hits(model: Perceiver, examples: Examples, *, batch: int = 64, report: Report | None = None) -> Bool[Tensor, "n"]:
    """Which examples a model names right, all their elements read."""
    found = []
    for start in range(0, len(examples), batch):
        part = examples.at(slice(start, start + batch))
        found.append(model(part.inputs(model)).argmax(-1) == part.label)
        if report is not None:
            report(min(start + batch, len(examples)), len(examples))
    return torch.cat(found)


class Balanced:
    """Draws examples with classes equally likely, then a class's groups, then a group's members."""

    def __init__(self, labels: Sequence[int], groups: Sequence[int]) -> None:
        classes: dict[int, dict[int, list[int]]] = {}
        for index, (label, group) in enumerate(zip(labels, groups, strict=True)):
            classes.setdefault(label, {}).setdefault(group, []).append(index)
        # A class without examples has no place in it.
        self._tree = [list(members.values()) for _, members in sorted(classes.items())]

    def __call__(self, count: int, generator: torch.Generator) -> Int[Tensor, "count"]:
        """Indices of examples."""

        def pick(items: Sequence[Any]) -> Any:
            return items[int(torch.randint(len(items), (1,), generator=generator))]

        return torch.tensor([pick(pick(pick(self._tree))) for _ in range(count)])


def archive(path: Path, name: str) -> dict[str, np.ndarray]:
    """The arrays of a data file. Raises DataError with the command that builds the data when it is not there."""
    if not path.is_file():
        raise DataError(f"{path} is not there; `perceiver data build {name}` makes it")
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def default_folder() -> Path:
    """The folder of built data sets: `PERCEIVER_DATA` of the environment, else `data` where the program was started."""
    return Path(os.environ.get("PERCEIVER_DATA") or "data")
