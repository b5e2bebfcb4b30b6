"""A checkpoint of perceiver-io as a `PerceiverConfig` with rules for its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....config import Block, PerceiverConfig
from ....errors import CheckpointError
from ....positions import FourierConfig
from ..base import Translation, listed, shown, sides
from ..labels import class_names, given_labels
from .names import AXES, CLASSES, DECODER, FIRST_CROSS, FIRST_TOWER, LATENTS, OTHER_CROSS, OTHER_TOWER, POSITIONS, QUERY
from .preparing import prepared
from .questions import questions
from .rules import rules_of
from .told import Told


def translate(told: Told) -> Translation:
    """The checkpoint in our terms, when all questions are answered. Raises CheckpointError for what does not fit."""
    checkpoint = told.checkpoint
    asked = {question.name: checkpoint.asked(question) for question in questions(told)}
    _check_heads(told, asked)
    height, width, channels = _image_shape(told, asked["image_shape"])
    num_latents, latent_dim = told.shape(told.called(LATENTS))
    num_classes = told.shape(f"{CLASSES}.weight")[0]
    cross, tower = f"{FIRST_CROSS}.0.module", f"{FIRST_TOWER}.0.0.module"
    preprocess, how = prepared(told, (height, width), channels)
    given = told.given.get("labels")
    labels, named = class_names(checkpoint, num_classes) if given is None else (given_labels(given), ())
    config = PerceiverConfig(
        num_classes=num_classes,
        modality="image",
        input_shape=(height, width),
        content_channels=channels,
        positions=FourierConfig(_bands(told, channels), (float(height), float(width))),
        num_latents=num_latents,
        latent_dim=latent_dim,
        plan=_plan(told, asked["num_self_attention_blocks"], asked["num_cross_attention_layers"]),
        self_attends=max(told.layers, 1),
        cross_heads=asked["num_cross_attention_heads"],
        self_heads=asked["num_self_attention_heads"],
        qk_dim=told.width(cross, "q_proj"),
        v_dim=told.width(cross, "v_proj"),
        self_dim=told.width(tower, "q_proj"),
        cross_widening=told.widening(f"{FIRST_CROSS}.1.module"),
        self_widening=told.widening(f"{FIRST_TOWER}.0.1.module"),
        head="decoder",
        decoder_heads=asked["decoder.num_cross_attention_heads"],
        decoder_query_residual=told.decoder.endswith(".module"),
        decoder_query_dim=told.shape(told.called(QUERY))[1],
        decoder_qk_dim=told.width(told.decoder, "q_proj"),
        decoder_v_dim=told.width(told.decoder, "v_proj"),
        decoder_widening=told.widening(f"{DECODER}.1.module"),
        labels=labels,
        preprocess=preprocess,
    )
    _check(told, config)
    return Translation(
        config=config,
        rules=rules_of(told, config),
        ignored=frozenset({told.called(POSITIONS)} & set(checkpoint.entries)),
        notes=(*how, *named, *_notes(told)),
    )


def _notes(told: Told) -> tuple[str, ...]:
    if not told.strange:
        return ()
    return (f"left aside what is no option of perceiver-io's image classifier: {listed(told.strange)}",)


def _image_shape(told: Told, answer: str) -> tuple[int, int, int]:
    """Raises CheckpointError for a shape that is none of a picture or that the tensors contradict."""
    shape, name = sides("image_shape", answer), told.checkpoint.name
    if len(shape) != AXES + 1 or shape[-1] not in (1, 3):
        raise CheckpointError(
            f"image_shape is {answer}; it must be height, width and channels of a picture, of which it has 1 or 3"
        )
    if told.positions is not None and shape[0] * shape[1] != told.positions[0]:
        raise CheckpointError(
            f"image_shape is {answer}, and {name} has position codes of {told.positions[0]:,} elements"
        )
    if told.content is not None and shape[2] != told.content:
        raise CheckpointError(
            f"image_shape is {answer}, and {name} reads {told.content} channels of content an element"
        )
    return shape[0], shape[1], shape[2]


def _bands(told: Told, content: int) -> int:
    bands, rest = divmod(told.channels - content - AXES, 2 * AXES)
    if rest or bands < 1:
        raise CheckpointError(
            f"{told.checkpoint.name} reads {told.channels} channels an element, which {content} of a picture and "
            f"Fourier features on {AXES} axes do not make; num_frequency_bands cannot be told"
        )
    return bands


def _plan(told: Told, blocks: int, crosses: int) -> tuple[Block, ...]:
    """Which weights each block uses: those of the first alone where others have weights of their own, and a
    cross-attention only in as many of the first blocks as there are."""
    name = told.checkpoint.name
    other_cross, other_tower = told.has(OTHER_CROSS), told.has(OTHER_TOWER)
    if crosses > blocks:
        raise CheckpointError(
            f"num_cross_attention_layers is {crosses} and num_self_attention_blocks {blocks}; there cannot be more "
            "cross-attentions than blocks"
        )
    for option, count, other, flag in (
        ("num_cross_attention_layers", crosses, other_cross, "first_cross_attention_layer_shared"),
        ("num_self_attention_blocks", blocks, other_tower, "first_self_attention_block_shared"),
    ):
        if other and count < 2:
            raise CheckpointError(f"{option} is {count}, and {name} holds weights for a second one")
        shared = told.given.get(flag)
        if shared is not None and type(shared) is not bool:
            raise CheckpointError(f"{flag} is {shown(shared)}; it must be true or false")
        if shared is not None and count > 1 and shared == other:
            raise CheckpointError(
                f"{name} has {flag} = {shared}, and holds {'' if other else 'no '}weights of their own for those "
                "after the first"
            )
    return tuple(
        (None if block >= crosses else int(block > 0 and other_cross), int(block > 0 and other_tower))
        for block in range(blocks)
    )


def _check_heads(told: Told, asked: Mapping[str, Any]) -> None:
    for name, attention in told.attentions().items():
        for projection in ("q_proj", "v_proj"):
            width = told.width(attention, projection)
            if width % asked[name]:
                raise CheckpointError(f"{name} is {asked[name]}, which the {width} channels there are no multiple of")


def _check(told: Told, config: PerceiverConfig) -> None:
    """Raises CheckpointError for an option that says otherwise than the tensors do."""
    tensors: dict[str, Any] = {
        "num_latents": config.num_latents,
        "num_latent_channels": config.latent_dim,
        "num_frequency_bands": config.positions.bands_per_axis,
        "num_cross_attention_qk_channels": config.qk_dim,
        "num_cross_attention_v_channels": config.v_dim,
        "cross_attention_widening_factor": config.cross_widening,
        "num_self_attention_qk_channels": config.self_dim,
        "num_self_attention_v_channels": config.self_dim,
        "num_self_attention_layers_per_block": config.self_attends,
        "self_attention_widening_factor": config.self_widening,
        "decoder.cross_attention_residual": config.decoder_query_residual,
        "decoder.num_cross_attention_qk_channels": config.decoder_qk_dim,
        "decoder.num_cross_attention_v_channels": config.decoder_v_dim,
        "decoder.cross_attention_widening_factor": config.decoder_widening,
        "decoder.num_output_query_channels": config.decoder_query_dim,
        "decoder.num_classes": config.num_classes,
    }
    for option, value in tensors.items():
        given = told.given.get(option, value)
        if given != value:
            raise CheckpointError(
                f"{told.checkpoint.name} has {option} = {shown(given)} among its options, and its tensors give "
                f"{value!r}"
            )
