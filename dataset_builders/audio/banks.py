"""The sound banks: their packages, authors and licences, and functions to open them."""

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
    """A sound bank: its package, its file there, and its number of clips per family in each split.

    Programs in `left_out` are excluded.
    """

    name: str
    package: str
    file: str
    clips: Mapping[int, int]
    licence: str  # SPDX identifier
    author: str
    left_out: frozenset[int] = frozenset()


# Patches that share recordings with TimGM6mb: baritone saxophone, oboe, cor anglais, pan flute and ocarina; and the
# jazz guitar, one of whose recordings resembles one of TimGM6mb an octave higher. Found by correlating 20 ms segments
# of the recordings of TimGM6mb with those of the same family in the other banks, detuned by up to 60 cents (24 for
# FluidR3). In a shared recording all segments match at the same offset; FluidR3 has none.
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
_PATCHES = "usr/share/midi/freepats"  # base folder of the paths in the configuration of patches


@runtime_checkable
class Player(Protocol):
    """An open bank."""

    def programs(self, *, drums: bool) -> set[int]:
        """The available programs, or drum kits."""
        ...

    def keys(self) -> Collection[int]:
        """The keys that may have drums."""
        ...

    def play(self, note: Note, seconds: float) -> Float32[np.ndarray, " samples"]:
        """Renders a note from its onset at RATE samples per second, mono, with 1 as full scale."""
        ...


def take_bank(bank: Bank, deb: Path, folder: Path) -> Path:
    """Extracts the files of a bank from its package into `folder`, unless they exist; returns the folder.

    Raises DataError if the package is damaged or lacks a file.
    """
    path = folder / Path(bank.file).name
    packages.extract(deb, {bank.file: path})
    if path.suffix == ".cfg":
        tones, drums = read_config(path.read_text(encoding="latin-1"))
        packages.extract(deb, {f"{_PATCHES}/{name}": folder / name for name in (*tones.values(), *drums.values())})
    return folder


def open_bank(bank: Bank, folder: Path) -> AbstractContextManager[Player]:
    """Opens a bank whose files are in `folder`. Raises DataError if it is damaged or FluidSynth is missing."""
    path = folder / Path(bank.file).name
    if path.suffix == ".sf2":
        return SoundFont(path)
    tones, drums = read_config(path.read_text(encoding="latin-1"))
    return nullcontext(Patches(*({key: folder / name for key, name in table.items()} for table in (tones, drums))))
