"""What the library takes as classes, inputs, indices and partial results, and what it refuses in one sentence."""

from __future__ import annotations

import io
import itertools
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import perceiver
from perceiver import CheckpointError, InputError, Lens, MapSelection, Perceiver
from perceiver.checkpoints import resolve
from perceiver.errors import IndexRangeError
from perceiver.lens import Run, open_windows, scan_steps
from tests.app import clouds, folder, sounds
from tests.models import tiny


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(perceiver.PerceiverError) as caught:
        call()
    return str(caught.value)


@pytest.fixture
def nameless() -> Lens:
    config = folder.ONE_HEAD.to_dict() | {"labels": ()}
    return Lens(Perceiver(perceiver.PerceiverConfig.from_dict(config)), "nameless")


@pytest.fixture
def other(lens: Lens) -> Run:
    return lens.run(folder.picture(1), name="other.png")


class TestClasses:
    def test_without_labels_a_class_is_found_by_the_name_that_is_shown(self, nameless: Lens) -> None:
        run = nameless.run(folder.picture(0), name="a.png")
        assert nameless.labels == ("class 0", "class 1", "class 2")
        for one in run.predictions:
            assert one.label == f"class {one.index}"
            assert run.question(one.label).target == one.index
            assert run.question(str(one.index)).target == one.index
            assert run.question(one.index).target == one.index
        assert "its classes are class 0 to class 2" in refusal(lambda: run.question("3"))

    def test_indices_that_do_not_exist(self, run: Run) -> None:
        assert refusal(lambda: run.question(3)) == "image-fourier has no class 3; they run from 0 to 2"
        assert refusal(lambda: run.question(-1)) == "image-fourier has no class -1; they run from 0 to 2"


def test_values_of_another_type_are_refused_in_a_sentence(store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lens.untyped"],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PERCEIVER_CHECKPOINTS": str(store)},
    )
    found = json.loads(done.stdout)
    expected = {
        "class 2.5": "class is 2.5; it must be a whole number, counted from 0",
        "class True": "class is True; it must be a whole number, counted from 0",
        "latent 1.5": "latent is 1.5; it must be a whole number, counted from 0",
        "name 3": "the name of an input is 3; it must be text or a path",
        "form gif": "form is 'gif'; it must be one of png, svg, pdf",
        "removal x": "removal is 'x'; it must be one of remove, blank",
        "steps 2.5": "steps is 2.5; it must be a whole number from 1",
        "low_pass 2.5": "low_pass is 2.5; it must be a whole number from 0",
        "keep 3": "keep is 3; it must be two frequencies, the lowest and the highest kept",
        "relevance x": "relevance is 'x'; it must be one of gradient, rollout",
        "kind x": "there is no kind 'x' of maps; there are probability, score, value",
        "map kind x": "kind is 'x'; it must be one of probability, score, value",
        "reduce x": "reduce is 'x'; it must be one of mean, max, entropy",
        "size 2.5": "size is 2.5; it must be a whole number from 1",
        "shuffle x": "there is no shuffle 'x'; there are elements, contents, blocks",
        "compare lenses": "a comparison takes runs, as lens.run(...) gives them, not Lens",
        "open None": "NoneType is no checkpoint; give its name, a path or a hub id; perceiver.Lens takes a model",
        "open a model": "Perceiver is no checkpoint; give its name, a path or a hub id; perceiver.Lens takes a model",
        "lens of a name": "a lens takes a Perceiver, not str; perceiver.open opens a checkpoint",
    }
    assert {name: said.partition(" that is in memory")[0] for name, (_, said) in found["errors"].items()} == expected
    assert {kind for kind, _ in found["errors"].values()} == {"ConfigError", "InputError", "CheckpointError"}
    # Integers of NumPy are indices like others, and results that were asked for with them can be written.
    assert (found["latent"], found["classes"]) == (2, [1, 2, 0])


class TestInputs:
    def test_files_images_and_arrays_are_one_input(self, lens: Lens, tmp_path: Path) -> None:
        data = folder.picture(0)
        (tmp_path / "a.png").write_bytes(data)
        image = Image.open(io.BytesIO(data))
        array = np.asarray(image.convert("RGB"))
        expected = lens.read(data)
        for source in (tmp_path / "a.png", str(tmp_path / "a.png"), bytearray(data), io.BytesIO(data), image, array):
            run = lens.run(source)
            assert torch.equal(run.sample.content, expected.content)
            np.testing.assert_array_equal(run.logits, lens.run(expected).logits)
        assert lens.run(tmp_path / "a.png").sample.name == "a.png"
        assert lens.read(Image.open(tmp_path / "a.png")).name == "a.png"
        assert lens.read(array, name=Path("shown/b.png")).name == "b.png"

    def test_an_image_keeps_its_orientation(self, lens: Lens) -> None:
        image = Image.fromarray(np.arange(48 * 32 * 3, dtype=np.uint8).reshape(48, 32, 3))
        exif = image.getexif()
        exif[0x0112] = 6  # turned by 90 degrees to the right
        out = io.BytesIO()
        image.save(out, "PNG", exif=exif)
        turned = np.rot90(np.asarray(image), 3)
        for source in (out.getvalue(), Image.open(io.BytesIO(out.getvalue()))):
            np.testing.assert_array_equal(lens.read(source).original, turned)

    @pytest.mark.parametrize("mode", ["I", "F", "I;16B", "La"])
    def test_an_image_of_a_mode_that_png_does_not_hold(self, lens: Lens, mode: str) -> None:
        """Grey values of 16 and 32 bits and numbers, from the darkest to the lightest; transparency on white."""
        ramp = np.linspace(0, 1, 48 * 32).reshape(48, 32)
        match mode:
            case "I":
                image, grey = Image.fromarray((200_000 * ramp - 1000).astype(np.int32)), 255 * ramp
            case "F":
                image, grey = Image.fromarray((3.5 * ramp).astype(np.float32)), 255 * ramp
            case "I;16B":
                image = Image.frombytes(mode, (32, 48), (65_535 * ramp).astype(">u2").tobytes())
                grey = 255 * ramp
            case _:
                image = Image.new("LA", (32, 48), (100, 102)).convert("La")
                grey = np.full_like(ramp, 0.4 * 100 + 0.6 * 255)
        assert image.mode == mode
        np.testing.assert_allclose(lens.read(image).original, np.repeat(grey[..., None], 3, 2), atol=1.5)

    def test_points_may_be_an_array(self, cloud: Lens) -> None:
        points = np.random.default_rng(0).normal(size=(300, 3))
        out = io.BytesIO()
        np.save(out, points)
        assert torch.equal(cloud.read(points).coordinates, cloud.read(out.getvalue()).coordinates)  # type: ignore[arg-type]

    def test_what_is_no_input_is_refused_in_a_sentence(self, lens: Lens, cloud: Lens, tmp_path: Path) -> None:
        closed = io.BytesIO(b"")
        closed.close()
        (tmp_path / "w.bin").write_bytes(b"")
        with (tmp_path / "w.bin").open("wb") as writing:
            for source, cause in (
                (closed, "it is closed"),
                (writing, "w.bin cannot be read"),
                ("a\0b", "it is no path"),
                (None, "None is no picture; give a path, the bytes of a file, an open binary file or a PIL image"),
                (3, "a value of type int is no picture"),
                (np.zeros((8, 8, 3)), r"an array (8, 8, 3) of float64 is no picture"),
                (torch.zeros(8, 8), "an array (8, 8) of torch.float32 is no picture"),
            ):
                assert cause in refusal(lambda source=source: lens.read(source))  # type: ignore[misc]
        sound = perceiver.open("audio-raw")
        assert "is no sound; give a path, the bytes of a file or" not in refusal(lambda: sound.read(np.zeros(100)))
        assert "an array (100) of float64 is no" in refusal(lambda: sound.read(np.zeros(100)))
        assert "an array of numbers (points, 3)" in refusal(lambda: cloud.read(np.zeros((4, 2))))

    def test_errors_about_options_name_the_input(self, lens: Lens, cloud: Lens) -> None:
        sound = perceiver.open("audio-raw")
        for call in (
            lambda: lens.read(folder.picture(0), name="a.file", start=1),
            lambda: lens.read(folder.picture(0), name="a.file", frame="x"),
            lambda: cloud.read(clouds.ply(clouds.points()), name="a.file", seed=0.5),
            lambda: cloud.read(clouds.ply(clouds.points()), name="a.file", columns="1-1-2"),
            lambda: sound.read(sounds.LONG, name="a.file", channel=0),
            lambda: sound.scan(sounds.LONG, name="a.file", every=0.0),
        ):
            assert refusal(call).startswith("a.file: ")

    def test_a_sample_is_run_as_it_is(self, lens: Lens, run: Run) -> None:
        assert "takes no name and no options" in refusal(lambda: lens.run(run.sample, frame=2))
        with pytest.raises(InputError, match="was read as image"):
            perceiver.open("audio-raw").run(run.sample)


class TestPartialResults:
    def test_a_sweep_is_resumed_for_its_own_input_and_model(self, lens: Lens, run: Run, other: Run) -> None:
        begun = next(run.sweep_steps("lamp"))
        twin = Lens(perceiver.open("image-fourier").model, "twin")
        with torch.no_grad():
            twin.model.latents.mul_(0.5)
        for stranger in (other, twin.run(run.sample)):
            assert "this is another" in refusal(lambda one=stranger: next(one.sweep_steps("lamp", resume=begun)))  # type: ignore[misc]
        # The same file, read again under another name, is the same input.
        same = lens.run(folder.picture(0), name="renamed.png")
        (again,) = itertools.islice(same.sweep_steps("lamp", resume=begun), 1)
        np.testing.assert_array_equal(again.estimates, begun.estimates)

    def test_an_explanation_is_resumed_for_its_own_question(self, run: Run, other: Run) -> None:
        methods = ["attention", "saliency"]
        found = next(run.explain_steps(run.question(0), methods, test=False))
        *_, last = run.explain_steps(run.question(0), methods, test=False, resume=found)
        assert [one.method for one in last.found.maps] == methods
        assert last.found.maps[0] is found.found.maps[0]
        for asked, question, which, cause in (
            (run, run.question(1), methods, "the question and the methods"),
            (run, run.question(0), ["saliency"], "the question and the methods"),
            (other, other.question(0), methods, "this is another"),
        ):
            steps = asked.explain_steps(question, which, test=False, resume=found.found)
            assert cause in refusal(lambda steps=steps: next(steps))  # type: ignore[misc]

    def test_a_scan_is_resumed_for_its_own_input(self) -> None:
        lens = perceiver.open("audio-raw")
        begun = next(lens.scan_steps(sounds.LONG, name="c.wav")).timeline
        other = open_windows(lens.config, sounds.wav(sounds.tones(300, 200)), name="d.wav")
        assert "begun with" in refusal(lambda: next(scan_steps(lens.model, other, before=begun)))


class TestValues:
    def test_figures_and_removals(self, run: Run) -> None:
        maps = run.maps()
        assert "colours is 'jet'" in refusal(lambda: maps.figure(colours="jet"))
        assert "overlay is 2" in refusal(lambda: maps.figure(overlay=2))
        values = run.map(0)
        assert "steps is 0; it must be a whole number from 1" in refusal(lambda: run.faithfulness(values, steps=0))
        assert "not finite" in refusal(lambda: run.faithfulness(np.full((16, 16), np.nan)))
        assert "this input has 256 elements" in refusal(lambda: run.faithfulness(np.zeros(4)))

    def test_ablations(self, run: Run) -> None:
        for how, cause in (
            ({"low_pass": -1}, "low_pass is -1; it must be a whole number from 0"),
            ({"high_pass": 99}, "high_pass is 99; it must be a whole number from 0 to 4"),
            ({"keep": (5, 2)}, "keep is 5 to 2; the lower frequency comes first"),
            ({"keep": (50, 90)}, "there is no band from 50 to 90 cycles"),
            ({"band": 4}, "image-fourier has no band 4; they run from 0 to 3"),
            ({"axis": 2}, "image-fourier has no axis 2; they run from 0 to 1"),
            ({"axis": -1}, "image-fourier has no axis -1"),
            ({"whole": True, "seed": -1, "fill": "shuffle"}, "seed is -1"),
            ({"ablation": "b1:9"}, "this encoding has no band b1:9; it has b1:1-4,b2:1-4"),
            ({"low_pass": 1, "selection": MapSelection(head=1)}, "no head 1"),
        ):
            assert cause in refusal(lambda how=how: run.ablate(**how))  # type: ignore[misc]
        # All bands, named as such, are an ablation like another.
        assert run.ablate(high_pass=4).ablation == run.ablate("b1:1-4,b2:1-4").ablation

    def test_explanations_permutations_and_spectra(self, run: Run) -> None:
        assert "one method at least" in refusal(lambda: run.explain(methods=[], test=False))
        assert "steps is 0" in refusal(lambda: run.explain(steps=0))
        assert "seeds is 0" in refusal(lambda: next(run.explain_steps(run.question(), seeds=0)))
        assert "seed is -1" in refusal(lambda: run.permute(seed=-1))

    def test_indices_count_from_zero_everywhere(self, lens: Lens, run: Run) -> None:
        for call, cause in (
            (lambda: run.map(99), "no cross-attention in block 99; they run from 0 to 2"),
            (lambda: run.latent_maps(99), "no cross-attention in block 99"),
            (lambda: run.latents(99), "no cross-attention in block 99"),
            (lambda: run.concentration(9), "no cross-attention in block 9"),
            (lambda: run.map(0, head=1), "no head 1; they run from 0 to 0"),
            (lambda: run.maps(head=9), "no head 9; they run from 0 to 0"),
            (lambda: run.concentration(0, head=1), "no head 1"),
            (lambda: run.strongest_latents(256), "no input element 256; they run from 0 to 255"),
            (lambda: run.strongest_latents(0, head=1), "no head 1"),
            (lambda: lens.encoding(element=256), "no input element 256"),
            (lambda: lens.encoding(element=(0, 16)), "no input element on axis 1 16; they run from 0 to 15"),
            (lambda: run.trace.map(0, latent=6), "no latent 6; they run from 0 to 5"),
        ):
            with pytest.raises(IndexRangeError) as caught:
                call()
            assert cause in str(caught.value)
        assert IndexRangeError("block", 3, (0, 2), "x").counted_from(1) == "x has no block 4; those that exist are 1, 3"

    def test_an_element_may_be_given_by_axis(self, lens: Lens, run: Run) -> None:
        np.testing.assert_array_equal(lens.encoding(element=(2, 3)).similarity, lens.encoding(element=35).similarity)
        assert run.strongest_latents((2, 3)) == run.strongest_latents(35)
        assert "1 indices for a grid of 2 axes" in refusal(lambda: lens.encoding(element=(0,)))

    def test_comparisons_are_of_one_input(self, lens: Lens, learned: Lens, run: Run, other: Run) -> None:
        assert "on one input; these are on photo.png and other.png" in refusal(lambda: perceiver.compare(run, other))
        same = learned.run(folder.picture(0), name="under another name.png")
        assert perceiver.compare(run, same).runs == (run, same)


class TestModels:
    def test_devices_and_sources(self, lens: Lens) -> None:
        if not torch.cuda.is_available():
            assert "there is no device 'cuda'" in refusal(lambda: perceiver.open("image-fourier", device="cuda"))
        assert "there is no device 'nonsense'" in refusal(lambda: perceiver.load("image-fourier", device="nonsense"))
        with pytest.raises(CheckpointError, match="no revision 'main' can be chosen"):
            perceiver.open(resolve("image-fourier"), revision="main")

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
    def test_a_model_in_another_precision_is_converted(self, dtype: torch.dtype) -> None:
        model = perceiver.load("image-fourier").to(dtype)
        lens = Lens(model, "mine")
        assert {p.dtype for p in lens.model.parameters()} == {torch.float32}
        assert {p.dtype for p in model.parameters()} == {dtype}
        run = lens.run(folder.picture(0))
        assert run.maps(kind="score").values.dtype == np.float32
        assert run.explain(methods=["relevance", "saliency"], test=False).found.maps
        assert run.latents().block == 2
        assert next(run.spectra()).energy.sum() == pytest.approx(1)
        if dtype == torch.float64:
            expected = perceiver.open("image-fourier").run(folder.picture(0))
            np.testing.assert_array_equal(run.logits, expected.logits)

    @pytest.mark.parametrize("name", ["image-fourier", "image-learned", "points-fourier", "audio-mel", "audio-raw"])
    def test_the_default_precision_of_torch_does_not_matter(self, name: str, double: Callable[[], None]) -> None:
        data = {"image": folder.picture(0), "points": clouds.ply(clouds.points()), "audio": sounds.LONG}
        source = data[perceiver.open(name).config.modality]
        expected = perceiver.open(name).run(source).logits
        double()
        found = perceiver.open(name).run(source)
        assert found.logits.dtype == np.float32
        np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-5)

    @pytest.fixture
    def double(self) -> Iterator[Callable[[], None]]:
        yield lambda: torch.set_default_dtype(torch.float64)
        torch.set_default_dtype(torch.float32)

    def test_runs_and_lenses_can_be_pickled(self, lens: Lens, run: Run) -> None:
        again = pickle.loads(pickle.dumps(run))
        np.testing.assert_array_equal(again.maps().values, run.maps().values)
        assert again.context.origin == run.context.origin
        assert pickle.loads(pickle.dumps(lens)).info == lens.info
        ablated = run.ablate(low_pass=1)
        assert pickle.loads(pickle.dumps(ablated)).verdict == ablated.verdict

    def test_a_model_without_names_is_saved_and_opened_with_the_same(self, tmp_path: Path) -> None:
        perceiver.save(Perceiver(tiny()), tmp_path / "x")
        opened = perceiver.open(tmp_path / "x")
        assert opened.config.labels == ()
        assert opened.labels == ("class 0", "class 1", "class 2")
