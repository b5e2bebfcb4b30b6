"""Models beside one another on one input: whether they read the same elements, and at whose bands maps are measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..model import Perceiver
from ..positions import Band
from ..sample import Sample
from .spectrum import reference_bands


def same_elements(one: Sample, other: Sample) -> bool:
    """Whether two models read the same elements of an input, so that their maps can be subtracted."""
    if one.shape != other.shape or not np.allclose(one.box, other.box):
        return False
    if one.coordinates is None or other.coordinates is None:
        return one.coordinates is other.coordinates
    return torch.equal(one.coordinates, other.coordinates)


def bands_beside(models: Sequence[Perceiver]) -> tuple[tuple[int | None, tuple[Band, ...]], ...]:
    """The bands that each model's maps are measured at, and whose they are.

    Its own; else those of the first model that has some and reads elements on the same grid; else, of none of them
    (None), those that Fourier features of its grid would have.
    """
    own = [model.encoding.bands() for model in models]
    out: list[tuple[int | None, tuple[Band, ...]]] = []
    for i, model in enumerate(models):
        grid = model.config.input_shape, model.config.position_axes
        lends = [
            j
            for j, other in enumerate(models)
            if own[j] and (other.config.input_shape, other.config.position_axes) == grid
        ]
        lender = i if own[i] else next(iter(lends), None)
        out.append((lender, reference_bands(model.config) if lender is None else own[lender]))
    return tuple(out)
