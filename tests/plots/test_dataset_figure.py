"""The map of examples: names of classes beside each other do not cover each other."""

from __future__ import annotations

import itertools

import numpy as np

from perceiver.plots.dataset import CHARACTER, LINE, name_shifts


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
