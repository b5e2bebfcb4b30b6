"""Downloads, verifies and caches packages, and reads their files without installing them.

Debian packages come through apt, which knows the address, size and SHA-256 of each, signed by the archive; its own
downloader resumes partial files. Wheels of Python packages come through pip. What has been downloaded and
checked is listed in `packages.json` in the cache and is not downloaded again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from perceiver.errors import DataError
from perceiver.progress import ProgressCallback
from perceiver.storage import atomic_write, disk_errors

from .files import Readable, sha256

DOWNLOADER = "/usr/lib/apt/apt-helper"
_SPARE = 300_000_000  # bytes of free space needed besides the packages


@dataclass(frozen=True)
class Package:
    """One version of a package; `file` is the name of its .deb or .whl in the cache."""

    name: str
    version: str
    file: str
    size: int
    sha256: str


def fetch(names: Sequence[str], cache: Path, progress: ProgressCallback) -> dict[str, Package]:
    """Downloads packages into `cache`: Debian's by name, wheels as "name==version". Returns them by name.

    Raises DataError when apt, pip or a package is missing, the disk is too small, a download fails or a checksum
    differs.
    """
    known = _known(cache)
    wheels = dict(name.split("==") for name in names if "==" in name)
    wanted = [name.partition("==")[0] for name in names]
    found = {
        name: known[name]
        for name in wanted
        if name in known
        and wheels.get(name, known[name].version) == known[name].version
        and _intact(cache, known[name])
    }
    described = [_describe(name) for name in wanted if name not in found and name not in wheels]
    missing = [(package, address) for package, address in described if not _intact(cache, package)]
    _check_room(cache, [package for package, _ in missing])
    for package, address in missing:
        _download(package, address, cache, progress)
    new = [package for package, _ in described]
    new += [_download_wheel(name, wheels[name], cache, progress) for name in wheels if name not in found]
    found |= {package.name: package for package in new}
    if new:
        entries = {name: asdict(package) for name, package in sorted((known | found).items())}
        with atomic_write(cache / "packages.json") as part:
            part.write_text(json.dumps(entries, indent=2) + "\n")
    return {name: found[name] for name in wanted}


@contextmanager
def contents(deb: Path) -> Iterator[tarfile.TarFile]:
    """The files of a Debian package as a tar archive to be read once, front to back; nothing is unpacked to disk.

    Raises DataError when dpkg-deb is missing or the package is damaged.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=errors)
        except FileNotFoundError:
            raise _no_tool("dpkg-deb") from None
        try:
            assert process.stdout is not None
            with process.stdout, tarfile.open(fileobj=process.stdout, mode="r|", bufsize=1 << 20) as archive:
                yield archive
        except tarfile.ReadError as error:
            process.wait()
            errors.seek(0)
            raise DataError(f"{deb} cannot be unpacked: {_last_line(errors.read()) or error}") from None
        finally:
            process.kill()
            process.wait()


@contextmanager
def member(deb: Path, name: str) -> Iterator[tuple[Readable, int]]:
    """One file of a package as a stream, and its length in bytes. Raises DataError when it has no such file."""
    with contents(deb) as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isfile() and _plain(info.name) == name else None
            if stream is not None:
                yield stream, info.size
                return
    raise DataError(f"{deb} has no file {name}; the builder was written for another version of the package")


def extract(deb: Path, targets: Mapping[str, Path]) -> None:
    """Copies files out of a Debian package, by their paths there; targets that exist are kept.

    Raises DataError when the package lacks one of them.
    """
    left = {name: target for name, target in targets.items() if not target.is_file()}
    if not left:
        return
    with contents(deb) as archive:
        for info in archive:
            name = _plain(info.name)
            stream = archive.extractfile(info) if info.isfile() and name in left else None
            if stream is not None:
                with atomic_write(left.pop(name)) as part, part.open("wb") as file:
                    shutil.copyfileobj(stream, file)
            if not left:
                return
    raise DataError(f"{deb} has no file {next(iter(left))}; the builder was written for another version of the package")


def copy_statements(package: Package, cache: Path, folder: Path) -> None:
    """Copies the licence files of a package into `folder`. Raises DataError if it is damaged."""
    path = cache / package.file
    if path.suffix != ".whl":
        extract(path, {f"usr/share/doc/{package.name}/copyright": folder / f"{package.name}.txt"})
        return
    with open_wheel(path) as wheel:
        for name in wheel.namelist():
            if re.search(r"\.dist-info/licenses/[^/]+$", name):
                with atomic_write(folder / f"{package.name}-{Path(name).name}") as part:
                    part.write_bytes(wheel.read(name))


def open_wheel(path: Path) -> zipfile.ZipFile:
    """The files of a wheel. Raises DataError when it is damaged."""
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is damaged: {error}; delete it and build again") from None


def _known(cache: Path) -> dict[str, Package]:
    path = cache / "packages.json"
    if not path.is_file():
        return {}
    try:
        return {name: Package(**entry) for name, entry in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError):
        raise DataError(f"{path} cannot be read; delete it and build again") from None


def _intact(cache: Path, package: Package) -> bool:
    path = cache / package.file
    return path.is_file() and path.stat().st_size == package.size and sha256(path) == package.sha256


def _describe(name: str) -> tuple[Package, str]:
    """The package as described by apt, and the address of its .deb."""
    record = _ask("apt-cache", "show", "--no-all-versions", name, package=name)
    fields = dict(re.findall(r"^(Version|Size|SHA256): (.*)$", record.split("\n\n")[0], re.MULTILINE))
    if len(fields) < 3:
        raise DataError(f"apt knows no checksum of the package {name}; run `apt-get update` and try again")
    line = _ask("apt-get", "download", "--print-uris", f"{name}={fields['Version']}", package=name)
    match = re.search(r"^'(\S+)' (\S+) \d+", line, re.MULTILINE)
    if match is None:
        raise DataError(f"apt names no address for the package {name}; run `apt-get update` and try again")
    address, file = match.groups()
    return Package(name, fields["Version"], file, int(fields["Size"]), fields["SHA256"]), address


def _ask(*command: str, package: str) -> str:
    with tempfile.TemporaryDirectory() as empty:  # apt prints no address if the file exists in its working directory
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}, cwd=empty, check=False
            )
        except FileNotFoundError:
            raise _no_tool(command[0]) from None
    if done.returncode:
        raise DataError(
            f"apt does not know the package {package}; run `apt-get update`, and on Ubuntu enable the universe section"
        )
    return done.stdout


def _check_room(cache: Path, packages: Sequence[Package]) -> None:
    if not packages:
        return
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    begun = sum(part.stat().st_size for p in packages if (part := _part(cache, p)).is_file())
    need, free = sum(p.size for p in packages) - begun + _SPARE, shutil.disk_usage(cache).free
    if free < need:
        raise DataError(f"{cache} needs {need / 1e9:.1f} GB of room and its disk has {free / 1e9:.1f} GB left")


def _part(cache: Path, package: Package) -> Path:
    return cache / (package.file + ".part")


def _download(package: Package, address: str, cache: Path, progress: ProgressCallback) -> None:
    """Downloads one .deb, resuming a partial download."""
    message, part = f"Download {package.name}", _part(cache, package)
    command = [DOWNLOADER, "download-file", address, str(part), f"SHA256:{package.sha256}"]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=errors, env=os.environ | {"LC_ALL": "C"}
            )
        except FileNotFoundError:
            raise _no_tool(DOWNLOADER) from None
        try:
            while process.poll() is None:
                progress(min(part.stat().st_size if part.is_file() else 0, package.size) / package.size, message)
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait()
        errors.seek(0)
        problem = _last_line(errors.read())
    if process.returncode and "Hash Sum mismatch" not in problem:
        raise DataError(f"the download of {package.name} from {address} failed: {problem or 'no reason given'}")
    if process.returncode or sha256(part) != package.sha256:
        part.unlink(missing_ok=True)
        raise DataError(f"{package.file} from {address} differs from the checksum in apt's index; try again later")
    with disk_errors(cache):
        os.replace(part, cache / package.file)
    progress(1.0, message)


def _download_wheel(name: str, version: str, cache: Path, progress: ProgressCallback) -> Package:
    """Downloads a wheel with the pip of this Python, into a separate folder, since pip chooses the name."""
    message = f"Download {name}"
    progress(None, message)
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", folder, f"{name}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            lines = done.stderr.splitlines()
            errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines
            raise DataError(f"pip cannot download {name} {version}: {errors[-1] if errors else 'no reason given'}")
        path = cache / wheels[0].name
        with disk_errors(cache):
            os.replace(wheels[0], path)
    progress(1.0, message)
    return Package(name, version, path.name, path.stat().st_size, sha256(path))


def _no_tool(tool: str) -> DataError:
    return DataError(
        f"{tool} is not on this machine; the data is made from Debian packages, so build it on Debian or Ubuntu "
        "and copy the folder here"
    )


def _last_line(text: bytes) -> str:
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("E: ") if lines else ""


def _plain(name: str) -> str:
    return name.removeprefix("./")
