"""Which models can be set beside one another, and at whose bands their maps are measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from perceiver import Perceiver
from perceiver.analysis.compare import bands_of_models, same_elements
from perceiver.analysis.spectrum import reference_bands
from perceiver.positions import CoordinatesConfig, FourierConfig, LearnedConfig
from perceiver.sample import Sample
from tests.models import tiny

FOURIER = tiny()
LEARNED = tiny(positions=LearnedConfig(dim=5))
WIDE = tiny(input_shape=(3, 6), positions=CoordinatesConfig())
OTHER = tiny(positions=FourierConfig(num_bands=2, max_resolution=(3.0, 5.0)))


def sample(**changes: object) -> Sample:
    values: dict[str, object] = {
        "name": "s",
        "modality": "image",
        "content": torch.zeros(15, 2),
        "shape": (3, 5),
        "seen": np.empty(0),
        "original": np.empty(0),
        "box": ((0.0, 30.0), (0.0, 50.0)),
    }
    return Sample(**(values | changes))  # type: ignore[arg-type]


def test_elements_are_the_same_where_grid_and_place_are() -> None:
    one = sample()
    assert same_elements(one, sample(content=torch.ones(15, 3)))
    assert not same_elements(one, sample(box=((0.0, 30.0), (1.0, 50.0))))
    assert not same_elements(one, sample(shape=(15,), box=((0.0, 30.0),)))
    places = torch.rand(15, 3)
    cloud = sample(shape=(15,), box=(), coordinates=places)
    assert same_elements(cloud, dataclasses.replace(cloud, coordinates=places.clone()))
    assert not same_elements(cloud, dataclasses.replace(cloud, coordinates=places.flip(0)))
    assert not same_elements(cloud, dataclasses.replace(cloud, coordinates=None))


def test_bands_are_borrowed_from_the_first_model_on_the_same_grid() -> None:
    models = [Perceiver(config) for config in (LEARNED, OTHER, WIDE, FOURIER)]
    found = bands_of_models(models)
    assert [lender for lender, _ in found] == [1, 1, None, 3]
    assert found[0][1] == found[1][1] == models[1].encoding.bands()
    assert found[2][1] == reference_bands(WIDE)
    assert found[3][1] == models[3].encoding.bands()
