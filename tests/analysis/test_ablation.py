"""Ablations: against codes written out channel by channel, and as text there and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver.analysis import ablation
from perceiver.analysis.ablation import LONGEST, WHOLE, Ablation, by_place, parse
from perceiver.analysis.methods import FILLS, Fill
from perceiver.errors import ConfigError
from perceiver.positions import CoordinatesConfig, FourierConfig, LearnedConfig

from .cases import frozen, of_clouds, sample

SIDES, BANDS = (3, 5), 4
CONFIG = FourierConfig(num_bands=BANDS, max_resolution=(6.0, 10.0))
ENCODING = CONFIG.build(SIDES, 2)
FREQUENCIES = ((1, 5 / 3, 7 / 3, 3), (1, 7 / 3, 11 / 3, 5))

Keeps = Callable[[str, int, float, int], bool]
"""Whether a channel stays: "x", "sin" or "cos", its axis, its frequency in cycles and its number on the axis."""


def columns(keeps: Keeps, fill: str = "zero") -> np.ndarray:
    """The code of the grid, channel by channel; those that go are 0 or their mean."""
    places = [(2 * row / 2 - 1, 2 * column / 4 - 1) for row in range(3) for column in range(5)]
    out = []
    for kind in ("x", "sin", "cos"):
        for axis in range(2):
            for index in range(1 if kind == "x" else BANDS):
                f = 0.0 if kind == "x" else FREQUENCIES[axis][index]
                wave = {"x": lambda v: v, "sin": math.sin, "cos": math.cos}[kind]
                values = [wave(place[axis] if kind == "x" else math.pi * f * place[axis]) for place in places]
                if not keeps(kind, axis, f, index):
                    values = [sum(values) / len(values) if fill == "mean" else 0.0] * len(values)
                out.append(values)
    return np.array(out).T


CASES: dict[str, tuple[Ablation, Keeps]] = {
    "nothing": (Ablation(), lambda kind, axis, f, k: True),
    "a sine": (Ablation(sines=frozenset({(1, 2)})), lambda kind, axis, f, k: (kind, axis, k) != ("sin", 1, 2)),
    "a cosine": (Ablation(cosines=frozenset({(0, 3)})), lambda kind, axis, f, k: (kind, axis, k) != ("cos", 0, 3)),
    "a coordinate": (Ablation(coordinates=frozenset({1})), lambda kind, axis, f, k: (kind, axis) != ("x", 1)),
    "the whole": (WHOLE, lambda kind, axis, f, k: False),
    "low pass": (ablation.low_pass(ENCODING, 2), lambda kind, axis, f, k: kind == "x" or k < 2),
    "high pass": (ablation.high_pass(ENCODING, 1), lambda kind, axis, f, k: kind == "x" or k >= 1),
    "band pass": (ablation.band_pass(ENCODING, 2, 3), lambda kind, axis, f, k: kind == "x" or 2 <= f <= 3),
    "a band": (ablation.one_band(ENCODING, 2, 0), lambda kind, axis, f, k: kind == "x" or (axis, k) != (0, 2)),
    "a band everywhere": (ablation.one_band(ENCODING, 2), lambda kind, axis, f, k: kind == "x" or k != 2),
    "an axis": (ablation.one_axis(ENCODING, 1), lambda kind, axis, f, k: axis != 1),
    "coordinates": (ablation.coordinates(ENCODING), lambda kind, axis, f, k: kind != "x"),
    "sines": (ablation.sines(ENCODING), lambda kind, axis, f, k: kind != "sin"),
    "cosines": (ablation.cosines(ENCODING), lambda kind, axis, f, k: kind != "cos"),
    "two together": (
        ablation.sines(ENCODING) | ablation.coordinates(ENCODING, [0]),
        lambda kind, axis, f, k: kind != "sin" and (kind, axis) != ("x", 0),
    ),
}


@pytest.mark.parametrize("fill", ["zero", "mean"])
@pytest.mark.parametrize("name", CASES)
def test_the_channels_that_go_are_those_and_no_others(name: str, fill: Fill) -> None:
    taken, keeps = CASES[name]
    codes = ENCODING.grid()
    before = codes.clone()
    found = taken.filled(fill).apply(codes, ENCODING)
    np.testing.assert_allclose(found.numpy(), columns(keeps, fill), atol=1e-5)
    assert torch.equal(codes, before)
    gone = [c for c in range(codes.shape[1]) if not np.allclose(columns(keeps)[:, c], codes[:, c], atol=1e-5)]
    assert set(gone) <= set(taken.channels(ENCODING, codes.shape[1]))  # a sine that is 0 everywhere may go unseen
    assert bool(taken) == (name != "nothing")


def test_a_shuffle_moves_the_elements_of_all_channels_alike() -> None:
    taken = (ablation.one_band(ENCODING, 1) | ablation.coordinates(ENCODING)).filled("shuffle", 7)
    codes = ENCODING.grid()
    found = taken.apply(codes, ENCODING)
    # The coordinates say where every element's values came from.
    order = [int((codes[:, :2] == row).all(1).nonzero()) for row in found[:, :2]]
    assert sorted(order) == list(range(15)) != order
    gone = list(taken.channels(ENCODING, codes.shape[1]))
    assert torch.equal(found[:, gone], codes[order][:, gone])
    kept = [c for c in range(codes.shape[1]) if c not in gone]
    assert torch.equal(found[:, kept], codes[:, kept])
    assert torch.equal(found, taken.apply(codes, ENCODING))
    assert not torch.equal(found, taken.filled("shuffle", 8).apply(codes, ENCODING))


@pytest.mark.parametrize("fill", FILLS)
def test_inputs_of_a_batch_are_filled_each_from_its_own(fill: Fill) -> None:
    codes = ENCODING.at(torch.rand(2, 9, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    taken = ablation.low_pass(ENCODING, 1).filled(fill, 3)
    both = taken.apply(codes, ENCODING)
    for one, alone in zip(both, codes, strict=True):
        torch.testing.assert_close(one, taken.apply(alone, ENCODING))


@pytest.mark.parametrize("model", [frozen(), frozen(positions=LearnedConfig(dim=6)), of_clouds()])
def test_the_model_is_left_alone(model) -> None:  # type: ignore[no-untyped-def]
    given = sample(model)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    codes, answer = model.codes(given).clone(), model(model.inputs(given))
    without = model(model.inputs(given, WHOLE.apply(model.codes(given), model.encoding)))
    assert not torch.allclose(without, answer)
    assert torch.equal(model.codes(given), codes)
    assert torch.equal(model(model.inputs(given)), answer)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("encoding", "taken", "cause"),
    [
        (ENCODING, Ablation(sines=frozenset({(1, 4)})), "no band b2:5"),
        (ENCODING, Ablation(cosines=frozenset({(2, 0)})), "no band b3:1"),
        (ENCODING, Ablation(coordinates=frozenset({2})), "no raw coordinate x3"),
        (ENCODING, Ablation(coordinates=frozenset({-1})), "no raw coordinate"),
        (
            CoordinatesConfig().build(SIDES, 2),
            Ablation(sines=frozenset({(0, 0)}), whole=True),
            "no band b1:1; it has no bands",
        ),
        (LearnedConfig().build(SIDES, 2), Ablation(coordinates=frozenset({0})), "no raw coordinate x1"),
    ],
)
def test_what_an_encoding_does_not_hold_cannot_go(encoding, taken: Ablation, cause: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=cause):
        taken.apply(encoding.grid(), encoding)


def test_a_lookup_made_before_says_the_same() -> None:
    taken, known = ablation.low_pass(ENCODING, 1), by_place(ENCODING)
    assert known[(1, 2)].frequency == pytest.approx(11 / 3)
    assert taken.channels(ENCODING, 18, known) == taken.channels(ENCODING, 18)


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        (Ablation(), ""),
        (Ablation(fill="mean"), ""),
        (ablation.low_pass(ENCODING, 1), "b1:2-4,b2:2-4"),
        (ablation.sines(ENCODING), "s1:1-4,s2:1-4"),
        (Ablation(cosines=frozenset({(0, 0), (0, 2), (0, 3)})), "c1:1.3-4"),
        (ablation.one_axis(ENCODING, 1).filled("mean"), "b2:1-4,x2,mean"),
        (Ablation(frozenset({(0, 1), (0, 2)}), frozenset({(0, 2)})).filled("shuffle", 7), "b1:3,s1:2,shuffle:7"),
        (WHOLE.filled("shuffle"), "all,shuffle:0"),
    ],
)
def test_text_is_short_and_counts_from_1(taken: Ablation, text: str) -> None:
    assert taken.text() == text
    assert parse(text) == (taken if taken else Ablation())


places = st.frozensets(st.tuples(st.integers(0, 11), st.integers(0, 130)), max_size=60)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    places,
    places,
    st.frozensets(st.integers(0, 11), max_size=4),
    st.booleans(),
    st.sampled_from(FILLS),
    st.integers(0, 999_999_999),
)
def test_text_there_and_back(sines, cosines, coordinates, whole: bool, fill: Fill, seed: int) -> None:  # type: ignore[no-untyped-def]
    taken = Ablation(sines, cosines, coordinates, whole).filled(fill, seed)
    assert parse(taken.text()) == (taken if taken else Ablation())


def test_every_second_band_of_a_large_code_can_be_written() -> None:
    odd = frozenset((axis, index) for axis in range(3) for index in range(0, 128, 2))
    even = frozenset((axis, index + 1) for axis, index in odd)
    taken = Ablation(odd, even).filled("shuffle", 999_999_999)
    assert len(taken.text()) < LONGEST
    assert parse(taken.text()) == taken


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.text("bscxal0123456789:.-, fhuemn", max_size=40) | st.text(max_size=10))
def test_any_text_is_an_ablation_or_refused(text: str) -> None:
    with suppress(ConfigError):
        found = parse(text)
        assert parse(found.text()) == (found if found else Ablation())


HOSTILE = (
    *("b0:1", "b1:0", "b1", "b1:", "b1:3-", "b1:5-3", "b1:1..2", "x0", "x", "d1:1", "ALL", "shuffle:x", "shuffle:-1"),
    *("b1:٣", "b１:1", "b1:99999", "shuffle:9999999999", "b1:1;b2:1", "zero!", "<script>"),
    *(",".join(["b1:1-9999"] * 100_000), "b1:" + "1-9999." * 500 + "1"),
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_text_is_refused_at_once(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_spaces_and_repetitions_do_no_harm() -> None:
    assert parse(" b1:1-2 , b1:2 ,, x1 ") == parse("b1:1-2,x1")
    assert parse("shuffle:7,b1:1,mean") == parse("b1:1,mean")
