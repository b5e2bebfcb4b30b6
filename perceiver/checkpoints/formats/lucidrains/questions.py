"""What must be asked about a checkpoint of perceiver-pytorch."""

from __future__ import annotations

from typing import Any

from .... import modalities
from ....errors import CheckpointError
from ..base import Answer, Given, Question, sides
from .told import DIM_HEAD, Told

_CROSS_HEADS, _LATENT_HEADS = 1, 8


def questions(told: Told) -> tuple[Question, ...]:
    """What shapes do not tell, with what was given as defaults."""
    asked = [
        _question(
            told,
            "input_shape",
            "Shape of the input",
            "The grid of elements that the model was trained on, rows first: 224 x 224. The library takes any grid "
            "and does not write it down.",
            "shape",
        ),
        _question(
            told,
            "fourier_encode_data",
            "Position channels",
            "Whether the model adds Fourier features to its input; off where the data bring their own.",
            "bool",
            True,
        ),
    ]
    if told.given.get("fourier_encode_data", True) is not False:
        asked += _positions(told)
    asked.append(_heads(told, "cross", told.cross_dim, _CROSS_HEADS, "cross-attention"))
    if told.self_dim is not None:
        asked.append(_heads(told, "latent", told.self_dim, _LATENT_HEADS, "self-attention"))
    asked += _tying(told)
    asked.append(
        _question(
            told,
            "modality",
            "Kind of input",
            "What the elements are.",
            "text",
            modalities.for_grid(told.axes),
            tuple(name for name in modalities.names() if modalities.describe(name).layout != "parts"),
        )
    )
    return tuple(asked)


def _question(
    told: Told,
    name: str,
    words: str,
    meaning: str,
    kind: Any = "int",
    default: Given | None = None,
    choices: tuple[Answer, ...] = (),
) -> Question:
    """A question with what was given, if it was, in place of the default."""
    said = told.given.get(name)
    if said is not None:
        default = " x ".join(map(str, sides(name, said))) if kind == "shape" else said
    return Question(name, words, meaning, type=kind, default=default, choices=choices)


def _positions(told: Told) -> list[Question]:
    old = told.layout.nested and told.layout.head == 1
    return [
        _question(
            told,
            "num_freq_bands",
            "Bands an axis",
            f"num_freq_bands of the constructor. The model reads {told.channels} channels an element: each axis takes "
            "twice this number and one, and what is left is content.",
            default=_bands(told),
        ),
        _question(
            told,
            "max_freq",
            "Highest frequency, doubled",
            "max_freq of the constructor: the highest band has half of it, in cycles across an axis.",
            "float",
        ),
        _question(
            told,
            "spacing",
            "Spacing of the bands",
            "Version 0.7.4 and newer space them evenly, 0.2.1 to 0.7.3 by logarithm.",
            "text",
            None if old else "logarithmic" if told.layout.nested else "linear",
            ("linear", "logarithmic"),
        ),
    ]


def _bands(told: Told) -> int | None:
    """Bands an axis: what the channels that were given leave, or those that three channels of colour, or else one to
    four, do. On a single axis every second number of channels leaves some, so that nothing is guessed."""
    axes = told.axes
    tried: tuple[int, ...] = (3, 1, 2, 4) if axes > 1 else ()
    if "input_channels" in told.given:
        tried = (told.number("input_channels", 3),)
    for content in tried:
        bands, rest = divmod(told.channels - content - axes, 2 * axes)
        if rest == 0 and bands > 0:
            return bands
    return None


def _heads(told: Told, which: str, width: int, usual: int, where: str) -> Question:
    """Heads of an attention whose inner width is known: by the width of a head where it was given; the library's
    defaults where they make that width; otherwise they must be answered."""
    default = usual if width == usual * DIM_HEAD else None
    each = f"{which}_dim_head"
    if each in told.given:
        heads, rest = divmod(width, told.number(each, DIM_HEAD))
        if rest:
            raise CheckpointError(
                f"{told.checkpoint.name} has {each} = {told.given[each]}, and its tensors are {width} wide there, "
                "which is no multiple of it"
            )
        default = heads
    return _question(
        told,
        f"{which}_heads",
        f"Heads of each {where}",
        f"{which}_heads of the constructor, {usual} by default. Queries and keys are {width} wide for all heads.",
        default=default,
    )


def _tying(told: Told) -> list[Question]:
    """Of two blocks how many they stand for, and of more whether they are tied where numbers cannot be compared."""
    said = told.given.get("weight_tie_layers")
    if told.blocks == 2 and said is not False:
        words = "The file holds two blocks; it is a deeper model where layers were tied and saved only once."
        return [_question(told, "depth", "Blocks", words, default=None if said is True else 2)]
    if told.blocks > 2 and told.checkpoint.same is None:
        words = "Whether the blocks after the first share their weights."
        return [_question(told, "weight_tie_layers", "Tied layers", words, "bool")]
    return []
