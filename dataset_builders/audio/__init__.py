"""The audio data set, from three sound banks: `perceiver data build audio`.

Writes `audio.npz`, notes of eleven instrument families, one second each, and `LICENCES-audio.md`. The notes are
recordings of real instruments played by a sampler. Training and validation use different notes of two sound banks, and
the test a third bank, so that no recording is in two splits. About 320 MB in `cache/` are kept for later builds and may
be deleted.

    audio                 (n, 16000) int16 at 16 kHz; every clip has the same peak and begins with 50 ms of silence
    label                 (n,) int64, an index into classes
    split                 (n,) int8, 0 train, 1 val, 2 test
    bank                  (n,) name of the sound bank
    program, note         (n,) int16, General MIDI program (of drums the kit) and key
    velocity              (n,) int16, of 127
    held, cents           (n,) float32, seconds that the key is held, and detuning
    classes, sample_rate
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from jaxtyping import Float32, Int16

from perceiver.errors import DataError
from perceiver.storage import write_arrays

from ..frame import DataSet, Output, Work, licence_page, table
from ..splits import SPLITS
from .banks import BANKS, Bank, Player, open_bank, take_bank
from .notes import FAMILIES, Note, draw
from .soundfonts import RATE, require_player

# Increase when the same settings give other arrays, so that existing files are rebuilt.
REVISION = 1

SAMPLE_RATE = 16_000
SAMPLES = 16_000
"""Length of a clip."""

_LEAD = 800  # samples of silence before the key is pressed, 50 ms
_PEAK = 0.8  # of full scale
_SILENT = 2e-3  # of full scale; notes with a lower peak are missing in the bank
_SPARE = 1000  # maximum number of missing notes of a family in a bank

_LICENCES = """# Licences of the sounds

`audio.npz` holds notes played from three sound banks. They are derived works: whoever passes them on keeps to the
licences below. The packages' full statements are in `licences/`.

"""


def data_set() -> DataSet:
    """Definition of the data set."""
    clips = {bank.name: {SPLITS[split]: count for split, count in bank.clips.items()} for bank in BANKS}
    return DataSet(
        packages=[bank.package for bank in BANKS],
        outputs=[
            Output("audio.npz", {"revision": REVISION, "clips": clips}, _make),
            licence_page("LICENCES-audio.md", REVISION, _licences),
        ],
        licences={bank.package: bank.licence for bank in BANKS},
        tools={"player": ("pyfluidsynth",)},
        check=require_player,
    )


def _make(work: Work, target: Path) -> Mapping[str, Any]:
    """Renders and writes the notes, one bank after another."""
    folders = {bank.name: take_bank(bank, work.file(bank.package), work.cache / bank.name) for bank in BANKS}
    played = [part for part in work.parts("Play notes", partial(_open_player, folders), BANKS) if part is not None]
    write_arrays(
        target,
        **{name: np.concatenate([part[name] for part in played]) for name in played[0]},
        classes=np.array([family.name for family in FAMILIES]),
        sample_rate=np.array(SAMPLE_RATE, np.int64),
    )
    return {}


@contextmanager
def _open_player(folders: Mapping[str, Path]) -> Iterator[Callable[[Bank], dict[str, np.ndarray]]]:
    """The function that renders the notes of a bank; `folders` are the folders of the banks.

    One process renders all notes of a bank in order, since the dither of FluidSynth depends on everything rendered
    before.
    """

    def play(bank: Bank) -> dict[str, np.ndarray]:
        with open_bank(bank, folders[bank.name]) as player:
            played = [(label, *rest) for label in range(len(FAMILIES)) for rest in _play(bank, player, label)]
        labels, splits, notes, clips = zip(*played, strict=True)
        return {
            "audio": np.stack(clips),
            "label": np.array(labels, np.int64),
            "split": np.array(splits, np.int8),
            "bank": np.array([bank.name] * len(notes)),
            "program": np.array([note.program for note in notes], np.int16),
            "note": np.array([note.key for note in notes], np.int16),
            "velocity": np.array([note.velocity for note in notes], np.int16),
            "held": np.array([note.held for note in notes], np.float32),
            "cents": np.array([note.cents for note in notes], np.float32),
        }

    yield play


def _play(bank: Bank, player: Player, label: int) -> Iterator[tuple[int, Note, Int16[np.ndarray, " samples"]]]:
    """Yields the clips of a family from a bank: split, note and sound.

    Notes that the bank lacks are skipped, so a split may get fewer clips. Raises DataError if the bank has none.
    """
    family = FAMILIES[label]
    programs, keys = player.programs(drums=family.drums), set(family.keys)
    if family.drums:
        keys &= set(player.keys())
    else:
        programs &= set(family.programs) - bank.left_out
    for split, count in bank.clips.items():
        left = count
        for note in islice(draw(family, bank.name, programs, keys, split), count + _SPARE):
            clip = _clip(player.play(note, (SAMPLES - _LEAD) / SAMPLE_RATE))
            if clip is not None:
                yield split, note, clip
                left -= 1
            if not left:
                break
        if left == count:
            raise DataError(f"{bank.package} has no sounds of {family.name}: it is of a version not known")


def _clip(sound: Float32[np.ndarray, " played"]) -> Int16[np.ndarray, " samples"] | None:
    """A rendered note as a clip; None if it is silent."""
    thin = soxr.resample(sound, RATE, SAMPLE_RATE)[: SAMPLES - _LEAD]
    peak = float(np.abs(thin).max())
    if peak < _SILENT:
        return None
    clip = np.zeros(SAMPLES, np.int16)
    clip[_LEAD : _LEAD + len(thin)] = np.round(thin * (_PEAK * np.iinfo(np.int16).max / peak))
    return clip


def _licences(work: Work) -> str:
    rows = [(bank.name, bank.package, work.packages[bank.package].version, bank.author, bank.licence) for bank in BANKS]
    return _LICENCES + table(("bank", "package", "version", "author", "licence"), rows)
