"""Studies over held-out sets: against loops over the examples one by one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis import spectrum
from perceiver.analysis.ablation import WHOLE, Ablation, low_pass
from perceiver.analysis.attribution import attribute
from perceiver.analysis.faithfulness import faithfulness, random_faithfulness
from perceiver.analysis.spectrum import spectra
from perceiver.analysis.sweep import curves
from perceiver.positions import FourierConfig
from perceiver.studies import base
from perceiver.studies.faithfulness import RANDOM, maps, scores
from perceiver.studies.frequencies import cut_offs, frequencies
from perceiver.studies.tartan import tartan
from perceiver.training.evaluate import interval_over_groups, mean_interval
from perceiver.training.sets import Examples
from tests.models import tiny

GROUPS = torch.tensor([0, 0, 1, 2, 2, 2])


@pytest.fixture
def model() -> Perceiver:
    torch.manual_seed(3)
    return Perceiver(tiny()).eval().requires_grad_(False)


@pytest.fixture
def examples() -> Examples:
    generator = torch.Generator().manual_seed(5)
    content = 3 * torch.randn(6, 15, 2, generator=generator)
    return Examples(content, torch.tensor([0, 1, 2, 0, 1, 2]), GROUPS)


@pytest.fixture
def clouds() -> tuple[Perceiver, Examples]:
    torch.manual_seed(4)
    config = tiny(
        input_shape=(20,), content_channels=0, position_axes=3, positions=FourierConfig(max_resolution=(8.0,) * 3)
    )
    places = torch.rand(6, 20, 3, generator=torch.Generator().manual_seed(6)) * 2 - 1
    examples = Examples(torch.zeros(6, 20, 0), torch.tensor([0, 1, 2, 0, 1, 2]), GROUPS, places)
    return Perceiver(config).eval().requires_grad_(False), examples


def test_an_interval_draws_whole_groups_again() -> None:
    values = np.array([1.0, 3.0, 10.0, 4.0, 5.0, 6.0])
    random = np.random.default_rng(0)
    members = [np.flatnonzero(GROUPS.numpy() == g) for g in range(3)]
    means = [np.concatenate([values[members[g]] for g in random.integers(3, size=3)]).mean() for _ in range(2000)]
    assert mean_interval(values, GROUPS.numpy()) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    hit = torch.tensor([True, False, True, True, False, False])
    assert interval_over_groups(hit, GROUPS) == mean_interval(hit.double().numpy(), GROUPS.numpy())
    assert mean_interval(np.full(6, 0.25), GROUPS.numpy()) == (0.25, 0.25)


def test_some_of_the_held_out_examples_are_spread_evenly(
    model: Perceiver, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Set:
        def held_out(self) -> Examples:
            return examples

    monkeypatch.setattr(base, "open_set", lambda folder, split, config: Set())
    assert base.held_out(model, Path("nowhere")).label.tolist() == [0, 1, 2, 0, 1, 2]
    assert base.held_out(model, Path("nowhere"), most=3).label.tolist() == [0, 2, 2]
    assert len(base.held_out(model, Path("nowhere"), most=100)) == 6


@pytest.mark.parametrize("free", [False, True])
def test_accuracy_is_that_of_one_example_after_the_other(
    model: Perceiver, examples: Examples, clouds: tuple[Perceiver, Examples], free: bool
) -> None:
    if free:
        model, examples = clouds
    ablations = [Ablation(), low_pass(model.encoding, 1), WHOLE]
    told: list[float | None] = []
    reached = list(frequencies(model, examples, ablations, progress=lambda share, text: told.append(share)))
    whole = []
    for i in range(6):
        one = base.sample(examples, i, model.config)
        whole.append(int(model(model.inputs(one))[0].argmax()))
    for ablation, found in zip(ablations, reached, strict=True):
        answers = []
        for i in range(6):
            one = base.sample(examples, i, model.config)
            codes = ablation.apply(model.codes(one), model.encoding)
            answers.append(int(model(model.inputs(one, codes))[0].argmax()))
        assert found.ablation == ablation
        assert found.accuracy.value == pytest.approx(np.mean(np.array(answers) == examples.label.numpy()))
        assert found.agrees.value == pytest.approx(np.mean(np.array(answers) == np.array(whole)))
    assert reached[0].agrees == base.Mean(1.0, 1.0, 1.0)
    assert told == [0.25, 0.5, 0.75, 1]


def test_scores_are_means_of_single_examples_and_random_order_gains_nothing_over_itself(
    model: Perceiver, examples: Examples
) -> None:
    examples = examples.at(slice(0, 3))
    found = {score.method: score for score in scores(model, examples, steps=3, seeds=2)}
    ones = [base.sample(examples, i, model.config) for i in range(3)]
    chance = [random_faithfulness(model, one, seeds=2, steps=3) for one in ones]
    asked = [faithfulness(model, one, attribute(model, one, "saliency").values, steps=3) for one in ones]
    assert found["saliency"].deletion.value == pytest.approx(np.mean([one.deletion.area for one in asked]), abs=1e-6)
    gained = [one.insertion.area - other.insertion.area for one, other in zip(asked, chance, strict=True)]
    assert found["saliency"].inserted.value == pytest.approx(np.mean(gained), abs=1e-6)
    assert found[RANDOM].deleted == found[RANDOM].inserted == base.Mean(0.0, 0.0, 0.0)
    assert list(found)[-1] == RANDOM


def test_a_model_of_one_block_has_one_map_of_attention() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(plan=((0, 0),))).eval()
    one = base.sample(Examples(torch.randn(1, 15, 2), torch.tensor([0]), torch.tensor([0])), 0, model.config)
    assert [name for name in maps(model, one) if "block 1" in name] == []


@pytest.mark.parametrize("free", [False, True])
def test_tartan_numbers_are_means_of_single_examples(
    model: Perceiver, examples: Examples, clouds: tuple[Perceiver, Examples], free: bool, monkeypatch
) -> None:
    monkeypatch.setattr(spectrum, "CELLS", 8)
    if free:
        model, examples = clouds
    else:
        model = Perceiver(dataclasses.replace(tiny(), input_shape=(12, 9))).eval().requires_grad_(False)
        examples = Examples(torch.randn(6, 108, 2), examples.label, examples.group)
    found = tartan(model, examples, model.encoding.bands())
    ones = [base.sample(examples, i, model.config) for i in range(6)]
    measured = [list(spectra(model.trace(model.inputs(one)), model.encoding.bands(), one.coordinates)) for one in ones]
    assert [pattern.block for pattern in found] == [0, 1]
    for block, pattern in enumerate(found):
        its = [blocks[block] for blocks in measured]
        regularity = np.mean([one.regularity for one in its])  # none of few free elements
        assert pattern.regularity.value == pytest.approx(regularity, nan_ok=True)
        assert pattern.at_bands.value == pytest.approx(np.mean([one.at_bands for one in its]))
        assert pattern.ratio.value == pytest.approx(np.exp(np.mean([np.log(one.ratio) for one in its])))
        assert pattern.ratio.low <= pattern.ratio.value <= pattern.ratio.high


def test_cut_offs_are_spread_evenly_and_hold_the_strongest_ablations() -> None:
    encoding = Perceiver(tiny(positions=FourierConfig(num_bands=10, max_resolution=(10.0, 10.0)))).encoding
    cumulative = {one.family: one for one in curves(encoding) if one.axis is None}
    whole, *found = cut_offs(curves(encoding), most=4)
    assert (whole.family, whole.cycles, whole.ablation) == ("whole code", None, Ablation())
    for family, kept in (("low_pass", [0, 3, 6, 9]), ("high_pass", [9, 6, 3, 0])):
        its = [one for one in found if one.family == family]
        assert [one.cycles for one in its] == [cumulative[family].frequencies[i] for i in kept]
        assert [one.ablation for one in its] == [cumulative[family].ablations[i] for i in kept]
