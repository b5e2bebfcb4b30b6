"""Position codes looked at themselves: against pairs of elements one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis.encodings import code_patterns, components, gram, pattern, similarity
from perceiver.positions import CoordinatesConfig, LearnedConfig, fourier_features, position_config
from tests.models import tiny

from .cases import frozen, sample


def codes(kind: str) -> torch.Tensor:
    torch.manual_seed(0)
    if kind == "free":
        return fourier_features(torch.rand(40, 3) * 2 - 1, 2, (6.0, 6.0, 6.0))
    return Perceiver(
        tiny(positions=position_config({"kind": kind, "dim": 7, "max_resolution": (3.0, 5.0)}))
    ).encoding.grid()


KINDS = ("fourier", "learned", "coordinates", "free")


@pytest.mark.parametrize("kind", KINDS)
def test_similarity_is_the_cosine_with_every_code(kind: str) -> None:
    code = codes(kind)
    for element in (0, 4):
        found = similarity(code, element)
        assert found.dtype == np.float32
        for other, value in enumerate(found):
            a, b = code[element].detach().double().numpy(), code[other].detach().double().numpy()
            lengths = math.sqrt((a @ a) * (b @ b))
            assert value == pytest.approx(0 if lengths == 0 else a @ b / lengths, abs=1e-5)
        assert found[element] == pytest.approx(1)


def test_similarity_with_a_code_that_is_0_is_0() -> None:
    # The middle of 3 x 5 coordinates.
    assert codes("coordinates")[7].abs().max() == 0
    assert not similarity(codes("coordinates"), 7).any()
    assert similarity(codes("coordinates"), 0)[7] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_gram_spectrum_is_that_of_all_pairs(kind: str) -> None:
    code = codes(kind)
    exact = code.detach().double().numpy()
    values = np.linalg.eigvalsh(exact @ exact.T)[::-1]
    values = values[values > 1e-9 * values[0]]
    found = gram(code)
    np.testing.assert_allclose(found.shares, values / values.sum(), rtol=1e-6)
    assert found.shares.sum() == pytest.approx(1)
    entropy = -sum(share * math.log(share) for share in found.shares)
    assert found.effective == pytest.approx(math.exp(entropy))


def test_dimensions_that_are_used_alike_are_counted() -> None:
    # A whole cycle of a wave: sine and cosine share all there is.
    angle = 2 * math.pi * torch.arange(12) / 12
    assert gram(torch.stack([angle.sin(), angle.cos()], dim=1)).effective == pytest.approx(2)
    assert gram(torch.eye(5)).effective == pytest.approx(5)
    assert gram(torch.ones(4, 3)).effective == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_components_are_eigenvectors_over_the_elements(kind: str) -> None:
    code = codes(kind)
    exact = code.detach().double().numpy()
    pairs = exact @ exact.T
    found = components(code, 3).astype(np.float64)
    shares = gram(code).shares
    assert len(found) == min(3, len(shares))
    for one, share in zip(found, shares, strict=False):
        assert one @ one == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(pairs @ one, share * np.trace(pairs) * one, atol=1e-4 * np.trace(pairs))
        assert one.sum() > -1e-4


def test_there_are_no_more_components_than_dimensions() -> None:
    assert components(codes("coordinates"), 9).shape == (2, 15)


def test_a_component_does_not_turn_with_the_sign_of_the_code() -> None:
    code = codes("fourier")
    np.testing.assert_allclose(components(code, 4), components(-code, 4), atol=1e-4)


def test_pattern_is_one_channel() -> None:
    code = codes("learned")
    np.testing.assert_array_equal(pattern(code, 3), code[:, 3].detach().numpy())


def test_what_does_not_exist() -> None:
    with pytest.raises(ValueError, match="from 0 to 14"):
        similarity(codes("fourier"), 15)
    with pytest.raises(ValueError, match="from 0 to 1"):
        pattern(codes("coordinates"), 2)
    with pytest.raises(ValueError, match="no spectrum"):
        gram(torch.zeros(3, 2))


class TestPatterns:
    def test_of_bands_the_sines_of_three_a_axis(self) -> None:
        model = frozen()
        code = model.codes(sample(model))[0]
        found = code_patterns(model, code, 2)
        assert [(one.axis, one.index) for one in found] == [(0, 0), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3)]
        for one in found:
            line = np.sin(np.pi * one.frequency * code[:, one.axis].numpy())
            np.testing.assert_allclose(one.values, line, atol=1e-5)
        assert [one.index for one in code_patterns(model, code, 99)] == [0, 3, 0, 3]

    def test_of_others_coordinates_or_components(self) -> None:
        raw = frozen(positions=CoordinatesConfig())
        code = raw.codes(sample(raw))[0]
        found = code_patterns(raw, code, 0)
        np.testing.assert_array_equal(np.stack([one.values for one in found], axis=1), code)
        learned = frozen(positions=LearnedConfig(dim=7))
        code = learned.codes(sample(learned))[0]
        found = code_patterns(learned, code, 6)
        assert [one.index for one in found] == [0, 1, 2, 3, 4, 6]
        for one in found:
            assert float((one.values**2).mean()) == pytest.approx(1, rel=1e-4)
