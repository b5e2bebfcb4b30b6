"""Sound banks made by hand: Gravis Ultrasound patches and sound fonts with a recording or two."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

SIXTEEN_BIT, UNSIGNED, LOOP, THERE_AND_BACK, REVERSE, SUSTAIN = 1, 2, 4, 8, 16, 32


def sine(hertz: float, rate: int, seconds: float = 1.0) -> Float64[np.ndarray, " samples"]:
    """A sine of amplitude 0.5."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@dataclass(frozen=True)
class Recording:
    """One recording of a patch, as its header states it: loop in bytes, frequencies in Hz."""

    body: bytes
    rate: int = 48_000
    loop: tuple[int, int] = (0, 0)
    fractions: int = 0
    low: float = 10.0
    high: float = 10_000.0
    root: float = 440.0
    rates: Sequence[int] = (63,) * 6
    offsets: Sequence[int] = (255, 255, 255, 0, 0, 0)
    modes: int = SIXTEEN_BIT | SUSTAIN


def patch(*recordings: Recording) -> bytes:
    """A Gravis Ultrasound patch of one instrument in one layer."""
    out = b"GF1PATCH110\0ID#000002\0" + bytes(60) + bytes([1, 14, 0]) + struct.pack("<HHI", len(recordings), 127, 0)
    out += bytes(36)
    out += bytes(2) + b"made by hand".ljust(16, b"\0") + struct.pack("<IB", 0, 1) + bytes(40)
    out += struct.pack("<BBIB", 0, 0, 0, len(recordings)) + bytes(40)
    for r in recordings:
        out += b"sample\0" + struct.pack("<B3IH3I", r.fractions, len(r.body), *r.loop, r.rate, *_millihertz(r))
        out += struct.pack("<HB", 0, 7) + bytes(r.rates) + bytes(r.offsets) + bytes(6)
        out += struct.pack("<BHH", r.modes, 60, 1024) + bytes(36) + r.body
    return out


def _millihertz(recording: Recording) -> tuple[int, ...]:
    return tuple(round(1000 * value) for value in (recording.low, recording.high, recording.root))


def sixteen_bit(sound: Float64[np.ndarray, " samples"]) -> bytes:
    """A sound of full scale 1 as little-endian 16-bit numbers."""
    return np.round(sound * 32768).astype("<i2").tobytes()


def sound_font(
    sound: Float64[np.ndarray, " samples"], rate: int, key: int, presets: Sequence[tuple[int, int]]
) -> bytes:
    """A sound font whose presets (bank, program) all play one recording, which is of that key and loops as a whole."""
    count = len(sound)
    name = b"made by hand".ljust(20, b"\0")
    headers = [name + struct.pack("<HHHIII", program, bank, k, 0, 0, 0) for k, (bank, program) in enumerate(presets)]
    headers.append(name + struct.pack("<HHHIII", 0, 0, len(presets), 0, 0, 0))
    instrument, loops, sample = 41, 54, 53  # the generators' numbers in the standard
    bags = b"".join(struct.pack("<HH", k, 0) for k in range(len(presets) + 1))
    tables = {
        b"phdr": b"".join(headers),
        b"pbag": bags,
        b"pmod": bytes(10),
        b"pgen": struct.pack("<HH", instrument, 0) * len(presets) + bytes(4),
        b"inst": name + struct.pack("<H", 0) + name + struct.pack("<H", 1),
        b"ibag": struct.pack("<HHHH", 0, 0, 2, 0),
        b"imod": bytes(10),
        b"igen": struct.pack("<HHHH", loops, 1, sample, 0) + bytes(4),
        b"shdr": name + struct.pack("<5IBbHH", 0, count, 8, count - 8, rate, key, 0, 0, 1) + bytes(46),
    }
    info = _chunk(b"ifil", struct.pack("<HH", 2, 1)) + _chunk(b"isng", b"EMU8000\0") + _chunk(b"INAM", b"made\0\0")
    data = _chunk(b"smpl", sixteen_bit(sound) + bytes(92))
    body = _list(b"INFO", info) + _list(b"sdta", data) + _list(b"pdta", b"".join(_chunk(*t) for t in tables.items()))
    return _chunk(b"RIFF", b"sfbk" + body)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body


def _list(name: bytes, body: bytes) -> bytes:
    return _chunk(b"LIST", name + body)
