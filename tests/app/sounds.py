"""A folder with tiny checkpoints for sounds, one of each sort of features, and their samples; and clips to upload."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import torch

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.positions import FourierConfig

RATE = 4000
LABELS = ("bass_drum", "flute", "organ")


def config(**changes: object) -> PerceiverConfig:
    """Reads one second at 4 kHz."""
    values: dict[str, object] = {
        "num_classes": 3,
        "modality": "audio",
        "num_latents": 6,
        "latent_dim": 16,
        "plan": ((0, 0), (1, 0)),
        "self_attends": 1,
        "self_heads": 2,
        "labels": LABELS,
        "latent_init_scale": 1.0,
    }
    return PerceiverConfig(**(values | changes))  # type: ignore[arg-type]


RAW = config(
    input_shape=(40,),
    content_channels=100,
    positions=FourierConfig(num_bands=4, max_resolution=(40.0,)),
    preprocess={"features": "raw", "rate": RATE, "samples": RATE, "patch": 100, "std": 0.2},
)
MEL = config(
    input_shape=(12, 20),
    content_channels=1,
    positions=FourierConfig(num_bands=4, max_resolution=(12.0, 20.0)),
    preprocess={
        "features": "mel",
        "rate": RATE,
        "samples": RATE,
        "mels": 12,
        "n_fft": 256,
        "hop": 200,
        "fmin": 50.0,
        "fmax": 2000.0,
        "mean": -40.0,
        "std": 25.0,
    },
)
CONFIGS = {"audio-mel": MEL, "audio-raw": RAW}


def tones(*hertz: float) -> np.ndarray:
    """A second of each tone at RATE, 0 for silence, each louder than the one before."""
    time = np.arange(RATE) / RATE
    parts = [0.3 * (1 + i / len(hertz)) * np.sin(2 * np.pi * f * time) for i, f in enumerate(hertz)]
    return np.concatenate(parts)


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """A 16-bit WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(32767 * samples).astype("<i2").tobytes())
    return out.getvalue()


LONG = wav(tones(200, 0, 700, 1300, 300))
"""Five seconds; the last one is the loudest."""


def build(root: Path) -> Path:
    """Writes both checkpoints and a sample of every class, each a second long."""
    for seed, (name, its) in enumerate(CONFIGS.items()):
        torch.manual_seed(seed)
        perceiver.save(Perceiver(its).eval(), root / name)
    samples = root / "samples" / "audio"
    samples.mkdir(parents=True)
    index = []
    for i, label in enumerate(LABELS):
        (samples / f"{label}.wav").write_bytes(wav(tones(200.0 * (i + 1))))
        fields = {"title": f"A {label}", "source": "made", "author": "nobody", "licence": "CC0", "note": ""}
        index.append({"file": f"{label}.wav", "label": label, **fields})
    (samples / "index.json").write_text(json.dumps(index))
    return root
