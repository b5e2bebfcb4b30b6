"""Shuffles of an input: against grids and clouds moved by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis.methods import SHUFFLES
from perceiver.analysis.permutation import Shuffled, permute
from perceiver.errors import ConfigError
from perceiver.positions import FourierConfig, LearnedConfig
from perceiver.sample import Sample

from .cases import frozen, of_clouds, sample

ROUNDING = 1e-5


def answer(model: Perceiver, content: torch.Tensor, codes: torch.Tensor) -> np.ndarray:
    return model(model.input_array(content[None], codes[None]))[0].numpy()


def moved(model: Perceiver, given: Sample, found: Shuffled) -> np.ndarray:
    """The answer when contents lie as the result says and codes stay on the grid."""
    return answer(model, torch.stack([given.content[i] for i in found.order]), model.encoding.grid())


@pytest.mark.parametrize("model", [frozen(), frozen(positions=LearnedConfig(dim=6)), of_clouds()])
@pytest.mark.parametrize("seed", [0, 1])
def test_elements_that_move_with_their_codes_change_nothing(model: Perceiver, seed: int) -> None:
    given = sample(model)
    found = permute(model, given, "elements", seed=seed)
    assert sorted(found.order) == list(range(len(given.content))) != found.order.tolist()
    np.testing.assert_allclose(found.answer.before, model(model.inputs(given))[0].numpy(), atol=ROUNDING)
    np.testing.assert_allclose(found.answer.after, found.answer.before, atol=ROUNDING)
    assert found.largest < ROUNDING
    if given.coordinates is None:
        assert found.coordinates is None
    else:
        np.testing.assert_array_equal(found.coordinates, given.coordinates.numpy()[found.order])


def test_contents_move_against_their_codes() -> None:
    model = frozen()
    given = sample(model)
    found = permute(model, given, "contents", seed=3)
    assert sorted(found.order) == list(range(15)) != found.order.tolist()
    np.testing.assert_allclose(found.answer.after, moved(model, given, found), atol=ROUNDING)
    assert found.largest == pytest.approx(np.abs(found.answer.after - found.answer.before).max())
    assert found.largest > 1e-2
    assert (found.size, found.kept, found.coordinates) == (None, 0, None)
    again, other = permute(model, given, "contents", seed=3), permute(model, given, "contents", seed=4)
    assert again.order.tolist() == found.order.tolist() != other.order.tolist()


def test_two_blocks_of_three_by_five_by_hand() -> None:
    model = frozen()
    given = sample(model)
    #   0  1 |  2  3 |  4        2  3 |  0  1 |  4
    #   5  6 |  7  8 |  9   ->   7  8 |  5  6 |  9
    #  10 11   12 13   14       10 11   12 13   14
    swapped = [2, 3, 0, 1, 4, 7, 8, 5, 6, 9, 10, 11, 12, 13, 14]
    seen = set()
    for seed in range(8):
        found = permute(model, given, "blocks", size=2, seed=seed)
        assert found.order.tolist() in (swapped, list(range(15)))
        assert (found.kept, found.size) == (7, 2)
        np.testing.assert_allclose(found.answer.after, moved(model, given, found), atol=ROUNDING)
        seen.add(found.order[0])
    assert seen == {0, 2}


@pytest.mark.parametrize(("shape", "size"), [((7, 11), 3), ((3, 5), 1), ((13,), 4), ((4, 4), 2)])
def test_blocks_stay_whole_and_what_is_left_over_stays(shape: tuple[int, ...], size: int) -> None:
    axes = len(shape)
    positions = FourierConfig(num_bands=2, max_resolution=(4.0,) * axes)
    model = frozen(input_shape=shape, positions=positions)
    found = permute(model, sample(model), "blocks", size=size, seed=1)
    order, came = found.order.reshape(shape), []
    for start in product(*(range(0, n - n % size, size) for n in shape)):
        first = np.unravel_index(order[start], shape)
        assert all(int(place) % size == 0 for place in first)
        came.append(tuple(map(int, first)))
        for offset in product(range(size), repeat=axes):
            here = tuple(s + o for s, o in zip(start, offset, strict=True))
            there = tuple(f + o for f, o in zip(first, offset, strict=True))
            assert np.unravel_index(order[here], shape) == there
    assert len(set(came)) == len(came) == int(np.prod([n // size for n in shape]))
    assert found.kept == int(np.prod(shape)) - len(came) * size**axes
    for place in np.ndindex(*shape):
        if any(p >= n - n % size for p, n in zip(place, shape, strict=True)):
            assert order[place] == np.ravel_multi_index(place, shape)


def test_coordinates_of_a_cloud_move_each_on_its_own() -> None:
    model = of_clouds()
    given = sample(model)
    found = permute(model, given, "contents", seed=2)
    assert found.coordinates is not None
    assert given.coordinates is not None
    places = given.coordinates.numpy()
    for axis in range(3):
        assert sorted(found.coordinates[:, axis]) == sorted(places[:, axis])
        assert found.coordinates[:, axis].tolist() != places[:, axis].tolist()
    orders = [[places[:, axis].tolist().index(v) for v in found.coordinates[:, axis]] for axis in range(3)]
    assert orders[0] != orders[1] != orders[2]
    codes = model.encoding.at(torch.from_numpy(found.coordinates))
    np.testing.assert_allclose(found.answer.after, answer(model, given.content, codes), atol=ROUNDING)
    assert found.order.tolist() == list(range(12))
    assert found.largest > 1e-3


def test_contents_of_a_cloud_that_has_some_move_against_its_places() -> None:
    model = of_clouds(content_channels=2)
    given = sample(model)
    found = permute(model, given, "contents", seed=2)
    assert given.coordinates is not None
    np.testing.assert_array_equal(found.coordinates, given.coordinates.numpy())
    content = torch.stack([given.content[i] for i in found.order])
    np.testing.assert_allclose(
        found.answer.after, answer(model, content, model.encoding.at(given.coordinates)), atol=ROUNDING
    )


@pytest.mark.parametrize("side", [2, 3])
def test_cells_of_a_cloud_exchange_places_whole(side: int) -> None:
    model = of_clouds(input_shape=(60,))
    given = sample(model)
    assert given.coordinates is not None
    given.coordinates[0], given.coordinates[1] = 1, -1  # the corners belong to the last and first cell
    found = permute(model, given, "blocks", size=side, seed=5)
    assert found.coordinates is not None
    width, goals = 2 / side, {}
    for before, after in zip(given.coordinates.numpy(), found.coordinates, strict=True):
        cell = tuple(min(int((x + 1) // width), side - 1) for x in before)
        shift = tuple(round(float(d) / width) for d in after - before)
        np.testing.assert_allclose(after - before, np.array(shift) * width, atol=1e-6)
        goal = tuple(c + s for c, s in zip(cell, shift, strict=True))
        assert goals.setdefault(cell, goal) == goal
        assert all(0 <= g < side for g in goal)
    assert len(set(goals.values())) == len(goals)
    assert any(cell != goal for cell, goal in goals.items())
    codes = model.encoding.at(torch.from_numpy(found.coordinates))
    np.testing.assert_allclose(found.answer.after, answer(model, given.content, codes), atol=ROUNDING)


@pytest.mark.parametrize("size", [None, 0, -1, 3, 100])
def test_blocks_that_leave_nothing_to_exchange_are_refused(size: int | None) -> None:
    model, exists = frozen(), size is None or size > 0
    cause = "nothing to exchange on a grid of 3 × 5" if exists else f"size is {size}; it must be a whole number from 1"
    with pytest.raises(ConfigError, match=cause):
        permute(model, sample(model), "blocks", size=size)


@pytest.mark.parametrize("size", [None, 1])
def test_a_cloud_needs_two_cells_a_side(size: int | None) -> None:
    model = of_clouds()
    with pytest.raises(ConfigError, match="at least 2 a side"):
        permute(model, sample(model), "blocks", size=size)


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_model_and_sample_are_left_alone(shuffle: str) -> None:
    model = of_clouds()
    given = sample(model)
    assert given.coordinates is not None
    before = given.coordinates.clone()
    permute(model, given, shuffle, size=2)  # type: ignore[arg-type]
    assert torch.equal(given.coordinates, before)
    assert permute(model, given, shuffle, size=2).size == (2 if shuffle == "blocks" else None)  # type: ignore[arg-type]
