"""`LICENCES.md`: under which licence, and by whom, everything is that the pictures were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import archive
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
}

_HEAD = """# Licences of the pictures

`objects.npz` holds renderings of 3D models of 0 A.D. and of Sweet Home 3D's furniture catalogues, `grounds.npz` cut
and resized terrain textures of 0 A.D. They are derived works: whoever passes them on keeps to the licences below.
The packages' full statements are in `licences/`.
"""


def write_licences(
    items: Sequence[Item], packages: Mapping[str, Package], cache: Path, catalogues: Path, folder: Path
) -> None:
    """Writes LICENCES.md and, into `licences/`, the packages' own statements.

    `items` is the table of objects, `cache` the folder of .deb files, `catalogues` that of furniture catalogues.
    Raises DataError when one of them is damaged.
    """
    texts = folder / "licences"
    for name, package in packages.items():
        extract(cache / package.file, {f"usr/share/doc/{name}/copyright": texts / f"{name}.txt"})
    game = packages[archive.PACKAGE]
    lines = [_HEAD, f"## Grounds, and objects named {game.name}/: {game.name} {game.version}", ""]
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
                    cells = (model, entry.title, entry.author, catalogue.origin(entry))
                    lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
            lines.append("")
    with whole(folder / "LICENCES.md") as part:
        part.write_text("\n".join(lines), encoding="utf-8")
