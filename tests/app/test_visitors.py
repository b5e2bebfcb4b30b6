"""Two visitors of one process: nothing of one reaches the other, and a reload loses no upload."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.services import checkpoints as registry
from app.services import export, inference, models, public, uploads, visitors
from app.services.inference import Case
from app.services.samples import digest
from perceiver import InputError, Perceiver
from tests.app import clouds, folder, sounds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.pages import change, said

CUBE = "".join(f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 2) for z in (0, 3)) + "f 1 2 4 3\nf 5 6 8 7\n"


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints for pictures, sounds and clouds in one folder."""
    root = tmp_path_factory.mktemp("all")
    for build in (folder.build, sounds.build, clouds.build):
        build(root)
    return root


def visitor() -> AppTest:
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


@pytest.fixture
def two(all_kinds: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> tuple[AppTest, AppTest]:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(all_kinds))
    return visitor(), visitor()


def upload(app: AppTest, modality: str, name: str, data: bytes) -> AppTest:
    app.run()
    app.segmented_control(key="modality").set_value(modality).run()
    app.segmented_control(key="source").set_value("upload").run()
    return app.file_uploader(key="upload").set_value((name, data, "application/octet-stream")).run()


def everything(app: AppTest) -> str:
    """All that a page sends to the browser."""
    assert not app.exception
    return str([element.proto for element in app.main]) + said(app)


FILES = {
    "image": ("annas-file.png", "berts-file.png", folder.picture(5)),
    "audio": ("annas-file.wav", "berts-file.wav", sounds.LONG),
    "points": ("annas-file.ply", "berts-file.ply", clouds.ply(clouds.points(seed=7))),
}


@pytest.mark.parametrize(
    ("page", "modality"),
    [("explore", "image"), ("explore", "audio"), ("explore", "points"), ("explain", "image"), ("ablate", "image"),
     ("compare", "image")],
)  # fmt: skip
def test_the_name_of_a_file_stays_with_its_session(
    two: tuple[AppTest, AppTest], page: str, modality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_name, second_name, data = FILES[modality]
    downloads: list[str] = []
    filename = export.filename
    monkeypatch.setattr(
        export, "filename", lambda sample, *names: (downloads.append(sample), filename(sample, *names))[1]
    )
    for app, mine, other in ((two[0], first_name, "berts-file"), (two[1], second_name, "annas-file")):
        upload(app, modality, mine, data)
        downloads.clear()
        app.switch_page(f"app/pages/{page}.py")
        assert other not in everything(app.run())
        assert set(downloads) == {mine}
        view, kept = app.session_state["view"], app.session_state["upload_kept"]
        case = Case(view["model"], *kept)
        assert json.loads(export.predictions_json(case, None))["sample"] == mine


def test_no_cache_holds_a_name(two: tuple[AppTest, AppTest]) -> None:
    upload(two[0], "image", "secret-name.png", folder.picture(5))
    view = two[0].session_state["view"]
    case = Case(view["model"], digest(folder.picture(5)), "other.png", folder.picture(5))
    assert inference._read(case.model, case.key, case).name == ""
    assert "other" not in case.key
    long = Case(case.model, case.digest, "a.name with the words of a visitor", case.data)
    assert long.key == case.digest


def test_the_ending_decides_for_each_visitor_what_a_text_file_is(two: tuple[AppTest, AppTest]) -> None:
    first, second = two
    upload(first, "points", "m.obj", CUBE.encode())
    assert not first.error
    for _ in range(2):
        upload(second, "points", "m.txt", CUBE.encode())
        assert [error.value.replace("\\", "").split()[0] for error in second.error] == ["m.txt"]
    upload(second, "points", "M.OBJ", CUBE.encode())
    assert not second.error


def test_the_error_of_one_names_the_file_of_the_other(two: tuple[AppTest, AppTest]) -> None:
    for app, name in zip(two, ("mine.wav", "yours.wav"), strict=True):
        upload(app, "audio", name, b"RIFF\x24\x00\x00\x00WAVEfmt ")
        (error,) = app.error
        assert error.value.replace("\\", "").startswith(name)


def test_what_one_chooses_is_not_chosen_for_the_other(two: tuple[AppTest, AppTest]) -> None:
    first, second = (app.run() for app in two)
    change(first, block=2, reduce="max", colours="greys", pick=9)
    assert second.run().session_state["view"]["block"] == 0
    change(second, block=1)
    assert first.run().session_state["view"]["colours"] == "greys"


def weights(checkpoints: Path, name: str) -> list[tuple[str, bytes]]:
    source = checkpoints / "image-fourier"
    return [(name, (source / "model.safetensors").read_bytes()), ("config.json", (source / "config.json").read_bytes())]


@pytest.fixture
def opened(checkpoints: Path) -> Iterator[list[registry.Checkpoint]]:
    """The same weights, uploaded in two sessions under different names."""
    rooms = [uploads.Room(), uploads.Room()]
    found = []
    for room, name in zip(rooms, ("mine.safetensors", "yours.safetensors"), strict=True):
        st.session_state.pop("opened", None)
        source = room.take(weights(checkpoints, name))
        found.append(registry.keep(source, {}, source.look({})))
    yield found
    for room in rooms:
        room.close()
    registry._known.clear()
    st.session_state.pop("opened", None)


def test_the_same_checkpoint_of_two_sessions_has_two_names(opened: list[registry.Checkpoint]) -> None:
    assert opened[0].key != opened[1].key
    assert [registry.called(one.key) for one in opened] == [
        "mine.safetensors (uploaded)",
        "yours.safetensors (uploaded)",
    ]


def test_the_end_of_a_session_takes_its_checkpoint_and_no_other(checkpoints: Path, caches: None) -> None:
    rooms = [uploads.Room(), uploads.Room()]
    sources = [room.take(weights(checkpoints, f"{i}.safetensors")) for i, room in enumerate(rooms)]
    kept = [registry.keep(source, {}, source.look({})) for source in sources]
    for one in kept:
        assert isinstance(models.get(one.key), Perceiver)
    path = rooms[0].path
    del sources[0]
    rooms.pop(0)  # as when the state of a session is dropped
    gc.collect()
    assert not path.exists()
    assert registry.known(kept[0].key) is None
    assert kept[0].key not in models._held()
    assert isinstance(models.get(kept[1].key), Perceiver)
    rooms[0].close()


def test_a_checkpoint_that_fails_for_one_stays_open_for_others(opened: list[registry.Checkpoint]) -> None:
    key = opened[0].key
    registry.drop(key, known_before=True)
    assert registry.known(key) is opened[0]
    registry.drop(key, known_before=False)
    assert registry.known(key) is None


class TestKept:
    """Uploads that are kept for a browser."""

    def test_a_reload_finds_the_upload_again(
        self, two: tuple[AppTest, AppTest], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(visitors, "browser", lambda: "b" * 64)
        monkeypatch.setattr(visitors, "kept", visitors.KeptUploads())
        upload(two[0], "image", "holiday.png", folder.picture(5))
        assert "reload" not in said(two[0])
        again = two[1]
        for name, value in two[0].query_params.items():
            again.query_params[name] = value
        again.run()
        assert not again.exception
        assert "Shown: holiday.png." in said(again)
        assert inference_name(again) == "holiday.png"
        monkeypatch.setattr(visitors, "browser", lambda: "c" * 64)
        other = visitor()
        for name, value in two[0].query_params.items():
            other.query_params[name] = value
        assert "Upload it again" in said(other.run())
        assert "holiday" not in everything(other)

    def test_where_it_cannot_be_kept_that_is_said_before(self, two: tuple[AppTest, AppTest]) -> None:
        app = two[0].run()
        app.segmented_control(key="source").set_value("upload").run()
        assert "A reload of the page loses the file." in said(app)
        upload(app, "image", "holiday.png", folder.picture(5))
        assert "A reload of the page loses the file." in said(app)

    def test_bounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        limits = public.Limits(kept_bytes=10, kept_bytes_in_all=25, kept_seconds=60)
        monkeypatch.setattr(public, "_OWN", limits)
        kept = visitors.KeptUploads()
        assert not kept.keep("a", "1", "n", bytes(11))
        assert kept.keep("a", "1", "n", bytes(6))
        assert kept.keep("a", "2", "n", bytes(4))
        assert kept.get("a", "1") == ("n", bytes(6))
        assert kept.get("b", "1") is None
        kept.keep("a", "3", "n", bytes(5))  # 15 bytes: the longest unused goes
        assert (kept.get("a", "2"), kept.get("a", "1")) == (None, None)
        kept.keep("b", "1", "n", bytes(10))
        kept.keep("c", "1", "n", bytes(10))
        assert kept.get("a", "3")
        kept.keep("d", "1", "n", bytes(9))  # 34 bytes in all
        assert kept.get("b", "1") is None

    def test_an_upload_goes_after_its_time_without_anybody_asking(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(public, "_OWN", public.Limits(kept_seconds=0.3))
        kept = visitors.KeptUploads()
        assert kept.keep("a", "1", "n", bytes(6))
        end = time.monotonic() + 60
        while kept._held and time.monotonic() < end:
            time.sleep(0.05)
        assert not kept._held

    def test_only_keys_that_the_server_made_are_keys(self) -> None:
        assert visitors.is_key(visitors.new_key())
        assert visitors.new_key() != visitors.new_key()
        for text in (None, "", "a", "x" * 44, "é" * 43, "a" * 42 + "/"):
            assert not visitors.is_key(text)


def inference_name(app: AppTest) -> str:
    kept = app.session_state["upload_kept"]
    return inference.read(Case(app.session_state["view"]["model"], *kept)).name


def test_an_input_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, caches: None) -> None:
    monkeypatch.setattr(public, "_OWN", public.Limits(input_megabytes=1))
    with pytest.raises(InputError, match=r"big\.png has 2\.5 MB, and at most 1 MB are taken"):
        inference.read(Case("image-fourier", "0", "big.png", bytes(2_500_000)))
