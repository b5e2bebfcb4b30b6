"""The objects of 0 A.D., with their files extracted from the game archive of several gigabytes in one pass."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path

from perceiver.errors import DataError
from perceiver.progress import ProgressCallback
from perceiver.storage import atomic_write

from ..files import Readable
from ..packages import member
from .pyrogenesis import Mesh, Skin, read_mesh, skins
from .zipstream import entries

PACKAGE, SOURCE = "0ad-data", "0ad-data/"
ARCHIVE = "usr/share/games/0ad/mods/public/public.zip"
_ACTORS, _SKINS = "art/actors/", "art/textures/skins/"
_MESSAGE = "Read 0ad-data"
_STRIDE = 24  # progress is reported every 2 to the power of this many bytes


class Selection:
    """The files of the game archive that the named objects need, determined while reading it.

    The archive is in alphabetical order: all actors precede the textures, so that the textures of the objects are known
    in time and the others are skipped.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are those of the split table; other packages' objects are ignored."""
        self._names = {name.removeprefix(SOURCE) for name in names if name.startswith(SOURCE)}
        self._meshes = {mesh_path(name) for name in self._names}
        self._actors: dict[str, bytes] = {}

    @cached_property
    def skins(self) -> Mapping[str, Skin]:
        """The skins of the objects, as far as the actors that were added until the first use name them."""
        worn = skins(self._actors)
        return {name: worn[name] for name in self._names if name in worn}

    @cached_property
    def _textures(self) -> set[str]:
        return {_texture_path(skin) for skin in self.skins.values()}

    def wants(self, path: str) -> bool:
        """Whether a file of the archive is needed; to be asked in the archive's order.

        Raises DataError when an actor that was added is no XML.
        """
        if path.startswith(_ACTORS):
            return path.endswith(".xml")
        if path.startswith(_SKINS):
            return path in self._textures
        return path in self._meshes

    def add(self, path: str, data: bytes) -> None:
        """Takes note of an actor; other files are ignored."""
        if path.startswith(_ACTORS):
            self._actors[path] = data


class Game:
    """The game's objects in an archive made by `keep_files`. Use it in a `with` block.

    Raises DataError when an actor in it is no XML.
    """

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self._zip = zipfile.ZipFile(path)
        self._files = set(self._zip.namelist())
        selection = Selection(names)
        for file in self._files:
            if file.startswith(_ACTORS) and selection.wants(file):
                selection.add(file, self._zip.read(file))
        self._skins = selection.skins

    def __enter__(self) -> Game:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def holds(self, name: str) -> bool:
        """Whether the mesh, an actor and the texture of an object are there."""
        skin = self._skins.get(name.removeprefix(SOURCE))
        return skin is not None and {mesh_path(name), _texture_path(skin)} <= self._files

    def mesh(self, name: str) -> Mesh | None:
        """An object's mesh, None where there is none. Raises DataError when it is damaged."""
        if mesh_path(name) not in self._files:
            return None
        try:
            return read_mesh(self._zip.read(mesh_path(name)))
        except DataError as error:
            raise DataError(f"the mesh of {name} cannot be read: {error}") from None

    def skin(self, name: str) -> tuple[Skin, bytes]:
        """The skin of an object that `holds` knows, and the bytes of its texture."""
        skin = self._skins[name.removeprefix(SOURCE)]
        return skin, self._zip.read(_texture_path(skin))


def keep_files(
    deb: Path,
    wanted: Callable[[str], bool],
    add: Callable[[str, bytes], None],
    target: Path,
    progress: ProgressCallback,
    *,
    enough: Callable[[], bool] = lambda: False,
) -> None:
    """Copies the wanted files of the game's archive, in its order, into the zip file `target`.

    `add` is called with each of them, so that what is wanted later may depend on what came before; reading ends when
    `enough` returns True. The archive is read as a stream and is never unpacked to disk. Nothing is done when `target`
    exists. Raises DataError when the package or a file in it is damaged.
    """
    if target.is_file():
        return
    with member(deb, ARCHIVE) as (stream, size), atomic_write(target) as part, zipfile.ZipFile(part, "w") as kept:
        for path, body in entries(_Counted(stream, size, progress), wanted, Path(ARCHIVE).name):
            add(path, body)
            kept.writestr(zipfile.ZipInfo(path), body)
            if enough():
                break
    progress(1.0, _MESSAGE)


def keep_meshes(deb: Path, names: Iterable[str], target: Path, progress: ProgressCallback) -> None:
    """Copies the meshes of the named objects, as far as the archive has them, into the zip file `target`.

    Nothing is done when `target` exists. Raises DataError when the package or a file in it is damaged.
    """
    left = {mesh_path(name) for name in names if name.startswith(SOURCE)}
    keep_files(deb, left.__contains__, lambda path, _: left.discard(path), target, progress, enough=lambda: not left)


def mesh_path(name: str) -> str:
    """The path of an object's mesh in the archive."""
    return f"art/meshes/{name.removeprefix(SOURCE)}.dae.cached.pmd"


def _texture_path(skin: Skin) -> str:
    return f"{_SKINS}{skin.texture}.cached.dds"


class _Counted:
    """A stream that reports how much of it has been read."""

    def __init__(self, stream: Readable, size: int, progress: ProgressCallback) -> None:
        self._stream, self._size, self._progress, self._done = stream, size, progress, 0

    def read(self, count: int, /) -> bytes:
        body = self._stream.read(count)
        before, self._done = self._done, self._done + len(body)
        if before >> _STRIDE != self._done >> _STRIDE:
            self._progress(self._done / self._size, _MESSAGE)
        return body
