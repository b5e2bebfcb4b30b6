"""Hugging Face Transformers' Perceivers: DeepMind's three ImageNet models, its model of clips, and what was fine-tuned
from them.

They are Perceiver IO: one cross-attention, a tower that is run `num_blocks` times, a decoder with one learned query.
What the port does differently from the JAX code that trained the published weights is reproduced by default, so that
scores equal those of that library, and can be switched to DeepMind's way: exact or tanh GELU, the grid of the
convolution, the residual of the learned model's decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...config import Activation, PerceiverConfig
from ...errors import CheckpointError
from . import transformers_front
from . import transformers_multimodal as multimodal
from .base import Checkpoint, Conversion, Option, Rule, listed, shown, take
from .metadata import class_names
from .transformers_front import BANDS, CONV, LINEAR, RGB, Front

_ENCODER = "perceiver.encoder.cross_attention"
_DECODER = "perceiver.decoder.decoder"
_PREPROCESSOR = "perceiver.input_preprocessor"
_LATENTS = "perceiver.embeddings.latents"

_ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_fast"), "gelu_tanh"),
}
_HEADS = (
    ("num_self_attention_heads", "Heads of each self-attention", 8),
    ("num_cross_attention_heads", "Heads of the cross-attention", 1),
    ("num_blocks", "Times the tower is run", 8),
)


class Transformers:
    """The `Format` of these checkpoints."""

    name = "transformers"
    title = "Hugging Face Transformers"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the names of the encoder's tensors, or `"model_type": "perceiver"`."""
        return checkpoint.config.get("model_type") == "perceiver" or any(
            name.removeprefix("perceiver.").startswith(("embeddings.latents", "encoder.self_attends."))
            for name in checkpoint.entries
        )

    def options(self, checkpoint: Checkpoint) -> tuple[Option, ...]:
        """Heads and blocks, with `config.json`'s numbers as defaults, and the switches to DeepMind's way.

        Raises CheckpointError for options that it does not take."""
        _refuse_others(checkpoint)
        numbers = tuple(
            Option(name, words, f"{name} in the model's config.json", default=checkpoint.config.get(name, default))
            for name, words, default in _HEADS
        )
        activation = Option(
            "hidden_act",
            "GELU",
            "Transformers computes GELU exactly; DeepMind's code, which trained the published weights, approximates it "
            "with tanh. The difference is small.",
            type="text",
            default=checkpoint.config.get("hidden_act", "gelu"),
            choices=tuple(_ACTIVATIONS),
            switch=True,
        )
        options = (*numbers, activation, *_switches(checkpoint))
        unknown = [name for name in checkpoint.options if name not in {option.name for option in options}]
        if unknown:
            raise CheckpointError(
                f"{checkpoint.name} takes no {listed(unknown)}; what can be given are "
                f"{', '.join(option.name for option in options)}"
            )
        return options

    def convert(self, checkpoint: Checkpoint) -> Conversion:
        """Raises CheckpointError for an option that cannot be represented, by its name."""
        _refuse_others(checkpoint)
        values = {option.name: checkpoint.value(option) for option in self.options(checkpoint)}
        if checkpoint.config.get("use_query_residual", True) is not True:
            raise CheckpointError(
                f"{checkpoint.name} has use_query_residual off: latents that are not added to what they read are not "
                "among the Perceivers that can be opened"
            )
        body = _body(checkpoint, values)
        front, rules, ignored, notes = _front(checkpoint, values)
        labels, label_notes = class_names(checkpoint, body["num_classes"])
        config = PerceiverConfig(labels=labels, **({"modality": "image"} | body | front))
        (channels,) = checkpoint.shape(f"{_ENCODER}.attention.self.layernorm2.weight", 1)
        if config.input_channels != channels:
            raise CheckpointError(
                f"{checkpoint.name} reads {channels} channels an element, which is neither {RGB} of colour with "
                f"{BANDS} Fourier bands an axis nor one of the other published models"
            )
        _check(checkpoint, config)
        return Conversion(
            config=config,
            rules=_tower_rules(config) | _head_rules() | rules,
            ignored=ignored,
            notes=(*notes, *label_notes, *_problem(checkpoint)),
        )

    def credit(self, checkpoint: Checkpoint) -> str:
        """DeepMind puts its parameters under CC BY 4.0; hub cards that say otherwise are about the code."""
        if not checkpoint.name.lower().startswith("deepmind/"):
            return "as its publisher says; weights made from DeepMind's are CC BY 4.0, credit to DeepMind"
        return "parameters by DeepMind (Jaegle et al. 2021), CC BY 4.0; trained on data with terms of its own"


def _check(checkpoint: Checkpoint, config: PerceiverConfig) -> None:
    """Raises CheckpointError for a number of the configuration that tensors contradict: some of them are missing."""
    tensors = {
        "num_latents": config.num_latents,
        "d_latents": config.latent_dim,
        "num_self_attends_per_block": config.self_attends,
        "self_attention_widening_factor": config.self_widening,
        "cross_attention_widening_factor": config.cross_widening,
    }
    for name, value in tensors.items():
        said = checkpoint.config.get(name, value)
        if said != value:
            raise CheckpointError(
                f"{checkpoint.name} has {name} = {shown(said)} in its config.json, and its tensors give {value}"
            )


def _problem(checkpoint: Checkpoint) -> tuple[str, ...]:
    """A note where the scores were not trained to tell classes apart that exclude each other."""
    problem = checkpoint.config.get("problem_type")
    if problem in (None, "single_label_classification"):
        return ()
    note = f"has problem_type = {shown(problem)}; its scores are shown as those of classes that exclude each other"
    return (note,)


def _refuse_others(checkpoint: Checkpoint) -> None:
    """Raises CheckpointError for Perceivers that are no classifiers of images, by what they are."""
    names = checkpoint.entries
    others = {
        f"{_PREPROCESSOR}.embeddings.weight": "a language model (it reads bytes of text)",
        f"{_PREPROCESSOR}.conv_after_patches.weight": "a model of optical flow",
        "embeddings.latents": "an encoder without a classifier",
    }
    for name, what in others.items():
        if name in names:
            raise CheckpointError(
                f"{checkpoint.name} is {what}; what can be opened are classifiers of pictures, sounds, clouds and clips"
            )
    if f"{_DECODER}.final_layer.weight" not in names:
        raise CheckpointError(f"{checkpoint.name} has no {_DECODER}.final_layer.weight, so it is no classifier")


def _switches(checkpoint: Checkpoint) -> tuple[Option, ...]:
    if f"{CONV}.conv.weight" in checkpoint.entries:
        return (
            Option(
                "padding",
                "Padding of the convolution",
                "Transformers' port leaves 55 x 55 elements where DeepMind's code has 56 x 56.",
                type="text",
                default="transformers",
                choices=("transformers", "same"),
                switch=True,
            ),
            Option(
                "turn_kernels",
                "Exchange the kernels' rows and columns",
                "The script that converted DeepMind's weights reversed all axes of the kernels; on undoes it.",
                type="bool",
                default=False,
                switch=True,
            ),
        )
    if f"{LINEAR}.weight" in checkpoint.entries:
        return (
            Option(
                "decoder_query_residual",
                "Add the decoder's query to what it reads",
                "Transformers does for this model; DeepMind's configuration of it does not.",
                type="bool",
                default=True,
                switch=True,
            ),
        )
    return ()


def _body(checkpoint: Checkpoint, values: Mapping[str, Any]) -> dict[str, Any]:
    """Latents, plan, heads, widths: everything behind the input array."""
    num_latents, dim = checkpoint.shape(_LATENTS, 2)
    layers = [name for name in checkpoint.entries if name.endswith(".attention.self.query.weight")]
    self_attends = sum(name.startswith("perceiver.encoder.self_attends.") for name in layers)
    first = "perceiver.encoder.self_attends.0"
    self_dim = checkpoint.shape(f"{first}.attention.self.query.weight")[0]
    if self_dim != checkpoint.shape(f"{first}.attention.self.value.weight")[0]:
        raise CheckpointError(
            f"{checkpoint.name} has other qk_channels than v_channels inside its tower, which cannot be represented"
        )
    decoder = f"{_DECODER}.decoding_cross_attention"
    clips = multimodal.recognises(checkpoint)
    return {
        "num_classes": (
            multimodal.classes(checkpoint) if clips else checkpoint.shape(f"{_DECODER}.final_layer.weight")[0]
        ),
        "num_latents": num_latents,
        "latent_dim": dim,
        "plan": ((0, 0), *(((None, 0),) * (values["num_blocks"] - 1))),
        "self_attends": self_attends,
        "cross_heads": values["num_cross_attention_heads"],
        "self_heads": values["num_self_attention_heads"],
        "qk_dim": checkpoint.shape(f"{_ENCODER}.attention.self.query.weight")[0],
        "v_dim": checkpoint.shape(f"{_ENCODER}.attention.self.value.weight")[0],
        "self_dim": self_dim,
        "cross_widening": _widening(checkpoint, _ENCODER),
        "self_widening": _widening(checkpoint, first),
        "activation": _ACTIVATIONS[values["hidden_act"]],
        "head": "decoder",
        "decoder_query_residual": values.get("decoder_query_residual", not clips),
        "decoder_query_dim": checkpoint.shape(f"{decoder}.attention.self.layernorm1.weight")[0],
        "decoder_qk_dim": checkpoint.shape(f"{decoder}.attention.self.query.weight")[0],
        "decoder_v_dim": checkpoint.shape(f"{decoder}.attention.self.value.weight")[0],
        "decoder_widening": _widening(checkpoint, decoder),
    }


def _widening(checkpoint: Checkpoint, layer: str) -> int:
    inner, dim = checkpoint.shape(f"{layer}.mlp.dense1.weight", 2)
    return max(inner // dim, 1)


def _front(checkpoint: Checkpoint, values: Mapping[str, Any]) -> Front:
    """The part before the encoder, of a model of clips or of images."""
    if not multimodal.recognises(checkpoint):
        return transformers_front.front(checkpoint, values)
    return (
        multimodal.front(checkpoint),
        multimodal.rules(),
        multimodal.ignored(checkpoint),
        multimodal.notes(checkpoint),
    )


def _tower_rules(config: PerceiverConfig) -> dict[str, Rule]:
    rules = {"latents": take(_LATENTS)} | layer_rules("cross.0", _ENCODER, cross=True)
    for i in range(config.self_attends):
        rules |= layer_rules(f"towers.0.{i}", f"perceiver.encoder.self_attends.{i}", cross=False)
    return rules


def layer_rules(ours: str, theirs: str, *, cross: bool) -> dict[str, Rule]:
    """One attention layer with its MLP."""
    norms = {"query_norm": "layernorm1", "input_norm": "layernorm2"} if cross else {"norm": "layernorm1"}
    names = {norm: f"attention.self.{its}" for norm, its in norms.items()}
    names |= {part: f"attention.self.{part}" for part in ("query", "key", "value")}
    names |= {"out": "attention.output.dense", "mlp.norm": "layernorm"}
    names |= {"mlp.widen": "mlp.dense1", "mlp.narrow": "mlp.dense2"}
    return {
        f"{ours}.{part}.{kind}": take(f"{theirs}.{its}.{kind}")
        for part, its in names.items()
        for kind in ("weight", "bias")
    }


def _head_rules() -> dict[str, Rule]:
    return {
        "head.query": take(f"{_DECODER}.output_position_encodings.position_embeddings"),
        "head.linear.weight": take(f"{_DECODER}.final_layer.weight"),
        "head.linear.bias": take(f"{_DECODER}.final_layer.bias"),
    } | layer_rules("head.read", f"{_DECODER}.decoding_cross_attention", cross=True)
