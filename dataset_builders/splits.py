"""The fixed train, validation and test splits of objects and grounds, in tables next to this file.

Splits are by group of near-duplicates, so that no object or texture has a near-duplicate in another split.

Objects (`splits/objects.csv`): models of a class were scaled to the unit sphere and sampled twice with 1,024 points,
uniformly by area. Two models are near-duplicates if their symmetric mean nearest-point distance is below 1.25 times
that between the two samplings of one model (the smaller of the two values), and their boxes differ by less than 0.08 on
every axis. Groups are the connected components of that relation, computed on a larger collection of point clouds, of
which at most three models per group and 130 per class were kept. Images and point clouds have the same split, so that
an object is in the same split in both.

The column `sense` says whether an object is used for images, point clouds or both. Objects for clouds only have no
texture in the game, or are the cars of TORCS. Objects for images only are of two kinds. Heads, and grips, rims and
bosses of shields, are in the classes of helmets and shields, but their shape alone does not show that. Others are
near-duplicates of an object in another split when models are also rotated by multiples of 90 degrees about the vertical
and mirrored: of such a pair, the one in training is used for clouds, or else the one with the larger group. Objects for
clouds only also have a distance of at least 1.3, not 1.25, to those in other splits.

Grounds (`splits/grounds.csv`): textures are periodic, so the circular cross-correlation of their brightness finds
shifted and recoloured copies. It is computed at 128 pixels, without the lowest four frequencies, half whitened and
normalised to unit energy. Two textures with a maximum above 0.28, unrotated or rotated by 90 degrees, are in one group.
Groups of all kinds of ground were assigned in order of size, largest first, to the split furthest below its share of
68, 12 or 20 %.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from perceiver.errors import DataError

SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST = range(len(SPLITS))
_TABLES = {"objects": ("objects.csv", "picture"), "clouds": ("objects.csv", "cloud"), "grounds": ("grounds.csv", "")}
_FEW = 0.1  # maximum fraction of a table that other package versions may lack


@dataclass(frozen=True)
class Item:
    """One object or ground; `split` is an index into SPLITS."""

    name: str
    label: str
    group: int
    split: int


def read_table(kind: str) -> list[Item]:
    """The table of "objects" (for images), "clouds" or "grounds", in the order of the arrays built from it."""
    file, sense = _TABLES[kind]
    text = (resources.files(__package__) / "splits" / file).read_text(encoding="utf-8")
    return [
        Item(row["name"], row["class"], int(row["group"]), SPLITS.index(row["split"]))
        for row in csv.DictReader(text.splitlines())
        if row.get("sense", sense) in (sense, "both")
    ]


def deal(sizes: Mapping[str, int], shares: Sequence[float], largest: int | None = None) -> dict[str, int]:
    """The split of each group, given its size: groups go in the order of a hash of their names, each to the split that
    lies furthest below its share. Groups above `largest` are for training, so that they dominate no held-out split."""
    sides: dict[str, int] = {}
    dealt = np.zeros(len(SPLITS))
    for name in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        lacking = np.array(shares) * sum(sizes.values()) - dealt
        sides[name] = TRAIN if largest is not None and sizes[name] > largest else int(lacking.argmax())
        dealt[sides[name]] += sizes[name]
    return sides


def classes(items: Sequence[Item]) -> list[str]:
    """The class names of a table, sorted: a label is an index into them."""
    return sorted({item.label for item in items})


def item_arrays(items: Sequence[Item], names: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays label, split, group and name of items, and classes: the class names that labels index."""
    return {
        "label": np.array([names.index(item.label) for item in items], dtype=np.int64),
        "split": np.array([item.split for item in items], dtype=np.int8),
        "group": np.array([item.group for item in items], dtype=np.int64),
        "name": np.array([item.name for item in items]),
        "classes": np.array(names),
    }


def check_missing(missing: Sequence[str], total: int, what: str) -> None:
    """Raises DataError if so many names of a table are missing that the packages must be other versions."""
    if len(missing) > _FEW * total:
        raise DataError(
            f"{len(missing)} of {total} {what} are not in these packages, {missing[0]} for one; the table was made "
            "from Debian 12's sweethome3d-furniture 1.8, sweethome3d 7.0, 0ad-data 0.0.26 and torcs-data 1.3.7"
        )
