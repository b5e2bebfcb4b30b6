"""Commands on videos: a checkpoint of perceiver-pytorch with three axes, and clips without their sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import perceiver
from perceiver.modalities import get
from tests.commands import refused, run, values
from tests.modalities.audiovisual.clips import clip, numbered, tone
from tests.modalities.video import lucidrains

pytest.importorskip("perceiver_pytorch")

CLIP = "clip.mp4"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints, converted; the second reads another number of frames, of a window of fixed length."""
    root = tmp_path_factory.mktemp("store")
    for name, shape, preprocess in (("video", lucidrains.SHAPE, {}), ("window", (3, 6, 8), {"seconds": 0.4})):
        file = lucidrains.write(tmp_path_factory.mktemp("theirs") / name, shape, **preprocess)
        perceiver.save(perceiver.load(file), root / name)
    return root


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.chdir(tmp_path)
    Path(CLIP).write_bytes(clip(numbered(), count=30, sound=tone(1.2), audio_codec="aac"))


def test_a_checkpoint_is_opened_as_it_is_and_answers_as_its_own_library() -> None:
    file = lucidrains.write(Path("theirs"))
    config = perceiver.load(file).config
    assert (config.modality, config.input_shape) == ("video", lucidrains.SHAPE)
    found = values("predict", CLIP, "-c", str(file))[0]
    sample = get("video").read(Path(CLIP).read_bytes(), CLIP, shape=lucidrains.SHAPE, preprocess={})
    theirs = dict(zip(lucidrains.LABELS, lucidrains.answer(file, sample.content).tolist(), strict=True))
    assert {row["label"]: row["logit"] for row in found["predictions"]} == pytest.approx(theirs, abs=1e-5)
    assert found["notes"] == list(sample.notes)


def test_a_model_of_one_channel_reads_brightness() -> None:
    file = lucidrains.write(Path("grey"), channels=1)
    assert perceiver.load(file).config.preprocess == {"channels": 1}
    assert len(values("predict", CLIP, "-c", str(file))[0]["predictions"]) == 3


def test_videos_are_taken_by_the_first_model_for_them_and_can_begin_later() -> None:
    found = values("predict", CLIP)[0]
    assert found["model"] == "video"
    assert values("predict", CLIP, "--read", "start=0.6")[0]["predictions"] != found["predictions"]
    assert "start cannot be 'end'" in refused("predict", CLIP, "--read", "start=end")


def test_maps_lie_on_frames_rows_and_columns() -> None:
    png, npz, _ = (Path(path) for path in values("maps", CLIP, "-c", "video", "-o", "out")[0]["written"])
    assert Image.open(png).width > 400
    with np.load(npz, allow_pickle=False) as file:
        assert file["maps"].shape == (2, *lucidrains.SHAPE)
        np.testing.assert_allclose(file["maps"].reshape(2, -1).sum(1), 1, atol=1e-4)
        np.testing.assert_allclose(file["time"], [0.15, 0.45, 0.75, 1.05])
        assert (len(file["rows"]), len(file["cols"])) == lucidrains.SHAPE[1:]
        assert json.loads(str(file["metadata"]))["axes"] == ["block", "time", "rows", "cols"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("maps", CLIP, "-o", "out", "--all-latents"),
        ("ablate", CLIP, "--low-pass", "2", "-o", "out"),
        ("ablate", CLIP, "--axis", "1", "-o", "out"),
        ("sweep", CLIP),
        ("permute", CLIP),
        ("permute", CLIP, "--shuffle", "blocks", "--size", "2"),
        ("explain", CLIP, "-o", "out", "--steps", "4"),
        ("latents", CLIP),
        ("faithfulness", CLIP, "--steps", "4"),
        ("encoding", "video", "-o", "out"),
        ("encoding", "video", "--at", "2,3,4"),
        ("compare", CLIP, "-c", "video", "-c", "window", "-o", "out"),
        ("tartan", CLIP, "-c", "video"),
        ("checkpoints", "video"),
    ],
    ids=lambda arguments: "-".join(arguments[:4]),
)
def test_every_command_takes_videos(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, *(("-c", "video") if arguments[0] in ("maps", "explain", "sweep") else ()))
    assert result.exit_code == 0, result.output


def test_answers_along_a_video() -> None:
    found = values("scan", CLIP, "-c", "window")
    assert [one["start"] for one in found["windows"]] == pytest.approx([0, 0.4, 0.8])
    one = values("predict", CLIP, "-c", "window", "--read", "start=0.4")[0]["predictions"][0]
    assert found["windows"][1]["predictions"][0]["probability"] == pytest.approx(one["probability"], abs=1e-5)
    assert "is read as one window, so there is nothing to scan along" in refused("scan", CLIP, "-c", "video")


def test_cards_name_the_hubs_task(store: Path) -> None:
    assert "pipeline_tag: video-classification" in (store / "video" / "README.md").read_text()
