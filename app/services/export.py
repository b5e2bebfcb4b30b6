"""What every page offers to download: the maps and the predictions of a run as NPZ, CSV and JSON.

The files of an analysis are made by its own service.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import Any

from perceiver.analysis.maps import MapSelection

from . import inference
from .inference import Case
from .queueing import Progress


def filename(sample: str, *models: str) -> str:
    """The name of a file without its ending, after a sample and some models, in characters that every system takes."""
    return "-".join([PurePath(sample).stem, *(re.sub(r"[^\w.@+-]+", "-", model).strip("-.") for model in models)])


def maps_npz(case: Case, selection: MapSelection) -> bytes:
    """The maps of all blocks, with the positions of their elements."""
    return inference.run(case, Progress()).select(selection).npz()


def maps_csv(case: Case, selection: MapSelection) -> bytes:
    """The maps of all blocks as a table, one line per element."""
    return inference.run(case, Progress()).select(selection).csv().encode()


def profiles_csv(case: Case, selection: MapSelection) -> bytes:
    """The maps of all blocks along each axis of the input."""
    return inference.run(case, Progress()).select(selection).profiles_csv().encode()


def predictions_json(case: Case, truth: str | None) -> bytes:
    """The probabilities and logits of all classes."""
    return as_json(inference.run(case, Progress()).json(truth=truth))


def as_json(values: Any) -> bytes:
    """A value as the text of a JSON file."""
    return json.dumps(values, indent=2, ensure_ascii=False).encode()
