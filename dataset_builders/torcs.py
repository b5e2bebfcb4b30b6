"""The cars of TORCS: their bodies, and who made each. Only cars that state the Free Art License are in the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from perceiver.errors import DataError

from .ac3d import read_ac3d
from .packages import extract
from .surfaces import Surface, from_polygons

PACKAGE, SOURCE = "torcs-data", "torcs-data/"
_CARS = "usr/share/games/torcs/cars"


def take_cars(deb: Path, names: Iterable[str], folder: Path) -> Mapping[str, Path]:
    """Takes the models of the objects of these names out of the package into `folder`; where each lies.

    Raises DataError when the package is damaged or lacks one.
    """
    cars = {name: name.removeprefix(SOURCE) for name in names if name.startswith(SOURCE)}
    models = {name: folder / f"{car}.acc" for name, car in cars.items()}
    extract(deb, {f"{_CARS}/{car}/{car}.acc": models[name] for name, car in cars.items()})
    return models


def read_car(path: Path) -> Surface:
    """A car's body, y upwards, without wheels. Raises DataError when it is damaged."""
    try:
        return from_polygons([read_ac3d(path.read_text(encoding="latin-1"))])
    except DataError as error:
        raise DataError(f"the car {path.name} cannot be read: {error}") from None


def statements(deb: Path, names: Iterable[str], folder: Path) -> dict[str, list[str]]:
    """What each car's own licence file says of its authors; the files go into `folder`.

    Raises DataError when the package is damaged or lacks one.
    """
    texts = {name: folder / f"{PACKAGE}-{name.removeprefix(SOURCE)}.txt" for name in names}
    extract(deb, {f"{_CARS}/{name.removeprefix(SOURCE)}/readme.txt": text for name, text in texts.items()})
    return {name: _authors(text.read_bytes()) for name, text in texts.items()}


def _authors(text: bytes) -> list[str]:
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError:
        plain = text.decode("latin-1")
    found = re.findall(r"Copyright\W+(\d{4}\s+.+)", plain)
    return [" ".join(re.sub(r"\(\S+@\S+\)", "", line).split()) for line in found]
