"""The furniture, people, plants and vehicles of Sweet Home 3D.

They come in catalogues: zip archives of models with a property file that lists them.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float
from PIL import Image

from perceiver.errors import DataError

from ..frame import Work
from ..packages import extract
from .colours import NAMED
from .wavefront import Part, read_model

_PLUGIN, _DEFAULT = "PluginFurnitureCatalog.properties", "com/eteks/sweethome3d/io/DefaultFurnitureCatalog.properties"
_TEXTURE_SIDE = 512  # pixels; a sprite shows no more


@dataclass(frozen=True)
class Source:
    """Location of a catalogue: package, file, and property file in it."""

    package: str
    file: str
    properties: str = _PLUGIN

    @property
    def file_name(self) -> str:
        return posixpath.basename(self.file)


SOURCES = {
    f"sweethome3d-furniture/{name}": Source("sweethome3d-furniture", f"usr/share/sweethome3d/furniture/{name}.sh3f")
    for name in ("BlendSwap-CC-0", "BlendSwap-CC-BY", "KatorLegaz", "Reallusion", "Scopia")
} | {"sweethome3d": Source("sweethome3d", "usr/share/sweethome3d/sweethome3d.jar", _DEFAULT)}


PACKAGES = sorted({source.package for source in SOURCES.values()})
"""The Debian packages of the catalogues."""


@dataclass(frozen=True)
class Entry:
    """One model of a catalogue: its path, and the rotation to coordinates with y upwards."""

    model: str
    title: str
    author: str
    rotation: Float[np.ndarray, "3 3"]


class Catalogue:
    """An open catalogue: its `licence` and `notice` as stated there, and `entries` by the models' base names.

    Raises DataError when the file is no catalogue.
    """

    def __init__(self, path: Path, properties: str) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            lines = self._zip.read(properties).decode("latin-1").splitlines()
        except (zipfile.BadZipFile, KeyError):
            raise DataError(f"{path} is no furniture catalogue of Sweet Home 3D") from None
        self._names = set(self._zip.namelist())
        general, models = _parse(lines)
        self.licence = general.get("license", "")
        self.notice = self._text("LICENSE.TXT") or ""
        self.entries: dict[str, Entry] = {}
        for fields in models:
            if fields.get("model", "").endswith(".obj"):
                entry = _entry(fields)
                self.entries.setdefault(posixpath.basename(entry.model).removesuffix(".obj"), entry)

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def parts(self, entry: Entry) -> list[Part]:
        """The model's surfaces. Raises DataError when it cannot be read."""
        text = self._text(entry.model)
        if text is None:
            raise DataError(f"{self.path} has no model {entry.model}")
        folder = posixpath.dirname(entry.model)
        try:
            return read_model(text, lambda name: self._text(f"{folder}/{name}"), NAMED)
        except DataError as error:
            raise DataError(f"{entry.model} in {self.path} is no model: {error}") from None

    def texture(self, entry: Entry, name: str) -> Image.Image | None:
        """A texture of the model, RGB or RGBA; None if it is missing, as for some models."""
        path = f"{posixpath.dirname(entry.model)}/{name}"
        if path not in self._names:
            return None
        try:
            image: Image.Image = Image.open(io.BytesIO(self._zip.read(path)))
            clear = "A" in image.getbands() or "transparency" in image.info
            image = image.convert("RGBA" if clear else "RGB")
        except OSError as error:
            raise DataError(f"{path} in {self.path} is no picture: {error}") from None
        image.thumbnail((_TEXTURE_SIDE, _TEXTURE_SIDE))
        return image

    def origin(self, entry: Entry) -> str:
        """The web page of a model, if its licence file names one."""
        folder = posixpath.dirname(entry.model) + "/"
        for name in sorted(self._names):
            if name.startswith(folder) and "license" in name.lower():
                number = re.match(r"\d+", posixpath.basename(name)) or re.search(
                    r"(?<=Downloaded from http://www\.blendswap\.com/blends/view/)\d+", self._text(name) or ""
                )
                if number:
                    return f"https://www.blendswap.com/blend/{number.group()}"
        return ""

    def _text(self, path: str) -> str | None:
        return self._zip.read(path).decode("latin-1") if path in self._names else None


class Furniture:
    """The open catalogues of a folder. Use it in a `with` block. Raises DataError when one is damaged."""

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

    def textures(self, name: str) -> Callable[[str], Image.Image | None]:
        """A function that reads a texture of an object by its name; see `Catalogue.texture`."""
        catalogue, entry = self._find(name)
        return partial(catalogue.texture, entry)

    def _find(self, name: str) -> tuple[Catalogue, Entry]:
        source, _, model = name.rpartition("/")
        catalogue = self._catalogues[source]
        return catalogue, catalogue.entries[model]


def take_catalogues(work: Work) -> Path:
    """Copies the catalogues out of the packages, unless they are in the cache; returns their folder.

    Raises DataError when a package is damaged or lacks one.
    """
    folder = work.cache / "catalogues"
    for package in PACKAGES:
        extract(work.file(package), {s.file: folder / s.file_name for s in SOURCES.values() if s.package == package})
    return folder


def _parse(lines: list[str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """A property file's general fields, and those of each of its models in their order."""
    general: dict[str, str] = {}
    models: dict[int, dict[str, str]] = {}
    for line in lines:
        match = re.match(r"(\w+)(?:#(\d+))?\s*=\s*(.*)", line)
        if match:
            key, number, value = match.groups()
            fields = general if number is None else models.setdefault(int(number), {})
            fields[key] = _unescape(value.strip())
    return general, [models[number] for number in sorted(models)]


def _unescape(value: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), value)


def _entry(fields: dict[str, str]) -> Entry:
    turn = [float(x) for x in fields["modelRotation"].split()] if "modelRotation" in fields else list(np.eye(3).flat)
    return Entry(
        fields["model"].removeprefix("/"),
        fields.get("name", ""),
        fields.get("creator", ""),
        np.array(turn, dtype=np.float64).reshape(3, 3),
    )
