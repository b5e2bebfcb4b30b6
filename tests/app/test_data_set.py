"""The Data set page: what it says is what the library finds, and examples lead to Explore."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import perceiver
from app.sections import on_request
from app.services import dataset as service
from app.session.view import DataSetView
from perceiver.analysis.formatting import percent
from perceiver.dataset import FILE, Collection, DataSetAnalysis, Entry, analyse, collection, files, save
from perceiver.errors import InputError
from tests.app import folder
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.pages import change, control, opened, said


def kept(store: Path, name: str, seed: int = 0) -> DataSetAnalysis:
    """Twelve examples of noise and the bundled samples, through a checkpoint; kept beside its weights."""
    lens = perceiver.open(store / name)
    made = np.random.default_rng(seed)
    entries = [
        Entry(
            key=f"held-out example {i + 1}",
            label=i % 3,
            group=i // 3,
            content=made.normal(size=(lens.config.num_inputs, 3)).astype(np.float32),
        )
        for i in range(12)
    ]
    samples = collection._bundled_samples(lens.config)
    found = analyse(
        lens.model, Collection("examples of noise", (*entries, *samples), 12), name=name, weights_sha256=lens.sha256
    )
    save(found, store / name / FILE)
    return found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caches: None) -> Path:
    root = folder.build(tmp_path / "checkpoints")
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(root))
    return root


@pytest.fixture
def app(store: Path) -> AppTest:
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


def test_the_page_says_what_the_library_finds(app: AppTest, store: Path) -> None:
    opened(app, "data_set", model="image-fourier")
    assert "perceiver dataset image-fourier --outdated" in app.code[0].value
    first, second = kept(store, "image-fourier"), kept(store, "image-learned")
    opened(app, "data_set", model="image-fourier")
    assert not app.exception
    last = first.accuracy[-1]
    assert f"**{percent(last.value)} right** (95 % interval {percent(last.low)} to {percent(last.high)})" in said(app)
    for section, one in (("curves", "Accuracy after each block"), ("importance", "Latent"), ("maps", "By class")):
        assert one in said(change(app, section=section))
        assert not app.exception
    change(app, section="")
    # The first that is listed, the least sure one, is shown until another is chosen.
    assert first.examples.keys[first.members()[0]] in said(app)
    assert "Map of examples" in said(app)
    row = first.members()[0]
    change(app, true_class=int(first.examples.labels[row]), predicted=int(first.predicted[row]), example=int(row))
    count = len(first.members(int(first.examples.labels[row]), int(first.predicted[row])))
    assert f"{count} input" in said(app)
    assert first.examples.keys[row] in said(app)
    assert "cannot be opened in Explore" in said(app)
    control(app, "section").set_value("rival").run()
    control(app, "rival").set_value("image-learned").run()
    differ = int((first.predicted[:12] != second.predicted[:12]).sum())
    assert f"The predictions differ for **{differ}** of 12 inputs." in said(app)
    assert not app.exception
    # A bundled sample is on the map and leads to Explore.
    app.button(key="nearest_sample").click().run()
    shown = first.examples.names[app.session_state["view"]["example"]]
    assert shown in [f"{label}-{i}" for i, label in enumerate(folder.LABELS)]
    app.button(key="open_example").click().run()
    assert app.session_state["view"]["sample"] == shown
    assert "Cross-attention by block" in said(app)


def test_a_link_shows_the_section_that_it_is_about() -> None:
    assert DataSetView().shown_section == DataSetView(example=3).shown_section == "examples"
    assert DataSetView(latent=3).shown_section == "importance"
    assert DataSetView(latent=3, true_class=1).shown_section == "examples"
    assert DataSetView(latent=3, rival="b").shown_section == "rival"
    assert DataSetView(latent=3, section="latents,maps").shown_section == "maps"


def test_an_analysis_of_other_weights_is_refused(app: AppTest, store: Path) -> None:
    kept(store, "image-fourier")
    (store / "image-fourier/model.safetensors").write_bytes((store / "image-learned/model.safetensors").read_bytes())
    st.cache_resource.clear()
    opened(app, "data_set", model="image-fourier")
    assert "other weights" in said(app)


def test_a_folder_is_analysed_on_request(
    app: AppTest, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    for i, place in enumerate(("lamp/a.png", "lamp/b.png", "c.png")):
        (photos / place).parent.mkdir(parents=True, exist_ok=True)
        (photos / place).write_bytes(folder.picture(20 + i))
    (photos / "broken.png").write_bytes(b"no picture")
    monkeypatch.setenv("PERCEIVER_LOCAL_PATHS", "1")
    monkeypatch.setattr(service, "SUPPORTED", False)  # no worker processes in this test
    monkeypatch.setattr(on_request, "QUICK", 0.0)
    opened(app, "data_set", model="image-fourier")
    app.segmented_control(key="dataset_source").set_value("folder").run()
    app.text_input(key="dataset_folder").set_value(str(photos)).run()
    assert app.button(key="start_dataset").label == "Analyse 4 files"
    app.button(key="start_dataset").click().run()
    assert not app.exception
    lens = perceiver.open("image-fourier")
    found = analyse(lens.model, files(lens.config, photos))
    assert f"**{percent(found.accuracy[-1].value)} right**" in said(app)
    assert "3 of 4 files of photos" in said(app)
    change(app, example=0)
    app.button(key="open_example").click().run()
    assert not app.exception
    assert app.session_state["view"]["sample"].startswith("sha256-")
    assert app.session_state["upload_kept"][1] == "c.png"
    monkeypatch.setenv("PERCEIVER_PUBLIC", "1")
    with pytest.raises(InputError, match="this machine alone"):
        service.of_folder("image-fourier", str(photos))
    opened(app, "data_set")
    assert not [one for one in app.segmented_control if one.key == "dataset_source"]
