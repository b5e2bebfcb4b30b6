"""The image data set, from packages to arrays: `perceiver data build image`.

Makes `objects.npz` and `grounds.npz`, from which pictures are composed (see perceiver.training.scenes), and beside
them `LICENCES.md` and `MANIFEST.json`. Some 2 GB in `cache/` are kept for another build and may be deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from . import archive, packages, zero_ad
from .files import Manifest, alone
from .furniture import PACKAGES, take_catalogues
from .grounds import SIDE, build_grounds, texture_name
from .licences import LICENCES, write_licences
from .objects import build_objects
from .packages import Package
from .progress import Report, bar
from .render import require_renderer
from .splits import Item, read_table

# To be raised when the same settings give other arrays: what was built before is then built again.
REVISION = 1

_LICENCES = """# Licences of the pictures

`objects.npz` holds renderings of 3D models of 0 A.D. and of Sweet Home 3D's furniture catalogues, `grounds.npz` cut
and resized terrain textures of 0 A.D., under the licence of its objects. They are derived works: whoever passes them on
keeps to the licences below. The packages' full statements are in `licences/`.
"""


def build_image(
    folder: Path, *, progress: Report | None = None, force: bool = False, views: int = 16, size: int = 64
) -> Path:
    """Builds what is missing or damaged of the image data in `folder`, and returns the folder.

    A build that was stopped goes on where it was; one that is complete is left as it is. `force` makes the arrays anew
    from the packages at hand. Without `progress` a bar is shown on standard error. `views` is the number of sprites of
    an object and `size` their side in pixels.

    Raises DataError, in one sentence, when a tool or package is missing, a download fails, a checksum differs, the
    disk is full, or another build is at work in the folder.
    """
    settings: dict[str, dict[str, Any]] = {
        "grounds.npz": {"revision": REVISION, "side": SIDE},
        "objects.npz": {"revision": REVISION, "views": views, "size": size},
        "LICENCES.md": {"revision": REVISION},
    }
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        manifest = Manifest.read(folder)
        left = [name for name, chosen in settings.items() if force or not manifest.holds(name, chosen)]
        if "objects.npz" in left:
            require_renderer()  # before a download of more than a gigabyte
        if left:
            report = progress or stack.enter_context(bar())
            sources = _gather(folder / "cache", report)
            if force:
                shutil.rmtree(sources.sprites(views, size), ignore_errors=True)
            for name in left:
                notes = _make(folder / name, settings[name], sources, report)
                manifest.record(name, settings[name], **notes)
    return folder


@dataclass(frozen=True)
class _Sources:
    """What the arrays are made from, at hand in the cache."""

    cache: Path
    packages: Mapping[str, Package]
    catalogues: Path
    objects: Sequence[Item]
    grounds: Sequence[Item]

    @property
    def game(self) -> Path:
        return self.cache / f"0ad-{REVISION}.zip"

    def sprites(self, views: int, size: int) -> Path:
        return self.cache / f"sprites-{REVISION}-{views}-{size}"


def _gather(cache: Path, report: Report) -> _Sources:
    """Fetches the packages and takes out of them what is of use."""
    found = packages.fetch([*PACKAGES, archive.PACKAGE], cache, report)
    sources = _Sources(cache, found, take_catalogues(found, cache), read_table("objects"), read_table("grounds"))
    parts, textures = zero_ad.Parts(item.name for item in sources.objects), {item.name for item in sources.grounds}
    archive.keep_wanted(
        cache / found[archive.PACKAGE].file,
        lambda path: parts.wants(path) or texture_name(path) in textures,
        parts.add,
        sources.game,
        report,
    )
    return sources


def _make(target: Path, settings: Mapping[str, Any], sources: _Sources, report: Report) -> dict[str, Any]:
    """Makes one of the files; returns what the manifest notes of it."""
    versions = {name: {"version": p.version, "sha256": p.sha256} for name, p in sources.packages.items()}
    notes: dict[str, Any] = {"packages": versions}
    if target.name == "grounds.npz":
        notes["packages"] = {archive.PACKAGE: versions[archive.PACKAGE]}
        notes["licences"] = {archive.PACKAGE: LICENCES[archive.PACKAGE]}
        notes["missing"] = build_grounds(sources.grounds, sources.game, target, report)
    elif target.name == "objects.npz":
        work = sources.sprites(settings["views"], settings["size"])
        notes["licences"] = {name: licence for name, licence in LICENCES.items() if name.split("/")[0] in versions}
        notes["renderer"] = {name: metadata.version(name) for name in ("pyvista", "vtk")}
        notes["missing"] = build_objects(
            sources.objects,
            sources.catalogues,
            sources.game,
            work,
            target,
            views=settings["views"],
            size=settings["size"],
            report=report,
        )
        shutil.rmtree(work)
    else:
        write_licences(_LICENCES, sources.objects, sources.packages, sources.cache, sources.catalogues, target)
    return notes
