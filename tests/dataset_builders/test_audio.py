"""The whole build of the sound data from three small packages, one of them played for real."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest
from jaxtyping import Float32, Int16

from dataset_builders import audio, build, frame
from dataset_builders.audio import banks, soundfonts
from dataset_builders.audio.banks import BANKS
from dataset_builders.audio.notes import FAMILIES, TEST, TRAIN, VAL, Note
from dataset_builders.audio.soundfonts import RATE
from dataset_builders.files import Manifest
from perceiver.errors import DataError

from .debian import Apt, silent
from .sounds import Recording, patch, sine, sixteen_bit

TONES = {family.programs[0]: f"Tone_000/{family.programs[0]:03}.pat" for family in FAMILIES if family.programs}
DRUMS = {key: f"Drum_000/{key:03}.pat" for key in (35, 38, 42, 46, 49)}
CLIPS = {"FluidR3_GM": {TRAIN: 2, VAL: 1}, "freepats": {TRAIN: 1, VAL: 1}, "TimGM6mb": {TEST: 2}}


class Font:
    """A sound font that plays sines, and of which one key of every other program is missing."""

    played: list[tuple[str, Note]]

    def __init__(self, path: Path) -> None:
        assert path.read_bytes() == b"a sound font"
        self._name = path.stem

    def __enter__(self) -> Font:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def programs(self, *, drums: bool) -> set[int]:
        return {0, 8} if drums else set(range(128))

    def keys(self) -> range:
        return range(128)

    def play(self, note: Note, seconds: float) -> Float32[np.ndarray, " samples"]:
        Font.played.append((self._name, note))
        loudness = 0.001 if note.key % 3 == 0 else note.velocity / 127
        return (loudness * sine(220, RATE, seconds)).astype(np.float32)


@pytest.fixture
def served(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> Apt:
    """The three packages; freepats holds a patch for the first program of each family and five drums."""
    made = patch(Recording(sixteen_bit(sine(440, 16_000, 0.5)), rate=16_000))
    config = "drumset 0\n" + "".join(f" {key}\t{name}\n" for key, name in DRUMS.items())
    config += "bank 0\n" + "".join(f" {key}\t{name}\n" for key, name in TONES.items())
    patches = {f"usr/share/midi/freepats/{name}": made for name in (*TONES.values(), *DRUMS.values())}
    files: Mapping[str, Mapping[str, bytes]] = {
        "fluid-soundfont-gm": {BANKS[0].file: b"a sound font"},
        "freepats": {BANKS[1].file: config.encode(), **patches},
        "timgm6mb-soundfont": {BANKS[2].file: b"a sound font"},
    }
    for name, contents in files.items():
        apt.serve(name, {**contents, f"usr/share/doc/{name}/copyright": f"licence of {name}".encode()})
    monkeypatch.setattr(audio, "BANKS", tuple(replace(bank, clips=CLIPS[bank.name]) for bank in BANKS))
    monkeypatch.setattr(audio, "require_player", lambda: None)
    monkeypatch.setattr(frame.metadata, "version", lambda name: "1.0")
    monkeypatch.setattr(banks, "SoundFont", Font)
    Font.played = []
    return apt


def make(folder: Path, *, force: bool = False) -> Path:
    return build(audio.data_set(), folder, progress=silent, force=force, workers=1)


def built(folder: Path) -> dict[str, np.ndarray]:
    with np.load(make(folder) / "audio.npz", allow_pickle=False) as file:
        return dict(file)


def test_the_build_makes_what_training_reads(served: Apt, tmp_path: Path) -> None:
    data = built(tmp_path)
    count = 11 * (2 + 1 + 1 + 1 + 2)
    assert (data["audio"].shape, data["audio"].dtype) == ((count, 16_000), np.int16)
    assert data["classes"].tolist() == [family.name for family in FAMILIES]
    for label in range(11):
        ours = data["label"] == label
        assert [(ours & (data["split"] == split)).sum() for split in (TRAIN, VAL, TEST)] == [3, 2, 2], label
    for name, sides in CLIPS.items():
        assert set(data["split"][data["bank"] == name].tolist()) == set(sides)
    notes = {name: data[name].shape for name in ("program", "note", "velocity", "held", "cents")}
    assert set(notes.values()) == {(count,)}


def test_the_test_has_a_bank_of_its_own_and_validation_its_own_notes(served: Apt, tmp_path: Path) -> None:
    data = built(tmp_path)
    assert set(data["bank"][data["split"] == TEST].tolist()) == {"TimGM6mb"}
    assert "TimGM6mb" not in data["bank"][data["split"] != TEST]
    cells = [
        {
            (bank, 0 if label == 3 else program, note)  # drums go by key, whatever the kit
            for bank, label, program, note, split in zip(
                *(data[name].tolist() for name in ("bank", "label", "program", "note", "split")), strict=True
            )
            if split == side
        }
        for side in (TRAIN, VAL)
    ]
    assert not cells[0] & cells[1]


def test_a_clip_begins_with_fifty_milliseconds_of_silence_and_has_the_same_peak(served: Apt, tmp_path: Path) -> None:
    data = built(tmp_path)
    sound = data["audio"].astype(int)
    # The filter that takes 48 kHz to 16 kHz lets a note begin at its first sample, and not before.
    assert (sound[:, :800] == 0).all()
    assert set(np.abs(sound).max(axis=1).tolist()) == {26_214}  # 0.8 of 32,767
    test = sound[data["split"] == TEST]
    expected = 26_214 * np.sin(2 * np.pi * 220 * np.arange(15_200) / 16_000)
    for clip in test:
        np.testing.assert_allclose(clip[1000:15_800], expected[200:15_000], atol=200)


def test_notes_that_a_bank_does_not_have_are_passed_over(served: Apt, tmp_path: Path) -> None:
    data = built(tmp_path)
    tried = {note.key % 3 for _, note in Font.played}
    assert tried == {0, 1, 2}
    fonts = data["bank"] != "freepats"
    assert set((data["note"][fonts] % 3).tolist()) == {1, 2}


def test_programs_whose_recordings_the_test_has_are_left_out(
    served: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {67, 68, 69, 75, 79} <= BANKS[1].left_out
    fluid, freepats, tim = audio.BANKS
    monkeypatch.setattr(audio, "BANKS", (fluid, replace(freepats, left_out=frozenset({32})), tim))
    with pytest.raises(DataError, match=r"freepats has no sounds of bass: it is of a version not known"):
        make(tmp_path)


def test_whose_the_sounds_are_lies_beside_them(served: Apt, tmp_path: Path) -> None:
    make(tmp_path)
    text = (tmp_path / "LICENCES-audio.md").read_text()
    assert "| FluidR3_GM | fluid-soundfont-gm | 1.0 | Frank Wen and contributors | MIT |" in text
    assert "| TimGM6mb | timgm6mb-soundfont | 1.0 | Tim Brechbill and David Bolton | GPL-2.0-only |" in text
    assert (tmp_path / "licences" / "freepats.txt").read_text() == "licence of freepats"
    entry = json.loads((tmp_path / "MANIFEST.json").read_text())["files"]["audio.npz"]
    assert entry["packages"]["freepats"]["version"] == "1.0"
    assert entry["licences"]["freepats"] == "GPL-2.0-or-later"
    assert entry["player"] == {"pyfluidsynth": "1.0"}
    assert entry["settings"]["clips"]["TimGM6mb"] == {"test": 2}
    Manifest.read(tmp_path).verify()


def test_a_second_build_does_nothing_and_a_damaged_file_is_made_again_alike(served: Apt, tmp_path: Path) -> None:
    first = built(tmp_path)
    Font.played.clear()
    served.forget_calls()
    make(tmp_path)
    assert (Font.played, served.calls) == ([], [])
    (tmp_path / "LICENCES-audio.md").write_text("damaged")
    make(tmp_path)
    assert Font.played == []
    (tmp_path / "audio.npz").write_bytes(b"damaged")
    again = built(tmp_path)
    assert served.calls == []
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array)
    Font.played.clear()
    make(tmp_path, force=True)
    assert Font.played


def test_a_package_without_its_bank_is_named(served: Apt, tmp_path: Path) -> None:
    served.serve("timgm6mb-soundfont", {"usr/share/other": b""})
    with pytest.raises(DataError, match=r"timgm6mb-soundfont_1\.0_all\.deb has no file usr/share/sounds/sf2/TimGM6mb"):
        make(tmp_path)
    assert not (tmp_path / "audio.npz").exists()


def test_without_a_player_nothing_is_downloaded(served: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(audio, "require_player", soundfonts.require_player)
    monkeypatch.setattr(soundfonts.importlib, "import_module", no_module)
    with pytest.raises(DataError, match="needs the FluidSynth library"):
        make(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_a_silent_sound_is_no_clip() -> None:
    assert audio._clip(np.zeros(45_600, np.float32)) is None
    quiet: Int16[np.ndarray, " samples"] | None = audio._clip((0.01 * sine(220, RATE, 0.95)).astype(np.float32))
    assert quiet is not None
    assert np.abs(quiet).max() == 26_214
