"""Files that are complete or absent, whatever stops the program that writes them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .errors import DataError


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an OSError in the block into DataError where the disk of `path` is full or `path` cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(f"the disk that holds {path} is full") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise DataError(f"{path} cannot be written: {(error.strerror or 'refused').lower()}") from error
        raise


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path to write to, renamed to `path` when the block succeeds and deleted when it fails.

    The folder is made. Raises DataError when the disk is full or `path` cannot be written.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            yield part
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes a compressed .npz file atomically. Raises DataError as `atomic_write` does."""
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
