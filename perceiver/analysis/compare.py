"""Comparison of several models on one input: shared elements, and the bands at which maps are measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float

from ..config import PerceiverConfig
from ..model import Perceiver
from ..positions import Band
from ..sample import Part, Sample
from .change import jensen_shannon
from .spectrum import reference_bands
from .summary import WEIGHTS, Quantity

Map = Float[np.ndarray, "..."]


def same_input(one: Sample, other: Sample) -> bool:
    """Whether two samples were read from files of equal bytes, or of equal names where the bytes are unknown."""
    if one.digest is None or other.digest is None:
        return one.name == other.name
    return one.digest == other.digest


def same_elements(one: Sample, other: Sample) -> bool:
    """Whether two models have the same input elements for an input, so that their maps can be subtracted."""
    if one.shape != other.shape or not np.allclose(one.box, other.box):
        return False
    if [(part.name, part.shape) for part in one.parts] != [(part.name, part.shape) for part in other.parts]:
        return False
    if not all(np.allclose(mine.box, theirs.box) for mine, theirs in zip(one.parts, other.parts, strict=True)):
        return False
    if one.coordinates is None or other.coordinates is None:
        return one.coordinates is other.coordinates
    return torch.equal(one.coordinates, other.coordinates)


def map_divergences(
    samples: Sequence[Sample], maps: Sequence[Mapping[int, Map]], what: Quantity
) -> tuple[dict[int, float], ...]:
    """Jensen-Shannon divergence in bits of each model's maps from those of the first, by block, of blocks that both
    have.

    Empty for the first model, for models with other input elements, and for maps whose values cannot be added up.

    maps  of every model, by block
    what  the values of the maps are
    """
    first = maps[0]
    comparable = [i > 0 and what in WEIGHTS and same_elements(samples[0], one) for i, one in enumerate(samples)]
    return tuple(
        {block: jensen_shannon(first[block], values) for block, values in its.items() if block in first} if ok else {}
        for its, ok in zip(maps, comparable, strict=True)
    )


def bands_of_models(models: Sequence[Perceiver]) -> tuple[tuple[int | None, tuple[Band, ...]], ...]:
    """The bands at which each model's maps are measured, and the model they belong to.

    These are the model's own bands; else those of the first model with bands and the same grid of elements; else those
    of Fourier features on the model's grid, which belong to no model (None).
    """
    own = [model.encoding.bands() for model in models]
    out: list[tuple[int | None, tuple[Band, ...]]] = []
    for i, model in enumerate(models):
        lends = [j for j, other in enumerate(models) if own[j] and _grid(other.config) == _grid(model.config)]
        lender = i if own[i] else next(iter(lends), None)
        out.append((lender, reference_bands(model.config) if lender is None else own[lender]))
    return tuple(out)


def _grid(config: PerceiverConfig) -> tuple[object, ...]:
    """What models have in common whose elements lie on the same grids."""
    segments = tuple((one.name, one.shape) for one in config.segments)
    return config.input_shape, config.position_axes, segments


def why_not_subtracted(first: Sample, other: Sample, names: str) -> str | None:
    """The reason why the maps of two models cannot be subtracted, as text; None if they can.

    names  names of the two models: "one and other"
    """
    if same_elements(first, other):
        return None
    if first.shape != other.shape:
        sizes = (" × ".join(map(str, one.shape)) for one in (other, first))
        return f"no difference: {names} read grids of {' and '.join(sizes)} elements"
    return f"no difference: {names} read elements at other places"


def central_element(sample: Sample) -> int:
    """The element in the middle of an input, of one with several parts in the middle of the part with the most axes."""
    if sample.coordinates is not None:
        return int((sample.coordinates**2).sum(-1).argmin())
    largest = max(sample.parts, key=lambda part: len(part.shape), default=None)
    if largest is not None:
        found = sample.part(largest.name)
        assert found is not None
        return found[1].start + _middle(largest.shape)
    return _middle(sample.shape)


def corresponding_element(element: int, one: Sample, other: Sample) -> int:
    """The element of `other` at the position of an element of `one`; in the middle of axes, and of parts, that one of
    them does not have."""
    if same_elements(one, other):
        return element
    if one.parts or other.parts:
        return _in_same_part(element, one, other)
    if one.coordinates is not None and other.coordinates is not None:
        return int(((other.coordinates - one.coordinates[element]) ** 2).sum(-1).argmin())
    return _at_place(element, one, other)


def _in_same_part(element: int, one: Sample, other: Sample) -> int:
    """`corresponding_element` of inputs with several parts, by the names of these."""
    for part in one.parts:
        mine, theirs = one.part(part.name), other.part(part.name)
        if mine is None or not mine[1].start <= element < mine[1].stop or theirs is None:
            continue
        place = _at_place(element - mine[1].start, mine[0], theirs[0]) if mine[0].box else 0
        return theirs[1].start + place
    return central_element(other)


def _at_place(element: int, one: Sample | Part, other: Sample | Part) -> int:
    """The element of one grid at the position of an element of another."""
    cell = np.unravel_index(element, one.shape)
    at = []
    for axis, ((start, stop), count) in enumerate(zip(other.box, other.shape, strict=True)):
        share = 0.5
        source = axis if len(one.shape) == len(other.shape) else _overlapping((start, stop), one.box)
        if source is not None:
            begin, end = one.box[source]
            place = begin + (int(cell[source]) + 0.5) * (end - begin) / one.shape[source]
            share = (place - start) / (stop - start)
        at.append(min(count - 1, max(0, math.floor(share * count))))
    return int(np.ravel_multi_index(at, other.shape))


def _middle(shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index([count // 2 for count in shape], shape))


def _overlapping(interval: tuple[float, float], box: Sequence[tuple[float, float]]) -> int | None:
    """The axis with the largest overlap with an interval; None if no axis covers more than half of it."""

    def shared(other: tuple[float, float]) -> float:
        both = min(interval[1], other[1]) - max(interval[0], other[0])
        return both / (max(interval[1], other[1]) - min(interval[0], other[0]))

    best = max(range(len(box)), key=lambda axis: shared(box[axis]))
    return best if shared(box[best]) > 0.5 else None
