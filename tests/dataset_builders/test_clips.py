"""The clips: animations and sounds chosen by name, dealt out, drawn and laid together, from a small package."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_builders import build, clips
from dataset_builders.clips.effects import files_of, read_effect, soundtrack
from dataset_builders.clips.figures import Camera, draw
from dataset_builders.clips.motions import CLASSES, Motion, label_of, links, near_duplicates, read_motion
from dataset_builders.objects import zero_ad
from perceiver.errors import DataError

from .debian import Apt, silent, zipped

RATE = 16_000


def psa(joints: np.ndarray, milliseconds: float = 50.0) -> bytes:
    """A file of the engine: each joint's translation, then a rotation that is not read."""
    frames, count, _ = joints.shape
    name = b"made"
    body = struct.pack("<I", len(name)) + name + struct.pack("<fII", milliseconds, count, frames)
    rows = np.concatenate([joints, np.full((frames, count, 4), 9.0)], axis=2).astype("<f4").tobytes()
    return b"PSSA" + struct.pack("<II", 1, len(body) + len(rows)) + body + rows


def sound_file(samples: np.ndarray, rate: int = RATE, kind: str = "OGG") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind)
    return out.getvalue()


def tone(seconds: float = 0.2, hertz: float = 500.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def path(name: str) -> str:
    return f"art/animation/{name}.psa.cached.psa"


NAMES = {
    "animal attack": ("quadraped/wolf_attack", "actor/fauna/animal/wolf_attack"),
    "animal death": ("quadraped/wolf_death", "actor/fauna/death/wolf"),
    "animal idle": ("quadraped/wolf_idle", "actor/fauna/animal/wolf_call"),
    "animal run": ("quadraped/wolf_gallop", "actor/mounted/movement/step"),
    "animal walk": ("quadraped/wolf_trot", "actor/mounted/movement/step"),
    "death": ("biped/death_fall", "actor/human/death/cry"),
    "idle": ("biped/relax", None),
    "melee attack": ("biped/attack_sword", "attack/weapon/sword_attack"),
    "ranged attack": ("biped/attack_bow", "attack/weapon/bow_attack"),
    "run": ("biped/jog", "actor/singlesteps/fs_grass"),
    "walk": ("biped/walk", "actor/singlesteps/fs_grass"),
}


@pytest.fixture
def served(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of eight motions and sounds of each class, and files of none."""
    rng, files = np.random.default_rng(0), dict[str, bytes]()
    for motion, sound in NAMES.values():
        for number in range(8):
            files[path(f"{motion}{number}")] = psa(rng.normal(size=(8, 4, 3)))
            if sound is not None:
                files[f"audio/{sound}{number}.ogg"] = sound_file(tone(hertz=300 + 40 * number))
    files |= {path("biped/walk_pose"): psa(np.zeros((2, 4, 3))), path("biped/siege_walk"): b"not read"}
    files |= {"audio/music/walk.ogg": b"not read", "audio/actor/singlesteps/fs_mute.ogg": sound_file(np.zeros(RATE))}
    game = {zero_ad.ARCHIVE: zipped(dict(sorted(files.items())))}
    apt.serve(zero_ad.PACKAGE, game | {f"usr/share/doc/{zero_ad.PACKAGE}/copyright": b"CC-BY-SA-3.0"})
    monkeypatch.setattr(clips, "PER_CLASS", (4, 2, 6))


def test_the_build_makes_clips_whose_motions_and_sounds_are_in_one_split(served: None, tmp_path: Path) -> None:
    folder = build(clips.data_set(), tmp_path / "data", progress=silent, workers=1)
    with np.load(folder / "clips.npz", allow_pickle=False) as file:
        made = dict(file)
    assert (made["video"].shape, made["video"].dtype) == ((132, 16, 48, 48), np.uint8)
    assert (made["sound"].shape, made["sound"].dtype) == ((132, 19_200), np.int16)
    assert made["classes"].tolist() == list(CLASSES)
    assert np.bincount(made["label"]).tolist() == [12] * 11
    assert np.bincount(made["split"]).tolist() == [44, 22, 66]
    assert made["video"].reshape(132, -1).any(axis=1).all()
    assert made["sound"].any(axis=1).all()
    splits: dict[str, set[int]] = {}
    for motion, split in zip(made["motion"].tolist(), made["split"].tolist(), strict=True):
        splits.setdefault(motion, set()).add(split)
    assert all(len(found) == 1 for found in splits.values())
    page = (folder / "LICENCES-clips.md").read_text()
    assert "CC-BY-SA-3.0" in page
    assert "biped/jog0" in page
    assert (folder / "licences" / f"{zero_ad.PACKAGE}.txt").read_text() == "CC-BY-SA-3.0"


def motions(label: int, count: int, *, shift: float = 0.0) -> list[Motion]:
    rng = np.random.default_rng(label)
    return [
        Motion(f"{label} {number}", label, 0.05, (rng.normal(size=(8, 4, 3)) + shift).astype(np.float32))
        for number in range(count)
    ]


def test_held_out_groups_share_neither_a_motion_nor_a_sound() -> None:
    made = [motion for label in range(len(CLASSES)) for motion in motions(label, 30)]
    sounds = [f"audio/{sound}{i}.ogg" for _, sound in NAMES.values() if sound for i in range(12)]
    plans = clips.plan(made, sorted(set(sounds)), (20, 4, 40))
    assert len(plans) == 11 * 64
    assert len({plan.seed for plan in plans}) == len(plans)
    for label in range(len(CLASSES)):
        of_class = [plan for plan in plans if plan.label == label]
        for kind in ("motion", "effects"):
            seen: dict[str, set[object]] = {}
            for plan in of_class:
                for item in (plan.motion,) if kind == "motion" else plan.effects:
                    seen.setdefault(item, set()).add(plan.split)
            assert all(len(found) == 1 for found in seen.values())
        held_out = [plan for plan in of_class if plan.split == 2]
        groups: dict[str, set[int]] = {}
        for plan in held_out:
            for item in (plan.motion, *plan.effects):
                groups.setdefault(item, set()).add(plan.group)
        assert all(len(found) == 1 for found in groups.values())
        assert len({plan.group for plan in held_out}) >= 2


def test_too_few_motions_are_refused() -> None:
    with pytest.raises(DataError, match="too few motions or sounds of the class 'animal death'"):
        clips.plan(motions(0, 30), [f"audio/actor/fauna/animal/attack{i}.ogg" for i in range(9)], (2, 2, 2))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("biped/inf_bow_attack", "ranged attack"),
        ("biped/archer_shoot_a", "ranged attack"),
        ("biped/cavalry/spear_attack", "melee attack"),
        ("quadraped/horse_gallop", "animal run"),
        ("quadraped/bull_attack", "animal attack"),
        ("biped/death_swim", None),
        ("biped/chop", None),
        ("mechanical/walk", None),
    ],
)
def test_classes_by_the_names_of_files(name: str, label: str | None) -> None:
    found = label_of(path(name))
    assert (None if found is None else CLASSES[found]) == label


def test_a_file_is_read_as_positions_of_joints() -> None:
    joints = np.random.default_rng(1).normal(size=(7, 3, 3))
    motion = read_motion(path("biped/walk_a"), psa(joints, 40.0))
    assert motion is not None
    assert (motion.step, CLASSES[motion.label]) == (0.04, "walk")
    np.testing.assert_allclose(motion.joints, joints, rtol=1e-6)
    for damaged in (b"PMD!" + psa(joints)[4:], psa(joints)[:-4], b""):
        with pytest.raises(DataError, match="biped/walk_a"):
            read_motion(path("biped/walk_a"), damaged)


def test_a_window_is_played_at_its_own_speed_and_repeats_except_a_death() -> None:
    frames = np.broadcast_to(np.arange(40, dtype=np.float32)[:, None, None], (40, 2, 3))
    walk = Motion("walk", CLASSES.index("walk"), 0.1, frames)
    # 1.6 s of 0.1 s a frame: 16 frames, one after the other.
    found = walk.window(1.6, 16, np.random.default_rng(0))[:, 0, 0]
    assert np.diff(found).tolist() == [1.0] * 15
    short = Motion("walk", CLASSES.index("walk"), 0.1, frames[:10])
    assert short.window(1.6, 16, np.random.default_rng(0))[:, 0, 0].tolist() == [*range(10), *range(6)]
    fall = Motion("death", CLASSES.index("death"), 0.1, frames[:10])
    assert fall.window(1.6, 16, np.random.default_rng(0))[:, 0, 0].tolist() == [*range(10), *[9] * 6]


def test_near_duplicates_are_grouped_wherever_they_stand() -> None:
    (one,), other = motions(0, 1), motions(0, 2)[1]
    moved = Motion("moved", 0, 0.05, 3 * one.joints + np.float32(7))
    assert [[m.name for m in group] for group in near_duplicates([one, other, moved])] == [["0 0", "moved"], ["0 1"]]


def test_limbs_are_the_rigid_links() -> None:
    # A chain of 0 - 1 - 2 that swings, and a joint near 2 whose distance to it varies, but not that to 1.
    angle = np.linspace(0, 2, 9)
    zero = np.zeros_like(angle)
    arm = np.stack([np.cos(angle), np.sin(angle), zero], -1)
    joints = np.stack([np.zeros_like(arm), arm, 2 * arm, arm + np.array([0, 0, 0.4])], axis=1)
    assert {tuple(sorted(pair)) for pair in links(joints).tolist()} == {(0, 1), (1, 2), (1, 3)}


def test_a_limb_is_drawn_where_the_camera_sees_it() -> None:
    joints = np.array([[[0, 0, 0], [0, 2, 0]], [[0, 0, 0], [1, 1, 0]]], float)
    camera = Camera(yaw=0.0, pitch=0.0, fill=0.8, shift=(0.0, 0.0))
    upright, slanted = draw(joints, np.array([[0, 1]]), camera, 40)
    rows, columns = np.nonzero(upright)
    # The path is 1 wide and 2 high: scaled to 16 x 32 pixels around the middle, and limbs are 1.3 pixels thick.
    assert (rows.min(), rows.max()) == pytest.approx((4 - 1, 36), abs=1)
    assert columns.mean() + 0.5 == pytest.approx(12, abs=0.3)
    rows, columns = np.nonzero(slanted)
    assert (rows.min(), columns.max()) == pytest.approx((20 - 1, 28), abs=1)
    assert np.corrcoef(rows, columns)[0, 1] < -0.95


def test_the_nearer_limb_covers_the_other() -> None:
    joints = np.array([[[-1, 0, -1], [1, 0, -1], [0, -1, 1], [0, 1, 1]]], float)
    picture = draw(joints, np.array([[2, 3], [0, 1]]), Camera(0.0, 0.0, 0.8, (0.0, 0.0)), 60)[0]
    alone = draw(joints, np.array([[2, 3]]), Camera(0.0, 0.0, 0.8, (0.0, 0.0)), 60)[0]
    assert (picture[28:32, 29:31] == alone[28:32, 29:31]).all()


def test_sounds_are_trimmed_scaled_and_resampled() -> None:
    quiet = np.concatenate([np.zeros(RATE // 2), 0.3 * tone(0.25), np.zeros(RATE // 2)])
    found = read_effect("a.ogg", sound_file(quiet, kind="FLAC"), 8000)
    assert found is not None
    assert len(found) == pytest.approx(2000, abs=60)
    assert np.abs(found).max() == pytest.approx(1)
    assert read_effect("a.ogg", sound_file(np.zeros(RATE)), RATE) is None
    with pytest.raises(DataError, match=r"a\.ogg is no sound"):
        read_effect("a.ogg", b"no sound", RATE)


@pytest.mark.parametrize(("name", "fewest", "most"), [("walk", 2, 4), ("run", 3, 6), ("animal run", 6, 12)])
def test_steps_come_in_the_rhythm_of_the_class(name: str, fewest: int, most: int) -> None:
    click = np.zeros(200, np.float32)
    click[:20] = 1
    counts = []
    for seed in range(10):
        track = soundtrack(CLASSES.index(name), [click], 19_200, RATE, np.random.default_rng(seed))
        loud = np.flatnonzero(np.abs(track.astype(float)) > 0.35 * np.abs(track.astype(float)).max())
        counts.append(1 + int((np.diff(loud) > 400).sum()))
    assert fewest <= min(counts) <= max(counts) <= most


def test_sounds_of_a_class_are_found_by_their_names() -> None:
    paths = ["audio/actor/fauna/animal/lion_attack1.ogg", "audio/actor/fauna/animal/lion_select1.ogg"]
    paths += ["audio/actor/singlesteps/fs_sand1.ogg/fs_sand1.ogg", "audio/actor/singlesteps/fs_rock1.ogg/x.ogg"]
    assert files_of(CLASSES.index("animal attack"), paths) == paths[:1]
    assert files_of(CLASSES.index("animal idle"), paths) == paths[1:2]
    assert files_of(CLASSES.index("walk"), paths) == sorted(paths[2:])
    assert files_of(CLASSES.index("animal walk"), paths) == paths[3:]
    assert files_of(CLASSES.index("idle"), paths) == []
