"""A folder with a tiny checkpoint for clips with sound, and its samples: a bright square moves, and a tone begins."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.modalities.audiovisual.settings import ClipSettings
from perceiver.positions import FourierConfig, SegmentConfig
from tests.modalities.audiovisual.clips import clip, tone

FPS, RATE = 10, 8000
SIDE, SQUARE = 64, 16
LABELS = ("high", "low", "still")
PREPARED = {
    "frames": 8,
    "height": 32,
    "width": 32,
    "patch": 4,
    "rate": RATE,
    "samples": 6400,
    "samples_per_patch": 64,
    "order": ["audio", "video", "label"],
}
SHAPES = ClipSettings.of(PREPARED).shapes
"""The model reads 0.8 s: 8 frames of 8 x 8 patches, and 100 patches of sound."""

CONFIG = PerceiverConfig(
    num_classes=3,
    modality="audiovisual",
    input_shape=ClipSettings.of(PREPARED).shape,
    content_channels=64,
    segments=(
        SegmentConfig("audio", SHAPES["audio"], 64, FourierConfig(4, (100.0,))),
        SegmentConfig("video", SHAPES["video"], 48, FourierConfig(4, (8.0, 8.0, 8.0))),
        SegmentConfig("label", (1,)),
    ),
    padded_to=96,
    labels=LABELS,
    num_latents=6,
    latent_dim=16,
    plan=((0, 0), (1, 0)),
    self_attends=1,
    self_heads=2,
    latent_init_scale=1.0,
    preprocess=PREPARED,
)


def frame(number: int) -> np.ndarray:
    """A white square on grey, which moves to the right and begins again: 8 pixels a frame."""
    out = np.full((SIDE, SIDE, 3), 60, np.uint8)
    left = 8 * number % (SIDE - SQUARE + 8)
    out[24 : 24 + SQUARE, left : left + SQUARE] = 235
    return out


def square(count: int, *, starts: float, frequency: float = 880.0) -> bytes:
    """A clip of so many frames; the tone begins at a time in seconds."""
    seconds = count / FPS
    sound = tone(seconds, RATE, frequency)
    sound[: round(starts * RATE)] = 0
    # Every frame is a key frame of its own colours, so that pixels survive.
    return clip(frame, count=count, fps=FPS, gop=1, sound=sound, rate=RATE, container="mp4", audio_codec="aac",
                options={"crf": "8"})  # fmt: skip


def build(root: Path) -> Path:
    """Writes the checkpoint and a sample of every class."""
    torch.manual_seed(1)
    perceiver.save(Perceiver(CONFIG).eval(), root / "av-tiny")
    samples = root / "samples" / "audiovisual"
    samples.mkdir(parents=True)
    index = []
    for i, label in enumerate(LABELS):
        (samples / f"{label}.mp4").write_bytes(square(20 if i else 8, starts=0.4, frequency=880.0 / (i + 1)))
        fields = {"title": f"A {label} tone", "source": "made", "author": "nobody", "licence": "CC0", "note": ""}
        index.append({"file": f"{label}.mp4", "label": label, **fields})
    (samples / "index.json").write_text(json.dumps(index))
    return root
