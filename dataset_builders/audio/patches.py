"""Renders notes from Gravis Ultrasound patches, the format of freepats.

A patch holds recordings of one instrument at several pitches. The recording whose range contains the note is resampled
to its pitch and looped, with an envelope of six linear segments in loudness. Tremolo and vibrato are not implemented.

FluidSynth does not support this format, and TiMidity plays MIDI files only, not single notes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from perceiver.errors import DataError

from .notes import Note
from .soundfonts import RATE

_MAGIC = b"GF1PATCH110\0ID#000002\0"
_SAMPLES_AT, _FIRST_AT = 198, 239  # offsets of the number of recordings, and of the first one's header
_HEADER = struct.Struct("<7xB3IH3I3x6B6B6xB40x")
_SIXTEEN_BIT, _UNSIGNED, _LOOP, _THERE_AND_BACK, _REVERSE, _SUSTAIN = (1 << bit for bit in range(6))

_CHIP_RATE = 44_100  # envelope steps a second at the fastest setting
_DOUBLING, _LOUDEST = 256, 4080.0  # steps of loudness that double the amplitude, and the highest that can be set


@dataclass(frozen=True)
class _Recording:
    """One recording: its sound, the loop in samples, frequencies in Hz, and the six segments of its envelope."""

    sound: Float32[np.ndarray, " samples"]
    loop: tuple[float, float] | None
    there_and_back: bool
    rate: int
    low: float
    high: float
    root: float
    levels: tuple[float, ...]
    slopes: tuple[float, ...]
    sustained: bool


class Patches:
    """The patches of a bank, by program and by drum key, each loaded on first use."""

    def __init__(self, tones: Mapping[int, Path], drums: Mapping[int, Path]) -> None:
        self._paths = {False: dict(tones), True: dict(drums)}
        self._read: dict[Path, list[_Recording]] = {}

    def programs(self, *, drums: bool) -> set[int]:
        """The programs, or the one drum kit, that the bank has."""
        return {0} if drums else set(self._paths[False])

    def keys(self) -> set[int]:
        """The keys of the drums."""
        return set(self._paths[True])

    def play(self, note: Note, seconds: float) -> Float32[np.ndarray, " samples"]:
        """Renders a note from its onset at RATE samples per second, mono, with 1 as full scale.

        Drums keep their recorded pitch. Raises DataError if the patch is damaged.
        """
        path = self._paths[note.drum][note.key if note.drum else note.program]
        if path not in self._read:
            self._read[path] = read_patch(path.read_bytes(), path.name)
        recordings, detuning = self._read[path], 2 ** (note.cents / 1200)
        if note.drum:
            recording, pitch = recordings[0], detuning
        else:
            frequency = 440 * 2 ** ((note.key - 69) / 12)
            recording = _nearest(recordings, frequency)
            pitch = frequency / recording.root * detuning
        at = np.arange(round(seconds * RATE))
        sound = _read_at(recording, at * (recording.rate * pitch / RATE))
        sound *= _envelope(recording, at / RATE, note.held)
        return (sound * (note.velocity / 127) ** 2).astype(np.float32)


def read_config(text: str) -> tuple[dict[int, str], dict[int, str]]:
    """The files of a bank's programs and of its drums, from a configuration of TiMidity."""
    found: dict[str, dict[int, str]] = {"bank": {}, "drumset": {}}
    current = found["bank"]
    for line in text.splitlines():
        if match := re.match(r"(bank|drumset)\s+0\s*$", line):
            current = found[match[1]]
        elif match := re.match(r"\s*(\d+)\s+(\S+\.pat)\b", line):
            current[int(match[1])] = match[2]
    return found["bank"], found["drumset"]


def read_patch(data: bytes, name: str) -> list[_Recording]:
    """The recordings of a patch. Raises DataError, naming `name`, if it is damaged or of an unknown kind."""
    if not data.startswith(_MAGIC) or len(data) < _FIRST_AT:
        raise DataError(f"{name} is no Gravis Ultrasound patch")
    at, found = _FIRST_AT, []
    for _ in range(data[_SAMPLES_AT]):
        if at + _HEADER.size > len(data):
            raise DataError(f"{name} ends in the middle of a recording's header")
        fields = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        body = data[at : at + fields[1]]
        at += len(body)
        if len(body) < fields[1]:
            raise DataError(f"{name} ends in the middle of a recording")
        found.append(_recording(fields, body, name))
    if not found:
        raise DataError(f"{name} holds no recording")
    return found


def _recording(fields: tuple[int, ...], body: bytes, name: str) -> _Recording:
    fractions, _, start, end, rate, low, high, root, *rest = fields
    rates, offsets, modes = rest[:6], rest[6:12], rest[12]
    if modes & _REVERSE:
        raise DataError(f"{name} is read backwards, which the builder was not written for")
    width = 2 if modes & _SIXTEEN_BIT else 1
    sound = np.frombuffer(body[: len(body) // width * width], "<i2" if width == 2 else "i1").astype(np.float32)
    sound /= np.float32(1 << (8 * width - 1))
    if modes & _UNSIGNED:
        sound = np.where(sound < 0, sound + 1, sound - 1)
    begin, finish = start / width + (fractions & 15) / 16, end / width + (fractions >> 4) / 16
    loop = (begin, finish) if modes & _LOOP and 0 <= begin < finish <= len(sound) else None
    if not rate or not root or not len(sound):
        raise DataError(f"{name} holds a recording without a rate, a pitch or a sound")
    return _Recording(
        sound,
        loop,
        bool(modes & _THERE_AND_BACK),
        rate,
        low / 1000,
        high / 1000,
        root / 1000,
        levels=tuple(16.0 * value for value in offsets),
        slopes=tuple((value & 63) * _CHIP_RATE / 8 ** (value >> 6) for value in rates),
        sustained=bool(modes & _SUSTAIN),
    )


def _nearest(recordings: list[_Recording], frequency: float) -> _Recording:
    """The recording whose range contains the frequency, else the one with the nearest pitch."""
    for recording in recordings:
        if recording.low <= frequency <= recording.high:
            return recording
    return min(recordings, key=lambda recording: abs(np.log(recording.root / frequency)))


def _read_at(recording: _Recording, place: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The recording at fractional positions: linear interpolation, looped, silent after its end."""
    sound = recording.sound
    if recording.loop:
        begin, end = recording.loop
        inside = (place - begin) % (2 * (end - begin) if recording.there_and_back else end - begin)
        place = np.where(place < end, place, begin + np.minimum(inside, 2 * (end - begin) - inside))
    return np.interp(place, np.arange(len(sound)), sound, right=0.0)


def _envelope(recording: _Recording, at: Float64[np.ndarray, " n"], held: float) -> Float64[np.ndarray, " n"]:
    """The amplitude at times in seconds, for a given duration of the key press.

    Three segments follow the onset. With sustain, the last level is held until the key is released, which ends these
    segments at any point; the other three segments are the release.
    """
    times, levels = _pieces(0.0, 0.0, recording.levels[:3], recording.slopes[:3])
    if recording.sustained:
        level = float(np.interp(held, times, levels))
        times, levels = [*(t for t in times if t < held), held], [*levels[: sum(t < held for t in times)], level]
    release = _pieces(times[-1], levels[-1], recording.levels[3:], recording.slopes[3:])
    return 2 ** ((np.interp(at, times + release[0], levels + release[1]) - _LOUDEST) / _DOUBLING)


def _pieces(
    time: float, level: float, levels: tuple[float, ...], slopes: tuple[float, ...]
) -> tuple[list[float], list[float]]:
    """The vertices of a piecewise linear curve through the levels, with the given slopes; a slope of 0 ends it."""
    times, corners = [time], [level]
    for goal, slope in zip(levels, slopes, strict=True):
        if not slope:
            break
        times.append(times[-1] + abs(goal - corners[-1]) / slope)
        corners.append(goal)
    return times, corners
