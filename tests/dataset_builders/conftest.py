"""An apt of the tests' own for everything that fetches packages."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from dataset_builders import packages

from .debian import Apt


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    made = Apt.install(tmp_path / "apt")
    monkeypatch.setenv("PATH", str(made.root / "bin"), prepend=":")
    monkeypatch.setattr(packages, "DOWNLOADER", str(made.root / "bin" / "apt-helper"))
    return made


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """A main module without a file: tests of the app leave their script there, which spawned processes would run."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
