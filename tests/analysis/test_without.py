"""Parts of an input taken out of the input array, against the model run on the rows that are left."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perceiver import ConfigError, Perceiver, modalities
from perceiver.analysis import ablation
from perceiver.analysis.ablate import ablated_trace, choose, describe, is_possible, kept_elements, without_elements
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import map_changes
from perceiver.analysis.latents import element_readers
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.region import part_shares, region_shares
from perceiver.sample import Sample
from tests.app.clips import CONFIG, PREPARED, square

SOUND, PICTURE = slice(0, 100), slice(100, 612)
GONE = {"audio": SOUND, "video": PICTURE}
ENDS = {"audio": slice(100, 613), "video": np.r_[0:100, 612:613]}
"""The rows that are left without a part: the other part and the label's."""


@pytest.fixture(scope="module")
def model() -> Perceiver:
    torch.manual_seed(2)
    return Perceiver(CONFIG).eval()


@pytest.fixture(scope="module")
def sample() -> Sample:
    data = square(8, starts=0.4)
    return modalities.get("audiovisual").read(data, "a.mp4", shape=CONFIG.input_shape, preprocess=PREPARED)


@pytest.mark.parametrize("part", ["audio", "video"])
@torch.no_grad()
def test_the_model_runs_on_the_rows_that_are_left(model: Perceiver, sample: Sample, part: str) -> None:
    after = ablated_trace(model, sample, Ablation(without=frozenset({part})))
    rows = model.inputs(sample)[:, ENDS[part]]
    torch.testing.assert_close(after.logits, model(rows)[0], rtol=1e-5, atol=1e-6)
    alone = model.trace(rows)
    for block in after.blocks:
        values = after.map(block).numpy()
        assert values.shape == (613,)
        assert not values[GONE[part]].any()
        np.testing.assert_allclose(values[ENDS[part]], alone.map(block).numpy(), rtol=1e-5)
        assert values.sum() == pytest.approx(1, abs=1e-5)
        mine, theirs = (one.latent_maps(block, slice(None), kind="value").numpy() for one in (after, alone))
        np.testing.assert_allclose(mine[:, ENDS[part]], theirs, rtol=1e-5)
        scores = after.map(block, kind="score").numpy()
        assert np.isnan(scores[GONE[part]]).all()
        assert np.isfinite(scores[ENDS[part]]).all()
        assert np.isnan(after.map(block, reduce="entropy").numpy()[GONE[part]]).all()
        np.testing.assert_allclose(after.concentration(block), alone.concentration(block), rtol=1e-5)


def test_weights_of_elements_and_regions_count_all_elements(model: Perceiver, sample: Sample) -> None:
    after = ablated_trace(model, sample, ablation.parse("no-audio"))
    every = after.latent_maps(0, slice(None)).numpy()
    for element in (50, 300, 612):
        np.testing.assert_allclose(after.element_weights(0, element), every[:, element], rtol=1e-4, atol=1e-9)
    first = element_readers(after, 300, block=0)[0]
    assert first.multiple == pytest.approx(613 * every[:, 300].max(), rel=1e-4)
    inside = np.zeros(613, bool)
    inside[90:140] = True
    np.testing.assert_allclose(region_shares(after, inside).latents[0], every[:, 90:140].sum(1), rtol=1e-4)
    shares = part_shares(after, sample.parts)
    np.testing.assert_allclose(shares.latents.sum(axis=0), 1, atol=1e-5)
    assert not shares.shares[shares.names.index("audio")].any()


def test_the_shares_of_parts_are_sums_of_the_maps(model: Perceiver, sample: Sample) -> None:
    trace = model.trace(model.inputs(sample))
    shares = part_shares(trace, sample.parts)
    assert (shares.names, shares.elements) == (("audio", "video", "label"), (100, 512, 1))
    np.testing.assert_allclose(shares.uniform, [100 / 613, 512 / 613, 1 / 613])
    for i, block in enumerate(trace.blocks):
        every = trace.latent_maps(block, slice(None)).numpy()
        np.testing.assert_allclose(shares.latents[0, i], every[:, SOUND].sum(1), rtol=1e-5)
        np.testing.assert_allclose(shares.shares[1, i], trace.map(block).numpy()[PICTURE].sum(), rtol=1e-5)


def test_changes_of_maps_and_what_is_drawn(model: Perceiver, sample: Sample) -> None:
    gone = Ablation(without=frozenset({"video"}))
    before, after = model.trace(model.inputs(sample)), ablated_trace(model, sample, gone)
    (first, _) = map_changes(before, after)
    assert first.divergence is not None
    assert 0 < first.divergence < 1
    np.testing.assert_allclose(first.difference[PICTURE], -first.before[PICTURE])
    (scores, _) = map_changes(before, after, MapSelection(kind="score"))
    assert scores.divergence is None
    marked = without_elements(sample, gone, model)
    assert marked.erased is not None
    assert marked.erased[PICTURE].all()
    assert marked.erased.sum() == 512
    assert without_elements(sample, Ablation(), model) is sample


def test_text_and_what_is_not_possible(model: Perceiver) -> None:
    both = choose(model.encoding, text="b2:1-2,no-audio,mean")
    assert both.text() == "b2:1-2,no-audio,mean"
    assert ablation.parse(both.text()) == both
    assert choose(model.encoding, without="video") == Ablation(without=frozenset({"video"}))
    assert bool(Ablation(without=frozenset({"video"})))
    names = ("audio_time", "video_time", "video_rows", "video_cols")
    assert describe(Ablation(without=frozenset({"audio"})), model.encoding, names) == "all elements of audio"
    assert describe(both, model.encoding, names).startswith("all elements of audio; ")
    assert is_possible(both, model)
    assert not is_possible(ablation.parse("no-label"), model)
    assert not is_possible(ablation.parse("no-audio,no-video"), model)
    with pytest.raises(ConfigError, match="no part smell; its parts are audio, video"):
        kept_elements(ablation.parse("no-smell"), model)
