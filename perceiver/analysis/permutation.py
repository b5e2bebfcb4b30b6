"""Permutation tests: how predictions change when the elements of an input are reordered.

A Perceiver assumes nothing about the order of its input (paper, section 3.2 and table 2): only the position encoding
says where an element is. Permuting elements together with their encodings changes nothing; permuting contents alone
does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..notebook import titled_table
from ..sample import Sample
from ..validation import whole_number
from .change import AnswerChange
from .formatting import number, percent
from .methods import SHUFFLES, Shuffle


@dataclass(frozen=True)
class Shuffled:
    """The effect of a permutation on the prediction.

    size         elements along a side of the moved blocks, or cells along a side of the unit cube; None for no blocks
    order        element i gets the content of element order[i]; for free elements whose coordinates were moved, the
                 permutation itself
    coordinates  of free elements after the shuffle; None for a grid
    kept         elements that were not moved because they are in no whole block
    """

    shuffle: Shuffle
    size: int | None
    seed: int
    order: Int64[np.ndarray, "M"]
    coordinates: Float[np.ndarray, "M axes"] | None
    answer: AnswerChange
    kept: int = 0

    def __repr__(self) -> str:
        before, after = int(self.answer.before.argmax()), int(self.answer.after.argmax())
        kept = f"class {before} stays" if before == after else f"class {before} becomes class {after}"
        return f"Shuffled({self.shuffle}: {kept}, largest change of a logit {number(self.largest)})"

    def _repr_html_(self) -> str:
        """The most probable classes before and after, as a table."""
        before, after = self.answer.probabilities_before, self.answer.probabilities_after
        shown = dict.fromkeys([*np.argsort(-before)[:3].tolist(), int(after.argmax())])
        rows = [[f"class {i}", percent(float(before[i])), percent(float(after[i]))] for i in shown]
        title = f"{self.shuffle.capitalize()} shuffled: largest change of a logit {number(self.largest)}"
        return titled_table(title, rows, ["", "before", "after"])

    @property
    def largest(self) -> float:
        """The largest absolute change of a logit."""
        return float(np.abs(self.answer.after - self.answer.before).max())


@torch.no_grad()
def permute(model: Perceiver, sample: Sample, shuffle: Shuffle, *, seed: int = 0, size: int | None = None) -> Shuffled:
    """Shuffles an input and runs the model on it.

    elements  permutes contents together with their position encodings: nothing changes except for rounding, because
              sums are taken in another order
    contents  permutes contents but not position encodings, within each modality of an input; for free elements without
              contents each coordinate is permuted separately, which keeps the extent of the cloud on every axis but
              not its shape
    blocks    permutes contents in whole blocks with `size` elements per side; for free elements permutes the cells of
              the unit cube, `size` per side

    Raises ConfigError for an unknown shuffle, a seed below 0, and for blocks with no size or a size that gives fewer
    than two blocks.
    """
    if shuffle not in SHUFFLES:
        raise ConfigError(f"there is no shuffle {shuffle!r}; there are {', '.join(SHUFFLES)}")
    seed = whole_number("seed", seed, 0)
    size = None if size is None else whole_number("size", size, 1)
    random = np.random.default_rng(seed)
    inputs, codes = model.inputs(sample), model.codes(sample)
    total = inputs.shape[1]
    order, places, kept = np.arange(total), sample.coordinates, 0
    if shuffle == "elements":
        order = random.permutation(total)
        moved = inputs[:, torch.from_numpy(order)]
        places = None if places is None else places[torch.from_numpy(order)]
    elif shuffle == "contents" and (places is None or model.config.read_channels):
        order = _within([np.arange(part.count) for part in sample.parts] or [order], random.permutation)
        moved = model.joined(model.content(sample)[:, torch.from_numpy(order)], codes)
    elif places is not None:
        places = _mixed(places, random) if shuffle == "contents" else _exchanged(places, _cells(size), random)
        moved = model.inputs(sample, model.encoding.at(places)[None])
    else:
        order, kept = _blocks([part.shape for part in sample.parts] or [sample.shape], size, random)
        moved = model.joined(model.content(sample)[:, torch.from_numpy(order)], codes)
    before, after = model(torch.cat([inputs, moved])).numpy()
    return Shuffled(
        shuffle=shuffle,
        size=size if shuffle == "blocks" else None,
        seed=seed,
        order=order.astype(np.int64),
        coordinates=None if places is None else places.numpy(),
        answer=AnswerChange(before, after),
        kept=kept,
    )


def _mixed(places: Float[Tensor, "M axes"], random: np.random.Generator) -> Float[Tensor, "M axes"]:
    """Permutes each coordinate independently."""
    return torch.stack(
        [column[torch.from_numpy(random.permutation(len(column)))] for column in places.unbind(1)], dim=1
    )


def _cells(size: int | None) -> int:
    if size is None or size < 2:
        raise ConfigError("a cloud is shuffled in cells of the unit cube; there must be at least 2 a side")
    return size


def _exchanged(places: Float[Tensor, "M axes"], side: int, random: np.random.Generator) -> Float[Tensor, "M axes"]:
    """Permutes cubic cells of the space [-1, 1]; positions within a cell do not change."""
    axes, width = places.shape[1], 2 / side
    cells = ((places + 1) / width).floor().clamp(0, side - 1)
    weights = torch.tensor([side**axis for axis in range(axes)], dtype=places.dtype)
    number = (cells @ weights).long()
    goals = torch.from_numpy(random.permutation(side**axes))[number]
    goal = torch.stack([goals // side**axis % side for axis in range(axes)], dim=1)
    return places + (goal - cells) * width


def _within(
    parts: Sequence[Int64[np.ndarray, "_"]], moved: Callable[[np.ndarray], np.ndarray]
) -> Int64[np.ndarray, "M"]:
    """The permutation of all elements when each part is permuted separately."""
    starts = np.cumsum([0, *(len(part) for part in parts)])
    return np.concatenate([start + moved(part) for start, part in zip(starts, parts, strict=False)])


def _blocks(
    shapes: Sequence[tuple[int, ...]], size: int | None, random: np.random.Generator
) -> tuple[Int64[np.ndarray, "M"], int]:
    """The permutation of elements when whole blocks are permuted on each grid, and the number of elements in no
    block."""
    counts = [int(np.prod([n // size for n in shape])) if size and size > 0 else 0 for shape in shapes]
    if size is None or max(counts) < 2:
        grids = " and ".join(" × ".join(map(str, shape)) for shape in shapes)
        raise ConfigError(f"blocks of {size} elements a side leave nothing to exchange on a grid of {grids}")
    orders, kept, start = [], 0, 0
    for shape, count in zip(shapes, counts, strict=True):
        order, left = _exchanged_blocks(shape, size, random) if count > 1 else (np.arange(np.prod(shape)), 0)
        orders.append(start + order)
        kept += left if count > 1 else len(order)
        start += len(order)
    return np.concatenate(orders), kept


def _exchanged_blocks(shape: tuple[int, ...], size: int, random: np.random.Generator) -> tuple[np.ndarray, int]:
    places = np.arange(int(np.prod(shape))).reshape(shape)
    counts = [n // size for n in shape]
    whole = places[tuple(slice(0, count * size) for count in counts)]
    # (c1, size, c2, size, ...) -> (blocks, elements of a block)
    split = whole.reshape([part for count in counts for part in (count, size)])
    axes = len(shape)
    blocks = split.transpose([*range(0, 2 * axes, 2), *range(1, 2 * axes, 2)]).reshape(int(np.prod(counts)), -1)
    order = places.ravel().copy()
    order[blocks.ravel()] = blocks[random.permutation(len(blocks))].ravel()
    return order, places.size - whole.size
