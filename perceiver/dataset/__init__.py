"""A checkpoint over a whole data set: predictions, mean maps, latents, parts of scores and bands, with intervals.

    collection = held_out(lens.config, Path("data"), most=400)
    analysis = analyse(lens.model, collection, name=lens.name)

Inputs are held-out examples of the checkpoint's data or the files of a folder; analyses are kept in small files.
"""

from __future__ import annotations

from .build import analyse, default_processes, finish, steps
from .collection import UNKNOWN, Collection, Entry, files, held_out
from .comparison import Disagreements, disagreements
from .measure import Measured, Probe
from .partial import Partial
from .result import About, BandAccuracy, DataSetAnalysis, ExampleTable, LatentTable, MeanMaps, PartShare
from .storage import FILE, check, load, outdated, read_about, save

__all__ = [
    "FILE",
    "UNKNOWN",
    "About",
    "BandAccuracy",
    "Collection",
    "DataSetAnalysis",
    "Disagreements",
    "Entry",
    "ExampleTable",
    "LatentTable",
    "MeanMaps",
    "Measured",
    "PartShare",
    "Partial",
    "Probe",
    "analyse",
    "check",
    "default_processes",
    "disagreements",
    "files",
    "finish",
    "held_out",
    "load",
    "outdated",
    "read_about",
    "save",
    "steps",
]
