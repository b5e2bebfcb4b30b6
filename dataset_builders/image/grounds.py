"""`grounds.npz`: photographs of ground, the terrain textures of 0 A.D., one square tile each.

Arrays, n tiles: ground (n, 192, 192, 3) uint8; label (n,) int64, an index into classes; split (n,) int8, 0 train,
1 val, 2 test; group (n,) int64; name (n,); classes. Kinds and splits come from the table that splits.py describes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from perceiver.errors import DataError
from perceiver.progress import ProgressCallback
from perceiver.storage import write_arrays

from ..splits import Item, check_missing, classes, item_arrays

SIDE = 192  # pixels


def write_grounds(items: Sequence[Item], archive: Path, target: Path, progress: ProgressCallback) -> list[str]:
    """Writes the tiles of all textures of the table, found in a zip file, to `target`.

    Returns the names of textures that the archive does not hold. Raises DataError when there are many of them, or one
    is damaged.
    """
    tiles: dict[str, UInt8[np.ndarray, "192 192 3"]] = {}
    with zipfile.ZipFile(archive) as file:
        paths = {texture_name(path): path for path in file.namelist()}
        for index, item in enumerate(items):
            progress(index / len(items), "Cut grounds")
            if item.name in paths:
                tiles[item.name] = _tile(file.read(paths[item.name]), paths[item.name])
    progress(1.0, "Cut grounds")
    here = [item for item in items if item.name in tiles]
    missing = [item.name for item in items if item.name not in tiles]
    check_missing(missing, len(items), "ground textures")
    write_arrays(target, ground=np.stack([tiles[item.name] for item in here]), **item_arrays(here, classes(items)))
    return missing


def texture_name(path: str) -> str:
    """A terrain texture's name from its path in the game's archive; empty for every other file."""
    match = re.fullmatch(r"art/textures/terrain/(?:types/)?(.+?)\.(?:png|dds)\.cached\.dds", path)
    return match[1] if match else ""


def _tile(body: bytes, path: str) -> UInt8[np.ndarray, "192 192 3"]:
    try:
        image = Image.open(io.BytesIO(body)).convert("RGB")
    except (OSError, NotImplementedError) as error:
        raise DataError(f"the texture {path} cannot be read: {error}") from None
    side = min(image.size)
    return np.asarray(image.crop((0, 0, side, side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
