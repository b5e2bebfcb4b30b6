"""What can be asked of a run agrees with the model itself, grows step by step, and can be stopped."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import perceiver
from perceiver import ConfigError, Lens
from perceiver.analysis.ablation import parse
from perceiver.analysis.attribution import attribute
from perceiver.analysis.faithfulness import faithfulness, random_faithfulness
from perceiver.analysis.map_checks import untrained_model
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.methods import METHODS
from perceiver.analysis.relevance import relevance
from perceiver.checkpoints import BundledCheckpoints
from perceiver.lens import Run, comparable_scales, spectra_of
from tests.app import clips, clouds, folder


def stop(share: float | None, text: str) -> None:
    raise InterruptedError(text)


class TestPredictions:
    def test_they_are_the_models(self, run: Run) -> None:
        expected = run.model(run.model.inputs(run.sample))[0].softmax(-1).detach().numpy()
        order = np.argsort(-expected)
        assert [one.index for one in run.predictions] == order.tolist()
        assert [one.rank for one in run.predictions] == [1, 2, 3]
        assert [one.label for one in run.predictions] == [folder.LABELS[i] for i in order]
        assert [one.probability for one in run.predictions] == pytest.approx(expected[order].tolist(), rel=1e-4)
        assert [one.logit for one in run.predictions] == pytest.approx(run.logits[order].tolist())
        assert run.top(1) == run.predictions[:1]
        np.testing.assert_allclose(run.block_probabilities[-1], expected, rtol=1e-4)

    def test_in_words_and_as_json(self, run: Run) -> None:
        assert str(run).startswith("photo.png (image-fourier)\n")
        assert run.predictions[0].label in str(run)
        out = json.loads(json.dumps(run.json(top=2), allow_nan=False))
        assert (out["model"], out["sample"], len(out["predictions"])) == ("image-fourier", "photo.png", 2)
        assert out["weights_sha256"] == run.context.digest()


class TestMaps:
    def test_they_are_the_traces_in_the_shape_of_the_input(self, run: Run) -> None:
        for how in ({}, {"latent": 2}, {"reduce": "max", "kind": "value"}, {"reduce": "entropy"}, {"kind": "score"}):
            maps = run.maps(**how)  # type: ignore[arg-type]
            assert maps.values.shape == (3, 16, 16)
            assert maps.blocks == (0, 1, 2)
            for block, values in zip(maps.blocks, maps, strict=True):
                expected = run.trace.map(block, **how).numpy()  # type: ignore[arg-type]
                np.testing.assert_array_equal(values.ravel(), expected)
                np.testing.assert_array_equal(run.map(block, **how), values)  # type: ignore[arg-type]
        assert len(run.maps()) == 3
        assert np.asarray(run.maps()).sum((1, 2)) == pytest.approx(np.ones(3), abs=1e-4)
        np.testing.assert_array_equal(run.maps()[1], run.map(1))
        np.testing.assert_allclose(run.latent_maps(0).mean(0), run.map(0), atol=1e-6)

    def test_files_hold_them(self, run: Run) -> None:
        with np.load(io.BytesIO(run.maps(latent=1).npz()), allow_pickle=False) as file:
            np.testing.assert_array_equal(file["maps"], run.maps(latent=1).values)
            about = json.loads(str(file["metadata"]))
        assert (about["latent"], about["reduce"], about["axes"]) == (1, None, ["block", "rows", "cols"])

    def test_what_a_model_lacks_is_refused(self, run: Run) -> None:
        for how, cause in (
            ({"latent": 6}, "image-fourier has no latent 6; they run from 0 to 5"),
            ({"latent": -1}, "no latent -1; they run from 0 to 5"),
            ({"latent": 1.5}, "latent is 1.5; it must be a whole number"),
            ({"head": 1}, "no head 1; they run from 0 to 0"),
            ({"reduce": "entropy", "kind": "score"}, "no entropy"),
            ({"reduce": "median"}, "no reduction 'median'"),
            ({"kind": "logit"}, "no kind 'logit'"),
        ):
            with pytest.raises((ConfigError, TypeError)) as caught:
                run.maps(**how)  # type: ignore[arg-type]
            if isinstance(caught.value, ConfigError):
                assert cause in str(caught.value)
        with pytest.raises(ConfigError, match="no scale log"):
            run.maps(kind="score").figure(scale="log")

    def test_selections_say_what_they_are(self) -> None:
        assert MapSelection().sentence(6, 1) == "Mean over 6 latents."
        assert MapSelection("max").sentence(6, 2) == "Max over 6 latents, mean over 2 heads."
        assert MapSelection(latent=4, head=1).sentence(6, 2) == "Latent 5, head 2."


class TestAblate:
    def test_what_is_named_goes(self, run: Run) -> None:
        for removed, text in (
            ({"low_pass": 1}, "b1:2-4,b2:2-4"),
            ({"axis": 0}, "b1:1-4,x1"),
            ({"band": 1, "axis": 1, "fill": "mean"}, "b2:2,mean"),
            ({"keep": (2, 6)}, "b1:1.4,b2:1.4"),
            ({"whole": True}, "all"),
            ({"sines": True}, "s1:1-4,s2:1-4"),
        ):
            found = run.ablate(**removed)
            assert found.ablation.text() == text
            codes = parse(text).apply(run.model.codes(run.sample), run.model.encoding)
            expected = run.model(run.model.inputs(run.sample, codes))[0].detach().numpy()
            np.testing.assert_allclose(found.answer.after, expected, atol=1e-4)
            np.testing.assert_array_equal(found.answer.before, run.logits)

    def test_an_ablation_or_its_text_does_as_well(self, run: Run) -> None:
        by_text, by_value = run.ablate("b1:2-4,b2:2-4"), run.ablate(parse("b1:2-4,b2:2-4"), target="lamp")
        np.testing.assert_array_equal(by_text.after.logits, by_value.after.logits)
        assert by_value.target == 1
        assert by_text.target == run.predictions[0].index
        with pytest.raises(ConfigError, match="low_pass"):
            run.ablate(parse("b1:1"), low_pass=1)

    def test_maps_before_and_after(self, run: Run) -> None:
        found = run.ablate(low_pass=1, selection=MapSelection(latent=2))
        for one in found.maps:
            np.testing.assert_array_equal(one.before, run.map(one.block, latent=2))
            np.testing.assert_array_equal(one.after, MapSelection(latent=2).map(found.after, one.block))
        assert found.removed.startswith("3.33 to 8 cycles across rows (3 of 4 bands)")
        out = json.loads(json.dumps(found.json(), allow_nan=False))
        assert [one["divergence"] for one in out["blocks"]] == [one.divergence for one in found.maps]
        with np.load(io.BytesIO(found.npz()), allow_pickle=False) as file:
            np.testing.assert_array_equal(file["after"], np.stack([one.after for one in found.maps]))
            assert json.loads(str(file["metadata"]))["latent"] == 2

    def test_nothing_taken_away_is_refused(self, run: Run, learned: Lens) -> None:
        with pytest.raises(ConfigError, match="takes nothing away: image-fourier has 4 bands on each axis"):
            run.ablate(low_pass=9)
        with pytest.raises(ConfigError, match="name bands"):
            run.ablate()
        other = learned.run(learned.read(folder.picture(0), name="a.png"))
        with pytest.raises(ConfigError, match="image-learned has learned positions, without frequencies"):
            other.ablate(low_pass=1)
        assert other.ablate(whole=True).answer.kl > 0


class TestSweep:
    def test_it_grows_and_is_resumed_for_another_class(self, run: Run) -> None:
        whole = run.sweep("lamp")
        assert whole.target == 1
        assert whole.known == sum(len(curve.ablations) for curve in whole.curves) == 16
        steps = run.sweep_steps("lamp", seconds=1e-9)
        estimated, first, second = next(steps), next(steps), next(steps)
        steps.close()
        assert [one.known for one in (estimated, first, second)] == [0, 1, 2]
        assert estimated.each == 0 < second.each
        assert second.seconds_left == second.each * 14
        assert not second.done
        _, third = itertools.islice(run.sweep_steps("lamp", seconds=3.5 * second.each, resume=second), 2)
        assert third.known == 5  # it goes on at the pace that is known
        *_, last = run.sweep_steps("vessel", resume=second)
        assert last.target == 2
        np.testing.assert_array_equal(last.after[:2], second.after[:2])
        np.testing.assert_allclose(last.after, whole.after, atol=1e-4)
        np.testing.assert_allclose(last.estimates, run.sweep("vessel").estimates, atol=1e-5)
        with pytest.raises(ValueError, match="same curves"):
            next(run.sweep_steps(fill="mean", resume=second))

    def test_a_callback_hears_of_it_and_stops_it(self, run: Run) -> None:
        heard: list[float | None] = []
        run.sweep(progress=lambda share, text: heard.append(share))
        assert heard[0] == 0
        assert heard[-1] == 1
        with pytest.raises(InterruptedError, match="Estimating"):
            run.sweep(progress=stop)

    def test_there_are_frequencies(self, learned: Lens) -> None:
        with pytest.raises(ConfigError, match="there are no frequencies to sweep"):
            learned.run(learned.read(folder.picture(0), name="a.png")).sweep()


class TestExplain:
    def test_maps_come_first_the_quick_ones_before_the_slow(self, run: Run) -> None:
        question = run.question("lamp", "vessel", steps=4)
        grown = [one.found for one in run.explain_steps(question, steps=3, seeds=2)]
        assert [len(one.maps) for one in grown] == [1, 2, 3, 4, 5, 6, 6, 6]
        assert [one.random is None for one in grown] == [True] * 7 + [False]
        assert [one.method for one in grown[-1].maps] == list(METHODS)
        assert grown[5].scores == {}
        assert list(grown[-1].scores) == [*METHODS, "random"]
        held = relevance(run.model, run.sample, 1, 2)
        np.testing.assert_allclose(grown[-1]["relevance"].values, held.total, atol=1e-6)
        assert grown[-1].relevance is grown[-1]["relevance"].relevance
        made = attribute(run.model, run.sample, "integrated_gradients", 1, 2, steps=4)
        np.testing.assert_allclose(grown[-1]["integrated_gradients"].values, made.values, atol=1e-6)
        assert grown[-1]["integrated_gradients"].change == pytest.approx(made.change)
        score = faithfulness(run.model, run.sample, held.total, 1, steps=3)
        assert grown[-1].scores["relevance"].deletion.area == pytest.approx(score.deletion.area, abs=1e-4)
        random = random_faithfulness(run.model, run.sample, 1, seeds=2, steps=3)
        assert grown[-1].scores["random"].insertion.area == pytest.approx(random.insertion.area, abs=1e-4)
        assert [one.signed for one in grown[-1].maps] == [False, False, True, False, True, True]

    def test_what_is_known_is_not_computed_again(self, run: Run) -> None:
        question = run.question("lamp", steps=4)
        how = {"methods": ["attention", "relevance", "saliency"], "steps": 3, "seeds": 2, "at_a_time": 1}
        grown = [one.found for one in run.explain_steps(question, **how)]
        assert [(len(one.maps), len(one.scores), one.complete) for one in grown] == [
            (1, 0, False), (2, 0, False), (3, 0, False), (3, 1, False), (3, 2, False), (3, 3, False), (3, 4, True),
        ]  # fmt: skip
        held = dataclasses.replace(grown[-1], maps=grown[-1].maps[1:2] + grown[-1].maps[2:], random=None)
        again = [one.found for one in run.explain_steps(question, resume=held, **how)]
        assert [(len(one.maps), len(one.scores)) for one in again] == [(3, 2), (3, 3), (3, 4)]
        assert [one.method for one in again[-1].maps] == how["methods"]
        assert again[-1]["relevance"] is not None
        assert again[-1]["saliency"].values is grown[-1]["saliency"].values
        for key, score in grown[-1].scores.items():
            assert again[-1].scores[key].deletion.area == pytest.approx(score.deletion.area, abs=1e-6)
        assert list(run.explain_steps(question, resume=again[-1], **how)) == []

    def test_shares_of_all_methods_are_of_one_unit(self, run: Run) -> None:
        found = run.explain(methods=["attention", "input_x_gradient"], test=False)
        for one in found.found.maps:
            assert np.abs(one.shares).sum() == pytest.approx(1)
        assert found.found.random is None
        np.testing.assert_array_equal(found["attention"], run.trace.mean_map().numpy().reshape(16, 16))

    def test_one_map_is_not_shown_twice(self) -> None:
        lens = Lens(perceiver.Perceiver(perceiver.PerceiverConfig(**{
            **folder.ONE_HEAD.to_dict(), "plan": ((0, 0), (None, 0)), "positions": folder.ONE_HEAD.positions,
        })), "one")  # fmt: skip
        run = lens.run(lens.read(folder.picture(0), name="a.png"))
        steps = run.explain_steps(run.question())
        assert "last" not in next(steps).found.methods

    def test_what_a_map_depends_on_is_its_key(self, run: Run) -> None:
        one, other = run.question("lamp"), run.question("vessel", relevance="rollout")
        assert one.map_key("attention") == other.map_key("attention")
        assert one.map_key("relevance") != other.map_key("relevance")
        assert one.map_key("relevance") != run.question("lamp", relevance="rollout").map_key("relevance")
        assert one.map_key("saliency") == run.question("lamp", relevance="rollout").map_key("saliency")
        assert one.score_key("attention") != other.score_key("attention")
        assert one.score_key("random") == run.question("lamp", "vessel").score_key("random")

    def test_refusals_and_stops(self, run: Run) -> None:
        with pytest.raises(ConfigError, match="contrasted with itself, lamp"):
            run.explain("lamp", 1)
        with pytest.raises(ConfigError, match="no class 'dog'"):
            run.explain("dog")
        with pytest.raises(ConfigError, match="no explanation method 'magic'"):
            run.explain(methods=["magic"])
        with pytest.raises(InterruptedError):
            run.explain(progress=stop)

    def test_progress_rises_from_nothing_to_all(self, run: Run) -> None:
        heard: list[float] = []
        run.explain(methods=["relevance", "saliency"], progress=lambda share, text: heard.append(share or 0.0))
        assert heard == sorted(heard)
        assert (heard[0], heard[-1]) == (0, 1)

    def test_a_map_of_ones_own_is_tested(self, run: Run) -> None:
        values = np.arange(256.0).reshape(16, 16)
        found = run.faithfulness(values, "lamp", steps=3)
        expected = faithfulness(run.model, run.sample, values, 1, steps=3)
        np.testing.assert_array_equal(found.deletion.probabilities, expected.deletion.probabilities)


class TestChecks:
    @pytest.mark.parametrize("name", ["points-fourier", "audio-mel", "av-tiny"])
    def test_every_block_with_a_map_is_checked_in_other_modalities(
        self, name: str, store: Path, tmp_path: Path
    ) -> None:
        root = clips.build(tmp_path) if name == "av-tiny" else store
        lens = perceiver.open(root / name)
        run = lens.run(BundledCheckpoints(root).samples(lens.config.modality)[0].path)
        found = run.checks()
        assert [one.block for one in found.checks] == list(run.blocks)
        other = untrained_model(lens.config, 0)
        theirs = other.trace(other.inputs(run.sample))
        for one in found.checks:
            maps = (made.map(one.block).numpy().ravel() for made in (run.trace, theirs))
            assert one.untrained[0] == pytest.approx(float(spearmanr(*maps).statistic), abs=1e-6)


class TestLatents:
    def test_a_block_is_chosen(self, run: Run) -> None:
        found = run.latents(clusters=2)
        assert (found.block, found.head, len(found.clusters.sizes)) == (2, None, 2)
        assert [step for step, _ in found.steps] == [(1, 2)]
        np.testing.assert_array_equal(found.concentration.entropy, run.concentration(2))
        for how, cause in (
            ({"block": 3}, "image-fourier has no cross-attention in block 3; they run from 0 to 2"),
            ({"head": 1}, "no head 1; they run from 0 to 0"),
            ({"clusters": 7}, "clusters is 7; it must be a whole number from 1 to 6"),
        ):
            with pytest.raises(ConfigError, match=cause):
                run.latents(**how)  # type: ignore[arg-type]

    def test_the_strongest_readers_of_an_element(self, run: Run) -> None:
        every = np.stack([run.latent_maps(block)[:, 3, 5] for block in run.blocks])
        found = run.strongest_latents(3 * 16 + 5, top=4)
        assert [one.weight for one in found] == pytest.approx(sorted(every.ravel(), reverse=True)[:4], rel=1e-4)
        for one in found:
            assert every[one.block, one.latent] == pytest.approx(one.weight, rel=1e-4)
            assert one.multiple == pytest.approx(256 * one.weight)


class TestPermute:
    def test_elements_with_their_codes_change_nothing(self, run: Run) -> None:
        assert run.permute("elements").largest < 1e-3
        assert run.permute("blocks", size=4).size == 4


class TestComparison:
    @pytest.fixture
    def runs(self, lens: Lens, learned: Lens) -> tuple[Run, Run, Run]:
        twin = Lens(perceiver.open("image-fourier").model, "twin")
        with torch.no_grad():
            twin.model.latents.mul_(0.5)
        first, second, third = (one.run(one.read(folder.picture(0), name="a.png")) for one in (lens, twin, learned))
        return first, second, third

    def test_differences_are_taken_where_they_can_be(self, runs: tuple[Run, Run, Run]) -> None:
        found = perceiver.compare(*runs)
        assert found.apart[:2] == (None, None)
        assert found.apart[2] == (
            "no difference: image-learned and image-fourier read grids of 8 × 12 and 16 × 16 elements"
        )
        first, second, _ = runs
        for block in (0, 1, 2):
            np.testing.assert_array_equal(found.differences[1][block], second.map(block) - first.map(block))
        assert found.differences[0] == found.differences[2] == {}
        assert set(found.divergences[1]) == {0, 1, 2}
        assert found.divergences[2] == {}
        assert perceiver.compare(*runs, selection=MapSelection(kind="score")).divergences == ({}, {}, {})
        out = json.loads(json.dumps(found.json(), allow_nan=False))
        assert [one["model"] for one in out["models"]] == ["image-fourier", "twin", "image-learned"]

    def test_two_are_needed(self, run: Run) -> None:
        with pytest.raises(ConfigError, match="two or more"):
            perceiver.compare(run)

    def test_scales_across_other_numbers_of_elements(self) -> None:
        assert comparable_scales("probability", [256, 256])[0] == "shared"
        assert comparable_scales("probability", [256, 96]) == ("uniform", "per_map")
        assert comparable_scales("value", [256, 96]) == ("per_map",)
        assert comparable_scales("score", [256, 96]) == ("shared", "per_map")

    def test_spectra_are_measured_at_the_first_models_bands(self, runs: tuple[Run, Run, Run]) -> None:
        first, second, third = spectra_of(runs)
        assert (first.bands_of, second.bands_of, third.bands_of) == ("image-fourier", "twin", None)
        assert [one.ratio for one in first.spectra] == pytest.approx([one.ratio for one in runs[0].spectra()])
        assert first.origin.sample == "a.png"
        with pytest.raises(InterruptedError, match="Measuring spectra of image-fourier"):
            spectra_of(runs, progress=stop)


def test_a_cloud_is_asked_the_same(cloud: Lens) -> None:
    run = cloud.run(cloud.read(clouds.ply(clouds.points()), name="c.ply"))
    assert run.maps().values.shape == (3, 256)
    ask: list[Callable[[], object]] = [
        lambda: run.ablate(low_pass=1).answer.kl,
        lambda: run.explain(methods=["saliency"], test=False),
        lambda: run.latents(clusters=2),
        lambda: list(run.spectra()),
    ]
    for question in ask:
        question()
