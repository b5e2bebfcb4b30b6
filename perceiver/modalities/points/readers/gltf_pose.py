"""Skins and morph targets of a glTF scene: the places that its points have in the pose of the file.

trimesh reads meshes as they were modelled. So the places are computed here, and the scene is written anew with plain
meshes in place of posed ones. Animations are left out: the scene is as it stands before any of them begins.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

Tree = dict[str, Any]

_NUMBERS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_FLOAT = 5126
_CHUNK = 1 << 16
_DEEPEST = 200


def pose(tree: Tree, binary: bytes) -> tuple[bytes, int]:
    """A scene as GLB whose meshes are posed by their joints and morph weights, and how many were; (b"", 0) for none.

    tree    the description of the scene
    binary  the binary chunk of a GLB

    Raises ValueError, KeyError, IndexError or TypeError for a damaged scene.
    """
    if not any("skin" in node for node in tree.get("nodes", [])) and not any(
        any(one.get("weights", ())) for one in (*tree.get("nodes", []), *tree.get("meshes", []))
    ):
        return b"", 0
    scene = _Scene(tree, binary)
    posed = 0
    for number in scene.placed():
        posed += scene.pose(number)
    return (scene.glb(), posed) if posed else (b"", 0)


class _Scene:
    """A copy of a scene that is changed, with all of its buffers as one."""

    def __init__(self, tree: Tree, binary: bytes) -> None:
        self.tree: Tree = json.loads(json.dumps(tree))
        self.nodes: list[Tree] = self.tree.get("nodes", [])
        values, starts = bytearray(), []
        for buffer in self.tree.get("buffers", []):
            values += b"\0" * (-len(values) % 4)
            starts.append(len(values))
            values += base64.b64decode(buffer["uri"].partition(",")[2]) if "uri" in buffer else binary
        self.values = bytes(values) + b"\0" * (-len(values) % 4)
        self.added = bytearray()
        for view in self.tree.get("bufferViews", []):
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
            view["buffer"] = 0
        self.parents = {child: i for i, node in enumerate(self.nodes) for child in node.get("children", [])}
        scenes = self.tree.get("scenes", [])
        self.roots: list[int] = scenes[self.tree.get("scene", 0)].get("nodes", []) if scenes else []

    def placed(self) -> list[int]:
        """The nodes of the scene; those of other scenes are not among them."""
        found, level = [], self.roots
        for _ in range(_DEEPEST):
            found += level
            level = [child for node in level for child in self.nodes[node].get("children", [])]
        return found

    def pose(self, number: int) -> bool:
        """Puts a posed mesh in the place of that of a node, if anything poses it."""
        node = self.nodes[number]
        if "mesh" not in node:
            return False
        mesh = self.tree["meshes"][node["mesh"]]
        weights = node.get("weights", mesh.get("weights", []))
        skin = self.tree["skins"][node["skin"]] if "skin" in node else None
        if skin is None and not any(weights):
            return False
        parts = []
        for part in mesh["primitives"]:
            places = self._places(part, weights, skin)
            kept = {key: value for key, value in part["attributes"].items() if key == "COLOR_0"}
            plain = {key: value for key, value in part.items() if key in ("indices", "mode")}
            parts.append({"attributes": {"POSITION": self._add(places), **kept}, **plain})
        self.tree["meshes"].append({"primitives": parts})
        del node["mesh"]
        node.pop("skin", None)
        self.nodes.append({"mesh": len(self.tree["meshes"]) - 1})
        # Joints place a skinned mesh in the scene, whatever the place of its own node.
        into = node.setdefault("children", []) if skin is None else self.roots
        into.append(len(self.nodes) - 1)
        return True

    def _places(self, part: Tree, weights: list[float], skin: Tree | None) -> Float64[np.ndarray, "n 3"]:
        """The places of a part's points: in the scene where there is a skin, else in its node."""
        attributes = part["attributes"]
        places = self._read(attributes["POSITION"])
        for weight, target in zip(weights, part.get("targets", []), strict=False):
            if weight and "POSITION" in target:
                places += weight * self._read(target["POSITION"], len(places))
        if skin is None or "JOINTS_0" not in attributes:
            return places
        count = len(places)
        sets = [i for i in range(len(attributes)) if f"JOINTS_{i}" in attributes and f"WEIGHTS_{i}" in attributes]
        joints = np.hstack([self._read(attributes[f"JOINTS_{i}"], count) for i in sets]).astype(np.int64)
        shares = np.hstack([self._read(attributes[f"WEIGHTS_{i}"], count) for i in sets])
        moves = np.stack([self._placement(joint) for joint in skin["joints"]])
        if "inverseBindMatrices" in skin:
            # Matrices are written column by column.
            inverse = self._read(skin["inverseBindMatrices"])[: len(moves)].reshape(-1, 4, 4).transpose(0, 2, 1)
            moves = moves @ inverse
        return _skinned(places, joints, shares, moves)

    def _placement(self, number: int) -> Float64[np.ndarray, "4 4"]:
        """The transform of a node to the scene."""
        out = _local(self.nodes[number])
        for _ in range(_DEEPEST):
            if number not in self.parents:
                return out
            number = self.parents[number]
            out = _local(self.nodes[number]) @ out
        raise ValueError("nodes that contain each other")

    def _read(self, number: int, count: int | None = None) -> Float64[np.ndarray, "n width"]:
        """The values of an accessor, of `count` rows where that is known."""
        accessor = self.tree["accessors"][number]
        if count is not None and accessor["count"] != count:
            raise ValueError("attributes of different lengths")
        width = _SIZES[accessor["type"]]
        if "bufferView" in accessor:
            out = self._rows(accessor, accessor["componentType"], accessor["count"], width).astype(np.float64)
        else:
            out = np.zeros((count or 0, width))
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            indices = self._rows(sparse["indices"], sparse["indices"]["componentType"], sparse["count"], 1)[:, 0]
            out[indices] = self._rows(sparse["values"], accessor["componentType"], sparse["count"], width)
        if accessor.get("normalized", False):
            out = np.maximum(out / np.iinfo(_NUMBERS[accessor["componentType"]]).max, -1)
        return out

    def _rows(self, where: Tree, component: int, count: int, width: int) -> Shaped[np.ndarray, "n width"]:
        """Rows of numbers in a view of the buffer. Raises where they end behind it."""
        view, kind = self.tree["bufferViews"][where["bufferView"]], np.dtype(_NUMBERS[component])
        start, stride = view["byteOffset"] + where.get("byteOffset", 0), view.get("byteStride", kind.itemsize * width)
        return np.ndarray((count, width), kind, self.values, start, (stride, kind.itemsize))

    def _add(self, places: Float64[np.ndarray, "n 3"]) -> int:
        """The number of a new accessor that holds these places."""
        start, packed = len(self.values) + len(self.added), places.astype("<f4").tobytes()
        self.added += packed
        self.tree["bufferViews"].append({"buffer": 0, "byteOffset": start, "byteLength": len(packed)})
        view = len(self.tree["bufferViews"]) - 1
        self.tree["accessors"].append(
            {"bufferView": view, "componentType": _FLOAT, "count": len(places), "type": "VEC3"}
        )
        return len(self.tree["accessors"]) - 1

    def glb(self) -> bytes:
        """The scene as GLB."""
        tree = {key: value for key, value in self.tree.items() if key not in ("skins", "animations")}
        values = self.values + bytes(self.added)
        tree["buffers"] = [{"byteLength": len(values)}]
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(values), b"BIN\0") + values
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _skinned(
    places: Float64[np.ndarray, "n 3"],
    joints: Shaped[np.ndarray, "n k"],
    shares: Float64[np.ndarray, "n k"],
    moves: Float64[np.ndarray, "joints 4 4"],
) -> Float64[np.ndarray, "n 3"]:
    """Places moved by the joints of each, in the shares of each; those without a share stay."""
    if joints.min(initial=0) < 0 or joints.max(initial=0) >= len(moves):
        raise IndexError("a joint that does not exist")
    out = places.copy()
    for start in range(0, len(places), _CHUNK):
        part = slice(start, start + _CHUNK)
        whole = shares[part].sum(axis=1)
        blended = np.einsum("nk,nkij->nij", shares[part], moves[joints[part]])[:, :3]
        moved = np.einsum("nij,nj->ni", blended[:, :, :3], places[part]) + blended[:, :, 3]
        some = whole > 0
        out[part][some] = moved[some] / whole[some, None]
    return out


def _local(node: Tree) -> Float64[np.ndarray, "4 4"]:
    """The transform of a node to its parent."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)
    out = np.eye(4)
    turned = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out[:3, :3] = np.array(turned) * np.array(node.get("scale", (1, 1, 1)), np.float64)
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out
