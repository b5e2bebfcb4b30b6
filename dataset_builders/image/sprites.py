"""`objects.npz`: sprites of things, people, animals, plants and buildings from many viewpoints.

Arrays, n sprites of m objects, `size` pixels a side:
    sprite   (n, size, size, 4) uint8, red, green, blue and opacity
    label    (n,) int64, an index into classes
    object   (n,) int64, an index into name and group
    view     (n, 2) float32, azimuth and elevation in degrees
    split    (n,) int8, 0 train, 1 val, 2 test; see splits.py
    name, group (m,) and classes
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from perceiver.errors import DataError
from perceiver.storage import write_arrays

from ..objects.pyrogenesis import Mesh, Skin, read_texture
from ..objects.sweet_home import Furniture
from ..objects.wavefront import Material, Part
from ..objects.zero_ad import Game
from ..splits import Item, classes, item_arrays
from .render import Renderer, draw

_LEAFY = "plant_tree"  # leaves are flat faces with transparency, whatever the material says
_PLAYER = (40, 220)  # range of each channel of a player's colour, of 255


@contextmanager
def open_renderer(
    catalogues: Path, game: Path, names: Sequence[str], views: int, size: int
) -> Iterator[Callable[[Item], dict[str, np.ndarray] | None]]:
    """A function that draws an object from `views` sides: sprites, and their angles; None where no source has it.

    `catalogues` is the folder of furniture catalogues and `game` the zip file of 0 A.D.'s files, of which the objects
    of these names are found. Views, light and the player's colour follow from an object's name alone, so any object can
    be drawn by itself. The function raises DataError when a model or a texture is damaged or cannot be rendered.
    """
    # One process per core: threads of the software renderer would slow it down.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    with Furniture(catalogues) as furniture, Game(game, names) as played, Renderer(size) as renderer:

        def render(item: Item) -> dict[str, np.ndarray] | None:
            rng = np.random.default_rng(zlib.crc32(item.name.encode()))
            if furniture.holds(item.name):
                renderer.show(*furniture.model(item.name), furniture.textures(item.name))
            elif played.holds(item.name):
                _show(renderer, item, played, rng)
            else:
                return None
            seen = draw(renderer, views, rng)
            return {"sprites": seen.sprites, "angles": seen.angles}

        yield render


def write_sprites(items: Sequence[Item], parts: Sequence[Mapping[str, np.ndarray] | None], target: Path) -> None:
    """Writes the sprites of the rendered objects to `target`. Raises DataError as `write_arrays` does."""
    drawn = [(index, part) for index, part in enumerate(parts) if part is not None]
    objects = np.concatenate([np.full(len(part["sprites"]), index, dtype=np.int64) for index, part in drawn])
    table = item_arrays(items, classes(items))
    write_arrays(
        target,
        sprite=np.concatenate([part["sprites"] for _, part in drawn]),
        object=objects,
        view=np.concatenate([part["angles"] for _, part in drawn]),
        **table | {"label": table["label"][objects], "split": table["split"][objects]},
    )


def _show(renderer: Renderer, item: Item, game: Game, rng: np.random.Generator) -> None:
    """Puts an object of 0 A.D. into the renderer."""
    mesh = game.mesh(item.name)
    assert mesh is not None
    skin, data = game.skin(item.name)
    alpha = "holes" if item.label == _LEAFY else skin.alpha
    player = rng.uniform(*_PLAYER, 3) if alpha == "player" else np.zeros(3)
    try:
        texture = read_texture(data, alpha, player)
    except DataError as error:
        raise DataError(f"the texture {skin.texture} of {item.name} cannot be read: {error}") from None
    renderer.show([_part(mesh, skin)], np.eye(3), {skin.texture: texture}.get)


def _part(mesh: Mesh, skin: Skin) -> Part:
    corners = np.full((len(mesh.triangles), 1), 3)
    return Part(
        material=Material((1.0, 1.0, 1.0), texture=skin.texture),
        points=mesh.points,
        normals=mesh.normals,
        texture=mesh.texture,
        polygons=np.hstack([corners, mesh.triangles]).ravel(),
    )
