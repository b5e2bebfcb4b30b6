"""The Perceiver: latents that query an input array by cross-attention again and again (paper, section 3.1)."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .attention import CrossAttention, CrossAttentionPass, InputArray, SelfAttention
from .config import PerceiverConfig
from .positions import Positions, SegmentPositions
from .progress import ProgressCallback, ignore
from .sample import Sample
from .stem import stem_of
from .trace import CrossAttentionRecord, Trace
from .validation import check_finite


@dataclass(frozen=True)
class LayerStep:
    """One layer of a forward pass.

    block  the block it belongs to
    before, after  the latents
    made   of a cross-attention that is traced, what it computed; else None
    """

    block: int
    layer: CrossAttention | SelfAttention
    before: Float[Tensor, "B N D"]
    after: Float[Tensor, "B N D"]
    made: CrossAttentionPass | None = None


class Perceiver(nn.Module):
    """One class for every plan of weight sets: the paper's model, Perceiver IO classifiers, tied and untied variants.

    `config.plan` says which cross-attention and which tower each block uses; equal numbers are the same object.
    `notes` says what was changed when its weights were read from a file.
    """

    config: PerceiverConfig
    notes: tuple[str, ...] = ()

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.positions: Positions = (
            SegmentPositions(config.segments, config.input_channels)
            if config.segments
            else config.positions.build(config.input_shape if config.position_axes is None else None, config.num_axes)
        )
        self.stem = stem_of(config)
        self.latents = nn.Parameter(torch.empty(config.num_latents, config.latent_dim))
        crosses = {cross for cross, _ in config.plan} - {None}
        towers = {tower for _, tower in config.plan} - {None}
        self.cross = nn.ModuleList(_cross_attention(config) for _ in crosses)
        self.towers = nn.ModuleList(
            nn.ModuleList(_self_attention(config) for _ in range(config.self_attends)) for _ in towers
        )
        self.head = _head(config)
        self._uses = Counter(cross for cross, _ in config.plan if cross is not None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights of the paper's start: latents from a normal truncated at two standard deviations, linears at fan-in
        scale, biases at zero. Parameters without memory stay as they are."""
        if self.latents.is_meta:
            return
        branches = 2 * self.config.layers  # an attention and an MLP each
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                # Shared towers add the same direction again and again: without GPT-2's factor the logits start near 10.
                residual = name.endswith((".out", ".narrow"))
                _fan_in_(module, scale=branches**-0.5 if residual else 1.0)
        _fan_in_(cast(nn.Linear, self.head.linear), scale=0.1)
        std = self.config.latent_init_scale
        nn.init.trunc_normal_(self.latents, std=std, a=-2 * std, b=2 * std)
        if isinstance(self.head, DecoderHead):
            nn.init.trunc_normal_(self.head.query, std=std, a=-2 * std, b=2 * std)

    @property
    def encoding(self) -> Positions:
        """The position encoding."""
        return self.positions

    def inputs(self, sample: Sample, codes: Float[Tensor, "1 M P"] | None = None) -> Float[Tensor, "1 M C"]:
        """The input array of one sample: its content channels, then the position channels of each element.

        codes  position codes in place of the sample's own (`codes`), after an ablation for instance

        Raises ValueError when the sample lies on another grid than the model's.
        """
        return self.joined(self.content(sample), self.codes(sample) if codes is None else codes)

    def codes(self, sample: Sample) -> Float[Tensor, "1 M P"]:
        """The position code of each element of a sample. Raises ValueError as `inputs` does."""
        self._check_shape(sample)
        codes = self.encoding.grid() if sample.coordinates is None else self.encoding.at(sample.coordinates)
        return codes.unsqueeze(0)

    def input_array(
        self, content: Float[Tensor, "B rows channels"], codes: Float[Tensor, "#B M P"] | None = None
    ) -> Float[Tensor, "B M C"]:
        """Passes content through the stem and joins it with position codes, as `joined` does."""
        return self.joined(self.stem(content), codes)

    def content(self, sample: Sample) -> Float[Tensor, "1 M content"]:
        """The content channels of a sample's elements, after the stem. Raises ValueError as `inputs` does."""
        self._check_shape(sample)
        return self.stem(sample.content.unsqueeze(0))

    def joined(
        self, content: Float[Tensor, "B M content"], codes: Float[Tensor, "#B M P"] | None = None
    ) -> Float[Tensor, "B M C"]:
        """Joins content after the stem with position codes; None takes those of the model's own grid.

        Raises ValueError when the content does not have the model's number of elements and channels.
        """
        if codes is None:
            codes = self.encoding.grid().to(content).unsqueeze(0)
        if content.shape[-1] != self.config.content_channels or content.shape[1] != codes.shape[1]:
            raise ValueError(
                f"the input has {content.shape[1]} elements of {content.shape[-1]} channels; "
                f"this model takes {codes.shape[1]} of {self.config.content_channels}"
            )
        codes = codes.to(content).expand(len(content), -1, -1)
        return self.positions.join(content, codes)

    def forward(self, inputs: Float[Tensor, "B M C"]) -> Float[Tensor, "B classes"]:
        """Logits of a batch of input arrays."""
        latents: Tensor = self.latents
        for step in self.steps(InputArray(inputs, keep=True)):
            latents = step.after
        return cast(Tensor, self.head(latents))

    @torch.no_grad()
    def trace(self, inputs: Float[Tensor, "B M C"], *, progress: ProgressCallback = ignore) -> Trace:
        """One forward pass that keeps the latents and queries of every block; maps are computed from it.

        progress  called before every layer; it may raise to stop the pass

        Raises ValueError for a batch of several inputs, CheckpointError for an output that is not finite.
        """
        if inputs.shape[0] != 1:
            raise ValueError(f"one input is traced at a time, not {inputs.shape[0]}")
        began = time.monotonic()
        after: dict[int, Tensor] = {}
        records = []
        progress(0.0, "Running the model")
        for done, step in enumerate(self.steps(InputArray(inputs, keep=True), traced=True), 1):
            progress(done / self.config.layers, "Running the model")
            after[step.block] = step.after
            if step.made is not None:
                records.append(CrossAttentionRecord.of(step.block, cast(CrossAttention, step.layer), step.made))
        states = [self.latents[None]]
        for block in range(len(self.config.plan)):
            states.append(after.get(block, states[-1]))
        logits = torch.cat([self.head(state) for state in states[1:]])
        check_finite(logits)
        return Trace(
            logits=logits[-1],
            block_logits=logits,
            latents=torch.cat(states),
            records=tuple(records),
            inputs=InputArray(inputs),
            shape=self.config.input_shape,
            seconds=time.monotonic() - began,
        )

    def steps(
        self,
        inputs: InputArray,
        *,
        traced: bool = False,
        latents: Float[Tensor, "K N D"] | None = None,
        first: int = 0,
    ) -> Iterator[LayerStep]:
        """Runs the model layer by layer, in the order of the plan.

        traced   whether cross-attentions hand out what their maps are computed from; records no gradients
        latents  the state to begin with in place of the learned latents; for one input several, of any number of
                 latents each
        first    the block to begin with
        """
        latents = self.latents.expand(inputs.shape[0], -1, -1) if latents is None else latents
        projected: dict[int, tuple[Tensor, Tensor]] = {}
        for block, (cross, tower) in enumerate(self.config.plan):
            if block < first:
                continue
            if cross is not None:
                attention = cast(CrossAttention, self.cross[cross])
                # Latents do not meet in a cross-attention: those of several states query one input together.
                before = latents.reshape(inputs.shape[0], -1, latents.shape[-1])
                form = attention.form(before.shape[1], inputs.shape[1], self._uses[cross])
                if form == "projected" and cross not in projected:
                    projected[cross] = attention.project(inputs)
                made, keys_and_values = None, projected.get(cross)
                if traced:
                    made = attention.traced(before, inputs, form=form, projected=keys_and_values)
                    after = made.latents
                else:
                    after = attention(before, inputs, form=form, projected=keys_and_values)
                before, latents = latents, after.reshape(latents.shape)
                yield LayerStep(block, attention, before, latents, made)
            for layer in cast(nn.ModuleList, self.towers[tower]) if tower is not None else ():
                before, latents = latents, layer(latents)
                yield LayerStep(block, cast(SelfAttention, layer), before, latents)

    def _check_shape(self, sample: Sample) -> None:
        """Free elements may be any number; those of a grid must lie on the model's, and parts on those of its
        segments. Raises ValueError otherwise."""
        config = self.config
        axes = None if sample.coordinates is None else sample.coordinates.shape[1]
        segments = [(one.name, one.shape) for one in config.segments]
        if axes != config.position_axes:
            theirs, ours = _words(sample.shape, axes), _words(config.input_shape, config.position_axes)
        elif axes is None and sample.shape != config.input_shape:
            theirs, ours = _words(sample.shape), _words(config.input_shape)
        elif sample.parts and [(part.name, part.shape) for part in sample.parts] != segments:
            theirs = " and ".join(f"{_words(part.shape)} ({part.name})" for part in sample.parts)
            ours = " and ".join(f"{_words(shape)} ({name})" for name, shape in segments) or "one grid"
        else:
            return
        raise ValueError(f"{sample.name} has {theirs}; this model takes {ours}")


def _words(shape: tuple[int, ...], axes: int | None = None) -> str:
    """The elements of an input in words; `axes` is the number of coordinates of free ones."""
    if axes is not None:
        return f"free elements with {axes} coordinate{'s' * (axes > 1)}"
    return f"a grid of {' x '.join(map(str, shape))} elements"


class MeanHead(nn.Module):
    """Mean over the latents, then one linear layer (the paper); optionally a norm in between."""

    def __init__(self, dim: int, classes: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim) if norm else nn.Identity()
        self.linear = nn.Linear(dim, classes)

    def forward(self, latents: Float[Tensor, "B N D"]) -> Float[Tensor, "B classes"]:
        return cast(Tensor, self.linear(self.norm(latents.mean(dim=1))))


class DecoderHead(nn.Module):
    """A cross-attention with one learned query over the latents, then one linear layer (Perceiver IO).

    The cross-attention is called `read` in the names of tensors, which are part of the checkpoint format.
    """

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        dim = config.latent_dim
        query_dim = config.decoder_query_dim or dim
        out_dim = config.decoder_out_dim or query_dim
        self.query = nn.Parameter(torch.empty(1, query_dim))
        self.read = CrossAttention(
            query_dim=query_dim,
            input_dim=dim,
            qk_dim=config.decoder_qk_dim or dim,
            v_dim=config.decoder_v_dim or dim,
            heads=config.decoder_heads,
            widening=config.decoder_widening,
            activation=config.activation,
            qkv_bias=config.qkv_bias,
            out_bias=config.out_bias,
            query_residual=config.decoder_query_residual,
            out_dim=out_dim,
        )
        self.linear = nn.Linear(out_dim, config.num_classes)

    def forward(self, latents: Float[Tensor, "B N D"]) -> Float[Tensor, "B classes"]:
        query = self.query.expand(len(latents), -1, -1)
        return cast(Tensor, self.linear(self.read(query, InputArray(latents))[:, 0]))


def _cross_attention(config: PerceiverConfig) -> CrossAttention:
    return CrossAttention(
        query_dim=config.latent_dim,
        input_dim=config.input_channels,
        qk_dim=config.cross_qk_dim,
        v_dim=config.cross_v_dim,
        heads=config.cross_heads,
        widening=config.cross_widening,
        activation=config.activation,
        qkv_bias=config.qkv_bias,
        out_bias=config.out_bias,
    )


def _self_attention(config: PerceiverConfig) -> SelfAttention:
    return SelfAttention(
        dim=config.latent_dim,
        heads=config.self_heads,
        widening=config.self_widening,
        activation=config.activation,
        qkv_bias=config.qkv_bias,
        out_bias=config.out_bias,
        inner=config.self_dim,
    )


def _head(config: PerceiverConfig) -> nn.Module:
    if config.head == "decoder":
        return DecoderHead(config)
    return MeanHead(config.latent_dim, config.num_classes, norm=config.head == "mean_norm")


def _fan_in_(layer: nn.Linear, scale: float) -> None:
    # A normal truncated at 2 sigma keeps 0.88 of its standard deviation; dividing by it restores the fan-in scale.
    std = scale * layer.in_features**-0.5 / 0.87962566103423978
    nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers in a model, shared weight sets counted once."""
    return sum(math.prod(p.shape) for p in model.parameters())
