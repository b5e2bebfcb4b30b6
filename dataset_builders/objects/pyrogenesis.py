"""Reads files of Pyrogenesis, the engine of 0 A.D.: meshes, and their textures.

Meshes are in the PMD format of the engine, which no library supports.

Textures are assigned to meshes by the variants of actors, which are XML files. The material defines whether the alpha
channel of a texture is transparency or the mask of the player colour.
"""

from __future__ import annotations

import io
import struct
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int
from PIL import Image

from perceiver.errors import DataError

Alpha = Literal["none", "holes", "player"]

# Four bones of a byte and four weights of a float follow every vertex, weighted or not.
_BONES = 20
_LONGEST_SIDE = 512  # pixels; a sprite shows no more
_HOLE_UP_TO = 100  # alpha, of 255


@dataclass(frozen=True)
class Mesh:
    """A mesh in its rest pose, y upwards, in metres.

    points      corners, shared between triangles
    normals     unit length
    texture     texture coordinates (u, v), v upwards; those of the first layer
    triangles   three indices of corners each
    """

    points: Float32[np.ndarray, "n 3"]
    normals: Float32[np.ndarray, "n 3"]
    texture: Float32[np.ndarray, "n 2"]
    triangles: Int[np.ndarray, "k 3"]


@dataclass(frozen=True)
class Skin:
    """The texture of a mesh, by its path in the folder of skins, and the file name of the material."""

    texture: str
    material: str

    @property
    def alpha(self) -> Alpha:
        """What the texture's alpha means: nothing, holes, or where the player's colour shows through."""
        if "player" in self.material:
            return "player"
        transparent = "trans" in self.material or "alphatest" in self.material
        return "holes" if transparent and "no_trans" not in self.material else "none"


def read_mesh(data: bytes) -> Mesh:
    """The mesh in a PMD file's bytes.

    Raises DataError where the bytes are no such file, end too early, or name corners that are not there.
    """
    try:
        magic, version, _, corners = struct.unpack_from("<4sIII", data)
        if magic != b"PSMD":
            raise DataError("it does not begin with PSMD")
        # Before version 4 there was one layer of texture coordinates and no count of them.
        layers, start = (struct.unpack_from("<I", data, 16)[0], 20) if version >= 4 else (1, 16)
        floats = 6 + 2 * layers
        row = 4 * floats + _BONES
        vertices = np.frombuffer(data, np.uint8, corners * row, start).reshape(corners, row)
        start += corners * row
        (count,) = struct.unpack_from("<I", data, start)
        triangles = np.frombuffer(data, "<u2", 3 * count, start + 4).reshape(count, 3).astype(np.int64)
    except (struct.error, ValueError) as error:
        raise DataError(f"no PMD mesh: {error}") from None
    if layers < 1 or count == 0:
        raise DataError("no PMD mesh: it has no texture coordinates or no triangle")
    if triangles.max() >= corners:
        raise DataError("no PMD mesh: a triangle names a corner that is not there")
    values = vertices[:, : 4 * floats].copy().view("<f4").astype(np.float32)
    return Mesh(values[:, :3], values[:, 3:6], values[:, 6:8], triangles)


def skins(actors: Mapping[str, bytes]) -> dict[str, Skin]:
    """The skin of every mesh that the actors dress, by the mesh's path without its extension.

    `actors` holds XML by file name. Many actors may name one mesh; which of them decides must not depend on the order
    of reading. Of variants that pair the mesh with a texture it is the last, of the last actor by name. A mesh that
    none pairs so wears the first texture of the first actor that has it. Raises DataError for what is no XML.
    """
    paired: dict[str, Skin] = {}
    loose: dict[str, Skin] = {}
    for name in sorted(actors):
        try:
            root = ET.fromstring(actors[name])
        except ET.ParseError as error:
            raise DataError(f"the actor {name} is no XML: {error}") from None
        material = root.findtext("material") or ""
        variants = [(_mesh(variant), _textures(variant)) for variant in root.iter("variant")]
        worn = [Skin(texture, material) for _, textures in variants for texture in textures]
        for mesh, textures in variants:
            if mesh and textures:
                paired[mesh] = Skin(textures[0], material)
            if mesh and worn:
                loose.setdefault(mesh, worn[0])
    return loose | paired


def read_texture(data: bytes, alpha: Alpha, player: Float[np.ndarray, "3"]) -> Image.Image:
    """A texture as it shows, at 512 pixels a side or fewer: RGB, or with holes RGBA that is 0 or 255 opaque.

    `player` is the player's colour in [0, 255], laid where the alpha says so, with what the texture has there shining
    through. Raises DataError for what is no image.
    """
    try:
        image = Image.open(io.BytesIO(data)).convert("RGBA")
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"no image that can be read: {error}") from None
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    if alpha == "holes":
        image.putalpha(image.getchannel("A").point(lambda value: 255 * (value > _HOLE_UP_TO)))
        return image
    colour = np.asarray(image.convert("RGB"), dtype=np.float32)
    if alpha == "player":
        own = np.asarray(image.getchannel("A"), dtype=np.float32)[..., None] / 255
        colour = (colour * own + (1 - own) * (colour * 0.3 + player * 0.7)).astype(np.float32)
    return Image.fromarray(colour.astype(np.uint8))


def _mesh(variant: ET.Element) -> str:
    return (variant.findtext("mesh") or "").strip().rpartition(".")[0]


def _textures(variant: ET.Element) -> list[str]:
    found = (texture.get("file") for texture in variant.iter("texture") if texture.get("name") == "baseTex")
    return [file for file in found if file]
