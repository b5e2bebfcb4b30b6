"""What leaves the program as data: arrays as NPZ, results as JSON, tables as CSV.

NPZ and JSON count from 0, as the library does; CSV, which people read, from 1.
"""

from __future__ import annotations

from .changes import ablation_json, ablation_npz, shuffles_json, sweep_csv, sweep_json
from .encodings import Measured, encoding_json, encoding_npz, tartan_csv, tartan_json
from .explanations import (
    Explanation,
    explanations_json,
    explanations_npz,
    faithfulness_csv,
    faithfulness_json,
    latents_csv,
    latents_json,
)
from .maps import maps_npz
from .origin import FORMAT, origin
from .predictions import predictions_json
from .timeline import timeline_csv, timeline_json

__all__ = [
    "FORMAT",
    "Explanation",
    "Measured",
    "ablation_json",
    "ablation_npz",
    "encoding_json",
    "encoding_npz",
    "explanations_json",
    "explanations_npz",
    "faithfulness_csv",
    "faithfulness_json",
    "latents_csv",
    "latents_json",
    "maps_npz",
    "origin",
    "predictions_json",
    "shuffles_json",
    "sweep_csv",
    "sweep_json",
    "tartan_csv",
    "tartan_json",
    "timeline_csv",
    "timeline_json",
]
