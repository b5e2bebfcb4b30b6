"""The split of scores as runs, files and commands give it, against the maps of the run and one another."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import perceiver
from perceiver import ConfigError, Lens
from perceiver.analysis.parts import RowParts
from perceiver.analysis.reading import mean_colour
from perceiver.analysis.split_shares import score_shares
from perceiver.cli import app
from perceiver.export.split import score_split_csv, score_split_json, split_csv
from perceiver.lens import Run
from tests import commands
from tests.app import clouds, folder, sounds
from tests.cli.test_studies import EXAMPLES
from tests.cli.test_studies import folder as checkpoint
from tests.commands import CLOUD, PHOTO, refused, values

__all__ = ["checkpoint"]


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_content_and_axes_add_up_to_the_scores_of_a_run(run: Run, learned: Lens, cloud: Lens) -> None:
    of_learned = learned.run(learned.read(folder.picture(1), name="other.png"))
    of_cloud = cloud.run(cloud.read(clouds.ply(clouds.points()), name="cloud.ply"))
    for one, bundles in (
        (run, (("content", "content"), ("axis:1", "height"), ("axis:2", "width"))),
        (of_learned, (("content", "content"), ("position", "position"))),
        (of_cloud, (("axis:1", "x"), ("axis:2", "y"), ("axis:3", "z"))),
    ):
        assert one.split.bundles == bundles
        block = one.blocks[-1]
        parts = sum(one.map(block, latent=2, kind="score", part=text).astype(np.float64) for text, _ in bundles)
        whole = one.map(block, latent=2, kind="score")
        np.testing.assert_allclose(parts - parts.mean(), whole - whole.mean(), atol=1e-4)
        shares = one.split.shares()
        np.testing.assert_allclose(sum(shares.of(text) for text, _ in bundles), 1)


def test_maps_of_a_part_are_its_softmax(run: Run) -> None:
    scores = run.latent_maps(2, kind="score", part="content").reshape(6, -1).astype(np.float64)
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(run.latent_maps(2, part="content").reshape(6, -1), weights, rtol=1e-4)
    maps = run.maps(part="content")
    np.testing.assert_allclose(maps[2].ravel(), weights.mean(0), rtol=1e-4)
    assert maps.selection.sentence(6, 1) == "Mean over 6 latents; scores of content alone."
    with np.load(io.BytesIO(maps.npz())) as file:
        assert json.loads(str(file["metadata"]))["part"] == "content"
        np.testing.assert_array_equal(file["maps"], maps.values)
    with np.load(io.BytesIO(run.maps().npz())) as file:
        assert "part" not in json.loads(str(file["metadata"]))
    with pytest.raises(ConfigError, match="no part b1:9"):
        run.maps(part="b1:9")


def test_a_score_without_a_latent_is_that_of_the_strongest(run: Run) -> None:
    first, *_ = run.strongest_latents((3, 5))
    split = run.split.score((3, 5))
    assert (split.block, split.latent, split.element) == (first.block, first.latent, 3 * 16 + 5)
    assert split.weight == pytest.approx(first.weight)
    assert split.score == pytest.approx(float(run.map(split.block, latent=split.latent, kind="score")[3, 5]), abs=1e-5)
    chosen = run.split.score(53, latent=4)
    best = max(run.blocks, key=lambda block: run.latent_maps(block)[4].ravel()[53])
    assert (chosen.block, chosen.latent) == (best, 4)
    assert run.split.score(53, block=1).block == 1
    for wrong in ({"latent": 6}, {"block": 3}, {"head": 1}):
        with pytest.raises(ConfigError):
            run.split.score(53, **wrong)
    with pytest.raises(ConfigError):
        run.split.score(256)


def test_files_hold_every_part(run: Run) -> None:
    split, axes = run.split.score(53), run.context.axis_names
    rows = lines(score_split_csv(split, axes))
    assert sum(float(row["value"]) for row in rows) == pytest.approx(split.score, abs=1e-5)
    assert {row["name"] for row in rows} >= {"content", "height band 1", "width coordinate", "constant"}
    taken = run.split.reading(split.block, split.latent)
    out = json.loads(json.dumps(score_split_json(split, run.context.origin, axes, taken), allow_nan=False))
    assert sum(part["value"] for part in out["parts"]) + out["constant"] == pytest.approx(out["score"], abs=1e-5)
    assert sum(out["read"]["shares"].values()) + out["read"]["constant"] == pytest.approx(1, abs=1e-5)
    shares = run.split.shares()
    table = lines(split_csv(shares, run.split.bundles))
    assert len(table) == 3 * 3 * (1 + 6)
    for block in ("1", "2", "3"):
        for latent in ("", *map(str, range(1, 7))):
            its = [float(row["share"]) for row in table if (row["block"], row["latent"]) == (block, latent)]
            assert sum(its) == pytest.approx(1)
    told = json.loads(json.dumps(run.split.json(), allow_nan=False))
    assert told["blocks"][1]["shares"]["content"] == pytest.approx(float(shares.of("content")[1]))
    assert sum(told["blocks"][1]["parts"].values()) == pytest.approx(1)
    with np.load(io.BytesIO(run.split.npz())) as file:
        assert file["scores"].shape == (3, 3, 16, 16)
        np.testing.assert_allclose(file["scores"][1, 2], run.map(2, kind="score", part="axis:1"), atol=1e-5)
        np.testing.assert_array_equal(file["covariance"], shares.covariance)
        assert file["parts"][0] == "content:1"


def test_the_colour_that_a_latent_reads(run: Run, cloud: Lens) -> None:
    weights = run.map(1, latent=2).astype(np.float64)
    found = run.split.colour(1, 2)
    assert found is not None
    wanted = np.zeros(3)
    for row in range(16):
        for column in range(16):
            wanted += weights[row, column] * run.sample.seen[row, column]
    np.testing.assert_allclose(found[0], wanted / weights.sum(), rtol=1e-4)
    np.testing.assert_allclose(found[1], run.sample.seen.reshape(-1, 3).mean(0))
    halves = mean_colour(run.sample.seen, np.repeat([[1.0], [0.0]], 2, axis=1))
    np.testing.assert_allclose(halves, run.sample.seen[:8].reshape(-1, 3).mean(0))
    assert run.split.along(1, 2, "rows") is None  # three channels
    assert cloud.run(cloud.read(clouds.ply(clouds.points()), name="cloud.ply")).split.colour(0, 0) is None


def test_what_is_said(run: Run) -> None:
    content = run.split.shares().of("content")
    assert str(run.split).startswith(f"Content explains {100 * content[0]:.1f} % of the variance")
    assert "content" in run.split._repr_html_()
    assert "difference" in run.split.score(53)._repr_html_()


class TestCommand:
    @pytest.fixture(autouse=True)
    def _here(self, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        commands.stand_in(store, tmp_path, monkeypatch)

    def test_it_writes_what_the_library_finds(self) -> None:
        lens = perceiver.open("image-fourier")
        run = lens.run(lens.read(PHOTO))
        out = values("split", PHOTO, "-c", "image-fourier")
        wanted = run.split.shares().of("content").tolist()
        assert [block["shares"]["content"] for block in out["blocks"]] == pytest.approx(wanted)
        text = commands.run("split", PHOTO, "-c", "image-fourier", "--csv").stdout
        assert text == split_csv(run.split.shares(), run.split.bundles)
        at = values("split", PHOTO, "-c", "image-fourier", "--at", "4,6", "--block", "2", "--latent", "3")
        assert (at["block"], at["latent"], at["element"]) == (1, 2, 53)
        assert at["score"] == pytest.approx(float(run.map(1, latent=2, kind="score")[3, 5]), abs=1e-5)

    def test_it_lists_shares_and_terms(self) -> None:
        result = commands.run("split", CLOUD, "--top", "2", "--npz", "made/split.npz")
        assert result.exit_code == 0, result.output
        assert "The input array holds the position encoding alone" in result.stdout
        with np.load("made/split.npz") as file:
            assert file["bundles"].tolist() == ["axis:1", "axis:2", "axis:3"]
        result = commands.run("split", PHOTO, "-c", "image-fourier", "--at", "4,6", "--top", "3")
        assert result.exit_code == 0, result.output
        assert "8 others" in result.stdout
        assert "share in what the latent reads: content " in result.stdout

    def test_maps_of_a_part(self) -> None:
        result = commands.run("maps", PHOTO, "-c", "image-fourier", "-o", "out", "--part", "axis:2", "--format", "csv")
        assert result.exit_code == 0, result.output
        lens = perceiver.open("image-fourier")
        wanted = lens.run(lens.read(PHOTO)).maps(part="axis:2")
        (written,) = Path("out").iterdir()
        assert "part-axis-2" in written.name
        assert written.read_text() == wanted.csv()

    @pytest.mark.parametrize(
        "arguments",
        [
            (PHOTO, "--held-out"),
            (PHOTO, "--latent", "1"),
            (PHOTO, "-c", "image-fourier", "-c", "image-learned"),
            (PHOTO, "-c", "image-fourier", "--at", "17,1"),
            (PHOTO, "-c", "image-fourier", "--csv", "--json"),
            ("--held-out", "--at", "1"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, arguments: tuple[str, ...]) -> None:
        assert CliRunner().invoke(app, ["split", *arguments]).exit_code == 2

    def test_parts_that_are_not_there_are_refused(self) -> None:
        assert "no part component:1" in refused(
            "maps", PHOTO, "-c", "image-fourier", "-o", "x", "--part", "component:1"
        )


def test_held_out_shares_are_means_over_the_examples(checkpoint: Path) -> None:
    result = CliRunner().invoke(app, ["split", "--held-out", "-c", str(checkpoint), "--csv"])
    assert result.exit_code == 0, result.output
    rows = lines(result.stdout)
    lens = perceiver.open(str(checkpoint))
    each = []
    for content in EXAMPLES.content:
        trace = lens.model.trace(lens.model.input_array(content[None]))
        each.append(score_shares(trace, RowParts.of(lens.model)).of("axis:2"))
    mean = np.mean(each, axis=0)
    for row in (row for row in rows if row["part"] == "axis:2"):
        assert float(row["share"]) == pytest.approx(mean[int(row["block"]) - 1], abs=1e-6)
        assert float(row["share_low"]) <= float(row["share"]) <= float(row["share_high"])
    table = CliRunner().invoke(app, ["split", "--held-out", "-c", str(checkpoint), "--most", "2"])
    assert table.exit_code == 0, table.output
    assert "2 held-out examples of 2 groups" in table.stdout
    found = json.loads(CliRunner().invoke(app, ["split", "--held-out", "-c", str(checkpoint), "--json"]).stdout)
    assert len(found["rows"]) == 2 * 3


def test_the_axes_of_a_sound_have_names(store: Path) -> None:
    lens = perceiver.open("audio-mel")
    run = lens.run(lens.read(sounds.wav(sounds.tones(440.0, 1200.0)), name="tone.wav"))
    assert [name for _, name in run.split.bundles] == ["content", *run.context.axis_names]
    found = run.split.along(1, 2, "frequency")
    assert found is not None
    at = run.context.axes.index("frequency")
    content = np.moveaxis(run.sample.content.numpy().reshape(run.sample.shape).astype(np.float64), at, 0)
    weights = np.moveaxis(run.map(1, latent=2).astype(np.float64), at, 0)
    for place, level in enumerate(content):
        wanted = (level * weights[place]).sum() / weights[place].sum()
        assert found.read[place] == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        assert found.average[place] == pytest.approx(level.mean(), abs=1e-6)
    np.testing.assert_array_equal(found.places, run.context.layout.places["frequency"])
    with pytest.raises(ConfigError):
        run.split.along(1, 2, "rows")
