"""Debian packages made by hand, and an apt that knows them and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Answers as apt does; the line it was called with goes to a log. A .part is continued, as apt's own downloader does.
_SCRIPTS = {
    "apt-cache": 'for name; do :; done; cat "{root}/records/$name" 2>/dev/null || exit 100',
    "apt-get": 'name=${{3%%=*}}; cat "{root}/addresses/$name"',
    "apt-helper": 'test -e "{root}/offline" && echo "E: Could not resolve the host" >&2 && exit 100; '
    'have=$(stat -c %s "$3" 2>/dev/null || echo 0); tail -c +$((have + 1)) "$2" >> "$3"',
}


def silent(share: float | None, message: str) -> None:
    """A progress callback that shows nothing."""
    assert share is None or 0 <= share <= 1, message


def zipped(contents: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, body in contents.items():
            file.writestr(name, body)
    return out.getvalue()


def make_deb(path: Path, files: Mapping[str, bytes]) -> Path:
    """A .deb with these files, by their paths without the leading slash."""
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _tar({"control": b"Package: made\n"}),
        "data.tar.gz": _tar(files),
    }
    archive = b"!<arch>\n"
    for name, body in members.items():
        archive += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n".encode() + body + b"\n" * (len(body) % 2)
        )
    path.write_bytes(archive)
    return path


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return gzip.compress(out.getvalue())


@dataclass(frozen=True)
class Apt:
    """A made-up apt whose programs stand first on the path."""

    root: Path

    @classmethod
    def install(cls, root: Path) -> Apt:
        """Writes the programs into `root`/bin."""
        for folder in ("bin", "records", "addresses"):
            (root / folder).mkdir(parents=True)
        for name, line in _SCRIPTS.items():
            script = root / "bin" / name
            script.write_text(f'#!/bin/sh\necho "{name} $*" >> "{root}/log"\n{line.format(root=root)}\n')
            script.chmod(0o755)
        return cls(root)

    @property
    def calls(self) -> list[str]:
        log = self.root / "log"
        return log.read_text().splitlines() if log.exists() else []

    def forget_calls(self) -> None:
        (self.root / "log").unlink(missing_ok=True)

    def go_offline(self) -> None:
        (self.root / "offline").touch()

    def serve(self, name: str, files: Mapping[str, bytes], *, checksum: str | None = None) -> Path:
        """Makes a package known, under a wrong `checksum` where one is given."""
        deb = make_deb(self.root / f"{name}_1.0_all.deb", files)
        digest = checksum or hashlib.sha256(deb.read_bytes()).hexdigest()
        size = deb.stat().st_size
        record = f"Package: {name}\nVersion: 1.0\nSize: {size}\nSHA256: {digest}\n\nPackage: {name}\nVersion: 0.1\n"
        (self.root / "records" / name).write_text(record)
        (self.root / "addresses" / name).write_text(f"'{deb}' {deb.name} {size} SHA256:{digest}\n")
        return deb
