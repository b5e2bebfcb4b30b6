"""Damaged files of every format: either a sample of finite points, or one sentence that names the file."""

from __future__ import annotations

import io

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities import get
from tests.modalities.points import files
from tests.modalities.points.files import BOX, BOX_FACES, POINTS
from tests.modalities.points.test_las import las

_DOUBLES = ["double x", "double y", "double z"]


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _npz(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, points=array)
    return out.getvalue()


SOUND = {
    "text.ply": files.ply(POINTS.tolist(), _DOUBLES, faces=[(0, 1, 2), (3, 4, 5, 6)]),
    "little.ply": files.ply(POINTS.tolist(), _DOUBLES, "binary_little_endian", faces=[(0, 1, 2), (3, 4, 5, 6)]),
    "big.ply": files.ply(POINTS.tolist(), _DOUBLES, "binary_big_endian"),
    "text.pcd": files.pcd(files.cloud_rows(POINTS), "ascii"),
    "plain.pcd": files.pcd(files.cloud_rows(POINTS), "binary"),
    "packed.pcd": files.pcd(files.cloud_rows(POINTS), "binary_compressed"),
    "box.off": ("OFF\n4 4 0\n" + files.CORNERS + files.FACES).encode(),
    "square.obj": (files.SQUARE + "f 1 2 3\nf -1 -2 -3 -4\n").encode(),
    "box.stl": files.stl(BOX[BOX_FACES]),
    "text.stl": files.stl_text(BOX[BOX_FACES]),
    "scene.glb": files.glb(files.scene()),
    "plain.las": las(),
    "table.csv": b"x,y,z,r,g,b\n" + b"".join(b"%f,%f,%f,1,2,3\n" % tuple(p) for p in POINTS.tolist()),
    "array.npy": _npy(POINTS),
    "archive.npz": _npz(POINTS),
}


@pytest.mark.parametrize("name", SOUND)
def test_damage_is_survived(name: str) -> None:
    sound, generator = SOUND[name], np.random.default_rng(len(name))
    damaged = [sound[: int(length)] for length in generator.integers(0, len(sound), 6)]
    for _ in range(10):
        copy = bytearray(sound)
        for at in generator.integers(0, len(sound), generator.integers(1, 6)):
            copy[at] = generator.integers(256)
        damaged.append(bytes(copy))
    for data in (sound, *damaged):
        try:
            sample = get("points").read(data, name, shape=(16,), preprocess={})
        except InputError as error:
            refusal = str(error)
            assert data is not sound
            assert refusal.startswith(name)
            assert "\n" not in refusal
            assert len(refusal) < 300
        else:
            assert np.isfinite(sample.seen).all()
            assert np.isfinite(sample.original).all()
