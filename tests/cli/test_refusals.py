"""What commands say of values that make no sense, and that no command writes over the files of another."""

from __future__ import annotations

import csv
import io
import re
import shlex
import socket
from pathlib import Path

import click
import pytest
import typer.main

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.analysis.target_class import find_class
from perceiver.checkpoints import BundledCheckpoints
from perceiver.cli import app
from perceiver.cli.console import LONGEST_PART, settings_part
from perceiver.installation import bundle_folder
from perceiver.lens import best_checkpoint
from tests.app import clouds, folder, sounds
from tests.commands import PHOTO, refused, run, stand_in, values
from tests.modalities.audiovisual.clips import clip, numbered


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = clouds.build(folder.build(tmp_path_factory.mktemp("checkpoints")))
    config = PerceiverConfig.from_dict(folder.ONE_HEAD.to_dict() | {"labels": ()})
    perceiver.save(Perceiver(config), root / "nameless", origin=["Converted from theirs.pt.", "Theirs is MIT."])
    return root


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(store, tmp_path, monkeypatch)


def test_classes_without_names_go_by_what_is_shown() -> None:
    shown = values("predict", PHOTO, "-c", "nameless")[0]["predictions"]
    for row in shown:
        assert row["label"] == f"class {row['class']}"
        for name in (row["label"], str(row["class"])):
            out = values("ablate", PHOTO, "-c", "nameless", "--low-pass", "1", "--class", name)
            assert out[0]["target"]["class"] == row["class"]
    assert "its classes are class 0 to class 2" in refused("explain", PHOTO, "-c", "nameless", "--class", "3")


def test_an_unknown_class_is_refused_with_the_file_the_classes_and_a_way_out() -> None:
    said = refused("explain", PHOTO, "--class", "chair")
    assert said.startswith(f"{PHOTO}: image-fourier has no class 'chair'; it has {', '.join(folder.LABELS)}")
    assert said.endswith("-c chooses another checkpoint, and 'perceiver checkpoints' lists them")


def test_indices_count_from_one() -> None:
    for arguments, said in (
        (("maps", PHOTO, "-o", "m", "-c", "image-fourier", "--latent", "7"), "no latent 7; they run from 1 to 6"),
        (("maps", PHOTO, "-o", "m", "-c", "image-fourier", "--head", "2"), "no head 2; they run from 1 to 1"),
        (("latents", PHOTO, "--block", "9"), "no cross-attention in block 9; they run from 1 to 3"),
        (("ablate", PHOTO, "--axis", "3"), "no axis 3; they run from 1 to 2"),
        (("ablate", PHOTO, "--band", "5"), "no band 5; they run from 1 to 4"),
        (("tartan", PHOTO, "-c", "image-fourier", "--head", "2"), "no head 2; they run from 1 to 1"),
    ):
        assert said in refused(*arguments)


def test_ranges_that_hold_nothing_are_refused() -> None:
    assert "the lower frequency comes first" in refused("ablate", PHOTO, "--keep", "8", "1")
    assert "high_pass is 99; it must be a whole number from 0 to 4" in refused("ablate", PHOTO, "--high-pass", "99")


def test_checkpoints_and_their_options_are_named_rightly(store: Path) -> None:
    said = refused("predict", PHOTO, "-c", "image-fourier", "--arguments", "/nonexist")
    assert said == "/nonexist is missing; --arguments names a JSON file"
    assert "'' is neither" in refused("predict", PHOTO, "-c", "")
    assert refused("predict", PHOTO, "--read", "start=3").startswith(f"{PHOTO}: there is no option 'start'")
    at = str(store / "image-fourier")
    assert run("checkpoints", at).stdout == run("checkpoints", "image-fourier").stdout
    assert values("checkpoints", at)["config"] == values("checkpoints", "image-fourier")["config"]
    assert "no checkpoint is called" in refused("checkpoints", "nothing-here")


def test_the_origin_of_converted_weights_is_no_licence() -> None:
    rows = dict(
        re.split(r"  +", line, maxsplit=1) for line in run("checkpoints", "info", "nameless").stdout.splitlines()
    )
    assert rows["Origin"] == "Converted from theirs.pt. Theirs is MIT."
    assert "Licence" not in rows
    about = values("checkpoints", "info", "nameless")
    assert (about["origin"], about["credit"]) == ("Converted from theirs.pt. Theirs is MIT.", "")
    # What is converted again keeps it.
    assert run("convert", "nameless", "again").exit_code == 0
    assert "- Converted from theirs.pt. Theirs is MIT." in Path("again/README.md").read_text()


def test_a_video_that_no_checkpoint_is_meant_for_names_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(sounds.build(Path("sounds"))))
    Path("clip.mp4").write_bytes(clip(numbered(), count=5))
    said = refused("predict", "clip.mp4")
    assert "no sound track" in said
    assert said.endswith("meant for videos: name one that is with -c, such as deepmind/multimodal-perceiver")


class TestNames:
    def test_settings_are_part_of_a_name(self) -> None:
        assert settings_part(latent=None, whole=False) == ""
        assert settings_part("up=z", latent=12, kind="score", all=True) == ".up-z.latent-12.kind-score.all"
        assert settings_part(keep=(1.0, 8.0), class_="bed/cot") == ".keep-1.0-8.0.class-bed-cot"
        long, other = (settings_part(remove="b1:1.3.5," * 30 + end) for end in ("x1", "x2"))
        assert long != other
        assert len(long) == len(other) == LONGEST_PART

    def test_no_command_writes_over_another(self) -> None:
        seen: set[str] = set()
        for arguments in (
            ("maps", PHOTO, "--format", "npz"),
            ("maps", PHOTO, "--format", "npz", "--latent", "2"),
            ("maps", PHOTO, "--format", "npz", "--latent", "2", "--kind", "score"),
            ("maps", PHOTO, "--format", "npz", "--all-latents"),
            ("maps", PHOTO, "--format", "npz", "--reduce", "max"),
            ("maps", PHOTO, "--format", "png", "--scale", "log"),
            ("maps", PHOTO, "--format", "png", "--colours", "greys"),
            ("ablate", PHOTO, "--format", "json", "--low-pass", "1"),
            ("ablate", PHOTO, "--format", "json", "--low-pass", "2"),
            ("ablate", PHOTO, "--format", "json", "--low-pass", "2", "--fill", "mean"),
            ("explain", PHOTO, "--format", "json", "--method", "attention"),
            ("explain", PHOTO, "--format", "json", "--method", "attention", "--class", "lamp"),
            ("compare", PHOTO, "--format", "json", "-c", "image-fourier", "-c", "image-learned"),
            ("compare", PHOTO, "--format", "json", "-c", "image-fourier", "-c", "nameless"),
            ("compare", PHOTO, "--format", "json", "-c", "image-fourier", "-c", "nameless", "--kind", "score"),
        ):
            (result,) = values(*arguments, "-o", "out")
            assert not seen & set(result["written"]), arguments
            seen |= set(result["written"])
        for at in ("1,1", "2,2"):
            written = values("encoding", "image-fourier", "--at", at, "-o", "out")["written"]
            assert not seen & set(written)
            seen |= set(written)
        assert {str(path) for path in Path("out").iterdir()} == seen

    def test_names_of_default_settings_are_short(self) -> None:
        (result,) = values("maps", PHOTO, "-o", "out", "-c", "image-fourier")
        assert result["written"] == [f"out/photo.image-fourier.{form}" for form in ("png", "npz", "json")]

    def test_predictions_do_not_depend_on_the_map(self) -> None:
        (result,) = values("maps", PHOTO, "-o", "out", "--latent", "2", "--scale", "log", "--format", "png,npz,json")
        names = {Path(path).name for path in result["written"]}
        assert names == {
            "photo.image-fourier.latent-2.scale-log.png",
            "photo.image-fourier.latent-2.npz",
            "photo.image-fourier.json",
        }


def test_columns_of_a_sweep_say_that_they_are_changes() -> None:
    rows = list(csv.DictReader(io.StringIO(run("sweep", PHOTO, "--class", "lamp", "--csv").stdout)))
    before = {row["label"]: row["logit"] for row in values("predict", PHOTO)[0]["predictions"]}
    (ablated,) = values("ablate", PHOTO, "--remove", rows[0]["ablation"], "--class", "lamp")
    after = next(row for row in ablated["classes"] if row["label"] == "lamp")["logit_after"]
    assert float(rows[0]["logit_change"]) == pytest.approx(after - before["lamp"], abs=1e-4)
    assert "logit" not in rows[0]


def _examples() -> list[list[str]]:
    """The command lines in the help of all commands."""
    found = []

    def collect(command: click.Command) -> None:
        lines = (command.epilog or "").splitlines()
        found.extend(
            shlex.split(line.strip().split(" > ")[0]) for line in lines if line.strip().startswith("perceiver ")
        )
        for one in getattr(command, "commands", {}).values():
            collect(one)

    collect(typer.main.get_command(app))
    return found


def test_examples_in_the_help_name_classes_that_their_checkpoint_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(bundle_folder() / "checkpoints"))
    checked = 0
    for words in _examples():
        named = [words[i + 1] for i, word in enumerate(words) if word in ("--class", "--against")]
        if not named or "evaluate" in words:  # there --against names a checkpoint
            continue
        file = next(word for word in words if "." in word)
        source = words[words.index("-c") + 1] if "-c" in words else best_checkpoint(file.replace("*", "x"))
        for name in named:
            find_class(name, BundledCheckpoints().config(source))
            checked += 1
    assert checked >= 4


class TestServing:
    def test_what_cannot_be_listened_on_is_said_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.execv", lambda *_: pytest.fail("the server was started"))
        assert "300.1.1.1 is no address" in refused("app", "--address", "300.1.1.1")
        # Of the block for documents, which is no machine's.
        assert "192.0.2.1 is not an address of this machine" in refused("app", "--address", "192.0.2.1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for address in ("127.0.0.1", "localhost", "0.0.0.0"):
                said = refused("app", "--address", address, "--port", str(port))
                assert f"port {port} is in use" in said
                assert "--port" in said

    def test_a_free_port_is_served(self, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[list[str]] = []
        monkeypatch.setattr("os.execv", lambda path, command: started.append(command))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        assert run("app", "--port", str(port)).exit_code == 0
        assert str(port) in started[0]
