"""What analyses export says what they found, in plain values that JSON, CSV and NPZ can hold."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis.ablation import Ablation, parse
from perceiver.analysis.change import AnswerChange, map_changes
from perceiver.analysis.encodings import analyse_code, gram
from perceiver.analysis.explanation import Explanation, Explanations, Question
from perceiver.analysis.faithfulness import Faithfulness, PerturbationCurve
from perceiver.analysis.latents import analyse_latents
from perceiver.analysis.permutation import Shuffled
from perceiver.analysis.relevance import relevance
from perceiver.analysis.spectrum import spectra
from perceiver.analysis.sweep import Curve, Sweep
from perceiver.export.changes import ablation_json, ablation_npz, shuffles_json, sweep_csv, sweep_json
from perceiver.export.encodings import ModelSpectra, encoding_json, encoding_npz, tartan_csv, tartan_json
from perceiver.export.explanations import explanations_json, explanations_npz, faithfulness_csv, faithfulness_json
from perceiver.export.latents import latents_csv, latents_json
from perceiver.export.origin import Layout, Origin
from perceiver.sample import Sample
from tests.models import tiny

LABELS = ("a", "b", "c")
ORIGIN = Origin("m", "s.png", "ab" * 32, ("n",))
PLACES = {"rows": np.array([5.0, 15.0, 25.0]), "cols": np.array([11.0, 13.0, 15.0, 17.0, 19.0])}
GRID = Layout((3, 5), PLACES, box=((0.0, 30.0), (10.0, 20.0)))
BEFORE, AFTER = np.array([0.0, 2.0, 1.0]), np.array([3.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model() -> Perceiver:
    torch.manual_seed(0)
    return Perceiver(tiny()).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def sample() -> Sample:
    content = torch.randn(15, 2, generator=torch.Generator().manual_seed(1))
    return Sample(
        name="s.png", modality="image", content=content, shape=(3, 5), seen=np.empty(0), original=np.empty(0), box=()
    )


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values that went through JSON and came back as they were."""
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    return values


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def opened(buffer: io.BytesIO) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as file:
        return {name: file[name] for name in file}, json.loads(str(file["metadata"]))


class TestAblation:
    def test_json(self, model: Perceiver, sample: Sample) -> None:
        taken = parse("b1:1-2,mean")
        before = model.trace(model.inputs(sample))
        after = model.trace(model.inputs(sample, taken.apply(model.codes(sample), model.encoding)))
        maps = tuple(map_changes(before, after))
        out = plain(ablation_json(taken, AnswerChange(BEFORE, AFTER), LABELS, ORIGIN, target=2, maps=maps))
        assert (out["model"], out["sample"], out["notes"], out["ablation"]) == ("m", "s.png", ["n"], "b1:1-2,mean")
        p, q = np.exp(BEFORE) / np.exp(BEFORE).sum(), np.exp(AFTER) / np.exp(AFTER).sum()
        assert out["target"] == {
            "class": 2,
            "label": "c",
            "logit_change": 0.0,
            "probability_change": pytest.approx(q[2] - p[2]),
        }
        assert out["kl"] == pytest.approx((p * np.log(p / q)).sum())
        assert out["flipped"] is True
        assert [one["class"] for one in out["classes"]] == [1, 2, 0]
        assert out["classes"][0]["probability_after"] == pytest.approx(q[1])
        assert out["blocks"] == [
            {"block": m.block, "divergence": pytest.approx(m.divergence), "latents": pytest.approx(m.latents)}
            for m in maps
        ]

    def test_npz(self, model: Perceiver, sample: Sample) -> None:
        taken = Ablation(whole=True)
        before = model.trace(model.inputs(sample))
        after = model.trace(model.inputs(sample, torch.zeros_like(model.codes(sample))))
        buffer = io.BytesIO()
        ablation_npz(buffer, taken, tuple(map_changes(before, after)), ORIGIN, GRID)
        arrays, metadata = opened(buffer)
        assert metadata["ablation"] == "all"
        assert metadata["axes"] == ["block", "rows", "cols"]
        np.testing.assert_array_equal(arrays["blocks"], [0, 1])
        np.testing.assert_allclose(arrays["before"][1].ravel(), before.map(1), rtol=1e-6)
        np.testing.assert_allclose(arrays["after"][0].ravel(), after.map(0), rtol=1e-6)
        assert arrays["before"].dtype == np.float32
        assert (arrays["latents"] > 0).all()


class TestSweep:
    CURVES = (
        Curve("single", 0, (parse("b1:1"), parse("b1:2")), (1.0, 1.5)),
        Curve("low_pass", None, (parse("b1:1-2"),), (1.0,)),
    )
    ESTIMATES = np.array([-1.0, -0.5, -2.0])

    @staticmethod
    def sweep(curves: tuple[Curve, ...], estimates: np.ndarray, known: list[np.ndarray]) -> Sweep:
        """A sweep of the class 1 of which some exact answers are known."""
        after = np.full((len(estimates), len(BEFORE)), np.nan, dtype=BEFORE.dtype)
        for i, logits in enumerate(known):
            after[i] = logits
        return Sweep(curves, 1, BEFORE, estimates, after)

    def test_csv_has_a_line_an_ablation_and_leaves_out_what_is_not_known(self) -> None:
        swept = self.sweep(self.CURVES, self.ESTIMATES, [AFTER, BEFORE - 1])
        out = rows(sweep_csv(swept, LABELS, axes=("rows", "cols")))
        assert [row["family"] for row in out] == ["single", "single", "low_pass"]
        assert [row["axis"] for row in out] == ["rows", "rows", ""]
        assert [row["ablation"] for row in out] == ["b1:1", "b1:2", "b1:1-2"]
        assert [float(row["cycles"]) for row in out] == [1.0, 1.5, 1.0]
        assert [row["logit_change"] for row in out] == ["-1.0", "-1.0", ""]
        assert [row["answer"] for row in out] == ["a", "b", ""]
        assert float(out[1]["probability_change"]) == pytest.approx(0)

    def test_json_says_how_estimates_agree(self) -> None:
        curves = (
            Curve("single", 0, tuple(parse(f"b1:{k}") for k in (1, 2, 3)), (1.0, 1.5, 2.0)),
            Curve("low_pass", None, (parse("b1:1-3"), parse("b1:2-3")), (1.0, 1.5)),
        )
        estimates = np.array([-1.0, -0.5, -2.0, -4.0, -3.0])
        after = [BEFORE - [0, change, 0] for change in (3, 1, 2, 6, 5)]

        def exported(known: int) -> dict[str, Any]:
            swept = self.sweep(curves, estimates, after[:known])
            return plain(sweep_json(swept, LABELS, ORIGIN, axes=("rows", "cols")))

        out = exported(5)
        # Ranks 2, 3, 1 of the estimates against 1, 3, 2 of the changes: 1 - 6 * 2 / 24.
        assert out["spearman"] == {"single": pytest.approx(0.5), "cumulative": pytest.approx(1)}
        assert [point["logit_change"] for point in out["points"]] == [-3, -1, -2, -6, -5]
        assert exported(3)["spearman"] == {"single": pytest.approx(0.5), "cumulative": None}
        assert exported(1)["spearman"] == {"single": None, "cumulative": None}

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="2 estimates for 3"):
            sweep_csv(self.sweep(self.CURVES, self.ESTIMATES[:2], []), LABELS, axes=("rows",))


def test_shuffles() -> None:
    change = AnswerChange(BEFORE, AFTER)
    one = Shuffled("blocks", 2, 3, np.arange(15), None, change, kept=7)
    (out,) = plain(shuffles_json([one], LABELS, ORIGIN, target=1))["shuffles"]
    assert (out["shuffle"], out["size"], out["seed"], out["kept"], out["largest"]) == ("blocks", 2, 3, 7, 3.0)
    assert out["flipped"] is True
    with pytest.raises(ValueError, match="2 labels for 3 logits"):
        shuffles_json([one], LABELS[:2], ORIGIN, target=1)


class TestEncodings:
    def test_spectra_of_several_models(self, model: Perceiver, sample: Sample) -> None:
        found = tuple(spectra(model.trace(model.inputs(sample)), model.encoding.bands(), None))
        code = gram(model.codes(sample)[0])
        measured = [
            ModelSpectra(Origin("m", "s.png", "ab", ("n",)), "fourier", "m", found, code),
            ModelSpectra(Origin("l", "s.png", None, ("n",)), "learned", None, found[1:]),
        ]
        table = rows(tartan_csv(measured))
        assert [(row["model"], row["bands_of"], row["block"]) for row in table] == [
            ("m", "m", "1"),
            ("m", "m", "2"),
            ("l", "", "2"),
        ]
        assert float(table[1]["at_bands"]) == found[1].at_bands
        assert table[0]["bands"] == "8"
        first, second = plain(tartan_json(measured))["models"]
        assert first["blocks"][0]["ratio"] == pytest.approx(found[0].at_bands / found[0].baseline)
        assert first["code"]["effective"] == code.effective
        assert "code" not in second
        assert (second["model"], second["weights_sha256"], second["notes"]) == ("l", None, ["n"])

    def test_what_is_no_number_is_none(self, model: Perceiver, sample: Sample) -> None:
        none = tuple(spectra(model.trace(model.inputs(sample)), (), None))
        (out,) = plain(tartan_json([ModelSpectra(Origin("m", "s"), "learned", None, none)]))["models"]
        assert out["blocks"][0]["ratio"] is None

    def test_a_code(self, model: Perceiver, sample: Sample) -> None:
        found = analyse_code(model, model.codes(sample)[0], 4)
        out = plain(encoding_json(found, ORIGIN, axes=("rows", "cols")))
        assert (out["positions"], out["shape"], out["channels"]) == ("fourier", [3, 5], 18)
        assert out["cycles"]["rows"] == pytest.approx(np.linspace(1, 1.5, 4))
        assert out["cycles"]["cols"] == pytest.approx(np.linspace(1, 2.5, 4))
        assert out["similarity"]["element"] == 4
        assert out["similarity"]["cosine"][4] == pytest.approx(1)
        buffer = io.BytesIO()
        encoding_npz(buffer, found, ORIGIN, GRID, leading=3)
        arrays, metadata = opened(buffer)
        np.testing.assert_array_equal(arrays["codes"].reshape(15, 18), model.codes(sample)[0])
        assert arrays["components"].shape == (3, 3, 5)
        assert metadata["effective"] == pytest.approx(found.gram.effective)
        for axis, cycles, sine, _ in arrays["bands"]:
            line = np.sin(np.pi * cycles * arrays["position"][..., int(axis)])
            np.testing.assert_allclose(arrays["codes"][..., int(sine)], line, atol=1e-5)


class TestExplanations:
    SCORE = Faithfulness(
        1,
        PerturbationCurve(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.0])),
        PerturbationCurve(np.array([0.0, 1.0]), np.array([0.5, 1.0])),
    )

    def test_json_and_npz(self, model: Perceiver, sample: Sample) -> None:
        held = relevance(model, sample, 1)
        maps = (
            Explanation("relevance", held.total, signed=False, score=self.SCORE, relevance=held),
            Explanation("integrated_gradients", -held.total, signed=True, change=2.0, completeness=0.25),
        )
        methods = tuple(one.method for one in maps)
        found = Explanations(Question(1, 0), methods, maps, random=self.SCORE)
        out = plain(explanations_json(found, BEFORE, LABELS, ORIGIN))
        assert out["target"] == {"class": 1, "label": "b", "logit": 2.0}
        assert out["against"] == {"class": 0, "label": "a", "logit": 0.0}
        assert out["methods"]["relevance"]["score"] == {"deletion": 0.5, "insertion": 0.75}
        assert out["methods"]["integrated_gradients"] == {
            "signed": True,
            "score": None,
            "change": 2.0,
            "completeness": 0.25,
        }
        assert out["random"] == {"deletion": 0.5, "insertion": 0.75}
        assert sum(out["relevance"]["shares"]) == pytest.approx(1, abs=1e-6)
        buffer = io.BytesIO()
        explanations_npz(buffer, found, ORIGIN, GRID)
        arrays, metadata = opened(buffer)
        np.testing.assert_allclose(arrays["relevance_blocks"].sum(0), arrays["relevance"], atol=1e-6)
        np.testing.assert_array_equal(arrays["integrated_gradients"], -arrays["relevance"])
        assert (metadata["target"], metadata["signed"]) == (1, ["integrated_gradients"])

    def test_curves(self) -> None:
        scores = {"saliency": self.SCORE, "random": self.SCORE}
        table = rows(faithfulness_csv(scores))
        assert len(table) == 10
        assert [float(row["probability"]) for row in table[:3]] == [1.0, 0.5, 0.0]
        assert table[-1] == {"method": "random", "course": "insertion", "share": "1.0", "probability": "1.0"}
        out = plain(faithfulness_json(scores, LABELS, ORIGIN, target=1, how="blank"))
        assert out["methods"]["saliency"]["deletion"]["area"] == 0.5
        assert out["how"] == "blank"


def test_latents(model: Perceiver, sample: Sample) -> None:
    trace = model.trace(model.inputs(sample))
    found = analyse_latents(trace, 1, 2)
    out = plain(latents_json(found, ORIGIN))
    assert sorted(n for members in out["clusters"] for n in members) == [0, 1, 2, 3]
    assert out["movement"][0]["from"] == 0
    assert out["effective"] == pytest.approx(np.exp(out["entropy"]))
    table = rows(latents_csv(found))
    assert [row["latent"] for row in table] == ["1", "2", "3", "4"]
    assert sorted(int(row["place"]) for row in table) == [1, 2, 3, 4]
    assert [int(row["cluster"]) - 1 for row in table] == found.clusters.cluster.tolist()
    assert [float(row["before"]) for row in table] == pytest.approx(out["movement"][0]["divergence"])
    assert {row["after"] for row in table} == {""}
