"""The map of examples: names of classes beside each other do not cover each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perceiver.plots.dataset import CHARACTER, LINE, confusion_text, name_shifts


def test_names_of_near_classes_stand_above_and_below() -> None:
    places = np.array([[0.0, 0.0], [10.0, 3.0], [200.0, 0.0], [5.0, 30.0]])
    lengths = [11, 10, 4, 12]
    shifts = name_shifts(places, lengths)
    assert shifts[0] == shifts[2] == 17, "where there is room, above"
    assert shifts[1] < 0
    for i, j in itertools.combinations(range(4), 2):
        apart = abs(places[i] - places[j])
        apart[1] = abs(places[i, 1] + shifts[i] - places[j, 1] - shifts[j])
        assert apart[1] >= LINE or apart[0] >= CHARACTER * (lengths[i] + lengths[j]) / 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "No input of a known class is confused with another."),
        ({(0, 1): 3, (1, 0): 1, (2, 3): 1, (3, 4): 1}, "A as B (3); 3 others once each."),
        ({(0, 1): 3, (1, 0): 1, (2, 3): 1}, "A as B (3), B as A (1), C as D (1)."),
        ({(0, 1): 4, (2, 0): 3, (3, 4): 2, (4, 3): 2}, "A as B (4), C as A (3); 2 others twice each."),
        ({(0, 1): 4, (2, 0): 3, (3, 4): 2, (4, 3): 1}, "A as B (4), C as A (3), D as E (2)."),
        ({(0, 1): 5, (1, 0): 5, (2, 0): 5, (3, 0): 5}, "4 pairs of classes 5 times each."),
    ],
)
def test_of_equally_frequent_confusions_all_are_named_or_none(wrong: dict[tuple[int, int], int], told: str) -> None:
    counts = np.diag([9] * 5)
    for cell, number in wrong.items():
        counts[cell] = number
    assert confusion_text(counts, list("ABCDE")) == (f"The most frequent confusions: {told}" if wrong else told)
