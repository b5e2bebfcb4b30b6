"""Point clouds: a file of points or a mesh -> the points a model reads, and maps laid back on the cloud."""

from __future__ import annotations

from .modality import PointsModality
from .sample import Axis, PointSample

__all__ = ["Axis", "PointSample", "PointsModality"]
