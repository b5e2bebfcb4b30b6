"""What a file of points, or a mesh, becomes: the sample of a point cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from ...sample import Sample

Axis = Literal["x", "y", "z"]


@dataclass(frozen=True, kw_only=True)
class PointSample(Sample):
    """A point cloud as it is seen and as the model reads it.

    `seen` and `original` lie in the model's frame: turned so that the model's axis is up, centred, in [-1, 1] as far
    as they were read. Turned file coordinates are `seen * scale + centre`, in float64. `box` and the modality's
    `places` are in the file's own coordinates, not turned.

    nearest   the element that each display point (a row of `original`) belongs to: itself, where it was read, else the
              nearest that was
    colours   of the display points, from the file; None where it has none
    centre    the middle of the unit cube, in turned file coordinates
    scale     half the side of the unit cube, in the file's units
    up        the file's axis that was taken to point up
    model_up  the axis that points up in what the model reads
    count     points in the file that could be used, or that were sampled from its mesh
    source    whether the file holds points, or a mesh whose surface was sampled
    rows      the point of the file that each element is, counted from 0; for a mesh the triangle that it lies on
    copies    how many elements share each element's point: 1 unless there were too few points
    """

    nearest: Int64[np.ndarray, "n"]
    colours: UInt8[np.ndarray, "n 3"] | None
    centre: Float64[np.ndarray, "3"]
    scale: float
    up: Axis
    model_up: Axis
    count: int
    source: Literal["points", "mesh"]
    rows: Int64[np.ndarray, "M"]
    copies: Int64[np.ndarray, "M"]
