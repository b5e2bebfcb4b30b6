"""Folders laid out like ModelNet40, from meshes written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perceiver.errors import DataError
from perceiver.training.sets.modelnet import is_modelnet, read_modelnet

from ..dataset_builders.debian import silent

# A wall in the plane y = 0, one wide and two high along z, with its header as many of ModelNet40's files have it.
WALL = "OFF4 2 0\n0 0 0\n1 0 0\n1 0 2\n0 0 2\n3 0 1 2\n3 0 2 3\n"
FLOOR = "OFF\n4 1 0\n0 0 0\n1 0 0\n1 2 0\n0 2 0\n4 0 1 2 3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, text in (("wall", WALL), ("floor", FLOOR)):
        for side, count in (("train", 2), ("test", 1)):
            (tmp_path / "net" / label / side).mkdir(parents=True)
            for k in range(count):
                (tmp_path / "net" / label / side / f"{label}_{k}.off").write_text(text)
    (tmp_path / "net" / "wall" / "train" / "._wall_0.off").write_bytes(b"\0\5\26\7")  # what macOS leaves
    (tmp_path / "net" / "README.txt").write_text("not a class")
    return tmp_path / "net"


def test_a_folder_becomes_arrays_of_the_built_sets_form(folder: Path) -> None:
    assert is_modelnet(folder)
    assert not is_modelnet(folder / "wall")
    assert not is_modelnet(folder / "missing")
    made = read_modelnet(folder, points=500, progress=silent)
    assert set(made) == {"points", "label", "split", "group", "name", "classes"}
    assert (made["points"].shape, made["points"].dtype) == ((6, 500, 3), np.float16)
    assert made["classes"].tolist() == ["floor", "wall"]
    assert made["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert made["split"].tolist() == [0, 0, 2, 0, 0, 2]
    assert made["group"].tolist() == list(range(6))
    assert made["name"].tolist()[2:4] == ["floor/test/floor_0", "wall/train/wall_0"]


def test_z_becomes_y_and_the_cloud_fills_the_unit_cube(folder: Path) -> None:
    wall = read_modelnet(folder, points=2000, progress=silent)["points"][3].astype(float)
    assert (wall[:, 2] == 0).all()
    assert np.ptp(wall[:, 1]) == pytest.approx(2 * np.ptp(wall[:, 0]), rel=0.01)
    assert np.allclose(wall.mean(0), 0, atol=1e-3)
    assert np.abs(wall).max() == 1
    same = read_modelnet(folder, points=2000, up="y", progress=silent)["points"][3]
    assert (same[:, 1] == 0).all()


def test_points_follow_from_the_seed_and_the_name(folder: Path) -> None:
    made = read_modelnet(folder, points=9, progress=silent)["points"]
    assert not np.array_equal(made[0], made[1])
    assert np.array_equal(made, read_modelnet(folder, points=9, progress=silent)["points"])
    assert not np.array_equal(made, read_modelnet(folder, points=9, seed=1, progress=silent)["points"])
    (folder / "floor" / "train" / "floor_0.off").unlink()
    assert np.array_equal(made[1:], read_modelnet(folder, points=9, progress=silent)["points"])


def test_the_cache_is_read_until_files_or_settings_change(folder: Path, tmp_path: Path) -> None:
    steps: list[float | None] = []

    def count(share: float | None, message: str) -> None:
        steps.append(share)

    cache = tmp_path / "kept" / "net.npz"

    def read(points: int = 9) -> dict[str, np.ndarray]:
        steps.clear()
        return read_modelnet(folder, points=points, cache=cache, progress=count)

    first = read()
    assert steps == [k / 6 for k in range(7)]
    again = read()
    assert steps == []
    assert set(again) == set(first)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert (read(points=8)["points"].shape, len(steps)) == ((6, 8, 3), 7)
    cache.write_bytes(cache.read_bytes()[:100])
    read()
    (folder / "wall" / "test" / "wall_0.off").write_text(WALL + "\n")
    read()
    assert len(steps) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("OFF\n4 2 0\n0 0 0\n", r"wall_0\.off was cut off or damaged"),
        ("OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n", r"wall_0\.off (has|holds) no faces"),
        ("OFF\n3 1 0\n0 0 0\n1 1 1\n2 2 2\n3 0 1 2\n", r"wall_0\.off cannot be sampled: the mesh has no surface"),
        ("", r"wall_0\.off is an empty file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(folder: Path, text: str, message: str) -> None:
    (folder / "wall" / "train" / "wall_0.off").write_text(text)
    with pytest.raises(DataError, match=message):
        read_modelnet(folder, points=9, progress=silent)


def test_a_folder_of_another_layout_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"elsewhere holds no CLASS/train/\*\.off"):
        read_modelnet(tmp_path / "elsewhere", progress=silent)
    (folder / "wall" / "test" / "wall_0.off").unlink()
    with pytest.raises(DataError, match=r"net/wall/test holds no \.off file"):
        read_modelnet(folder, progress=silent)
    with pytest.raises(DataError, match="0 points"):
        read_modelnet(folder, points=0, progress=silent)
