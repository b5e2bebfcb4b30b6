"""What is exported opens without pickle, says where every element lies, and adds up."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perceiver import modalities
from perceiver.analysis.maps import MapSelection
from perceiver.export.origin import Layout, Origin
from perceiver.export.predictions import maps_csv, maps_npz, predictions_json
from perceiver.lens.context import layout_of
from perceiver.positions import grid_coordinates

RNG = np.random.default_rng(0)
BOX = ((18.75, 281.25), (68.75, 331.25))


PLACES = {"rows": np.array([5.0, 15.0, 25.0]), "cols": np.array([11.0, 13.0, 15.0, 17.0, 19.0])}
ORIGIN = Origin("m", "s")


def grid(**changes: Any) -> Layout:
    return replace(Layout((3, 5), PLACES, box=BOX), **changes)


def maps(*shape: int) -> np.ndarray:
    values = RNG.random(shape).astype(np.float32)
    return values / values.sum((-2, -1), keepdims=True)


class TestMapsAsTable:
    def test_a_line_for_each_element_with_its_place(self) -> None:
        values = maps(2, 3, 5)
        lines = list(csv.reader(StringIO(maps_csv(values, [0, 3], grid()))))
        assert lines[0] == ["element", "rows", "cols", "block_1", "block_4"]
        assert len(lines) == 1 + 3 * 5
        # The eighth element is in the second of three rows and the third of five columns.
        number, row, column, first, last = map(float, lines[8])
        assert (number, row, column) == (8, 15.0, 15.0)
        assert (first, last) == pytest.approx((values[0, 1, 2], values[1, 1, 2]), rel=1e-6)

    def test_padding_of_a_sound_and_rows_of_a_cloud(self) -> None:
        padding = np.zeros((3, 5), dtype=bool)
        padding[2, 4] = True
        lines = list(csv.reader(StringIO(maps_csv(maps(1, 3, 5), [1], grid(padding=padding)))))
        assert lines[0] == ["element", "rows", "cols", "padding", "block_2"]
        assert [line[3] for line in lines[-2:]] == ["0", "1"]
        points = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
        layout = Layout((2,), {"points": points}, coordinates=points.astype(np.float32), rows=np.array([7, 2]))
        lines = list(csv.reader(StringIO(maps_csv(np.array([[0.25, 0.75]]), [0], layout))))
        assert lines == [
            ["element", "x", "y", "z", "file_row", "block_1"],
            ["1", "0.0", "1.0", "2.0", "8", "0.25"],
            ["2", "3.0", "4.0", "5.0", "3", "0.75"],
        ]

    def test_the_numbers_of_maps_and_blocks_differ(self) -> None:
        with pytest.raises(ValueError, match="1 blocks for 2 maps"):
            maps_csv(maps(2, 3, 5), [0], grid())


class TestMaps:
    def test_round_trip(self, tmp_path: Path) -> None:
        values = maps(3, 3, 5)
        path = tmp_path / "maps.npz"
        origin = Origin("image-fourier", 'löffel "x".png', "ab" * 32, ("used frame 1 of 12",))
        maps_npz(path, values, [0, 1, 3], origin, grid(), MapSelection(head=0))
        with np.load(path, allow_pickle=False) as file:
            assert set(file) == {"maps", "blocks", "rows", "cols", "position", "box", "metadata"}
            np.testing.assert_array_equal(file["maps"], values)
            assert file["maps"].dtype == np.float32
            np.testing.assert_allclose(file["maps"].sum((1, 2)), 1, rtol=1e-5)
            np.testing.assert_array_equal(file["blocks"], [0, 1, 3])
            np.testing.assert_array_equal(file["box"], BOX)
            metadata = json.loads(str(file["metadata"]))
        assert metadata == {
            "format": 1,
            "library": metadata["library"],
            "model": "image-fourier",
            "weights_sha256": "ab" * 32,
            "sample": 'löffel "x".png',
            "notes": ["used frame 1 of 12"],
            "axes": ["block", "rows", "cols"],
            "kind": "probability",
            "reduce": "mean",
            "head": 0,
            "latent": None,
        }
        assert metadata["library"].startswith("perceiver-lens ")

    def test_places_on_the_original(self) -> None:
        buffer = io.BytesIO()
        maps_npz(buffer, maps(1, 3, 5), [0], ORIGIN, grid(box=((0.0, 30.0), (10.0, 20.0))))
        buffer.seek(0)
        with np.load(buffer, allow_pickle=False) as file:
            np.testing.assert_array_equal(file["rows"], [5, 15, 25])
            np.testing.assert_array_equal(file["cols"], [11, 13, 15, 17, 19])

    def test_padding_is_marked(self) -> None:
        padding = np.zeros((3, 5), bool)
        padding[:, 3:] = True
        for layout, held in ((grid(padding=padding), True), (grid(), False)):
            buffer = io.BytesIO()
            maps_npz(buffer, maps(1, 3, 5), [0], ORIGIN, layout)
            buffer.seek(0)
            with np.load(buffer, allow_pickle=False) as file:
                assert ("padding" in file) == held
                if held:
                    assert file["padding"].dtype == bool
                    np.testing.assert_array_equal(file["padding"], padding)

    def test_positions_are_what_the_encoding_is_given(self) -> None:
        buffer = io.BytesIO()
        maps_npz(buffer, maps(1, 3, 5), [0], ORIGIN, grid())
        buffer.seek(0)
        with np.load(buffer, allow_pickle=False) as file:
            position = file["position"]
        np.testing.assert_array_equal(position.reshape(15, 2), grid_coordinates((3, 5)).numpy())
        # Element 9 of 3 x 5 is row 1, column 4: the middle of the height, the end of the width.
        np.testing.assert_array_equal(position[1, 4], [0, 1])

    def test_every_latent_of_its_own(self) -> None:
        buffer = io.BytesIO()
        maps_npz(buffer, maps(2, 7, 3, 5), [0, 1], ORIGIN, grid())
        buffer.seek(0)
        with np.load(buffer, allow_pickle=False) as file:
            assert file["maps"].shape == (2, 7, 3, 5)
            metadata = json.loads(str(file["metadata"]))
        assert metadata["axes"] == ["block", "latent", "rows", "cols"]
        assert metadata["reduce"] is None

    def test_free_elements_bring_their_own_coordinates(self) -> None:
        points = RNG.random((4, 3))
        buffer = io.BytesIO()
        values = RNG.random((2, 4)).astype(np.float32)
        layout = Layout((4,), {"points": 10 * points}, coordinates=points.astype(np.float32))
        maps_npz(buffer, values, [0, 1], ORIGIN, layout)
        buffer.seek(0)
        with np.load(buffer, allow_pickle=False) as file:
            np.testing.assert_array_equal(file["points"], 10 * points)
            np.testing.assert_array_equal(file["position"], points.astype(np.float32))
            assert file["box"].shape == (0, 2)
            assert json.loads(str(file["metadata"]))["axes"] == ["block", "points"]
            assert "file_row" not in file

    def test_a_cloud_brings_the_file_row_of_every_element(self) -> None:
        """Rows of the file, also where some were not finite, were left out, drawn or repeated."""
        places = np.round(RNG.random((60, 3)), 3)
        given = np.vstack([[[np.nan, 0, 0]], places, [[9999, 0, 0]]])
        text = "\n".join(" ".join(map(str, row)) for row in given.tolist()).encode()
        for count in (16, 100):
            clouds = modalities.get("points")
            options = {"strays": "drop"}
            sample = clouds.read(text, "a.xyz", shape=(count,), preprocess={}, options=options)
            buffer = io.BytesIO()
            values = RNG.random((1, count)).astype(np.float32)
            maps_npz(buffer, values, [0], ORIGIN, layout_of(sample))
            buffer.seek(0)
            with np.load(buffer, allow_pickle=False) as file:
                assert file["file_row"].dtype == np.int64
                np.testing.assert_allclose(given[file["file_row"]], file["points"], atol=1e-6)
                assert len(set(file["file_row"])) == min(count, 60)

    def test_refusals(self) -> None:
        for values, blocks, box, cause in (
            (maps(2, 3, 5), [0], BOX, "2 maps for 1 blocks"),
            (maps(1, 2, 2, 3, 5), [0], BOX, "these are"),
            (maps(1, 5, 3), [0], BOX, "these are"),
            (maps(1, 3, 5), [0], ((5.0, 4.0), (0.0, 1.0)), "box"),
        ):
            with pytest.raises(ValueError, match=cause):
                maps_npz(io.BytesIO(), values, blocks, ORIGIN, grid(box=box))
        with pytest.raises(ValueError, match="places rows do not match"):
            maps_npz(io.BytesIO(), maps(1, 3, 5), [0], ORIGIN, grid(places={"rows": PLACES["rows"]}))


class TestPredictions:
    LOGITS = np.array([1.0, 3.0, -2.0, 1.0], dtype=np.float32)

    def test_ranked_with_probabilities_over_all_classes(self) -> None:
        out = predictions_json(self.LOGITS, ["a", "b", "c", "d"], Origin("m", "s.png", notes=("n",)), truth="c")
        expected = torch.softmax(torch.from_numpy(self.LOGITS).double(), 0).numpy()
        assert [(p["rank"], p["class"], p["label"]) for p in out["predictions"]] == [
            (1, 1, "b"), (2, 0, "a"), (3, 3, "d"), (4, 2, "c"),
        ]  # fmt: skip
        for prediction in out["predictions"]:
            assert prediction["probability"] == pytest.approx(expected[prediction["class"]])
            assert prediction["logit"] == self.LOGITS[prediction["class"]]
        assert (out["model"], out["sample"], out["truth"], out["notes"]) == ("m", "s.png", "c", ["n"])

    def test_a_cut_list_keeps_its_probabilities(self) -> None:
        whole = predictions_json(self.LOGITS, list("abcd"), ORIGIN)["predictions"]
        by_block = np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
        followed = predictions_json(self.LOGITS, list("abcd"), ORIGIN, by_block=by_block)["predictions"]
        assert {one["label"]: one["after_block"] for one in followed}["c"] == [0.3, 0.2]
        assert predictions_json(self.LOGITS, list("abcd"), ORIGIN, top=2)["predictions"] == whole[:2]

    def test_it_is_json(self) -> None:
        out = predictions_json(np.array([1000.0, -1000.0]), ["a", "b"], ORIGIN)
        assert json.loads(json.dumps(out, allow_nan=False)) == out
        assert out["predictions"][0]["probability"] == 1

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="3 labels for 4 logits"):
            predictions_json(self.LOGITS, ["a", "b", "c"], ORIGIN)
        with pytest.raises(ValueError, match="logits are not finite"):
            predictions_json(np.array([np.nan, 1.0]), ["a", "b"], ORIGIN)
