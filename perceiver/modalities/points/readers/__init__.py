"""Readers of point clouds and meshes: one for each format, chosen by the file's first bytes."""

from __future__ import annotations

from collections.abc import Callable

from ....errors import InputError
from ... import kinds
from ...kinds import Kind, identify
from .arrays import read_npy, read_npz
from .cloud import Cloud, check_count
from .columns import Places, chosen_places
from .gltf import read_gltf
from .las import read_las
from .meshes import read_obj, read_off, read_stl
from .pcd import read_pcd
from .ply import read_ply
from .table import read_table

__all__ = ["Cloud", "chosen_places", "read_cloud"]

_READERS: dict[Kind, Callable[[bytes, str, int], Cloud]] = {
    kinds.PLY: read_ply,
    kinds.PCD: read_pcd,
    kinds.OBJ: read_obj,
    kinds.OFF: read_off,
    kinds.STL: read_stl,
    kinds.GLTF: read_gltf,
    kinds.LAS: read_las,
}
_OF_COLUMNS: dict[Kind, Callable[[bytes, str, int, Places | None], Cloud]] = {
    kinds.TABLE: read_table,
    kinds.NPY: read_npy,
    kinds.NPZ: read_npz,
}
_READ = "PLY, PCD, OBJ, OFF, STL, GLB, glTF, LAS, LAZ, NPY, NPZ, or a table in XYZ, PTS, CSV or TXT"


def read_cloud(data: bytes, name: str, most: int, places: Places | None = None) -> Cloud:
    """Reads a file of points or a mesh.

    name    as it is to be shown in messages
    most    the most points, and the most triangles; files that claim more are refused before room is made
    places  the columns of a table that are x, y and z; None where they are not chosen

    Raises InputError for everything that is wrong with the file, AmbiguousInputError where `places` has to be chosen.
    """
    kind = identify(data, name)
    if kind is None or kind not in {*_READERS, *_OF_COLUMNS}:
        raise InputError(f"{name} {_refusal(kind)}")
    if places is not None and kind not in _OF_COLUMNS:
        raise InputError(f"{name} is {kind.phrase}, which has no columns to choose")
    try:
        read = _OF_COLUMNS.get(kind)
        cloud = read(data, name, most, places) if read else _READERS[kind](data, name, most)
        check_count(len(cloud.points), most, name)
        return cloud
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{name} needs more memory than there is; thin it out and try again") from error
    except Exception as error:  # readers raise whatever their parsing trips over
        raise InputError(
            f"{name} is {kind.phrase}, but its data are cut off, damaged or of a variant that is not read"
        ) from error


def _refusal(kind: Kind | None) -> str:
    """Why a file is not a supported cloud or mesh; follows the file's name in a message."""
    if kind is None:
        return f"is not a point cloud or a mesh of a kind that is read ({_READ})"
    if kind is kinds.EMPTY:
        return "is an empty file: there is nothing in it"
    if kind.medium == "cloud":
        return f"is {kind.phrase}, a kind that is not read here; save it as PLY or GLB and try again"
    return f"is {kind.phrase}, not a point cloud or a mesh"
