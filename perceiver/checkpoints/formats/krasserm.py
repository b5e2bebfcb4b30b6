"""Image classifiers of krasserm's perceiver-io, 0.6 and newer: state dicts, Lightning checkpoints, folders on the hub.

They are Perceiver IO with options of the first paper: several cross-attentions, each before a block of self-attentions,
and a choice of which of them share weights with the first. The configuration is in a folder's `config.json` or among a
Lightning checkpoint's hyper-parameters; a state dict alone leaves heads and repeats open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...config import Block, PerceiverConfig
from ...errors import CheckpointError
from ...positions import FourierConfig
from .base import Checkpoint, Conversion, Option, Rule, listed, shown, sides, take
from .krasserm_evidence import (
    AXES,
    CLASSES,
    DECODER,
    FIRST_CROSS,
    FIRST_TOWER,
    LATENTS,
    OTHER_CROSS,
    OTHER_TOWER,
    POSITIONS,
    QUERY,
    Evidence,
    options,
)
from .metadata import PUBLISHED, class_names, given_labels, preparation, published, said


class Krasserm:
    """The `Format` of these checkpoints."""

    name = "krasserm"
    title = "perceiver-io (krasserm)"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the names of its latents and of the first cross-attention, or the type that a folder's configuration
        names."""
        kind = checkpoint.config.get("model_type")
        return (isinstance(kind, str) and kind.startswith(("perceiver-io-", "perceiver-ar-"))) or any(
            name.startswith((*LATENTS, f"{FIRST_CROSS}.", "input_adapter.txt_embedding."))
            for name in checkpoint.entries
        )

    def options(self, checkpoint: Checkpoint) -> tuple[Option, ...]:
        """The grid, heads and repeats; what files say of them becomes the default. Options of the encoder go by their
        own names, those of the decoder are called "decoder....", as on that library's command line."""
        return options(Evidence.of(checkpoint))

    def convert(self, checkpoint: Checkpoint) -> Conversion:
        """Raises CheckpointError for an option that tensors contradict or that cannot be represented, by its name."""
        return convert(Evidence.of(checkpoint))

    def credit(self, checkpoint: Checkpoint) -> str:
        """Of the two image classifiers that were published with the library."""
        name = checkpoint.name.lower().partition("@")[0]
        if name == "krasserm/perceiver-io-img-clf":
            return "parameters by DeepMind (Jaegle et al. 2021), CC BY 4.0; trained on data with terms of its own"
        if name == "krasserm/perceiver-io-img-clf-mnist":
            return "parameters by Martin Krasser, Apache-2.0; trained on MNIST"
        return ""


def convert(evidence: Evidence) -> Conversion:
    """The configuration and the rules for its tensors. Raises CheckpointError for what does not fit."""
    checkpoint = evidence.checkpoint
    values = {option.name: checkpoint.value(option) for option in options(evidence)}
    _check_heads(evidence, values)
    height, width, channels = _image_shape(evidence, values["image_shape"])
    num_latents, latent_dim = evidence.shape(evidence.called(LATENTS))
    num_classes = evidence.shape(f"{CLASSES}.weight")[0]
    cross, tower = f"{FIRST_CROSS}.0.module", f"{FIRST_TOWER}.0.0.module"
    preprocess, how = prepared(evidence, (height, width), channels)
    given = evidence.known.get("labels")
    labels, named = class_names(checkpoint, num_classes) if given is None else (given_labels(given), ())
    config = PerceiverConfig(
        num_classes=num_classes,
        modality="image",
        input_shape=(height, width),
        content_channels=channels,
        positions=FourierConfig(_bands(evidence, channels), (float(height), float(width))),
        num_latents=num_latents,
        latent_dim=latent_dim,
        plan=_plan(evidence, values["num_self_attention_blocks"], values["num_cross_attention_layers"]),
        self_attends=max(evidence.layers, 1),
        cross_heads=values["num_cross_attention_heads"],
        self_heads=values["num_self_attention_heads"],
        qk_dim=evidence.width(cross, "q_proj"),
        v_dim=evidence.width(cross, "v_proj"),
        self_dim=evidence.width(tower, "q_proj"),
        cross_widening=evidence.widening(f"{FIRST_CROSS}.1.module"),
        self_widening=evidence.widening(f"{FIRST_TOWER}.0.1.module"),
        head="decoder",
        decoder_heads=values["decoder.num_cross_attention_heads"],
        decoder_query_residual=evidence.decoder.endswith(".module"),
        decoder_query_dim=evidence.shape(evidence.called(QUERY))[1],
        decoder_qk_dim=evidence.width(evidence.decoder, "q_proj"),
        decoder_v_dim=evidence.width(evidence.decoder, "v_proj"),
        decoder_widening=evidence.widening(f"{DECODER}.1.module"),
        labels=labels,
        preprocess=preprocess,
    )
    _check(evidence, config)
    return Conversion(
        config=config,
        rules=rules_of(evidence, config),
        ignored=frozenset({evidence.called(POSITIONS)} & set(checkpoint.entries)),
        notes=(*how, *named, *_notes(evidence)),
    )


def _notes(evidence: Evidence) -> tuple[str, ...]:
    if not evidence.unknown:
        return ()
    return (f"ignored what is no option of perceiver-io's image classifier: {listed(evidence.unknown)}",)


def _image_shape(evidence: Evidence, value: str) -> tuple[int, int, int]:
    """Raises CheckpointError for a shape that no picture has, or that the tensors contradict."""
    shape, name = sides("image_shape", value), evidence.checkpoint.name
    if len(shape) != AXES + 1 or shape[-1] not in (1, 3):
        raise CheckpointError(
            f"image_shape is {value}; it must be height, width and channels of a picture, of which it has 1 or 3"
        )
    if evidence.positions is not None and shape[0] * shape[1] != evidence.positions[0]:
        raise CheckpointError(
            f"image_shape is {value}, and {name} has position codes of {evidence.positions[0]:,} elements"
        )
    if evidence.content is not None and shape[2] != evidence.content:
        raise CheckpointError(
            f"image_shape is {value}, and {name} reads {evidence.content} channels of content an element"
        )
    return shape[0], shape[1], shape[2]


def _bands(evidence: Evidence, content: int) -> int:
    bands, rest = divmod(evidence.channels - content - AXES, 2 * AXES)
    if rest or bands < 1:
        raise CheckpointError(
            f"{evidence.checkpoint.name} reads {evidence.channels} channels an element, which {content} of a picture "
            f"and Fourier features on {AXES} axes do not make; num_frequency_bands cannot be known"
        )
    return bands


def _plan(evidence: Evidence, blocks: int, crosses: int) -> tuple[Block, ...]:
    """Which weights each block uses: those of the first alone where others have weights of their own, and a
    cross-attention only in as many of the first blocks as there are."""
    name = evidence.checkpoint.name
    other_cross, other_tower = evidence.has(OTHER_CROSS), evidence.has(OTHER_TOWER)
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
        shared = evidence.known.get(flag)
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


def _check_heads(evidence: Evidence, values: Mapping[str, Any]) -> None:
    for name, attention in evidence.attentions().items():
        for projection in ("q_proj", "v_proj"):
            width = evidence.width(attention, projection)
            if width % values[name]:
                raise CheckpointError(f"{name} is {values[name]}, which the {width} channels there are no multiple of")


def _check(evidence: Evidence, config: PerceiverConfig) -> None:
    """Raises CheckpointError for an option that contradicts the tensors."""
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
        given = evidence.known.get(option, value)
        if given != value:
            raise CheckpointError(
                f"{evidence.checkpoint.name} has {option} = {shown(given)} among its options, and its tensors give "
                f"{value!r}"
            )


def prepared(evidence: Evidence, size: tuple[int, int], channels: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Our settings from `preprocessor_config.json`, which has the form of Transformers' and an option for grey, and
    notes. Raises CheckpointError for those that are impossible, not represented, or of another size."""
    given = evidence.known.get("preprocess")
    if given is not None:
        if not isinstance(given, Mapping):
            raise CheckpointError("preprocess must be an object of settings by name")
        return dict(given), ()
    values = said(evidence.checkpoint.preprocessor)
    grey = {"channels": 1} if channels == 1 else {}
    if not values:
        settings = published(size, "").settings | ({} if size == (PUBLISHED, PUBLISHED) and not grey else {"crop": 1.0})
        settings |= {"mean": [0.5], "std": [0.5]} if grey else {}
        note = "has no preprocessor_config.json; pictures are prepared as for the library's published models"
        return settings | grey, (note,)
    if values.get("single_channel") and channels != 1:
        raise CheckpointError(f"{evidence.checkpoint.name} has single_channel on and reads {channels} channels")
    as_they_are = not values.get("do_resize", True) and not values.get("do_center_crop", True)
    if as_they_are:
        values |= {"do_resize": True, "size": dict(zip(("height", "width"), size, strict=True))}
    made = preparation(replace(evidence.checkpoint, preprocessor=values), channels)
    if made.size != size:
        raise CheckpointError(
            f"{evidence.checkpoint.name} is prepared for {made.size[0]} x {made.size[1]} pixels and reads "
            f"{size[0]} x {size[1]}"
        )
    if not as_they_are:
        return made.settings | grey, made.notes
    # The library takes only pictures that have the model's size; others are cropped and resized.
    settings = {name: value for name, value in made.settings.items() if name != "fit"}
    note = f"brings pictures to {size[0]} x {size[1]} pixels; the library takes only those that have them"
    return settings | grey, (note, *made.notes)


def rules_of(evidence: Evidence, config: PerceiverConfig) -> dict[str, Rule]:
    """The rules of all tensors of a model."""
    crosses = [FIRST_CROSS, OTHER_CROSS][: 1 + evidence.has(OTHER_CROSS)]
    towers = [FIRST_TOWER, OTHER_TOWER][: 1 + evidence.has(OTHER_TOWER)]
    rules = {"latents": take(evidence.called(LATENTS)), "head.query": take(evidence.called(QUERY))}
    rules |= _both("head.linear", CLASSES)
    for i, cross in enumerate(crosses):
        rules |= _layer_rules(f"cross.{i}", f"{cross}.0.module", f"{cross}.1.module", cross=True)
    for i, tower in enumerate(towers):
        for layer in range(config.self_attends):
            theirs = f"{tower}.{layer}"
            rules |= _layer_rules(f"towers.{i}.{layer}", f"{theirs}.0.module", f"{theirs}.1.module", cross=False)
    return rules | _layer_rules("head.read", evidence.decoder, f"{DECODER}.1.module", cross=True)


def _layer_rules(ours: str, attention: str, mlp: str, *, cross: bool) -> dict[str, Rule]:
    """One attention layer with its MLP."""
    norms = {"query_norm": "q_norm", "input_norm": "kv_norm"} if cross else {"norm": "norm"}
    names = {norm: f"{attention}.{its}" for norm, its in norms.items()}
    for part in ("query", "key", "value", "out"):
        names[part] = f"{attention}.attention.{part[0]}_proj"
    # Norm and two linear layers by their place; 2 is the GELU between them.
    names |= {"mlp.norm": f"{mlp}.0", "mlp.widen": f"{mlp}.1", "mlp.narrow": f"{mlp}.3"}
    return {name: rule for part, its in names.items() for name, rule in _both(f"{ours}.{part}", its).items()}


def _both(ours: str, theirs: str) -> dict[str, Rule]:
    return {f"{ours}.{kind}": take(f"{theirs}.{kind}") for kind in ("weight", "bias")}
