"""One sentence for a result: where the weight of a map lies, and what moves between two maps.

A map is described by the part of the input whose share of the weight differs most from its share of the elements: by
the largest relative entropy p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)), p the part's share of the weight and q of the
elements. Parts are halves and quarters of axes without a unit, the middle and the border of two such axes, the middle
and the ends of each axis of free elements, and what lies before or after a place on an axis with a unit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..modalities.description import AxisWords
from .formatting import hertz, number

EVEN = 0.1
"""A map is nearly even if all its values, in multiples of uniform, are within this distance of 1."""

MARKED = 0.02
"""The least relative entropy in nats of a part that is named: of a half, from 60 % of the weight."""

MOVED = 0.02
"""The least change of a part's share of the weight that is named."""

CUTS = 64
"""The most places on an axis where the input is divided into before and after."""


@dataclass(frozen=True)
class Along:
    """Where the elements lie along one axis.

    words        for the axis
    coordinates  of every element, in the axis's unit
    free         whether elements are free, instead of on a grid
    """

    words: AxisWords
    coordinates: Float[np.ndarray, "M"]
    free: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the input.

    where   with its preposition: "in the upper half", "after 0.15 s"
    share   of the map's sum that lies in it
    even    of the elements that lie in it
    """

    where: str
    share: float
    even: float

    @property
    def divergence(self) -> float:
        """The relative entropy of its share of the weight and its share of the elements, in nats."""
        pairs = ((self.share, self.even), (1 - self.share, 1 - self.even))
        return float(sum(p * np.log(p / q) for p, q in pairs if p > 0 and q > 0))


def parts(values: Float[np.ndarray, "*shape"], axes: Sequence[Along]) -> Iterator[Part]:
    """All parts of the input that have names, with their shares of the sum of some values."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(flat).all():
        return
    named: list[list[tuple[str, np.ndarray]]] = []
    for axis in axes:
        if axis.words.unit:
            yield from _before_and_after(flat, axis)
        elif axis.words.sides[0]:
            named.append(_halves(axis) + (_middle_and_ends(axis) if axis.free else []))
    for name, inside in itertools.chain.from_iterable(named):
        yield _part(flat, name, inside)
    on_grid = [axis for axis in axes if not axis.words.unit and axis.words.sides[0] and not axis.free]
    if len(on_grid) != 2:
        return
    for one, other in itertools.product(*(zip(axis.words.sides, _halves(axis), strict=True) for axis in on_grid)):
        yield _part(flat, f"in the {one[0]} {other[0]} quarter", one[1][1] * other[1][1])
    middle = np.prod([_middle(axis) for axis in on_grid], axis=0)
    yield _part(flat, "in the middle quarter", middle)
    yield _part(flat, "outside the middle quarter", 1 - middle)


def strongest_part(values: Float[np.ndarray, "*shape"], axes: Sequence[Along]) -> Part | None:
    """The part with the largest relative entropy among those with more than an even share; None if there is no part.

    values  nonnegative, of any sum above 0
    """
    total = float(np.asarray(values, dtype=np.float64).sum())
    if not np.isfinite(total) or total <= 0:
        return None
    found = [one for one in parts(np.asarray(values, dtype=np.float64) / total, axes) if one.share > one.even + 1e-9]
    return max(found, key=lambda one: one.divergence, default=None)


def nearly_even(values: Float[np.ndarray, "*shape"]) -> bool:
    """Whether all values of a nonnegative map are within EVEN of uniform, in multiples of uniform."""
    multiples = _multiples(values)
    return bool(multiples.size and np.abs(multiples - 1).max() <= EVEN)


def weight_sentence(
    values: Float[np.ndarray, "*shape"], axes: Sequence[Along], subject: str, noun: str = "weight"
) -> str:
    """Where a nonnegative map lies: "Block 4 puts 97 % of its weight after 0.15 s (85 % if uniform)."

    Empty for maps that have no sum.

    subject  what the map is of: "Block 4"
    noun     what is distributed
    """
    if nearly_even(values):
        return f"{subject} is nearly uniform: {_range(values)} × uniform."
    if not axes or not len(_multiples(values)):
        return ""
    found = strongest_part(values, axes)
    if found is None or share_text(found.share) == share_text(found.even):
        return f"{subject} favours no part of the input."
    amount = f"{share_text(found.share)} of its {noun} {found.where} ({share_text(found.even)} if uniform)"
    if found.divergence < MARKED:
        return f"{subject} favours no part much: the most is {amount}."
    return f"{subject} puts {amount}."


def parts_sentence(
    subject: str,
    names: Sequence[str],
    shares: Sequence[float],
    even: Sequence[float],
    padding: Sequence[str] = (),
) -> str:
    """How a map of sum 1 is shared among the parts of an input: "Block 1 puts 62 % of its weight on the sound and 38 %
    on the picture (16 % and 84 % if uniform)."

    names    of the parts: "sound", "picture"
    padding  the names of those that are padding alone, which the sentence says
    """
    amounts = [f"{share_text(share)} on the {name}" for share, name in zip(shares, names, strict=True)]
    amounts[0] = amounts[0].replace(" on the", " of its weight on the", 1)
    alike = " and ".join(map(share_text, even))
    told = f"{subject} puts {' and '.join(amounts)} ({alike} if uniform)."
    return " ".join([told, *(f"All of the {name} is padding: the file has none there." for name in padding)])


def evidence_sentence(values: Float[np.ndarray, "*shape"], axes: Sequence[Along], noun: str) -> str:
    """Where a map for a class lies: "62 % of the relevance lies in the upper left quarter (25 % if uniform)."

    Values below 0 are left out. Empty for maps without values above 0.

    noun  what is distributed
    """
    positive = np.maximum(np.asarray(values, dtype=np.float64), 0)
    if nearly_even(positive):
        return f"The {noun} is nearly uniform: {_range(positive)} × uniform."
    if not axes or not len(_multiples(positive)):
        return ""
    found = strongest_part(positive, axes)
    none = f"No part of the input has much more of the {noun} than the others"
    if found is None or share_text(found.share) == share_text(found.even):
        return f"{none}."
    if found.divergence < MARKED:
        amount = f"{share_text(found.share)} {found.where} ({share_text(found.even)} if uniform)"
        return f"{none}: the most is {amount}."
    return f"{share_text(found.share)} of the {noun} lies {found.where} ({share_text(found.even)} if uniform)."


def change_sentence(
    change: Float[np.ndarray, "*shape"], axes: Sequence[Along], subject: str, reference: str, noun: str = "weight"
) -> str:
    """What the difference of two maps of sum 1 says: "Compared with block 3, block 4 moves 34 % of its weight; it gains
    most in the upper half: 12 percentage points."

    subject, reference  what the maps are of, within a sentence: "block 4", "block 3"
    """
    flat = np.asarray(change, dtype=np.float64).ravel()
    if not np.isfinite(flat).all():
        return ""
    moved = float(np.abs(flat).sum() / 2)
    gained = max(parts(flat, axes), key=lambda one: one.share, default=None)
    told = f"Compared with {reference}, {subject} moves {share_text(moved)} of its {noun}"
    if gained is None:
        return f"{told}."
    if gained.share < MOVED:
        return f"{told}; no part gains more than {100 * MOVED:.0f} percentage points."
    return f"{told}; it gains most {gained.where}: {100 * gained.share:.0f} percentage points."


def reading_sentence(plan: Sequence[tuple[int | None, int | None]]) -> str:
    """Which blocks of a plan do not read the input: "Blocks 2 to 8 do not read the input: they have no cross-attention
    and work on the latents alone." Empty if all have a cross-attention."""
    without = [block for block, (cross, _) in enumerate(plan) if cross is None]
    if not without:
        return ""
    one = len(without) == 1
    does, has = ("does not read", "it has") if one else ("do not read", "they have")
    return (
        f"{blocks_text(without).capitalize()} {does} the input: {has} no cross-attention and "
        f"work{'s' * one} on the latents alone."
    )


def blocks_text(blocks: Sequence[int]) -> str:
    """Blocks, counted from 0, as text: "block 1", "blocks 2 to 8", "blocks 1, 3 and 5 to 7"."""
    runs: list[list[int]] = []
    for block in sorted(blocks):
        if runs and block == runs[-1][-1] + 1:
            runs[-1].append(block)
        else:
            runs.append([block])
    told = [
        part
        for run in runs
        for part in ([f"{run[0] + 1} to {run[-1] + 1}"] if len(run) > 2 else [str(block + 1) for block in run])
    ]
    listed = " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told)
    return f"block{'s' * (len(blocks) > 1)} {listed}"


def share_text(share: float) -> str:
    """A share as whole percent; "under 1 %" and "over 99 %" where rounding would give all or nothing."""
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 - 1e-9 else f"{100 * share:.0f} %"


def _multiples(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "M"]:
    flat = np.asarray(values, dtype=np.float64).ravel()
    total = float(flat.sum())
    if not np.isfinite(total) or total <= 0 or flat.min() < 0:
        return np.zeros(0)
    return flat * (flat.size / total)


def _range(values: Float[np.ndarray, "*shape"]) -> str:
    multiples = _multiples(values)
    return f"{multiples.min():.2f} to {multiples.max():.2f}"


def _part(flat: Float[np.ndarray, "M"], where: str, inside: Float[np.ndarray, "M"]) -> Part:
    return Part(where, float(flat @ inside), float(inside.mean()))


def _halves(axis: Along) -> list[tuple[str, Float[np.ndarray, "M"]]]:
    """Both halves of an axis with the shares of the elements in them; elements at the very middle count half."""
    low, high = float(axis.coordinates.min()), float(axis.coordinates.max())
    from_middle = axis.coordinates - (low + high) / 2
    near = np.abs(from_middle) <= 1e-9 * max(high - low, 1e-300)
    upper = np.where(near, 0.5, (from_middle > 0).astype(np.float64))
    return [(_half_name(side), inside) for side, inside in zip(axis.words.sides, (1 - upper, upper), strict=True)]


def _half_name(side: str) -> str:
    """Where a half is, by the word for its side: "in the upper half", "in the half with larger x"."""
    return f"in the half with {side}" if " " in side else f"in the {side} half"


def _middle_and_ends(axis: Along) -> list[tuple[str, Float[np.ndarray, "M"]]]:
    """The middle half of an axis of free elements, and the two quarters at its ends."""
    low, high = float(axis.coordinates.min()), float(axis.coordinates.max())
    middle = (np.abs(axis.coordinates - (low + high) / 2) <= (high - low) / 4).astype(np.float64)
    along = axis.words.direction
    return [(f"in the middle half {along}", middle), (f"in the two quarters at the ends {along}", 1 - middle)]


def _middle(axis: Along) -> Float[np.ndarray, "M"]:
    """The elements in the middle half of an axis of a grid."""
    levels = np.unique(axis.coordinates)
    step = (levels[-1] - levels[0]) / max(len(levels) - 1, 1)
    middle, width = (levels[0] + levels[-1]) / 2, step * len(levels)
    return (np.abs(axis.coordinates - middle) <= width / 4).astype(np.float64)


def _before_and_after(flat: Float[np.ndarray, "M"], axis: Along) -> Iterator[Part]:
    """What lies on either side of places between the elements of an axis."""
    levels, of = np.unique(axis.coordinates, return_inverse=True)
    mass = np.bincount(of, weights=flat, minlength=len(levels)).cumsum()
    count = np.bincount(of, minlength=len(levels)).cumsum() / len(flat)
    before, after = axis.words.sides
    for cut in (
        np.unique(np.linspace(0, len(levels) - 2, min(CUTS, len(levels) - 1)).astype(int)) if len(levels) > 1 else ()
    ):
        edge = float(levels[cut] + levels[cut + 1]) / 2
        told = hertz(edge) if axis.words.unit == "Hz" else f"{number(edge)} {axis.words.unit}"
        yield Part(f"{before} {told}", float(mass[cut]), float(count[cut]))
        yield Part(f"{after} {told}", float(flat.sum() - mass[cut]), float(1 - count[cut]))
