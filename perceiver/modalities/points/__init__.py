"""Point clouds: a file of points or a mesh -> the points a model reads, and maps laid back on the cloud."""

from __future__ import annotations

from ..description import AxisWords, Description, Noun
from ..options import Option

AXES = ("x", "y", "z")

DESCRIPTION = Description(
    name="points",
    noun=Noun("point cloud", "point clouds"),
    element=Noun("point", "points"),
    media=("cloud",),
    extensions=(
        *("ply", "pcd", "obj", "off", "stl", "glb", "gltf", "las", "laz"),
        *("xyz", "xyzrgb", "pts", "asc", "csv", "txt", "npy", "npz"),
    ),
    layout="free",
    axes={
        axis: AxisWords(
            axis, f"the cloud along {axis}", f"along {axis}", "points", (f"smaller {axis}", f"larger {axis}")
        )
        for axis in AXES
    },
    options=(
        Option("up", "model", ("model", *AXES), help="the file's axis that points up; model: the one that does there"),
        Option("draw", "random", ("random", "farthest"), help="how points are chosen where there are too many"),
        Option("seed", 0, number=True, help="a whole number: another one draws other points"),
        Option("strays", "keep", ("keep", "drop"), help="points at exactly 0, 0, 0 and far from all others"),
        Option(
            name="columns",
            default="auto",
            choices=("auto",),
            pattern=r"[1-9]\d?([-,])[1-9]\d?\1[1-9]\d?",
            unit="X-Y-Z",
            help="the columns of a table that are x, y and z, counted from 1: 2-3-4",
        ),
    ),
    # Without Open3D, which takes more memory than all others together and reads PCD alone.
    libraries=("scipy.spatial", "trimesh", "laspy"),
)
