"""Which object and which ground belongs to training, validation or test: pinned in tables beside this file.

A split goes by near-duplicate group, so that no object or texture, and no near copy of one, is on two sides.

Objects (`splits/objects.csv`): models of a class were scaled to the unit sphere and sampled twice with 1,024 points,
uniformly by area. Two models are near copies when the symmetric mean distance from a point to the other model's
nearest point is below 1.25 times the same distance between the two samplings of one model (the smaller of the two
models'), and their boxes differ by less than 0.08 on every axis. Groups are the connected components of that relation,
found over a larger collection of point clouds, of which at most three models a group and 130 a class were kept. The
split is the point clouds' own, so that an object is on the same side as a picture and as a cloud.

The column `sense` says whether an object is a picture, a cloud or both. Clouds without a picture have no texture in
the game, or are the cars of TORCS. Pictures without a cloud are of two sorts. Heads and the grips, rims and bosses of
shields go by the names of helmets and shields, which their shape alone does not bear out. Others are near copies of an
object on another side once models may also be turned by quarters about the vertical and mirrored: of such a pair the
one of training is a cloud, or else the one with more companions. Clouds alone also keep a distance of 1.3, not 1.25, to
the other sides.

Grounds (`splits/grounds.csv`): textures tile, so the circular cross-correlation of their brightness finds shifted and
recoloured copies. At 128 pixels, without the lowest four frequencies, half whitened and of unit energy, two textures
whose largest correlation exceeds 0.28, as they lie or turned by a quarter, are in one group. Groups were dealt out
over all kinds of ground at once, largest first, to the split that lacked most of its 68, 12 or 20 %.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from perceiver.errors import DataError

SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST = range(len(SPLITS))
_TABLES = {"objects": ("objects.csv", "picture"), "clouds": ("objects.csv", "cloud"), "grounds": ("grounds.csv", "")}
_FEW = 0.1  # share of a table that another version of the packages may lack


@dataclass(frozen=True)
class Item:
    """One object or ground; `split` counts in SPLITS."""

    name: str
    label: str
    group: int
    split: int


def read_table(kind: str) -> list[Item]:
    """The table of "objects" in pictures, of "clouds" or of "grounds", in the order of the arrays built from it."""
    file, sense = _TABLES[kind]
    text = (resources.files(__package__) / "splits" / file).read_text(encoding="utf-8")
    return [
        Item(row["name"], row["class"], int(row["group"]), SPLITS.index(row["split"]))
        for row in csv.DictReader(text.splitlines())
        if row.get("sense", sense) in (sense, "both")
    ]


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
    """Raises DataError when so many names of a table were not found that the packages must be others."""
    if len(missing) > _FEW * total:
        raise DataError(
            f"{len(missing)} of {total} {what} are not in these packages, {missing[0]} for one; the table was made "
            "from Debian 12's sweethome3d-furniture 1.8, sweethome3d 7.0, 0ad-data 0.0.26 and torcs-data 1.3.7"
        )
