"""`perceiver explain` and `perceiver faithfulness`: what a class rests on, and whether the maps hold."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perceiver import Perceiver, load, modalities
from perceiver.analysis.attribution import attribute
from perceiver.analysis.faithfulness import faithfulness, random_faithfulness
from perceiver.analysis.methods import METHODS
from perceiver.analysis.relevance import relevance
from perceiver.sample import Sample
from tests.app import clouds, folder
from tests.commands import PHOTO, refused, run, stand_in, values


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = folder.build(tmp_path_factory.mktemp("checkpoints"))
    return clouds.build(root)


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(store, tmp_path, monkeypatch)


def read(name: str = "image-fourier") -> tuple[Perceiver, Sample]:
    model = load(name)
    config = model.config
    data = Path(PHOTO).read_bytes()
    return model, modalities.get("image").read(data, PHOTO, shape=config.input_shape, preprocess=config.preprocess)


@pytest.mark.parametrize("command", ["explain", "faithfulness"])
def test_help_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\n    perceiver {command}" in result.stdout


class TestExplain:
    def test_numbers_are_the_librarys(self) -> None:
        (out,) = values("explain", PHOTO, "--class", "lamp", "--steps", "8")
        model, sample = read()
        assert list(out["methods"]) == list(METHODS)
        assert out["target"]["label"] == "lamp"
        held = relevance(model, sample, 1)
        score = faithfulness(model, sample, held.total, 1)
        assert out["methods"]["relevance"]["score"] == {
            "deletion": pytest.approx(score.deletion.area, abs=1e-4),
            "insertion": pytest.approx(score.insertion.area, abs=1e-4),
        }
        assert out["relevance"]["shares"] == pytest.approx(held.shares.tolist(), abs=1e-4)
        made = attribute(model, sample, "integrated_gradients", 1, steps=8)
        found = out["methods"]["integrated_gradients"]
        assert (found["change"], found["completeness"]) == pytest.approx((made.change, made.completeness), abs=1e-4)
        random = random_faithfulness(model, sample, 1)
        assert out["random"]["deletion"] == pytest.approx(random.deletion.area, abs=1e-4)

    def test_classes_are_contrasted(self) -> None:
        (out,) = values(
            "explain", PHOTO, "--class", "1", "--against", "vessel", "--method", "relevance", "--relevance", "rollout"
        )
        assert (out["target"]["class"], out["against"]["class"]) == (0, 2)
        assert list(out["methods"]) == ["relevance"]
        assert out["methods"]["relevance"]["signed"] is True
        model, sample = read()
        held = relevance(model, sample, 0, 2, method="rollout")
        assert out["relevance"]["method"] == "rollout"
        assert out["relevance"]["shares"] == pytest.approx(held.shares.tolist(), abs=1e-4)

    def test_files(self) -> None:
        result = run("explain", PHOTO, "--class", "lamp", "--steps", "4", "-o", "out")
        assert result.exit_code == 0, result.output
        stem = "photo.image-fourier.explained.class-lamp.steps-4"
        assert {path.name for path in Path("out").iterdir()} == {
            f"{stem}.png",
            f"{stem}-signed.png",
            f"{stem}.npz",
            f"{stem}.json",
        }
        # Input, two maps of attention, relevance with its three blocks, saliency: five in a row.
        assert min(Image.open(f"out/{stem}.png").size) > 600
        model, sample = read()
        with np.load(f"out/{stem}.npz", allow_pickle=False) as file:
            trace = model.trace(model.inputs(sample))
            mean = sum(trace.map(block).numpy() for block in range(3)) / 3
            np.testing.assert_allclose(file["attention"].ravel(), mean, rtol=1e-4)
            np.testing.assert_allclose(file["last"].ravel(), trace.map(2), rtol=1e-4)
            np.testing.assert_allclose(file["saliency"], attribute(model, sample, "saliency", 1).values, rtol=1e-3)
            np.testing.assert_allclose(file["relevance_blocks"].sum(0), file["relevance"], atol=1e-6)

    def test_maps_without_a_sign_alone_have_one_figure(self) -> None:
        result = run("explain", PHOTO, "--method", "last,saliency", "-o", "out", "--format", "png")
        assert result.exit_code == 0, result.output
        assert [path.name for path in Path("out").iterdir()] == [
            "photo.image-fourier.explained.method-last-saliency.png"
        ]

    def test_for_people(self) -> None:
        result = run("explain", PHOTO, "cloud.ply", "--method", "relevance,integrated_gradients", "--steps", "4")
        assert result.exit_code == 0, result.output
        assert result.stdout.count("random order") == 2
        assert result.stdout.count("relevance: block 1 ") == 2
        assert result.stdout.count("they add up to a change of the logit by ") == 2
        assert "What speaks for " in result.stdout

    def test_refusals(self) -> None:
        assert "cannot be contrasted with itself, lamp" in refused(
            "explain", PHOTO, "--class", "lamp", "--against", "2", "--method", "last"
        )
        assert "no class 'dog'" in refused("explain", PHOTO, "--against", "dog", "--method", "last")
        assert run("explain", PHOTO, "--method", "magic").exit_code == 2


class TestFaithfulness:
    def test_curves_are_the_librarys(self) -> None:
        out = values("faithfulness", PHOTO, "--method", "last", "--steps", "6", "--how", "blank", "--seeds", "2")
        model, sample = read()
        expected = faithfulness(model, sample, model.trace(model.inputs(sample)).map(2).numpy(), steps=6, how="blank")
        found = out["methods"]["last"]["deletion"]
        assert found["shares"] == pytest.approx(expected.deletion.shares.tolist())
        assert found["probabilities"] == pytest.approx(expected.deletion.probabilities.tolist(), abs=1e-4)
        random = random_faithfulness(model, sample, steps=6, how="blank", seeds=2)
        found = out["methods"]["random"]["insertion"]
        assert found["probabilities"] == pytest.approx(random.insertion.probabilities.tolist(), abs=1e-4)
        assert (out["how"], out["target"]["class"]) == ("blank", expected.target)

    def test_csv(self) -> None:
        result = run("faithfulness", "cloud.ply", "--method", "saliency", "--steps", "4", "--csv")
        assert result.exit_code == 0, result.output
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert [(row["method"], row["course"]) for row in rows[::5]] == [
            ("saliency", "deletion"),
            ("saliency", "insertion"),
            ("random", "deletion"),
            ("random", "insertion"),
        ]

    def test_for_people(self) -> None:
        result = run("faithfulness", PHOTO, "--method", "attention,last", "--steps", "4", "--class", "vessel")
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"{PHOTO} (image-fourier), following vessel\n")
        assert result.stdout.count("attention, last block") == 3
        assert "50 %" in result.stdout

    def test_refusals(self) -> None:
        said = refused("faithfulness", "cloud.ply", "--method", "last", "--how", "blank")
        assert "no content" in said
        assert run("faithfulness", PHOTO, "--csv", "--json").exit_code == 2
