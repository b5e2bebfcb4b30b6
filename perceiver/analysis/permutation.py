"""Permutation tests: how predictions change when the elements of an input are reordered.

A Perceiver assumes nothing about the order of its input (paper, section 3.2 and table 2): an element is where its
position code says. Elements that move together with their codes change nothing; contents that move against them do.
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
from ..sample import Sample
from .change import AnswerChange
from .methods import SHUFFLES, Shuffle


@dataclass(frozen=True)
class Shuffled:
    """The effect of a permutation on the prediction.

    size         elements along a side of the blocks that were moved, or cells along a side of the unit cube; None where
                 no blocks were
    order        element i shows what was at order[i]; for free elements whose coordinates were moved, the order itself
    coordinates  of free elements after the shuffle; None for a grid
    kept         elements that stayed where they were because no whole block holds them
    """

    shuffle: Shuffle
    size: int | None
    seed: int
    order: Int64[np.ndarray, "M"]
    coordinates: Float[np.ndarray, "M axes"] | None
    answer: AnswerChange
    kept: int = 0

    @property
    def largest(self) -> float:
        """The largest change of a logit, either way."""
        return float(np.abs(self.answer.after - self.answer.before).max())


@torch.no_grad()
def permute(model: Perceiver, sample: Sample, shuffle: Shuffle, *, seed: int = 0, size: int | None = None) -> Shuffled:
    """Shuffles an input and asks the model again.

    elements  contents move together with their position codes: nothing may change but for the order of sums
    contents  contents move against their codes, each within its own part of an input of several sorts; of free
              elements without contents each coordinate moves on its own, so that the cloud keeps its extent on every
              axis and loses its shape
    blocks    contents move in blocks of `size` elements a side, which stay whole; free elements in cells of the unit
              cube, `size` a side, that exchange their places

    Raises ConfigError for another shuffle, and for blocks without a size that leaves at least two of them.
    """
    if shuffle not in SHUFFLES:
        raise ConfigError(f"there is no shuffle {shuffle!r}; there are {', '.join(SHUFFLES)}")
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
    """Each coordinate in an order of its own."""
    return torch.stack(
        [column[torch.from_numpy(random.permutation(len(column)))] for column in places.unbind(1)], dim=1
    )


def _cells(size: int | None) -> int:
    if size is None or size < 2:
        raise ConfigError("a cloud is shuffled in cells of the unit cube; there must be at least 2 a side")
    return size


def _exchanged(places: Float[Tensor, "M axes"], side: int, random: np.random.Generator) -> Float[Tensor, "M axes"]:
    """The cells of [-1, 1] in another order, what is in them unmoved within them."""
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
    """The order of all elements when each part's are moved among themselves."""
    starts = np.cumsum([0, *(len(part) for part in parts)])
    return np.concatenate([start + moved(part) for start, part in zip(starts, parts, strict=False)])


def _blocks(
    shapes: Sequence[tuple[int, ...]], size: int | None, random: np.random.Generator
) -> tuple[Int64[np.ndarray, "M"], int]:
    """The order of elements when whole blocks change places, each on its own grid, and how many elements lie in
    none."""
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
