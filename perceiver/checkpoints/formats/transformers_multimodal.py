"""The clip classifier of Hugging Face Transformers' multimodal Perceiver (DeepMind's, on Kinetics-700).

It rebuilds video and sound and names the clip; here it names the clip alone. Its decoder's queries do not see one
another, so that the class's query alone gives the same scores.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError
from ...positions import FourierConfig, SegmentConfig
from .base import Checkpoint, Rule, shown, take

_PREPROCESSOR = "perceiver.input_preprocessor"
_POST = "perceiver.output_postprocessor.modalities"
_QUERY = "perceiver.decoder.modalities.label.decoder.output_position_encodings.position_embeddings"
_FINAL = "perceiver.decoder.decoder.final_layer"

# Written into that library's model class, not into its configurations.
_VIDEO_BANDS, _AUDIO_BANDS = 32, 192
_PATCH = 4
_RGB = 3
RATE = 48_000
"""Sound in samples a second: 1,920 a frame at 25 frames a second."""


def recognises(checkpoint: Checkpoint) -> bool:
    """Whether it is this model, by the vectors that fill its modalities up."""
    return f"{_PREPROCESSOR}.padding.label" in checkpoint.entries


def classes(checkpoint: Checkpoint) -> int:
    """The classes it tells apart."""
    return checkpoint.shape(f"{_POST}.label.classifier.weight", 2)[0]


def front(checkpoint: Checkpoint) -> dict[str, Any]:
    """Its input: sound, video, and one row in place of the label that is to be evidence, in that order.

    Raises CheckpointError when the configuration's sizes do not fit the weights.
    """
    frames, samples, patch = (
        _count(checkpoint, name, default)
        for name, default in (("num_frames", 16), ("audio_samples_per_frame", 1920), ("samples_per_patch", 16))
    )
    side = _count(checkpoint, "image_size", 224)
    if side % _PATCH or frames * samples % patch:
        raise CheckpointError(f"{checkpoint.name} has image_size or samples_per_patch that leave a rest")
    total = frames * samples
    audio = SegmentConfig("audio", (total // patch,), patch, FourierConfig(_AUDIO_BANDS, (float(total),)))
    video = SegmentConfig(
        "video",
        (frames, side // _PATCH, side // _PATCH),
        _RGB * _PATCH * _PATCH,
        FourierConfig(_VIDEO_BANDS, (float(frames), float(side), float(side))),
    )
    label = SegmentConfig("label", (1,))
    segments = (audio, video, label)
    padded = checkpoint.shape(f"{_PREPROCESSOR}.mask.label")[-1]
    for segment, name in ((audio, "audio"), (video, "image")):
        (fits,) = checkpoint.shape(f"{_PREPROCESSOR}.padding.{name}")[-1:]
        if padded - segment.channels != fits:
            raise CheckpointError(
                f"{checkpoint.name} fills its {segment.name} up with {fits} channels where its configuration leaves "
                f"{padded - segment.channels}"
            )
    return {
        "modality": "audiovisual",
        "input_shape": (sum(segment.count for segment in segments),),
        "content_channels": video.content_channels,
        "segments": segments,
        "padded_to": padded,
        "preprocess": {
            "frames": frames,
            "height": side,
            "width": side,
            "patch": _PATCH,
            "rate": RATE,
            "samples": total,
            "samples_per_patch": patch,
        },
    }


def rules() -> dict[str, Rule]:
    """What fills the modalities up, and the class's query with the two linear layers behind it multiplied."""
    classifier = f"{_POST}.label.classifier"

    def flat(vector: Tensor) -> Tensor:
        return vector.flatten()

    def query(position: Tensor, padding: Tensor) -> Tensor:
        return torch.cat([position, padding], dim=1)

    def bias(last: Tensor, last_bias: Tensor, first_bias: Tensor) -> Tensor:
        return last @ first_bias + last_bias

    return {
        "positions.padding.0": take(f"{_PREPROCESSOR}.padding.audio", flat),
        "positions.padding.1": take(f"{_PREPROCESSOR}.padding.image", flat),
        "positions.padding.2": take(f"{_PREPROCESSOR}.mask.label", flat),
        "head.query": Rule((_QUERY, "perceiver.decoder.padding.label"), query),
        "head.linear.weight": Rule((f"{classifier}.weight", f"{_FINAL}.weight"), torch.matmul),
        "head.linear.bias": Rule((f"{classifier}.weight", f"{classifier}.bias", f"{_FINAL}.bias"), bias),
    }


def ignored(checkpoint: Checkpoint) -> frozenset[str]:
    """What rebuilds video and sound, and vectors of masking that is not done."""
    aside = [f"{_PREPROCESSOR}.mask.audio", f"{_PREPROCESSOR}.mask.image", f"{_PREPROCESSOR}.padding.label"]
    aside += ["perceiver.decoder.padding.audio", "perceiver.decoder.padding.image"]
    heads = (f"{_POST}.audio.", f"{_POST}.image.")
    return frozenset(name for name in checkpoint.entries if name in aside or name.startswith(heads))


def notes(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What was decided or ignored."""
    pictures = ("ignored preprocessor_config.json, which is about pictures and not about clips",)
    return (
        "names the clip and ignores the parts that rebuild its video and sound",
        "multiplied the two linear layers behind the class's query",
        *(pictures if checkpoint.preprocessor else ()),
    )


def _count(checkpoint: Checkpoint, name: str, default: int) -> int:
    value = checkpoint.config.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 2**20:
        raise CheckpointError(f"{checkpoint.name} has {name} = {shown(value)}, which is no possible count")
    return value
