"""The notes of the sound data: instrument families with their programs and ranges, and random sampling of notes.

A note is drawn from the cells of its family in a bank: pairs of program and key; for drums the keys only, since the
kits of a bank share recordings. Training and validation have disjoint cells, so they share no key of a program and no
drum of a bank.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from ..splits import TEST, TRAIN, VAL

_VELOCITIES = (40, 121)  # of 127, end excluded
_HELD = (0.25, 0.9)  # seconds that a key is down
_DRUM_HELD = 1.0  # drums ring out
_DETUNING = 40.0  # cents in either direction; for training notes only, so that repeated cells differ
_VAL_SHARE = 0.2  # maximum fraction of the cells of a family in a bank


@dataclass(frozen=True)
class Family:
    """A class of the data: General MIDI programs counted from 0 (empty: the drum kits) and the keys played."""

    name: str
    programs: tuple[int, ...]
    keys: range

    @property
    def drums(self) -> bool:
        return not self.programs


# Sorted by name, which is the order of the labels.
FAMILIES = (
    Family("bass", tuple(range(32, 38)), range(28, 56)),
    Family("bowed strings", (40, 41, 42, 43, 44, 48, 49), range(40, 85)),
    Family("brass", tuple(range(56, 62)), range(40, 80)),
    Family("drums", (), range(35, 82)),
    Family("flute", tuple(range(72, 80)), range(55, 92)),
    Family("guitar", tuple(range(24, 31)), range(40, 80)),
    Family("keyboard", tuple(range(8)), range(33, 92)),
    Family("mallet", tuple(range(8, 15)), range(53, 92)),
    Family("organ", tuple(range(16, 21)), range(36, 85)),
    Family("reed", tuple(range(64, 72)), range(45, 85)),
    Family("voice", (52, 53, 54), range(45, 80)),
)


@dataclass(frozen=True)
class Note:
    """One note: General MIDI program (for drums the kit), MIDI key and velocity, duration of the key press in seconds,
    and detuning in cents.
    """

    program: int
    key: int
    velocity: int
    held: float
    cents: float
    drum: bool


def draw(family: Family, bank: str, programs: Collection[int], keys: Collection[int], split: int) -> Iterator[Note]:
    """Yields notes of a family for one split: each cell once; for training repeated indefinitely.

    `programs` are the programs of the family (or the kits) in the bank, and `keys` their possible keys; if there are
    none, nothing is yielded. The notes depend on the names of bank and family and on the split only.
    """
    cells = _cells(family, bank, programs, keys, split)
    rng = np.random.default_rng([zlib.crc32(f"{bank}/{family.name}".encode()), split])
    while cells:
        for index in rng.permutation(len(cells)):
            program, key = cells[index]
            yield Note(
                program,
                key,
                velocity=int(rng.integers(*_VELOCITIES)),
                held=_DRUM_HELD if family.drums else float(rng.uniform(*_HELD)),
                cents=float(rng.uniform(-_DETUNING, _DETUNING)) if split == TRAIN else 0.0,
                drum=family.drums,
            )
        if split != TRAIN:
            return


def _cells(
    family: Family, bank: str, programs: Collection[int], keys: Collection[int], split: int
) -> list[tuple[int, int]]:
    """The programs and keys of one split; at most a fifth of a training bank is for validation."""
    pairs = [(program, key) for program in sorted(programs) for key in sorted(keys)]
    if split == TEST:
        return pairs
    owners = sorted({pair[1:] if family.drums else pair for pair in pairs})
    order = np.random.default_rng(zlib.crc32(f"{bank}/{family.name}".encode())).permutation(len(owners))
    held_out = {owners[index] for index in order[: int(_VAL_SHARE * len(owners))]}
    return [pair for pair in pairs if ((pair[1:] if family.drums else pair) in held_out) == (split == VAL)]
