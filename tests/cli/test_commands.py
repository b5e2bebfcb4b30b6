"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import dataset_builders
import perceiver
from perceiver import MapSelection, Perceiver, PerceiverConfig
from perceiver.cli import app, maps, session
from perceiver.cli.options import Kind
from perceiver.plots import colour, scale
from perceiver.positions import FourierConfig
from perceiver.trace import KINDS, REDUCTIONS
from tests.commands import values
from tests.models import tiny_results

LABELS = ("chair", "lamp", "plant")
SHAPE = (6, 9)
LATENTS = 5
BLOCKS = 3
COMMANDS = ("app", "predict", "maps", "scan", "checkpoints", "train", "evaluate", "data", "data build")

RESULTS = tiny_results("tiny", {"chair": (8, 10), "lamp": (5, 10), "plant": (9, 10)})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one checkpoint of random weights: three blocks that read, two heads."""
    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    config = PerceiverConfig(
        num_classes=len(LABELS),
        labels=LABELS,
        input_shape=SHAPE,
        positions=FourierConfig(num_bands=2, max_resolution=(6, 9)),
        num_latents=LATENTS,
        latent_dim=8,
        plan=((0, 0), (1, 0), (None, 0), (1, 0)),
        self_attends=1,
        cross_heads=2,
        self_heads=2,
        qk_dim=8,
    )
    perceiver.save(Perceiver(config), root / "tiny", results=RESULTS)
    return root


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run in a folder of their own, with two photos, and see only the checkpoint made here."""
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.png")
    Image.fromarray(pixels[:, ::-1]).save("other.png")


def run(*arguments: str) -> Result:
    """Runs a command line in this process."""
    return CliRunner().invoke(app, list(arguments), prog_name="perceiver")


def refused(*arguments: str) -> str:
    """Runs a command line that has to end with exit code 2 and one sentence, which is returned."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert not result.stdout.strip()
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("perceiver: ")
    return result.stderr.removeprefix("perceiver: ").strip()


def npz(path: str) -> tuple[np.ndarray, dict[str, object]]:
    """The maps of a file and where they come from."""
    with np.load(path, allow_pickle=False) as file:
        return file["maps"], json.loads(str(file["metadata"]))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"\n    perceiver {command}" in result.stdout


def test_help_waits_for_nothing_slow() -> None:
    code = (
        "import sys; from perceiver.cli import main\n"
        "sys.argv = ['perceiver', 'maps', '--help']\n"
        "try: main()\n"
        "finally: assert not {'torch', 'numpy', 'streamlit', 'matplotlib'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Examples:" in result.stdout


def test_choices_are_the_librarys() -> None:
    assert get_args(maps.Reduce) == REDUCTIONS
    assert get_args(Kind) == KINDS
    assert set(get_args(maps.Mode)) == set(scale.modes("probability"))
    assert set(get_args(maps.Colours)) == set(colour.SEQUENTIAL)


def test_unexpected_faults_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_checkpoint", lambda source: 1 / 0)
    assert isinstance(run("predict", "photo.png").exception, ZeroDivisionError)


def test_a_frame_is_chosen_and_said() -> None:
    frames = [Image.new("RGB", (18, 12), colour) for colour in ("red", "lime", "blue")]
    frames[0].save("three.gif", save_all=True, append_images=frames[1:])
    answers = []
    for number, frame in enumerate(frames, start=1):
        frame.save("one.png")
        result = run("predict", "three.gif", "--read", f"frame={number}")
        assert result.exit_code == 0, result.output
        assert f"used frame {number} of 3" in result.output
        answers.append((predicted("three.gif", "--read", f"frame={number}"), predicted("one.png")))
    assert all(one == other for one, other in answers)
    assert len({str(one) for one, _ in answers}) == 3
    assert refused("predict", "three.gif", "--read", "frame=4") == "three.gif has 3 frames, so frame 4 cannot be read"


def predicted(*arguments: str) -> object:
    """The predictions of a file."""
    (result,) = json.loads(run("predict", *arguments, "--json").stdout)
    return result["predictions"]


@pytest.mark.parametrize("name", ["photo", "photo.img", "photo.wav", "photo.PNG", "photo.tar.gz"])
def test_what_a_file_is_does_not_depend_on_its_ending(name: str) -> None:
    expected = predicted("photo.png")
    Path("photo.png").rename(name)
    assert predicted(name) == expected


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "open_checkpoint", interrupted)
    result = run("predict", "photo.png")
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_what_click_refuses_ends_with_2_too() -> None:
    for arguments in (("predict",), ("predict", "photo.png", "--top", "0"), ("maps", "photo.png"), ("nonsense",)):
        assert run(*arguments).exit_code == 2


def test_predict_lists_the_most_probable_classes(store: Path) -> None:
    result = run("predict", "photo.png", "-c", "tiny", "--top", "2")
    assert result.exit_code == 0, result.output
    head, first, second = result.stdout.splitlines()
    assert head == "photo.png (tiny)"
    assert first.split()[0] in LABELS
    assert float(first.split()[1].rstrip("%")) >= float(second.split()[1].rstrip("%"))


def test_predict_as_json_agrees_with_the_model(store: Path) -> None:
    result = run("predict", "photo.png", "other.png", "-c", "tiny", "--json")
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert (first["file"], second["file"]) == ("photo.png", "other.png")
    pixels = np.asarray(Image.open("photo.png").resize(SHAPE[::-1], Image.Resampling.BICUBIC), dtype=np.float32) / 255
    model = perceiver.load(store / "tiny")
    with torch.no_grad():
        expected = model(model.input_array(torch.from_numpy(pixels).reshape(1, -1, 3)))[0].softmax(-1)
    found = {row["label"]: row["probability"] for row in first["predictions"]}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    for i, label in enumerate(LABELS):
        assert found[label] == pytest.approx(float(expected[i]), abs=1e-5)


def test_predict_takes_a_checkpoint_by_its_folder(store: Path) -> None:
    by_name = json.loads(run("predict", "photo.png", "-c", "tiny", "--json").stdout)
    by_path = json.loads(run("predict", "photo.png", "-c", str(store / "tiny"), "--json").stdout)
    assert by_name == by_path


def test_predict_tells_what_was_changed() -> None:
    Image.new("RGB", (90, 40), "teal").save("wide.png")
    result = run("predict", "wide.png", "-c", "tiny")
    assert "note: " in result.stdout


def test_predict_goes_on_after_a_file_at_fault() -> None:
    result = run("predict", "missing.png", "photo.png", "-c", "tiny", "--json")
    assert result.exit_code == 2
    assert [one["file"] for one in json.loads(result.stdout)] == ["photo.png"]
    assert result.stderr == "perceiver: missing.png cannot be read: no such file or directory\n"


def test_predict_refuses_in_one_sentence(tmp_path: Path) -> None:
    Path("notes.png").write_text("no picture", encoding="utf-8")
    assert "notes.png" in refused("predict", "notes.png", "-c", "tiny")
    assert refused("predict", ".", "-c", "tiny") == ". cannot be read: is a directory"
    assert "tiny" in refused("predict", "photo.png", "-c", "nothing")
    Path("empty").mkdir()
    assert "empty" in refused("predict", "photo.png", "-c", "empty")


def test_a_huge_file_is_refused_before_it_is_read() -> None:
    with open("huge.png", "wb") as file:
        file.truncate(10**12)
    assert "huge.png has 953,674.3 MB" in refused("predict", "huge.png", "-c", "tiny")


def test_maps_writes_a_figure_values_and_predictions() -> None:
    result = run("maps", "photo.png", "-o", "out/maps", "-c", "tiny")
    assert result.exit_code == 0, result.output
    written = result.stdout.split()
    assert written == [f"out/maps/photo.tiny.{form}" for form in ("png", "npz", "json")]
    with Image.open(written[0]) as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height
    values, origin = npz(written[1])
    assert values.shape == (BLOCKS, *SHAPE)
    np.testing.assert_allclose(values.sum((1, 2)), 1, atol=1e-5)
    assert (origin["kind"], origin["reduce"], origin["latent"], origin["head"]) == ("probability", "mean", None, None)
    predicted = json.loads(Path(written[2]).read_bytes())
    assert math.fsum(row["probability"] for row in predicted["predictions"]) == pytest.approx(1)


def test_maps_of_all_latents_hold_every_other_reading() -> None:
    every = ("maps", "photo.png", "-c", "tiny", "--format", "npz")
    assert run(*every, "-o", "all", "--all-latents").exit_code == 0
    values, origin = npz("all/photo.tiny.all-latents.npz")
    assert values.shape == (BLOCKS, LATENTS, *SHAPE)
    assert origin["reduce"] is None
    np.testing.assert_allclose(values.sum((2, 3)), 1, atol=1e-5)
    for name, options, expected in (
        ("", ("--reduce", "mean"), values.mean(1)),
        (".reduce-max", ("--reduce", "max"), values.max(1)),
        (".latent-3", ("--latent", "3"), values[:, 2]),
    ):
        assert run(*every, "-o", "all", *options).exit_code == 0
        np.testing.assert_allclose(npz(f"all/photo.tiny{name}.npz")[0], expected, atol=1e-6)


def test_profiles_hold_the_weight_along_each_axis() -> None:
    assert run("maps", "photo.png", "-c", "tiny", "-o", "out", "--format", "npz,profiles").exit_code == 0
    values = npz("out/photo.tiny.npz")[0].astype(float)
    lines = list(csv.DictReader(Path("out/photo.tiny.profiles.csv").read_text().splitlines()))
    for axis, other in (("rows", 2), ("cols", 1)):
        told = [float(line["value"]) for line in lines if line["axis"] == axis]
        np.testing.assert_allclose(told, values.sum(other).ravel(), rtol=1e-5)
    assert {line["axis"] for line in lines} == {"rows", "cols"}
    assert {float(line["uniform"]) for line in lines if line["axis"] == "rows"} == {1 / SHAPE[0]}


def test_maps_of_single_heads_average_to_the_mean() -> None:
    for head in ("1", "2"):
        assert run("maps", "photo.png", "-c", "tiny", "-o", "out", "--head", head, "--format", "npz").exit_code == 0
    assert run("maps", "photo.png", "-c", "tiny", "-o", "out", "--format", "npz").exit_code == 0
    heads = [npz(f"out/photo.tiny.head-{head}.npz") for head in ("1", "2")]
    assert [origin["head"] for _, origin in heads] == [0, 1]
    np.testing.assert_allclose((heads[0][0] + heads[1][0]) / 2, npz("out/photo.tiny.npz")[0], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--kind", "score", "--scale", "per_map"), "kind-score.scale-per_map"),
        (("--kind", "value", "--scale", "log", "--overlay", "100"), "kind-value.scale-log.overlay-100"),
        (("--reduce", "entropy", "--colours", "viridis"), "reduce-entropy.colours-viridis"),
        (("--scale", "uniform", "--latent", "1", "--head", "2"), "latent-1.head-2.scale-uniform"),
    ],
)
def test_maps_draws_every_reading(options: tuple[str, ...], name: str) -> None:
    result = run("maps", "photo.png", "-c", "tiny", "-o", "out", "--format", "svg", *options)
    assert result.exit_code == 0, result.output
    assert Path(f"out/photo.tiny.{name}.svg").read_bytes().startswith(b"<?xml")


def test_maps_of_files_of_one_name_are_kept_apart() -> None:
    Path("sub").mkdir()
    Image.open("other.png").save("sub/photo.png")
    result = run("maps", "photo.png", "sub/photo.png", "-c", "tiny", "-o", "out", "--format", "npz", "--json")
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert (first["written"], second["written"]) == (["out/photo.tiny.npz"], ["out/photo-2.tiny.npz"])
    assert not np.array_equal(npz("out/photo.tiny.npz")[0], npz("out/photo-2.tiny.npz")[0])


def test_maps_are_checked(store: Path) -> None:
    lens = perceiver.open("tiny")
    for name, seed in (("tiny-seed1", 1), ("tiny-seed2", 2)):
        torch.manual_seed(seed)
        perceiver.save(Perceiver(lens.config), store / name, results=dataclasses.replace(RESULTS, seed=seed))
    try:
        result = run("maps", "photo.png", "-c", "tiny", "-o", "out", "--format", "csv", "--kind", "value", "--check")
        expected = lens.run("photo.png").checks(MapSelection(kind="value"))
    finally:
        for name in ("tiny-seed1", "tiny-seed2"):
            shutil.rmtree(store / name)
    assert result.exit_code == 0, result.output
    table, file, checks = result.stdout.splitlines(), "out/photo.tiny.checks.kind-value.json", expected.checks
    assert table[:2] == ["out/photo.tiny.kind-value.csv", file]
    assert table[2].split("  ")[1:3] == ["block", "map"]
    for line, one in zip(table[3:], checks, strict=False):
        assert line.split()[0] == str(one.block + 1)
        assert one.verdict in line
        assert f"{one.deletion.area:.1%}".replace("%", " %") in line
        assert f"{one.seeds_likeness.mean:.2f}".replace("-", "−") in line
    written = json.loads(Path(file).read_text())
    assert written["maps"]["kind"] == "value"
    assert written["target"]["label"] == lens.run("photo.png").top()[0].label
    for value, one in zip(written["checks"], checks, strict=True):
        assert (value["block"], value["verdict"]) == (one.block, one.verdict)
        assert value["random_order"]["interval"] == pytest.approx(one.random_interval)
        assert value["untrained"]["correlations"] == pytest.approx(one.untrained)
        assert value["other_seeds"]["correlations"] == pytest.approx(one.other_seeds)
        assert list(one.other_seeds) == ["tiny-seed1", "tiny-seed2"]
    refusal = run("maps", "photo.png", "-c", "tiny", "-o", "out", "--latent", "2", "--check")
    assert refusal.exit_code == 2
    assert "latents of two models do not correspond" in " ".join(refusal.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--latent", "6"), "tiny has no latent 6; they run from 1 to 5"),
        (("--head", "3"), "tiny has no head 3; they run from 1 to 2"),
        (
            ("--kind", "score", "--reduce", "entropy"),
            "scores are not shares, so they have no entropy; use kind probability or value",
        ),
        (("--kind", "score", "--scale", "log"), "these maps have no scale log; use --scale shared or per_map"),
    ],
)
def test_maps_refuses_what_the_model_cannot_give(options: tuple[str, ...], sentence: str) -> None:
    assert refused("maps", "photo.png", "-c", "tiny", "-o", "out", *options) == sentence
    assert not Path("out").exists()


def test_maps_says_when_it_cannot_write() -> None:
    assert "cannot be written" in refused("maps", "photo.png", "-c", "tiny", "-o", "other.png", "--format", "npz")


def test_maps_knows_its_formats() -> None:
    assert run("maps", "photo.png", "-c", "tiny", "-o", "out", "--format", "png,gif").exit_code == 2
    assert run("maps", "photo.png", "-c", "tiny", "-o", "out", "--format", "png", "--all-latents").exit_code == 2


def test_checkpoints_are_listed_and_described(store: Path) -> None:
    line = run("checkpoints").stdout
    assert line.startswith("tiny  image 6 × 9, fourier positions, 3 classes, 73.3 % held out")
    (one,) = json.loads(run("checkpoints", "--json").stdout)
    assert one["name"] == "tiny"
    assert one["config"]["input_shape"] == [6, 9]
    assert one["results"]["held_out"]["accuracy"] == pytest.approx(22 / 30)
    assert json.loads(run("checkpoints", "tiny", "--json").stdout) == one


def test_a_card_is_shown_without_its_head() -> None:
    card = run("checkpoints", "tiny").stdout
    assert card.startswith("# tiny")
    assert "perceiver train tiny" in card


def test_an_unknown_checkpoint_is_refused() -> None:
    assert "'huge'" in refused("checkpoints", "huge")


def test_weights_are_verified(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("checkpoints", "--verify")
    assert result.exit_code == 0, result.output
    for line in result.stdout.splitlines():
        assert line.endswith("the weights have the SHA-256 that the card names")
    assert {line.split()[0] for line in result.stdout.splitlines()} == {one["name"] for one in values("checkpoints")}
    assert values("checkpoints", "tiny", "--verify")["verified"] is True
    copy = tmp_path / "copies"
    (copy / "tiny").mkdir(parents=True)
    for file in (store / "tiny").iterdir():
        (copy / "tiny" / file.name).write_bytes(file.read_bytes())
    weights = copy / "tiny" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(copy))
    assert "model.safetensors" in refused("checkpoints", "--verify")


def test_the_table_is_written_into_a_readme() -> None:
    page = Path("README.md")
    page.write_text("# A\n<!-- checkpoints:begin -->\nold\n<!-- checkpoints:end -->\nB\n", encoding="utf-8")
    assert run("checkpoints", "--write-readme", "README.md").exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "| `tiny` |" in text
    assert "73.3 %" in text
    assert "old" not in text
    assert text.startswith("# A\n")
    assert text.endswith("\nB\n")
    page.write_text("no marks", encoding="utf-8")
    assert "README.md" in refused("checkpoints", "--write-readme", "README.md")


@pytest.mark.parametrize("name", ["audio", "digits", "image", "letters", "points"])
def test_data_is_built_where_it_was_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def build(data_set: str, folder: Path, *, force: bool) -> Path:
        built.append((data_set, folder, force))
        return folder

    monkeypatch.setattr(dataset_builders, "build", build)
    monkeypatch.setattr(dataset_builders, "DATA_SETS", {name: lambda: f"the set {name}"})
    monkeypatch.setenv("PERCEIVER_DATA", "elsewhere")
    assert run("data", "build", name).stdout == "elsewhere\n"
    assert run("data", "build", name, "-o", "here", "--force").stdout == "here\n"
    assert built == [(f"the set {name}", Path("elsewhere"), False), (f"the set {name}", Path("here"), True)]
    assert run("data", "build", "nothing").exit_code == 2


def test_app_serves_until_it_is_stopped() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "perceiver", "app", "--port", str(port), "--address", "127.0.0.1"],
        env=os.environ | {"STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 120
        while (answer := _health(port)) != "ok":
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer == "ok"
    finally:
        process.terminate()
        process.wait(20)
    assert _health(port) is None


def _health(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None
