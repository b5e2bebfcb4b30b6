"""Which files at a path are a checkpoint's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import perceiver
from perceiver import CheckpointError
from perceiver.checkpoints.location import at_path, resolve


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def found(path: Path) -> tuple[str | None, ...]:
    files = at_path(path, "it")
    return tuple(file and file.name for file in (files.weights, files.config, files.preprocessor))


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (["model.safetensors", "pytorch_model.bin", "last.ckpt"], "model.safetensors"),
        (["pytorch_model.bin", "last.ckpt", "training_args.bin"], "pytorch_model.bin"),
        (["last.ckpt", "notes.txt", "events.log"], "last.ckpt"),
        (["a.pt"], "a.pt"),
        (["a.pth"], "a.pth"),
        (["a.bin"], "a.bin"),
        (["a.safetensors"], "a.safetensors"),
    ],
)
def test_the_weights_of_a_folder(names: list[str], weights: str, tmp_path: Path) -> None:
    assert found(folder(tmp_path, *names)) == (weights, None, None)


def test_the_small_files_beside_them(tmp_path: Path) -> None:
    folder(tmp_path, "pytorch_model.bin", "config.json", "preprocessor_config.json", "pytorch_model.json")
    expected = ("pytorch_model.bin", "config.json", "preprocessor_config.json")
    assert found(tmp_path) == expected
    assert found(tmp_path / "pytorch_model.bin") == expected


def test_a_json_file_called_as_the_weights_are(tmp_path: Path) -> None:
    folder(tmp_path, "one.pt", "one.json", "two.pt")
    assert found(tmp_path / "one.pt") == ("one.pt", "one.json", None)
    assert found(tmp_path / "two.pt") == ("two.pt", None, None)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.pt", "b.ckpt"], "holds several files of weights (a.pt, b.ckpt); give the path of one of them"),
        ([f"{n}.pt" for n in range(6)], "(0.pt, 1.pt, 2.pt, 3.pt, ...)"),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
            "holds its weights in several pieces",
        ),
        (["notes.txt"], "model.safetensors is missing, and no other file of weights is there"),
    ],
)
def test_no_weights_or_too_many(names: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        at_path(folder(tmp_path, *names), "it")
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    assert found(folder(tmp_path, "a.pt")) == ("a.pt", None, None)


def test_a_location_is_found_once_and_then_used(checkpoint: Path) -> None:
    at = resolve(checkpoint)
    assert (at.source, at.weights, at.config) == (
        str(checkpoint),
        checkpoint / "model.safetensors",
        checkpoint / "config.json",
    )
    assert resolve(at) is at
    assert perceiver.load(at).config == perceiver.load(checkpoint).config


def test_messages_use_the_labels_of_files(checkpoint: Path) -> None:
    """Uploads lie in folders that mean nothing to the one who uploaded them."""
    at = resolve(checkpoint)
    at = dataclasses.replace(at, source="the upload", labels={at.weights: "mine.pt", at.config: "config.json"})
    (checkpoint / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"^config\.json is not valid JSON"):
        perceiver.inspect(at)
    (checkpoint / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        perceiver.load(at)
    assert (caught.value.cause, caught.value.advice) == ("mine.pt is empty (0 bytes)", "download it again")
