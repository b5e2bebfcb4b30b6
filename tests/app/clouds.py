"""A folder with a tiny checkpoint for point clouds and its samples, as the app finds them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.positions import FourierConfig

LABELS = ("chair_stool", "lamp")
CONFIG = PerceiverConfig(
    num_classes=2,
    modality="points",
    input_shape=(256,),
    content_channels=0,
    position_axes=3,
    positions=FourierConfig(num_bands=4, max_resolution=(20.0, 20.0, 20.0)),
    num_latents=6,
    latent_dim=16,
    plan=((0, 0), (1, 0), (1, 0)),
    self_attends=1,
    self_heads=2,
    labels=LABELS,
    latent_init_scale=1.0,
    preprocess={"up": "y"},
)


def points(count: int = 256, seed: int = 0) -> np.ndarray:
    """Points on a bent sheet, longer than wide and higher at one end, so that no two sides can be mistaken."""
    u, v = np.random.default_rng(seed).uniform(-1, 1, (2, count))
    return np.stack([0.5 * v, 0.3 * np.sin(2 * u) + 0.1 * v, u], axis=1).astype(np.float32)


def ply(places: np.ndarray, colours: np.ndarray | None = None) -> bytes:
    """A PLY file of points, with their colours where they have any."""
    fields = [(axis, "<f4") for axis in "xyz"]
    properties = [f"property float {axis}" for axis in "xyz"]
    if colours is not None:
        fields += [(name, "u1") for name in ("red", "green", "blue")]
        properties += [f"property uchar {name}" for name in ("red", "green", "blue")]
    rows = np.empty(len(places), dtype=fields)
    for i, axis in enumerate("xyz"):
        rows[axis] = places[:, i]
    for i, name in enumerate(("red", "green", "blue")):
        if colours is not None:
            rows[name] = colours[:, i]
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(places)}", *properties, "end_header"]
    return ("\n".join(head) + "\n").encode() + rows.tobytes()


def build(root: Path) -> Path:
    """Writes one checkpoint and a sample of every class."""
    torch.manual_seed(0)
    perceiver.save(Perceiver(CONFIG).eval(), root / "points-fourier")
    samples = root / "samples" / "points"
    samples.mkdir(parents=True)
    index = []
    for i, label in enumerate(LABELS):
        (samples / f"{label}.ply").write_bytes(ply(points(seed=i)))
        fields = {"title": f"A {label}", "source": "made", "author": "nobody", "licence": "CC0", "note": ""}
        index.append({"file": f"{label}.ply", "label": label, **fields})
    (samples / "index.json").write_text(json.dumps(index))
    return root
