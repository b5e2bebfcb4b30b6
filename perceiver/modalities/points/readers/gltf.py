"""GLB and glTF scenes, read by trimesh, with the transforms of the scene and the pose of its meshes applied.

The description of a scene is checked first, without decoding anything: how many points and triangles it claims, and
what trimesh would read wrong.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ....errors import InputError
from .cloud import NO_FACES, Cloud, check_count
from .gltf_pose import pose

# Extensions that leave the shape as it is, or that trimesh reads right.
_HARMLESS = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_", "KHR_mesh_quantization", "KHR_xmp")
_COPIES = "EXT_mesh_gpu_instancing"
# Ways of drawing: single points and lines; triangles and strips of them.
_POINTS, _SURFACES = (0, 1), (4, 5)
_TRIANGLES, _STRIP = _SURFACES
_UNSIGNED_SHORT = 5123
_DEEPEST = 200


def read_gltf(data: bytes, name: str, most: int) -> Cloud:
    """The triangles of a GLB or glTF scene, or else its points. Raises InputError as `check_gltf` does."""
    true_colours, notes = check_gltf(data, name, most)
    tree = json.loads(_json(data))
    posed, count = pose(tree, _binary(data))
    if count:
        notes = (*notes, f"posed {count:,} of its meshes by joints or morph weights, as the file has them")
    if moves := len(tree.get("animations", [])):
        notes = (*notes, f"left out its {moves:,} animation{'s' * (moves > 1)}, so it stands as before they begin")
    cloud = _load(posed or data, "glb" if posed or data.startswith(b"glTF") else "gltf")
    if cloud.colours is not None and not true_colours:
        return Cloud(cloud.points, None, cloud.triangles, (*notes, "left out its colours, which have 16 bits"))
    return Cloud(cloud.points, cloud.colours, cloud.triangles, notes)


def _load(data: bytes, kind: str) -> Cloud:
    import trimesh

    scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, process=False, skip_materials=True)
    points, triangles, colours, start = [np.empty((0, 3))], [np.empty((0, 3), np.int64)], [], 0
    for node in scene.graph.nodes_geometry:
        transform, part = scene.graph[node]
        shape = scene.geometry[part]
        faces = getattr(shape, "faces", None)
        if faces is not None and len(faces):
            if np.min(faces) < 0 or np.max(faces) >= len(shape.vertices):
                raise ValueError("a triangle names a corner that does not exist")
            triangles.append(np.asarray(faces, np.int64) + start)
        points.append(trimesh.transform_points(shape.vertices, transform))
        colours.append(_colours(shape, len(shape.vertices)))
        start += len(shape.vertices)
    places, corners = np.concatenate(points), np.concatenate(triangles)
    whole = [c for c in colours if c is not None]
    return Cloud(
        np.ascontiguousarray(places, np.float64),
        np.concatenate(whole) if whole and len(whole) == len(colours) else None,
        corners if len(corners) else None,
    )


def _colours(shape: object, count: int) -> UInt8[np.ndarray, "n 3"] | None:
    """The colours of a part's points, if every one has its own."""
    visual = getattr(shape, "visual", None)
    if visual is None or visual.kind != "vertex":
        return None
    colours = np.asarray(visual.vertex_colors)
    return colours[:, :3].astype(np.uint8) if colours.shape == (count, 4) else None


def check_gltf(data: bytes, name: str, most: int) -> tuple[bool, tuple[str, ...]]:
    """Whether the colours of a scene can be read correctly, and notes on parts that cannot be read.

    Raises InputError for a scene that would be read wrong, is damaged, or is larger than `most` points or triangles
    with every part counted as often as it is placed.
    """
    try:
        tree = json.loads(_json(data))
        needs = [*tree.get("extensionsRequired", []), *(w for w in tree.get("extensionsUsed", []) if w == _COPIES)]
        elsewhere = [buffer["uri"] for buffer in tree.get("buffers", []) if _elsewhere(buffer)]
        meshes = [[_Part(part, tree["accessors"]) for part in mesh["primitives"]] for mesh in tree.get("meshes", [])]
        parts = [part for mesh in _placed(tree, name) for part in meshes[mesh]]
        odd = [part for mesh in meshes for part in mesh if part.odd]
        needs += [part.packed for part in odd if part.packed]
        # In a GLB the values of the first buffer follow the description.
        hollow = any("uri" not in buffer for buffer in tree.get("buffers", [])[data.startswith(b"glTF") :])
        largest = max((int(accessor["count"]) for accessor in tree.get("accessors", [])), default=0)
    except InputError:
        raise
    except Exception as error:  # a tree of other shapes than the format's trips over any of the above
        raise InputError(f"{name} is a glTF mesh whose description of the scene is damaged") from error
    unknown = [word for word in needs if not str(word).startswith(_HARMLESS)]
    if unknown:
        raise InputError(f"{name} is a glTF mesh that needs {str(unknown[0])[:60]}, which is not read; save it plainly")
    if elsewhere:
        raise InputError(
            f"{name} keeps its points in another file, {str(elsewhere[0])[:60]!r}; save it as one GLB file"
        )
    if hollow:
        raise InputError(f"{name} is a glTF mesh whose points are compressed or missing; save it plainly")
    if odd:
        raise InputError(f"{name} is a glTF mesh with sparse or normalised places, which are not read; save it plainly")
    check_count(sum(part.points for part in parts), most, name)
    check_count(max(sum(part.corners for part in parts) // 3, largest // 3, 1), most, name, "triangles")
    surface = any(part.mode in _SURFACES for part in parts)
    rest = sum(part.mode not in (_SURFACES if surface else _POINTS) for part in parts)
    notes = [] if surface else [NO_FACES]
    if rest:
        notes.append(f"left out {rest:,} of its {len(parts):,} parts, which are points, lines or fans of triangles")
    return all(part.colours != _UNSIGNED_SHORT for part in parts), tuple(notes)


class _Part:
    """The properties of one primitive of a mesh."""

    def __init__(self, part: dict[str, Any], accessors: list[dict[str, Any]]) -> None:
        places = accessors[part["attributes"]["POSITION"]]
        indices = accessors[part["indices"]] if "indices" in part else places
        colours = part["attributes"].get("COLOR_0")
        self.mode: int = part.get("mode", _TRIANGLES)
        self.points = int(places["count"])
        self.corners = int(indices["count"]) * (3 if self.mode == _STRIP else 1)
        self.packed = next((word for word in part.get("extensions", {}) if not word.startswith(_HARMLESS)), None)
        self.colours = None if colours is None else accessors[colours]["componentType"]
        self.odd = places.get("normalized", False) or any(
            "sparse" in a or "bufferView" not in a for a in (places, indices)
        )


def _placed(tree: dict[str, Any], name: str) -> Iterable[int]:
    """The mesh of every node of the scene that has one, level by level."""
    nodes, scenes = tree.get("nodes", []), tree.get("scenes", [])
    level: list[int] = scenes[tree.get("scene", 0)].get("nodes", []) if scenes else []
    met: set[int] = set()
    for _ in range(_DEEPEST):
        if not level:
            return [nodes[node]["mesh"] for node in met if "mesh" in nodes[node]]
        if len(set(level)) < len(level) or met & set(level):
            break
        met.update(level)
        level = [child for node in level for child in nodes[node].get("children", [])]
    raise InputError(f"{name} is a glTF mesh whose parts contain each other or are nested too deeply")


def _elsewhere(buffer: dict[str, Any]) -> bool:
    return "uri" in buffer and not buffer["uri"].startswith("data:")


def _json(data: bytes) -> bytes:
    """The description of the scene: the first chunk of a GLB, all of a glTF."""
    if not data.startswith(b"glTF"):
        return data
    return data[20 : 20 + int.from_bytes(data[12:16], "little")]


def _binary(data: bytes) -> bytes:
    """The values behind the description in a GLB; none in a glTF."""
    if not data.startswith(b"glTF"):
        return b""
    at = 20 + int.from_bytes(data[12:16], "little")
    return data[at + 8 : at + 8 + int.from_bytes(data[at : at + 4], "little")]
