"""The sound banks that the notes are played from: where they lie, how to open one, and whose they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from . import packages
from .notes import TEST, TRAIN, VAL, Note
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


def open_bank(bank: Bank, deb: Path, folder: Path) -> AbstractContextManager[Player]:
    """The bank, taken out of its package `deb` into `folder` unless it lies there already.

    Raises DataError when the package or the bank is damaged, or FluidSynth is missing.
    """
    path = folder / Path(bank.file).name
    packages.extract(deb, {bank.file: path})
    if path.suffix == ".sf2":
        return SoundFont(path)
    tones, drums = read_config(path.read_text(encoding="latin-1"))
    wanted = {f"{_PATCHES}/{name}": folder / name for name in (*tones.values(), *drums.values())}
    packages.extract(deb, wanted)
    files = [{key: folder / name for key, name in table.items()} for table in (tones, drums)]
    return nullcontext(Patches(*files))
