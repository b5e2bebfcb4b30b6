"""A dozen free photographs, from the wheels of Python packages: `perceiver data build photographs`.

Writes `photographs.zip` with the unchanged files of the packages, and `LICENCES-photographs.md`. They are not used for
training: model cards of image models state how confident their predictions on them are.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceiver.errors import DataError
from perceiver.storage import atomic_write

from .frame import DataSet, Output, Work, licence_page
from .packages import open_wheel

# Increase when the same settings give another file, so that existing files are rebuilt.
REVISION = 1

SKIMAGE, SKLEARN, MATPLOTLIB = "scikit-image", "scikit-learn", "matplotlib"
VERSIONS: Mapping[str, str] = {SKIMAGE: "0.26.0", SKLEARN: "1.9.1", MATPLOTLIB: "3.11.2"}
FOLDERS: Mapping[str, str] = {
    SKIMAGE: "skimage/data",
    SKLEARN: "sklearn/datasets/images",
    MATPLOTLIB: "matplotlib/mpl-data/sample_data",
}


@dataclass(frozen=True)
class Photograph:
    """One file of a package, by its name and the beginning of its SHA-256."""

    package: str
    file: str
    sha256: str
    origin: str


PHOTOGRAPHS = (
    Photograph(SKIMAGE, "astronaut.png", "88431cd9653ccd53", "NASA, public domain"),
    Photograph(SKIMAGE, "camera.png", "b0793d2adda0fa6a", "Lav Varshney, CC0"),
    Photograph(SKIMAGE, "chelsea.png", "596aa1e7cb875eb7", "Stéfan van der Walt, CC0"),
    Photograph(SKIMAGE, "coffee.png", "cc02f8ca188b167c", "Rachel Michetti, CC0"),
    Photograph(SKIMAGE, "coins.png", "f8d773fc9cfa6f4d", "Brooklyn Museum, no known copyright restrictions"),
    Photograph(SKIMAGE, "hubble_deep_field.jpg", "3a19c5dd8a927a93", "NASA, public domain"),
    Photograph(SKIMAGE, "moon.png", "78739619d11f7eb9", "NASA, public domain"),
    Photograph(SKIMAGE, "retina.jpg", "38a07f36f27f095e", "Mikael Häggström, CC0"),
    Photograph(SKIMAGE, "rocket.jpg", "c2dd0de7c538df8d", "SpaceX, public domain"),
    Photograph(SKLEARN, "china.jpg", "8378025ad2519d64", "danielbuechele (Flickr), CC BY 2.0"),
    Photograph(SKLEARN, "flower.jpg", "a77f6ec41e353afd", "vultilion (Flickr), CC BY 2.0"),
    Photograph(MATPLOTLIB, "grace_hopper.jpg", "a8ca6d734765703b", "US Navy, public domain"),
)


def data_set() -> DataSet:
    """Definition of the data set."""
    return DataSet(
        packages=[f"{package}=={version}" for package, version in VERSIONS.items()],
        outputs=[
            Output("photographs.zip", {"revision": REVISION}, _make),
            licence_page("LICENCES-photographs.md", REVISION, lambda work: _licences()),
        ],
        licences={SKIMAGE: "BSD-3-Clause", SKLEARN: "BSD-3-Clause", MATPLOTLIB: "PSF-2.0"},
    )


def _make(work: Work, target: Path) -> Mapping[str, Any]:
    with atomic_write(target) as part, zipfile.ZipFile(part, "w") as out:
        for package, folder in FOLDERS.items():
            with open_wheel(work.file(package)) as wheel:
                for one in PHOTOGRAPHS:
                    if one.package == package:
                        # A fixed date, so that every build gives the same bytes.
                        out.writestr(zipfile.ZipInfo(one.file), _read(wheel, f"{folder}/{one.file}", one))
    return {}


def _read(wheel: zipfile.ZipFile, path: str, photograph: Photograph) -> bytes:
    try:
        body = wheel.read(path)
    except KeyError:
        raise DataError(f"{wheel.filename} has no file {path}; the builder was written for another version") from None
    if not hashlib.sha256(body).hexdigest().startswith(photograph.sha256):
        raise DataError(f"{path} in {wheel.filename} differs from its known checksum; delete the wheel and build again")
    return body


def _licences() -> str:
    rows = (f"| {one.file} | {one.package} {VERSIONS[one.package]} | {one.origin} |" for one in PHOTOGRAPHS)
    return "\n".join(
        [
            "# Licences of the photographs",
            "",
            "`photographs.zip` holds photographs that Python packages come with. The packages' own statements are in",
            "`licences/`.",
            "",
            "| File | Package | Origin |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )
