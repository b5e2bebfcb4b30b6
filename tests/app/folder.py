"""A folder of tiny checkpoints and samples, as the app finds them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.positions import FourierConfig, LearnedConfig

LABELS = ("bed_cot", "lamp", "vessel")

ONE_HEAD = PerceiverConfig(
    num_classes=3,
    input_shape=(16, 16),
    positions=FourierConfig(num_bands=4, max_resolution=(16.0, 16.0)),
    num_latents=6,
    latent_dim=16,
    plan=((0, 0), (1, 0), (1, 0)),
    self_attends=1,
    self_heads=2,
    labels=LABELS,
    latent_init_scale=1.0,
)
TWO_HEADS = PerceiverConfig(
    num_classes=3,
    input_shape=(8, 12),
    positions=LearnedConfig(dim=7),
    num_latents=5,
    latent_dim=16,
    plan=((0, 0), (None, 0), (1, 0)),
    self_attends=1,
    self_heads=2,
    cross_heads=2,
    labels=LABELS,
    latent_init_scale=1.0,
)
CONFIGS = {"image-fourier": ONE_HEAD, "image-learned": TWO_HEADS}


def picture(seed: int, width: int = 32, height: int = 32) -> bytes:
    """Coloured noise in blocks, so that neither crop nor order can hide."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def build(root: Path) -> Path:
    """Writes two checkpoints and three samples."""
    for seed, (name, config) in enumerate(CONFIGS.items()):
        torch.manual_seed(seed)
        perceiver.save(Perceiver(config).eval(), root / name)
    samples = root / "samples" / "image"
    samples.mkdir(parents=True)
    index = []
    for i, label in enumerate(LABELS):
        (samples / f"{label}-{i}.png").write_bytes(picture(i))
        fields = {"title": f"A {label}", "source": "made", "author": "nobody", "licence": "CC0", "note": ""}
        index.append({"file": f"{label}-{i}.png", "label": label, **fields})
    (samples / "index.json").write_text(json.dumps(index))
    return root
