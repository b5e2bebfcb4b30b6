"""Image classifiers of krasserm's perceiver-io, 0.6 and newer: state dicts, Lightning checkpoints, folders on the hub.

They are Perceiver IO with what the first paper had besides: several cross-attentions, each before a block of
self-attentions, and a choice of which of them share weights with the first. The configuration lies in a folder's
`config.json` or among a Lightning checkpoint's hyper-parameters; a state dict alone leaves heads and repeats open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...config import Block, PerceiverConfig, PositionConfig
from ...errors import CheckpointError
from .base import Checkpoint, Question, Rule, Translation, sides, take
from .transformers import class_names, preparation

# As they are called since version 0.7, and before.
_LATENTS = ("0.latent_provider._query", "0.latent")
_POSITIONS = ("0.input_adapter.position_encoding.position_encoding", "0.input_adapter.position_encoding")
_QUERY = ("1.output_query_provider._query", "1.output_adapter._output_query")
_FIRST_CROSS, _OTHER_CROSS = "0.cross_attn_1", "0.cross_attn_n"
_FIRST_TOWER, _OTHER_TOWER = "0.self_attn_1", "0.self_attn_n"
_DECODER = "1.cross_attn"
_CLASSES = "1.output_adapter.linear"

_AXES = 2
# Pixels of the published ImageNet model, of which it sees the middle.
_PUBLISHED = (224, 224)
# Heads where nothing is said: the configuration's default, and what the training script sets.
_HEADS, _SCRIPT_HEADS = 8, 1

_OTHERS = {
    "0.input_adapter.txt_embedding.weight": "a model of text",
    "input_adapter.txt_embedding.weight": "a Perceiver AR, which writes sequences",
    "0.input_adapter.linear.weight": "a model of optical flow",
}
_NESTED = ("model", "model_config", "encoder", "decoder")
_ATTENTION = (
    *("num_cross_attention_heads", "num_cross_attention_qk_channels", "num_cross_attention_v_channels"),
    *("cross_attention_widening_factor", "dropout", "init_scale", "freeze"),
)
_KNOWN = {
    *_ATTENTION,
    *("num_cross_attention_layers", "first_cross_attention_layer_shared", "num_self_attention_heads"),
    *("num_self_attention_qk_channels", "num_self_attention_v_channels", "num_self_attention_layers_per_block"),
    *("num_self_attention_blocks", "first_self_attention_block_shared", "self_attention_widening_factor"),
    *("image_shape", "num_frequency_bands", "residual_dropout"),
    *(f"decoder.{name}" for name in _ATTENTION),
    *("decoder.cross_attention_residual", "decoder.num_output_queries", "decoder.num_output_query_channels"),
    "decoder.num_classes",
    *("num_latents", "num_latent_channels", "activation_checkpointing", "activation_offloading", "params"),
    *("labels", "preprocess"),
}


class Krasserm:
    """The `Family` of these checkpoints."""

    name = "krasserm"
    title = "perceiver-io (krasserm)"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the names of its latents and of the first cross-attention, or the type that a folder's configuration
        names."""
        kind = checkpoint.config.get("model_type")
        return (isinstance(kind, str) and kind.startswith(("perceiver-io-", "perceiver-ar-"))) or any(
            name.startswith((*_LATENTS, f"{_FIRST_CROSS}.", "input_adapter.txt_embedding."))
            for name in checkpoint.entries
        )

    def questions(self, checkpoint: Checkpoint) -> tuple[Question, ...]:
        """The grid, heads and repeats; what files say of them becomes the default. Options of the encoder go by their
        own names, those of the decoder are called "decoder....", as on that library's command line."""
        return _Reader.of(checkpoint).questions()

    def translate(self, checkpoint: Checkpoint) -> Translation:
        """Raises CheckpointError for an option that tensors contradict or that cannot be represented, by its name."""
        return _Reader.of(checkpoint).translate()

    def credit(self, checkpoint: Checkpoint) -> str:
        """Of the two image classifiers that were published with the library."""
        name = checkpoint.name.lower().partition("@")[0]
        if name == "krasserm/perceiver-io-img-clf":
            return "parameters by DeepMind (Jaegle et al. 2021), CC BY 4.0; trained on data with terms of its own"
        if name == "krasserm/perceiver-io-img-clf-mnist":
            return "parameters by Martin Krasser, Apache-2.0; trained on MNIST"
        return ""


def arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name from the nested form that files have, None left out: the encoder's under their own names, the
    decoder's as "decoder.num_cross_attention_heads"."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        name = name.removeprefix("model.").removeprefix("encoder.")
        if name in _NESTED and isinstance(value, Mapping):
            inside = arguments(value)
            out |= {f"decoder.{one}": its for one, its in inside.items()} if name == "decoder" else inside
        elif value is not None:
            out[name] = value
    return out


@dataclass(frozen=True)
class _Reader:
    """One checkpoint with all that was said about it.

    given    options by name: answers before the folder's configuration before training's hyper-parameters
    strange  options in those files that the library's classifier does not have
    """

    checkpoint: Checkpoint
    given: Mapping[str, Any]
    strange: tuple[str, ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> _Reader:
        _refuse_others(checkpoint)
        answers = arguments(checkpoint.answers)
        unknown = [name for name in answers if name not in _KNOWN]
        if unknown:
            raise CheckpointError(
                f"{checkpoint.name} is of perceiver-io, whose image classifier has no {', '.join(unknown)}"
            )
        trained = checkpoint.extras.get("hyper_parameters")
        files = {**(trained if isinstance(trained, Mapping) else {}), **checkpoint.config}
        # What a configuration has beside these is of its writer and no option.
        nested = arguments({name: files[name] for name in _NESTED if isinstance(files.get(name), Mapping)})
        reader = cls(
            replace(checkpoint, answers=answers),
            {**arguments(files), **answers},
            tuple(name for name in nested if name not in _KNOWN),
        )
        reader._check_widths()
        return reader

    # What shapes tell.

    def has(self, part: str) -> bool:
        return any(name.startswith(f"{part}.") for name in self.checkpoint.entries)

    def called(self, names: tuple[str, str]) -> str:
        """Which of two names a tensor has here; the newer one where it has neither."""
        return names[1] if names[1] in self.checkpoint.entries else names[0]

    def shape(self, name: str, axes: int = 2) -> tuple[int, ...]:
        """The shape of a tensor. Raises CheckpointError when it is not there or has another number of axes."""
        shape = self.checkpoint.shape(name)
        if len(shape) != axes or 0 in shape:
            raise CheckpointError(f"{self.checkpoint.name} has a {name} of shape {list(shape)}, which makes no model")
        return shape

    @property
    def channels(self) -> int:
        return self.shape(f"{_FIRST_CROSS}.0.module.kv_norm.weight", axes=1)[0]

    @property
    def positions(self) -> tuple[int, int] | None:
        """Elements and channels of the position code, which is computed anew; None where it was not saved."""
        name = self.called(_POSITIONS)
        if name not in self.checkpoint.entries:
            return None
        elements, channels = self.shape(name)
        return elements, channels

    @property
    def content(self) -> int | None:
        """Channels of a picture; None where neither the position code nor the number of bands is known."""
        if self.positions is not None:
            return self.channels - self.positions[1]
        if "num_frequency_bands" in self.given:
            return self.channels - _AXES * (2 * self._number("num_frequency_bands") + 1)
        # Bands take 4 channels each, so that one channel and three never leave the same rest.
        return {1: 3, 3: 1}.get(self.channels % 4)

    @property
    def layers(self) -> int:
        """Self-attentions in a block."""
        layer = 0
        while self.has(f"{_FIRST_TOWER}.{layer}"):
            layer += 1
        return layer

    def width(self, attention: str, projection: str) -> int:
        return self.shape(f"{attention}.attention.{projection}.weight")[0]

    @property
    def decoder(self) -> str:
        """Where the decoder's attention lies: without its query's residual it has no `module` around it."""
        plain = f"{_DECODER}.0"
        return plain if self.has(f"{plain}.q_norm") else f"{plain}.module"

    # What must be asked.

    def questions(self) -> tuple[Question, ...]:
        again, towers = self.has(_OTHER_CROSS), self.has(_OTHER_TOWER)
        return (
            self._question(
                "image_shape",
                "Height, width and channels",
                "image_shape of the encoder: the pictures that the model reads, 28 x 28 x 1 for grey ones.",
                self._square(),
                kind="shape",
            ),
            self._question(
                "num_self_attention_blocks",
                "Blocks",
                "num_self_attention_blocks of the encoder: how often latents pass through self-attentions. The file "
                + ("holds those of the first block and those of all others." if towers else "holds them once for all."),
            ),
            self._question(
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
            self._heads("num_cross_attention_heads", "Heads of each cross-attention", _SCRIPT_HEADS),
            self._heads("num_self_attention_heads", "Heads of each self-attention", _HEADS),
            self._heads("decoder.num_cross_attention_heads", "Heads of the decoder's cross-attention", _SCRIPT_HEADS),
        )

    def _question(self, name: str, words: str, meaning: str, default: Any = None, kind: Any = "int") -> Question:
        said = self.given.get(name)
        if said is not None:
            default = " x ".join(map(str, sides(name, said))) if kind == "shape" else said
        return Question(name, words, meaning, type=kind, default=default)

    def _square(self) -> str | None:
        """The shape of a square picture, where there is one."""
        if self.positions is None or self.content is None:
            return None
        side = math.isqrt(self.positions[0])
        return f"{side} x {side} x {self.content}" if side * side == self.positions[0] else None

    def _heads(self, name: str, words: str, script: int) -> Question:
        """Heads of an attention: 8 by the configuration's default, perhaps 1 by the training script's; taken for known
        where only one of the two is possible."""
        widths = [self.width(self._attentions()[name], projection) for projection in ("q_proj", "v_proj")]
        possible = [heads for heads in {_HEADS, script} if not any(width % heads for width in widths)]
        return self._question(
            name,
            words,
            f"{name}; queries and keys are {widths[0]} wide for all heads. The library's own default is {_HEADS}"
            + (f", its training script has {script}." if script != _HEADS else "."),
            possible[0] if len(possible) == 1 else None,
        )

    # The model.

    def translate(self) -> Translation:
        checkpoint = self.checkpoint
        asked = {question.name: checkpoint.asked(question) for question in self.questions()}
        self._check_heads(asked)
        height, width, channels = self._image_shape(asked["image_shape"])
        num_latents, latent_dim = self.shape(self.called(_LATENTS))
        num_classes = self.shape(f"{_CLASSES}.weight")[0]
        cross, tower = f"{_FIRST_CROSS}.0.module", f"{_FIRST_TOWER}.0.0.module"
        preprocess, prepared = self._preprocess((height, width), channels)
        labels, named = self._labels(num_classes)
        config = PerceiverConfig(
            num_classes=num_classes,
            modality="image",
            input_shape=(height, width),
            content_channels=channels,
            positions=PositionConfig("fourier", self._bands(channels), (float(height), float(width))),
            num_latents=num_latents,
            latent_dim=latent_dim,
            plan=self._plan(asked["num_self_attention_blocks"], asked["num_cross_attention_layers"]),
            self_attends=max(self.layers, 1),
            cross_heads=asked["num_cross_attention_heads"],
            self_heads=asked["num_self_attention_heads"],
            qk_dim=self.width(cross, "q_proj"),
            v_dim=self.width(cross, "v_proj"),
            self_dim=self.width(tower, "q_proj"),
            cross_widening=self._widening(f"{_FIRST_CROSS}.1.module"),
            self_widening=self._widening(f"{_FIRST_TOWER}.0.1.module"),
            head="decoder",
            decoder_heads=asked["decoder.num_cross_attention_heads"],
            decoder_query_residual=self.decoder.endswith(".module"),
            decoder_query_dim=self.shape(self.called(_QUERY))[1],
            decoder_qk_dim=self.width(self.decoder, "q_proj"),
            decoder_v_dim=self.width(self.decoder, "v_proj"),
            decoder_widening=self._widening(f"{_DECODER}.1.module"),
            labels=labels,
            preprocess=preprocess,
        )
        self._check(config)
        return Translation(
            config=config,
            rules=self._rules(config),
            ignored=frozenset({self.called(_POSITIONS)} & set(checkpoint.entries)),
            notes=(*prepared, *named, *self._notes()),
        )

    def _notes(self) -> tuple[str, ...]:
        if not self.strange:
            return ()
        shown = ", ".join(self.strange[:4]) + (", ..." if len(self.strange) > 4 else "")
        return (f"left aside what is no option of perceiver-io's image classifier: {shown}",)

    def _image_shape(self, answer: str) -> tuple[int, int, int]:
        """Raises CheckpointError for a shape that is none of a picture or that the tensors contradict."""
        shape, name = sides("image_shape", answer), self.checkpoint.name
        if len(shape) != _AXES + 1 or shape[-1] not in (1, 3):
            raise CheckpointError(
                f"image_shape is {answer}; it must be height, width and channels of a picture, of which it has 1 or 3"
            )
        if self.positions is not None and shape[0] * shape[1] != self.positions[0]:
            raise CheckpointError(
                f"image_shape is {answer}, and {name} has position codes of {self.positions[0]:,} elements"
            )
        if self.content is not None and shape[2] != self.content:
            raise CheckpointError(
                f"image_shape is {answer}, and {name} reads {self.content} channels of content an element"
            )
        return shape[0], shape[1], shape[2]

    def _bands(self, content: int) -> int:
        bands, rest = divmod(self.channels - content - _AXES, 2 * _AXES)
        if rest or bands < 1:
            raise CheckpointError(
                f"{self.checkpoint.name} reads {self.channels} channels an element, which {content} of a picture and "
                f"Fourier features on {_AXES} axes do not make; num_frequency_bands cannot be told"
            )
        return bands

    def _plan(self, blocks: int, crosses: int) -> tuple[Block, ...]:
        """Which weights each block uses: those of the first alone where others have weights of their own, and a
        cross-attention only in as many of the first blocks as there are."""
        name = self.checkpoint.name
        other_cross, other_tower = self.has(_OTHER_CROSS), self.has(_OTHER_TOWER)
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
            shared = self.given.get(flag)
            if shared is not None and count > 1 and shared == other:
                raise CheckpointError(
                    f"{name} has {flag} = {shared}, and holds {'' if other else 'no '}weights of their own for those "
                    "after the first"
                )
        return tuple(
            (None if block >= crosses else int(block > 0 and other_cross), int(block > 0 and other_tower))
            for block in range(blocks)
        )

    def _check_heads(self, asked: Mapping[str, Any]) -> None:
        for name, attention in self._attentions().items():
            for projection in ("q_proj", "v_proj"):
                width = self.width(attention, projection)
                if width % asked[name]:
                    raise CheckpointError(
                        f"{name} is {asked[name]}, which the {width} channels there are no multiple of"
                    )

    def _attentions(self) -> dict[str, str]:
        """Which attention each number of heads is of."""
        return {
            "num_cross_attention_heads": f"{_FIRST_CROSS}.0.module",
            "num_self_attention_heads": f"{_FIRST_TOWER}.0.0.module",
            "decoder.num_cross_attention_heads": self.decoder,
        }

    def _widening(self, mlp: str) -> int:
        inner, dim = self.shape(f"{mlp}.1.weight")
        return max(inner // dim, 1)

    def _number(self, name: str) -> int:
        value = self.given[name]
        if type(value) is not int or value < 1:
            raise CheckpointError(f"{name} is {value!r}; it must be a whole number from 1")
        return value

    # What a picture passes through, and names of classes.

    def _preprocess(self, size: tuple[int, int], channels: int) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Our settings from `preprocessor_config.json`, which has the form of Transformers' and an option for grey."""
        given = self.given.get("preprocess")
        if given is not None:
            if not isinstance(given, Mapping):
                raise CheckpointError("preprocess must be an object of settings by name")
            return dict(given), ()
        values, notes = dict(self.checkpoint.preprocessor), []
        whole = {"height": size[0], "width": size[1]}
        if values.get("single_channel") and channels != 1:
            raise CheckpointError(f"{self.checkpoint.name} has single_channel on and reads {channels} channels")
        if not values:
            notes.append("has no preprocessor_config.json; pictures are prepared as for the library's published models")
            values = {"size": whole}
            if channels == 1:
                values |= {"do_center_crop": False, "image_mean": 0.5, "image_std": 0.5}
            elif size != _PUBLISHED:
                values |= {"do_center_crop": False}
        elif not values.get("do_resize", True) and not values.get("do_center_crop", True):
            values |= {"do_resize": True, "size": whole}
            notes.append(
                f"brings pictures to {size[0]} x {size[1]} pixels; the library takes only those that have them"
            )
        if not values.get("do_center_crop", True):
            values["crop_size"] = whole
        for option in ("image_mean", "image_std"):
            number = values.get(option)
            if number is None:
                values.pop(option, None)
            elif not isinstance(number, list | tuple):
                values[option] = [number] * channels
            elif len(number) != channels:
                raise CheckpointError(
                    f"{self.checkpoint.name} has {len(number)} numbers of {option} for {channels} channels"
                )
        preprocess, prepared = preparation(replace(self.checkpoint, preprocessor=values))
        if prepared != size:
            raise CheckpointError(
                f"{self.checkpoint.name} is prepared for {prepared[0]} x {prepared[1]} pixels and reads {size[0]} x "
                f"{size[1]}"
            )
        return (preprocess | {"channels": 1} if channels == 1 else preprocess), tuple(notes)

    def _labels(self, classes: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        given = self.given.get("labels")
        if given is None:
            return class_names(self.checkpoint, classes)
        if not isinstance(given, list | tuple):
            raise CheckpointError("labels must be a list of names")
        return tuple(str(label) for label in given), ()

    # What contradicts the tensors or cannot be represented.

    def _check_widths(self) -> None:
        """Raises CheckpointError for tensors that make no model of ours whatever is answered."""
        name = self.checkpoint.name
        if self.has(f"{_FIRST_CROSS}.0.q_norm"):
            raise CheckpointError(
                f"{name} has attention_residual off in its encoder: latents that are not added to what they read are "
                "not among the Perceivers that can be opened"
            )
        queries = self.shape(self.called(_QUERY))[0]
        if queries != 1:
            raise CheckpointError(f"{name} has num_output_queries = {queries}; a classifier has one")
        tower = f"{_FIRST_TOWER}.0.0.module"
        if self.width(tower, "q_proj") != self.width(tower, "v_proj"):
            raise CheckpointError(
                f"{name} has other num_self_attention_qk_channels than num_self_attention_v_channels, which is not "
                "represented"
            )

    def _check(self, config: PerceiverConfig) -> None:
        """Raises CheckpointError for an option that says otherwise than the tensors do."""
        told: dict[str, Any] = {
            "num_latents": config.num_latents,
            "num_latent_channels": config.latent_dim,
            "num_frequency_bands": config.positions.num_bands,
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
        for option, value in told.items():
            given = self.given.get(option, value)
            if given != value:
                raise CheckpointError(
                    f"{self.checkpoint.name} has {option} = {given!r} among its options, and its tensors give {value!r}"
                )

    def _rules(self, config: PerceiverConfig) -> dict[str, Rule]:
        crosses = [_FIRST_CROSS, _OTHER_CROSS][: 1 + self.has(_OTHER_CROSS)]
        towers = [_FIRST_TOWER, _OTHER_TOWER][: 1 + self.has(_OTHER_TOWER)]
        rules = {"latents": take(self.called(_LATENTS)), "head.query": take(self.called(_QUERY))}
        rules |= _both("head.linear", _CLASSES)
        for i, cross in enumerate(crosses):
            rules |= _layer_rules(f"cross.{i}", f"{cross}.0.module", f"{cross}.1.module", cross=True)
        for i, tower in enumerate(towers):
            for layer in range(config.self_attends):
                theirs = f"{tower}.{layer}"
                rules |= _layer_rules(f"towers.{i}.{layer}", f"{theirs}.0.module", f"{theirs}.1.module", cross=False)
        return rules | _layer_rules("head.read", self.decoder, f"{_DECODER}.1.module", cross=True)


def _refuse_others(checkpoint: Checkpoint) -> None:
    """Raises CheckpointError for the library's models that are no classifiers of images, by what they are."""
    for name, what in _OTHERS.items():
        if name in checkpoint.entries:
            raise CheckpointError(
                f"{checkpoint.name} is {what}; what can be opened are classifiers of pictures, sounds, clouds and clips"
            )
    if f"{_CLASSES}.weight" not in checkpoint.entries:
        raise CheckpointError(f"{checkpoint.name} has no {_CLASSES}.weight, so it is no classifier")


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
