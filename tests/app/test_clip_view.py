"""Clips with sound on every page in Streamlit's harness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import perceiver
from app.components import Painted
from app.views.clip_parts import Clip
from perceiver import Run
from perceiver.analysis.formatting import number
from perceiver.analysis.region import parse
from tests.app import clips, pages
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import frames, labelled
from tests.modalities.audiovisual.clips import clip

SOUND, PICTURE = 100, 8 * 8 * 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.build(tmp_path_factory.mktemp("store"))


@pytest.fixture
def app(folder: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(folder))
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return perceiver.open(folder / "av-tiny").run(folder / "samples" / "audiovisual" / "high.mp4")


def test_the_map_of_every_frame_and_of_the_sound_is_the_librarys(app: AppTest, run: Run) -> None:
    pages.opened(app, "explore", sample="high")
    assert not app.exception
    assert not app.error
    values = run.map(0)
    large = labelled(app, "player", "Block 1,")
    np.testing.assert_allclose(large.arrays["values_sound"], values[:SOUND], rtol=1e-4)
    np.testing.assert_allclose(large.arrays["values"], values[SOUND : SOUND + PICTURE], rtol=1e-4)
    assert large.meta["picture"]["whole"]["elements"] == SOUND + PICTURE + 1
    assert len(large.meta["picture"]["grid"]["rows"]) == 8
    assert large.meta["each"] == 1
    np.testing.assert_allclose(large.arrays["samples"], run.sample.sound)
    seen = labelled(app, "player", "The clip as the model read it")
    assert np.array_equal(seen.arrays["rgb"], run.sample.seen.ravel())
    assert "8 frames of 32 × 32, 0.8 s sound" in seen.meta["label"]


def test_marked_patches_and_moments_are_named(app: AppTest, run: Run) -> None:
    pages.opened(app, "explore", sample="high", pick=str(SOUND + 3 * 64 + 2 * 8 + 5 + 1))
    assert "Frame 4 (0.30 s), row 3, column 6" in pages.said(app)
    assert labelled(app, "player", "Block 1,").meta["picture"]["pick"] == 3 * 64 + 2 * 8 + 5
    assert frames(app, "player")[0].meta["moment"] == pytest.approx(0.35)
    pages.change(app, pick=55)
    assert "The sound at 0.444 s" in pages.said(app)
    assert labelled(app, "player", "Block 1,").meta["sound"]["pick"] == 55
    shown = labelled(app, "ranking", "Attention to the sound")
    first = run.strongest_latents(55)[0]
    assert shown.meta["rows"][0]["name"] == f"Block {first.block + 1}, latent {first.latent + 1}"
    pages.change(app, pick=SOUND + PICTURE)
    assert "The element without a place" in pages.said(app)


def test_a_region_is_measured_on_frames_and_on_sound(app: AppTest, run: Run) -> None:
    text = "video_time=0.2:0.4,video_rows=0:32,video_cols=16:48"
    pages.opened(app, "explore", sample="high", region=text)
    assert not app.exception
    picture = labelled(app, "player", "Block 1,").meta["picture"]
    assert picture["region"] == {"steps": [2, 3], "box": [0, 2, 3, 5]}
    assert f"32 of {SOUND + PICTURE + 1} elements" in pages.said(app)
    pages.change(app, region="audio_time=0.4:0.8")
    assert labelled(app, "player", "Block 1,").meta["sound"]["region"] == [0, 50, 0, 99]
    assert f"50 of {SOUND + PICTURE + 1} elements" in pages.said(app)
    inside = parse(text).inside(run.context.layout)
    assert inside[SOUND:-1].reshape(8, 8, 8)[2:4, 0:4, 2:6].sum() == inside.sum() == 32


@pytest.mark.parametrize("page", ["explore", "explain", "ablate", "compare"])
def test_every_page_works(app: AppTest, page: str) -> None:
    pages.opened(app, page, sample="low")
    assert not app.exception
    assert not app.error
    assert {frame.meta["frames"] for frame in frames(app, "player")} == {8}
    for values in ({"pick": 30}, {"scale": "uniform"}, {"reduce": "latent", "latent": 2}):
        pages.change(app, **values)
        assert not app.exception
        assert not app.error


def test_frequencies_of_all_four_axes_and_shuffles(app: AppTest) -> None:
    pages.opened(app, "ablate", sample="high", ablate="b1:2-3,x3")
    axes = [axis["name"] for axis in frames(app, "bands")[0].meta["axes"]]
    assert axes == ["Time of the sound", "Time of the frames", "Height", "Width"]
    for shuffle in ("contents", "blocks", "elements"):
        pages.change(app, shuffle=shuffle)
        assert not app.exception
        assert not app.error


def test_longer_clips_are_read_in_a_window_and_scanned(app: AppTest) -> None:
    pages.opened(app, "explore", sample="low", moment="0.9")
    assert "0.60 s to 1.40 s of 2.00 s, with its sound" in pages.said(app)
    assert frames(app, "player")[0].meta["moment"] == pytest.approx(0.9)
    app.number_input(key="start").set_value(0.2).run()
    assert frames(app, "player")[0].meta["moment"] == pytest.approx(0.65)  # the middle of the window again
    next(button for button in app.button if button.label == "Scan the whole clip").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) >= 1


def test_one_part_of_the_input_is_removed(app: AppTest, run: Run) -> None:
    pages.opened(app, "ablate", sample="high", ablate="no-audio")
    assert not app.exception
    assert not app.error
    after = run.ablate("no-audio")
    large = labelled(app, "player", "Block 1 after")
    np.testing.assert_allclose(large.arrays["values"], after.maps[0].after[SOUND : SOUND + PICTURE], rtol=1e-4)
    assert not large.arrays["values_sound"].any()
    probability = float(after.answer.probabilities_after[after.answer.after.argmax()])
    shown = labelled(app, "ranking", "Predictions after").meta["rows"][0]
    assert shown["share"] == pytest.approx(probability, rel=1e-5)
    assert "Compared with the whole input" in pages.said(app)
    assert app.segmented_control(key="parts").value == frozenset({"audio"})
    app.segmented_control(key="parts").set_value(frozenset({"video"})).run()
    assert app.session_state["view"]["ablate"] == "no-video"
    pages.opened(app, "ablate", sample="high", ablate="no-label")
    assert "The link removes a part of the input that this model does not have." in pages.said(app)


def test_the_shares_of_sound_and_picture_are_told(app: AppTest, run: Run) -> None:
    pages.opened(app, "explore", sample="high")
    share = run.map(0)[:SOUND].sum()
    assert f"block 1 {share:.1%}".replace("%", " %") in pages.said(app)
    assert "uniform attention: 16.3 %" in pages.said(app)
    assert f"Block 1 puts {share:.0%}".replace("%", " %") + " of its weight on the sound" in pages.said(app)


def test_painted_patches_are_those_of_the_frame_or_of_all_frames(run: Run) -> None:
    clip, patches = Clip.of(run.sample), np.zeros(64, bool)
    patches[[3, 40]] = True
    here = np.flatnonzero(clip.elements_of(Painted("video", 2, patches), through=False))
    assert here.tolist() == [SOUND + 2 * 64 + 3, SOUND + 2 * 64 + 40]
    everywhere = np.flatnonzero(clip.elements_of(Painted("video", 2, patches), through=True))
    assert everywhere.tolist() == [SOUND + step * 64 + at for step in range(8) for at in (3, 40)]
    heard = np.zeros(SOUND, bool)
    heard[7] = True
    for through in (False, True):
        assert np.flatnonzero(clip.elements_of(Painted("audio", 2, heard), through=through)).tolist() == [7]


def test_recordings_are_taken_as_the_files_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def script() -> None:
        import base64

        import streamlit as st

        from app.components import recorder

        heard: list[tuple[str, bytes]] = []
        encoded = base64.b64encode(b"a clip").decode()
        for told in (
            {"type": "video/webm", "data": encoded},
            {"type": "video/mp4", "data": encoded},
            {"type": "text/html", "data": encoded},
            {"type": "video/webm", "data": "no base 64"},
            {"type": "video/webm", "data": ""},
            {"type": "video/webm", "data": base64.b64encode(bytes(17_000_000)).decode()},
            {},
            None,
        ):
            st.session_state["record_clip"] = {"recorded": told}
            recorder.clip_recorder("Camera", key="record", on_take=lambda name, data: heard.append((name, data)))
        st.write(str(heard))

    def mount(*, on_recorded_change: Callable[[], None], **_: object) -> None:
        on_recorded_change()

    monkeypatch.setattr("app.components.recorder._mount", mount)
    found = AppTest.from_function(script).run(timeout=60)
    assert not found.exception
    assert found.markdown[0].value == "[('recording.webm', b'a clip'), ('recording.mp4', b'a clip')]"


def test_the_recorder_says_how_long_it_records(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("record").run()
    assert not app.exception
    assert labelled(app, "recorder", "Camera and microphone").meta["seconds"] == 10


def test_the_spectra_of_sound_and_picture_are_shown_one_at_a_time(app: AppTest, run: Run) -> None:
    pages.opened(app, "compare", sample="high", section="tartan")
    for part, words in (("audio", ""), ("video", "video")):
        if words:
            pages.control(app, "grid").set_value(words).run()
        assert not app.exception
        found = [one for one in run.spectra() if one.part == part]
        told = pages.said(app)
        for values in ([one.ratio for one in found], [one.regularity for one in found]):
            assert number(float(np.mean(values))) in told
        assert f"measured at {found[0].resolved} of {found[0].bands} bands (its own)" in told
    assert app.query_params["grid"] in ("video", ["video"])


def test_a_gif_moves_and_its_silence_is_called_so(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip without sound that browsers show as a picture."""
    drawn: list[tuple[object, object]] = []
    image = st.image

    def draw(given: object, *, width: object = "content", **others: object) -> object:
        drawn.append((given, width))
        return image(given, width=width, **others)

    monkeypatch.setattr(st, "image", draw)
    pages.opened(app, "explore", sample="high")
    assert "with its sound" in pages.said(app)
    data = clip(clips.frame, count=12, fps=10, container="gif", codec="gif", pix_fmt="rgb8")
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value(("mine.gif", data, "image/gif")).run()
    assert not app.exception
    said = pages.said(app)
    assert "with silence in place of the sound" in said
    assert "All of the sound is padding: the file has none there." in said
    assert "do not play" not in said
    # As it is: Streamlit makes one of a given width anew, without its other frames.
    assert (data, "content") in drawn


def test_channels_of_one_part_are_grey_in_the_other(app: AppTest) -> None:
    pages.opened(app, "compare", sample="high")
    pages.change(app, section="channels")
    assert not app.exception
    assert "Grey: the channel does not apply there." in pages.said(app)
    walls = labelled(app, "wall", "Parts of the position encoding")
    pictures = walls.arrays["pixels"].reshape(-1, 3)
    assert (pictures == 128).all(1).any()
    assert not (pictures == [255, 0, 170]).all(1).any()
