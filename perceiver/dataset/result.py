"""The analysis of a checkpoint over a data set: what `perceiver.dataset.build` makes and `storage` keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Int64, UInt8

from ..analysis.formatting import percent
from ..notebook import titled_table
from ..studies.base import Mean
from .collection import UNKNOWN

FAVOURITES = 8
"""Inputs that are kept for each latent."""


@dataclass(frozen=True)
class About:
    """What an analysis is of.

    model, weights_sha256  the checkpoint
    classes                names of the model's classes
    data                   the inputs in words
    available              the number of inputs that the analysed ones were chosen from
    examples_sha256        of which inputs they are, with labels and groups: the same for all models that read them
    content_sha256         of what the model read
    command                that made it
    blocks                 blocks that have a map, from 0
    cells                  grid of the mean maps; empty where there are none
    free                   whether the cells are places of free elements, seen along their third axis
    errors                 inputs that could not be read: name and reason
    notes                  what was left out, one sentence each
    """

    model: str
    modality: str
    weights_sha256: str | None
    classes: tuple[str, ...]
    data: str
    available: int
    examples_sha256: str
    content_sha256: str
    command: str
    blocks: tuple[int, ...]
    cells: tuple[int, ...]
    free: bool
    errors: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ExampleTable:
    """One row per input.

    keys           identify the inputs within their data
    names          of files and bundled samples; "" for an example that is no file here
    labels         the true class; -1 where it is not known
    groups         inputs of a group are not independent
    counted        whether the row enters means and counts; bundled samples do not
    answers        the predicted class after every block
    probabilities  of every class after the last block, in half precision
    places         on the map of examples: t-SNE of the mean latent
    thumbnails     of what the model reads
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    labels: Int[np.ndarray, "n"]
    groups: Int[np.ndarray, "n"]
    counted: Bool[np.ndarray, "n"]
    answers: Int[np.ndarray, "n blocks"]
    probabilities: Float[np.ndarray, "n classes"]
    places: Float[np.ndarray, "n 2"]
    thumbnails: UInt8[np.ndarray, "n s s 3"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class MeanMaps:
    """Attention weight per cell over the share of the elements that lie there, mean over inputs: 1 is no preference.

    NaN in a cell without elements.

    blocks   mean over latents
    latents  mean over blocks
    classes  mean over latents and blocks, over the inputs of a class: the true one where it is known, else the
             predicted one; NaN for a class without inputs
    """

    blocks: Float[np.ndarray, "crosses cells"]
    latents: Float[np.ndarray, "N cells"]
    classes: Float[np.ndarray, "classes cells"]


@dataclass(frozen=True, eq=False)
class LatentTable:
    """How much each latent matters, and for which inputs most.

    removed   how much the logit of the predicted class falls when the latent's state is removed from the latent array
              before the head: mean over inputs with its interval
    classes   the same mean over the inputs of each predicted class; NaN for a class that is never predicted
    strongest inputs for which it falls most, most first; -1 where there are fewer
    focused   inputs on which the latent's attention weights are most concentrated (least entropy, mean over blocks)
    entropy   of its attention weights over the elements, mean over inputs and blocks; 1 is evenly spread
    """

    removed: tuple[Mean, ...]
    classes: Float[np.ndarray, "classes N"]
    strongest: Int64[np.ndarray, "N k"]
    focused: Int64[np.ndarray, "N k"]
    entropy: Float[np.ndarray, "N"]

    @property
    def order(self) -> Int64[np.ndarray, "N"]:
        """The latents by how much they matter, most first."""
        return np.argsort([-one.value for one in self.removed], kind="stable")


@dataclass(frozen=True)
class PartShare:
    """The share of a group of parts of the input's rows in the variance of a block's scores (`analysis.split_shares`).

    share  mean over inputs
    """

    block: int
    group: str
    share: Mean


@dataclass(frozen=True)
class BandAccuracy:
    """Answers with all bands of the position encoding above a cut-off removed.

    cycles    the lowest frequency that is removed, in cycles across the first axis; None for the whole encoding
    ablation  as `perceiver ablate` takes it
    accuracy  None without labels
    agrees    share of inputs with the same prediction as with the whole encoding
    """

    cycles: float | None
    ablation: str
    accuracy: Mean | None
    agrees: Mean


@dataclass(frozen=True, eq=False)
class DataSetAnalysis:
    """A checkpoint over a data set."""

    about: About
    examples: ExampleTable = field(repr=False)
    maps: MeanMaps | None = field(repr=False)
    latents: LatentTable = field(repr=False)
    shares: tuple[PartShare, ...] = field(repr=False)
    bands: tuple[BandAccuracy, ...] = field(repr=False)

    @property
    def predicted(self) -> Int[np.ndarray, "n"]:
        """The predicted class of every input."""
        return self.examples.answers[:, -1]

    @property
    def labelled(self) -> Bool[np.ndarray, "n"]:
        """Inputs that are counted and whose true class is known."""
        return self.examples.counted & (self.examples.labels != UNKNOWN)

    @property
    def right(self) -> Bool[np.ndarray, "n"]:
        """Whether the prediction is the true class."""
        return self.predicted == self.examples.labels

    @cached_property
    def accuracy(self) -> tuple[Mean, ...]:
        """The accuracy after every block; empty without labels."""
        known = self.labelled
        if not known.any():
            return ()
        right = self.examples.answers[known] == self.examples.labels[known, None]
        return tuple(Mean.of(column, self.examples.groups[known]) for column in right.T.astype(np.float64))

    @cached_property
    def confusion(self) -> Int64[np.ndarray, "classes classes"]:
        """How many inputs of each true class (rows) got each prediction (columns)."""
        count = len(self.about.classes)
        known = self.labelled
        pairs = self.examples.labels[known].astype(np.int64) * count + self.predicted[known]
        return np.bincount(pairs, minlength=count * count).reshape(count, count)

    def members(self, label: int | None = None, predicted: int | None = None) -> Int64[np.ndarray, "k"]:
        """The counted inputs with a true class, a prediction or both; the least sure of their prediction first."""
        chosen = self.examples.counted.copy()
        if label is not None:
            chosen &= self.examples.labels == label
        if predicted is not None:
            chosen &= self.predicted == predicted
        index = np.flatnonzero(chosen)
        sure = self.examples.probabilities[index].max(axis=1)
        return index[np.argsort(sure, kind="stable")]

    @property
    def summary(self) -> str:
        """The number of inputs and the accuracy with its interval, in a line."""
        counted, about = int(self.examples.counted.sum()), self.about
        of = f"{counted:,} of {about.available:,}" if about.available > counted else f"{counted:,}"
        text = f"{of} {about.data}"
        if self.accuracy:
            last = self.accuracy[-1]
            text += f": {percent(last.value)} right (95 % interval {percent(last.low)} to {percent(last.high)})"
        return text

    def __repr__(self) -> str:
        return f"DataSetAnalysis({self.about.model!r} over {self.summary})"

    def _repr_html_(self) -> str:
        """The accuracy after every block as a table."""
        rows = [
            [str(block), percent(one.value), f"{percent(one.low)} to {percent(one.high)}"]
            for block, one in enumerate(self.accuracy)
        ]
        return titled_table(f"{self.about.model}: {self.summary}", rows, ["block", "accuracy", "95 % interval"])

    def to_dict(self) -> dict[str, Any]:
        """The results as plain values for JSON, indices from 0; without maps and thumbnails, which the file holds."""
        table = self.examples
        return {
            "about": {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self.about).items()},
            "accuracy": [vars(one) for one in self.accuracy],
            "confusion": self.confusion.tolist(),
            "latents": [
                {"latent": i, "removed": _mean(one), "entropy": _number(self.latents.entropy[i])}
                | {"strongest": self._keys(self.latents.strongest[i]), "focused": self._keys(self.latents.focused[i])}
                for i, one in enumerate(self.latents.removed)
            ],
            "shares": [{"block": one.block, "group": one.group, "share": _mean(one.share)} for one in self.shares],
            "bands": [
                {"cycles": one.cycles, "ablation": one.ablation, "accuracy": one.accuracy and _mean(one.accuracy)}
                | {"agrees": _mean(one.agrees)}
                for one in self.bands
            ],
            "examples": [
                {
                    "key": table.keys[i],
                    "label": int(table.labels[i]) if table.labels[i] != UNKNOWN else None,
                    "group": int(table.groups[i]),
                    "counted": bool(table.counted[i]),
                    "answers": table.answers[i].tolist(),
                    "probability": float(table.probabilities[i].max()),
                    "place": [float(value) for value in table.places[i]],
                }
                for i in range(len(table))
            ],
        }

    def _keys(self, index: Int64[np.ndarray, "k"]) -> list[str]:
        return [self.examples.keys[i] for i in index.tolist() if i >= 0]


def _mean(mean: Mean) -> dict[str, float | None]:
    return {name: _number(value) for name, value in vars(mean).items()}


def _number(value: float) -> float | None:
    return None if value != value else float(value)
