"""Skins and morph targets of glTF scenes: places against transforms written out by hand, and against their formula."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.points.readers import Cloud, read_cloud
from tests.modalities.points import files

# A box 1 x 4 x 2.
BOX = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 4.0) for z in (0.0, 2.0)])
QUARTER_ABOUT_Z = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]
"""(x, y, z) -> (-y, x, z)."""


def scene(arrays: list[tuple[np.ndarray, str]], **changes: Any) -> tuple[dict[str, Any], bytes]:
    """A scene with the box as its first array and twelve triangles as its second; `arrays` follow as accessors."""
    every = [(BOX.astype("<f4"), "VEC3"), (files.BOX_FACES.ravel().astype("<u2"), "SCALAR"), *arrays]
    numbers = {"<f4": 5126, "<u2": 5123, "|u1": 5121, "<i2": 5122}
    accessors, views, values = [], [], b""
    for i, (array, kind) in enumerate(every):
        values += b"\0" * (-len(values) % 4)
        views.append({"buffer": 0, "byteOffset": len(values), "byteLength": array.nbytes})
        component = numbers[array.dtype.str]
        accessors.append({"bufferView": i, "componentType": component, "count": len(array), "type": kind})
        values += array.tobytes()
    part = {"attributes": {"POSITION": 0}, "indices": 1}
    tree = files.scene(
        scenes=[{"nodes": [0]}],
        nodes=[{"mesh": 0}],
        meshes=[{"primitives": [part]}],
        accessors=accessors,
        bufferViews=views,
        buffers=[{"byteLength": len(values)}],
    )
    return tree | changes, values


def read(tree: dict[str, Any], values: bytes) -> Cloud:
    return read_cloud(files.glb(tree, values), "a.glb", 1000)


def size(cloud: Cloud) -> list[float]:
    """The extent of the triangles' corners along x, y and z."""
    assert cloud.triangles is not None
    return np.round(np.ptp(cloud.points[cloud.triangles.ravel()], axis=0), 5).tolist()


def skinned(nodes: list[dict[str, Any]], joints: list[int], shares: np.ndarray, **skin: Any) -> Any:
    """A scene whose first node is the box with these joints (one a point, in the first of four places)."""
    four = np.zeros((8, 4), "u1")
    four[:, : len(shares[0])] = np.arange(len(shares[0]))
    weights = np.zeros((8, 4), "<f4")
    weights[:, : shares.shape[1]] = shares
    part = {"attributes": {"POSITION": 0, "JOINTS_0": 2, "WEIGHTS_0": 3}, "indices": 1}
    return scene(
        [(four, "VEC4"), (weights, "VEC4")],
        nodes=[{"mesh": 0, "skin": 0, "translation": [100, 0, 0], "scale": [9, 9, 9]}, *nodes],
        scenes=[{"nodes": [0, 1]}],
        skins=[{"joints": joints} | skin],
        meshes=[{"primitives": [part]}],
    )


def test_a_scene_without_a_pose_is_read_as_it_stands() -> None:
    cloud = read(*scene([]))
    assert size(cloud) == [1, 4, 2]
    assert cloud.notes == ()


def test_a_box_turned_by_its_joint_is_read_turned() -> None:
    """The node of a skinned mesh places nothing; its joint, which lies in another node, does."""
    nodes = [{"children": [2], "translation": [0, 0, 5]}, {"rotation": QUARTER_ABOUT_Z}]
    cloud = read(*skinned(nodes, [2], np.ones((8, 1))))
    assert size(cloud) == [4, 1, 2]
    expected = np.stack([-BOX[:, 1], BOX[:, 0], BOX[:, 2] + 5], axis=1)
    assert np.allclose(np.sort(cloud.points, axis=0), np.sort(expected, axis=0), atol=1e-6)
    assert cloud.notes == ("posed 1 of its meshes by joints or morph weights, as the file has them",)


def test_joints_are_blended_by_their_weights() -> None:
    """A place is the mean of where its joints take it: v' = sum of w (joint to scene) (inverse bind) v."""
    generator = np.random.default_rng(0)
    shares = generator.random((8, 3))
    nodes = [
        {"children": [2, 3], "rotation": QUARTER_ABOUT_Z},
        {"translation": [1, 2, 3], "scale": [2, 1, 0.5]},
        {"matrix": [0, 0, 1, 0, 0, 1, 0, 0, -1, 0, 0, 0, 7, 0, 0, 1]},
    ]
    quarter = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    moved = np.array([[2, 0, 0, 1], [0, 1, 0, 2], [0, 0, 0.5, 3], [0, 0, 0, 1]], float)
    turned = np.array([[0, 0, -1, 7], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], float)
    binds = [np.eye(4), np.linalg.inv(moved), np.eye(4)]
    to_scene = [quarter, quarter @ moved, quarter @ turned]
    expected = np.zeros((8, 3))
    for point, share in enumerate(shares / shares.sum(axis=1, keepdims=True)):
        for weight, joint, bind in zip(share, to_scene, binds, strict=True):
            expected[point] += weight * (joint @ bind @ [*BOX[point], 1])[:3]
    tree, values = skinned(nodes, [1, 2, 3], shares / shares.sum(axis=1, keepdims=True), inverseBindMatrices=4)
    packed = np.stack([bind.T.ravel() for bind in binds]).astype("<f4").tobytes()
    values += b"\0" * (-len(values) % 4)
    tree["bufferViews"].append({"buffer": 0, "byteOffset": len(values), "byteLength": len(packed)})
    tree["accessors"].append({"bufferView": 4, "componentType": 5126, "count": 3, "type": "MAT4"})
    tree["buffers"] = [{"byteLength": len(values) + len(packed)}]
    points = read(tree, values + packed).points
    assert np.allclose(points[-8:], expected, atol=1e-5)
    uri = "data:application/octet-stream;base64," + base64.b64encode(values + packed).decode()
    apart = tree | {"buffers": [{"byteLength": len(values + packed), "uri": uri}]}
    assert np.allclose(read_cloud(json.dumps(apart).encode(), "a.gltf", 1000).points[-8:], expected, atol=1e-5)


def test_morph_weights_move_the_points_of_their_node() -> None:
    stretched, shifted = BOX * (3, 0, 0), np.full((8, 3), 100.0)
    part = {"attributes": {"POSITION": 0}, "indices": 1, "targets": [{"POSITION": 2}, {"POSITION": 3}]}
    arrays = [(stretched.astype("<f4"), "VEC3"), (shifted.astype("<f4"), "VEC3")]
    node = {"mesh": 0, "translation": [0, 0, 5]}
    for weights, width in (([1.0, 0.0], 4), ([0.5, 0.0], 2.5), ([0.0, 0.0], 1)):
        tree, values = scene(arrays, meshes=[{"primitives": [part], "weights": weights}], nodes=[node])
        cloud = read(tree, values)
        assert size(cloud) == [width, 4, 2]
        assert cloud.points.min(axis=0).tolist() == [0, 0, 5]
        assert len(cloud.notes) == any(weights)
    # The weights of a node come before those of its mesh.
    tree, values = scene(
        arrays, meshes=[{"primitives": [part], "weights": [1, 0]}], nodes=[node | {"weights": [0, 0.25]}]
    )
    cloud = read(tree, values)
    assert size(cloud) == [1, 4, 2]
    assert cloud.points.min(axis=0).tolist() == [25, 25, 30]


def test_sparse_and_normalised_numbers_of_a_pose() -> None:
    part = {"attributes": {"POSITION": 0}, "indices": 1, "targets": [{"POSITION": 2}]}
    which, moved = np.array([7], "<u2"), np.array([[3, 0, 0]], "<f4")
    tree, values = scene([(which, "SCALAR"), (moved, "VEC3")], meshes=[{"primitives": [part], "weights": [1]}])
    sparse = {
        "count": 1,
        "indices": {"bufferView": 2, "componentType": 5123},
        "values": {"bufferView": 3},
    }
    tree["accessors"] = [*tree["accessors"][:2], {"componentType": 5126, "count": 8, "type": "VEC3", "sparse": sparse}]
    assert size(read(tree, values)) == [4, 4, 2]
    whole = np.zeros((8, 3), "<i2")
    whole[7, 0] = 32767
    tree, values = scene([(whole, "VEC3")], meshes=[{"primitives": [part], "weights": [2]}])
    tree["accessors"][2]["normalized"] = True
    tree["bufferViews"][2]["byteStride"] = 6
    assert size(read(tree, values)) == [3, 4, 2]


def test_one_mesh_can_be_posed_in_one_place_and_plain_in_another() -> None:
    tree, values = skinned([{"rotation": QUARTER_ABOUT_Z}], [1], np.ones((8, 1)))
    tree["nodes"].append({"mesh": 0, "translation": [50, 0, 0]})
    tree["scenes"] = [{"nodes": [0, 1, 2]}]
    cloud = read(tree, values)
    assert cloud.points.max(axis=0).tolist() == pytest.approx([51, 4, 2])
    assert cloud.points.min(axis=0).tolist() == pytest.approx([-4, 0, 0])
    # A posed mesh of another scene is not read.
    tree["scenes"] = [{"nodes": [1, 2]}]
    assert read(tree, values).points.min(axis=0).tolist() == [50, 0, 0]


def test_animations_are_left_out_and_said() -> None:
    tree, values = scene([], animations=[{"channels": [], "samplers": []}])
    assert read(tree, values).notes == ("left out its 1 animation, so it stands as before they begin",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tree: tree["skins"][0].update(joints=[]),
        lambda tree: tree["skins"][0].update(joints=[9]),
        lambda tree: tree["skins"][0].update(inverseBindMatrices=0),
        lambda tree: tree["skins"][0].update(inverseBindMatrices=99),
        lambda tree: tree.update(skins=[]),
        lambda tree: tree["accessors"][2].update(count=7),
        lambda tree: tree["accessors"][3].update(count=2000),
        lambda tree: tree["bufferViews"][2].update(byteOffset=10**6),
        lambda tree: tree["bufferViews"][2].update(byteOffset=-4),
        lambda tree: tree["nodes"][1].update(children=[1]),
        lambda tree: tree["nodes"][1].update(rotation=[1]),
    ],
)
def test_a_damaged_pose_is_refused(damage: Any) -> None:
    tree, values = skinned([{"rotation": QUARTER_ABOUT_Z}], [1], np.ones((8, 1)))
    damage(tree)
    with pytest.raises(InputError, match=r"a\.glb is a glTF mesh"):
        read(tree, values)
