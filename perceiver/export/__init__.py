"""Export of results: arrays as NPZ, results as JSON, tables as CSV.

Indices start at 0 in NPZ and JSON, as in the library, and at 1 in CSV, which is meant for people.
"""

from __future__ import annotations

from .changes import ablation_json, ablation_npz, shuffles_json, sweep_csv, sweep_json
from .encodings import ModelSpectra, encoding_json, encoding_npz, tartan_csv, tartan_json
from .explanations import explanations_json, explanations_npz, faithfulness_csv, faithfulness_json
from .latents import effects_csv, effects_json, latents_csv, latents_json, patching_csv, patching_json
from .origin import FORMAT, Layout, Origin
from .predictions import maps_csv, maps_npz, predictions_json
from .region import profiles_csv, region_csv, region_json
from .split import score_split_csv, score_split_json, split_csv, split_json, split_npz
from .timeline import timeline_csv, timeline_json

__all__ = [
    "FORMAT",
    "Layout",
    "ModelSpectra",
    "Origin",
    "ablation_json",
    "ablation_npz",
    "effects_csv",
    "effects_json",
    "encoding_json",
    "encoding_npz",
    "explanations_json",
    "explanations_npz",
    "faithfulness_csv",
    "faithfulness_json",
    "latents_csv",
    "latents_json",
    "maps_csv",
    "maps_npz",
    "patching_csv",
    "patching_json",
    "predictions_json",
    "profiles_csv",
    "region_csv",
    "region_json",
    "score_split_csv",
    "score_split_json",
    "shuffles_json",
    "split_csv",
    "split_json",
    "split_npz",
    "sweep_csv",
    "sweep_json",
    "tartan_csv",
    "tartan_json",
    "timeline_csv",
    "timeline_json",
]
