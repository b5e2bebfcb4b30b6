"""`perceiver ablate`, `sweep` and `permute`: what changes when positions are taken away or contents are moved."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import rankdata

from perceiver import load, modalities
from perceiver.analysis.ablation import Ablation, parse
from perceiver.analysis.target_class import find_class
from perceiver.errors import ConfigError
from perceiver.sample import Sample
from tests.app import clouds, folder
from tests.commands import PHOTO, refused, run, stand_in, values
from tests.models import tiny


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = folder.build(tmp_path_factory.mktemp("checkpoints"))
    return clouds.build(root)


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(store, tmp_path, monkeypatch)


def read(name: str = "image-fourier", file: str = PHOTO) -> Sample:
    config = load(name).config
    modality = modalities.get(config.modality)
    return modality.read(Path(file).read_bytes(), file, shape=config.input_shape, preprocess=config.preprocess)


def logits(taken: Ablation, name: str = "image-fourier", file: str = PHOTO) -> np.ndarray:
    """The answer without what is taken away."""
    model, sample = load(name), read(name, file)
    codes = taken.apply(model.codes(sample), model.encoding)
    return model(model.inputs(sample, codes)).detach().numpy()[0]


@pytest.mark.parametrize("command", ["ablate", "sweep", "permute"])
def test_help_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\n    perceiver {command}" in result.stdout


def test_help_waits_for_nothing_slow() -> None:
    code = (
        "import sys; from perceiver.cli import main\n"
        "sys.argv = ['perceiver', 'ablate', '--help']\n"
        "try: main()\n"
        "finally: assert not {'torch', 'numpy', 'scipy', 'matplotlib', 'captum'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


class TestAblate:
    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (("--remove", "s1:2,x2,mean"), "s1:2,x2,mean"),
            (("--low-pass", "1"), "b1:2-4,b2:2-4"),
            (("--high-pass", "3"), "b1:1-3,b2:1-3"),
            (("--keep", "2", "6"), "b1:1.4,b2:1.4"),
            (("--band", "2"), "b1:2,b2:2"),
            (("--band", "2", "--axis", "2"), "b2:2"),
            (("--axis", "1"), "b1:1-4,x1"),
            (("--no-coordinates",), "x1,x2"),
            (("--sines",), "c1:1-4,c2:1-4"),
            (("--cosines",), "s1:1-4,s2:1-4"),
            (("--all", "--fill", "mean"), "all,mean"),
            (("--band", "1", "--no-coordinates", "--fill", "shuffle", "--seed", "7"), "b1:1,b2:1,x1,x2,shuffle:7"),
            (("--remove", "b1:1,mean", "--band", "2"), "b1:1-2,b2:2,mean"),
        ],
    )
    def test_what_is_asked_is_taken_away(self, options: tuple[str, ...], text: str) -> None:
        (out,) = values("ablate", PHOTO, "-c", "image-fourier", *options)
        assert out["ablation"] == text
        found = {one["class"]: one["logit_after"] for one in out["classes"]}
        expected = logits(parse(text))
        assert [found[i] for i in range(3)] == pytest.approx(expected.tolist(), abs=1e-4)

    def test_numbers_are_the_librarys(self) -> None:
        first, second = values("ablate", PHOTO, "cloud.ply", "--low-pass", "1", "--class", "lamp")
        assert (first["model"], second["model"]) == ("image-fourier", "points-fourier")
        before, after = logits(Ablation()), logits(parse("b1:2-4,b2:2-4"))
        assert first["target"]["label"] == "lamp"
        assert first["target"]["logit_change"] == pytest.approx(after[1] - before[1], abs=1e-4)
        p, q = (torch.softmax(torch.from_numpy(one).double(), 0).numpy() for one in (before, after))
        assert first["target"]["probability_change"] == pytest.approx(q[1] - p[1], abs=1e-5)
        assert first["kl"] == pytest.approx(float((p * np.log(p / q)).sum()), abs=1e-5)
        assert [block["block"] for block in first["blocks"]] == [0, 1, 2]
        assert all(0 < block["divergence"] < 1 for block in first["blocks"])
        assert second["ablation"] == "b1:2-4,b2:2-4,b3:2-4"

    def test_for_people_it_is_said_in_cycles(self) -> None:
        result = run("ablate", PHOTO, "--low-pass", "2", "--fill", "mean")
        assert result.exit_code == 0, result.output
        head, taken, heads, *rest = result.stdout.splitlines()
        assert head == f"{PHOTO} (image-fourier)"
        # Four frequencies from 1 to 8: 1, 3.33, 5.67 and 8.
        across = "5.67 to 8 cycles across {} (2 of 4 bands)"
        assert (
            taken.strip() == f"taken away: {across.format('rows')}, {across.format('cols')}; in their place their mean"
        )
        assert heads.split() == ["before", "after", "points", "logit"]
        assert any("KL divergence" in line for line in rest)
        assert [line.split()[0] for line in rest[-3:]] == ["1", "2", "3"]

    def test_files(self) -> None:
        result = run("ablate", PHOTO, "--axis", "2", "-o", "out")
        assert result.exit_code == 0, result.output
        stem = "photo.image-fourier.ablated.axis-2"
        names = [f"{stem}.png", f"{stem}-difference.png", f"{stem}.npz", f"{stem}.json"]
        assert sorted(path.name for path in Path("out").iterdir()) == sorted(names)
        assert [line for line in result.stdout.splitlines() if line.startswith("out")] == [f"out/{n}" for n in names]
        for name in names[:2]:
            assert min(Image.open(Path("out") / name).size) > 300
        model, sample = load("image-fourier"), read()
        with np.load(Path("out") / names[2], allow_pickle=False) as file:
            expected = model.trace(model.inputs(sample)).map(2).reshape(16, 16)
            np.testing.assert_allclose(file["before"][2], expected, rtol=1e-4)
            assert not np.allclose(file["after"], file["before"])
            assert len(file["cols"]) == 16
        out = json.loads((Path("out") / names[3]).read_text())
        assert out["ablation"] == "b2:1-4,x2"

    def test_only_the_formats_that_are_named(self) -> None:
        assert run("ablate", PHOTO, "--all", "-o", "out", "--format", "json").exit_code == 0
        assert [path.suffix for path in Path("out").iterdir()] == [".json"]

    def test_refusals(self) -> None:
        assert "4 bands on each axis" in refused("ablate", PHOTO, "-c", "image-fourier", "--low-pass", "4")
        said = refused("ablate", PHOTO, "-c", "image-fourier", "--band", "5")
        assert said == "image-fourier has no band 5; they run from 1 to 4"
        said = refused("ablate", PHOTO, "-c", "image-learned", "--low-pass", "1")
        assert said.endswith("image-learned has learned positions, without frequencies; --all takes them whole")
        assert "no band b1:9" in refused("ablate", PHOTO, "-c", "image-fourier", "--remove", "b1:9")
        assert "says nothing about" in refused("ablate", PHOTO, "-c", "image-fourier", "--remove", "high")
        assert "has no class 'chair'; it has bed_cot, lamp, vessel" in refused(
            "ablate", PHOTO, "--all", "--class", "chair"
        )
        assert run("ablate", PHOTO).exit_code == 2
        assert run("ablate", PHOTO, "--sines", "--cosines").exit_code == 2
        assert run("ablate", PHOTO, "--all", "--format", "svg").exit_code == 2

    def test_what_cannot_be_read_is_left_out(self) -> None:
        result = run("ablate", "missing.png", PHOTO, "--all", "--json")
        assert result.exit_code == 2
        assert "missing.png" in result.stderr
        assert [one["file"] for one in json.loads(result.stdout)] == [PHOTO]


class TestSweep:
    def test_every_point_is_that_ablation(self) -> None:
        out = values("sweep", PHOTO, "--class", "2", "--fill", "mean")
        # 4 bands on 2 axes, then low-pass and high-pass.
        assert len(out["points"]) == 16
        assert out["target"] == {"class": 1, "label": "lamp"}
        before = logits(Ablation())
        for point in out["points"]:
            after = logits(parse(point["ablation"]))
            assert point["logit_change"] == pytest.approx(after[1] - before[1], abs=1e-4)
        assert {(p["family"], p["axis"]) for p in out["points"]} == {
            ("single", "rows"),
            ("single", "cols"),
            ("low_pass", None),
            ("high_pass", None),
        }
        for part, points in (("single", out["points"][:8]), ("cumulative", out["points"][8:])):
            ranks = [rankdata([point[key] for point in points]) for key in ("estimate", "logit_change")]
            # Two cumulative ablations are the same, and what rounding makes of them may differ.
            assert out["spearman"][part] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=0.05)
        assert out["points"][8]["estimate"] == pytest.approx(
            out["points"][8]["logit_change"], abs=1e-4
        )  # no band is left

    def test_csv(self) -> None:
        result = run("sweep", "cloud.ply", "--csv")
        assert result.exit_code == 0, result.output
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert len(rows) == 5 * 4
        assert {row["axis"] for row in rows} == {"x", "y", "z", ""}
        assert [float(row["cycles"]) for row in rows[:4]] == pytest.approx([1, 4, 7, 10])

    def test_for_people(self) -> None:
        result = run("sweep", PHOTO)
        assert result.exit_code == 0, result.output
        text = result.stdout
        assert "  each frequency of cols alone\n" in text
        assert "  this and all higher frequencies of every axis (of rows)\n" in text
        assert text.count("cycles") == 4
        assert re.fullmatch(
            r"  Spearman's rho .* logit: -?\d\.\d\d for frequencies alone, -?\d\.\d\d for cut-offs",
            text.splitlines()[-1],
        )

    def test_refusals(self) -> None:
        said = refused("sweep", PHOTO, "-c", "image-learned")
        assert said == "image-learned has learned positions: there are no frequencies to sweep"
        assert run("sweep", PHOTO, "--csv", "--json").exit_code == 2


class TestPermute:
    def test_all_three_by_default(self) -> None:
        (out,) = values("permute", PHOTO)
        elements, contents, blocks = out["shuffles"]
        assert [one["shuffle"] for one in out["shuffles"]] == ["elements", "contents", "blocks"]
        assert elements["largest"] < 1e-4 < contents["largest"]
        assert not elements["flipped"]
        assert (blocks["size"], blocks["kept"]) == (4, 0)

    def test_contents_move_against_positions(self) -> None:
        (out,) = values("permute", PHOTO, "--shuffle", "contents", "--seed", "5", "--class", "lamp")
        model, sample = load("image-fourier"), read()
        order = np.random.default_rng(5).permutation(256)
        moved = model.input_array(sample.content[torch.from_numpy(order)][None], model.codes(sample))
        (one,) = out["shuffles"]
        found = {row["class"]: row["logit_after"] for row in one["classes"]}
        assert [found[i] for i in range(3)] == pytest.approx(model(moved).detach()[0].tolist(), abs=1e-4)
        assert one["target"]["label"] == "lamp"

    def test_free_elements(self) -> None:
        result = run("permute", "cloud.ply", PHOTO, "--size", "3")
        assert result.exit_code == 0, result.output
        assert "each coordinate on its own" in result.stdout
        assert "cells, 3 along a side of the cube" in result.stdout
        assert "blocks of 3 × 3 elements (31 elements stay)" in result.stdout

    def test_refusals(self) -> None:
        assert "leave nothing to exchange" in refused("permute", PHOTO, "--size", "9")


def test_classes_go_by_name_word_or_number() -> None:
    asked = {"bed_cot": 0, "Bed cot": 0, "cot": 0, "LAMP": 1, "1": 0, "3": 2}
    named = tiny(labels=folder.LABELS)
    assert {text: find_class(text, named) for text in asked} == asked
    for text in ("0", "4", "be", ""):
        with pytest.raises(ConfigError, match="has no class"):
            find_class(text, named)
    with pytest.raises(ConfigError, match="several classes 'pot': tea_pot, pot_plant"):
        find_class("pot", tiny(labels=("tea_pot", "pot_plant"), num_classes=2))
    # Without labels, the name is what results show, and numbers count as it does.
    asked = {"class 0": 0, "0": 0, "Class 2": 2, "2": 2}
    assert {text: find_class(text, tiny()) for text in asked} == asked
    for text in ("3", "class 3", "-1"):
        with pytest.raises(ConfigError, match="its classes are class 0 to class 2"):
            find_class(text, tiny())
