"""Licences and authors of the 3D models and textures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perceiver.storage import atomic_write

from ..frame import Work, table
from ..splits import Item
from . import torcs, zero_ad
from .sweet_home import SOURCES, Catalogue, take_catalogues

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


def objects_page(head: str, items: Sequence[Item], work: Work) -> str:
    """A page that begins with `head` and lists title, author and licence of the objects by their source.

    The catalogues' and cars' own statements are written into the folder of licences. Raises DataError when a package or
    catalogue is damaged.
    """
    texts = work.cache.parent / "licences"
    game = work.packages[zero_ad.PACKAGE]
    sections = [
        head,
        (
            f"## Objects named {zero_ad.SOURCE}: {game.name} {game.version}\n\n"
            f"0 A.D., Wildfire Games, {LICENCES[game.name]}.\n"
        ),
    ]
    catalogues = take_catalogues(work)
    for name, source in SOURCES.items():
        version = work.packages[source.package].version
        with Catalogue(catalogues / source.file_name, source.properties) as catalogue:
            with atomic_write(texts / f"{name.replace('/', '-')}-catalogue.txt") as part:
                part.write_text(catalogue.notice, encoding="utf-8")
            rows = []
            for item in items:
                owner, _, model = item.name.rpartition("/")
                if owner == name and (entry := catalogue.entries.get(model)):
                    rows.append((model, entry.title, entry.author, catalogue.origin(entry)))
            sections.append(
                f"## Objects named {name}/: {source.package} {version}\n\n"
                f"{LICENCES[name]}. The catalogue states: {' '.join(catalogue.licence.split())}\n\n"
                + table(("object", "title", "author", "published at"), rows)
            )
    if torcs.PACKAGE in work.packages:
        sections.append(_cars(items, work, texts))
    return "\n".join(sections)


def _cars(items: Sequence[Item], work: Work, texts: Path) -> str:
    cars = [item.name for item in items if item.name.startswith(torcs.SOURCE)]
    notices = torcs.copy_notices(work.file(torcs.PACKAGE), cars, texts)
    rows = [(name.removeprefix(torcs.SOURCE), "; ".join(notices[name])) for name in cars]
    return (
        f"## Objects named {torcs.SOURCE}: {torcs.PACKAGE} {work.packages[torcs.PACKAGE].version}\n\n"
        f"{LICENCES[torcs.PACKAGE]}, the Free Art License, as each car's own statement in `licences/` says.\n\n"
        + table(("object", "stated there"), rows)
    )
