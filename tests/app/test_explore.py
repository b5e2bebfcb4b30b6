"""The Explore page in Streamlit's harness: what it shows, what it refuses, and what it does not do again."""

from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.sections import findings
from app.services import samples
from app.services.queueing import Progress, queue
from perceiver import Perceiver, load, modalities
from tests.app import folder
from tests.app.frames import labelled
from tests.app.pages import change, control, opened, said


def words(app: AppTest) -> str:
    parts = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.info)
    return "\n".join(element.value for kind in parts for element in kind)


def address(app: AppTest) -> dict[str, str]:
    """What the address bar holds."""
    return {name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()}


def test_first_visit_shows_predictions_and_a_map_of_every_block(app: AppTest, checkpoints: Path) -> None:
    app.run()
    assert not app.exception
    assert control(app, "model").value == "image-fourier"
    config = folder.ONE_HEAD
    row = labelled(app, "wall", "Maps of the blocks")
    assert [tile["title"] for tile in row.meta["tiles"]] == ["Block 1", "Block 2", "Block 3"]
    for tile, words in zip(
        row.meta["tiles"], ("own weights", "weights shared with 3", "weights shared with 2"), strict=True
    ):
        assert tile["alt"].startswith(f"{tile['title']}, {words}.")
    assert row.meta["bar"]["unit"]
    assert len(labelled(app, "wall", "Latents").meta["tiles"]) == config.num_latents
    assert any("no explanation" in one.help for one in app.header if one.help)

    model = load(checkpoints / "image-fourier")
    sample = modalities.get("image").read(
        folder.picture(0), "bed_cot-0.png", shape=config.input_shape, preprocess=config.preprocess
    )
    expected = model.trace(model.inputs(sample))
    best = int(expected.logits.argmax())
    shown = labelled(app, "ranking", "Predictions").meta["rows"]
    assert shown[0]["name"] == folder.LABELS[best].replace("_", " / ")
    assert shown[0]["share"] == pytest.approx(float(expected.logits.softmax(-1)[best]), abs=1e-6)
    for tile, logits in zip(row.meta["tiles"], expected.block_logits, strict=True):
        assert tile["share"] == pytest.approx(float(logits.softmax(-1)[best]), abs=1e-6)
    assert "true label" in {one["note"] for one in shown}
    large = labelled(app, "map", "Block 1, mean over latents")
    np.testing.assert_allclose(large.arrays["values"], expected.map(0).numpy(), rtol=1e-5)
    seen = labelled(app, "map", "The picture as the model read it")
    np.testing.assert_array_equal(seen.arrays["rgb"].reshape(sample.seen.shape), sample.seen)


def test_no_control_of_the_display_runs_the_model_again(app: AppTest, runs: list[Perceiver]) -> None:
    app.run()
    for _ in range(3):
        control(app, "reduce").set_value("max").run()
        control(app, "scale").set_value("log").run()
        control(app, "kind").set_value("value").run()
        control(app, "show").set_value("first").run()
        control(app, "colours").set_value("cividis").run()
        control(app, "overlay").set_value(35).run()
        control(app, "laid").set_value("alone").run()
        change(app, block=2, pick=17)
        change(app, reduce="latent", latent=4)
        control(app, "kind").set_value("probability").run()
    assert not app.exception
    assert len(runs) == 1


def test_uploads_are_run_once_each_and_by_content(app: AppTest, runs: list[Perceiver]) -> None:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    for name, seed in (("a.png", 7), ("b.png", 8), ("again.PNG", 7)):
        app.file_uploader(key="upload").set_value((name, folder.picture(seed), "image/png")).run()
        assert not app.exception
    assert len(runs) == 3  # the first sample, and two contents
    assert address(app)["sample"] == "sha256-" + hashlib.sha256(folder.picture(7)).hexdigest()
    assert "true label" not in {row["note"] for row in labelled(app, "ranking", "Predictions").meta["rows"]}


def test_only_the_newest_upload_is_kept(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    for seed in (5, 6):
        app.file_uploader(key="upload").set_value((f"{seed}.png", folder.picture(seed), "image/png")).run()
    assert app.session_state["upload_kept"] == (samples.digest(folder.picture(6)), "6.png", folder.picture(6))


def test_visitors_take_turns(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[int] = []
    held, done = threading.Event(), threading.Event()
    wait = Progress.wait

    def seen(progress: Progress, place: int) -> None:
        wait(progress, place)
        places.append(place)
        done.set()

    def other_visitor() -> None:
        with queue.turn(lambda place: None):
            held.set()
            done.wait(60)

    monkeypatch.setattr(Progress, "wait", seen)
    other = threading.Thread(target=other_visitor)
    other.start()
    held.wait(60)
    app.run()
    other.join(60)
    assert not app.exception
    assert set(places) == {1}
    assert labelled(app, "ranking", "Predictions").meta["rows"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("note.png", b"no picture at all"),
        ("empty.png", b""),
        ("evil.exe:x.png", b"MZ" + bytes(100)),
        ("sound.png", b"RIFF\x24\x00\x00\x00WAVEfmt "),
        ("half.png", folder.picture(1)[:60]),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(app: AppTest, name: str, data: bytes) -> None:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value((name, data, "image/png")).run()
    assert not app.exception
    (error,) = app.error
    assert error.value.replace("\\", "").startswith(name)
    assert "Nothing to look at yet" not in words(app)
    assert [one.key for one in app.get("bidi_component")] == ["sidebar"]  # no map, and no input


def test_a_file_name_is_never_markup(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value(("![](http://x.png) **b** :smile:.png", b"text", "image/png")).run()
    (error,) = app.error
    assert r"\!\[\]\(http\:" in error.value
    assert r"\*\*b\*\*" in error.value


def test_a_picture_is_read_by_its_content_whatever_its_ending(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value(("HOLIDAY.PNG", folder.picture(3, 40, 20), "image/png")).run()
    assert not app.exception
    assert not app.error
    assert "not the hatched one" in words(app)


@pytest.mark.parametrize(
    "link",
    [
        {"block": ["abc"]},
        {"block": [""]},
        {"block": ["1.5"]},
        {"block": ["7"]},
        {"block": ["-1"]},
        {"block": ["1", "2"]},
        {"model": ["../../etc"]},
        {"sample": ["../image-fourier/config.json"]},
        {"scale": ["x" * 10_000]},
        {"latent": ["7"]},
        {"head": ["2"]},
        {"pick": ["257"]},
        {"kind": ["score"], "reduce": ["entropy"]},
    ],
)
def test_a_bad_link_falls_back_with_a_note(app: AppTest, link: dict[str, list[str]]) -> None:
    for name, values in link.items():
        app.query_params[name] = values
    app.run()
    assert not app.exception
    notes = [note.value for note in app.info if note.icon == ":material/info:"]
    assert len(notes) == 1
    assert all(value not in notes[0] for values in link.values() for value in values if len(value) > 9)
    assert len(labelled(app, "wall", "Maps of the blocks").meta["tiles"]) == 3


def test_a_link_opens_the_same_view(app: AppTest) -> None:
    app.run()
    control(app, "model").set_value("image-learned").run()
    control(app, "head").set_value(1).run()
    control(app, "scale").set_value("uniform").run()
    change(app, sample="lamp-1", block=2, reduce="latent", latent=3, pick=40)
    link = address(app)
    assert link == {
        "model": "image-learned",
        "sample": "lamp-1",
        "block": "3",
        "reduce": "latent",
        "latent": "4",
        "head": "2",
        "scale": "uniform",
        "pick": "41",
    }
    other = AppTest.from_file(str(Path(__file__).parents[2] / "streamlit_app.py"), default_timeout=60)
    for name, value in link.items():
        other.query_params[name] = value
    other.run()
    assert not other.exception
    assert not [c for c in other.info if c.icon == ":material/info:"]
    for start in ("Maps of the blocks", "Latents"):
        one, two = (labelled(page, "wall", start) for page in (app, other))
        assert one.meta == two.meta
        np.testing.assert_array_equal(one.arrays["pixels"], two.arrays["pixels"])
    label = "Block 3, latent 4, head 2"
    one, two = (labelled(page, "map", label) for page in (app, other))
    assert one.meta == two.meta
    assert one.meta["pick"] == 40
    np.testing.assert_array_equal(one.arrays["values"], two.arrays["values"])


def test_going_back_in_the_browser_shows_the_view_from_before(app: AppTest) -> None:
    app.run()
    control(app, "reduce").set_value("max").run()
    assert address(app)["reduce"] == "max"
    del app.query_params["reduce"]
    app.run()
    (reduction,) = [one for one in app.segmented_control if one.label == "Over latents"]
    assert reduction.value == "mean"


def test_a_link_to_an_upload_that_is_gone_asks_for_it_again(app: AppTest, runs: list[Perceiver]) -> None:
    data = folder.picture(9)
    app.query_params["sample"] = "sha256-" + hashlib.sha256(data).hexdigest()
    app.query_params["block"] = "2"
    app.run()
    assert not app.exception
    assert "Upload it again" in words(app)
    assert runs == []
    app.file_uploader(key="upload").set_value(("mine.png", data, "image/png")).run()
    assert labelled(app, "map", "Block 2").meta["height"] == 16
    assert "Upload it again" not in words(app)


def test_choices_that_another_model_lacks_fall_back(app: AppTest) -> None:
    app.run()
    change(app, model="image-learned", head=1, latent=4, reduce="latent", pick=95)
    control(app, "model").set_value("image-fourier").run()
    assert not app.exception
    view = app.session_state["view"]
    assert (view["head"], view["latent"], view["pick"]) == (None, None, None)


def test_differences_are_taken_from_the_block_named(app: AppTest) -> None:
    app.run()
    maps = [labelled(change(app, block=i), "map", f"Block {i + 1}").arrays["values"] for i in range(3)]
    control(app, "show").set_value("first").run()
    assert [t["title"] for t in labelled(app, "wall", "Maps").meta["tiles"]] == [
        "Block 2 − block 1",
        "Block 3 − block 1",
    ]
    np.testing.assert_allclose(labelled(app, "map", "Block 3 −").arrays["values"], maps[2] - maps[0], atol=1e-9)
    control(app, "show").set_value("previous").run()
    np.testing.assert_allclose(labelled(app, "map", "Block 3 −").arrays["values"], maps[2] - maps[1], atol=1e-9)
    assert set(control(app, "scale").options) == {"Shared", "× uniform", "Per map"}


def test_who_reads_a_spot_is_ranked_over_all_blocks(app: AppTest, checkpoints: Path) -> None:
    app.run()
    change(app, pick=100)
    rows = labelled(app, "ranking", "Attention to row 7, column 5, by latent").meta["rows"]
    config = folder.ONE_HEAD
    model = load(checkpoints / "image-fourier")
    sample = modalities.get("image").read(folder.picture(0), "x.png", shape=config.input_shape, preprocess={})
    trace = model.trace(model.inputs(sample))
    every = {f"Block {b + 1}, latent {n + 1}": float(trace.map(b, latent=n)[100]) for b in range(3) for n in range(6)}
    strongest = sorted(every, key=lambda name: -every[name])[: len(rows)]
    assert [row["name"] for row in rows] == strongest
    assert rows[0]["share"] == 1.0
    assert rows[1]["share"] == pytest.approx(every[strongest[1]] / every[strongest[0]], rel=1e-4)


def test_no_checkpoints(caches: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path))
    app = AppTest.from_file(str(Path(__file__).parents[2] / "streamlit_app.py"), default_timeout=60).run()
    assert not app.exception
    assert "No checkpoints here" in words(app)


def test_a_damaged_checkpoint_is_named(caches: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.build(tmp_path)
    weights = tmp_path / "image-fourier" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path))
    app = AppTest.from_file(str(Path(__file__).parents[2] / "streamlit_app.py"), default_timeout=60).run()
    assert not app.exception
    (error,) = app.error
    assert "model.safetensors" in error.value.replace("\\", "")
    control(app, "model").set_value("image-learned").run()
    assert not app.error
    assert labelled(app, "wall", "Maps of the blocks").meta["tiles"]
    st.cache_resource.clear()


def test_a_map_that_is_nearly_even_can_be_shown_on_its_own_scale(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "nearly_even", lambda values: True)
    opened(app, "explore")
    assert re.search(r"Block 1 (puts|favours|is nearly uniform)", said(app))
    app.button(key="own_scale_image-fourier_0").click().run()
    assert not app.exception
    assert app.session_state["view"]["scale"] == "per_map"
    assert not [button for button in app.button if (button.key or "").startswith("own_scale")]


def test_a_difference_of_blocks_says_what_moves(app: AppTest) -> None:
    opened(app, "explore", show="previous", block="2")
    assert "Compared with block 1, block 2 moves" in said(app)


def test_blocks_that_do_not_read_the_input_are_named(app: AppTest) -> None:
    opened(app, "explore", model="image-learned")
    assert "Block 2 does not read the input" in said(app)
    opened(app, "explore", model="image-fourier")
    assert "not read the input" not in said(app)


def test_a_control_out_of_sight_does_not_bring_its_old_value_back(app: AppTest) -> None:
    """The browser sends what a control in a closed popover showed last; a new key has nothing to send."""
    app.run()
    before = control(app, "reduce").key
    change(app, reduce="latent", latent=3)
    assert not app.exception
    assert control(app, "reduce").key != before
    assert control(app, "reduce").value == "latent"
    # What the visitor sets with it keeps its key, and with it the focus of the keyboard.
    after = control(app, "reduce").key
    control(app, "reduce").set_value("max").run()
    assert (control(app, "reduce").key, control(app, "reduce").value) == (after, "max")
