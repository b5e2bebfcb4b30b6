"""`perceiver compare`, `encoding`, `tartan` and `latents`: checkpoints side by side, codes, spectra, latents."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import perceiver
from perceiver import Perceiver, load, modalities
from perceiver.analysis.change import jensen_shannon
from perceiver.analysis.encodings import gram, similarity
from perceiver.analysis.latents import cluster_latents, concentration
from perceiver.analysis.spectrum import reference_bands, spectra
from perceiver.positions import LearnedConfig
from perceiver.sample import Sample
from perceiver.trace import Trace
from tests.app import clouds, folder
from tests.commands import PHOTO, refused, run, stand_in, values

FOURIER, LEARNED, PLAIN = "image-fourier", "image-learned", "image-plain"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints for images, two of which read the same grid, and one for clouds."""
    root = folder.build(tmp_path_factory.mktemp("checkpoints"))
    torch.manual_seed(2)
    config = folder.ONE_HEAD.to_dict() | {"positions": LearnedConfig(dim=6)}
    perceiver.save(Perceiver(type(folder.ONE_HEAD)(**config)), root / PLAIN)
    return clouds.build(root)


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(store, tmp_path, monkeypatch)


def read(name: str, file: str = PHOTO) -> tuple[Perceiver, Sample, Trace]:
    model = load(name)
    config = model.config
    sample = modalities.get(config.modality).read(
        Path(file).read_bytes(), file, shape=config.input_shape, preprocess=config.preprocess
    )
    return model, sample, model.trace(model.inputs(sample))


@pytest.mark.parametrize("command", ["compare", "encoding", "tartan", "latents"])
def test_help_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\n    perceiver {command}" in result.stdout


class TestCompare:
    def test_numbers_are_the_librarys(self) -> None:
        (out,) = values("compare", PHOTO, "-c", FOURIER, "-c", PLAIN, "-c", LEARNED)
        first, plain, learned = out["models"]
        assert [one["model"] for one in out["models"]] == [FOURIER, PLAIN, LEARNED]
        one, other = read(FOURIER)[2], read(PLAIN)[2]
        for block, row in enumerate(plain["blocks"]):
            expected = jensen_shannon(one.map(block).numpy(), other.map(block).numpy())
            assert row["divergence"] == pytest.approx(expected, abs=1e-5)
        assert plain["predictions"][0]["logit"] == pytest.approx(float(other.logits.max()), abs=1e-4)
        assert first["blocks"][2]["maximum"] == pytest.approx(float(one.map(2).max()), rel=1e-4)
        assert {row["divergence"] for row in first["blocks"]} == {None}
        assert learned["apart"] == f"no difference: {LEARNED} and {FOURIER} read grids of 8 × 12 and 16 × 16 elements"
        assert [row["block"] for row in learned["blocks"]] == [0, 2]

    def test_for_people(self) -> None:
        result = run("compare", PHOTO, "-c", FOURIER, "-c", LEARNED)
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert lines[1].split() == [FOURIER, LEARNED]
        assert lines[-2].startswith("  no difference: ")
        assert lines[-1] == f"  note: {LEARNED}: read the middle 32 × 21 of its 32 × 32 pixels, 66 % of the picture"
        # The second block of one of them reads nothing.
        (second,) = [line for line in lines if line.startswith("  block 2")]
        assert second.count("%") == 1

    def test_files(self) -> None:
        result = run("compare", PHOTO, "-c", FOURIER, "-c", PLAIN, "-o", "out")
        assert result.exit_code == 0, result.output
        assert {path.name for path in Path("out").iterdir()} == {
            f"photo.{FOURIER}+{PLAIN}.compared.png",
            f"photo.{FOURIER}+{PLAIN}.compared-difference.png",
            f"photo.{FOURIER}.compared.npz",
            f"photo.{PLAIN}.compared.npz",
            f"photo.{FOURIER}+{PLAIN}.compared.json",
        }
        assert min(Image.open(f"out/photo.{FOURIER}+{PLAIN}.compared.png").size) > 600
        with np.load(f"out/photo.{PLAIN}.compared.npz", allow_pickle=False) as file:
            np.testing.assert_allclose(file["maps"][1].ravel(), read(PLAIN)[2].map(1), rtol=1e-4)

    def test_without_the_same_elements_no_difference_is_drawn(self) -> None:
        assert run("compare", PHOTO, "-c", FOURIER, "-c", LEARNED, "-o", "out", "--format", "png").exit_code == 0
        assert [path.name for path in Path("out").iterdir()] == [f"photo.{FOURIER}+{LEARNED}.compared.png"]

    def test_scores_have_no_shares_to_compare(self) -> None:
        (out,) = values("compare", PHOTO, "-c", FOURIER, "-c", PLAIN, "--kind", "score")
        assert {row["divergence"] for one in out["models"] for row in one["blocks"]} == {None}

    def test_refusals(self) -> None:
        assert run("compare", PHOTO, "-c", FOURIER).exit_code == 2
        assert run("compare", PHOTO, "-c", FOURIER, "-c", FOURIER).exit_code == 2
        assert "points-fourier" not in refused("compare", "missing.png", "-c", FOURIER, "-c", LEARNED)
        result = run("compare", PHOTO, "-c", FOURIER, "-c", "points-fourier")
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1


class TestEncoding:
    def test_numbers_are_the_librarys(self) -> None:
        out = values("encoding", FOURIER, "--at", "2,3")
        codes = load(FOURIER).encoding.grid()
        assert out["cycles"] == {f"axis {i}": pytest.approx([1, 10 / 3, 17 / 3, 8], rel=1e-4) for i in (1, 2)}
        assert out["code"]["effective"] == pytest.approx(gram(codes).effective)
        # Row 2, column 3 of 16: the second row and the third of it.
        assert out["similarity"]["element"] == 18
        assert out["similarity"]["cosine"] == pytest.approx(similarity(codes, 18).tolist(), abs=1e-5)

    def test_free_elements_need_a_file(self) -> None:
        assert "takes a file" in refused("encoding", "points-fourier")
        out = values("encoding", "points-fourier", "cloud.ply", "--at", "7")
        model, sample, _ = read("points-fourier", "cloud.ply")
        assert out["similarity"]["element"] == 6
        assert out["code"]["effective"] == pytest.approx(gram(model.codes(sample)[0]).effective, rel=1e-5)
        assert set(out["cycles"]) == {"x", "y", "z"}

    def test_for_people(self) -> None:
        result = run("encoding", LEARNED, "--at", "1")
        assert result.exit_code == 0, result.output
        head, dimensions, likeness = result.stdout.splitlines()
        assert head == f"{LEARNED}: learned positions, 7 channels, 8 × 12 elements"
        assert dimensions.startswith("  Gram spectrum: 7 dimensions, as if ")
        assert likeness.startswith("  similarity of element 1 to the others (cosine): ")
        assert "of 95 above 0.5" in likeness
        assert "lowest  highest" in run("encoding", FOURIER).stdout

    def test_files(self) -> None:
        assert run("encoding", FOURIER, "-o", "out").exit_code == 0
        with np.load(f"out/{FOURIER}.encoding.npz", allow_pickle=False) as file:
            np.testing.assert_allclose(file["codes"].reshape(256, -1), load(FOURIER).encoding.grid())
            assert len(file["axis_1"]) == 16
        assert run("encoding", FOURIER, PHOTO, "-o", "out").exit_code == 0
        with np.load(f"out/photo.{FOURIER}.encoding.npz", allow_pickle=False) as file:
            # 32 pixels in 16 elements: the first covers 0 to 2.
            assert file["rows"][0] == 1

    @pytest.mark.parametrize("at", ["0", "257", "1,17", "1,2,3", "x", "1,"])
    def test_elements_that_do_not_exist(self, at: str) -> None:
        result = run("encoding", FOURIER, "--at", at)
        assert result.exit_code == 2
        assert "has to be a number from 1 to 256" in " ".join(result.stderr.replace("│", "").split())


class TestTartan:
    def test_models_without_bands_are_measured_at_anothers(self) -> None:
        (out,) = values("tartan", PHOTO, "-c", PLAIN, "-c", LEARNED, "-c", FOURIER)
        plain, learned, fourier = out["models"]
        assert [one["bands_of"] for one in out["models"]] == [FOURIER, None, FOURIER]
        lent = load(FOURIER).encoding.bands()
        for found, name, bands in (
            (plain, PLAIN, lent),
            (learned, LEARNED, reference_bands(load(LEARNED).config)),
            (fourier, FOURIER, lent),
        ):
            expected = list(spectra(read(name)[2], bands, None))
            assert [row["block"] for row in found["blocks"]] == [one.block for one in expected]
            for row, one in zip(found["blocks"], expected, strict=True):
                assert row["at_bands"] == pytest.approx(one.at_bands, rel=1e-3)
                assert row["ratio"] == pytest.approx(one.ratio, rel=1e-3)
                assert row["regularity"] == pytest.approx(one.regularity, abs=1e-3)

    def test_csv_of_several_files(self) -> None:
        Path("other.png").write_bytes(folder.picture(1))
        rows = list(csv.DictReader(io.StringIO(run("tartan", PHOTO, "-c", FOURIER, "--csv").stdout)))
        assert [row["block"] for row in rows] == ["1", "2", "3"]
        both = list(csv.DictReader(io.StringIO(run("tartan", PHOTO, "other.png", "-c", FOURIER, "--csv").stdout)))
        assert [row.pop("file") for row in both] == [PHOTO] * 3 + ["other.png"] * 3
        assert both[:3] == rows

    def test_for_people(self) -> None:
        result = run("tartan", "cloud.ply", "-c", "points-fourier")
        assert result.exit_code == 0, result.output
        assert "energy at the frequencies of the code, in multiples of the baseline" in result.stdout
        assert result.stdout.splitlines()[-1].endswith("free elements, an estimate")

    def test_refusals(self) -> None:
        assert "no head 2" in refused("tartan", PHOTO, "-c", FOURIER, "--head", "2")


class TestLatents:
    def test_numbers_are_the_librarys(self) -> None:
        out = values("latents", PHOTO, "-c", LEARNED, "--block", "1", "--clusters", "2", "--head", "2")
        trace = read(LEARNED)[2]
        found = cluster_latents(trace, 0, 2, head=1)
        assert out["clusters"] == [found.members(i).tolist() for i in range(2)]
        assert out["effective"] == pytest.approx(concentration(trace, 0, 1).effective.tolist(), rel=1e-4)
        assert [(one["from"], one["to"]) for one in out["movement"]] == [(0, 2)]

    def test_csv_and_for_people(self) -> None:
        rows = list(csv.DictReader(io.StringIO(run("latents", PHOTO, "--csv").stdout)))
        assert [row["latent"] for row in rows] == [str(n) for n in range(1, 7)]
        assert {row["block"] for row in rows} == {"3"}
        text = run("latents", PHOTO, "--clusters", "3").stdout
        assert text.startswith(f"{PHOTO} ({FOURIER}), block 3\n")
        assert [line.split()[0] for line in text.splitlines()[2:5]] == ["1", "2", "3"]

    def test_refusals(self) -> None:
        assert "image-learned has no cross-attention in block 2; those that exist are 1, 3" in refused(
            "latents", PHOTO, "-c", LEARNED, "--block", "2"
        )
        assert "clusters is 7; it must be a whole number from 1 to 6" in refused("latents", PHOTO, "--clusters", "7")
        assert "no head 3" in refused("latents", PHOTO, "-c", LEARNED, "--head", "3")
