"""Under which licence, and by whom, everything is that pictures and clouds were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import archive, torcs
from .catalogue import SOURCES, Catalogue
from .files import whole
from .packages import Package, extract
from .splits import Item

# What the packages' own statements amount to, as identifiers of SPDX.
LICENCES = {
    "0ad-data": "CC-BY-SA-3.0",
    "sweethome3d-furniture/BlendSwap-CC-0": "CC0-1.0",
    "sweethome3d-furniture/BlendSwap-CC-BY": "CC-BY-3.0",
    "sweethome3d-furniture/KatorLegaz": "CC-BY-3.0-US",
    "sweethome3d-furniture/Reallusion": "CC-BY-3.0-US",
    "sweethome3d-furniture/Scopia": "CC-BY-3.0",
    "sweethome3d": "GPL-2.0-or-later OR CC-BY-3.0",
    "torcs-data": "LAL-1.3",
}


def write_licences(
    head: str, items: Sequence[Item], packages: Mapping[str, Package], cache: Path, catalogues: Path, target: Path
) -> None:
    """Writes the table of licences `target` and, into `licences/` beside it, the packages' own statements.

    `head` is what the table begins with, `items` the objects, `cache` the folder of .deb files, `catalogues` that of
    furniture catalogues. Raises DataError when one of them is damaged.
    """
    texts = target.parent / "licences"
    for name, package in packages.items():
        extract(cache / package.file, {f"usr/share/doc/{name}/copyright": texts / f"{name}.txt"})
    game = packages[archive.PACKAGE]
    lines = [head, f"## Objects named {game.name}/: {game.name} {game.version}", ""]
    lines += [f"0 A.D., Wildfire Games, {LICENCES[game.name]}.", ""]
    for name, source in SOURCES.items():
        with Catalogue(catalogues / source.file_name, source.properties) as catalogue:
            with whole(texts / f"{name.replace('/', '-')}-catalogue.txt") as part:
                part.write_text(catalogue.notice, encoding="utf-8")
            lines += [f"## Objects named {name}/: {source.package} {packages[source.package].version}", ""]
            lines += [f"{LICENCES[name]}. The catalogue states: {' '.join(catalogue.licence.split())}", ""]
            lines += ["| object | title | author | published at |", "|---|---|---|---|"]
            for item in items:
                owner, _, model = item.name.rpartition("/")
                if owner == name and (entry := catalogue.entries.get(model)):
                    lines.append(_row(model, entry.title, entry.author, catalogue.origin(entry)))
            lines.append("")
    if torcs.PACKAGE in packages:
        lines += _cars(items, packages[torcs.PACKAGE], cache, texts)
    with whole(target) as part:
        part.write_text("\n".join(lines), encoding="utf-8")


def _cars(items: Sequence[Item], package: Package, cache: Path, texts: Path) -> list[str]:
    cars = [item.name for item in items if item.name.startswith(torcs.SOURCE)]
    statements = torcs.statements(cache / package.file, cars, texts)
    lines = [f"## Objects named {torcs.SOURCE}: {package.name} {package.version}", ""]
    lines += [f"{LICENCES[torcs.PACKAGE]}, the Free Art License, as each car's own statement in `licences/` says.", ""]
    lines += ["| object | stated there |", "|---|---|"]
    return [*lines, *(_row(name.removeprefix(torcs.SOURCE), "; ".join(statements[name])) for name in cars), ""]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
