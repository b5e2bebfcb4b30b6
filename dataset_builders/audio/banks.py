"""The sound banks that the notes are played from: their packages, authors and licences, and how to open one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from .. import packages
from ..splits import TEST, TRAIN, VAL
from .notes import Note
from .patches import Patches, read_config
from .soundfonts import SoundFont


@dataclass(frozen=True)
class Bank:
    """A sound bank: its package, its file there, and how many clips of a family it gives to each side of the split.

    Programs in `left_out` are not played.
    """

    name: str
    package: str
    file: str
    clips: Mapping[int, int]
    licence: str  # as SPDX calls it
    author: str
    left_out: frozenset[int] = frozenset()


# Patches with recordings that TimGM6mb has too: baritone saxophone, oboe, cor anglais, pan flute and ocarina; and the
# jazz guitar, one of whose recordings is much like one there an octave higher. Pieces of 20 ms of TimGM6mb's recordings
# were correlated with those of the same family in the other banks, detuned by up to 60 cents (24 for FluidR3). In a
# recording that is shared, every piece fits, and all at the same distance from where it was; FluidR3 has none.
_SHARED = frozenset({26, 67, 68, 69, 75, 79})

BANKS = (
    Bank(
        "FluidR3_GM",
        "fluid-soundfont-gm",
        "usr/share/sounds/sf2/FluidR3_GM.sf2",
        {TRAIN: 360, VAL: 24},
        "MIT",
        "Frank Wen and contributors",
    ),
    Bank(
        "freepats",
        "freepats",
        "etc/timidity/freepats.cfg",
        {TRAIN: 240, VAL: 16},
        "GPL-2.0-or-later",
        "the Freepats project",
        left_out=_SHARED,
    ),
    Bank(
        "TimGM6mb",
        "timgm6mb-soundfont",
        "usr/share/sounds/sf2/TimGM6mb.sf2",
        {TEST: 100},
        "GPL-2.0-only",
        "Tim Brechbill and David Bolton",
    ),
)
_PATCHES = "usr/share/midi/freepats"  # what the paths in the configuration of patches are relative to


@runtime_checkable
class Player(Protocol):
    """An open bank."""

    def programs(self, *, drums: bool) -> set[int]:
        """The programs, or the drum kits, that it has."""
        ...

    def keys(self) -> Collection[int]:
        """The keys at which there may be drums."""
        ...

    def play(self, note: Note, seconds: float) -> Float32[np.ndarray, " samples"]:
        """A note from the press of its key on, RATE samples a second, mono, 1 being full scale."""
        ...


def take_bank(bank: Bank, deb: Path, folder: Path) -> Path:
    """Copies the files of a bank out of its package into `folder`, unless they are there; returns the folder.

    Raises DataError when the package is damaged or lacks one.
    """
    path = folder / Path(bank.file).name
    packages.extract(deb, {bank.file: path})
    if path.suffix == ".cfg":
        tones, drums = read_config(path.read_text(encoding="latin-1"))
        packages.extract(deb, {f"{_PATCHES}/{name}": folder / name for name in (*tones.values(), *drums.values())})
    return folder


def open_bank(bank: Bank, folder: Path) -> AbstractContextManager[Player]:
    """A bank whose files lie in `folder`. Raises DataError when it is damaged or FluidSynth is missing."""
    path = folder / Path(bank.file).name
    if path.suffix == ".sf2":
        return SoundFont(path)
    tones, drums = read_config(path.read_text(encoding="latin-1"))
    return nullcontext(Patches(*({key: folder / name for key, name in table.items()} for table in (tones, drums))))
