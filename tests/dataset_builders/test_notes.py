"""Which notes are drawn: nothing on two sides, nothing twice where it counts, and the same in every build."""

from __future__ import annotations

from itertools import islice

import pytest

from dataset_builders.audio.notes import FAMILIES, TEST, TRAIN, VAL, Family, Note, draw

BASS = next(family for family in FAMILIES if family.name == "bass")
DRUMS = next(family for family in FAMILIES if family.drums)


def notes(family: Family, split: int, count: int = 2000, programs: set[int] | None = None) -> list[Note]:
    """The first notes drawn for one side of a bank that has these programs or kits."""
    programs = programs or set(family.programs) or {0, 8, 40}
    return list(islice(draw(family, "bank", programs, set(family.keys), split), count))


def test_the_families_are_those_of_the_data_in_the_order_of_their_names() -> None:
    names = [family.name for family in FAMILIES]
    assert names == sorted(names)
    assert len(names) == 11
    programs = [program for family in FAMILIES for program in family.programs]
    assert len(programs) == len(set(programs))
    assert [family.name for family in FAMILIES if family.drums] == ["drums"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_validation_has_cells_of_its_own(family: Family) -> None:
    train, val = notes(family, TRAIN), notes(family, VAL)
    cells = [{(n.key,) if family.drums else (n.program, n.key) for n in side} for side in (train, val)]
    everything = len(family.keys) * max(len(family.programs), 1)
    assert not cells[0] & cells[1]
    assert (len(cells[0]) + len(cells[1]), len(cells[1])) == (everything, everything // 5)


def test_training_repeats_a_cell_only_after_all_others_and_never_the_same_way() -> None:
    train = notes(BASS, TRAIN)
    count = len({(n.program, n.key) for n in train})
    assert count == 168 - 33
    for start in range(0, len(train) - count, count):
        assert len({(n.program, n.key) for n in train[start : start + count]}) == count
    assert len(set(train)) == len(train)
    assert {n.cents == 0 for n in train} == {False}


@pytest.mark.parametrize("split", [VAL, TEST])
@pytest.mark.parametrize("family", [BASS, DRUMS], ids=lambda family: family.name)
def test_what_is_measured_on_comes_once_and_in_tune(family: Family, split: int) -> None:
    drawn = notes(family, split)
    assert len({(n.program, n.key) for n in drawn}) == len(drawn)
    assert {n.cents for n in drawn} == {0.0}
    everything = {(p, k) for p in (set(family.programs) or {0, 8, 40}) for k in family.keys}
    assert ({(n.program, n.key) for n in drawn} == everything) == (split == TEST)


def test_keys_are_held_for_different_times_and_drums_ring_out() -> None:
    bass = notes(BASS, TRAIN)
    assert 0.25 <= min(n.held for n in bass) < 0.3 < 0.85 < max(n.held for n in bass) <= 0.9
    assert {n.velocity for n in bass} == set(range(40, 121))
    assert {n.held for n in notes(DRUMS, TRAIN)} == {1.0}
    assert {n.drum for n in notes(DRUMS, TRAIN)} == {True}


def test_a_draw_comes_again_the_same_and_another_banks_differs() -> None:
    programs, keys = {32, 33}, set(BASS.keys)
    one, again, other = (list(islice(draw(BASS, b, programs, keys, TRAIN), 50)) for b in ("a", "a", "b"))
    assert one == again != other


def test_of_nothing_nothing_is_drawn() -> None:
    assert list(draw(BASS, "bank", set(), set(BASS.keys), TRAIN)) == []
    assert list(draw(DRUMS, "bank", {0}, set(), TEST)) == []
