"""The clips data set, from the animations and sounds of a game: `perceiver data build clips`.

Writes `clips.npz`, short clips of figures that move and are heard, and `LICENCES-clips.md`. About 1.5 GB in `cache/`
are kept for later builds and may be deleted.

    video    (n, 16, 48, 48) uint8, grey frames, evenly spaced over the clip
    sound    (n, 19200) int16, mono at 16 kHz
    label    (n,) int64, an index into classes
    split    (n,) int8, 0 train, 1 val, 2 test
    group    (n,) int64; held-out clips of different groups share neither a motion nor a sound within their class
    motion   (n,) names of the animations
    classes  "animal attack" to "walk"

The clips are constructed: hand-made animations of skeletons are drawn as figures of capsules, seen by a camera at a
random place, with recorded sounds of the same kind of action. Each group of near-duplicate motions and each sound file
is in one split.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from perceiver.errors import DataError
from perceiver.storage import write_arrays

from ..frame import DataSet, Output, Work, licence_page, table
from ..objects import zero_ad
from ..objects.licences import LICENCES
from ..splits import SPLITS, TRAIN, deal
from .effects import files_of, is_effect, read_effect, soundtrack
from .figures import Camera, draw
from .motions import CLASSES, Motion, label_of, links, near_duplicates, read_motion

# Increase when the same settings give other arrays, so that existing files are rebuilt.
REVISION = 1

FRAMES, SIDE = 16, 48
RATE, SAMPLES = 16_000, 19_200
SECONDS = SAMPLES / RATE
PER_CLASS = (360, 24, 48)
"""Clips of each class in training, validation and test."""

_SHARES = (0.66, 0.1, 0.24)  # of motions and of sounds
_PART = 24  # clips that are made at a time
_HEAD = """# Licences of the clips

`clips.npz` is made from animations and sounds of 0 A.D. by Wildfire Games ({package} {version}), {licence}. The clips
are derived works: whoever passes them on keeps to that licence and names its authors. `licences/{package}.txt` is the
package's own statement. The drawing, and which sound goes with which motion, are this project's.

"""


def data_set() -> DataSet:
    """Definition of the data set."""
    settings = {"revision": REVISION, "frames": FRAMES, "side": SIDE, "rate": RATE, "samples": SAMPLES}
    return DataSet(
        packages=[zero_ad.PACKAGE],
        outputs=[
            Output("clips.npz", settings | {"per_class": list(PER_CLASS)}, _make),
            licence_page("LICENCES-clips.md", REVISION, _licences),
        ],
        licences={zero_ad.PACKAGE: LICENCES[zero_ad.PACKAGE]},
        tools={"read_with": ("soundfile", "soxr")},
    )


@dataclass(frozen=True)
class Plan:
    """One clip that is to be made; `motion` and `effects` are paths in the archive."""

    label: int
    split: int
    group: int
    motion: str
    effects: tuple[str, ...]
    seed: int

    def render(
        self, motion: Motion, effects: Sequence[Float32[np.ndarray, " samples"]], side: int = SIDE
    ) -> dict[str, np.ndarray]:
        """The frames, (16, side, side), and the sound."""
        rng = np.random.default_rng(self.seed)
        joints, camera = motion.window(SECONDS, FRAMES, rng), Camera.random(rng)
        return {
            "video": draw(joints, links(motion.joints), camera, side),
            "sound": soundtrack(self.label, effects, SAMPLES, RATE, rng),
        }


def plan(motions: Sequence[Motion], effects: Sequence[str], per_class: Sequence[int]) -> list[Plan]:
    """The clips of all classes; `effects` are the paths of the sounds.

    Within a class, held-out motions and held-out sounds are dealt out to as many groups as there are of the rarer of
    the two, so that clips of different groups share neither. In training any sound goes with any motion.

    Raises DataError when a class has too few motions or sounds for all splits.
    """
    plans: list[Plan] = []
    for label, name in enumerate(CLASSES):
        families = near_duplicates([motion for motion in motions if motion.label == label])
        moved = deal({family[0].name: len(family) for family in families}, _SHARES)
        sounds = files_of(label, effects)
        heard = deal(dict.fromkeys(sounds, 1), _SHARES)
        for split, count in enumerate(per_class):
            shown = [family for family in families if moved[family[0].name] == split]
            files = [path for path in sounds if heard[path] == split]
            if not shown or (sounds and not files):
                raise DataError(
                    f"{zero_ad.PACKAGE} has too few motions or sounds of the class {name!r}; the builder was written "
                    "for another version"
                )
            many = min(len(shown), len(files)) if files and split != TRAIN else len(shown)
            first = 1 + max((one.group for one in plans), default=-1)
            for index in range(count):
                group, turn = index % many, index // many
                own = [motion for family in shown[group::many] for motion in family]
                plans.append(
                    Plan(
                        label=label,
                        split=split,
                        group=first + group,
                        motion=own[turn % len(own)].name,
                        effects=tuple(files if split == TRAIN else files[group::many]),
                        seed=zlib.crc32(f"{name} {SPLITS[split]} {index}".encode()),
                    )
                )
    return plans


def read_motions(archive: zipfile.ZipFile) -> list[Motion]:
    """All motions of the archive that have a class, by name."""
    paths = [path for path in archive.namelist() if label_of(path) is not None]
    found = (read_motion(path, archive.read(path)) for path in paths)
    return sorted((motion for motion in found if motion is not None), key=lambda motion: motion.name)


def read_effects(archive: zipfile.ZipFile) -> dict[str, Float32[np.ndarray, " samples"]]:
    """All sounds of the archive that hold something, by path."""
    paths = [path for path in archive.namelist() if is_effect(path)]
    found = ((path, read_effect(path, archive.read(path), RATE)) for path in paths)
    return {path: effect for path, effect in found if effect is not None}


def keep_files(work: Work) -> Path:
    """The zip file of the animations and sounds that clips are made from, extracted from the package."""
    target = work.cache / f"0ad-clips-{REVISION}.zip"
    zero_ad.keep_files(
        work.file(zero_ad.PACKAGE),
        lambda path: label_of(path) is not None or is_effect(path),
        lambda _path, _body: None,
        target,
        work.progress,
    )
    return target


@contextmanager
def _open_renderer(path: Path) -> Iterator[Callable[[Sequence[Plan]], dict[str, np.ndarray]]]:
    """The function that renders clips."""
    with zipfile.ZipFile(path) as archive:
        motions = {motion.name: motion for motion in read_motions(archive)}
        effects = read_effects(archive)

        def render(plans: Sequence[Plan]) -> dict[str, np.ndarray]:
            parts = [one.render(motions[one.motion], [effects[name] for name in one.effects]) for one in plans]
            return {name: np.stack([part[name] for part in parts]) for name in ("video", "sound")}

        yield render


def _make(work: Work, target: Path) -> Mapping[str, Any]:
    kept = keep_files(work)
    with zipfile.ZipFile(kept) as archive:
        plans = plan(read_motions(archive), list(read_effects(archive)), PER_CLASS)
    tasks = [plans[first : first + _PART] for first in range(0, len(plans), _PART)]
    parts = [part for part in work.parts("Draw clips", partial(_open_renderer, kept), tasks) if part is not None]
    write_arrays(
        target,
        **{name: np.concatenate([part[name] for part in parts]) for name in ("video", "sound")},
        label=np.array([one.label for one in plans], np.int64),
        split=np.array([one.split for one in plans], np.int8),
        group=np.array([one.group for one in plans], np.int64),
        motion=np.array([one.motion for one in plans]),
        classes=np.array(CLASSES),
    )
    return {}


def _licences(work: Work) -> str:
    """The animations of each class and split; the package's statement is in `licences/`."""
    package = work.packages[zero_ad.PACKAGE]
    with np.load(work.cache.parent / "clips.npz") as file:
        columns = [file[name].tolist() for name in ("label", "split", "motion")]
    names: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
    for label, split, motion in zip(*columns, strict=True):
        names[label, split].add(motion)
    rows = [(CLASSES[label], SPLITS[split], ", ".join(sorted(found))) for (label, split), found in names.items()]
    head = _HEAD.format(package=package.name, version=package.version, licence=LICENCES[package.name])
    return head + table(("class", "split", "animations"), rows)
