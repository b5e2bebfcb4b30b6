"""What data is built with: packages through a made-up apt, archives read as streams, manifests and splits."""

from __future__ import annotations

import errno
import io
import json
import shutil
import zipfile
from collections import Counter, namedtuple
from pathlib import Path

import pytest

from dataset_builders import packages
from dataset_builders.files import Manifest, exclusive, sha256
from dataset_builders.objects import zero_ad
from dataset_builders.objects.sweet_home import SOURCES
from dataset_builders.objects.zipstream import entries
from dataset_builders.splits import check_missing, classes, read_table
from perceiver.errors import DataError
from perceiver.storage import atomic_write

from .debian import Apt, make_deb, silent, zipped


class Stream(io.RawIOBase):
    """Bytes that can be read once, from front to back, and nothing else."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def read(self, count: int = -1) -> bytes:
        return self._body.read(count)

    def write(self, body: object) -> int:
        raise NotImplementedError


# Packages


def test_a_package_is_fetched_once_and_then_not_even_asked_for(apt: Apt, tmp_path: Path) -> None:
    deb = apt.serve("good", {"usr/share/one": b"1"})
    found = packages.fetch(["good"], tmp_path / "cache", silent)
    assert (found["good"].version, found["good"].sha256) == ("1.0", sha256(deb))
    assert (tmp_path / "cache" / found["good"].file).read_bytes() == deb.read_bytes()
    apt.forget_calls()
    assert packages.fetch(["good"], tmp_path / "cache", silent) == found
    assert apt.calls == []


def test_a_download_that_was_cut_off_is_continued(apt: Apt, tmp_path: Path) -> None:
    deb = apt.serve("good", {"usr/share/one": bytes(range(256)) * 40})
    part = tmp_path / "cache" / f"{deb.name}.part"
    part.parent.mkdir()
    part.write_bytes(deb.read_bytes()[:300])
    packages.fetch(["good"], part.parent, silent)
    assert part.with_suffix("").read_bytes() == deb.read_bytes()
    assert not part.exists()


def test_a_damaged_package_in_the_cache_is_fetched_again(apt: Apt, tmp_path: Path) -> None:
    deb = apt.serve("good", {"usr/share/one": b"1"})
    packages.fetch(["good"], tmp_path, silent)
    (tmp_path / deb.name).write_bytes(b"x" * deb.stat().st_size)
    packages.fetch(["good"], tmp_path, silent)
    assert (tmp_path / deb.name).read_bytes() == deb.read_bytes()


def test_a_package_that_differs_from_apts_checksum_is_refused_and_not_kept(apt: Apt, tmp_path: Path) -> None:
    deb = apt.serve("bad", {"usr/share/one": b"1"}, checksum="0" * 64)
    with pytest.raises(DataError, match=rf"{deb.name} .* differs from the checksum"):
        packages.fetch(["bad"], tmp_path / "cache", silent)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_failed_download_says_why_and_keeps_what_came(apt: Apt, tmp_path: Path) -> None:
    deb = apt.serve("good", {"usr/share/one": b"1"})
    part = tmp_path / f"{deb.name}.part"
    part.write_bytes(deb.read_bytes()[:10])
    apt.go_offline()
    with pytest.raises(DataError, match=r"download of good .* failed: Could not resolve the host"):
        packages.fetch(["good"], tmp_path, silent)
    assert part.read_bytes() == deb.read_bytes()[:10]


def test_an_unknown_package_and_a_missing_apt_are_named(
    apt: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="apt does not know the package nowhere; run `apt-get update`"):
        packages.fetch(["nowhere"], tmp_path, silent)
    apt.serve("good", {})
    monkeypatch.setattr(packages, "DOWNLOADER", str(tmp_path / "apt-helper"))
    with pytest.raises(DataError, match="apt-helper is not on this machine"):
        packages.fetch(["good"], tmp_path, silent)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt-cache is not on this machine"):
        packages.fetch(["good"], tmp_path, silent)
    with pytest.raises(DataError, match="dpkg-deb is not on this machine"), packages.contents(tmp_path / "good.deb"):
        pass


def test_a_disk_without_room_is_found_before_the_download(
    apt: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt.serve("good", {"usr/share/one": b"1"})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 100))
    with pytest.raises(DataError, match=r"needs 0\.3 GB of room and its disk has 0\.0 GB left"):
        packages.fetch(["good"], tmp_path, silent)
    assert not any("apt-helper" in call for call in apt.calls)


def test_files_come_out_of_a_package_and_those_at_hand_stay(tmp_path: Path) -> None:
    deb = make_deb(tmp_path / "a.deb", {"usr/share/one": b"first", "usr/share/two": b"second", "usr/share/three": b"3"})
    (tmp_path / "two").write_bytes(b"kept")
    packages.extract(deb, {"usr/share/one": tmp_path / "one", "usr/share/two": tmp_path / "two"})
    assert [(tmp_path / name).read_bytes() for name in ("one", "two")] == [b"first", b"kept"]
    with packages.member(deb, "usr/share/two") as (stream, size):
        assert (stream.read(), size) == (b"second", 6)
    with pytest.raises(DataError, match=r"a\.deb has no file usr/share/four"):
        packages.extract(deb, {"usr/share/four": tmp_path / "four"})


def test_a_damaged_package_is_named(tmp_path: Path) -> None:
    deb = tmp_path / "a.deb"
    deb.write_bytes(b"no package at all")
    with pytest.raises(DataError, match=r"a\.deb cannot be unpacked"):
        packages.extract(deb, {"usr/share/one": tmp_path / "one"})


# Archives


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_from_a_stream_that_cannot_seek(method: int) -> None:
    contents = {"a/one": b"1" * 5000, "b/big": bytes(3 << 20), "a/two": b"", "a/umlaut-ä": b"three"}
    found = list(entries(Stream(zipped(contents, method)), lambda name: name.startswith("a/"), "made.zip"))
    assert found == [(name, body) for name, body in contents.items() if name.startswith("a/")]


def test_damage_in_a_zip_is_named() -> None:
    whole = zipped({"one": b"the same words"}, zipfile.ZIP_STORED)
    cases = {
        r"one in made\.zip is damaged: its checksum differs": whole.replace(b"the same", b"thE same", 1),
        r"made\.zip ends in the middle": whole[:40],
        r"made\.zip is damaged": whole[: whole.index(b"PK\x01\x02")] + b"junk" * 10,
    }
    for message, body in cases.items():
        with pytest.raises(DataError, match=message):
            list(entries(Stream(body), lambda name: True, "made.zip"))


def test_a_zip_whose_lengths_follow_its_files_is_refused() -> None:
    class Sink(io.RawIOBase):
        body = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            Sink.body += bytes(data)
            return len(data)

    with zipfile.ZipFile(Sink(), "w") as file:  # zipfile writes lengths afterwards where it cannot go back
        file.writestr("one", b"1")
    with pytest.raises(DataError, match=r"one in made\.zip cannot be read from a stream"):
        list(entries(Stream(Sink.body), lambda name: True, "made.zip"))


def test_wanted_files_of_the_games_archive_are_kept_in_its_order_and_read_once(tmp_path: Path) -> None:
    contents = {"a": b"names c", "b": b"nothing", "c": b"named", "d": b"nothing"}
    deb = make_deb(tmp_path / "0ad.deb", {zero_ad.ARCHIVE: zipped(contents, zipfile.ZIP_STORED)})
    seen: dict[str, bytes] = {}
    target = tmp_path / "kept.zip"
    zero_ad.keep_files(
        deb, lambda name: name == "a" or name.encode() in seen.get("a", b"")[-1:], seen.__setitem__, target, silent
    )
    with zipfile.ZipFile(target) as file:
        assert {name: file.read(name) for name in file.namelist()} == {"a": b"names c", "c": b"named"} == seen
    deb.unlink()
    zero_ad.keep_files(deb, lambda name: True, seen.__setitem__, target, silent)


# Files


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    def stop_halfway() -> None:
        with atomic_write(tmp_path / "new" / "file") as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert list((tmp_path / "new").iterdir()) == []
    for code, message in ((errno.ENOSPC, "is full"), (errno.EROFS, "cannot be written: read-only file system")):
        with pytest.raises(DataError, match=message), atomic_write(tmp_path / "file"):
            raise OSError(code, "Read-only file system")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file/new cannot be written"), atomic_write(tmp_path / "file" / "new"):
        pass


def test_the_manifest_knows_a_changed_a_missing_and_a_differently_made_file(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"abc")
    Manifest(tmp_path).record("a.npz", {"size": 64}, packages={"p": "1"})
    manifest = Manifest.read(tmp_path)
    manifest.verify()
    entry = json.loads((tmp_path / "MANIFEST.json").read_text())["files"]["a.npz"]
    # sha256 of "abc" as FIPS 180-2 gives it
    assert entry["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (entry["bytes"], entry["packages"]) == (3, {"p": "1"})
    assert manifest.holds("a.npz", {"size": 64})
    assert not manifest.holds("a.npz", {"size": 96})
    assert not manifest.holds("b.npz", {"size": 64})
    (tmp_path / "a.npz").write_bytes(b"abd")
    assert not manifest.holds("a.npz", {"size": 64})
    with pytest.raises(DataError, match=r"a\.npz differs from its checksum in MANIFEST\.json"):
        manifest.verify()
    (tmp_path / "a.npz").unlink()
    with pytest.raises(DataError, match=r"a\.npz is missing"):
        manifest.verify()
    (tmp_path / "MANIFEST.json").write_text("[]")
    with pytest.raises(DataError, match=r"MANIFEST\.json is no manifest; delete it"):
        Manifest.read(tmp_path)


def test_two_builds_do_not_share_a_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(DataError, match="another build is at work"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


# Splits


@pytest.mark.parametrize(("kind", "count", "kinds"), [("objects", 988, 17), ("grounds", 458, 9)])
def test_no_group_is_on_two_sides_and_every_class_on_all_three(kind: str, count: int, kinds: int) -> None:
    table = read_table(kind)
    assert len({item.name for item in table}) == len(table) == count
    sides: dict[int, set[int]] = {}
    for item in table:
        sides.setdefault(item.group, set()).add(item.split)
    assert all(len(side) == 1 for side in sides.values())
    assert len(classes(table)) == kinds
    assert Counter(item.label for item in table).keys() == set(classes(table))
    assert {(item.label, item.split) for item in table} == {(c, s) for c in classes(table) for s in range(3)}


def test_every_object_has_a_source_and_many_missing_ones_are_an_error() -> None:
    sources = {item.name.rpartition("/")[0] for item in read_table("objects")}
    assert {source for source in sources if not source.startswith("0ad-data")} == set(SOURCES)
    check_missing(["one"], 10, "objects")
    with pytest.raises(DataError, match=r"2 of 10 objects are not in these packages, one for one"):
        check_missing(["one", "two"], 10, "objects")
