"""Equality with the model of clips of Hugging Face Transformers: sound and video in, a class out."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import perceiver
from perceiver import CheckpointError, Perceiver, PerceiverConfig, modalities
from perceiver.checkpoints import inspect
from tests.modalities.audiovisual import clips

transformers = pytest.importorskip("transformers")
modeling = pytest.importorskip("transformers.models.perceiver.modeling_perceiver")

SMALL = {
    "num_latents": 6,
    "d_latents": 32,
    "num_blocks": 2,
    "num_self_attends_per_block": 2,
    "num_labels": 7,
    "num_frames": 3,
    "image_size": 16,
    "audio_samples_per_frame": 64,
    "output_num_channels": 32,
    "output_shape": [1, 3, 16, 16],
}
FULL = {"num_latents": 784, "d_latents": 512, "num_self_attends_per_block": 8, "num_labels": 700, "image_size": 224}


def peer(**options: Any) -> Any:
    """The peer's own model; every number moved away from its start."""
    values = {"num_self_attention_heads": 8, "num_cross_attention_heads": 1} | options
    config = transformers.PerceiverConfig(**values)
    torch.manual_seed(0)
    model = modeling.PerceiverForMultimodalAutoencoding(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def save(model: Any, folder: Path) -> Path:
    """The peer's files as the hub has them."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({n: t.contiguous() for n, t in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(model.config.to_json_string(use_diff=False))
    return folder


def save_full(folder: Path) -> Path:
    """The published model's size."""
    return save(peer(**FULL), folder)


def clip(config: PerceiverConfig) -> tuple[Tensor, Tensor]:
    """Frames (1, frames, 3, H, W) and sound (1, samples, 1) as the peer takes them."""
    sizes, random = config.preprocess, torch.Generator().manual_seed(1)
    frames = torch.randn(1, sizes["frames"], 3, sizes["height"], sizes["width"], generator=random)
    return frames, torch.randn(1, sizes["samples"], 1, generator=random)


def elements(frames: Tensor, sound: Tensor, config: PerceiverConfig) -> Tensor:
    """The content of all rows: patches of sound, patches of 4 x 4 pixels read row by row, and nothing for the label."""
    audio, video, label = config.segments
    width = video.content_channels
    rows = []
    for i in range(audio.count):
        rows.append(sound[0, i * audio.content_channels : (i + 1) * audio.content_channels, 0])
    _, high, wide = video.shape
    for t in range(video.shape[0]):
        for row in range(high):
            for column in range(wide):
                part = frames[0, t, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
                rows.append(part.permute(1, 2, 0).flatten())
    rows += [torch.zeros(0)] * label.count
    return torch.stack([torch.nn.functional.pad(row, (0, width - len(row))) for row in rows])[None]


def compare(theirs: Any, ours: Perceiver, latents: slice = slice(None)) -> tuple[float, float]:
    """The largest difference of logits, as a share of the largest, and of attention weights."""
    frames, sound = clip(ours.config)
    points = {"image": torch.tensor([0]), "audio": torch.tensor([0]), "label": None}
    label = torch.zeros(1, ours.config.num_classes)
    with torch.no_grad():
        expected = theirs(
            inputs={"image": frames, "audio": sound, "label": label},
            subsampled_output_points=points,
            output_attentions=True,
        )
    trace = ours.trace(ours.input_array(elements(frames, sound, ours.config)))
    logits = expected.logits["label"][0]
    maps = expected.cross_attentions[0][0, 0][latents]
    return (
        float((trace.logits - logits).abs().max() / logits.abs().max()),
        float((trace.latent_maps(0, latents) - maps).abs().max()),
    )


def compare_full(folder: Path, ours: Perceiver) -> tuple[float, float]:
    """`compare` with the files of `save_full`."""
    return compare(modeling.PerceiverForMultimodalAutoencoding.from_pretrained(folder).eval(), ours, slice(0, 16))


def test_a_small_model_equals_the_peers(tmp_path: Path) -> None:
    theirs = peer(**SMALL)
    ours = perceiver.load(save(theirs, tmp_path))
    logits, maps = compare(theirs, ours)
    assert logits < 1e-5
    assert maps < 1e-6
    assert [(one.name, one.shape) for one in ours.config.segments] == [
        ("audio", (12,)),
        ("video", (3, 4, 4)),
        ("label", (1,)),
    ]
    assert PerceiverConfig.from_dict(json.loads(json.dumps(ours.config.to_dict()))) == ours.config


def test_the_full_size_equals_the_peers(tmp_path: Path) -> None:
    folder = save_full(tmp_path)
    ours = perceiver.load(folder)
    logits, maps = compare_full(folder, ours)
    assert logits < 1e-4
    assert maps < 1e-5
    assert ours.config.input_shape == (16 * 56 * 56 + 1920 + 1,)
    assert ours.config.input_channels == 704


def test_a_clip_file_becomes_the_peers_input_array(tmp_path: Path) -> None:
    theirs = peer(**SMALL)
    ours = perceiver.load(save(theirs, tmp_path))
    settings = ours.config.preprocess
    random = np.random.default_rng(0)
    # Three frames and their sound, coded without loss at the size that the model reads.
    pictures = [random.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(3)]
    sound = (random.integers(-32_767, 32_768, settings["samples"]) / 32_767).astype(np.float32)
    rate = Fraction(settings["rate"] * settings["frames"], settings["samples"])
    data = clips.clip(pictures, fps=rate, sound=sound, container="mov", codec="qtrle", pix_fmt="rgb24")
    sample = modalities.get("audiovisual").read(
        data, "clip.mov", shape=ours.config.input_shape, preprocess=settings, options={"start": "0"}
    )
    frames = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)[None] / 255
    inputs = {"image": frames, "audio": torch.from_numpy(sound)[None, :, None], "label": torch.zeros(1, 7)}
    with torch.no_grad():
        expected, _, _ = theirs.perceiver.input_preprocessor(inputs)
    # Sound has 16 bits in the file.
    torch.testing.assert_close(ours.inputs(sample), expected, atol=1e-4, rtol=0)
    assert float((ours.inputs(sample) - expected)[:, ours.config.segments[0].count :].abs().max()) < 1e-5


def test_what_rebuilds_the_clip_is_left_aside_and_said(tmp_path: Path) -> None:
    found = inspect(save(peer(**SMALL), tmp_path))
    assert any("names the clip" in note for note in found.notes)
    assert found.config is not None
    assert found.config.modality == "audiovisual"
    # Frames of 1/25 s: the sound's rate follows.
    assert found.config.preprocess["rate"] == 48_000


def test_converted_and_read_again(tmp_path: Path) -> None:
    ours = perceiver.load(save(peer(**SMALL), tmp_path / "theirs"))
    again = perceiver.load(perceiver.save(ours, tmp_path / "ours"))
    content = elements(*clip(ours.config), ours.config)
    assert torch.equal(again(again.input_array(content)), ours(ours.input_array(content)))


@pytest.mark.parametrize("change", [{"image_size": 18}, {"num_frames": 0}, {"samples_per_patch": 32}])
def test_sizes_that_do_not_fit_the_weights(change: dict[str, int], tmp_path: Path) -> None:
    folder = save(peer(**SMALL), tmp_path)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=f"{next(iter(change))}|fills its"):
        perceiver.load(folder)
