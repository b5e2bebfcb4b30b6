"""The objects of 0 A.D.: what each is made of, found in the game's archive, and drawn as sprites."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from perceiver.errors import DataError

from .pyrogenesis import Mesh, Skin, read_mesh, read_texture, skins
from .render import Renderer, Views, draw
from .wavefront import Material, Part

SOURCE = "0ad-data/"
_ACTORS, _SKINS = "art/actors/", "art/textures/skins/"
_LEAFY = "plant_tree"  # leaves are holes in flat faces there, whatever the material says
_PLAYER = (40, 220)  # range of each channel of a player's colour, of 255


class Parts:
    """What the named objects are drawn from, gathered from the game's archive in one pass.

    The archive is in alphabetical order: all actors come before the first texture, so that by then it is known which
    textures are worn, and the many others need not be kept.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are those of the split table; of other packages' objects nothing is gathered."""
        self._meshes = {name.removeprefix(SOURCE) for name in names if name.startswith(SOURCE)}
        self._paths = {mesh_path(mesh) for mesh in self._meshes}
        self._actors: dict[str, bytes] = {}
        self._files: dict[str, bytes] = {}
        self._skins: dict[str, Skin] | None = None

    def wants(self, path: str) -> bool:
        """Whether the archive's file is of use; to be asked in the archive's order.

        Raises DataError when an actor that was added is no XML.
        """
        if path.startswith(_ACTORS):
            return path.endswith(".xml")
        if path.startswith(_SKINS) and self._skins is None:
            worn = skins(self._actors)
            self._skins = {mesh: worn[mesh] for mesh in self._meshes if mesh in worn}
            self._paths |= {_texture_path(skin) for skin in self._skins.values()}
        return path in self._paths

    def add(self, path: str, data: bytes) -> None:
        """Keeps a file's bytes if they are of use."""
        if path.startswith(_ACTORS):
            self._actors[path] = data
        elif path in self._paths:
            self._files[path] = data

    def holds(self, name: str) -> bool:
        """Whether everything was added that the object is drawn from."""
        mesh = name.removeprefix(SOURCE)
        skin = (self._skins or {}).get(mesh)
        return skin is not None and {mesh_path(mesh), _texture_path(skin)} <= self._files.keys()

    def find(self, name: str) -> tuple[Mesh, Skin, bytes]:
        """An object's mesh, its skin and the bytes of its texture.

        Raises DataError when one of them was not added, or the mesh is damaged.
        """
        mesh = name.removeprefix(SOURCE)
        if self._skins is None or not self.holds(name):
            raise DataError(f"the mesh, the actor or the texture of {name} is not in this version of the package")
        skin = self._skins[mesh]
        try:
            return read_mesh(self._files[mesh_path(mesh)]), skin, self._files[_texture_path(skin)]
        except DataError as error:
            raise DataError(f"the mesh of {name} cannot be read: {error}") from None


def render(parts: Parts, classes: Mapping[str, str], *, views: int, size: int) -> Iterator[tuple[str, Views]]:
    """Draws the objects, whose classes are given by name, one after another.

    Views, light and the player's colour follow from an object's name alone, so any one can be drawn again by itself.
    Raises DataError when a file is missing or damaged, or nothing can be rendered here.
    """
    with Renderer(size) as renderer:
        for name, label in classes.items():
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            mesh, skin, data = parts.find(name)
            alpha = "holes" if label == _LEAFY else skin.alpha
            player = rng.uniform(*_PLAYER, 3) if alpha == "player" else np.zeros(3)
            try:
                texture = read_texture(data, alpha, player)
            except DataError as error:
                raise DataError(f"the texture {skin.texture} of {name} cannot be read: {error}") from None
            renderer.show([_part(mesh, skin)], np.eye(3), {skin.texture: texture}.get)
            yield name, draw(renderer, views, rng)


def mesh_path(name: str) -> str:
    """Where the game's archive has the mesh of an object."""
    return f"art/meshes/{name.removeprefix(SOURCE)}.dae.cached.pmd"


def _part(mesh: Mesh, skin: Skin) -> Part:
    corners = np.full((len(mesh.triangles), 1), 3)
    return Part(
        material=Material((1.0, 1.0, 1.0), texture=skin.texture),
        points=mesh.points,
        normals=mesh.normals,
        texture=mesh.texture,
        polygons=np.hstack([corners, mesh.triangles]).ravel(),
    )


def _texture_path(skin: Skin) -> str:
    return f"{_SKINS}{skin.texture}.cached.dds"
