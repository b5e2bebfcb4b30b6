"""GLB and glTF: scenes, read by trimesh, every part moved to its place."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import UInt8

from .cloud import Cloud
from .gltf_claims import check_gltf


def read_gltf(data: bytes, name: str, most: int) -> Cloud:
    """The triangles of a GLB or glTF scene, or else its points. Raises InputError as `check_gltf` does."""
    true_colours, notes = check_gltf(data, name, most)
    cloud = _load(data, "glb" if data.startswith(b"glTF") else "gltf")
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
