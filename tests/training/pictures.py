"""A tiny data set in the builder's layout: two classes told apart by colour, wide boxes off the sprite's centre."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_data(folder: Path) -> Path:
    """Writes objects.npz and grounds.npz: train holds 1 + 3 objects of 2 views, test 1 + 1."""
    sprites, labels, objects, splits = [], [], [], []
    for item, (label, split) in enumerate([(0, 0), (1, 0), (1, 0), (1, 0), (0, 2), (1, 2)]):
        for view in range(2):
            sprite = np.zeros((64, 64, 4), np.uint8)
            row, column = 10 + 4 * item, 6 + 10 * view
            sprite[row : row + 16, column : column + 32] = (255 * (label == 0), 255 * (label == 1), 0, 255)
            sprites.append(sprite)
            labels.append(label)
            objects.append(item)
            splits.append(split)
    np.savez(
        folder / "objects.npz",
        sprite=np.stack(sprites),
        label=np.array(labels),
        object=np.array(objects),
        view=np.zeros((len(sprites), 2), np.float32),
        split=np.array(splits, np.int8),
        name=np.array([f"box {i}" for i in range(6)]),
        group=np.arange(6),
        classes=np.array(["green", "red"][::-1]),
    )
    np.savez(
        folder / "grounds.npz",
        ground=np.full((6, 192, 192, 3), 100, np.uint8),
        label=np.zeros(6, int),
        split=np.array([0, 0, 1, 1, 2, 2], np.int8),
        group=np.arange(6),
        name=np.array([f"ground {i}" for i in range(6)]),
        classes=np.array(["plain"]),
    )
    return folder
