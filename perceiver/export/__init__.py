"""What leaves the program as data: arrays as NPZ, results as JSON, tables as CSV."""

from __future__ import annotations

from .maps import maps_npz
from .origin import DISTRIBUTION, FORMAT, origin
from .predictions import predictions_json
from .timeline import timeline_csv, timeline_json

__all__ = [
    "DISTRIBUTION",
    "FORMAT",
    "maps_npz",
    "origin",
    "predictions_json",
    "timeline_csv",
    "timeline_json",
]
