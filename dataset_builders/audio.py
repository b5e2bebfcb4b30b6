"""The sound data set, from packages to an array: `perceiver data build audio`.

Makes `audio.npz`, notes of eleven families of instruments, a second each, and beside it `LICENCES-audio.md` and
`MANIFEST.json`. They are recordings of real instruments played back by a sampler. Training and validation are played
from two sound banks, each side with notes of its own, and the test from a third: no source is on both sides. Some
320 MB in `cache/` are kept for another build and may be deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from jaxtyping import Float32, Int16

from perceiver.errors import DataError

from . import packages
from .banks import BANKS, Bank, Player, open_bank
from .files import Manifest, alone, whole
from .notes import FAMILIES, Note, draw
from .packages import Package
from .progress import Report, bar
from .soundfonts import RATE, require_player
from .splits import SPLITS

# To be raised when the same settings give other arrays: what was built before is then built again.
REVISION = 1

SAMPLE_RATE = 16_000
SAMPLES = 16_000
"""Length of a clip."""

_LEAD = 800  # samples of silence before the key is pressed, 50 ms
_PEAK = 0.8  # of full scale
_SILENT = 2e-3  # of full scale; what stays below is a note that the bank does not have
_SPARE = 1000  # notes of a family that a bank may lack before no more are tried

_LICENCES = """# Licences of the sounds

`audio.npz` holds notes played from three sound banks. They are derived works: whoever passes them on keeps to the
licences below. The packages' full statements are in `licences/`.

| bank | package | version | author | licence |
|---|---|---|---|---|
"""


def build_audio(folder: Path, *, progress: Report | None = None, force: bool = False) -> Path:
    """Builds what is missing or damaged of the sound data in `folder`, and returns the folder.

    `audio.npz` holds `audio` (n, 16000) int16 of 16 kHz, every clip scaled to the same peak, with 50 ms of silence
    before the note; `label` (n,), an index into `classes`; `split` (n,), 0 to 2 for training, validation and test;
    `bank` (n,), the bank's name; and the note: `program` (of drums the kit), `note`, `velocity` (n,), `held` (n,) in
    seconds and `cents` (n,) out of tune.

    A download that was stopped goes on where it was; a build that is complete is left as it is. `force` makes the array
    anew from the packages at hand. Without `progress` a bar is shown on standard error. Raises DataError, in one
    sentence, when a tool or package is missing, a download fails, a checksum differs, the disk is full, or another
    build is at work in the folder.
    """
    clips = {bank.name: {SPLITS[split]: count for split, count in bank.clips.items()} for bank in BANKS}
    settings: dict[str, dict[str, Any]] = {
        "audio.npz": {"revision": REVISION, "clips": clips},
        "LICENCES-audio.md": {"revision": REVISION},
    }
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        manifest = Manifest.read(folder)
        left = [name for name, chosen in settings.items() if force or not manifest.holds(name, chosen)]
        if left:
            require_player()  # before a download of 150 MB
            report = progress or stack.enter_context(bar())
            found = packages.fetch([bank.package for bank in BANKS], folder / "cache", report)
            notes: dict[str, Any] = {
                "packages": {name: {"version": p.version, "sha256": p.sha256} for name, p in found.items()},
                "licences": {bank.package: bank.licence for bank in BANKS},
                "player": {"pyfluidsynth": metadata.version("pyfluidsynth")},
            }
            for name in left:
                if name == "audio.npz":
                    _write_notes(folder / name, found, report)
                else:
                    _write_licences(folder / name, found)
                manifest.record(name, settings[name], **notes)
    return folder


def _write_notes(target: Path, found: Mapping[str, Package], report: Report) -> None:
    """Plays all notes and writes the array."""
    cache = target.parent / "cache"
    audio: list[Int16[np.ndarray, " samples"]] = []
    rows: list[tuple[int, int, str, Note]] = []
    for bank in BANKS:
        step, total = f"Play {bank.name}", len(FAMILIES) * sum(bank.clips.values())
        before = len(rows)
        with open_bank(bank, cache / found[bank.package].file, cache / bank.name) as player:
            for label, split, note, clip in _play(bank, player):
                audio.append(clip)
                rows.append((label, split, bank.name, note))
                report(step, len(rows) - before, total)
        report(step, total, total)
    played = [note for *_, note in rows]
    with whole(target) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            audio=np.stack(audio),
            label=np.array([label for label, *_ in rows], np.int64),
            split=np.array([split for _, split, *_ in rows], np.int8),
            bank=np.array([name for _, _, name, _ in rows]),
            program=np.array([note.program for note in played], np.int16),
            note=np.array([note.key for note in played], np.int16),
            velocity=np.array([note.velocity for note in played], np.int16),
            held=np.array([note.held for note in played], np.float32),
            cents=np.array([note.cents for note in played], np.float32),
            classes=np.array([family.name for family in FAMILIES]),
            sample_rate=np.int64(SAMPLE_RATE),
        )


def _play(bank: Bank, player: Player) -> Iterator[tuple[int, int, Note, Int16[np.ndarray, " samples"]]]:
    """The clips that the bank gives to each family and side: label, split, note and sound.

    Notes that the bank turns out not to have are passed over, and where it has fewer than a side is to get, there are
    fewer. Raises DataError when it has none of a family.
    """
    for label, family in enumerate(FAMILIES):
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
                    yield label, split, note, clip
                    left -= 1
                if not left:
                    break
            if left == count:
                raise DataError(f"{bank.package} has no sounds of {family.name}: it is of a version not known")


def _clip(sound: Float32[np.ndarray, " played"]) -> Int16[np.ndarray, " samples"] | None:
    """A played note as a clip; None when it is silent."""
    thin = soxr.resample(sound, RATE, SAMPLE_RATE)[: SAMPLES - _LEAD]
    peak = float(np.abs(thin).max())
    if peak < _SILENT:
        return None
    clip = np.zeros(SAMPLES, np.int16)
    clip[_LEAD : _LEAD + len(thin)] = np.round(thin * (_PEAK * np.iinfo(np.int16).max / peak))
    return clip


def _write_licences(target: Path, found: Mapping[str, Package]) -> None:
    """Writes whose the banks are and, into `licences/` beside it, the packages' own statements."""
    lines = []
    for bank in BANKS:
        package = found[bank.package]
        text = target.parent / "licences" / f"{bank.package}.txt"
        packages.extract(target.parent / "cache" / package.file, {f"usr/share/doc/{bank.package}/copyright": text})
        lines.append(f"| {bank.name} | {bank.package} | {package.version} | {bank.author} | {bank.licence} |\n")
    with whole(target) as part:
        part.write_text(_LICENCES + "".join(lines), encoding="utf-8")
