"""The Perceiver: latents that read an input array again and again (paper, section 3.1)."""

from __future__ import annotations

import math
from collections import Counter
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .attention import CrossAttention, InputArray, SelfAttention
from .checkpoints.pretrained import Pretrained
from .config import PerceiverConfig
from .positions import Positions, SegmentPositions
from .sample import Sample
from .stem import stem_of
from .trace import Read, Trace


class Perceiver(Pretrained):
    """One class for every plan of weight sets: the paper's model, Perceiver IO classifiers, tied and untied variants.

    `config.plan` says which cross-attention and which tower each block uses; equal numbers are the same object.
    """

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
        scale, biases at zero."""
        branches = sum(
            2 * (cross is not None) + 2 * self.config.self_attends * (tower is not None)
            for cross, tower in self.config.plan
        )
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

        codes  in place of the sample's own (`codes`): those that an ablation left, say
        """
        return self.joined(self.content(sample), self.codes(sample) if codes is None else codes)

    def codes(self, sample: Sample) -> Float[Tensor, "1 M P"]:
        """The position code of each element of a sample."""
        codes = self.encoding.grid() if sample.coordinates is None else self.encoding.at(sample.coordinates)
        return codes.unsqueeze(0)

    def input_array(
        self, content: Float[Tensor, "B rows read"], codes: Float[Tensor, "#B M P"] | None = None
    ) -> Float[Tensor, "B M C"]:
        """Passes content through the stem and joins it with position codes, as `joined` does."""
        return self.joined(self.stem(content), codes)

    def content(self, sample: Sample) -> Float[Tensor, "1 M content"]:
        """The content channels of a sample's elements, behind the stem."""
        return self.stem(sample.content.unsqueeze(0))

    def joined(
        self, content: Float[Tensor, "B M content"], codes: Float[Tensor, "#B M P"] | None = None
    ) -> Float[Tensor, "B M C"]:
        """Joins content that went through the stem with position codes; None takes those of the model's own grid.

        Raises ValueError when the content has another shape than the model reads.
        """
        if codes is None:
            codes = self.encoding.grid().to(content).unsqueeze(0)
        if content.shape[-1] != self.config.content_channels or content.shape[1] != codes.shape[1]:
            raise ValueError(
                f"the input has {content.shape[1]} elements of {content.shape[-1]} channels; "
                f"this model reads {codes.shape[1]} of {self.config.content_channels}"
            )
        codes = codes.to(content).expand(len(content), -1, -1)
        return self.positions.join(content, codes)

    def forward(self, inputs: Float[Tensor, "B M C"]) -> Float[Tensor, "B classes"]:
        """Logits of a batch of input arrays."""
        latents = self._run(InputArray(inputs))[-1]
        return cast(Tensor, self.head(latents))

    @torch.no_grad()
    def trace(self, inputs: Float[Tensor, "B M C"]) -> Trace:
        """One forward pass that remembers the latents and queries of every block; maps are computed from it."""
        if inputs.shape[0] != 1:
            raise ValueError(f"a trace follows one input at a time, not {inputs.shape[0]}")
        array = InputArray(inputs)
        reads: list[Read] = []
        states = self._run(array, reads)
        logits = torch.cat([self.head(state) for state in states[1:]])
        return Trace(
            logits=logits[-1],
            block_logits=logits,
            latents=torch.cat(states),
            reads=tuple(reads),
            inputs=array,
            shape=self.config.input_shape,
        )

    def _run(self, inputs: InputArray, reads: list[Read] | None = None) -> list[Float[Tensor, "B N D"]]:
        """Latents at the start and after every block; appends what each cross-attention asked to `reads`."""
        latents = self.latents.expand(inputs.shape[0], -1, -1)
        states = [latents]
        projected: dict[int, tuple[Tensor, Tensor]] = {}
        for block, (cross, tower) in enumerate(self.config.plan):
            if cross is not None:
                layer = cast(CrossAttention, self.cross[cross])
                if reads is not None:
                    reads.append(Read(block=block, asked=layer.absorbed_query(latents), layer=layer))
                form = layer.form(latents.shape[1], inputs.shape[1], self._uses[cross])
                if form == "projected" and cross not in projected:
                    projected[cross] = layer.project(inputs)
                latents = layer(latents, inputs, form=form, projected=projected.get(cross))
            if tower is not None:
                for self_attention in cast(nn.ModuleList, self.towers[tower]):
                    latents = self_attention(latents)
            states.append(latents)
        return states


class MeanHead(nn.Module):
    """Mean over the latents, then one linear layer (the paper); optionally a norm in between."""

    def __init__(self, dim: int, classes: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim) if norm else nn.Identity()
        self.linear = nn.Linear(dim, classes)

    def forward(self, latents: Float[Tensor, "B N D"]) -> Float[Tensor, "B classes"]:
        return cast(Tensor, self.linear(self.norm(latents.mean(dim=1))))


class DecoderHead(nn.Module):
    """A cross-attention with one learned query over the latents, then one linear layer (Perceiver IO)."""

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
