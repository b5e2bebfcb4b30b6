"""`perceiver erase`: what is written, against the model run on the rows that are left."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from perceiver import load, modalities
from perceiver.analysis.erasure import ElementMask
from tests.app import clouds, folder
from tests.commands import CLOUD, PHOTO, refused, run, stand_in, values


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clouds.build(folder.build(tmp_path_factory.mktemp("checkpoints")))


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(store, tmp_path, monkeypatch)


def logits(kept: np.ndarray) -> list[float]:
    """The answer to the rows of the photograph that are kept."""
    model = load("image-fourier")
    data = Path(PHOTO).read_bytes()
    sample = modalities.get("image").read(data, PHOTO, shape=model.config.input_shape, preprocess={})
    rows = model.inputs(sample)[:, torch.from_numpy(kept.ravel())]
    return model(rows)[0].tolist()


def test_numbers_and_files() -> None:
    gone = np.zeros((16, 16), bool)
    gone[2:10, 4:14] = gone[:4, :4] = True
    found = values("erase", PHOTO, "3-10,5-14", "1-4,1-4", "-o", "out")
    assert (found["regions"], found["erased"]["elements"], found["erased"]["of"]) == (["3-10,5-14", "1-4,1-4"], 96, 256)
    after = {one["class"]: one["logit_after"] for one in found["classes"]}
    assert [after[i] for i in range(3)] == pytest.approx(logits(~gone), abs=1e-4)
    assert found["ablation"] == f"erased:{ElementMask.of(gone).code()}"
    stem = Path("out/photo.image-fourier.erased.regions-3-10-5-14-1-4-1-4")
    assert found["written"] == [f"{stem}{end}" for end in (".png", "-difference.png", ".npz", ".json")]
    with np.load(f"{stem}.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["erased"], gone)
        assert np.isnan(file["after"][:, gone]).all()
        assert np.isfinite(file["after"][:, ~gone]).all()
        assert np.isfinite(file["before"]).all()
    assert json.loads(Path(f"{stem}.json").read_text())["erased"] == found["erased"]
    kept = values("erase", PHOTO, "3-10,5-14;1-4,1-4", "--keep")
    after = {one["class"]: one["logit_after"] for one in kept["classes"]}
    assert [after[i] for i in range(3)] == pytest.approx(logits(gone), abs=1e-4)
    again = values("erase", PHOTO, found["erased"]["mask"])
    assert again["classes"] == found["classes"]


def test_for_people_and_refusals() -> None:
    said = run("erase", CLOUD, "z=0:", "-c", "points-fourier").stdout
    assert "of 256 elements" in said
    assert "KL divergence" in said
    said = run("erase", PHOTO, "3-10,5-14", "--fill", "blur").stdout
    assert "taken away: the content of 80 of 256 elements, in its place a blur of the input" in said
    assert "places alone" in refused("erase", CLOUD, "z=0:", "-c", "points-fourier", "--fill", "mean")
    assert "leaves the grid of 16 × 16" in refused("erase", PHOTO, "1-17,1")
    assert "at least one has to stay" in refused("erase", PHOTO, "1-16,1-16")
    assert "'nothing' is no region" in refused("erase", PHOTO, "nothing")
    assert run("erase", PHOTO).exit_code == 2
