"""Folders of clips as Kinetics and AudioSet are laid out: which files are whose, and a recipe trained on them."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from perceiver import DataError
from perceiver.checkpoints.cards.results import read_results
from perceiver.checkpoints.folder import read_config
from perceiver.cli import app
from perceiver.training import recipes
from perceiver.training.loop import Mix, _targets
from perceiver.training.sets import TEST, TRAIN, VAL, ClipFileSet, Examples, open_set
from perceiver.training.sets.clip_files import ENDINGS, is_clip_folder, mean_average_precision
from perceiver.training.sets.layouts import read_segments
from tests.modalities.audiovisual.clips import clip, level

FUSED = recipes.get("av-fused")


def write_clip(path: Path, grey: int = 0, seconds: float = 2.0) -> None:
    """A clip whose frames rise by one step of grey a second, from step `grey`."""
    count = round(10 * seconds)
    frames = [np.full((32, 32, 3), level(grey + i // 10), np.uint8) for i in range(count)]
    sound = 0.5 * np.sin(np.arange(round(16_000 * seconds)) / 5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clip(frames, fps=10, sound=sound, rate=16_000, container="mov" if path.suffix == ".mov" else "mp4",
                          audio_codec="pcm_s16le" if path.suffix == ".mov" else "aac"))  # fmt: skip


def write_list(path: Path, rows: Sequence[tuple[str, float, float, str]]) -> None:
    """A list of segments with AudioSet's comments, spaces and quotes."""
    lines = ["# Segments csv created Sun Mar  5 10:54:31 2017", "# YTID, start_seconds, end_seconds, positive_labels"]
    lines += [f'{name}, {start:.3f}, {stop:.3f}, "{labels}"' for name, start, stop, labels in rows]
    path.write_text("\n".join(lines) + "\n")


def opened(folder: Path, split: int) -> ClipFileSet:
    found = open_set(folder, split, FUSED.model)
    assert isinstance(found, ClipFileSet)
    return found


def greys(examples: Examples) -> list[int]:
    """The step of grey of the first patch of each clip."""
    return [round(((float(row[60, 0]) * 0.2 + 0.08) * 255 - 20) / 11) for row in examples.content]


def write_kinetics(folder: Path) -> Path:
    """Two clips of each of two classes to train on, and one to validate."""
    for place, name in enumerate(("juggling balls", "playing drums")):
        for split, count in (("train", 2), ("val", 1)):
            for number in range(count):
                write_clip(folder / split / name / f"{split}{number}_000010_000012.mp4", 6 * place)
    (folder / "kinetics_train.csv").write_text("label,youtube_id,time_start,time_end,split\n")
    return folder


def write_audioset(folder: Path) -> Path:
    """Two segments of one whole video, one cut segment, and one that cannot be had; one with two labels held out."""
    write_clip(folder / "clips" / "--whole_aaaa.mp4", seconds=8)
    write_clip(folder / "clips" / "cut-bbbbbbb_30.000.mov", 9)
    write_clip(folder / "clips" / "heldccccccc.mp4", 12)
    rows = [
        ("--whole_aaaa", 1.0, 3.0, "/m/dog"),
        ("--whole_aaaa", 5.0, 7.0, "/m/horn"),
        ("cut-bbbbbbb", 30.0, 32.0, "/m/horn,/m/dog"),
        ("gonedddddddd", 0.0, 10.0, "/m/dog"),
    ]
    write_list(folder / "balanced_train_segments.csv", rows)
    write_list(folder / "eval_segments.csv", [("heldccccccc", 70.0, 72.0, "/m/dog,/m/horn")])
    with (folder / "class_labels_indices.csv").open("w", newline="") as file:
        names = [["index", "mid", "display_name"], [0, "/m/horn", "Horn, toot"], [1, "/m/dog", "Dog"]]
        csv.writer(file).writerows([*names, [2, "/m/cat", "Cat"]])
    return folder


@pytest.fixture(scope="module")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_kinetics(tmp_path_factory.mktemp("kinetics"))


@pytest.fixture(scope="module")
def audioset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audioset(tmp_path_factory.mktemp("audioset"))


def test_class_folders_as_kinetics_has_them(kinetics: Path) -> None:
    train, held_out = opened(kinetics, TRAIN), opened(kinetics, TEST)
    assert train.classes == held_out.classes == ("juggling balls", "playing drums")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert greys(held_out.held_out()) == [0, 6]  # the middle 1.2 s begin at 0.4 s
    assert train.about.split == "The folder's own."
    assert opened(kinetics, VAL).files == held_out.files


def test_segments_as_audioset_lists_them(audioset: Path) -> None:
    train = opened(audioset, TRAIN)
    # Classes are in the order of their list, without those that no list of segments has.
    assert train.classes == ("Horn, toot", "Dog")
    assert train.labels.tolist() == [1, 0, 0]
    assert train.marked is not None
    assert train.marked.tolist() == [[False, True], [True, False], [True, True]]
    assert train.about.split == "By its lists. 1 of 4 segments are not there."
    # Of the whole video the middle windows of 1 to 3 s and of 5 to 7 s; the cut file is the segment.
    assert greys(train.held_out()) == [1, 5, 9]
    held_out = opened(audioset, TEST)
    assert greys(held_out.held_out()) == [12]  # named after the whole video, but shorter than its end
    with pytest.raises(DataError, match="no clips of its 0 segments"):
        opened(audioset, VAL)


def test_windows_lie_at_random_places_within_their_segment(audioset: Path) -> None:
    train = opened(audioset, TRAIN)
    plan = FUSED.for_data(train)
    assert plan.model.labels == ("Horn, toot", "Dog")
    still = dataclasses.replace(plan.augmentation, scale=(1.0, 1.0), shift=0.0, light=(1.0, 1.0))
    assert still.paired == 1
    batch = train.batch(24, still, torch.Generator().manual_seed(0))
    assert batch.labels is not None
    seen = {(int(group), grey) for group, grey in zip(batch.group, greys(batch), strict=True)}
    # 1.2 s within 1 to 3 s begin at 1.0 to 1.8 s; those within the cut clip of 2 s at 0 to 0.8 s.
    assert {grey for group, grey in seen if group == 0} == {1}
    assert {grey for group, grey in seen if group == 1} == {5}


def test_lists_without_a_split_in_their_names_are_split_by_identifier(tmp_path: Path) -> None:
    for number in range(30):
        write = tmp_path / f"video{number:06d}.mp4"
        write.write_bytes(b"not opened")
    write_list(tmp_path / "segments.csv", [(f"video{n:06d}", 0.0, 10.0, f"/m/{n % 2}") for n in range(30)])
    parts = [{file.path.name for file in read_segments(tmp_path, split, ENDINGS).files} for split in (0, 1, 2)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 30
    assert len(parts[TRAIN]) > len(parts[TEST]) > 0
    assert read_segments(tmp_path, TRAIN, ENDINGS).classes == ("/m/0", "/m/1")


@pytest.mark.parametrize(
    ("files", "is_one"),
    [
        ({"a/x.mp4": "", "b/y.webm": ""}, True),
        ({"a/x.mp4": ""}, False),
        ({"a/x.jpg": "", "b/y.jpg": ""}, False),
        ({"a/x.mp4": "", "b/y.mp4": "", "clips.npz": ""}, False),
        ({"eval_segments.csv": 'a, 0.0, 1.0, "/m/1"\n'}, True),
        ({"notes.csv": "label,youtube_id,time_start,time_end\n"}, False),
    ],
)
def test_which_folders_hold_clips(files: Mapping[str, str], is_one: bool, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert is_clip_folder(tmp_path) == is_one


@pytest.mark.parametrize("line", ['a, 3.0, 1.0, "/m/1"', 'a, 0.0, 1.0, ""', "a, 0.0", "a, x, 1.0, /m/1"])
def test_damaged_lists_are_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "eval_segments.csv").write_text(f'a, 0.0, 1.0, "/m/1"\n{line}\n')
    with pytest.raises(DataError, match=r"eval_segments\.csv is no list of segments"):
        read_segments(tmp_path, TEST, ENDINGS)


def test_a_damaged_clip_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.mp4").write_bytes(b"no clip")
    train = opened(tmp_path, TRAIN)
    with pytest.raises(DataError, match=r"x\.mp4 is not a clip that can be read"):
        train.held_out()


def test_several_labels_share_the_probability() -> None:
    marked = torch.tensor([[True, False, True], [False, True, False]])
    examples = Examples(torch.zeros(2, 1, 1), torch.tensor([0, 1]), torch.arange(2), labels=marked)
    assert examples.targets(3).tolist() == [[0.5, 0, 0.5], [0, 1, 0]]
    assert examples.right(torch.tensor([2, 2])).tolist() == [True, False]
    assert _targets(examples, None, 3).tolist() == examples.targets(3).tolist()
    mix = Mix(torch.tensor([0.75, 1.0]), torch.tensor([1, 0]))
    assert _targets(examples, mix, 3).tolist() == [[0.375, 0.25, 0.375], [0, 1, 0]]
    assert examples.at(slice(1, 2)).right(torch.tensor([1])).tolist() == [True]


def test_mean_average_precision_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random((20, 4)), rng.random((20, 4)) < 0.3
    labels[:, 3] = False
    precisions = []
    for column in range(3):
        order = np.argsort(-scores[:, column])
        found = labels[order, column]
        precisions.append(np.mean([found[: i + 1].mean() for i in range(20) if found[i]]))
    assert mean_average_precision(scores, labels) == pytest.approx(np.mean(precisions))
    assert mean_average_precision(np.ones((4, 1)), np.array([[True], [False], [False], [True]])) == pytest.approx(0.5)


def test_a_recipe_trains_on_a_folder_of_clips(kinetics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERCEIVER_DATA", str(tmp_path / "data"))
    small = dataclasses.replace(FUSED, teacher=None, precision="no")
    monkeypatch.setitem(recipes.RECIPES, "av-fused", small)
    command = ["train", "av-fused", "--data", str(kinetics), "--steps", "2", "--batch", "4", "-o", "run"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "held-out examples right" in done.output
    folder = tmp_path / "run" / "av-fused"
    assert read_config(folder).labels == ("juggling balls", "playing drums")
    results = read_results(folder)
    assert results is not None
    assert results.data.name == f"Clips of {kinetics.name}"
    assert results.held_out.total == 2
    assert math.isclose(sum(count for _, count in results.held_out.per_class.values()), 2)


def test_segments_with_several_labels_are_evaluated(
    audioset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = dataclasses.replace(FUSED, teacher=None, precision="no", mixup=0.5)
    monkeypatch.setitem(recipes.RECIPES, "av-fused", small)
    command = ["train", "av-fused", "--data", str(audioset), "--steps", "2", "--batch", "4", "-o", "run"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    results = read_results(tmp_path / "run" / "av-fused")
    assert results is not None
    # The one held-out clip has both labels, so that any answer is right and every precision is 1.
    assert results.held_out.accuracy == 1
    assert results.measures["Mean average precision"] == 1
    assert any("several labels" in caveat for caveat in results.caveats)
