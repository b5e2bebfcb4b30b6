"""What is of use in 0 A.D.'s archive of some gigabytes, taken out in one pass and kept as a smaller one."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from .files import Readable, whole
from .packages import member
from .progress import Report
from .zipstream import entries

PACKAGE = "0ad-data"
FILE = "usr/share/games/0ad/mods/public/public.zip"
_STEP = "Read 0ad-data"
_STRIDE = 24  # reports come every 2 to the power of this many bytes


def keep_wanted(
    deb: Path,
    wanted: Callable[[str], bool],
    seen: Callable[[str, bytes], None],
    target: Path,
    report: Report,
    *,
    enough: Callable[[], bool] = lambda: False,
) -> None:
    """Copies the wanted files of the package's archive, in its order, into the zip file `target`.

    `seen` is given each of them, so that what is wanted later may depend on what came before; reading ends once it is
    `enough`. The archive is read as a stream and never lies on disk unpacked. Nothing is done when `target` is there.
    Raises DataError when the package or a file in it is damaged.
    """
    if target.is_file():
        return
    with member(deb, FILE) as (stream, size), whole(target) as part, zipfile.ZipFile(part, "w") as kept:
        for path, body in entries(_Counted(stream, size, report), wanted, Path(FILE).name):
            seen(path, body)
            kept.writestr(zipfile.ZipInfo(path), body)
            if enough():
                break
    report(_STEP, size, size)


def keep_named(deb: Path, paths: Iterable[str], target: Path, report: Report) -> None:
    """Copies the files of these paths, as far as the archive has them, into the zip file `target`.

    Nothing is done when `target` is there. Raises DataError when the package or a file in it is damaged.
    """
    left = set(paths)
    keep_wanted(deb, left.__contains__, lambda path, _: left.discard(path), target, report, enough=lambda: not left)


class _Counted:
    """A stream that reports how far it has been read."""

    def __init__(self, stream: Readable, size: int, report: Report) -> None:
        self._stream, self._size, self._report, self._done = stream, size, report, 0

    def read(self, count: int, /) -> bytes:
        body = self._stream.read(count)
        before, self._done = self._done, self._done + len(body)
        if before >> _STRIDE != self._done >> _STRIDE:
            self._report(_STEP, self._done, self._size)
        return body
