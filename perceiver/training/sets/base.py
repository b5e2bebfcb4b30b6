"""Interface of data sets: balanced, augmented batches for training, and fixed held-out examples."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zipfile import BadZipFile

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...errors import DataError
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from ...validation import check_finite

TRAIN, VAL, TEST = 0, 1, 2


@dataclass(frozen=True)
class Examples:
    """Prepared inputs with their labels.

    coordinates  coordinates of free elements in [-1, 1]; None if the elements are on the grid of the model
    group        group index; examples of a group are not independent (views of an object, notes of an instrument)
    labels       whether an example has each class, where it may have several; `label` is then the first. None for one
    """

    content: Float[Tensor, "B M content"]
    label: Int[Tensor, "B"]
    group: Int[Tensor, "B"]
    coordinates: Float[Tensor, "B M axes"] | None = None
    labels: Bool[Tensor, "B classes"] | None = None

    def __len__(self) -> int:
        return len(self.label)

    @property
    def groups(self) -> int:
        """The number of independent groups."""
        return int(self.group.unique().numel())

    def at(self, index: Any) -> Examples:
        """The examples at an index, slice or mask."""
        coordinates = None if self.coordinates is None else self.coordinates[index]
        labels = None if self.labels is None else self.labels[index]
        return Examples(self.content[index], self.label[index], self.group[index], coordinates, labels)

    def targets(self, classes: int) -> Float[Tensor, "B classes"]:
        """The probabilities of the classes that a model is trained on: 1 for the label, shared equally by several."""
        if self.labels is None:
            return F.one_hot(self.label, classes).float()
        return self.labels / self.labels.sum(1, keepdim=True)

    def right(self, predicted: Int[Tensor, "B"]) -> Bool[Tensor, "B"]:
        """Whether each predicted class is the label, or one of them."""
        if self.labels is None:
            return predicted == self.label
        return self.labels.gather(1, predicted[:, None])[:, 0]

    def codes(self, model: Perceiver) -> Float[Tensor, "#B M P"]:
        """Position encodings of the elements; B is 1 if the elements are on the grid of the model."""
        return model.encoding.grid()[None] if self.coordinates is None else model.encoding.at(self.coordinates)

    def inputs(self, model: Perceiver, codes: Float[Tensor, "#B M P"] | None = None) -> Float[Tensor, "B M C"]:
        """The input arrays; `codes` replaces the computed position encodings."""
        return model.input_array(self.content, self.codes(model) if codes is None else codes)


@runtime_checkable
class Augmentation(Protocol):
    """Settings of an augmentation."""

    def sentence(self) -> str:
        """Description for the model card."""
        ...


@runtime_checkable
class DataSet(Protocol):
    """One split of a data set, prepared for one model.

    classes  class names, in the order of the labels
    labels   labels of all examples
    about    name, licence and split, for the model card
    caveats  limitations of the data for the model card, one sentence each
    """

    classes: tuple[str, ...]
    labels: Int[Tensor, "n"]
    about: Data
    caveats: tuple[str, ...]

    def batch(self, count: int, augmentation: Any, generator: torch.Generator) -> Examples:
        """A batch of augmented examples with equally likely classes; depends on the generator only."""
        ...

    def held_out(self) -> Examples:
        """All examples of the split, without augmentation, always the same."""
        ...

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """Further measures of a model on this data, by name; may be empty."""
        ...


def hits(
    model: Perceiver, examples: Examples, *, batch: int = 64, progress: ProgressCallback = ignore
) -> Bool[Tensor, "n"]:
    """Whether the prediction of a model for each example is correct, using all elements.

    Raises CheckpointError for an output that holds NaN or infinite numbers.
    """

    def logits(part: Examples) -> Tensor:
        found = model(part.inputs(model))
        check_finite(found)
        return found

    return hits_of(logits, examples, batch=batch, progress=progress)


@torch.no_grad()
def hits_of(
    logits: Callable[[Examples], Tensor], examples: Examples, *, batch: int = 64, progress: ProgressCallback = ignore
) -> Bool[Tensor, "n"]:
    """Whether the prediction for each example is correct; `logits` computes those of a batch, (B, classes)."""
    found = []
    for start in range(0, len(examples), batch):
        part = examples.at(slice(start, start + batch))
        found.append(part.right(logits(part).argmax(-1)))
        progress(min(1.0, (start + batch) / len(examples)), "Evaluating")
    return torch.cat(found)


class Balanced:
    """Samples indices: a class uniformly, then a group of the class, then an example of the group."""

    def __init__(self, labels: Sequence[int], groups: Sequence[int]) -> None:
        classes: dict[int, dict[int, list[int]]] = {}
        for index, (label, group) in enumerate(zip(labels, groups, strict=True)):
            classes.setdefault(label, {}).setdefault(group, []).append(index)
        # Classes without examples are omitted.
        self._tree = [list(members.values()) for _, members in sorted(classes.items())]

    def __call__(self, count: int, generator: torch.Generator) -> Int[Tensor, "count"]:
        """Sampled indices of examples."""

        def pick(items: Sequence[Any]) -> Any:
            return items[int(torch.randint(len(items), (1,), generator=generator))]

        return torch.tensor([pick(pick(pick(self._tree))) for _ in range(count)])


def uniform(count: int, generator: torch.Generator) -> Callable[..., Tensor]:
    """A function that draws uniform values for each example of a batch: `draw(low, high, *shape)` has the shape
    (count, *shape)."""

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    return draw


class _Arrays(dict[str, np.ndarray]):
    """The arrays of a data file by name; one that is missing is an error of the file."""

    def __init__(self, arrays: Mapping[str, np.ndarray], problem: str) -> None:
        super().__init__(arrays)
        self._problem = problem

    def __missing__(self, name: str) -> np.ndarray:
        raise DataError(self._problem)


def archive(path: Path, name: str) -> dict[str, np.ndarray]:
    """The arrays of a data file. Raises DataError, naming the build command, if the file is missing or damaged, and
    where an array is asked for that it lacks."""
    if not path.is_file():
        raise DataError(f"{path} is not there; `perceiver data build {name}` makes it")
    problem = f"{path} is damaged, or another file than `perceiver data build {name}` makes"
    try:
        with np.load(path, allow_pickle=False) as file:
            return _Arrays({key: file[key] for key in file.files}, problem)
    # An NPY file is an array, which cannot be opened so: a TypeError.
    except (OSError, ValueError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(problem) from error


def default_folder() -> Path:
    """The folder of built data sets: environment variable `PERCEIVER_DATA`, else `data` in the working directory."""
    return Path(os.environ.get("PERCEIVER_DATA") or "data")
