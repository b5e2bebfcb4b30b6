"""The set of point clouds, from packages to arrays: `perceiver data build points`.

Makes `points.npz`, clouds of the objects that are pictures too and of some more, and beside it `LICENCES-points.md`
and `MANIFEST.json`. Some 2 GB in `cache/` are kept for another build and may be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from . import archive, packages, torcs, zero_ad
from .clouds import POINTS, build_clouds
from .files import Manifest, alone
from .furniture import PACKAGES, take_catalogues
from .licences import LICENCES, write_licences
from .packages import Package
from .progress import Report, bar
from .splits import Item, read_table
from .surfaces import require_cutter

# To be raised when the same settings give other arrays or other objects: what was built before is then built again.
REVISION = 1

_LICENCES = """# Licences of the point clouds

`points.npz` holds points drawn on the surfaces of 3D models of 0 A.D., of TORCS and of Sweet Home 3D's furniture
catalogues. They are derived works: whoever passes them on keeps to the licences below. The packages' full statements
are in `licences/`.
"""


def build_points(folder: Path, *, progress: Report | None = None, force: bool = False) -> Path:
    """Builds what is missing or damaged of the set of point clouds in `folder`, and returns the folder.

    Packages that an image build left in the folder's cache are used again. A download that was stopped goes on where it
    was; a build that is complete is left as it is. `force` makes the arrays anew from the packages at hand. Without
    `progress` a bar is shown on standard error.

    Raises DataError, in one sentence, when a tool or package is missing, a download fails, a checksum differs, the
    disk is full, or another build is at work in the folder.
    """
    settings: dict[str, dict[str, Any]] = {
        "points.npz": {"revision": REVISION, "points": POINTS},
        "LICENCES-points.md": {"revision": REVISION},
    }
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        manifest = Manifest.read(folder)
        left = [name for name, chosen in settings.items() if force or not manifest.holds(name, chosen)]
        if left:
            require_cutter()  # before a download of more than a gigabyte
            report = progress or stack.enter_context(bar())
            sources = _gather(folder / "cache", report)
            for name in left:
                notes = _make(folder / name, sources, report)
                manifest.record(name, settings[name], **notes)
    return folder


@dataclass(frozen=True)
class _Sources:
    """What the arrays are made from, at hand in the cache."""

    cache: Path
    packages: Mapping[str, Package]
    objects: Sequence[Item]
    catalogues: Path
    game: Path
    cars: Mapping[str, Path]


def _gather(cache: Path, report: Report) -> _Sources:
    """Fetches the packages and takes out of them what is of use."""
    objects = read_table("clouds")
    names = [item.name for item in objects]
    found = packages.fetch([*PACKAGES, archive.PACKAGE, torcs.PACKAGE], cache, report)
    game = cache / f"0ad-meshes-{REVISION}.zip"
    meshes = [zero_ad.mesh_path(name) for name in names if name.startswith(zero_ad.SOURCE)]
    archive.keep_named(cache / found[archive.PACKAGE].file, meshes, game, report)
    cars = torcs.take_cars(cache / found[torcs.PACKAGE].file, names, cache / "cars")
    return _Sources(cache, found, objects, take_catalogues(found, cache), game, cars)


def _make(target: Path, sources: _Sources, report: Report) -> dict[str, Any]:
    """Makes one of the files; returns what the manifest notes of it."""
    notes: dict[str, Any] = {
        "packages": {name: {"version": p.version, "sha256": p.sha256} for name, p in sources.packages.items()}
    }
    if target.suffix == ".npz":
        notes["licences"] = LICENCES
        notes["cutter"] = {name: metadata.version(name) for name in ("pyvista", "vtk")}
        notes["missing"] = build_clouds(sources.objects, sources.catalogues, sources.game, sources.cars, target, report)
    else:
        write_licences(_LICENCES, sources.objects, sources.packages, sources.cache, sources.catalogues, target)
    return notes
