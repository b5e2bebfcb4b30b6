"""`objects.npz`: things, people, animals, plants and buildings as sprites seen from many sides.

Arrays, n sprites of m objects, `size` pixels a side:
    sprite   (n, size, size, 4) uint8, red, green, blue and opacity
    label    (n,) int64, an index into classes
    object   (n,) int64, an index into name and group
    view     (n, 2) float32, azimuth and elevation in degrees
    split    (n,) int8, 0 train, 1 val, 2 test; see splits.py
    name, group (m,) and classes
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from . import zero_ad
from .files import whole
from .furniture import Furniture
from .progress import Report
from .render import Views
from .splits import Item, check_missing, classes

_STEP = "Render objects"


def build_objects(
    items: Sequence[Item],
    catalogues: Path,
    game: Path,
    work: Path,
    target: Path,
    *,
    views: int,
    size: int,
    report: Report,
) -> list[str]:
    """Renders every object of the table and packs the sprites into `target`.

    `catalogues` is the folder of furniture catalogues, `game` the zip file of what is of use in 0 A.D.'s archive.
    Finished objects are kept in `work`, so that a build that was stopped goes on where it was. Returns the names of
    objects that the packages do not hold. Raises DataError when there are many of them, or nothing can be rendered.
    """
    kept = {item.name: work / f"{index:04d}.npz" for index, item in enumerate(items)}
    left = [item for item in items if not kept[item.name].is_file()]
    missing: list[str] = []
    done = len(items) - len(left)
    report(_STEP, done, len(items))
    with Furniture(catalogues) as furniture:
        for name, seen in _render(left, furniture, game, missing, views, size):
            with whole(kept[name]) as part, part.open("wb") as file:
                np.savez_compressed(file, sprites=seen.sprites, angles=seen.angles)
            done += 1
            report(_STEP, done, len(items))
    check_missing(missing, len(items), "objects")
    _pack(items, [kept[item.name] for item in items], target)
    report(_STEP, len(items), len(items))
    return missing


def _render(
    items: Sequence[Item], furniture: Furniture, game: Path, missing: list[str], views: int, size: int
) -> Iterator[tuple[str, Views]]:
    """The objects drawn, from whichever source has them; the names of those that none has go into `missing`."""
    played = [item for item in items if item.name.startswith(zero_ad.SOURCE)]
    housed = [item.name for item in items if not item.name.startswith(zero_ad.SOURCE)]
    missing += [name for name in housed if not furniture.holds(name)]
    drawn: Iterator[tuple[str, Views]] = furniture.render(
        [name for name in housed if furniture.holds(name)], views=views, size=size
    )
    if played:
        parts = read_parts([item.name for item in played], game)
        found = {item.name: item.label for item in played if parts.holds(item.name)}
        missing += [item.name for item in played if item.name not in found]
        drawn = chain(drawn, zero_ad.render(parts, found, views=views, size=size))
    return drawn


def read_parts(names: Sequence[str], game: Path) -> zero_ad.Parts:
    """What the game's objects of these names are drawn from, out of a zip file that keeps the archive's order."""
    parts = zero_ad.Parts(names)
    with zipfile.ZipFile(game) as file:
        for path in file.namelist():
            if parts.wants(path):
                parts.add(path, file.read(path))
    return parts


def _pack(items: Sequence[Item], kept: Sequence[Path], target: Path) -> None:
    names = classes(items)
    sprites, view, index = [], [], []
    for number, path in enumerate(kept):
        if path.is_file():
            with np.load(path, allow_pickle=False) as file:
                sprites.append(file["sprites"])
                view.append(file["angles"])
            index += [number] * len(sprites[-1])
    objects = np.array(index, dtype=np.int64)
    with whole(target) as part, part.open("wb") as out:
        np.savez_compressed(
            out,
            sprite=np.concatenate(sprites),
            label=np.array([names.index(item.label) for item in items], dtype=np.int64)[objects],
            object=objects,
            view=np.concatenate(view),
            split=np.array([item.split for item in items], dtype=np.int8)[objects],
            name=np.array([item.name for item in items]),
            group=np.array([item.group for item in items], dtype=np.int64),
            classes=np.array(names),
        )
