"""Position encodings: channel order, frequencies and their count, against values worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import perceiver
from perceiver import ConfigError, Perceiver, PerceiverConfig
from perceiver.positions import (
    ENCODINGS,
    CoordinatesConfig,
    FourierConfig,
    LearnableFourierConfig,
    LearnedConfig,
    NoPositionsConfig,
    Positions,
    SegmentConfig,
    fourier_features,
    frequencies,
    grid_coordinates,
    position_config,
    position_dict,
)

from .models import tiny

BANDS = {"num_bands": 3, "max_resolution": [6, 10]}


def test_bands_run_evenly_from_one_to_half_the_resolution() -> None:
    assert frequencies(6, 10.0).tolist() == pytest.approx(
        [1, 1.8, 2.6, 3.4, 4.2, 5]
    )  # FRQ-01: by logarithm only where asked
    assert frequencies(6, 10.0, "logarithmic").tolist() == pytest.approx([1, 1.380, 1.904, 2.627, 3.624, 5], abs=5e-4)
    assert frequencies(64, 224.0)[-1] == 112  # the paper's top frequency on ImageNet
    assert frequencies(64, 2240.0)[-1] == 1120  # and on ModelNet40, whose "max frequency" is the frequency itself


def test_channels_are_coordinates_then_sines_axis_by_axis_then_cosines() -> None:
    y, x = 0.25, -0.5
    code = fourier_features(torch.tensor([[y, x]]), 2, (4.0, 8.0))[0]
    waves = [(1, y), (2, y), (1, x), (4, x)]
    expected = [y, x, *(math.sin(math.pi * f * v) for f, v in waves), *(math.cos(math.pi * f * v) for f, v in waves)]
    assert code.tolist() == pytest.approx(expected, abs=1e-6)
    assert code.shape == (2 * (2 * 2 + 1),)


def test_grid_is_row_major_and_spans_minus_one_to_one() -> None:
    grid = grid_coordinates((3, 5))
    assert grid[0].tolist() == [-1, -1]
    assert grid[4].tolist() == [-1, 1]  # end of the first row: the column has moved, the row has not
    assert grid[9].tolist() == [0, 1]
    assert grid[-1].tolist() == [1, 1]
    assert grid_coordinates((1, 2)).tolist() == [[0, -1], [0, 1]]


def test_bands_name_the_channels_that_hold_their_waves() -> None:
    positions = FourierConfig(num_bands=3, max_resolution=(6.0, 10.0)).build((4, 5), 2)
    codes, grid = positions.grid(), grid_coordinates((4, 5))
    bands = positions.bands()
    assert [(b.axis, b.index) for b in bands] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for band in bands:
        angle = math.pi * band.frequency * grid[:, band.axis]
        torch.testing.assert_close(codes[:, band.sine], angle.sin())
        torch.testing.assert_close(codes[:, band.cosine], angle.cos())
    used = {c for b in bands for c in (b.sine, b.cosine)} | set(positions.coordinate_channels())
    assert used == set(range(codes.shape[1]))
    torch.testing.assert_close(codes[:, list(positions.coordinate_channels())], grid)


def test_positions_that_differ_inside_a_batch_stay_apart() -> None:
    places = torch.rand(2, 7, 2) * 2 - 1
    both = fourier_features(places, 4, (8.0, 8.0))
    assert not torch.allclose(both[0], both[1])
    for one, alone in zip(both, places, strict=True):
        torch.testing.assert_close(one, fourier_features(alone, 4, (8.0, 8.0)))


def test_a_batch_of_point_sets_gives_each_its_own_answer() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny())
    content, places = torch.randn(2, 15, 2), torch.rand(2, 15, 2) * 2 - 1
    together = model(model.input_array(content, model.encoding.at(places)))
    for i in range(2):
        alone = model(model.input_array(content[i : i + 1], model.encoding.at(places[i : i + 1])))
        torch.testing.assert_close(together[i : i + 1], alone)


def test_a_grid_is_encoded_once() -> None:
    positions = FourierConfig(num_bands=3, max_resolution=(6.0, 10.0)).build((4, 5), 2)
    assert positions.grid() is positions.grid()


def test_learned_positions_know_only_their_grid() -> None:
    model = Perceiver(tiny(positions=LearnedConfig(dim=6)))
    assert model.encoding.grid().shape == (15, 6)
    assert model.encoding.grid().std().item() == pytest.approx(1.0, abs=0.25)  # the paper's init scale 1.0
    assert (model.encoding.bands(), model.encoding.coordinate_channels()) == ((), ())
    with pytest.raises(ValueError, match="only the grid"):
        model.encoding.at(torch.zeros(1, 2))


def test_raw_coordinates_are_the_grid_itself() -> None:
    model = Perceiver(tiny(positions=CoordinatesConfig()))
    torch.testing.assert_close(model.encoding.grid(), grid_coordinates((3, 5)))
    assert model.encoding.coordinate_channels() == (0, 1)


@pytest.mark.parametrize("kind", ENCODINGS)
def test_every_encoding_agrees_with_its_configuration(kind: str) -> None:
    """Channels are counted before a model exists, and every channel is named at most once."""
    config = position_config({"kind": kind} | (BANDS if "fourier" in kind else {}))
    positions = config.build((4, 5), 2)
    codes = positions.grid()
    assert codes.shape == (20, config.channels(2))
    assert len(positions.bands()) == 2 * config.bands_per_axis
    named = [c for band in positions.bands() for c in (band.sine, band.cosine)]
    named += positions.coordinate_channels()
    assert len(named) == len(set(named))
    assert set(named) <= set(range(config.channels(2)))
    assert positions.columns(codes.shape[1]) == tuple((None, c) for c in range(codes.shape[1]))
    assert sorted(config.axis_major_order(2)) == list(range(config.channels(2)))
    assert config.label
    assert config.description
    assert position_config(position_dict(config)) == config
    if config.in_segments:
        assert len(positions.coordinate_channels()) == 2
    for free in (True, False):
        try:
            config.check_axes(2, free=free)
        except ConfigError:
            assert free
        else:
            if free:
                places = torch.rand(3, 7, 2)
                assert config.build(None, 2).at(places).shape == (3, 7, config.channels(2))
                with pytest.raises(ValueError, match="lie on no grid"):
                    config.build(None, 2).grid()


def test_axis_major_order_writes_each_axis_as_sines_cosines_coordinate() -> None:
    config = FourierConfig(num_bands=2, max_resolution=(4.0, 8.0))
    assert config.axis_major_order(2) == (4, 9, 0, 1, 5, 6, 2, 3, 7, 8)


def test_without_positions_the_order_of_the_input_does_not_matter() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(positions=NoPositionsConfig())).eval()
    assert model.config.input_channels == model.config.content_channels == 2
    assert model.encoding.grid().shape == (15, 0)
    content = torch.randn(1, 15, 2)
    torch.testing.assert_close(model.input_array(content), content)
    moved = content[:, torch.randperm(15)]
    with torch.no_grad():
        torch.testing.assert_close(model(model.input_array(moved)), model(model.input_array(content)))


def test_an_input_without_content_and_positions_is_refused() -> None:
    cloud = {"input_shape": (20,), "position_axes": 3, "positions": NoPositionsConfig()}
    with pytest.raises(ConfigError, match="content_channels is 0 and the model has no positions"):
        PerceiverConfig(content_channels=0, **cloud)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="layer norm of a single channel is always 0"):
        PerceiverConfig(content_channels=1, **cloud)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"segments\.audio has no positions, which segments do not support"):
        SegmentConfig("audio", (5,), 2, NoPositionsConfig())
    with_colours = Perceiver(PerceiverConfig(content_channels=3, latent_dim=8, num_latents=2, **cloud))  # type: ignore[arg-type]
    assert with_colours.encoding.at(torch.rand(20, 3)).shape == (20, 0)


def trained(shape: tuple[int, ...] | None = (4, 5), axes: int = 2) -> Positions:
    """Three learnable bands an axis at frequencies that are out of order, one of them below 0."""
    positions = LearnableFourierConfig(num_bands=3, max_resolution=(6.0,) * axes).build(shape, axes)
    with torch.no_grad():
        positions.get_parameter("frequencies").copy_(torch.tensor([[2.5, -0.75, 1.25], [1.0, 3.0, 2.0]])[:axes])
    return positions


def test_learnable_bands_start_as_the_papers() -> None:
    fixed = FourierConfig(num_bands=3, max_resolution=(6.0, 10.0)).build((4, 5), 2)
    start = LearnableFourierConfig(num_bands=3, max_resolution=(6.0, 10.0)).build((4, 5), 2)
    assert [name for name, _ in start.named_parameters()] == ["frequencies"]
    assert start.bands() == fixed.bands()
    torch.testing.assert_close(start.grid(), fixed.grid())
    places = torch.rand(2, 7, 2) * 2 - 1
    torch.testing.assert_close(start.at(places), fixed.at(places))


def test_learnable_bands_name_the_trained_frequencies_from_low_to_high() -> None:
    positions = trained()
    codes, grid = positions.grid(), grid_coordinates((4, 5))
    assert codes.dtype == torch.float32
    bands = positions.bands()
    assert [(b.axis, b.index) for b in bands] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [b.frequency for b in bands] == [0.75, 1.25, 2.5, 1.0, 2.0, 3.0]
    for band in bands:
        angle = math.pi * band.frequency * grid[:, band.axis]
        sign = -1 if band.frequency == 0.75 else 1
        torch.testing.assert_close(codes[:, band.sine], sign * angle.sin())
        torch.testing.assert_close(codes[:, band.cosine], angle.cos())


@pytest.mark.parametrize("free", [False, True])
def test_the_gradient_of_a_loss_reaches_the_frequencies(free: bool) -> None:
    torch.manual_seed(0)
    positions = LearnableFourierConfig(num_bands=4, max_resolution=(3.0, 5.0))
    geometry = {"input_shape": (15,), "position_axes": 2} if free else {}
    model = Perceiver(tiny(positions=positions, **geometry)).double()
    content, target = torch.randn(1, 15, 2).double(), torch.tensor([1])
    places = (torch.rand(1, 15, 2) * 2 - 1).double() if free else grid_coordinates((3, 5)).double()[None]

    def loss() -> torch.Tensor:
        codes = model.encoding.at(places)
        if not free:
            # The grid itself is single precision.
            torch.testing.assert_close(model.encoding.grid().double(), codes[0], atol=1e-6, rtol=0)
        return torch.nn.functional.cross_entropy(model(model.input_array(content, codes)), target)

    frequencies = model.get_parameter("positions.frequencies")
    loss().backward()
    gradient = frequencies.grad
    assert gradient is not None
    step = 1e-5
    for axis in range(2):
        for k in range(4):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    frequencies[axis, k] += sign * step
                    values.append(float(loss()))
                    frequencies[axis, k] -= sign * step
            assert (values[0] - values[1]) / (2 * step) == pytest.approx(float(gradient[axis, k]), abs=1e-7, rel=1e-5)


def test_the_cached_grid_follows_the_frequencies() -> None:
    positions = trained()
    parameter = positions.get_parameter("frequencies")
    assert positions.grid().requires_grad
    optimiser = torch.optim.SGD(positions.parameters(), lr=0.1)
    for change in ("step", "data", "load"):
        if change == "step":
            positions.grid().sum().backward()
            optimiser.step()
        elif change == "data":
            parameter.data.mul_(1.1)
        else:
            positions.load_state_dict({"frequencies": torch.tensor([[1.0, 2.0, 3.5], [1.0, 2.0, 4.0]])})
        with torch.no_grad():
            torch.testing.assert_close(positions.grid(), positions.at(grid_coordinates((4, 5))))
            assert positions.grid() is positions.grid()
        assert {b.frequency for b in positions.bands()} == {abs(f) for f in parameter.flatten().tolist()}


def test_learnable_frequencies_stand_in_segments_and_survive_a_file(tmp_path: Path) -> None:
    video = SegmentConfig("video", (2, 3), 1, LearnableFourierConfig(2, (2.0, 4.0)))
    config = tiny(input_shape=(7,), segments=(video, SegmentConfig("label", (1,))), padded_to=14)
    model = Perceiver(config).eval()
    with torch.no_grad():
        model.get_parameter("positions.encodings.0.frequencies").add_(0.25)
    perceiver.save(model, tmp_path)
    again = perceiver.load(tmp_path)
    assert again.config == config
    assert [b.frequency for b in again.encoding.bands()] == [1.25, 1.25, 1.25, 2.25]
    torch.testing.assert_close(again.encoding.grid(), model.encoding.grid())
