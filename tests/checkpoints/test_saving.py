"""What is saved is what is read: weights, logits, configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.checkpoints.cards.results import Results
from perceiver.checkpoints.folder import sha256
from perceiver.positions import FourierConfig, position_config
from tests.checkpoints.conftest import logits


@pytest.mark.parametrize("kind", ["fourier", "learned", "coordinates"])
@pytest.mark.parametrize("head", ["mean", "mean_norm", "decoder"])
def test_round_trip(kind: str, head: str, tmp_path: Path) -> None:
    config = PerceiverConfig(
        num_classes=3,
        input_shape=(4, 5),
        positions=position_config({"kind": kind, "num_bands": 2, "max_resolution": (4.0, 5.0), "dim": 7}),
        num_latents=3,
        latent_dim=8,
        plan=((0, None), (None, 0), (1, 1)),
        self_attends=2,
        self_heads=2,
        head=head,
        labels=("é", "b|c", "日本"),
    )
    model = Perceiver(config)
    perceiver.save(model, tmp_path)
    loaded = perceiver.load(tmp_path)
    assert loaded.config == config
    assert torch.equal(logits(loaded), logits(model))
    assert {p.device.type for p in loaded.parameters()} == {"cpu"}


def test_shared_weight_sets_are_stored_once_and_stay_shared(checkpoint: Path, model: Perceiver) -> None:
    loaded = perceiver.load(checkpoint)
    with safe_open(checkpoint / "model.safetensors", framework="pt") as file:
        names = set(file.keys())
        stored = sum(file.get_tensor(name).numel() for name in names)
    assert stored == perceiver.count_parameters(loaded) == perceiver.count_parameters(model)
    assert not any(name.startswith("cross.2") for name in names)


def test_half_precision_models_are_saved_as_float32(model: Perceiver, checkpoint: Path, tmp_path: Path) -> None:
    half = perceiver.load(checkpoint).half()
    perceiver.save(half, tmp_path / "half")
    with safe_open(tmp_path / "half" / "model.safetensors", framework="pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}  # noqa: SIM118 - no dictionary


def test_loading_leaves_the_random_numbers_alone(checkpoint: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    perceiver.load(checkpoint)
    assert torch.equal(torch.rand(1), expected)


def test_a_loaded_model_is_frozen_and_in_eval_mode(checkpoint: Path) -> None:
    loaded = perceiver.load(checkpoint)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())


def test_the_configuration_names_format_and_version(checkpoint: Path, config: PerceiverConfig) -> None:
    values = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    assert values["format"] == "perceiver-lens"
    assert values["version"] == 1
    assert PerceiverConfig.from_dict({k: v for k, v in values.items() if k not in ("format", "version")}) == config


def test_results_are_completed_by_what_was_written(model: Perceiver, results: Results, tmp_path: Path) -> None:
    perceiver.save(model, tmp_path, results=results)
    values = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert values["sha256"] == sha256(tmp_path / "model.safetensors")
    assert values["parameters"] == perceiver.count_parameters(model)


def test_saving_over_a_checkpoint_leaves_no_results_of_the_old_weights(
    model: Perceiver, results: Results, tmp_path: Path
) -> None:
    perceiver.save(model, tmp_path, results=results)
    perceiver.save(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_the_bands_follow_from_the_configuration_alone(tmp_path: Path) -> None:
    # FRQ-01: six bands with top 10/2, evenly spaced; by logarithm they would be 1, 1.380, 1.904, ...
    positions = FourierConfig(num_bands=6, max_resolution=(10.0, 20.0))
    config = PerceiverConfig(
        num_classes=2, input_shape=(4, 4), positions=positions, num_latents=2, latent_dim=8, plan=((0, 0),)
    )
    perceiver.save(Perceiver(config), tmp_path)
    bands = perceiver.load(tmp_path).encoding.bands()
    assert [b.frequency for b in bands if b.axis == 0] == pytest.approx([1, 1.8, 2.6, 3.4, 4.2, 5], abs=1e-6)
    assert [b.frequency for b in bands if b.axis == 1] == pytest.approx([1, 2.8, 4.6, 6.4, 8.2, 10], abs=1e-6)
