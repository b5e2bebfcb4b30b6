"""Which blocks of a checkpoint share their weights: files hold tied tensors once for every block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....config import Block
from ....errors import CheckpointError
from .told import Told


@dataclass(frozen=True)
class Sets:
    """The weight sets among one part (the cross-attention, the tower) of all blocks.

    numbers  the set of each block
    firsts   the block that each set is taken from
    copies   names of tensors that are in another block's set already
    """

    numbers: tuple[int, ...]
    firsts: tuple[int, ...]
    copies: frozenset[str]


@dataclass(frozen=True)
class Sharing:
    """The plan, the weight sets it numbers, and notes."""

    plan: tuple[Block, ...]
    crosses: Sets
    towers: Sets
    notes: tuple[str, ...] = ()


def sharing(told: Told, asked: Mapping[str, Any]) -> Sharing:
    """Compares the blocks. Raises CheckpointError when `weight_tie_layers` was given and is not so."""
    layout, blocks = told.layout, range(told.blocks)
    tied = asked.get("weight_tie_layers", told.given.get("weight_tie_layers"))
    crosses = _sets(told, [layout.tensors(*layout.cross(block), cross=True) for block in blocks], tied)
    towers = _sets(
        told,
        [
            tuple(
                name
                for layer in range(told.self_attends)
                for name in layout.tensors(*layout.self_attention(block, layer), cross=False)
            )
            for block in blocks
        ],
        tied,
    )
    plan: tuple[Block, ...] = tuple(
        (cross, tower if told.self_attends else None)
        for cross, tower in zip(crosses.numbers, towers.numbers, strict=True)
    )
    alike = len(set(plan[1:])) == 1
    if tied is not None and len(plan) > 2 and tied != alike:
        raise CheckpointError(
            f"{told.checkpoint.name} has weight_tie_layers = {tied}, and the weights of its blocks after the first are "
            f"{'the same' if alike else 'different'}"
        )
    if len(plan) > 2 and alike:
        note = f"blocks 2 to {len(plan)} share their weights, which its file holds {len(plan) - 1} times"
        return Sharing(plan, crosses, towers, (note,))
    depth = asked.get("depth", len(plan))
    if len(plan) == 2 and depth > 2:
        note = f"blocks 2 to {depth} share their weights, which its file holds once"
        return Sharing(plan + plan[1:] * (depth - 2), crosses, towers, (note,))
    return Sharing(plan, crosses, towers)


def _sets(told: Told, parts: list[tuple[str, ...]], tied: bool | None) -> Sets:
    """Which of these parts of the blocks, each by its tensors, are the same weights.

    Where numbers cannot be looked at: those after the first, if the layers are said to be tied.
    """
    numbers: list[int] = []
    firsts: list[int] = []
    for block, names in enumerate(parts):
        like = (k for k, first in enumerate(firsts) if _same(told, names, parts[first], tied is True and first > 0))
        number = next(like, len(firsts))
        if number == len(firsts):
            firsts.append(block)
        numbers.append(number)
    copies = {name for block, names in enumerate(parts) if block not in firsts for name in names}
    return Sets(tuple(numbers), tuple(firsts), frozenset(copies))


def _same(told: Told, names: tuple[str, ...], others: tuple[str, ...], supposed: bool) -> bool:
    checkpoint = told.checkpoint
    pairs = list(zip(names, others, strict=True))
    if any(checkpoint.shape(name) != checkpoint.shape(other) for name, other in pairs):
        return False
    if checkpoint.same is None:
        return supposed
    return all(checkpoint.same(name, other) for name, other in pairs)
