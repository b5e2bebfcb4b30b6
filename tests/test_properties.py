"""Properties of position encodings, plans, ablations and maps laid back that hold for all sizes, on random ones."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver import ConfigError, Perceiver, PerceiverConfig
from perceiver.analysis.ablation import Ablation
from perceiver.modalities import grid
from perceiver.positions import (
    CoordinatesConfig,
    FourierConfig,
    LearnableFourierConfig,
    LearnedConfig,
    PositionConfig,
    grid_coordinates,
    position_config,
    position_dict,
)
from tests.models import tiny

FEW = settings(max_examples=25, deadline=None, derandomize=True)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
Encoding = tuple[PositionConfig, tuple[int, ...]]


@st.composite
def encodings(draw: st.DrawFn, *kinds: str) -> Encoding:
    """A position encoding and the grid that it encodes."""
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(kinds or ("fourier", "learnable", "coordinates", "learned")))
    if kind == "coordinates":
        return CoordinatesConfig(), shape
    if kind == "learned":
        return LearnedConfig(draw(st.integers(1, 6))), shape
    count = draw(st.integers(1, 4))
    resolution = tuple(draw(st.lists(st.floats(2, 64), min_size=len(shape), max_size=len(shape))))
    if kind == "learnable":
        return LearnableFourierConfig(count, resolution), shape
    return FourierConfig(count, resolution, draw(st.sampled_from(("linear", "logarithmic")))), shape


@FEW
@given(encodings())
def test_an_encoding_says_how_wide_it_is_and_survives_json(case: Encoding) -> None:
    config, shape = case
    codes = config.build(shape, len(shape)).grid()
    assert codes.shape == (math.prod(shape), config.channels(len(shape)))
    assert codes.isfinite().all()
    assert position_config(json.loads(json.dumps(position_dict(config)))) == config
    assert sorted(config.axis_major_order(len(shape))) == list(range(config.channels(len(shape))))


@FEW
@given(encodings("fourier", "learnable", "coordinates"), st.integers(0, 2**31))
def test_elements_have_the_codes_of_their_coordinates_whatever_their_order(case: Encoding, seed: int) -> None:
    config, shape = case
    encoding, order = config.build(shape, len(shape)), torch.randperm(math.prod(shape))
    torch.manual_seed(seed)
    codes = encoding.at(grid_coordinates(shape)[order])
    torch.testing.assert_close(codes, encoding.grid()[order], atol=1e-5, rtol=0)


@FEW
@given(encodings("fourier"))
def test_bands_name_the_channels_that_hold_their_waves(case: Encoding) -> None:
    config, shape = case
    encoding = config.build(shape, len(shape))
    codes, where = encoding.grid().double(), grid_coordinates(shape).double()
    for band in encoding.bands():
        angle = math.pi * band.frequency * where[:, band.axis]
        torch.testing.assert_close(codes[:, band.sine], angle.sin(), atol=1e-3, rtol=0)
        torch.testing.assert_close(codes[:, band.cosine], angle.cos(), atol=1e-3, rtol=0)
    for axis, channel in enumerate(encoding.coordinate_channels()):
        torch.testing.assert_close(codes[:, channel], where[:, axis], atol=1e-6, rtol=0)
    named = [channel for band in encoding.bands() for channel in (band.sine, band.cosine)]
    assert sorted([*named, *encoding.coordinate_channels()]) == list(range(config.channels(len(shape))))


@st.composite
def ablations(draw: st.DrawFn) -> tuple[Encoding, Ablation]:
    """An encoding and an ablation that it can have."""
    config, shape = draw(encodings("fourier"))
    encoding = config.build(shape, len(shape))
    places = st.frozensets(st.sampled_from([(band.axis, band.index) for band in encoding.bands()]))
    axes = st.frozensets(st.integers(0, len(shape) - 1))
    made = Ablation(draw(places), draw(places), draw(axes))
    return (config, shape), made.filled(draw(st.sampled_from(("zero", "mean", "shuffle"))), draw(st.integers(0, 10**6)))


@FEW
@given(ablations())
def test_an_ablation_changes_the_channels_that_it_names_and_no_other(case: tuple[Encoding, Ablation]) -> None:
    (config, shape), ablation = case
    encoding = config.build(shape, len(shape))
    codes = torch.randn(math.prod(shape), config.channels(len(shape)), generator=torch.Generator().manual_seed(0))
    before, out = codes.clone(), ablation.apply(codes, encoding)
    assert torch.equal(codes, before)
    gone = set(ablation.channels(encoding, codes.shape[1]))
    assert len(gone) == len(ablation.sines) + len(ablation.cosines) + len(ablation.coordinates)
    order = None
    for channel in range(codes.shape[1]):
        there, now = codes[:, channel], out[:, channel]
        if channel not in gone:
            assert torch.equal(there, now)
        elif ablation.fill == "zero":
            assert not now.any()
        elif ablation.fill == "mean":
            torch.testing.assert_close(now, there.mean().expand_as(now))
        else:
            # The same permutation in all channels; random numbers differ from one another.
            moved = [there.tolist().index(value) for value in now.tolist()]
            assert sorted(moved) == list(range(len(moved)))
            order = moved if order is None else order
            assert moved == order


@FEW
@given(ablations(), ablations())
def test_an_ablation_is_its_text_and_a_union_removes_what_either_removes(
    first: tuple[Encoding, Ablation], second: tuple[Encoding, Ablation]
) -> None:
    from perceiver.analysis.ablation import parse

    for _, ablation in (first, second):
        assert parse(ablation.text()) == (ablation if ablation else Ablation())
    both = first[1] | second[1]
    assert both.sines == first[1].sines | second[1].sines
    assert both.coordinates == first[1].coordinates | second[1].coordinates
    assert (both.fill, both.seed) == (first[1].fill, first[1].seed)


WEIGHTS = st.one_of(st.none(), st.integers(-1, 3))
RAW = st.lists(st.tuples(WEIGHTS, WEIGHTS), min_size=1, max_size=5).map(tuple)
PLANS = st.lists(st.tuples(WEIGHTS, WEIGHTS), max_size=5).map(tuple)


def is_plan(plan: tuple[tuple[int | None, int | None], ...]) -> bool:
    """Whether a model can have a plan, by the definition of `PerceiverConfig.plan`."""
    crosses, towers = ([block[which] for block in plan if block[which] is not None] for which in (0, 1))
    numbered = all(sorted(set(sets)) == list(range(len(set(sets)))) for sets in (crosses, towers))
    return bool(plan) and plan[0][0] is not None and numbered


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PLANS)
def test_a_plan_is_taken_or_refused_as_defined(plan: tuple[tuple[int | None, int | None], ...]) -> None:
    if not is_plan(plan):
        with pytest.raises(ConfigError, match="plan"):
            tiny(plan=plan)
        return
    config = tiny(plan=plan)
    assert PerceiverConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.cross_attention_blocks == tuple(at for at, (cross, _) in enumerate(plan) if cross is not None)


def renumbered(plan: tuple[tuple[int | None, int | None], ...]) -> tuple[tuple[int | None, int | None], ...]:
    """A possible plan: sets of weights numbered without gaps, and an input that is seen first."""
    plan = ((0 if plan[0][0] is None else plan[0][0], plan[0][1]), *plan[1:])
    used = [sorted({block[which] for block in plan if block[which] is not None}) for which in (0, 1)]
    return tuple(
        tuple(None if one is None else used[which].index(one) for which, one in enumerate(block)) for block in plan
    )


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(WEIGHTS, WEIGHTS), min_size=1, max_size=5).map(tuple).map(renumbered),
    st.integers(1, 2),
    st.integers(0, 2**31),
)
def test_a_model_follows_its_plan(plan: tuple[tuple[int, int], ...], heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    config = tiny(plan=plan, cross_heads=heads)
    model = Perceiver(config).eval()
    inputs = torch.randn(1, 15, config.input_channels)
    trace = model.trace(inputs)
    assert trace.blocks == config.cross_attention_blocks
    assert trace.latents.shape[0] == len(plan) + 1
    torch.testing.assert_close(trace.logits, model(inputs)[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(trace.block_logits[-1], trace.logits, atol=1e-5, rtol=1e-4)
    for block in trace.blocks:
        weights = trace.latent_maps(block, slice(None))
        torch.testing.assert_close(weights.sum(1), torch.ones(4), atol=1e-5, rtol=0)
        torch.testing.assert_close(weights.mean(0), trace.map(block), atol=1e-5, rtol=0)
    # Sets of weights are there once, however many blocks use them.
    sizes = {}
    for which in (0, 1):
        used = len({block[which] for block in plan if block[which] is not None})
        alone = sum(p.numel() for p in Perceiver(tiny(plan=((0, 0),), cross_heads=heads)).parameters())
        without = ((0, None),) if which else ((0, 0), (1, 0))
        other = sum(p.numel() for p in Perceiver(tiny(plan=without, cross_heads=heads)).parameters())
        sizes[which] = used, abs(alone - other)
    base = sum(p.numel() for p in Perceiver(tiny(plan=((0, None),), cross_heads=heads)).parameters()) - sizes[0][1]
    expected = base + sum(used * size for used, size in sizes.values())
    assert sum(p.numel() for p in model.parameters()) == expected


@st.composite
def laid(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[tuple[float, float], ...], tuple[int, ...]]:
    """A grid, where it lies, and the size of the original."""
    axes = draw(st.integers(1, 3))
    shape, box, size = [], [], []
    for _ in range(axes):
        length = draw(st.integers(1, 7))
        start = draw(st.floats(0, length - 0.01))
        shape.append(draw(st.integers(1, 7)))
        box.append((start, draw(st.floats(start + 1e-3, length + 2.0))))
        size.append(length)
    return tuple(shape), tuple(box), tuple(size)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(laid())
def test_every_place_of_the_original_shows_the_element_whose_part_it_is(
    case: tuple[tuple[int, ...], tuple[tuple[float, float], ...], tuple[int, ...]],
) -> None:
    shape, box, size = case
    values = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    out = grid.lay(values, box, size)
    for place in product(*map(range, size)):
        element = grid.element_at(place, box, shape, size)
        if element is None:
            assert np.isnan(out[place])
            continue
        assert out[place] == element
        for at, length, (start, stop), (first, last) in zip(
            place, size, box, grid.box_of(element, box, shape), strict=True
        ):
            # Its centre lies in the part; a box between two centres belongs to the pixel that holds its middle.
            if any(start <= one + 0.5 < stop for one in range(length)):
                assert first - 1e-6 <= at + 0.5 <= last + 1e-6
            else:
                assert at == min(int((start + stop) / 2), length - 1)
    assert not np.isnan(out).all()
