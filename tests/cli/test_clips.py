"""Commands on clips."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.modalities.audiovisual.settings import ClipSettings
from perceiver.positions import FourierConfig, SegmentConfig
from tests.commands import refused, run, values
from tests.modalities.audiovisual.clips import clip, numbered, tone

PREPARED = {"frames": 4, "height": 16, "width": 24, "patch": 4, "rate": 8000, "samples": 1280, "samples_per_patch": 16}
CLIP = "clip.mp4"


FOURIER = [FourierConfig(3, top) for top in ((80.0,), (4.0, 4.0, 6.0))]
CONFIG = PerceiverConfig(
    num_classes=3,
    modality="audiovisual",
    input_shape=ClipSettings.of(PREPARED).shape,
    content_channels=48,
    segments=(
        SegmentConfig("audio", (80,), 16, FOURIER[0]),
        SegmentConfig("video", (4, 4, 6), 48, FOURIER[1]),
        SegmentConfig("label", (1,)),
    ),
    padded_to=72,
    labels=("clapping", "juggling", "whistling"),
    num_latents=4,
    latent_dim=8,
    plan=((0, 0), (1, 0)),
    self_attends=1,
    self_heads=2,
    latent_init_scale=1.0,
    preprocess=PREPARED,
)
"""80 elements of sound, 4 x 4 x 6 of video, one in the label's place."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One checkpoint of clips."""
    root = tmp_path_factory.mktemp("store")
    torch.manual_seed(0)
    perceiver.save(Perceiver(CONFIG), root / "clips")
    return root


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.chdir(tmp_path)
    Path(CLIP).write_bytes(clip(numbered(), count=30, sound=tone(1.2), audio_codec="aac"))


def test_predicting_names_the_class_and_says_what_was_read() -> None:
    found = values("predict", CLIP)[0]
    assert sum(row["probability"] for row in found["predictions"]) == pytest.approx(1)
    assert {row["label"] for row in found["predictions"]} == {"clapping", "juggling", "whistling"}
    assert "read 0.16 s of its 1.20 s, from 0.52 s on, its middle" in found["notes"]
    later = values("predict", CLIP, "--read", "start=1")[0]
    assert later["predictions"][0]["logit"] != found["predictions"][0]["logit"]


def test_maps_are_written_part_by_part() -> None:
    written = [Path(path) for path in values("maps", CLIP, "-o", "out")[0]["written"]]
    png, npz, _ = written
    assert Image.open(png).width > 400
    with np.load(npz, allow_pickle=False) as file:
        shapes = {name: file[name].shape for name in file}
        metadata = json.loads(str(file["metadata"]))
        total = sum(file[f"maps_{part}"].reshape(2, -1).sum(1) for part in ("audio", "video", "label"))
        np.testing.assert_allclose(file["audio_time"][[0, -1]], [0.521, 0.679], atol=1e-9)
        assert file["position_video"][3, 0, 5].tolist() == [1, -1, 1]
    assert shapes["maps_audio"] == (2, 80)
    assert shapes["maps_video"] == (2, 4, 4, 6)
    assert shapes["maps_label"] == (2, 1)
    assert (shapes["box_audio"], shapes["box_video"]) == ((1, 2), (3, 2))
    np.testing.assert_allclose(total, 1, atol=1e-4)
    assert metadata["parts"] == {"audio": [80], "video": [4, 4, 6], "label": [1]}
    every = values("maps", CLIP, "-o", "every", "--format", "npz", "--all-latents")[0]["written"][0]
    with np.load(every, allow_pickle=False) as file:
        assert file["maps_video"].shape == (2, 4, 4, 4, 6)


def test_maps_are_written_as_they_play() -> None:
    gif, mp4 = (Path(path) for path in values("maps", CLIP, "-o", "out", "--format", "mp4,gif")[0]["written"])
    with av.open(str(mp4)) as file:
        assert file.streams.audio
        assert file.duration / av.time_base == pytest.approx(0.16, abs=0.05)
    assert Image.open(gif).n_frames == 4


def test_frequencies_go_from_one_part_alone() -> None:
    found = values("ablate", CLIP, "--axis", "3", "-o", "out")[0]
    with np.load(found["written"][-2], allow_pickle=False) as file:
        assert file["before_audio"].shape == (2, 80)
    assert found["ablation"] == "b3:1-3,x3"
    assert "clips has 3 bands on each axis" in refused("ablate", CLIP, "--low-pass", "9")


def test_a_part_of_the_input_is_taken_away() -> None:
    found = values("ablate", CLIP, "--without", "audio", "-o", "out", "--format", "npz,json")[0]
    assert found["ablation"] == "no-audio"
    with np.load(found["written"][0], allow_pickle=False) as file:
        assert not file["after_audio"].any()
        total = sum(file[f"after_{part}"].reshape(2, -1).sum(1) for part in ("audio", "video", "label"))
        np.testing.assert_allclose(total, 1, atol=1e-5)
    assert "taken away: all elements of video" in run("ablate", CLIP, "--without", "video").output
    assert "its parts are audio, video" in refused("ablate", CLIP, "--without", "smell")


def test_the_other_commands_take_clips() -> None:
    for arguments in (
        ("explain", CLIP, "-o", "out", "--steps", "4"),
        ("latents", CLIP),
        ("faithfulness", CLIP, "--steps", "4"),
        ("sweep", CLIP),
        ("permute", CLIP),
        ("encoding", "clips", "-o", "out"),
        ("encoding", "clips", CLIP, "--at", "7"),
        ("tartan", CLIP, "-c", "clips"),
    ):
        result = run(*arguments)
        assert result.exit_code == 0, (arguments, result.output)


def test_answers_along_a_clip() -> None:
    found = values("scan", CLIP, "-c", "clips", "--every", "0.5")
    assert [(one["start"], one["stop"]) for one in found["windows"]] == [(0, 0.16), (0.5, 0.66), (1, 1.16)]
    one = values("predict", CLIP, "--read", "start=0.5")[0]["predictions"][0]
    assert found["windows"][1]["predictions"][0]["probability"] == pytest.approx(one["probability"], abs=1e-5)
    end_to_end = values("scan", CLIP, "-c", "clips")
    assert len(end_to_end["windows"]) == 8
    assert end_to_end["notes"] == ["filled the end of the last window, 0.08 s, with its last frame"]
    assert "the time between them must be above 0" in refused("scan", CLIP, "-c", "clips", "--every", "0")


def test_what_is_no_clip_is_refused() -> None:
    Path("photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 60)
    assert refused("predict", "photo.png", "-c", "clips") == "photo.png is a PNG picture, not a clip"


def test_options_that_a_clip_does_not_have_are_refused_with_their_cause_alone() -> None:
    said = refused("predict", CLIP, "--read", "start=9")
    assert said == "clip.mp4 is 1.20 s long, so a window cannot begin at 9.00 s"
    said = refused("predict", CLIP, "--read", "channel=1e300")
    assert said == "clip.mp4: channel cannot be '1e300'; numbers of it go up to 1,000,000,000"
