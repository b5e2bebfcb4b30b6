"""Sounds on the Explore page in Streamlit's harness: what the components get, where the window lies, and the scan."""

from __future__ import annotations

import dataclasses
import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from streamlit.testing.v1 import AppTest

from app.sections import downloads
from app.services import inference, maps, samples, scan
from app.services.inference import Case
from app.services.queueing import Progress
from app.views.base import Paint
from app.views.sound import wav
from perceiver import InputError, Perceiver, PerceiverConfig, Trace, load, modalities
from perceiver.analysis.maps import MapSelection
from perceiver.lens import Lens
from perceiver.modalities import Window, Windows
from perceiver.plots.drawing.audio import AudioDrawing
from perceiver.sample import Sample
from tests.app import sounds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import Frame, frames, labelled
from tests.app.pages import change, control


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sounds.build(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(autouse=True)
def _store(folder: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(folder))


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


@pytest.fixture
def case() -> Case:
    return Case("audio-mel", samples.digest(sounds.LONG), "long.wav", sounds.LONG)


def read(data: bytes, config: PerceiverConfig, start: float | str = "loudest") -> Sample:
    return modalities.get("audio").read(
        data, "a.wav", shape=config.input_shape, preprocess=config.preprocess, options={"start": start}
    )


def traced(folder: Path, name: str, sample: Sample) -> Trace:
    model = load(folder / name)
    return model.trace(model.inputs(sample))


def words(app: AppTest) -> str:
    kinds = (app.header, app.subheader, app.markdown, app.caption, app.error, app.info)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def clip(app: AppTest) -> Frame:
    (found,) = frames(app, "clip")
    return found


def upload(app: AppTest, data: bytes, name: str = "mine.wav") -> AppTest:
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    return app.file_uploader(key="upload").set_value((name, data, "audio/wav")).run()


def button(app: AppTest, label: str) -> list[object]:
    return [one for one in app.button if one.label == label]


def test_a_spectrogram_comes_cell_for_cell_with_times_and_frequencies(app: AppTest, folder: Path) -> None:
    app.run()
    assert not app.exception
    data = (folder / "samples" / "audio" / "bass_drum.wav").read_bytes()
    sample = read(data, sounds.MEL)
    seen = labelled(app, "map", "The sound as the model read it, 1 s in 12 mel bands × 20 frames")
    assert (seen.meta["height"], seen.meta["width"]) == (12, 20)
    np.testing.assert_array_equal(seen.arrays["rgb"].reshape(12, 20, 3), AudioDrawing().given(sample))
    grid = seen.meta["grid"]
    assert (len(grid["rows"]), len(grid["columns"])) == (12, 20)
    # Frame i is centred on sample 200 i of 4000 a second. In mels 50 Hz is 0.75 and 2000 Hz 25.08: the highest of 12
    # bands is centred a thirteenth of the way below that, at 23.21 mels.
    assert grid["columns"][:3] == ["0.000 s", "0.050 s", "0.100 s"]
    assert grid["rows"][0] == "1.76 kHz"
    large = labelled(app, "map", "Block 1, mean over latents")
    assert [tick["text"] for tick in large.meta["left"]["ticks"]] == ["1", "0.5", "0.25"]
    assert large.meta["bottom"]["unit"] == "time (s)"
    np.testing.assert_allclose(large.arrays["values"], traced(folder, "audio-mel", sample).map(0).numpy(), rtol=1e-4)
    assert [tile["title"] for tile in labelled(app, "wall", "Maps").meta["tiles"]] == ["Block 1", "Block 2"]


def test_a_waveform_comes_with_a_column_for_each_patch(app: AppTest, folder: Path) -> None:
    app.query_params["model"] = "audio-raw"
    app.run()
    assert not app.exception
    large = labelled(app, "map", "Block 1, mean over latents")
    assert large.meta["width"] % 40 == 0
    assert large.meta["grid"]["rows"] == [""]
    assert large.meta["grid"]["columns"][:2] == ["0.013 s", "0.037 s"]  # patches of 25 ms
    assert large.meta["left"] is None
    sample = read((folder / "samples" / "audio" / "bass_drum.wav").read_bytes(), sounds.RAW)
    np.testing.assert_allclose(large.arrays["values"], traced(folder, "audio-raw", sample).map(0).numpy(), rtol=1e-4)
    strip = labelled(app, "wall", "Latents")
    assert strip.meta["width"] == 2 * 40  # twice as wide as the row of elements, which needs no averaging


def test_gallery_pictures_are_square(app: AppTest) -> None:
    gallery = labelled(app.run(), "wall", "Samples")
    assert (gallery.meta["height"], gallery.meta["width"]) == (128, 128)
    assert len(gallery.meta["tiles"]) == 3


def test_a_clip_as_long_as_the_window_offers_no_choice_and_no_scan(app: AppTest) -> None:
    app.run()
    assert not clip(app).meta["movable"]
    assert "The model read all of it." in words(app)
    assert not [one for one in app.number_input if one.key == "start"]
    assert "Over the whole clip" not in words(app)


def test_the_window_is_chosen_by_number_and_given_up_for_the_loudest_part(app: AppTest) -> None:
    upload(app, sounds.LONG)
    loudest = read(sounds.LONG, sounds.MEL)
    assert clip(app).meta["movable"]
    assert (clip(app).meta["start"], clip(app).meta["duration"]) == (pytest.approx(loudest.start), 5.0)
    assert app.number_input(key="start").value == pytest.approx(loudest.start, abs=0.005)
    assert button(app, "Loudest part")[0].disabled

    app.number_input(key="start").set_value(2.25).run()
    assert not app.exception
    assert app.query_params["read"] in ("start:2.25", ["start:2.25"])
    assert clip(app).meta["start"] == 2.25
    seen = labelled(app, "map", "The sound as the model read it")
    expected = AudioDrawing().given(read(sounds.LONG, sounds.MEL, 2.25))
    np.testing.assert_array_equal(seen.arrays["rgb"].reshape(expected.shape), expected)
    assert "2.25 s to 3.25 s of 5.00 s" in words(app)

    button(app, "Loudest part")[0].click().run()
    assert clip(app).meta["start"] == pytest.approx(loudest.start)
    assert "read" not in app.query_params


def test_choosing_another_window_forgets_the_spot(app: AppTest) -> None:
    upload(app, sounds.LONG)
    change(app, pick=45)
    time = read(sounds.LONG, sounds.MEL).start + 5 * 0.05
    assert f"{time:.3f} s, 1.36 kHz; weights as multiples of uniform" in words(app)
    rows = labelled(app, "ranking", "Attention to").meta
    assert rows["label"].startswith(f"Attention to {time:.3f} s, ")
    app.number_input(key="start").set_value(0.5).run()
    assert app.session_state["view"]["pick"] is None


def test_the_whole_clip_is_outlined(app: AppTest) -> None:
    upload(app, sounds.LONG)
    low, high = clip(app).arrays["low"], clip(app).arrays["high"]
    slices = len(low)
    second = high[slices // 5 + 2 : 2 * slices // 5 - 2]
    assert not second.any()  # the silent one
    assert high[: slices // 5].max() == pytest.approx(0.3, abs=0.01)
    assert high.max() == pytest.approx(0.54, abs=0.01)
    assert low.min() == pytest.approx(-0.54, abs=0.01)


def test_what_is_played_is_exactly_the_window() -> None:
    sample = read(sounds.LONG, sounds.RAW, 3.0)
    with wave.open(io.BytesIO(wav(sample))) as file:  # type: ignore[arg-type]
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (sounds.RATE, 1, 2)
        played = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    np.testing.assert_allclose(played, sample.seen, atol=1e-4)
    loud = dataclasses.replace(sample, seen=np.array([2.0, -2.0, 0.5], np.float32))
    with wave.open(io.BytesIO(wav(loud))) as file:  # type: ignore[arg-type]
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [32767, -32767, 16384]


def test_both_can_be_heard_where_browsers_can(app: AppTest) -> None:
    upload(app, sounds.LONG)
    assert len(app.get("audio")) == 2
    samples, out = sounds.tones(300), io.BytesIO()
    soundfile.write(out, np.tile(samples, 4), sounds.RATE, format="AIFF")
    upload(app, out.getvalue(), "a.wav")
    assert not app.exception
    assert len(app.get("audio")) == 1
    assert "Browsers do not play this file (AIFF sound)." in words(app)


def test_a_recording_is_read_like_an_upload(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("record").run()
    recording = sounds.wav(sounds.tones(440, 880), sounds.RATE)
    app.audio_input(key="record").set_value(("audio.wav", recording, "audio/wav")).run()
    assert not app.exception
    assert clip(app).meta["duration"] == 2.0
    assert labelled(app, "ranking", "Predictions").meta["rows"]


def test_silence_and_padding_are_said(app: AppTest) -> None:
    upload(app, sounds.wav(np.zeros(sounds.RATE // 2)))
    assert not app.exception
    assert "There is no signal in what was read" in words(app)
    assert "Filled the last 0.50 s with silence" in words(app)
    seen = labelled(app, "map", "The sound as the model read it")
    # Frame 10 of 20 covers 0.475 to 0.525 s.
    sound, padding = np.split(seen.arrays["rgb"].reshape(12, 20, 3), [11], axis=1)
    assert not sound.any()  # black, not stretched to its own range
    assert set(np.unique(padding)) == {72, 136}


def test_what_is_no_sound_is_refused_in_one_sentence(app: AppTest) -> None:
    upload(app, b"RIFF\x24\x00\x00\x00WAVEfmt ")
    assert not app.exception
    (error,) = app.error
    assert error.value.replace("\\", "").startswith("mine.wav")


def test_the_figure_is_a_png(folder: Path) -> None:
    case = Case("audio-raw", samples.digest(sounds.LONG), "long.wav", sounds.LONG)
    found = maps.block_maps(case, MapSelection(), "shared", Progress())
    figure = downloads.figure(inference.read(case), found, Paint("magma", 0.85), "long.wav", "png")
    assert figure.startswith(b"\x89PNG")


class TestScan:
    def test_it_runs_when_asked_and_is_kept(self, app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
        batches: list[int] = []
        forward = Perceiver.forward
        monkeypatch.setattr(Perceiver, "forward", lambda self, x: (batches.append(len(x)), forward(self, x))[1])
        upload(app, sounds.LONG)
        assert batches == []
        button(app, "Scan the whole clip")[0].click().run()
        assert not app.exception
        assert sum(batches) == 9  # five seconds, windows of one every half
        (chart,) = [one for one in app.get("plotly_chart") if one.key == "timeline"]
        assert "organ" in chart.proto.spec
        assert "1 more window holds no signal" in words(app)
        assert not button(app, "Scan the whole clip")
        assert not button(app, "Stop")
        control(app, "reduce").set_value("max").run()
        app.number_input(key="start").set_value(1.5).run()
        assert [one.key for one in app.get("plotly_chart")].count("timeline") == 1
        assert sum(batches) == 9

    def test_one_that_was_cut_short_goes_on_from_there(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        class Left(BaseException):
            """The visitor did something else."""

        class Impatient(Progress):
            def step(self, share: float, text: str) -> None:
                raise Left

        batches: list[int] = []
        forward = Perceiver.forward
        monkeypatch.setattr(Perceiver, "forward", lambda self, x: (batches.append(len(x)), forward(self, x))[1])
        with pytest.raises(Left):
            scan.finish(case, 0.1, Impatient())
        here = scan.scan_of(case, 0.1)
        assert (here.reached, here.total, here.done) == (16, 41, False)
        assert here._steps is None  # who leaves leaves no file in memory
        texts: list[str] = []
        monkeypatch.setattr(Progress, "step", lambda self, share, text: texts.append(text))
        scan.finish(case, 0.1, Progress())
        assert here.done
        assert batches == [16, 16, 9]
        assert texts[0].startswith("Window 32 of 41, about ")
        assert here.timeline is not None
        np.testing.assert_allclose(here.timeline.starts, 0.1 * np.arange(41), atol=1e-9)
        table = scan.as_csv(case, here.timeline).decode().splitlines()
        assert len(table) == 1 + 41 * 3

    @pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, StopIteration])
    def test_a_failure_breaks_it_for_nobody(
        self, case: Case, folder: Path, failure: type[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forward, batches = Perceiver.forward, []

        def fails_second(self: Perceiver, x: torch.Tensor) -> torch.Tensor:
            batches.append(len(x))
            if len(batches) == 2:
                raise failure("once")
            return forward(self, x)

        with monkeypatch.context() as failing:
            failing.setattr(Perceiver, "forward", fails_second)
            with pytest.raises(RuntimeError if failure is StopIteration else failure):
                scan.finish(case, 0.1, Progress())
            here = scan.scan_of(case, 0.1)
            assert (here.reached, here.done) == (16, False)
            scan.finish(case, 0.1, Progress())
        assert here.done
        assert batches == [16, 16, 16, 9]  # the first answers are kept
        whole = Lens(load(folder / case.model)).scan(case.data, name=case.name, every=0.1)
        assert here.timeline is not None
        np.testing.assert_allclose(here.timeline.probabilities, whole.timeline.probabilities, atol=1e-6)

    def test_who_goes_on_with_anothers_scan_is_told_the_own_name(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = scan.open_windows

        class Broken:
            def __init__(self, windows: Windows, name: str) -> None:
                self.seconds, self.duration, self.notes = windows.seconds, windows.duration, windows.notes
                self._windows, self._name = windows, name

            def __len__(self) -> int:
                return len(self._windows)

            def __iter__(self) -> Iterator[Window]:
                for i, window in enumerate(self._windows):
                    if i == 20:
                        raise InputError(f"{self._name} breaks off after 2.00 s")
                    yield window

        def broken(*args: object, **more: object) -> Broken:
            return Broken(opened(*args, **more), str(more["name"]))  # type: ignore[arg-type]

        monkeypatch.setattr(scan, "open_windows", broken)
        here = scan.scan_of(case, 0.1)
        here.step(dataclasses.replace(case, name="of the first.wav"), 0.1)
        with pytest.raises(InputError) as caught:
            here.step(dataclasses.replace(case, name="of the second.wav"), 0.1)
        assert str(caught.value) == "of the second.wav breaks off after 2.00 s"

    def test_windows_that_end_early_are_an_error_once(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        class Short:
            seconds = 1.0
            duration = 99.0
            notes = ()

            def __len__(self) -> int:
                return 99

            def __iter__(self) -> Iterator[Window]:
                return iter(())

        with monkeypatch.context() as short:
            short.setattr(scan, "open_windows", lambda *args, **more: Short())
            with pytest.raises(InputError, match="ends after 0 windows"):
                scan.finish(case, 0.1, Progress())
        scan.finish(case, 0.1, Progress())
        assert scan.scan_of(case, 0.1).done

    def test_a_file_that_breaks_off_is_said_and_begins_anew(
        self, app: AppTest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Broken:
            seconds = 1.0
            duration = 99.0
            notes = ()

            def __len__(self) -> int:
                return 99

            def __iter__(self) -> Iterator[Window]:
                raise InputError("mine.wav breaks off after 0.00 s")

        upload(app, sounds.LONG)
        with monkeypatch.context() as broken:
            broken.setattr(scan, "open_windows", lambda *args, **more: Broken())
            button(app, "Scan the whole clip")[0].click().run()
        assert not app.exception
        assert [error.value.replace("\\", "") for error in app.error] == ["mine.wav breaks off after 0.00 s"]
        app.run()
        button(app, "Scan the whole clip")[0].click().run()
        assert [one.key for one in app.get("plotly_chart")].count("timeline") == 1

    def test_a_long_clip_is_scanned_end_to_end(self, app: AppTest) -> None:
        upload(app, sounds.LONG)
        assert "in steps of 0.5 s" in words(app)
        quiet = np.zeros(sounds.RATE * 601)
        quiet[:4000] = sounds.tones(440)
        upload(app, sounds.wav(quiet))
        assert "in steps of 1 s" in words(app)


def test_a_sound_shorter_than_the_window_is_shown_with_its_padding(app: AppTest) -> None:
    """0.6 s in a window of 1 s: element 12 of 20 ends at 0.625 s; the spectrogram from there on is padding."""
    short, out = sounds.tones(300)[: round(0.6 * sounds.RATE)], io.BytesIO()
    soundfile.write(out, short, sounds.RATE, format="WAV")
    upload(app, out.getvalue())
    assert not app.exception
    assert "The model read all of it, and 0.4 s of padding after its end." in words(app)
    large = labelled(app, "map", "Block 1, mean over")
    assert large.meta["bottom"]["unit"] == "time (s); hatched: padding"
    for frame in (labelled(app, "map", "The sound as the model read it"), large):
        columns = frame.meta["grid"]["columns"]
        assert [name.endswith(", padding") for name in columns] == [False] * 13 + [True] * 7
        rgb = frame.arrays["rgb"].reshape(12, 20, 3)
        assert set(np.unique(rgb[:, 13:])) == {72, 136}
    assert "padding" in labelled(app, "map", "The sound as the model read it").meta["label"]
    strip = labelled(app, "wall", "Latents")
    thumbs = strip.arrays["pixels"].reshape(-1, strip.meta["height"], strip.meta["width"])
    wide = strip.meta["width"] // 20
    assert not thumbs[:, :, 13 * wide :].any()
    assert thumbs[:, :, : 13 * wide].any()


def test_one_channel_of_several_can_be_chosen(app: AppTest) -> None:
    left, right, out = 0.5 * sounds.tones(300), sounds.tones(700), io.BytesIO()
    soundfile.write(out, np.stack([left, right], axis=1), sounds.RATE, format="WAV")
    data = out.getvalue()
    upload(app, data)
    assert app.selectbox(key="channel").value == "mix"
    app.selectbox(key="channel").set_value("2").run()
    assert not app.exception
    assert app.query_params["read"] in ("channel:2", ["channel:2"])
    config = sounds.MEL
    expected = modalities.get("audio").read(
        data, "a", shape=config.input_shape, preprocess=config.preprocess, options={"channel": 2}
    )
    seen = labelled(app, "map", "The sound as the model read it")
    np.testing.assert_array_equal(seen.arrays["rgb"].reshape(12, 20, 3), AudioDrawing().given(expected))
    assert "Read channel 2 of its 2" in words(app)
    app.selectbox(key="channel").set_value("mix").run()
    assert "read" not in app.query_params


def test_a_scan_is_one_of_its_channel(case: Case) -> None:
    out = io.BytesIO()
    soundfile.write(
        out, np.stack([sounds.tones(300, 300), np.zeros(2 * sounds.RATE)], axis=1), sounds.RATE, format="WAV"
    )
    data = out.getvalue()
    found = {}
    for options in ((), (("channel", "2"), ("start", "0.25"))):
        one = Case("audio-mel", samples.digest(data), "a.wav", data, options)
        scan.finish(one, 1.0, Progress())
        timeline = scan.scan_of(one, 1.0).timeline
        assert timeline is not None
        found[options] = timeline.silent.all()
    assert list(found.values()) == [False, True]
