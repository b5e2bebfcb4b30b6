"""What must be asked about a checkpoint of perceiver-io."""

from __future__ import annotations

import math
from typing import Any

from ..base import Question, sides
from .names import OTHER_CROSS, OTHER_TOWER
from .told import Told

# Heads where nothing is said: the configuration's default, and what the training script sets.
_HEADS, _SCRIPT_HEADS = 8, 1


def questions(told: Told) -> tuple[Question, ...]:
    """The grid, blocks and heads, with what was given as defaults."""
    again, towers = told.has(OTHER_CROSS), told.has(OTHER_TOWER)
    return (
        _question(
            told,
            "image_shape",
            "Height, width and channels",
            "image_shape of the encoder: the pictures that the model reads, 28 x 28 x 1 for grey ones.",
            _square(told),
            kind="shape",
        ),
        _question(
            told,
            "num_self_attention_blocks",
            "Blocks",
            "num_self_attention_blocks of the encoder: how often latents pass through self-attentions. The file "
            + ("holds those of the first block and those of all others." if towers else "holds them once for all."),
        ),
        _question(
            told,
            "num_cross_attention_layers",
            "Blocks that read the picture",
            "num_cross_attention_layers of the encoder. "
            + (
                "The first has weights of its own, the others share theirs."
                if again
                else "The file holds one cross-attention; it may be used in several blocks."
            ),
            None if again else 1,
        ),
        _heads(told, "num_cross_attention_heads", "Heads of each cross-attention", _SCRIPT_HEADS),
        _heads(told, "num_self_attention_heads", "Heads of each self-attention", _HEADS),
        _heads(told, "decoder.num_cross_attention_heads", "Heads of the decoder's cross-attention", _SCRIPT_HEADS),
    )


def _question(told: Told, name: str, words: str, meaning: str, default: Any = None, kind: Any = "int") -> Question:
    said = told.given.get(name)
    if said is not None:
        default = " x ".join(map(str, sides(name, said))) if kind == "shape" else said
    return Question(name, words, meaning, type=kind, default=default)


def _square(told: Told) -> str | None:
    """The shape of a square picture, where there is one."""
    if told.positions is None or told.content is None:
        return None
    side = math.isqrt(told.positions[0])
    return f"{side} x {side} x {told.content}" if side * side == told.positions[0] else None


def _heads(told: Told, name: str, words: str, script: int) -> Question:
    """Heads of an attention: 8 by the configuration's default, perhaps 1 by the training script's; taken for known
    where only one of the two is possible."""
    widths = [told.width(told.attentions()[name], projection) for projection in ("q_proj", "v_proj")]
    possible = [heads for heads in {_HEADS, script} if not any(width % heads for width in widths)]
    return _question(
        told,
        name,
        words,
        f"{name}; queries and keys are {widths[0]} wide for all heads. The library's own default is {_HEADS}"
        + (f", its training script has {script}." if script != _HEADS else "."),
        possible[0] if len(possible) == 1 else None,
    )
