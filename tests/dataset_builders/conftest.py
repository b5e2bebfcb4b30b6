"""An apt of the tests' own for everything that fetches packages."""

from __future__ import annotations

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
