"""The image data set, from packages of 3D models and textures: `perceiver data build image`.

Writes `objects.npz` (see sprites.py) and `grounds.npz` (see grounds.py), from which images are composed during training
(see perceiver.training.sets.scenes), and `LICENCES.md`. About 2 GB in `cache/` are kept for later builds and may be
deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..frame import DataSet, Output, Work, licence_page
from ..objects import zero_ad
from ..objects.licences import LICENCES, objects_page
from ..objects.sweet_home import PACKAGES, take_catalogues
from ..splits import check_missing, read_table
from .grounds import SIDE, texture_name, write_grounds
from .render import require_renderer
from .sprites import open_renderer, write_sprites

# Increase when the same settings give other arrays, so that existing files are rebuilt.
REVISION = 1
OBJECTS_REVISION = 2

_LICENCES = """# Licences of the pictures

`objects.npz` holds renderings of 3D models of 0 A.D. and of Sweet Home 3D's furniture catalogues, `grounds.npz` cut
and resized terrain textures of 0 A.D., under the licence of its objects. They are derived works: whoever passes them on
keeps to the licences below. The packages' full statements are in `licences/`.
"""


def data_set(views: int = 16, size: int = 64) -> DataSet:
    """Definition of the data set, with `views` sprites of size x size pixels per object."""
    return DataSet(
        packages=[*PACKAGES, zero_ad.PACKAGE],
        outputs=[
            Output("grounds.npz", {"revision": REVISION, "side": SIDE}, _make_grounds, sources=[zero_ad.PACKAGE]),
            Output("objects.npz", {"revision": OBJECTS_REVISION, "views": views, "size": size}, _make_objects),
            licence_page("LICENCES.md", REVISION, lambda work: objects_page(_LICENCES, read_table("objects"), work)),
        ],
        licences=LICENCES,
        tools={"renderer": ("pyvista", "vtk")},
        check=require_renderer,
    )


def _make_grounds(work: Work, target: Path) -> Mapping[str, Any]:
    return {"missing": write_grounds(read_table("grounds"), _game(work), target, work.progress)}


def _make_objects(work: Work, target: Path) -> Mapping[str, Any]:
    items = read_table("objects")
    open_worker = partial(
        open_renderer,
        take_catalogues(work),
        _game(work),
        [item.name for item in items],
        work.output.settings["views"],
        work.output.settings["size"],
    )
    parts = work.parts("Render objects", open_worker, items)
    missing = [item.name for item, part in zip(items, parts, strict=True) if part is None]
    check_missing(missing, len(items), "objects")
    write_sprites(items, parts, target)
    return {"missing": missing}


def _game(work: Work) -> Path:
    """The files of 0 A.D. that objects and grounds are made of, in a zip file in the cache."""
    target = work.cache / f"0ad-{REVISION}.zip"
    selection = zero_ad.Selection(item.name for item in read_table("objects"))
    grounds = {item.name for item in read_table("grounds")}
    zero_ad.keep_files(
        work.file(zero_ad.PACKAGE),
        lambda path: selection.wants(path) or texture_name(path) in grounds,
        selection.add,
        target,
        work.progress,
    )
    return target
