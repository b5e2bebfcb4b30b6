"""How each of our tensors is made of perceiver-pytorch's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....config import PerceiverConfig
from ..base import Rule, take
from .layout import Layout
from .sharing import Sharing


def rules_of(config: PerceiverConfig, layout: Layout, shared: Sharing) -> dict[str, Rule]:
    """The rules of all tensors of a model."""
    order = channel_order(config)
    rules = {"latents": take("latents")}
    for number, block in enumerate(shared.crosses.firsts):
        attention, mlp = layout.cross(block)
        ours = f"cross.{number}"
        rules |= _layer_rules(layout, ours, attention, mlp, order)
        rules |= _both(f"{ours}.query_norm", f"{attention}.norm")
        for kind in ("weight", "bias"):
            rules[f"{ours}.input_norm.{kind}"] = take(f"{attention}.norm_context.{kind}", _Columns(order))
    towers = {tower for _, tower in config.plan if tower is not None}
    for number, block in enumerate(shared.towers.firsts[: len(towers)]):
        for layer in range(config.self_attends):
            attention, mlp = layout.self_attention(block, layer)
            ours = f"towers.{number}.{layer}"
            rules |= _layer_rules(layout, ours, attention, mlp, None)
            rules |= _both(f"{ours}.norm", f"{attention}.norm")
    rules |= _both("head.norm", f"to_logits.{layout.head}")
    return rules | _both("head.linear", f"to_logits.{layout.head + 1}")


def _layer_rules(layout: Layout, ours: str, attention: str, mlp: str, order: Tensor | None) -> dict[str, Rule]:
    """An attention without its norms, and its MLP; `order` is that of the channels that keys and values are made of."""
    return {
        f"{ours}.query.weight": take(f"{attention}.fn.to_q.weight"),
        f"{ours}.key.weight": take(f"{attention}.fn.to_kv.weight", _Columns(order, half=0)),
        f"{ours}.value.weight": take(f"{attention}.fn.to_kv.weight", _Columns(order, half=1)),
        **_both(f"{ours}.out", f"{attention}.{layout.out}"),
        **_both(f"{ours}.mlp.norm", f"{mlp}.norm"),
        **_both(f"{ours}.mlp.widen", f"{mlp}.fn.net.0"),
        **_both(f"{ours}.mlp.narrow", f"{mlp}.{layout.narrow}"),
    }


def _both(ours: str, theirs: str) -> dict[str, Rule]:
    return {f"{ours}.{kind}": take(f"{theirs}.{kind}") for kind in ("weight", "bias")}


@dataclass(frozen=True)
class _Columns:
    """Takes one half of the rows, or all, and puts the last axis in another order, or leaves it."""

    order: Tensor | None
    half: int | None = None

    def __call__(self, tensor: Tensor) -> Tensor:
        if self.half is not None:
            tensor = tensor.chunk(2, dim=0)[self.half]
        return tensor if self.order is None else tensor[..., self.order]


def channel_order(config: PerceiverConfig) -> Tensor:
    """Where each of our input channels lies among theirs: content, then the position channels axis by axis."""
    content = config.content_channels
    positions = config.positions.axis_major_order(config.num_axes)
    return torch.tensor([*range(content), *(content + channel for channel in positions)])
