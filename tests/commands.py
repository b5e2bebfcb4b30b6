"""Commands as they are typed, in a folder of their own with a photograph and a cloud, over tiny checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from perceiver.cli import app
from tests.app import clouds, folder

PHOTO = "photo.png"
CLOUD = "cloud.ply"


def stand_in(store: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes to an empty folder, puts the two files there, and takes checkpoints from `store`."""
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.chdir(here)
    Path(PHOTO).write_bytes(folder.picture(0))
    Path(CLOUD).write_bytes(clouds.ply(clouds.points()))


def run(*arguments: str) -> Result:
    """Runs a command line."""
    return CliRunner().invoke(app, list(arguments), prog_name="perceiver")


def values(*arguments: str) -> Any:
    """What a command line writes as JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*arguments: str) -> str:
    """Runs a command line that has to end with exit code 2 and one sentence, which is returned."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert not result.stdout.strip()
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("perceiver: ").strip()
