"""Gravis Ultrasound patches: every kind of recording read, and notes played from them as plain loops would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float64

from dataset_builders.audio.notes import Note
from dataset_builders.audio.patches import Patches, read_config, read_patch
from dataset_builders.audio.soundfonts import RATE
from perceiver.errors import DataError

from .sounds import (
    LOOP,
    REVERSE,
    SIXTEEN_BIT,
    SUSTAIN,
    THERE_AND_BACK,
    UNSIGNED,
    Recording,
    patch,
    sine,
    sixteen_bit,
)

ATTACK = 96  # samples after which the fastest attack is over: 4080 steps at 63 x 44,100 a second take 1.5 ms
RISE = np.arange(2000) / 4000
BODY = sixteen_bit(RISE)


def note(key: int = 69, velocity: int = 127, held: float = 1.0, cents: float = 0.0, drum: bool = False) -> Note:
    return Note(5, key, velocity, held, cents, drum)


def heard(folder: Path, played: Note, *recordings: Recording, seconds: float = 0.02) -> Float64[np.ndarray, " samples"]:
    """The patch of these recordings playing a note."""
    path = folder / "made.pat"
    path.write_bytes(patch(*recordings))
    return Patches({5: path}, {69: path}).play(played, seconds).astype(np.float64)


def test_a_recording_at_its_own_pitch_and_rate_comes_back_sample_by_sample(tmp_path: Path) -> None:
    sound = heard(tmp_path, note(), Recording(BODY))
    assert len(sound) == 0.02 * RATE
    np.testing.assert_allclose(sound[ATTACK:], RISE[ATTACK : len(sound)], atol=1e-4)


@pytest.mark.parametrize(
    ("key", "cents", "rate", "speed"),
    [(81, 0, RATE, 2), (57, 0, RATE, 0.5), (69, 1200, RATE, 2), (69, 0, RATE // 2, 0.5), (76, 0, RATE, 2 ** (7 / 12))],
)
def test_it_is_read_faster_or_slower_for_another_note(
    tmp_path: Path, key: int, cents: float, rate: int, speed: float
) -> None:
    sound = heard(tmp_path, note(key, cents=cents), Recording(BODY, rate=rate))
    # On a straight line, what lies between two samples is on it too.
    np.testing.assert_allclose(sound[ATTACK:], speed * np.arange(ATTACK, len(sound)) / 4000, atol=1e-4)


@pytest.mark.parametrize("back", [False, True])
def test_the_loop_is_read_round_or_there_and_back(tmp_path: Path, back: bool) -> None:
    begin, end = 200, 260
    modes = SIXTEEN_BIT | SUSTAIN | LOOP | (THERE_AND_BACK if back else 0)
    sound = heard(tmp_path, note(), Recording(BODY, loop=(2 * begin, 2 * end), modes=modes))
    expected, at, step = [], 0, 1
    for _ in range(len(sound)):
        expected.append(RISE[at])
        at += step
        if at == end:
            at, step = (end, -1) if back else (begin, 1)
        if at == begin and step == -1:
            step = 1
    np.testing.assert_allclose(sound[ATTACK:], expected[ATTACK:], atol=1e-4)


def test_the_loop_may_begin_and_end_between_samples(tmp_path: Path) -> None:
    # Bounds of 200 + 8/16 and 260 + 4/16 samples: 59.75 samples later the same place comes again.
    recording = Recording(BODY, loop=(400, 520), fractions=4 << 4 | 8, modes=SIXTEEN_BIT | SUSTAIN | LOOP)
    sound = heard(tmp_path, note(), recording)
    np.testing.assert_allclose(sound[261:320], (np.arange(261, 320) - 59.75) / 4000, atol=1e-4)


def test_without_a_loop_it_ends(tmp_path: Path) -> None:
    sound = heard(tmp_path, note(), Recording(sixteen_bit(np.full(300, 0.5))))
    assert (sound[ATTACK:300] == 0.5).all()
    assert (sound[300:] == 0).all()


def test_all_kinds_of_numbers_are_read() -> None:
    values = np.array([-128, -1, 0, 127])
    bodies = {
        0: values.astype("i1"),
        UNSIGNED: (values + 128).astype("u1"),
        SIXTEEN_BIT: (values * 256).astype("<i2"),
        SIXTEEN_BIT | UNSIGNED: (values * 256 + 32768).astype("<u2"),
    }
    for modes, body in bodies.items():
        (recording,) = read_patch(patch(Recording(body.tobytes(), modes=modes)), "made.pat")
        assert recording.sound.tolist() == [-1, -1 / 128, 0, 127 / 128], modes


def test_the_envelope_holds_while_the_key_is_down_and_then_falls(tmp_path: Path) -> None:
    # Rate 0b10_001010: 10 x 44,100 / 64 steps a second; 256 steps are a factor of two.
    recording = Recording(sixteen_bit(np.full(48_000, 0.5)), rates=(63, 63, 63, 0b10001010, 63, 63))
    sound = heard(tmp_path, note(held=0.25), recording, seconds=0.5)
    down = RATE // 4
    np.testing.assert_allclose(sound[ATTACK:down], 0.5)
    time = np.arange(down, len(sound)) / RATE - 0.25
    np.testing.assert_allclose(sound[down:], 0.5 * 2 ** (-time * 10 * 44_100 / 64 / 256), rtol=1e-4)


def test_a_key_let_go_early_ends_the_fall_that_it_interrupts(tmp_path: Path) -> None:
    # From 255 to 239 at 1 x 44,100 / 512 steps a second takes 3 s; let go after 0.1 s the release begins at once.
    rates = (63, 63, 0b11000001, 0b10001010, 63, 63)
    recording = Recording(sixteen_bit(np.full(48_000, 0.5)), rates=rates, offsets=(255, 255, 239, 0, 0, 0))
    sound = heard(tmp_path, note(held=0.1), recording, seconds=0.2)
    level = 0.5 * 2 ** (-0.0985 * 44_100 / 512 / 256)
    np.testing.assert_allclose(sound[4800], level, rtol=1e-3)
    np.testing.assert_allclose(sound[9599] / sound[4800], 2 ** (-0.1 * 10 * 44_100 / 64 / 256), rtol=1e-3)


def test_an_envelope_that_is_not_sustained_does_not_wait_for_the_key(tmp_path: Path) -> None:
    recording = Recording(sixteen_bit(np.full(48_000, 0.5)), rates=(63, 63, 63, 0b10001010, 63, 63), modes=SIXTEEN_BIT)
    for held in (0.01, 1.0):
        sound = heard(tmp_path, note(held=held), recording, seconds=0.2)
        np.testing.assert_allclose(sound[9599] / sound[4799], 2 ** (-0.1 * 10 * 44_100 / 64 / 256), rtol=1e-3)


def test_a_rate_of_nothing_stays_where_it_is(tmp_path: Path) -> None:
    recording = Recording(
        sixteen_bit(np.full(48_000, 0.5)), rates=(63, 0, 63, 63, 63, 63), offsets=(255, 0, 0, 0, 0, 0)
    )
    assert heard(tmp_path, note(), recording)[-1] == 0.5


def test_a_softer_touch_is_softer(tmp_path: Path) -> None:
    loud, soft = (heard(tmp_path, note(velocity=v), Recording(BODY)) for v in (127, 64))
    np.testing.assert_allclose(soft, loud * (64 / 127) ** 2, rtol=1e-5)


def test_the_recording_is_chosen_by_its_range_and_else_by_its_pitch(tmp_path: Path) -> None:
    low = Recording(sixteen_bit(sine(220, RATE)), low=100, high=300, root=220)
    high = Recording(sixteen_bit(0.5 * sine(440, RATE)), low=300, high=500, root=440)
    # Key 52 is 165 Hz, key 71 494 Hz; key 76, 659 Hz, is in no range, and 440 Hz is nearer to it than 220 Hz.
    for key, loudest in ((52, 0.5), (71, 0.25), (76, 0.25)):
        sound = heard(tmp_path, note(key), low, high, seconds=0.1)
        assert np.abs(sound).max() == pytest.approx(loudest, rel=1e-2), key
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
        assert spectrum.argmax() * RATE / (1 << 18) == pytest.approx(440 * 2 ** ((key - 69) / 12), rel=2e-3)


def test_drums_sound_at_the_pitch_they_were_recorded_at(tmp_path: Path) -> None:
    sound = heard(tmp_path, note(drum=True), Recording(BODY, root=100.0))
    np.testing.assert_allclose(sound[ATTACK:], RISE[ATTACK : len(sound)], atol=1e-4)
    patches = Patches({5: tmp_path / "made.pat"}, {38: tmp_path / "made.pat", 42: tmp_path / "made.pat"})
    assert (patches.programs(drums=False), patches.programs(drums=True), patches.keys()) == ({5}, {0}, {38, 42})


def test_a_damaged_patch_is_named() -> None:
    good = patch(Recording(BODY))
    cases = {
        "no Gravis Ultrasound patch": b"RIFF" + good[4:],
        "ends in the middle of a recording's header": good[:300],
        "ends in the middle of a recording": good[:-1],
        "holds no recording": patch(),
        "is read backwards": patch(Recording(BODY, modes=SIXTEEN_BIT | REVERSE)),
        "without a rate, a pitch or a sound": patch(Recording(BODY, rate=0)),
    }
    for message, data in cases.items():
        with pytest.raises(DataError, match=rf"^made\.pat .*{message}"):
            read_patch(data, "made.pat")


def test_a_configuration_names_the_files_of_programs_and_drums() -> None:
    text = (
        "dir /usr/share\n# 9 no.pat\ndrumset 0\n\n 25\tDrum/025.pat \nbank 0\n 0\tTone/000.pat amp=120\n 7 Tone/7.pat\n"
    )
    assert read_config(text) == ({0: "Tone/000.pat", 7: "Tone/7.pat"}, {25: "Drum/025.pat"})
