"""`perceiver scan`: what is answered along a long file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from perceiver import load, modalities
from perceiver.analysis.formatting import class_name
from perceiver.cli import app
from tests.app import folder, sounds


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = sounds.build(tmp_path_factory.mktemp("checkpoints"))
    return folder.build(root)


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.chdir(tmp_path)
    Path("long.wav").write_bytes(sounds.LONG)
    Path("photo.png").write_bytes(folder.picture(0))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="perceiver")


def answer(start: float) -> np.ndarray:
    """The answer of audio-mel when it reads one window of the long file."""
    config = sounds.MEL
    model = load("audio-mel")
    sample = modalities.get("audio").read(
        sounds.LONG, "long.wav", shape=config.input_shape, preprocess=config.preprocess, options={"start": start}
    )
    return model.trace(model.inputs(sample)).logits.softmax(-1).numpy()


def test_json_holds_every_window_as_reading_it_alone_answers() -> None:
    result = run("scan", "long.wav", "-c", "audio-mel", "--every", "0.5", "--top", "2", "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert (values["file"], values["model"], values["sample"]) == ("long.wav", "audio-mel", "long.wav")
    assert values["seconds"] == 1.0
    windows = values["windows"]
    assert [window["start"] for window in windows] == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert [window["stop"] - window["start"] for window in windows] == [1.0] * 9
    assert [window["silent"] for window in windows] == [False, False, True, *[False] * 6]
    for window in windows:
        expected = answer(window["start"])
        assert [one["class"] for one in window["predictions"]] == np.argsort(-expected)[:2].tolist()
        assert window["predictions"][0]["probability"] == pytest.approx(float(expected.max()), rel=1e-3)
    stretches = values["stretches"]
    assert sum(stretch["windows"] for stretch in stretches) == 9
    assert [(s["start"], s["stop"]) for s in stretches if s["label"] is None] == [(1.0, 1.5)]
    assert stretches[-1]["stop"] == 5.0


def test_csv_has_a_line_for_every_window_and_class() -> None:
    result = run("scan", "long.wav", "-c", "audio-raw", "--csv", "--top", "3")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0]) == ["start", "stop", "silent", "rank", "label", "probability", "padding"]
    assert [float(row["start"]) for row in rows] == [float(i) for i in range(5) for _ in range(3)]
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 5
    assert {row["silent"] for row in rows if row["start"] == "1.0"} == {"1"}
    for i in range(0, 15, 3):
        assert {row["label"] for row in rows[i : i + 3]} == set(sounds.LABELS)
        assert sum(float(row["probability"]) for row in rows[i : i + 3]) == pytest.approx(1, abs=1e-5)


def test_for_people_stretches_of_one_answer_are_listed() -> None:
    result = run("scan", "long.wav", "-c", "audio-mel")
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert head == "long.wav (audio-mel)"
    assert any("1.0 s  to     2.0 s  no signal" in line for line in lines)
    assert lines[-1].split()[3] == "5.0"
    assert all("no signal" in line or any(class_name(label) in line for label in sounds.LABELS) for line in lines)


def test_without_a_name_the_first_checkpoint_for_sounds_is_taken() -> None:
    assert run("scan", "long.wav").stdout.startswith("long.wav (audio-mel)")


def test_what_was_changed_is_said_beside_the_result() -> None:
    Path("short.wav").write_bytes(sounds.wav(sounds.tones(300)[: sounds.RATE // 4]))
    result = run("scan", "short.wav", "-c", "audio-mel", "--csv")
    assert "short.wav: filled the end of the last window, 0.75 s, with silence" in result.stderr
    assert result.stdout.startswith("start,")
    notes = json.loads(run("scan", "short.wav", "-c", "audio-mel", "--json").stdout)["notes"]
    assert notes == ["filled the end of the last window, 0.75 s, with silence"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("photo.png",), "image-fourier reads its input whole, so there is nothing to scan along"),
        (("long.wav", "-c", "image-fourier"), "nothing to scan along"),
        (("photo.png", "-c", "audio-mel"), "photo.png"),
        (("missing.wav", "-c", "audio-mel"), "missing.wav cannot be read"),
        (("long.wav", "-c", "audio-mel", "--every", "0"), "must be above 0"),
    ],
)
def test_what_cannot_be_scanned_is_refused_in_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    result = run("scan", *arguments)
    assert result.exit_code == 2, result.output
    assert not result.stdout
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_two_forms_at_once_make_no_sense() -> None:
    assert run("scan", "long.wav", "--csv", "--json").exit_code == 2


def test_it_ends_where_the_sound_ends_and_reads_one_channel() -> None:
    """2.3 s in windows of 1 s: the last one is padded by 0.7 s. The second channel is silent."""
    sound = sounds.tones(300, 300, 300)[: round(2.3 * sounds.RATE)]
    soundfile.write("short.wav", np.stack([sound, np.zeros(len(sound))], axis=1), sounds.RATE)
    values = json.loads(run("scan", "short.wav", "-c", "audio-mel", "--json").stdout)
    assert [window["stop"] for window in values["windows"]] == [1.0, 2.0, 2.3]
    assert [window["padding"] for window in values["windows"]] == [0.0, 0.0, 0.7]
    assert values["stretches"][-1]["stop"] == 2.3
    rows = list(csv.DictReader(io.StringIO(run("scan", "short.wav", "-c", "audio-mel", "--csv").stdout)))
    assert [(row["stop"], row["padding"]) for row in rows[::3]] == [("1.0", "0.0"), ("2.0", "0.0"), ("2.3", "0.7")]
    assert "to     2.3 s" in run("scan", "short.wav", "-c", "audio-mel").stdout
    silent = json.loads(run("scan", "short.wav", "-c", "audio-mel", "--read", "channel=2", "--json").stdout)
    assert [window["silent"] for window in silent["windows"]] == [True] * 3
    assert "read channel 2 of its 2" in silent["notes"]
    result = run("scan", "short.wav", "-c", "audio-mel", "--read", "start=1")
    assert result.exit_code != 0
    assert "there is no option 'start'" in result.stderr
