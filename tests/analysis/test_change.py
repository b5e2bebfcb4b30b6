"""What a change does to answers and maps: against scipy and loops over latents."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax as scipy_softmax
from scipy.stats import entropy

from perceiver.analysis import change as module
from perceiver.analysis.change import AnswerChange, jensen_shannon, latent_divergences, map_changes, softmax
from perceiver.analysis.maps import MapSelection
from perceiver.trace import Trace

from .cases import frozen, of_clouds, sample

BEFORE, AFTER = np.array([2.0, -1.0, 0.5], np.float32), np.array([0.3, 1.2, 0.4], np.float32)


def traces(heads: int = 2) -> tuple[Trace, Trace]:
    model = frozen(cross_heads=heads)
    return model.trace(model.inputs(sample(model, 1))), model.trace(model.inputs(sample(model, 2)))


def js(p: np.ndarray, q: np.ndarray) -> float:
    return float(jensenshannon(p.ravel().astype(float), q.ravel().astype(float), base=2) ** 2)


def test_answers_before_and_after() -> None:
    change = AnswerChange(BEFORE, AFTER)
    p, q = scipy_softmax(BEFORE.astype(float)), scipy_softmax(AFTER.astype(float))
    np.testing.assert_allclose(change.probabilities_before, p)
    np.testing.assert_allclose(change.probabilities_after, q)
    assert change.kl == pytest.approx(entropy(p, q))
    assert change.logit(1) == pytest.approx(2.2)
    assert change.probability(0) == pytest.approx(q[0] - p[0])
    assert change.flipped
    assert not AnswerChange(BEFORE, BEFORE + 5).flipped
    assert AnswerChange(BEFORE, BEFORE + 5).kl == pytest.approx(0, abs=1e-12)


def test_huge_logits_stay_finite() -> None:
    change = AnswerChange(np.array([1e4, 0.0]), np.array([0.0, 1e4]))
    assert change.kl == pytest.approx(1e4)
    assert softmax(np.array([[1e4, 0.0], [0.0, 0.0]])).tolist() == [[1, 0], [0.5, 0.5]]


def test_divergence_of_maps_is_scipys() -> None:
    random = np.random.default_rng(0)
    p, q = random.random((3, 5)), random.random((3, 5)) ** 4
    p[0], q[:, 1] = 0, 0
    assert jensen_shannon(p, q) == pytest.approx(js(p, q))
    assert jensen_shannon(p, 7 * p) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon(np.array([1.0, 0, 0]), np.array([0, 0.5, 0.5])) == 1
    # By hand: (1/2, 1/2) and (1, 0) lie 3/4, 1/4 between them.
    by_hand = 0.5 * (0.5 * math.log2(2 / 3) + 0.5 * math.log2(2)) + 0.5 * math.log2(4 / 3)
    assert jensen_shannon(np.array([1.0, 1.0]), np.array([5.0, 0.0])) == pytest.approx(by_hand)


@pytest.mark.parametrize("wrong", [[1.0, -0.1], [0.0, 0.0], [np.nan, 1.0]])
def test_divergence_needs_shares(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="needs shares"):
        jensen_shannon(np.array([1.0, 1.0]), np.array(wrong))


@pytest.mark.parametrize("head", [None, 1])
@pytest.mark.parametrize("at_a_time", [1, 40, 8_000_000])
def test_divergences_of_latents_one_by_one(head: int | None, at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_A_TIME", at_a_time)
    before, after = traces()
    for block, other in ((0, None), (1, None), (0, 1)):
        found = latent_divergences(before, after, block, other=other, head=head)
        second = block if other is None else other
        expected = [
            js(before.map(block, latent=n, head=head).numpy(), after.map(second, latent=n, head=head).numpy())
            for n in range(4)
        ]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert max(expected) > 0.01


def test_changes_of_every_blocks_map() -> None:
    before, after = traces()
    found = list(map_changes(before, after, MapSelection("max", head=1, kind="value")))
    assert [one.block for one in found] == [0, 1]
    for one in found:
        p, q = (t.map(one.block, reduce="max", kind="value", head=1).numpy().reshape(3, 5) for t in (before, after))
        np.testing.assert_array_equal(one.before, p)
        np.testing.assert_array_equal(one.after, q)
        np.testing.assert_array_equal(one.difference, q - p)
        assert one.divergence == pytest.approx(js(p, q), abs=1e-6)
        assert one.latents == pytest.approx(latent_divergences(before, after, one.block, head=1).mean())


def test_maps_that_are_known_are_taken() -> None:
    before, after = traces()
    ours, theirs = (
        {block: np.arange(15, dtype=np.float32).reshape(3, 5) ** power for block in (0, 1)} for power in (1, 2)
    )
    for one in map_changes(before, after, maps=(ours, theirs)):
        np.testing.assert_array_equal(one.difference, theirs[one.block] - ours[one.block])
        assert one.divergence == pytest.approx(js(ours[one.block], theirs[one.block]), abs=1e-6)
        assert one.latents == pytest.approx(latent_divergences(before, after, one.block).mean())


@pytest.mark.parametrize("how", [{"kind": "score"}, {"reduce": "entropy"}, {"kind": "score", "latent": 2}])
def test_what_cannot_be_added_up_has_no_divergence(how: dict[str, object]) -> None:
    assert all(one.divergence is None and one.latents > 0 for one in map_changes(*traces(), MapSelection(**how)))  # type: ignore[arg-type]
    assert all(one.divergence is not None for one in map_changes(*traces(), MapSelection("entropy", latent=2)))


def test_latents_that_exchange_places_show_in_their_own_maps_alone() -> None:
    model = frozen()
    turned = copy.deepcopy(model)
    with torch.no_grad():
        turned.latents.copy_(model.latents.flip(0))
    inputs = model.inputs(sample(model))
    for one in map_changes(model.trace(inputs), turned.trace(inputs)):
        assert one.divergence == pytest.approx(0, abs=1e-6)
        assert one.latents > 0.01


def test_traces_of_other_blocks_or_inputs_cannot_be_compared() -> None:
    model, cloud = frozen(), of_clouds()
    one = model.trace(model.inputs(sample(model)))
    first = frozen(plan=((0, 0), (None, 0)))
    for other in (first.trace(first.inputs(sample(first))), cloud.trace(cloud.inputs(sample(cloud)))):
        with pytest.raises(ValueError, match="are the same"):
            list(map_changes(one, other))
