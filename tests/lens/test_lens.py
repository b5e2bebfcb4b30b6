"""Opening a checkpoint, reading inputs in every way, and scanning long ones."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import perceiver
from perceiver import CheckpointError, ConfigError, InputError, Lens, Perceiver
from perceiver.lens import best_checkpoint, encoding_axes, open_windows, read_sample, scan_steps
from perceiver.modalities import Windows
from perceiver.sample import Sample
from tests.app import clouds, folder, sounds
from tests.models import tiny


def clip_of(seconds: int) -> bytes:
    """A clip with another tone every second."""
    return sounds.wav(sounds.tones(*(100.0 + 30 * i for i in range(seconds))))


class TestOpen:
    def test_by_name_and_by_path_it_is_the_same_model(self, store: Path) -> None:
        named, placed = perceiver.open("image-fourier"), perceiver.open(store / "image-fourier")
        assert (named.name, placed.name) == ("image-fourier", "image-fourier")
        assert named.labels == folder.LABELS
        assert named.config == folder.ONE_HEAD
        for one, other in zip(named.model.parameters(), placed.model.parameters(), strict=True):
            assert torch.equal(one, other)
            assert not one.requires_grad

    def test_it_knows_its_weights_and_what_it_is(self, lens: Lens, store: Path) -> None:
        data = (store / "image-fourier" / "model.safetensors").read_bytes()
        assert lens.sha256 == hashlib.sha256(data).hexdigest()
        assert lens.info is not None
        assert lens.info.config == lens.config
        assert lens.info.parameters == sum(p.numel() for p in lens.model.parameters())

    def test_a_model_in_memory_is_looked_at_as_well(self) -> None:
        lens = Lens(Perceiver(tiny()), "mine")
        assert (lens.name, lens.sha256, lens.info) == ("mine", None, None)
        assert lens.labels == ("class 0", "class 1", "class 2")
        assert not lens.model.training

    def test_it_can_be_called_otherwise(self, store: Path) -> None:
        assert perceiver.open(store / "image-fourier", name="mine").name == "mine"

    def test_what_is_not_there_is_refused(self) -> None:
        with pytest.raises(CheckpointError, match="nothing"):
            perceiver.open("nothing")

    def test_the_package_imports_nothing_slow(self) -> None:
        code = (
            "import sys, perceiver, perceiver.analysis.methods\n"
            "assert not {'torch', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)\n"
            "assert 'open' in dir(perceiver)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestRead:
    def test_a_path_bytes_and_a_file_give_the_same_sample(self, lens: Lens, tmp_path: Path) -> None:
        data = folder.picture(3, 40, 24)
        path = tmp_path / "photo.png"
        path.write_bytes(data)
        with path.open("rb") as file:
            read = [
                lens.read(path),
                lens.read(str(path)),
                lens.read(data, name="photo.png"),
                lens.read(file),
                lens.read(io.BytesIO(data), name="photo.png"),
            ]
        assert {sample.name for sample in read} == {"photo.png"}
        for sample in read[1:]:
            assert torch.equal(sample.content, read[0].content)
            assert sample.notes == read[0].notes
        assert lens.read(path, name="other.png").name == "other.png"
        assert lens.read(data).name == "the input"

    def test_options_go_by_name(self, cloud: Lens) -> None:
        data = clouds.ply(clouds.points())
        upright, lying = cloud.read(data, name="c.ply"), cloud.read(data, name="c.ply", up="z")
        assert upright.coordinates is not None
        assert lying.coordinates is not None
        assert not torch.equal(upright.coordinates, lying.coordinates)
        with pytest.raises(InputError, match="no option 'start'"):
            cloud.read(data, name="c.ply", start=1.5)

    def test_numbers_are_options_as_texts_are(self) -> None:
        lens, clip = perceiver.open("audio-raw"), sounds.LONG
        sample, same = lens.read(clip, name="c.wav", start=1.5), lens.read(clip, name="c.wav", start="1.5")
        assert torch.equal(sample.content, same.content)
        assert not torch.equal(sample.content, lens.read(clip, name="c.wav").content)

    def test_refusals_name_the_file(self, lens: Lens, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"nothing\.png cannot be read: no such file or directory"):
            lens.read(tmp_path / "nothing.png")
        with pytest.raises(InputError, match=r"text\.png"):
            lens.read(b"no picture", name="text.png")
        (tmp_path / "open.txt").write_text("text")
        with (tmp_path / "open.txt").open() as file, pytest.raises(InputError, match=r"open\.txt is open as text"):
            lens.read(file)
        with pytest.raises(InputError, match=r"huge\.png is larger than"):
            lens.read(_Endless(), name="huge.png")

    def test_a_configuration_is_enough(self) -> None:
        sample = read_sample(folder.ONE_HEAD, folder.picture(0), name="photo.png")
        assert sample.shape == (16, 16)


class _Endless(io.RawIOBase):
    """A file that never ends, and gives what it is asked for at once."""

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        return bytes(size)


def test_the_checkpoint_is_chosen_by_what_a_file_is(tmp_path: Path) -> None:
    for name, data, expected in (
        ("a.png", folder.picture(0), "image-fourier"),
        ("b.ply", clouds.ply(clouds.points()), "points-fourier"),
        ("c.wav", sounds.LONG, "audio-mel"),
    ):
        (tmp_path / name).write_bytes(data)
        assert best_checkpoint(tmp_path / name).startswith(expected.split("-")[0])
    assert best_checkpoint(tmp_path / "missing.png").startswith("image")


class TestRun:
    def test_an_input_of_another_modality_is_refused_though_its_grid_is_the_same(self) -> None:
        lens = Lens(Perceiver(tiny()), "mine")
        nothing = {"seen": np.zeros(1), "original": np.zeros(1), "box": ()}
        content = torch.zeros(15, 2)
        picture = Sample(name="a.png", modality="image", content=content, shape=(3, 5), **nothing)  # type: ignore[arg-type]
        assert lens.run(picture).logits.shape == (3,)
        with pytest.raises(ValueError, match=r"a\.png was read as audio; mine takes image"):
            lens.run(dataclasses.replace(picture, modality="audio"))
        with pytest.raises(ValueError, match=r"a\.png has a grid of 5 x 3 elements; this model takes a grid of 3 x 5"):
            lens.run(dataclasses.replace(picture, shape=(5, 3)))


class TestScan:
    def test_it_grows_to_what_single_windows_give(self) -> None:
        lens, clip = perceiver.open("audio-raw"), clip_of(40)
        reports: list[float] = []
        steps = list(
            lens.scan_steps(clip, name="c.wav", every=1.0, progress=lambda share, text: reports.append(share or 0.0))
        )
        assert len(steps) > 1
        assert [one.reached for one in steps] == sorted({one.reached for one in steps})
        assert reports == pytest.approx([one.reached / one.total for one in steps])
        last = steps[-1]
        assert last.done
        assert not steps[0].done
        assert last.timeline.starts.tolist() == [float(i) for i in range(last.total)]
        for i in (0, 17, last.total - 1):
            alone = lens.run(lens.read(clip, name="c.wav", start=float(i)))
            np.testing.assert_allclose(
                last.timeline.probabilities[i], alone.trace.logits.softmax(-1).numpy(), rtol=1e-3, atol=1e-5
            )
        whole = lens.scan(clip, name="c.wav", every=1.0)
        np.testing.assert_array_equal(whole.timeline.probabilities, last.timeline.probabilities)

    def test_one_that_was_stopped_goes_on(self) -> None:
        lens, clip = perceiver.open("audio-raw"), clip_of(40)

        def windows() -> Windows:
            return open_windows(lens.config, clip, name="c.wav", every=1.0)

        first = next(steps := scan_steps(lens.model, windows()))
        steps.close()
        *_, last = scan_steps(lens.model, windows(), before=first.timeline)
        expected = lens.scan(clip, name="c.wav", every=1.0).timeline
        np.testing.assert_array_equal(last.timeline.starts, expected.starts)
        np.testing.assert_allclose(last.timeline.probabilities, expected.probabilities, rtol=1e-4)

    def test_a_callback_stops_it(self) -> None:
        lens = perceiver.open("audio-raw")

        def stop(share: float | None, text: str) -> None:
            raise InterruptedError(text)

        with pytest.raises(InterruptedError, match="Window"):
            lens.scan(sounds.LONG, name="c.wav", progress=stop)

    def test_a_picture_has_no_time(self, lens: Lens) -> None:
        with pytest.raises(InputError, match="image-fourier reads its input whole"):
            lens.scan(folder.picture(0), name="photo.png")


class TestEncoding:
    def test_of_a_grid_and_of_a_cloud(self, lens: Lens, cloud: Lens) -> None:
        found = lens.encoding(element=17)
        codes = lens.model.encoding.grid()
        assert torch.equal(found.codes, codes)
        lengths = codes.norm(dim=1)
        assert found.similarity is not None
        np.testing.assert_allclose(found.similarity, codes @ codes[17] / (lengths * lengths[17]), atol=1e-5)
        with pytest.raises(ConfigError, match="takes a file"):
            cloud.encoding()
        sample = cloud.read(clouds.ply(clouds.points()), name="c.ply")
        assert torch.equal(cloud.encoding(sample).codes, cloud.model.codes(sample)[0])

    def test_axes_have_names_and_units(self, lens: Lens, learned: Lens, cloud: Lens) -> None:
        rows, cols = encoding_axes(lens.model, lens.read(folder.picture(0), name="a.png"))
        assert (rows.name, cols.name, rows.elements, rows.seconds, rows.raw) == ("rows", "cols", 16, None, True)
        assert rows.frequencies == pytest.approx(np.linspace(1, 8, 4))
        assert encoding_axes(learned.model, learned.read(folder.picture(0), name="a.png")) == ()
        axes = encoding_axes(cloud.model, cloud.read(clouds.ply(clouds.points()), name="c.ply"))
        assert [axis.name for axis in axes] == ["x", "y", "z"]
        assert axes[0].elements is None
        sound = perceiver.open("audio-raw")
        (time,) = encoding_axes(sound.model, sound.read(sounds.LONG, name="c.wav"))
        assert time.name == "time"
        assert time.seconds == pytest.approx(39 / 40)
