"""Sound fonts made by hand and played by FluidSynth itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_builders.audio import soundfonts
from dataset_builders.audio.notes import Note
from dataset_builders.audio.soundfonts import RATE, SoundFont, require_player
from perceiver.errors import DataError

from .sounds import sine, sound_font

KEY = 60
HERTZ = 440 * 2 ** ((KEY - 69) / 12)
PRESETS = ((0, 3), (0, 70), (128, 8))


@pytest.fixture
def font(tmp_path: Path) -> Path:
    pytest.importorskip("fluidsynth", reason="the FluidSynth library is not installed", exc_type=ImportError)
    path = tmp_path / "made.sf2"
    # Whole periods, so that the loop is smooth: 100 at 261.6 Hz.
    path.write_bytes(sound_font(sine(HERTZ, RATE, 100 / HERTZ), RATE, KEY, PRESETS))
    return path


def note(key: int = KEY, velocity: int = 127, held: float = 1.0, cents: float = 0.0, drum: bool = False) -> Note:
    return Note(8 if drum else 3, key, velocity, held, cents, drum)


def test_it_knows_its_programs_and_kits(font: Path) -> None:
    with SoundFont(font) as player:
        assert (player.programs(drums=False), player.programs(drums=True)) == ({3, 70}, {8})
        assert set(range(35, 82)) <= set(player.keys())


@pytest.mark.parametrize(
    ("played", "semitones"),
    [(note(), 0), (note(72), 12), (note(cents=-40), -0.4), (note(55), -5), (note(64, drum=True), 4)],
)
def test_a_note_has_the_pitch_of_its_key(font: Path, played: Note, semitones: float) -> None:
    with SoundFont(font) as player:
        sound = player.play(played, 0.5)
    assert (len(sound), sound.dtype) == (RATE // 2, np.float32)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 20))
    assert spectrum.argmax() * RATE / (1 << 20) == pytest.approx(HERTZ * 2 ** (semitones / 12), rel=1e-3)
    assert np.abs(sound[:480]).max() > 0.01


def test_it_falls_silent_when_the_key_is_let_go(font: Path) -> None:
    with SoundFont(font) as player:
        sound = player.play(note(held=0.2), 0.5)
    assert np.abs(sound[: RATE // 5]).max() > 100 * np.abs(sound[RATE * 2 // 5 :]).max()


def test_one_note_leaves_nothing_to_the_next(font: Path) -> None:
    with SoundFont(font) as player:
        player.play(note(40), 0.2)  # the first use of a voice is a little softer in its first millisecond
        first = player.play(note(), 0.2)
        player.play(note(90, cents=100.0), 0.2111)
        # FluidSynth rounds to 16 bits with a noise that goes on from note to note.
        np.testing.assert_allclose(player.play(note(), 0.2), first, atol=2 / 32768)


def test_a_softer_touch_is_softer_and_no_program_is_silent(font: Path) -> None:
    with SoundFont(font) as player:
        loud, soft = (np.abs(player.play(note(velocity=velocity), 0.2)).max() for velocity in (120, 50))
        assert loud > 2 * soft > 0
        assert np.abs(player.play(Note(99, KEY, 100, 1.0, 0.0, False), 0.2)).max() < 2 / 32768


def test_a_file_that_is_no_sound_font_is_named(font: Path) -> None:
    font.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(DataError, match=r"made\.sf2 is no sound font that FluidSynth can read"):
        SoundFont(font)


def test_what_is_missing_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, message in (
        (ModuleNotFoundError("fluidsynth"), r"needs pyfluidsynth; install it with `pip install"),
        (ImportError("no library"), r"needs the FluidSynth library; install it with `apt-get install libfluidsynth3`"),
    ):

        def fail(name: str, error: ImportError = error) -> None:
            raise error

        monkeypatch.setattr(soundfonts.importlib, "import_module", fail)
        with pytest.raises(DataError, match=message):
            require_player()
