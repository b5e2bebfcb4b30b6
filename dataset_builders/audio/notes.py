"""Which notes are played for the sound data: families of instruments, their programs and ranges, and the draw.

A note is drawn from the cells of its family in a bank: pairs of a program and a key, and for drums the keys alone,
since the kits of a bank share recordings. Validation has cells of its own, so no key of a program, and no drum, is on
both sides within a bank.
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
_DETUNING = 40.0  # cents to either side; notes of training alone, so that a cell that comes again is another sound
_VAL_SHARE = 0.2  # of a family's cells in a bank, at most


@dataclass(frozen=True)
class Family:
    """A class of the data: General MIDI programs counted from 0 (empty: the drum kits) and the keys played."""

    name: str
    programs: tuple[int, ...]
    keys: range

    @property
    def drums(self) -> bool:
        return not self.programs


# In the order of their names, as labels count.
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
    """One note to be played: a General MIDI program, of drums the kit; its key and velocity as MIDI counts them; how
    many seconds the key is held down; and how many cents it is out of tune.
    """

    program: int
    key: int
    velocity: int
    held: float
    cents: float
    drum: bool


def draw(family: Family, bank: str, programs: Collection[int], keys: Collection[int], split: int) -> Iterator[Note]:
    """Notes of a family for one side of the split: every cell once, and for training again and again without end.

    `programs` are those of the family, or the kits, that the bank has, and `keys` those they may be played at; where
    there are none, nothing is drawn. Everything follows from the names of bank and family and from the split.
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
    """The programs and keys of one side: of a bank in training, a fifth or less is validation's."""
    pairs = [(program, key) for program in sorted(programs) for key in sorted(keys)]
    if split == TEST:
        return pairs
    owners = sorted({pair[1:] if family.drums else pair for pair in pairs})
    order = np.random.default_rng(zlib.crc32(f"{bank}/{family.name}".encode())).permutation(len(owners))
    held_out = {owners[index] for index in order[: int(_VAL_SHARE * len(owners))]}
    return [pair for pair in pairs if ((pair[1:] if family.drums else pair) in held_out) == (split == VAL)]
