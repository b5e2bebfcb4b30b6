"""The training loop: its schedule, its resumption to the very step, and that it learns something real."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from perceiver import CheckpointError, PerceiverConfig
from perceiver.positions import FourierConfig, LearnableFourierConfig
from perceiver.training import recipes
from perceiver.training.evaluate import evaluate, interval_over_groups
from perceiver.training.loop import Progress, batch_at, train
from perceiver.training.recipe import Recipe
from perceiver.training.sets import TRAIN, open_set
from perceiver.training.sets.pixels import normalise

from .pictures import write_data


def small(**changes: object) -> Recipe:
    model = PerceiverConfig(
        num_classes=2,
        labels=("red", "green"),
        input_shape=(16, 16),
        positions=FourierConfig(num_bands=3, max_resolution=(16.0, 16.0)),
        num_latents=4,
        latent_dim=16,
        plan=((0, 0), (1, 0)),
        self_attends=1,
        self_heads=2,
        latent_init_scale=0.3,
        preprocess={"mean": [0.4, 0.4, 0.4], "std": [0.25, 0.25, 0.25]},
    )
    values: dict[str, object] = {"steps": 30, "batch": 8, "elements": 64, "learning_rate": 2e-2, "precision": "no"}
    values |= {"optimiser": "lamb", "schedule": "steps", "warmup": 0}
    return Recipe("tiny", **({"model": model} | values | changes))  # type: ignore[arg-type]


def test_the_rate_drops_tenfold_at_the_papers_three_marks() -> None:
    recipe = small(steps=120, learning_rate=4e-3)
    rates = [recipe.rate(epoch) for epoch in range(120)]
    assert [i for i in range(1, 120) if rates[i] != rates[i - 1]] == [84, 102, 114]
    assert rates[0] == 4e-3
    assert rates[-1] == pytest.approx(4e-6)


def test_a_run_that_was_interrupted_ends_in_the_very_same_weights(tmp_path: Path) -> None:
    data, recipe = write_data(tmp_path), small(steps=6)
    straight = train(recipe, data, tmp_path / "straight").model
    train(recipe, data, tmp_path / "broken", stop_after=4)
    resumed = train(recipe, data, tmp_path / "broken").model
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_state_of_another_recipe_is_not_continued(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    train(small(steps=2), data, tmp_path / "run")
    with pytest.raises(CheckpointError, match="another recipe"):
        train(small(steps=3), data, tmp_path / "run")


def test_frequencies_are_trained_and_not_decayed(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    positions = LearnableFourierConfig(num_bands=3, max_resolution=(16.0, 16.0))
    model = dataclasses.replace(small().model, positions=positions)
    one, other = (
        train(small(model=model, steps=1, weight_decay=decay), data, tmp_path / str(decay)).model
        for decay in (0.0, 100.0)
    )
    assert not torch.equal(one.latents, other.latents)
    frequencies = one.get_parameter("positions.frequencies")
    assert torch.equal(frequencies, other.get_parameter("positions.frequencies"))
    moved = frequencies - torch.tensor([[1.0, 4.5, 8.0]] * 2)
    assert (moved != 0).all()
    resumed = train(small(model=model, steps=1, weight_decay=0.0), data, tmp_path / "0.0").model
    assert torch.equal(resumed.get_parameter("positions.frequencies"), frequencies)


def test_it_learns_to_tell_colours_and_reports_how_it_goes(tmp_path: Path) -> None:
    data, heard = write_data(tmp_path), list[Progress]()
    plain = dataclasses.replace(small().augmentation, dye=0.0, colour=(1.0, 1.0))
    outcome = train(
        small(augmentation=plain, averaging=0.8), data, tmp_path / "run", report=heard.append, report_every=10
    )
    assert [p.step for p in heard] == [10, 20, 30]
    assert heard[-1].accuracy > 0.9
    assert heard[-1].loss < heard[0].loss
    assert heard[-1].samples_per_second > 0
    assert heard[-1].seconds_left == 0
    reached = evaluate(outcome.model, data)
    assert reached.held_out.accuracy == 1.0
    assert (reached.held_out.total, reached.held_out.groups) == (4, 2)
    assert len([name for name in reached.measures if name.startswith("Attention mass on the object")]) == 2
    assert all(0 <= share <= 1 for share in reached.measures.values())


def test_batches_follow_from_seed_step_and_process_alone(tmp_path: Path) -> None:
    data = open_set(write_data(tmp_path), TRAIN, small().model)
    first, again = batch_at(data, small(), 3), batch_at(data, small(), 3)
    content = first.examples.content
    assert torch.equal(content, again.examples.content)
    assert torch.equal(first.elements, again.elements)
    assert content.shape == (8, 256, 3)
    assert len(set(first.elements.tolist())) == 64
    assert not torch.equal(content, batch_at(data, small(), 4).examples.content)
    assert not torch.equal(content, batch_at(data, small(seed=1), 3).examples.content)
    assert batch_at(data, small(), 3, process=1, processes=2).examples.content.shape == (4, 256, 3)


def test_training_and_reading_a_file_prepare_a_picture_alike() -> None:
    from io import BytesIO

    from PIL import Image

    from perceiver import modalities

    pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8)
    file = BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "PNG")
    preprocess = {"mean": [0.45, 0.42, 0.36], "std": [0.25, 0.3, 0.2]}
    sample = modalities.get("image").read(file.getvalue(), "x.png", shape=(16, 16), preprocess=preprocess)
    batch = normalise(pixels[None].float() / 255, preprocess["mean"], preprocess["std"])
    torch.testing.assert_close(sample.content, batch[0], atol=1e-5, rtol=0)


def test_the_three_encodings_differ_in_nothing_else() -> None:
    one, *others = (recipes.get(f"image-{kind}") for kind in ("fourier", "learned", "coordinates"))
    for other in others:
        model = dataclasses.replace(other.model, positions=one.model.positions)
        assert dataclasses.replace(other, name=one.name, model=model) == one


def test_the_interval_over_objects_is_wider_when_views_agree() -> None:
    objects = torch.arange(20).repeat_interleave(10)
    together = (objects % 2).bool()  # all views of an object right, or all wrong
    apart = (torch.arange(200) % 2).bool()  # half of every object's views
    low, high = interval_over_groups(together, objects)
    assert low < 0.4
    assert high > 0.6
    assert interval_over_groups(apart, objects) == (0.5, 0.5)


def test_train_and_evaluate_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from perceiver.cli import app

    monkeypatch.setitem(recipes.RECIPES, "tiny", small(steps=3))
    data, run = write_data(tmp_path), tmp_path / "run"
    done = CliRunner().invoke(app, ["train", "tiny", "--data", str(data), "-o", str(run), "--seed", "4"])
    assert done.exit_code == 0, done.output
    results = json.loads((run / "tiny" / "results.json").read_text())
    assert results["command"] == "perceiver train tiny --seed 4"
    assert results["held_out"]["total"] == 4
    again = CliRunner().invoke(app, ["evaluate", str(run / "tiny"), "--data", str(data), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["accuracy"] == results["held_out"]["accuracy"]
    itself = CliRunner().invoke(
        app, ["evaluate", str(run / "tiny"), "--data", str(data), "--against", str(run / "tiny")]
    )
    assert "+0.0 points (95 % interval +0.0 to +0.0, paired)" in itself.stdout
    missing = CliRunner().invoke(app, ["train", "nothing"])
    assert missing.exit_code == 2
    assert "there is no recipe 'nothing'" in missing.output


@pytest.mark.skipif(sys.platform == "win32", reason="accelerate starts CPU processes through torch's gloo")
def test_two_processes_train_together(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    script = tmp_path / "two.py"
    script.write_text(
        "import sys, pathlib\n"
        "from tests.training.test_loop import small\n"
        "from perceiver.training.loop import train\n"
        f"train(small(steps=2), pathlib.Path({str(data)!r}), pathlib.Path({str(tmp_path / 'run')!r}))\n"
    )
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [*launch, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 2
