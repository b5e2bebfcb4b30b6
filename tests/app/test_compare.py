"""The Compare page in Streamlit's harness: which models stand side by side, on which scale, and what is told."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import perceiver
from app.sections.compare import downloads
from app.sections.context import PageContext
from app.services import comparison, inference, models, samples
from app.services.inference import Case
from app.services.queueing import Progress
from app.session.view import COMPARED, CompareView
from app.views import get
from perceiver import Perceiver, Trace, load, modalities
from perceiver.analysis.maps import MapSelection
from perceiver.positions import CoordinatesConfig
from perceiver.sample import Sample
from tests.app import clouds, folder, sounds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import frames, labelled
from tests.app.pages import change, control, opened, said

COORDINATES = dataclasses.replace(folder.ONE_HEAD, positions=CoordinatesConfig())


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoints for pictures, and a third that reads the same elements as the first."""
    root = folder.build(tmp_path_factory.mktemp("beside"))
    torch.manual_seed(7)
    perceiver.save(Perceiver(COORDINATES).eval(), root / "image-coordinates")
    return root


def shown(app: AppTest, **query: str) -> AppTest:
    """The Compare page, run to its end."""
    return opened(app, "compare", **query)


def trace(checkpoints: Path, name: str) -> tuple[Sample, Trace]:
    """The library's own answer to the sample that is shown first."""
    model = load(checkpoints / name)
    sample = modalities.get("image").read(
        folder.picture(0), "bed_cot-0.png", shape=model.config.input_shape, preprocess=model.config.preprocess
    )
    return sample, model.trace(model.inputs(sample))


def case(name: str) -> Case:
    data = folder.picture(0)
    return Case(name, samples.digest(data), "bed_cot-0.png", data)


def test_another_model_stands_beside_the_first_at_once(app: AppTest, checkpoints: Path) -> None:
    shown(app)
    assert not app.exception
    assert app.session_state["beside"] == ["image-coordinates"]  # the same elements come before learned positions
    for name in ("image-fourier", "image-coordinates"):
        sample, made = trace(checkpoints, name)
        large = labelled(app, "map", f"{name}, block 1")
        np.testing.assert_allclose(large.arrays["values"].reshape(sample.shape), made.map(0).reshape(16, 16), rtol=1e-5)
    less = labelled(app, "map", "image-coordinates minus image-fourier, block 1")
    one, other = (trace(checkpoints, name)[1].map(0).numpy() for name in ("image-fourier", "image-coordinates"))
    np.testing.assert_allclose(less.arrays["values"], other - one, atol=1e-8)
    bars = [labelled(app, "map", f"{name}, block 1").meta["bar"] for name in ("image-fourier", "image-coordinates")]
    assert bars[0] == bars[1]
    answers = [frame for frame in frames(app, "ranking") if frame.meta["label"].startswith("Predictions")]
    for name, answer in zip(("image-fourier", "image-coordinates"), answers, strict=True):
        best = int(trace(checkpoints, name)[1].logits.argmax())
        assert answer.meta["rows"][0]["name"] == folder.LABELS[best].replace("_", " / ")


def test_models_that_read_other_elements_are_shown_in_multiples_of_uniform(app: AppTest, checkpoints: Path) -> None:
    shown(app, others="image-learned")
    assert control(app, "scale").value == "uniform"
    assert "256 and 96 elements" in said(app)
    assert "cannot be subtracted" in said(app)
    top = 0.0
    for name, blocks in (("image-fourier", (0, 1, 2)), ("image-learned", (0, 2))):
        sample, made = trace(checkpoints, name)
        tiles = labelled(app, "wall", f"Maps of the blocks of {name}").meta["tiles"]
        assert [tile["empty"] for tile in tiles] == [block not in blocks for block in (0, 1, 2)]
        assert len(labelled(app, "map", f"{name}, block 1").arrays["values"]) == sample.content.shape[0]
        top = max(top, *(float(made.map(b).max()) * sample.content.shape[0] for b in blocks))
    last = labelled(app, "map", "image-learned, block 1").meta["bar"]["ticks"][-1]["text"]
    assert float(last.removeprefix("≥ ")) <= top * 1.01


def test_a_block_without_a_map_leaves_a_gap(app: AppTest) -> None:
    shown(app, others="image-learned", block="2")
    assert not app.exception
    assert labelled(app, "wall", "Maps of the blocks of image-learned").meta["chosen"] is None
    assert "Block 2 has no cross-attention here" in said(app)
    assert labelled(app, "map", "image-fourier, block 2")


def test_one_pick_marks_one_place_on_all(app: AppTest, checkpoints: Path) -> None:
    shown(app, others="image-coordinates,image-learned")
    change(app, pick=16 * 3 + 5)
    assert labelled(app, "map", "image-coordinates, block 1").meta["pick"] == 53
    one, other = (trace(checkpoints, name)[0] for name in ("image-fourier", "image-learned"))
    places = [low + (at + 0.5) * (high - low) / 16 for at, (low, high) in zip((3, 5), one.box, strict=True)]
    cells = [
        min(n - 1, max(0, int((place - low) / (high - low) * n)))
        for place, (low, high), n in zip(places, other.box, (8, 12), strict=True)
    ]
    assert labelled(app, "map", "image-learned, block 1").meta["pick"] == cells[0] * 12 + cells[1]
    change(app, section="encodings")
    alike = labelled(app, "map", "Similarity of the position encodings in image-fourier")
    codes = load(checkpoints / "image-fourier").codes(one)[0].numpy()
    expected = [codes[53] @ code / np.linalg.norm(codes[53]) / np.linalg.norm(code) for code in codes]
    np.testing.assert_allclose(alike.arrays["values"], expected, atol=1e-5)
    assert alike.meta["pick"] == 53


def test_without_a_pick_codes_are_set_against_that_of_the_middle(app: AppTest) -> None:
    shown(app)
    assert labelled(app, "map", "image-fourier, block 1").meta["pick"] is None
    control(app, "section").set_value("encodings").run()
    assert labelled(app, "map", "Similarity of the position encodings in image-fourier").meta["pick"] == 16 * 8 + 8


def test_a_link_holds_the_whole_comparison(app: AppTest) -> None:
    shown(app, others="image-learned,image-coordinates", band="3", block="3", scale="per_map")
    link = {name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()}
    assert link == {
        "model": "image-fourier",
        "sample": "bed_cot-0",
        "others": "image-learned,image-coordinates",
        "band": "3",
        "block": "3",
        "scale": "per_map",
    }
    other = shown(AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE), **link)
    assert not [c for c in other.info if c.icon == ":material/info:"]
    assert app.slider(key="band").value == other.slider(key="band").value == 3
    for section, start in (("block", "image-learned, block 3"), ("tartan", "Spectrum of image-fourier, block 3")):
        drawn = [labelled(change(page, section=section), "map", start).arrays["rgb"] for page in (app, other)]
        np.testing.assert_array_equal(*drawn)


def test_a_link_shows_the_section_that_it_is_about() -> None:
    assert CompareView(pick=3, block=1).shown_section == "block"
    assert CompareView(band=2, block=1).shown_section == "channels"
    assert CompareView(band=2, section="methods,tartan").shown_section == "tartan"
    assert CompareView(section="methods").shown_section == "block", "that of another page"
    assert CompareView(section="methods,tartan").with_section("encodings") == "methods,encodings"


def test_sections_that_are_not_shown_are_not_computed(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"similarity": "encodings", "gram": "encodings", "patterns": "channels", "block_spectra": "tartan"}
    asked = set()
    for name in parts:
        work = getattr(comparison, name)
        monkeypatch.setattr(comparison, name, lambda *args, w=work, n=name: (asked.add(n), w(*args))[1])
    shown(app)
    for section in ("block", "encodings", "channels", "tartan"):
        control(app, "section").set_value(section).run()
        assert not app.exception
        assert asked == {name for name, its in parts.items() if its == section}
        asked.clear()


def test_a_section_of_another_page_stays_chosen_there(app: AppTest) -> None:
    shown(app, section="methods")
    control(app, "section").set_value("tartan").run()
    assert app.query_params["section"] in ("methods,tartan", ["methods,tartan"])
    app.query_params.clear()
    app.switch_page("app/pages/explain.py").run()
    assert control(app, "section").value == "methods"


@pytest.mark.parametrize("others", ["nothing", "image-fourier,none", "a,b,c,d,e"])
def test_a_bad_link_falls_back_with_a_note(app: AppTest, others: str) -> None:
    shown(app, others=others)
    assert not app.exception
    assert len([c for c in app.info if c.icon == ":material/info:"]) == 1
    assert app.session_state["beside"] == ["image-coordinates"]


def test_what_another_model_lacks_is_said(app: AppTest) -> None:
    shown(app, model="image-learned", others="image-fourier", reduce="latent", latent="5", head="2")
    assert "image-fourier: There is no head 2 here" in said(app)
    assert labelled(app, "map", "image-learned, block 1")
    assert "latent 5, head 2" in said(app)


def test_no_control_runs_a_model_again(app: AppTest, runs: list[Perceiver]) -> None:
    shown(app)
    control(app, "reduce").set_value("max").run()
    control(app, "kind").set_value("score").run()
    control(app, "section").set_value("channels").run()
    app.slider(key="band").set_value(2).run()
    change(app, block=2, pick=17)
    assert not app.exception
    assert len(runs) == 2


def test_models_are_chosen_by_name_and_keep_their_order(app: AppTest) -> None:
    shown(app)
    app.multiselect(key="beside").set_value(["image-coordinates", "image-learned"]).run()
    assert app.session_state["view"]["others"] == ("image-coordinates", "image-learned")
    app.multiselect(key="beside").set_value(["image-learned"]).run()
    assert app.session_state["view"]["others"] == ("image-learned",)
    control(app, "model").set_value("image-learned").run()
    assert not app.exception
    assert "image-learned" not in app.session_state["beside"]


def test_a_model_alone_is_shown_alone(caches: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(clouds.build(tmp_path)))
    app = shown(AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE))
    assert not app.exception
    assert "nothing to set beside" in said(app)
    assert labelled(app, "cloud", "points-fourier, block 1")
    assert "an estimate on one of 32 × 32 × 32 cells" in said(change(app, section="tartan"))


def test_sounds_read_in_two_ways_share_the_moment_of_a_pick(
    caches: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(sounds.build(tmp_path)))
    app = shown(AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE), model="audio-mel", pick=str(4 * 20 + 10 + 1))
    assert not app.exception
    frame = 10 / 20  # seconds: the tenth frame, in the middle of its cell
    assert labelled(app, "map", "audio-raw, block 1").meta["pick"] == int(frame * 40)
    charts = [len(change(app, section=one).get("plotly_chart")) for one in COMPARED]
    assert charts == [0, 1, 0, 3]  # dimensions; one spectrum as a curve, two measures


def test_parts_of_a_code_are_its_channels(app: AppTest, checkpoints: Path) -> None:
    shown(app, others="image-learned", band="2")
    tiles = labelled(app, "wall", "Parts of the position encoding of image-fourier").meta
    bands = [band for band in load(checkpoints / "image-fourier").encoding.bands() if band.index in (0, 1, 3)]
    assert len(tiles["tiles"]) == len(bands) == 6
    assert tiles["tiles"][1]["title"] == f"{bands[1].frequency:.3g} cycles down"
    assert tiles["chosen"] == 1
    sample, _ = trace(checkpoints, "image-fourier")
    codes = load(checkpoints / "image-fourier").codes(sample)[0].numpy()
    for pattern, band in zip(comparison.patterns(case("image-fourier"), 1), bands, strict=True):
        np.testing.assert_allclose(pattern.map.values.ravel(), codes[:, band.sine], atol=1e-6)


def test_downloads_hold_what_is_shown(app: AppTest, monkeypatch: pytest.MonkeyPatch, checkpoints: Path) -> None:
    monkeypatch.setattr(models, "_prepare_torch", lambda: None)
    names = ("image-fourier", "image-learned")
    cases = [case(name) for name in names]
    rows = comparison.block_maps(cases, [MapSelection(), MapSelection()], "uniform", Progress())
    contexts = [
        PageContext(
            view=CompareView(model=one.model),
            case=one,
            sample=inference.read(one),
            config=models.stored_config(one.model),
            modality=get("image"),
            truth="",
            progress=Progress(),
        )
        for one in cases
    ]
    picture = Image.open(io.BytesIO(downloads.figure(contexts, rows, "mean over latents")))
    assert picture.width > 4 * 384
    looked = comparison.band_sources(names)
    assert [one.model for one in looked] == ["image-fourier", ""]  # another grid: nobody's bands
    spectra = [comparison.block_spectra(one, its, None, Progress()) for one, its in zip(cases, looked, strict=True)]
    table = list(csv.DictReader(io.StringIO(comparison.spectra_csv(cases, spectra).decode())))
    assert [(row["model"], row["block"]) for row in table] == [
        *(("image-fourier", str(i)) for i in (1, 2, 3)),
        *(("image-learned", str(i)) for i in (1, 3)),
    ]
    values = json.loads(comparison.spectra_json(cases, spectra, None))
    assert [one["bands_of"] for one in values["models"]] == ["image-fourier", None]
    answers = json.loads(comparison.answers_json(cases, None))
    for name, one in zip(names, answers["models"], strict=True):
        best = int(trace(checkpoints, name)[1].logits.argmax())
        assert one["predictions"][0]["label"] == folder.LABELS[best]


def test_the_divergence_of_the_maps_is_shown(app: AppTest, checkpoints: Path) -> None:
    shown(app)
    one, other = (trace(checkpoints, name)[1] for name in ("image-fourier", "image-coordinates"))
    expected = []
    for block in one.blocks:
        p, q = one.map(block).double(), other.map(block).double()
        mean = (p + q) / 2
        expected.append(float(((p * (p / mean).log2()).sum() + (q * (q / mean).log2()).sum()) / 2))
    told = next(c.value for c in app.caption if c.value.startswith("Divergence from the first"))
    assert told == f"Divergence from the first: {', '.join(f'{value:.2f}' for value in expected)} bits"
    shown(app, others="image-learned")  # on a grid of its own
    assert not [c for c in app.caption if c.value.startswith("Divergence from the first")]
