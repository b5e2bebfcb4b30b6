"""Keys of opened checkpoints, what is kept of them, who may name files of the machine, and where uploads go."""

from __future__ import annotations

import dataclasses
import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

import perceiver
from app.sections.model_choice import without_pictures
from app.services import checkpoints, public, uploads
from app.services.checkpoints import LOCAL_PATHS, Hub, Source
from app.services.export import filename
from app.session.text import remark
from app.session.view import parse, unparse
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints import inspect
from perceiver.checkpoints.folder import sha256
from perceiver.cli import serve
from tests.app import folder

HUBS = [
    Hub("deepmind/vision-perceiver-fourier"),
    Hub("o/n", "main"),
    Hub("o/n", "refs/pr/3"),
    Hub("o/n", "a" * 40, (("activation", "gelu_tanh"), ("cross_heads", 8), ("max_freq", 12.5), ("tied", True))),
    Hub("o/n", None, (("input_shape", "5 x 6"), ("odd", 'a;b=c,"d"&'), ("seven", "7"), ("yes", "true"))),
]


@pytest.fixture(autouse=True)
def _nothing_opened() -> Iterator[None]:
    checkpoints._known.clear()
    st.session_state.pop("opened", None)
    yield
    checkpoints._known.clear()
    st.session_state.pop("opened", None)


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCAL_PATHS, "1")


@pytest.mark.parametrize("hub", HUBS, ids=lambda hub: hub.key)
def test_a_hub_checkpoint_survives_the_way_through_a_link(hub: Hub) -> None:
    parsed = Hub.parse(hub.key)
    assert parsed == hub
    assert parsed is not None
    assert [type(value) for _, value in parsed.answers] == [type(value) for _, value in hub.answers]
    values, notes = parse({"model": [hub.key], "others": [f"image-fourier,{hub.key}"]})
    assert (values["model"], values["others"], notes) == (hub.key, ("image-fourier", hub.key), [])
    assert parse({name: [value] for name, value in unparse(values).items()}) == (values, [])


@pytest.mark.parametrize(
    "text",
    ["", "image-fourier", "a/b/c", "../b", "/etc", "a/b@", "a/b@x y", "a/b@../c;", "a/b;x", "a/b;x=1;x=2", "a/b;1=2",
     "upload:" + "0" * 64, "path:" + "0" * 64, "https://a/b", "a/b;" + ";".join(f"x{i}=1" for i in range(30))],
)  # fmt: skip
def test_everything_else_is_no_hub_checkpoint(text: str) -> None:
    assert Hub.parse(text) is None


def test_numbers_in_a_link_are_finite() -> None:
    for text in ("NaN", "Infinity", "-Infinity", "1e999"):
        hub = Hub.parse(f"o/n;x={text}")
        assert hub is not None
        assert hub.answers == (("x", text),)


def test_a_commit_is_shown_short() -> None:
    assert Hub("o/n", "0123456789" * 4, (("heads", 8),)).name == "o/n@0123456 (heads 8)"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("[::1]", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.4", False), ("example.org", False), (None, False), ("", False)],
)  # fmt: skip
def test_only_loopback_addresses_are_this_machines_own(
    address: str | None, loopback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checkpoints.is_loopback(address) == loopback
    monkeypatch.delenv(LOCAL_PATHS, raising=False)
    monkeypatch.setattr(st, "get_option", lambda name: address)
    assert checkpoints.local_paths() == loopback


def test_a_proxy_and_the_environment_forbid_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "get_option", lambda name: "127.0.0.1")
    monkeypatch.delenv(LOCAL_PATHS, raising=False)
    monkeypatch.setattr(type(st.context), "headers", property(lambda self: {"X-Forwarded-For": "10.0.0.1"}))
    assert not checkpoints.local_paths()
    monkeypatch.setenv(LOCAL_PATHS, "1")
    assert checkpoints.local_paths()
    monkeypatch.setenv(LOCAL_PATHS, "0")
    monkeypatch.setattr(type(st.context), "headers", property(lambda self: {}))
    assert not checkpoints.local_paths()
    with pytest.raises(CheckpointError, match="by their path"):
        checkpoints.at_path("/etc/passwd")


@pytest.mark.parametrize(
    ("address", "before", "after"),
    [("0.0.0.0", None, "0"), ("::", None, "0"), ("192.168.1.2", "1", "1"), ("localhost", None, None)],
)
def test_the_command_forbids_paths_where_it_serves_others(
    address: str, before: str | None, after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    monkeypatch.setenv(LOCAL_PATHS, before or "")
    if before is None:
        monkeypatch.delenv(LOCAL_PATHS)
    monkeypatch.setattr(serve.os, "execv", lambda *_: seen.append(serve.os.environ.get(LOCAL_PATHS)))
    monkeypatch.setattr(serve, "_check_listening", lambda *_: None)  # they are not addresses of this machine
    serve.serve(port=8501, address=address)
    assert seen == [after]


def opened(path: Path, **answers: object) -> checkpoints.Checkpoint:
    source = checkpoints.at_path(str(path))
    return checkpoints.keep(source, {}, source.look({}))


@pytest.mark.usefixtures("local")
def test_a_folder_has_a_key_that_no_link_can_guess_and_changes_with_its_files(checkpoints_copy: Path) -> None:
    one = opened(checkpoints_copy)
    assert one.name == "copy"
    assert one.key.startswith("path:")
    assert str(checkpoints_copy) not in one.key
    assert [held.key for held in checkpoints.mine()] == [one.key]
    assert one.config == folder.ONE_HEAD
    assert checkpoints.digest(one.key) == sha256(checkpoints_copy / "model.safetensors")
    again = opened(checkpoints_copy)
    assert again.key == one.key
    (checkpoints_copy / "README.md").write_text("# Another\n\nNew words.\n")
    other = opened(checkpoints_copy)
    assert other.key != one.key
    assert other.name == "copy (2)"
    assert "New words" in other.card().markdown


@pytest.mark.usefixtures("local")
def test_what_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere cannot be read: No such file"):
        checkpoints.at_path(str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.at_path("a\0b")


@pytest.mark.usefixtures("local")
def test_classes_without_names_are_numbered(tmp_path: Path) -> None:
    perceiver.save(Perceiver(dataclasses.replace(folder.ONE_HEAD, labels=())), tmp_path / "nameless")
    assert opened(tmp_path / "nameless").config.class_names == ("class 0", "class 1", "class 2")


def test_a_branch_that_moved_on_takes_no_name_from_who_looks_at_the_earlier_commit(checkpoints_copy: Path) -> None:
    found = inspect(checkpoints_copy)
    first = checkpoints.keep(checkpoints.on_hub(Hub("o/n"), "a" * 40), {}, found)
    later = checkpoints.keep(checkpoints.on_hub(Hub("o/n"), "b" * 40), {}, found)
    assert (first.key, later.key) == ("o/n", f"o/n@{'b' * 40}")
    assert checkpoints.known("o/n") == first


@pytest.fixture
def checkpoints_copy(checkpoints: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints / "image-fourier", tmp_path / "copy"))


def files(path: Path, **names: str) -> list[tuple[str, bytes]]:
    return [(names.get(file.stem, file.name), file.read_bytes()) for file in path.iterdir()]


def test_uploads_are_written_under_our_names_and_go_with_the_room(checkpoints: Path, tmp_path: Path) -> None:
    room = uploads.Room()
    outside = tmp_path / "outside"
    given = files(checkpoints / "image-fourier", model=f"{outside}/../../../etc/evil.safetensors", README="README.md")
    source = room.take(given)
    place = Path(source.place)
    assert place.parent == room.path
    assert stat.S_IMODE(room.path.stat().st_mode) == 0o700
    assert {file.name for file in place.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    assert source.name == "evil.safetensors (uploaded)"
    assert not outside.exists()
    found = source.look({})
    assert found.config == folder.ONE_HEAD
    assert room.take(given) == source
    room.close()
    assert not room.path.exists()


def test_a_room_holds_the_latest_uploads(checkpoints: Path) -> None:
    room = uploads.Room()
    base = files(checkpoints / "image-fourier")
    sources = [room.take([*[f for f in base if f[0] != "README.md"], ("README.md", b"# %d\n" % i)]) for i in range(5)]
    assert [room.holds(source) for source in sources] == [False, False, True, True, True]
    assert len(list(room.path.iterdir())) == uploads.HELD
    room.close()


def test_messages_about_uploads_name_the_file_as_it_was_given() -> None:
    room = uploads.Room()
    source = room.take([("my model.ckpt", b"no weights at all")])
    with pytest.raises(CheckpointError) as caught:
        source.look({})
    assert str(room.path) not in str(caught.value)
    assert "my model.ckpt" in str(caught.value)
    room.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "weights is missing"),
        ([("config.json", b"{}")], "weights is missing"),
        ([("a.bin", b"1"), ("b.bin", b"2")], "several files of weights"),
        ([("a.bin", b"1"), ("Config.json", b"{}"), ("config.JSON", b"{}")], "would both be its config.json"),
        ([("a.bin", b"1"), ("config.json", b" " * (4 * 2**20 + 1))], "larger than"),
        ([("a.bin", b"1"), ("config.json", b"{}"), ("more.json", b"[1]")], "the file of arguments is not valid"),
    ],
)
def test_uploads_that_are_no_checkpoint(given: list[tuple[str, bytes]], said: str) -> None:
    room = uploads.Room()
    with pytest.raises(CheckpointError, match=said):
        room.take(given)
    assert not list(room.path.iterdir())
    room.close()


def test_too_much_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "_OWN", public.Limits(checkpoint_megabytes=1))
    room = uploads.Room()
    with pytest.raises(CheckpointError, match="1 MB are taken at most"):
        room.take([("a.bin", bytes(1_000_001))])
    room.close()


def test_a_json_file_without_a_configuration_is_one_else_it_is_arguments() -> None:
    room = uploads.Room()
    alone = room.take([("a.bin", b"1"), ("arguments.json", json.dumps({"depth": 2}).encode())])
    assert (Path(alone.place) / "config.json").is_file()
    assert alone.given == {}
    beside = room.take([("a.bin", b"1"), ("config.json", b"{}"), ("any.json", json.dumps({"depth": 2}).encode())])
    assert beside.given == {"depth": 2}
    assert beside.key({}) != alone.key({})
    room.close()


def test_names_of_files_and_messages() -> None:
    assert filename("suv.jpg", "deepmind/vision") == "suv-deepmind-vision"
    assert filename("suv.jpg", "image-fourier", "my model.pt (uploaded)") == "suv-image-fourier-my-model.pt-uploaded"
    assert remark("someone/bert is none") == r"someone\/bert is none\."
    assert remark("the hub is away.") == r"The hub is away\."


def test_pictures_of_a_card_are_not_fetched() -> None:
    card = "![a chart](https://x/y.png) and <img src='https://x/z'> ![b][ref]\n[link](https://x)"
    shown = without_pictures(card)
    assert "y.png" not in shown
    assert "<img" not in shown
    assert "[link](https://x)" in shown
    assert "a chart" in shown


def test_a_source_knows_its_key() -> None:
    source = Source("hub", "o/n", "o/n", revision="a" * 40, asked="v1")
    assert source.key({"b": 2, "a": "x"}) == "o/n@v1;a=x;b=2"
