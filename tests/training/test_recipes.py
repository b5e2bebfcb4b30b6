"""Optimisers, schedules, mixup, teachers and the folding of batch norms, each against what it should compute."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from perceiver import ConfigError, Perceiver, PerceiverConfig
from perceiver.config import StemConfig
from perceiver.positions import FourierConfig, LearnableFourierConfig, LearnedConfig
from perceiver.training import preparation, recipes, teacher
from perceiver.training.loop import Batch, Mix, _targets, batch_at, train
from perceiver.training.optimisers import build_optimisers, learning_rate
from perceiver.training.preparation import add_norms, fold_norms
from perceiver.training.recipe import Recipe
from perceiver.training.sets import TRAIN, Examples, open_set
from perceiver.training.teacher import Teacher, distillation_loss, train_teacher

from .pictures import write_data
from .test_loop import small


def test_the_cosine_rises_evenly_and_ends_at_zero() -> None:
    rates = [learning_rate(step, 110, 2e-3, "cosine", 10, ()) for step in range(111)]
    assert rates[:3] == pytest.approx([2e-4, 4e-4, 6e-4])
    assert rates[10] == 2e-3
    assert rates[60] == pytest.approx(1e-3)
    assert rates[110] == pytest.approx(0, abs=1e-12)
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_muon_moves_a_matrix_along_its_orthogonal_factor() -> None:
    """The direction is U V^T of the gradient's singular value decomposition, up to the iteration's tolerance, and its
    size that of AdamW: 0.2 sqrt(max(rows, columns)) in place of 1."""
    torch.manual_seed(0)
    model = nn.Module()
    model.layer = nn.Linear(24, 16, bias=True)
    before = model.layer.weight.detach().clone()
    gradient = torch.randn(16, 24)
    model.layer.weight.grad, model.layer.bias.grad = gradient.clone(), torch.ones(16)
    muon, adamw = build_optimisers(model, "muon", 1e-2, 0.0)
    assert [len(g["params"]) for g in muon.param_groups] == [1]
    assert sum(len(g["params"]) for g in adamw.param_groups) == 1
    muon.step()
    adamw.step()
    moved = (before - model.layer.weight.detach()) / 1e-2
    u, _, v = torch.linalg.svd(gradient, full_matrices=False)
    expected = u @ v * 0.2 * math.sqrt(24)
    cosine = F.cosine_similarity(moved.flatten(), expected.flatten(), dim=0)
    assert cosine > 0.95
    assert moved.norm() / expected.norm() == pytest.approx(1, abs=0.3)


def test_tables_and_the_classifier_are_left_to_adamw() -> None:
    config = dataclasses.replace(small().model, positions=LearnedConfig(dim=5))
    model = Perceiver(config)
    muon, adamw = build_optimisers(model, "muon", 1e-3, 0.05)
    names = {id(p): n for n, p in model.named_parameters()}
    in_muon = {names[id(p)] for g in muon.param_groups for p in g["params"]}
    in_adamw = {names[id(p)] for g in adamw.param_groups for p in g["params"]}
    assert in_muon | in_adamw == set(names.values())
    assert {"latents", "head.linear.weight", "positions.table"} <= in_adamw
    assert "cross.0.query.weight" in in_muon
    decayed = {names[id(p)] for g in adamw.param_groups if g["weight_decay"] for p in g["params"]}
    assert decayed == set()


@pytest.mark.parametrize("name", ["lamb", "adamw", "muon"])
def test_a_run_with_any_optimiser_resumes_to_the_very_same_weights(name: str, tmp_path: Path) -> None:
    data, recipe = write_data(tmp_path), small(steps=5, optimiser=name, schedule="cosine", warmup=2, mixup=0.5)
    straight = train(recipe, data, tmp_path / "straight").model
    train(recipe, data, tmp_path / "broken", stop_after=3)
    resumed = train(recipe, data, tmp_path / "broken").model
    for key, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key]), key


def test_mixed_examples_and_their_targets_by_hand() -> None:
    content = torch.tensor([[[0.0], [0.0]], [[4.0], [8.0]]])
    examples = Examples(content, torch.tensor([0, 2]), torch.tensor([0, 1]))
    mix = Mix(torch.tensor([0.75, 0.5]), torch.tensor([1, 0]))
    mixed = Batch(examples, None, mix).content
    assert mixed.flatten().tolist() == [1.0, 2.0, 2.0, 4.0]
    assert _targets(examples, mix, 3).tolist() == [[0.75, 0.0, 0.25], [0.5, 0.0, 0.5]]
    assert torch.equal(_targets(examples, None, 3), examples.label)


def test_mixup_comes_as_often_as_asked_and_leaves_its_own_class_ahead(tmp_path: Path) -> None:
    recipe = small(mixup=0.5)
    data = open_set(write_data(tmp_path), TRAIN, recipe.model)
    mixes = [batch_at(data, recipe, step).mix for step in range(80)]
    assert 25 < sum(mix is not None for mix in mixes) < 55
    assert all((mix.share >= 0.5).all() for mix in mixes if mix is not None)
    with pytest.raises(ConfigError, match="point clouds"):
        dataclasses.replace(recipes.get("points-fourier"), mixup=0.5)


def test_distillation_by_hand() -> None:
    """p = softmax(teacher / 2), q = softmax(model / 2); the loss is 4 sum p ln(p / q)."""
    logits, targets = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    p = 1 / (1 + math.e)  # of the first class to the teacher
    expected = 4 * (p * math.log(p / (1 - p)) + (1 - p) * math.log((1 - p) / p))
    assert float(distillation_loss(logits, targets, 2.0)) == pytest.approx(expected, rel=1e-5)
    assert float(distillation_loss(targets, targets, 2.0)) == pytest.approx(0, abs=1e-6)


def test_a_teacher_is_trained_once_and_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_DATA", str(tmp_path / "cache"))
    data, plain = write_data(tmp_path), dataclasses.replace(small().augmentation, dye=0.0, colour=(1.0, 1.0))
    asked, heard = Teacher(steps=15, batch=8, widths=(4, 8)), list[float | None]()

    def make() -> teacher.Trained:
        return train_teacher(asked, small().model, data, plain, progress=lambda share, _: heard.append(share))

    first = make()
    assert heard[-1] == 1.0
    heard.clear()
    again = make()
    assert heard == []
    for key, tensor in first.net.state_dict().items():
        assert torch.equal(tensor, again.net.state_dict()[key])
    assert not any(p.requires_grad for p in again.net.parameters())
    # Another weight in the loss needs no other teacher, another width does.
    asked = dataclasses.replace(asked, weight=0.1)
    make()
    assert heard == []
    asked = dataclasses.replace(asked, widths=(4, 4))
    make()
    assert heard


def test_a_perceiver_that_follows_its_teacher_alone_agrees_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_DATA", str(tmp_path / "cache"))
    data, plain = write_data(tmp_path), dataclasses.replace(small().augmentation, dye=0.0, colour=(1.0, 1.0))
    asked = Teacher(steps=30, batch=8, widths=(4, 8), weight=1.0)
    # Labels count for nothing: all that is learned comes through the teacher.
    outcome = train(small(teacher=asked, augmentation=plain, averaging=0.8), data, tmp_path / "run")
    taught = train_teacher(asked, small().model, data, plain).net
    examples = open_set(data, TRAIN, small().model).held_out()
    with torch.no_grad():
        theirs, ours = taught(examples.content).argmax(-1), outcome.model(examples.inputs(outcome.model)).argmax(-1)
    assert (theirs == ours).float().mean() > 0.9


def test_folded_norms_leave_the_model_as_it_was_in_evaluation() -> None:
    torch.manual_seed(0)
    config = PerceiverConfig(
        num_classes=3,
        input_shape=(4, 4),
        content_channels=8,
        stem=StemConfig(kind="convs", in_channels=3, pixels=(16, 16), side=4, widths=(6, 8)),
        positions=FourierConfig(num_bands=2, max_resolution=(4.0, 4.0)),
        num_latents=3,
        latent_dim=8,
        plan=((0, 0),),
        self_attends=1,
        self_heads=2,
    )
    model = Perceiver(config)
    plain = set(model.state_dict())
    add_norms(model)
    assert set(model.state_dict()) > plain
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    for _ in range(5):
        model.train()(model.input_array(1 + 2 * torch.randn(8, 256, 3)))
    content = torch.randn(4, 256, 3)
    before = model.eval()(model.input_array(content))
    fold_norms(model)
    assert set(model.state_dict()) == plain
    torch.testing.assert_close(model(model.input_array(content)), before, atol=1e-5, rtol=1e-4)


def test_a_stem_with_norms_trains_and_its_checkpoint_has_none(tmp_path: Path) -> None:
    stem = StemConfig(kind="convs", in_channels=3, pixels=(16, 16), side=4, widths=(6,))
    model = dataclasses.replace(small().model, input_shape=(8, 8), content_channels=6, stem=stem)
    recipe = dataclasses.replace(small(steps=4, elements=40), model=model)
    outcome = train(recipe, write_data(tmp_path), tmp_path / "run")
    assert set(outcome.model.state_dict()) == set(Perceiver(model).state_dict())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in outcome.model.modules())


def test_precision_is_the_faster_one_unless_the_recipe_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(precision="auto")
    examples = batch_at(open_set(write_data(tmp_path), TRAIN, recipe.model), recipe, 0).examples
    assert preparation.choose_precision(recipe, examples) in ("no", "bf16")
    seconds = {"no": 2.0, "bf16": 1.0}
    monkeypatch.setattr(preparation, "_seconds", lambda recipe, examples, name: seconds[name])
    assert preparation.choose_precision(recipe, examples) == "bf16"
    seconds["no"] = 0.5
    assert preparation.choose_precision(recipe, examples) == "no"
    assert preparation.choose_precision(small(precision="bf16"), examples) == "bf16"


def test_validation_accuracy_is_followed_and_survives_an_interruption(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    with np.load(data / "objects.npz") as file:
        arrays = dict(file)
    arrays["split"] = np.where(np.isin(arrays["object"], (1, 5)), 1, arrays["split"]).astype(np.int8)
    np.savez(data / "objects.npz", **arrays)
    recipe = small(steps=48)
    train(recipe, data, tmp_path / "run", stop_after=20)
    curve = train(recipe, data, tmp_path / "run").curve
    assert [step for step, _ in curve] == [2 * (i + 1) for i in range(24)]
    assert all(0 <= accuracy <= 1 for _, accuracy in curve)


@pytest.mark.parametrize("family", ["letters", "digits", "image", "audio", "points"])
def test_recipes_of_a_family_share_their_budget_and_the_latents(family: str) -> None:
    others = ("-lamb", "-conv", "-64", "-long")  # differ in more than the position encoding, as their names say
    plain = [r for n, r in recipes.RECIPES.items() if n.startswith(family) and not n.endswith(others)]
    first = plain[0]

    def shared(recipe: Recipe) -> tuple[object, ...]:
        m = recipe.model
        return (
            *(recipe.steps, recipe.batch, recipe.optimiser, recipe.learning_rate, recipe.schedule, recipe.augmentation),
            *(recipe.teacher, recipe.mixup, m.num_latents, m.latent_dim, m.plan, m.self_attends, m.self_heads),
        )

    assert len({shared(recipe) for recipe in plain}) == 1, [r.name for r in plain]
    assert first.model.labels


def test_precision_is_timed_of_encodings_that_are_trained_too(tmp_path: Path) -> None:
    positions = LearnableFourierConfig(num_bands=2, max_resolution=(8.0, 8.0))
    model = dataclasses.replace(small().model, positions=positions)
    recipe = dataclasses.replace(small(precision="auto"), model=model)
    examples = batch_at(open_set(write_data(tmp_path), TRAIN, recipe.model), recipe, 0).examples
    assert preparation.choose_precision(recipe, examples) in ("no", "bf16")
