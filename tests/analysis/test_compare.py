"""Which models can be set beside one another, and at whose bands their maps are measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from perceiver import Perceiver
from perceiver.analysis.compare import (
    bands_of_models,
    central_element,
    corresponding_element,
    same_elements,
    why_not_subtracted,
)
from perceiver.analysis.spectrum import reference_bands
from perceiver.positions import CoordinatesConfig, FourierConfig, LearnedConfig
from perceiver.sample import Part, Sample
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


def picture(shape: tuple[int, int], box: tuple[tuple[float, float], ...]) -> Sample:
    return Sample(
        name="a", modality="image", content=torch.zeros(shape[0] * shape[1], 3), shape=shape,
        seen=np.zeros(0), original=np.zeros(0), box=box,
    )  # fmt: skip


def test_the_middle_of_an_input() -> None:
    assert central_element(picture((4, 6), ((0.0, 4.0), (0.0, 6.0)))) == 2 * 6 + 3
    cloud = dataclasses.replace(
        picture((2, 1), ()), shape=(2,), coordinates=torch.tensor([[0.5, 0.5, 0.5], [0.1, -0.1, 0.0]])
    )
    assert central_element(cloud) == 1


def test_an_element_is_found_again_where_it_lies() -> None:
    one = picture((4, 4), ((0.0, 8.0), (0.0, 8.0)))
    finer = picture((8, 8), ((0.0, 8.0), (0.0, 8.0)))
    part = picture((2, 2), ((4.0, 8.0), (0.0, 8.0)))
    assert corresponding_element(2 * 4 + 1, one, one) == 2 * 4 + 1
    # The middle of row 2, column 1 lies at (5, 3): row 5, column 3 of cells of 1; row 0, column 0 of the lower half.
    assert corresponding_element(2 * 4 + 1, one, finer) == 5 * 8 + 3
    assert corresponding_element(2 * 4 + 1, one, part) == 0
    assert corresponding_element(0, one, part) == 0  # outside: the nearest


def test_an_axis_is_found_again_by_what_it_covers() -> None:
    mel = sample(content=torch.zeros(60, 2), shape=(6, 10), box=((0, 6), (0.9, 1.9)))
    raw = sample(content=torch.zeros(5, 2), shape=(5,), box=((1.0, 2.0),))
    assert corresponding_element(10 * 2 + 5, mel, raw) == 2  # 1.45 s
    assert corresponding_element(3, raw, mel) == 10 * 3 + 8  # 1.7 s, and the middle of the pitches
    cloud = sample(
        content=torch.zeros(3, 2),
        shape=(3,),
        box=((-1, 1),) * 3,
        coordinates=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]),
    )
    turned = dataclasses.replace(cloud, coordinates=torch.tensor([[0, 0.9, 0], [0.1, 0, 0], [0.8, 0, 0]]))
    assert [corresponding_element(i, cloud, turned) for i in range(3)] == [1, 2, 0]


def test_why_maps_cannot_be_subtracted() -> None:
    one, finer = picture((4, 4), ((0.0, 8.0), (0.0, 8.0))), picture((8, 8), ((0.0, 8.0), (0.0, 8.0)))
    moved = picture((4, 4), ((1.0, 9.0), (0.0, 8.0)))
    assert why_not_subtracted(one, one, "b and a") is None
    assert why_not_subtracted(one, finer, "b and a") == "no difference: b and a read grids of 8 × 8 and 4 × 4 elements"
    assert why_not_subtracted(one, moved, "b and a") == "no difference: b and a read elements at other places"


def test_elements_of_several_parts_correspond_by_part_and_place() -> None:
    def parted(**grids: tuple[int, ...]) -> Sample:
        boxes = {"audio": ((1.0, 2.0),), "video": ((1.0, 2.0), (0.0, 60.0), (0.0, 80.0)), "label": ()}
        parts = tuple(Part(name, shape, boxes[name]) for name, shape in grids.items())
        total = sum(part.count for part in parts)
        nothing = np.zeros(0)
        return Sample(name="a", modality="audiovisual", content=torch.zeros(total, 1), shape=(total,), seen=nothing,
                      original=nothing, box=(), parts=parts)  # fmt: skip

    both, finer = parted(audio=(10,), video=(2, 3, 4), label=(1,)), parted(video=(4, 6, 8), audio=(20,), label=(1,))
    alone = parted(audio=(10,))
    # The second half of the window, the last row, the third column: cells 2 to 3, 4 to 5 and 4 to 5 of the finer grid.
    found = corresponding_element(10 + 12 + 2 * 4 + 2, both, finer)
    assert found == 3 * 48 + 5 * 8 + 5
    assert corresponding_element(7, both, finer) == 192 + 15
    assert corresponding_element(34, both, finer) == 192 + 20
    assert corresponding_element(7, both, alone) == 7
    assert corresponding_element(20, both, alone) == central_element(alone) == 5
    assert central_element(both) == 10 + 12 + 4 + 2
    assert same_elements(both, both)
    assert not same_elements(alone, parted(label=(1,), audio=(9,)))
