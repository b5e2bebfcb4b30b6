"""Latents beside one another: against pairs of maps one by one, and trees whose groups are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import jensenshannon, pdist

from perceiver import Perceiver
from perceiver.analysis import latents as module
from perceiver.analysis.latents import (
    LatentClusters,
    averaged,
    cluster_latents,
    concentration,
    latent_thumbnails,
    movement,
)
from perceiver.trace import Trace
from tests.models import tiny


def trace(count: int = 9, **changes: object) -> Trace:
    torch.manual_seed(2)
    model = Perceiver(tiny(num_latents=count, cross_heads=2, **changes)).eval()
    return model.trace(model.input_array(3 * torch.randn(1, 15, 2), model.encoding.grid()[None]))


class Drawn(Trace):
    """A trace whose maps are given."""

    def latent_maps(self, block: int, latents: slice, *, kind: str = "probability", head: int | None = None):  # type: ignore[no-untyped-def]
        del block, kind, head
        return torch.from_numpy(self.maps[latents].copy())  # type: ignore[attr-defined]


def drawn(maps: np.ndarray) -> Trace:
    one = trace(len(maps))
    out = Drawn(**{field.name: getattr(one, field.name) for field in dataclasses.fields(one)})
    object.__setattr__(out, "maps", maps.astype(np.float32))
    return out


def shares(found: LatentClusters) -> list[list[int]]:
    return [sorted(found.members(i).tolist()) for i in range(len(found.sizes))]


@pytest.mark.parametrize("head", [None, 1])
def test_the_tree_is_that_of_all_pairs(head: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 4)
    one = trace()
    maps = one.latent_maps(1, slice(0, 9), head=head).double().numpy()
    distances = pdist(maps, lambda p, q: np.sqrt(max(0.0, 1 - np.sqrt(p * q).sum())))
    found = cluster_latents(one, 1, 3, head)
    np.testing.assert_allclose(found.linkage[:, 2], linkage(distances, "average")[:, 2], atol=1e-3)
    assert sorted(found.order.tolist()) == list(range(9))
    assert sum(found.sizes) == 9
    assert list(found.sizes) == sorted(found.sizes, reverse=True)


def test_latents_that_read_alike_come_together() -> None:
    # Three places, read by 2, 5 and 3 latents, each in its own way.
    random = np.random.default_rng(0)
    of = [1, 0, 2, 1, 1, 0, 2, 1, 2, 1]
    maps = np.full((10, 15), 0.001)
    for latent, place in enumerate(of):
        maps[latent, 5 * place : 5 * place + 5] += 1 + 0.5 * random.random(5)
    maps /= maps.sum(1, keepdims=True)
    found = cluster_latents(drawn(maps), 0, 3)
    assert found.sizes == (5, 3, 2)
    assert shares(found) == [[0, 3, 4, 7, 9], [2, 6, 8], [1, 5]]
    # The leaves of a cluster stand together.
    assert (np.diff(found.cluster[found.order]) != 0).sum() == 2
    assert cluster_latents(drawn(maps), 0, 1).sizes == (10,)
    assert cluster_latents(drawn(maps), 0, 10).sizes == (1,) * 10


def test_equal_clusters_are_numbered_along_the_tree() -> None:
    maps = np.repeat(np.eye(15)[:3], 2, axis=0)
    found = cluster_latents(drawn(maps), 0, 3)
    assert found.sizes == (2, 2, 2)
    assert found.cluster[found.order].tolist() == [0, 0, 1, 1, 2, 2]


def test_distances_rank_pairs_much_as_jensen_shannon_does() -> None:
    one = trace(30)
    maps = one.latent_maps(0, slice(0, 30)).double().numpy()
    hellinger = pdist(maps, lambda p, q: np.sqrt(max(0.0, 1 - np.sqrt(p * q).sum())))
    other = pdist(maps, lambda p, q: jensenshannon(p, q))
    ranks = [np.argsort(np.argsort(values)) for values in (hellinger, other)]
    assert np.corrcoef(ranks[0], ranks[1])[0, 1] > 0.99


def test_maps_that_are_nearly_alike_are_told_apart() -> None:
    random = np.random.default_rng(3)
    maps = (np.ones((6, 15)) + 1e-5 * random.normal(size=(6, 15))) / 15
    exact = maps.astype(np.float32).astype(np.float64)
    exact /= exact.sum(1, keepdims=True)
    # For p close to q it is the length of their difference over the roots, over the root of 8.
    distances = pdist(exact, lambda p, q: np.sqrt(((p - q) ** 2 / (p + q) * 2).sum() / 8))
    found = cluster_latents(drawn(maps), 0, 2).linkage[:, 2]
    np.testing.assert_allclose(found, linkage(distances, "average")[:, 2], rtol=0.02)


def test_one_latent_is_its_own_cluster() -> None:
    found = cluster_latents(trace(1), 0, 1)
    assert found.sizes == (1,)
    assert found.members(0).tolist() == [0]
    assert found.linkage.shape == (0, 4)


@pytest.mark.parametrize(
    ("block", "clusters", "words"),
    [(0, 0, "is 0; it must be a whole number from 1 to 9"), (0, 10, "is 10"), (2, 2, "block 2")],
)
def test_what_cannot_be_had(block: int, clusters: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cluster_latents(trace(), block, clusters)


@pytest.mark.parametrize("head", [None, 0])
def test_concentration_is_the_entropy_of_each_map(head: int | None) -> None:
    one = trace()
    found = concentration(one, 1, head)
    for latent in range(9):
        heads = [0, 1] if head is None else [head]
        p = np.mean([one.map(1, latent=latent, head=h).double().numpy() for h in heads], axis=0)
        entropy = -(p * np.log(p)).sum()
        assert found.entropy[latent] == pytest.approx(entropy, rel=1e-4)
        assert found.effective[latent] == pytest.approx(np.exp(entropy), rel=1e-4)


def test_a_latent_that_reads_all_alike_counts_all_elements() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny()).eval()
    # Nothing differs between the elements.
    one = model.trace(model.input_array(torch.zeros(1, 15, 2), torch.ones(1, 15, model.config.position_channels)))
    np.testing.assert_allclose(concentration(one, 0).effective, 15, rtol=1e-4)


def test_movement_is_the_divergence_of_each_latent_from_map_to_map() -> None:
    one = trace(plan=((0, 0), (None, 0), (1, 0), (1, 0)))
    found = movement(one)
    assert found.steps == ((0, 2), (2, 3))
    assert found.divergence.shape == (2, 9)
    for step, (before, after) in enumerate(found.steps):
        for latent in range(9):
            p, q = (one.map(block, latent=latent).double().numpy() for block in (before, after))
            expected = jensenshannon(p, q, base=2) ** 2
            assert found.divergence[step, latent] == pytest.approx(expected, abs=1e-5)


def test_with_one_map_nothing_moves() -> None:
    found = movement(trace(plan=((0, 0),)))
    assert found.steps == ()
    assert found.divergence.shape == (0, 9)


def test_large_maps_are_averaged_over_squares_for_thumbnails(monkeypatch: pytest.MonkeyPatch) -> None:
    large = np.random.default_rng(0).random((2, 70, 131)).astype(np.float32)
    small = averaged(large, 3)
    assert small.shape == (2, 24, 44)
    for row, column in ((0, 0), (5, 7), (23, 43), (23, 0)):
        square = large[:, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        np.testing.assert_allclose(small[:, row, column], square.mean(axis=(1, 2)), rtol=1e-5)
    monkeypatch.setattr(module, "AT_A_TIME", 2 * 15)  # two latents at a time
    one = trace()
    every = one.latent_maps(1, slice(0, 9)).numpy().reshape(9, *one.shape)
    np.testing.assert_allclose(latent_thumbnails(one, 1, 1), every, rtol=1e-5)
    np.testing.assert_allclose(latent_thumbnails(one, 1, 9).ravel(), every.reshape(9, -1).mean(1), rtol=1e-5)
