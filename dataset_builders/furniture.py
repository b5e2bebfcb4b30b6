"""The furniture, people, plants and vehicles of Sweet Home 3D: their surfaces, and drawn as sprites."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .catalogue import SOURCES, Catalogue, Entry
from .packages import Package, extract
from .render import Renderer, Views, draw
from .wavefront import Part

PACKAGES = sorted({source.package for source in SOURCES.values()})
"""The Debian packages that the catalogues lie in."""


class Furniture:
    """The open catalogues, found in a folder. Use it in a `with` block. Raises DataError when one is damaged."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._catalogues = {
            name: self._stack.enter_context(Catalogue(folder / source.file_name, source.properties))
            for name, source in SOURCES.items()
        }

    def __enter__(self) -> Furniture:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def holds(self, name: str) -> bool:
        """Whether a catalogue has the object of this name in the split table."""
        catalogue, _, model = name.rpartition("/")
        return catalogue in self._catalogues and model in self._catalogues[catalogue].entries

    def model(self, name: str) -> tuple[list[Part], Float[np.ndarray, "3 3"]]:
        """An object's surfaces, and the rotation that takes their coordinates to y upwards.

        Raises DataError when the model is damaged.
        """
        catalogue, entry = self._find(name)
        return catalogue.parts(entry), entry.rotation

    def render(self, names: Iterable[str], *, views: int, size: int) -> Iterator[tuple[str, Views]]:
        """Draws the objects one after another.

        Views and light follow from an object's name alone, so any one can be drawn again by itself. Raises DataError
        when a model or a texture is damaged, or nothing can be rendered here.
        """
        with Renderer(size) as renderer:
            for name in names:
                catalogue, entry = self._find(name)
                renderer.show(catalogue.parts(entry), entry.rotation, partial(catalogue.texture, entry))
                yield name, draw(renderer, views, np.random.default_rng(zlib.crc32(name.encode())))

    def _find(self, name: str) -> tuple[Catalogue, Entry]:
        source, _, model = name.rpartition("/")
        catalogue = self._catalogues[source]
        return catalogue, catalogue.entries[model]


def take_catalogues(found: Mapping[str, Package], cache: Path) -> Path:
    """Takes the catalogues out of the fetched packages in `cache`, and returns their folder.

    Raises DataError when a package is damaged or lacks one.
    """
    folder = cache / "catalogues"
    for package in PACKAGES:
        wanted = {s.file: folder / s.file_name for s in SOURCES.values() if s.package == package}
        extract(cache / found[package].file, wanted)
    return folder
