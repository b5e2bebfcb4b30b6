"""The attention weight in a region as runs, files and commands give it, against sums over the maps themselves."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import perceiver
from perceiver import ConfigError, Lens
from perceiver.export.region import region_csv, region_json
from perceiver.lens import Run
from tests import commands
from tests.app import clouds, folder, sounds
from tests.commands import CLOUD, PHOTO, refused, values


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_box_of_cells_and_a_mask_give_the_sums_of_the_maps(run: Run) -> None:
    found = run.region("2-5,3-8")
    assert (found.elements, found.total, found.blocks) == (4 * 6, 256, (0, 1, 2))
    mask = np.zeros((16, 16), dtype=bool)
    mask[1:5, 2:8] = True
    np.testing.assert_array_equal(run.region(mask).latents, found.latents)
    for block, share, row in zip(found.blocks, found.shares, found.latents, strict=True):
        assert share == pytest.approx(float(run.map(block)[1:5, 2:8].sum()), rel=1e-5)
        np.testing.assert_allclose(row, run.latent_maps(block)[:, 1:5, 2:8].sum((1, 2)), rtol=1e-5)


def test_rows_and_columns_are_pixels_of_the_original(run: Run) -> None:
    """The centre crop of a picture that is wider than high starts right of its left edge."""
    places = run.context.layout.places
    expected = run.map(0)[:, (places["cols"] >= 10) & (places["cols"] < 20.5)].sum()
    assert run.region("cols=10:20.5").shares[0] == pytest.approx(float(expected), rel=1e-5)


def test_a_region_of_one_head(learned: Lens) -> None:
    run = learned.run(learned.read(folder.picture(1), name="other.png"))
    found = run.region("1-8,1-3", head=1)
    for share, block in zip(found.shares, found.blocks, strict=True):
        assert share == pytest.approx(float(run.map(block, head=1)[:, :3].sum()), rel=1e-5)
    with pytest.raises(ConfigError, match="head"):
        run.region("1-8,1-3", head=2)


def test_a_box_in_the_coordinates_of_a_cloud(cloud: Lens) -> None:
    run = cloud.run(cloud.read(clouds.ply(clouds.points()), name="cloud.ply"))
    points = run.context.layout.places["points"]
    middle = float(np.median(points[:, 1]))
    found = run.region(f"y={middle}:")
    chosen = points[:, 1] >= middle
    assert found.elements == chosen.sum()
    assert found.shares[0] == pytest.approx(float(run.map(0)[chosen].sum()), rel=1e-5)
    with pytest.raises(ConfigError, match="no element"):
        run.region("y=1e6:")


@pytest.mark.parametrize(
    "region", ["1-17,1-2", "1-2", "time=0:1", "nothing", np.zeros((16, 16), bool), np.ones(3, bool)]
)
def test_what_is_no_region_of_the_input_is_refused(run: Run, region: str | np.ndarray) -> None:
    with pytest.raises(ConfigError):
        run.region(region)


def test_files_hold_every_block_and_latent(run: Run) -> None:
    found = run.region("2-5,3-8")
    rows = lines(region_csv(found))
    assert len(rows) == 3 * 7
    means = [row for row in rows if not row["latent"]]
    assert [float(row["share"]) for row in means] == pytest.approx(found.shares.tolist())
    last = rows[-1]
    assert (last["block"], last["latent"]) == ("3", "6")
    assert float(last["share"]) == pytest.approx(found.latents[2, 5])
    assert float(last["multiple"]) == pytest.approx(found.latents[2, 5] / (24 / 256))
    out = json.loads(json.dumps(region_json(found, "2-5,3-8", run.context.origin), allow_nan=False))
    assert (out["region"], out["elements"], out["of"], out["uniform"]) == ("2-5,3-8", 24, 256, 24 / 256)
    assert out["blocks"][1]["latents"] == pytest.approx(found.latents[1].tolist())


def test_profiles_of_a_sound_add_up_its_maps(store: Path) -> None:
    lens = perceiver.open("audio-mel")
    run = lens.run(lens.read(sounds.wav(sounds.tones(440.0, 1200.0)), name="tone.wav"))
    rows = lines(run.maps().profiles_csv())
    for axis, over in (("time", 0), ("frequency", 1)):
        mine = [row for row in rows if row["axis"] == axis and row["block"] == "2"]
        np.testing.assert_allclose([float(row["value"]) for row in mine], run.map(1).sum(over), rtol=1e-5)
        np.testing.assert_allclose([float(row["place"]) for row in mine], run.context.layout.places[axis])
        assert {float(row["uniform"]) for row in mine} == {1 / len(mine)}


class TestCommand:
    @pytest.fixture(autouse=True)
    def _here(self, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        commands.stand_in(store, tmp_path, monkeypatch)

    def test_it_writes_what_the_library_finds(self) -> None:
        lens = perceiver.open("image-fourier")
        found = lens.run(lens.read(PHOTO)).region("2-5,3-8")
        out = values("region", PHOTO, "2-5,3-8", "-c", "image-fourier")
        assert [block["share"] for block in out["blocks"]] == pytest.approx(found.shares.tolist())
        assert commands.run("region", PHOTO, "2-5,3-8", "-c", "image-fourier", "--csv").stdout == region_csv(found)

    def test_it_lists_blocks_and_latents(self) -> None:
        result = commands.run("region", CLOUD, "z=0:", "--top", "2")
        assert result.exit_code == 0, result.output
        assert "uniform attention: " in result.stdout
        assert sum(line.strip().startswith("block ") for line in result.stdout.splitlines()) == 3 + 2

    def test_what_is_no_region_is_refused(self) -> None:
        assert "rows, cols" in refused("region", PHOTO, "time=0:1", "-c", "image-fourier")
