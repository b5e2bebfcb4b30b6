"""Motions: skeletal animations of 0 A.D. as the positions of joints over time, their classes and near-duplicates."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from perceiver.errors import DataError

FOLDER = "art/animation/"
CLASSES = (
    *("animal attack", "animal death", "animal idle", "animal run", "animal walk"),
    *("death", "idle", "melee attack", "ranged attack", "run", "walk"),
)

_SKELETONS = {"biped": "", "quadraped": "animal "}  # folders of the archive, spelled as there
# Machines, riders, gestures and motions that belong to no class, or to several.
_OTHER = re.compile(r"siege|carnyx|capture|chariot|promotion|corpse|swim|sit|reverse")
_SHOOTERS = re.compile(r"archer|slinger|javelinist|crossbow")
_SHOTS = re.compile(r"ranged|bow|sling|jav")
_ACTIONS = (
    ("death", re.compile(r"death")),
    ("attack", re.compile(r"attack|shoot|throw")),
    ("run", re.compile(r"gallop|run|jog|canter")),
    ("walk", re.compile(r"walk|trot|pace")),
    ("idle", re.compile(r"idle|relax|ready")),
)
_FEWEST = 6  # frames; fewer are a pose
_COMPARED = 16  # evenly spaced frames by which motions are compared
_SAME = 0.02  # mean distance of joints below which motions are near-duplicates, relative to the size of the figure
_STRETCH = 4.0  # how much a varying distance of two joints counts against a link, relative to a long one


@dataclass(frozen=True)
class Motion:
    """One animation.

    name    its path below `FOLDER`, without endings
    label   an index into CLASSES
    step    seconds between frames
    joints  positions, y upwards
    """

    name: str
    label: int
    step: float
    joints: Float32[np.ndarray, "frames joints 3"]

    def window(self, seconds: float, count: int, rng: np.random.Generator) -> Float32[np.ndarray, "count joints 3"]:
        """`count` frames, evenly spaced over so many seconds that begin at a random time.

        Motions are repeated where they end, except deaths, which begin early and stay in their last pose.
        """
        total, length = len(self.joints), seconds / self.step
        falls = CLASSES[self.label].endswith("death")
        latest = max(0.0, total - length)
        start = rng.uniform(0, min(latest, 0.4 * total) if falls else latest)
        frames = (start + np.arange(count) * length / count).astype(np.int64)
        return self.joints[np.minimum(frames, total - 1) if falls else frames % total]


def label_of(path: str) -> int | None:
    """The class of an animation by its path in the archive; None where it has none."""
    if not path.startswith(FOLDER) or not path.endswith(".psa"):
        return None
    inner = path.removeprefix(FOLDER).lower()
    prefix, last = _SKELETONS.get(inner.split("/")[0]), inner.rpartition("/")[2]
    if prefix is None or _OTHER.search(inner):
        return None
    action = next((name for name, words in _ACTIONS if words.search(last)), None)
    if action is None:
        return None
    if action == "attack" and not prefix:
        action = "ranged attack" if _SHOTS.search(inner) or _SHOOTERS.search(inner) else "melee attack"
    elif action == "attack" and not re.search("attack", last):
        return None
    return CLASSES.index(prefix + action)


def read_motion(path: str, data: bytes) -> Motion | None:
    """The motion in the bytes of a PSA file; None if it has too few frames to move.

    Raises DataError where the bytes are no such file or end too early.
    """
    label = label_of(path)
    assert label is not None
    try:
        magic, _, _, length = struct.unpack_from("<4sIII", data)
        if magic != b"PSSA":
            raise DataError(f"{path} is no animation: it does not begin with PSSA")
        milliseconds, joints, frames = struct.unpack_from("<fII", data, 16 + length)
        # Each frame holds the translation and the rotation, a quaternion, of every joint in the space of the figure.
        values = np.frombuffer(data, "<f4", frames * joints * 7, 28 + length).reshape(frames, joints, 7)
    except (struct.error, ValueError) as error:
        raise DataError(f"{path} is no animation that can be read: {error}") from None
    if frames < _FEWEST or joints < 2 or not milliseconds > 0:
        return None
    name = path.removeprefix(FOLDER).removesuffix(".psa").removesuffix(".cached").removesuffix(".dae")
    return Motion(name, label, milliseconds / 1000, values[..., :3].astype(np.float32))


def links(joints: Float[np.ndarray, "frames joints 3"]) -> Int[np.ndarray, "links 2"]:
    """Pairs of joints that are drawn as limbs: the tree of the shortest and most rigid links, since the files hold no
    hierarchy."""
    distance = np.linalg.norm(joints[:, :, None] - joints[:, None], axis=-1)
    # Joints at one place are linked as well; a weight of 0 would mean no link.
    weight = distance.mean(0) + _STRETCH * distance.std(0) + 1e-6
    tree = minimum_spanning_tree(np.triu(weight, 1)).tocoo()
    return np.stack([tree.row, tree.col], axis=1).astype(np.int64)


def near_duplicates(motions: Sequence[Motion]) -> list[list[Motion]]:
    """Motions by groups of near-duplicates, such as one gait of two kinds of soldiers; in their order."""
    vectors = [_comparable(motion.joints) for motion in motions]
    pairs = [pair for pair in combinations(range(len(motions)), 2) if _near(*(vectors[i] for i in pair))]
    relation = coo_array((np.ones(len(pairs)), np.array(pairs).reshape(-1, 2).T), shape=(len(motions),) * 2)
    _, component = connected_components(relation, directed=False)
    groups: dict[int, list[Motion]] = {}
    for motion, group in zip(motions, component.tolist(), strict=True):
        groups.setdefault(group, []).append(motion)
    return list(groups.values())


def _comparable(joints: Float32[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "compared joints 3"]:
    moments = np.linspace(0, len(joints) - 1, _COMPARED).astype(np.int64)
    centred = joints[moments] - joints[moments].mean((0, 1))
    return centred / max(float(np.abs(centred).max()), 1e-9)


def _near(one: Float[np.ndarray, "..."], other: Float[np.ndarray, "..."]) -> bool:
    return one.shape == other.shape and float(np.linalg.norm(one - other, axis=-1).mean()) < _SAME
