"""Every command of the documents: those that need no network run, in this process, on small models and files that
stand in for large ones; all have a name and options that the command line knows."""

from __future__ import annotations

import dataclasses
import glob
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest
import torch
from typer.main import get_command

import dataset_builders
import perceiver
from perceiver import Perceiver
from perceiver.checkpoints import hub as hub_module
from perceiver.cli import app
from perceiver.cli import serve as serve_command
from perceiver.training import recipes
from perceiver.training.recipe import Recipe
from tests import commands
from tests.app import sounds
from tests.checkpoints.formats.test_krasserm import FORMATS
from tests.checkpoints.local_hub import LocalHub, serve
from tests.cli.test_clips import CONFIG as CLIPS
from tests.modalities.audiovisual.clips import clip, numbered, tone
from tests.models import tiny_results
from tests.test_docs import PAGES, PYTHON, ROOT, SHELL, blocks
from tests.training.test_clip_folders import write_audioset, write_kinetics
from tests.training.test_modelnet import FLOOR, WALL
from tests.training.test_sets_writing import write_letters

SAMPLES = ROOT / "checkpoints/samples"
CARDS = sorted(ROOT.glob("checkpoints/*/README.md"))
BUNDLED = ("letters-fourier", "letters-learned", "image-fourier", "image-learned", "audio-mel", "points-fourier")
PUBLISHED = ("vision-perceiver-fourier", "vision-perceiver-learned", "multimodal-perceiver")
RUN_PAGES = ("README.md", "docs/checkpoints.md", "docs/training.md")
INLINE = re.compile(r"`(perceiver [^`]+)`")


def small(recipe: Recipe) -> Recipe:
    """The recipe with few narrow latents and two steps; what it reads is the same."""
    sizes: dict[str, Any] = {"num_latents": 12, "latent_dim": 8, "self_attends": 1, "self_heads": 2}
    model = dataclasses.replace(recipe.model, **sizes, qk_dim=8, v_dim=8)
    teacher = recipe.teacher and dataclasses.replace(recipe.teacher, steps=1, batch=4, widths=(4, 4))
    return dataclasses.replace(recipe, model=model, teacher=teacher, steps=2, batch=4, warmup=0, precision="no")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small checkpoints under the names of those that come with the project."""
    root = tmp_path_factory.mktemp("store")
    torch.manual_seed(0)
    for name in BUNDLED:
        config = small(recipes.get(name)).model
        perceiver.save(
            Perceiver(config).eval(), root / name, results=tiny_results(name, dict.fromkeys(config.labels, (1, 2)))
        )
    shutil.copy(ROOT / "checkpoints/order.json", root)
    return root


@pytest.fixture
def _published(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub on this machine with small checkpoints under the names of DeepMind's."""
    folders = dict(zip(PUBLISHED, ("image-fourier", "image-learned"), strict=False))
    with serve(LocalHub()) as hub:
        for name, folder in folders.items():
            hub.commit(f"deepmind/{name}", store / folder)
        hub.commit(f"deepmind/{PUBLISHED[-1]}", perceiver.save(Perceiver(CLIPS).eval(), tmp_path / "clips"))
        client, here = hub_module._Client, {"endpoint": hub.endpoint, "cache_dir": tmp_path / "cache", "token": False}
        monkeypatch.setattr(hub_module, "_Client", lambda name, how: client(name, dataclasses.replace(how, **here)))
        yield


@pytest.fixture
def _files(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files and data sets that the documents name."""
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    Path("checkpoints").symlink_to(ROOT / "checkpoints")
    for sample, name in (
        ("image/letter_a.jpg", "letter.jpg"),
        ("image/chair.jpg", "photo.jpg"),
        ("audio/piano.ogg", "song.mp3"),
        ("points/chair.ply", "chair.ply"),
    ):
        shutil.copy(SAMPLES / sample, name)
    Path("talk.mp3").write_bytes(sounds.wav(sounds.tones(440.0, 880.0, 220.0)))
    points = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    Path("survey.csv").write_text("id,x,y,z\n" + "".join(f"{i},{x},{y},{z}\n" for i, (x, y, z) in enumerate(points)))
    cloud = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
    cloud.x, cloud.y, cloud.z = points.T
    cloud.write("scan.las")
    Path("clip.mp4").write_bytes(clip(numbered(), count=30, sound=tone(1.2), audio_codec="aac"))
    shutil.copy(FORMATS / "training.ckpt", "model.ckpt")
    Path("data").mkdir()
    write_letters(Path("data"))
    for name in ("letters-fourier", "letters-learned"):  # which have analyses beside their weights
        commands.run("dataset", name, "--most", "8", "-o", "analyses")
        shutil.move(Path("analyses", f"{name}.npz"), store / name / "dataset.npz")
    for label, text in (("wall", WALL), ("floor", FLOOR)):
        for side in ("train", "test"):
            folder = Path("ModelNet40", label, side)
            folder.mkdir(parents=True)
            (folder / f"{label}.off").write_text(text)
        for k in range(10):
            picture = Path("imagenet", label, f"{k}.jpg")
            picture.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy("photo.jpg", picture)
    write_kinetics(Path("kinetics"))
    write_audioset(Path("audioset"))


@pytest.fixture
def slow_parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Small recipes; a builder of data sets and a server that only take note of what they are asked for."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(recipes, "RECIPES", {name: small(recipe) for name, recipe in recipes.RECIPES.items()})
    monkeypatch.setattr(dataset_builders, "build", lambda *given, **_: asked.append(given))
    monkeypatch.setattr(os, "execv", lambda *given: asked.append(given))
    monkeypatch.setattr(serve_command, "_check_listening", lambda *_: None)  # other servers may have the port
    return asked


def known_commands(group: Any, *names: str) -> dict[tuple[str, ...], Any]:
    """All commands below a group, by the words they are called with."""
    found: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= known_commands(command, *names, name)
        else:
            found[(*names, name)] = command
    return found


KNOWN = known_commands(get_command(app))


def command_of(words: list[str]) -> tuple[str, ...]:
    """The command that a line calls, without its arguments; a group alone stands for its default command."""
    group = [name for name in KNOWN if words[:1] == list(name[:1])]
    exact = [name for name in group if tuple(words[: len(name)]) == name]
    default = [name for name in group if name[1:] == ("show",)]
    return next(iter(exact or default or group), ())


def options_of(command: tuple[str, ...]) -> set[str]:
    return {name for one in KNOWN[command].params for name in (*one.opts, *one.secondary_opts)} | {"--help"}


def lines(page: Path) -> list[list[str]]:
    """The command lines of a page, as words."""
    shown = [line for block in blocks(page, SHELL) for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in shown if (words := shlex.split(line, comments=True))]


def test_every_command_is_in_the_readme_and_no_line_twice() -> None:
    shown = [words for words in lines(ROOT / "README.md") if words[0] == "perceiver"]
    assert len({tuple(words) for words in shown}) == len(shown)
    assert {command_of(words[1:]) for words in shown} == set(KNOWN)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if "perceiver " in p.read_text("utf-8")], ids=lambda p: p.parent.name + "/" + p.name
)
def test_documents_name_commands_and_options_that_exist(page: Path) -> None:
    inline = [shlex.split(text.replace("\n", " ")) for text in INLINE.findall(page.read_text("utf-8"))]
    for words in [words for words in lines(page) if words[0] == "perceiver"] + inline:
        given = words[1:]
        general = {"--version", "--isolate", "--help"}
        if given[0] in general or given[0].isupper():  # a general option, or COMMAND in place of one
            continue
        command = command_of(given)
        if not command:
            assert given in [[name[0]] for name in KNOWN], words
            continue
        assert {word for word in given if word.startswith("-")} <= options_of(command), words


def test_other_programs_of_the_documents_exist() -> None:
    usage = (ROOT / "run").read_text("utf-8")
    extras = (ROOT / "pyproject.toml").read_text("utf-8")
    for page in [ROOT / name for name in (*RUN_PAGES, "CONTRIBUTING.md")]:
        for program, *words in lines(page):
            match program:
                case "perceiver":
                    pass
                case "./run":
                    assert f"./run {' '.join(words[:1])} " in usage
                case "accelerate":
                    assert words[words.index("-m") + 1] == "perceiver"
                case "pip":
                    assert f"\n{words[-1].removeprefix('.[').removesuffix(']')} = [" in extras
                    assert (ROOT / words[words.index("-c") + 1]).is_file()
                case _:
                    assert program == ".venv/bin/python"
                    assert all((ROOT / word).exists() for word in words if "/" in word)
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]):
        for script, rest in re.findall(r"`python (benchmarks/\w+\.py)([^`]*)`", page.read_text("utf-8")):
            source = (ROOT / script).read_text("utf-8")
            assert all(f'"{option}"' in source for option in re.findall(r"--[\w-]+", rest)), script


@pytest.mark.usefixtures("_published", "_files")
@pytest.mark.parametrize("page", RUN_PAGES)
def test_commands_of_the_documents_run(page: str, slow_parts: list[tuple[Any, ...]]) -> None:
    """In the order of the page, in one folder; what is written to a folder is there, and other results are printed."""
    shown = [words[words.index("perceiver") + 1 :] for words in lines(ROOT / page) if "perceiver" in words]
    assert shown
    for words in shown:
        given = [name for word in words for name in (sorted(glob.glob(word)) if "*" in word else [word])]
        asked = len(slow_parts)
        result = commands.run(*given)
        assert result.exit_code == 0, (words, result.output, result.exception)
        assert result.stdout.strip() or words[0] == "convert" or len(slow_parts) > asked, words
        if "-o" in words:
            assert list(Path(words[words.index("-o") + 1]).iterdir()), words
    if page == "README.md":
        server, (built, *_) = slow_parts
        assert server[1][-7].endswith("server.py")
        assert built.outputs[0].name == "letters.npz"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_python_of_cards_runs(card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks(card, PYTHON)
    monkeypatch.chdir(tmp_path)
    place = Path("path/to/this/folder")
    place.parent.mkdir(parents=True)
    place.symlink_to(card.parent)
    names: dict[str, Any] = {}
    exec(compile(block, str(card), "exec"), names)
    labels = json.loads((card.parent / "config.json").read_text("utf-8"))["labels"]
    assert list(names["model"].config.labels) == labels


def test_cards_name_the_command_that_trains_them() -> None:
    for card in CARDS:
        for words in lines(card):
            assert words[:2] == ["perceiver", "train"]
            assert words[2] in recipes.RECIPES
