"""After an error of any kind, on any page, whatever is chosen next works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.services import ablation, comparison, explanation, inference, public, scan
from tests.app import folder, sounds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import labelled
from tests.app.pages import change, control, opened, said

PAGES = ("explore", "explain", "ablate", "compare")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder.build(tmp_path)
    return sounds.build(tmp_path)


@pytest.fixture
def app(root: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(root))
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


def errors(app: AppTest) -> list[str]:
    assert not app.exception
    return [error.value.replace("\\", "") for error in app.error]


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    if app.segmented_control(key="source").value != "upload":
        app.segmented_control(key="source").set_value("upload").run()
    return app.file_uploader(key="upload").set_value((name, data, "application/octet-stream")).run()


def works(app: AppTest, sample: str | None = None) -> None:
    """Whether the page shows results, of a sample if one is named, and its address says so."""
    assert errors(app) == []
    assert app.header
    if sample is not None:
        assert app.query_params["sample"] in (sample, [sample])
    assert "Nothing to look at yet" not in said(app)


@pytest.mark.parametrize(
    ("page", "name", "data", "cause"),
    [
        *((page, "notes.png", b"no picture at all", "notes.png") for page in PAGES),
        ("explore", "tone.png", sounds.LONG, "sound"),
        ("explore", "large.png", bytes(1_200_000), "at most 1 MB"),
    ],
    ids=[*PAGES, "wrong modality", "too large"],
)
def test_after_a_file_that_cannot_be_read(
    app: AppTest, page: str, name: str, data: bytes, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "_OWN", public.Limits(input_megabytes=1))
    opened(app, page)
    upload(app, name, data)
    (error,) = errors(app)
    assert cause in error
    assert "Nothing to look at yet" not in said(app)
    app.segmented_control(key="source").set_value("samples").run()
    works(app, "bed_cot-0")
    upload(app, name, data)
    assert len(errors(app)) == 1
    change(app, sample="lamp-1")
    works(app, "lamp-1")
    upload(app, name, data)
    assert len(errors(app)) == 1
    upload(app, "good.img", folder.picture(5))
    works(app)


def test_a_sound_under_pictures_opens_under_sounds(app: AppTest) -> None:
    opened(app, "explore")
    upload(app, "tone.png", sounds.LONG)
    assert "sound" in errors(app)[0]
    (button,) = (one for one in app.button if one.label == "Open it under Sounds")
    button.click().run()
    works(app)
    assert app.segmented_control(key="modality").value == "audio"
    assert app.segmented_control(key="source").value == "upload"
    assert "tone.png" in said(app)


def test_after_another_modality_is_chosen(app: AppTest) -> None:
    app.run()
    upload(app, "notes.png", b"no picture at all")
    app.segmented_control(key="modality").set_value("audio").run()
    works(app)
    assert app.session_state["view"]["model"].startswith("audio")


def test_options_that_a_file_does_not_allow_are_left_with_one_click(app: AppTest) -> None:
    opened(app, "explore", model="audio-raw")
    upload(app, "long.wav", sounds.LONG)
    change(app, read=(("start", "999"),))
    assert len(errors(app)) == 1
    next(one for one in app.button if one.label == "Read it as by default").click().run()
    works(app)
    assert app.session_state["upload_kept"][1] == "long.wav"


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_what_is_not_here_shows_another(app: AppTest, page: str) -> None:
    opened(app, page, model="image-gone", sample="sample-gone")
    assert "The link names a model that is not here; showing another." in said(app)
    works(app, "bed_cot-0")
    opened(app, page, model="image-learned", sample="sample-gone")
    assert "The link names a sample that is not here; showing another." in said(app)
    works(app, "bed_cot-0")


@pytest.mark.parametrize("page", PAGES)
def test_after_a_checkpoint_that_is_gone(app: AppTest, root: Path, page: str) -> None:
    opened(app, page)
    shutil.move(root / "image-learned" / "model.safetensors", root / "away")
    if page != "compare":  # which shows both
        control(app, "model").set_value("image-learned").run()
        (error,) = errors(app)
        assert "image-learned" in error
        control(app, "model").set_value("image-fourier").run()
        works(app)
        control(app, "model").set_value("image-learned").run()
    shutil.move(root / "away", root / "image-learned" / "model.safetensors")
    app.run()
    works(app)


def fails(*_: object, **__: object) -> None:
    raise RuntimeError("once")


@pytest.mark.parametrize(
    ("page", "section", "module", "work"),
    [
        ("explore", "", inference, "trace"),
        ("explain", "methods", explanation, "continue_work"),
        ("explain", "relevance", explanation, "explain"),
        ("ablate", "", ablation, "ablated_trace"),
        ("ablate", "", ablation, "advance"),
        ("compare", "tartan", comparison, "block_spectra"),
    ],
)
def test_after_an_analysis_that_failed(
    app: AppTest, page: str, section: str, module: object, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(module, work, fails)
        opened(app, page, sample="bed_cot-0", **({"section": section} if section else {}))
        assert len(app.exception) == 1
    change(app, sample="lamp-1")
    works(app, "lamp-1")
    change(app, sample="bed_cot-0")
    works(app, "bed_cot-0")


def test_a_scan_that_failed_does_not_begin_by_itself(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(app, "explore", model="audio-raw")
    upload(app, "long.wav", sounds.LONG)

    def press() -> None:
        next(button for button in app.button if button.label == "Scan the whole clip").click().run()

    with monkeypatch.context() as broken:
        broken.setattr(scan, "finish", fails)
        press()
        assert app.exception
        app.run()
        works(app)
    press()
    assert not app.exception
    assert labelled(app, "ranking", "Predictions")
