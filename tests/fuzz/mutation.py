"""Changes to files: of bytes, of numbers, and of the structure that a format has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.fuzz import structure, texts

LARGEST = 1 << 18
"""Bytes of a mutated file, if the original is not larger: more would test patience."""

_ROOM = 1 << 16
_HEAD, _TAIL = 600, 200
_EDGES = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 4096, 32767, 32768, 65535, 65536, 10**6, 10**9)


def mutate(random: Random, files: Mapping[str, bytes], others: Sequence[bytes]) -> dict[str, bytes]:
    """The files with a few changes, nearly always to one of them.

    others  files of the same reader, which parts are taken from
    """
    out = dict(files)
    name = random.choice(sorted(out))
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        if random.random() < 0.1:
            name = random.choice(sorted(out))
        most = max(LARGEST, len(files[name]) + _ROOM)
        out[name] = _mutated(random, out[name], name, others)[:most]
    if len(out) > 1 and random.random() < 0.03:
        del out[random.choice(sorted(out))]
    return out


def _mutated(random: Random, data: bytes, name: str, others: Sequence[bytes]) -> bytes:
    if random.random() < 0.65:
        changed = structure.mutated(random, data, others, change) or texts.mutated(random, data, name, change)
        if changed is not None:
            return changed
    if others and random.random() < 0.08:
        return _spliced(random, data, random.choice(others))
    return change(random, data)


def change(random: Random, data: bytes) -> bytes:
    """One change of bytes."""
    return random.choices(_CHANGES, _WEIGHTS)[0](random, data) if data else random.randbytes(random.randrange(9))


def edge(random: Random, size: int) -> int:
    """A whole number at an edge of what counts and lengths can be; size is that of the file, which is one too."""
    number = random.choice((*_EDGES, size, size // 2, *(1 << bits for bits in (15, 16, 24, 31, 32, 40, 63, 64))))
    number += random.choice((-1, 0, 0, 0, 1))
    return -number if random.random() < 0.15 else number


def _at(random: Random, data: bytes) -> int:
    """A place: often in the header, at times near the end, where archives keep their directory."""
    kind = random.random()
    if kind < 0.5:
        return random.randrange(min(len(data), _HEAD))
    if kind < 0.6:
        return random.randrange(max(len(data) - _TAIL, 0), len(data))
    return random.randrange(len(data))


def _number(random: Random, data: bytes) -> bytes:
    """A number at an edge."""
    width, order = random.choice((1, 2, 2, 4, 4, 4, 8)), random.choice(("little", "big"))
    at = _at(random, data)
    value = edge(random, len(data)) % (1 << 8 * width)
    return data[:at] + value.to_bytes(width, order) + data[at + width :]


def _shifted(random: Random, data: bytes) -> bytes:
    """A number a little larger or smaller, or a multiple."""
    width, order = random.choice((1, 2, 4)), random.choice(("little", "big"))
    at = _at(random, data)
    value = int.from_bytes(data[at : at + width], order)
    value = random.choice((value + random.randint(-16, 16), value * 2, value * 256, value // 2, ~value))
    return data[:at] + (value % (1 << 8 * width)).to_bytes(width, order) + data[at + width :]


def _flipped(random: Random, data: bytes) -> bytes:
    copy = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        copy[_at(random, data)] ^= 1 << random.randrange(8)
    return bytes(copy)


def _strewn(random: Random, data: bytes) -> bytes:
    copy = bytearray(data)
    for _ in range(random.randint(1, 6)):
        copy[_at(random, data)] = random.choice((0, 255, random.randrange(256)))
    return bytes(copy)


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.choice((_at(random, data), max(len(data) - random.randrange(1, 9), 0)))]


def _removed(random: Random, data: bytes) -> bytes:
    start, length = _span(random, data)
    return data[:start] + data[start + length :]


def _repeated(random: Random, data: bytes) -> bytes:
    start, length = _span(random, data)
    return data[:start] + data[start : start + length] * random.choice((2, 2, 3, 50)) + data[start + length :]


def _moved(random: Random, data: bytes) -> bytes:
    """A part over another."""
    start, length = _span(random, data)
    at = _at(random, data)
    return data[:at] + data[start : start + length] + data[at + length :]


def _filled(random: Random, data: bytes) -> bytes:
    start, length = _span(random, data)
    return data[:start] + random.choice((b"\0", b"\xff", b" ", b"A")) * length + data[start + length :]


def _inserted(random: Random, data: bytes) -> bytes:
    at = _at(random, data)
    return (
        data[:at] + random.choice((random.randbytes(random.randint(1, 16)), bytes(random.randint(1, 64)))) + data[at:]
    )


def _spliced(random: Random, data: bytes, other: bytes) -> bytes:
    at, behind = random.randrange(len(data) + 1), random.randrange(len(other) + 1)
    return data[:at] + other[behind:]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    """Start and length of a part."""
    start = _at(random, data)
    return start, random.choice((1, 4, random.randint(1, 32), random.randint(1, max(len(data) - start, 1))))


_CHANGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_number, _shifted, _flipped, _strewn, _cut),
    *(_removed, _repeated, _moved, _filled, _inserted),
)
_WEIGHTS = (30, 15, 12, 10, 8, 6, 6, 4, 4, 5)
