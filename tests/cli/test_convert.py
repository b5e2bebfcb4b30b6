"""`perceiver convert` and `perceiver checkpoints info`: checkpoints of other projects on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import typer
from safetensors.torch import load_file

import perceiver
from perceiver import modalities
from perceiver.cli import app
from perceiver.positions import FourierConfig
from tests.checkpoints.formats.test_transformers import LABELS, SMALL, peer, save
from tests.commands import PHOTO, refused, run, stand_in, values

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model in the files of Hugging Face Transformers."""
    folder = tmp_path_factory.mktemp("published") / "small-perceiver"
    return save(peer("fourier", 28, len(LABELS), **SMALL), folder, 28, labels=LABELS)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "here").mkdir()
    stand_in(tmp_path / "store", tmp_path / "here", monkeypatch)


def test_info_tells_what_a_checkpoint_is(published: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in run("checkpoints", "info", str(published)).stdout.splitlines())
    assert lines["Format"] == "Hugging Face Transformers"
    assert lines["Reads"] == "image, 28 × 28 elements of 261 channels"
    assert lines["Positions"] == FourierConfig().description
    assert lines["Latents"] == "6 of width 32"
    assert (
        lines["Weights"] == "cross-attention of block 1 its own, none in blocks 2 and 3; tower the same in all blocks"
    )
    assert lines["Heads"] == "1 in cross-attention, 8 in self-attention"
    assert lines["Classes"] == "5, tench, Tinca tinca to electric ray"
    assert "CC BY 4.0" in lines["Licence"]


def test_info_as_json(published: Path) -> None:
    found = values("checkpoints", "info", str(published))
    model = perceiver.load(published)
    assert found["family"] == "transformers"
    # The table of learned positions is the only thing that has fewer numbers here than there; this model has none.
    assert found["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert perceiver.PerceiverConfig.from_dict(found["config"]) == model.config
    assert {question["name"] for question in found["questions"]} == set(found["answers"])


def test_info_of_a_checkpoint_of_this_project(published: Path) -> None:
    assert run("convert", str(published), "converted").exit_code == 0
    told = run("checkpoints", "info", "converted").stdout
    assert told.startswith("Format      Perceiver Lens\n")
    assert "CC BY 4.0" in told


def test_what_is_converted_answers_alike_and_says_where_it_is_from(published: Path) -> None:
    result = run("convert", str(published), "converted")
    assert (result.exit_code, result.stdout) == (0, "")
    assert sorted(path.name for path in Path("converted").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    before, after = perceiver.load(published), perceiver.load("converted")
    assert after.config == before.config
    content = torch.randn(1, 28 * 28, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(after(after.input_array(content)), before(before.input_array(content)))
    card = Path("converted/README.md").read_text()
    assert f"Converted from {published} (Hugging Face Transformers)." in card
    assert "CC BY 4.0" in card


def test_commands_open_foreign_checkpoints(published: Path) -> None:
    (one,) = values("predict", PHOTO, "-c", str(published))
    assert one["model"] == "small-perceiver"
    assert one["predictions"][0]["label"] in LABELS
    assert run("maps", PHOTO, "-c", str(published), "-o", "maps").exit_code == 0
    assert list(Path("maps").iterdir())
    taken = values("ablate", PHOTO, "-c", str(published), "--low-pass", "32")
    assert taken


def test_a_switch_is_given_by_name(published: Path) -> None:
    assert run("convert", str(published), "tanh", "--set", "hidden_act=gelu_pytorch_tanh").exit_code == 0
    assert perceiver.load("tanh").config.activation == "gelu_tanh"
    Path("arguments.json").write_text(json.dumps({"num_blocks": 2}))
    assert run("convert", str(published), "two", "--arguments", "arguments.json").exit_code == 0
    assert len(perceiver.load("two").config.plan) == 2
    assert "num_blocks is 'many'" in refused("convert", str(published), "many", "--set", "num_blocks=many")


def test_every_command_that_opens_a_checkpoint_takes_options() -> None:
    group = typer.main.get_command(app)
    taking = {name for name, one in group.commands.items() if any(p.name == "checkpoint" for p in one.params)}
    assert {"predict", "maps", "compare", "tartan", "encoding", "evaluate", "explain", "sweep"} <= taking
    for name in taking:
        options = {option for one in group.commands[name].params for option in one.opts}
        assert {"--arguments", "--set"} <= options, name


def test_options_decide_how_a_checkpoint_is_run(published: Path) -> None:
    plain = values("predict", PHOTO, "-c", str(published), "--top", "1")
    fewer = values("predict", PHOTO, "-c", str(published), "--top", "1", "--set", "num_blocks=1")
    Path("one.json").write_text(json.dumps({"num_blocks": 1}))
    assert values("predict", PHOTO, "-c", str(published), "--top", "1", "--arguments", "one.json") == fewer
    model = perceiver.load(published, options={"num_blocks": 1})
    image = modalities.get("image").read(
        Path(PHOTO).read_bytes(), PHOTO, shape=(28, 28), preprocess=model.config.preprocess
    )
    expected = float(model(model.inputs(image)).softmax(-1).max())
    (prediction,) = fewer[0]["predictions"]
    assert prediction["probability"] == pytest.approx(expected, abs=1e-6)
    assert prediction["probability"] != pytest.approx(plain[0]["predictions"][0]["probability"], abs=1e-6)


def test_options_that_a_checkpoint_does_not_take_are_refused(published: Path) -> None:
    assert "takes no nonsense" in refused("predict", PHOTO, "-c", str(published), "--set", "nonsense=1")
    assert "has to be NAME=VALUE" in run("predict", PHOTO, "-c", str(published), "--set", "nonsense").stderr


def test_of_several_checkpoints_those_of_other_projects_take_them(published: Path) -> None:
    assert run("convert", str(published), "ours").exit_code == 0
    both = ("compare", PHOTO, "-c", "ours", "-c", str(published))
    same, other = values(*both), values(*both, "--set", "num_blocks=1")
    assert same != other
    assert "takes no num_blocks" in refused("predict", PHOTO, "-c", "ours", "--set", "num_blocks=1")


def test_a_set_of_weights_is_chosen_on_the_command_line(published: Path) -> None:
    """The average has another tower; of several checkpoints the choice goes to those whose files hold two sets."""
    trained = load_file(published / "model.safetensors")
    average = {n: 2 * tensor if "self_attends" in n else tensor for n, tensor in trained.items()}
    Path("run").mkdir()
    torch.save({"state_dict": trained, "state_dict_ema": average}, "run/last.ckpt")
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copy(published / name, "run")
    told = run("checkpoints", "info", "run").stdout
    assert '--set weights="state_dict"  Set of weights (state_dict, state_dict_ema)' in told
    assert "took the weights state_dict, and also holds state_dict_ema" in " ".join(told.split())
    chosen = ("--set", "weights=state_dict_ema")
    predict = ("predict", PHOTO, "-c", "run", "--top", "5")
    (plain,), (averaged,) = values(*predict), values(*predict, *chosen)
    (expected,) = values("predict", PHOTO, "-c", str(published), "--top", "5")
    assert plain["predictions"] == expected["predictions"] != averaged["predictions"]
    assert run("convert", "run", "ours", *chosen).exit_code == 0
    assert values("predict", PHOTO, "-c", "ours", "--top", "5")[0]["predictions"] == averaged["predictions"]
    assert "took the weights state_dict_ema" in Path("ours/README.md").read_text()
    both = ("compare", PHOTO, "-c", "ours", "-c", "run")
    assert values(*both) != values(*both, *chosen)
    assert "weights is 'ema'; it must be 'state_dict' or 'state_dict_ema'" in refused(*predict, "--set", "weights=ema")
    assert "holds one set of weights alone" in refused("predict", PHOTO, "-c", "ours", *chosen)


def test_convert_overwrites_nothing(published: Path) -> None:
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    assert "full is not empty" in refused("convert", str(published), "full")
    assert [path.name for path in Path("full").iterdir()] == ["mine.txt"]


def test_a_conversion_that_is_refused_leaves_nothing(published: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(published, tmp_path / "broken")
    data = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "is cut off" in refused("convert", str(broken), "out")
    assert not Path("out").exists()


@pytest.mark.parametrize("source", ["nowhere/at/all", "no such thing", ""])
def test_unknown_sources(source: str) -> None:
    assert "is neither a folder on this machine nor a hub id" in refused("checkpoints", "info", source)
