"""Class relevance: from a class's logit back through the towers and every cross-attention to the input elements.

A row vector over the latents starts from the head's weights and is multiplied by one attention matrix after the other,
last layer first; each cross-attention on the way turns it into a map over the elements. Layers are worked through one
by one from the latents that went into them, so that only one attention matrix is held at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from ..attention import AbsorbedQuery, CrossAttention, InputArray, SelfAttention, weighted_mean
from ..errors import ConfigError
from ..model import DecoderHead, Perceiver
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from .methods import RELEVANCE_METHODS, RelevanceMethod
from .target_class import chosen_class


@dataclass(frozen=True)
class Relevance:
    """Class relevance: how much each input element contributes to a class, block by block.

    target   the class
    against  the class it is contrasted with; None for none
    blocks   those that have a map
    maps     one a block, not below 0, that add up to 1 over all blocks and elements; with `against` the difference of
             two such sets, which adds up to 0
    latents  where it starts: the head's weights over the latents, which add up to 1 (with `against`, to 0)
    """

    target: int
    against: int | None
    method: RelevanceMethod
    blocks: tuple[int, ...]
    maps: Float32[np.ndarray, "blocks *shape"]
    latents: Float32[np.ndarray, "N"]

    @property
    def total(self) -> Float32[np.ndarray, "*shape"]:
        """The map over all blocks."""
        return self.maps.sum(0)

    @property
    def shares(self) -> Float32[np.ndarray, "blocks"]:
        """What of the whole each block holds; with `against`, of the sum of magnitudes."""
        held = np.abs(self.maps).reshape(len(self.maps), -1).sum(1)
        return held / max(held.sum(), np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class _Step:
    """A layer and the latents that went into it; `block` of a cross-attention."""

    layer: nn.Module
    latents: Float[Tensor, "1 N D"]
    block: int | None = None


def relevance(
    model: Perceiver,
    sample: Sample,
    target: int | None = None,
    against: int | None = None,
    *,
    method: RelevanceMethod = "gradient",
    progress: ProgressCallback = ignore,
) -> Relevance:
    """The relevance of every input element for a class, block by block.

    target   the class; None is the most probable one
    against  a class to contrast with
    method   "gradient": the positive part of attention times the logit's gradient with respect to it, mean over heads
             (after Chefer, Gur and Wolf 2021); "rollout": attention alone, half of which stays with the latent it came
             from, as residual connections do (after Abnar and Zuidema 2020), so that only the start knows the class

    Raises ConfigError for a class or a method that does not exist.
    """
    if method not in RELEVANCE_METHODS:
        raise ConfigError(f"there is no way {method!r} to trace relevance; there are {', '.join(RELEVANCE_METHODS)}")
    with torch.no_grad():
        inputs = InputArray(model.inputs(sample))
        steps, latents = _forward(model, inputs)
        logits = model.head(latents)[0]
    chosen = chosen_class(logits, target, against)
    classes = [chosen] if against is None else [chosen, against]
    maps, starts = [], []
    for i, one in enumerate(classes):

        def told(done: int, i: int = i) -> None:
            share = (i * len(steps) + done) / (len(classes) * len(steps))
            progress(share, "Tracing the class back to the input")

        found, start = _back(model, inputs, steps, latents, one, method, told)
        maps.append(found)
        starts.append(start)
    blocks = tuple(sorted(maps[0]))
    stacked = [torch.stack([one[block] for block in blocks]).numpy().reshape(-1, *sample.shape) for one in maps]
    return Relevance(
        target=chosen,
        against=against,
        method=method,
        blocks=blocks,
        maps=stacked[0] if against is None else stacked[0] - stacked[1],
        latents=(starts[0] if against is None else starts[0] - starts[1]).numpy(),
    )


def _forward(model: Perceiver, inputs: InputArray) -> tuple[list[_Step], Float[Tensor, "1 N D"]]:
    """Every layer with what goes into it, and the latents at the end."""
    latents: Tensor = model.latents[None]
    steps = []
    for block, (cross, tower) in enumerate(model.config.plan):
        if cross is not None:
            steps.append(_Step(model.cross[cross], latents, block))
            latents = cast(CrossAttention, model.cross[cross])(latents, inputs)
        if tower is not None:
            for layer in cast(nn.ModuleList, model.towers[tower]):
                steps.append(_Step(layer, latents))
                latents = layer(latents)
    return steps, latents


def _back(
    model: Perceiver,
    inputs: InputArray,
    steps: list[_Step],
    latents: Float[Tensor, "1 N D"],
    target: int,
    method: RelevanceMethod,
    told: Callable[[int], None],
) -> tuple[dict[int, Float[Tensor, "M"]], Float[Tensor, "N"]]:
    """The map of every block, which together add up to 1, and the weights over the latents they start from."""
    weights, gradient = _start(model, latents, target, method)
    start, maps = weights, {}
    for done, step in enumerate(reversed(steps), start=1):
        if step.block is None:
            read, gradient = _through_tower(cast(SelfAttention, step.layer), step.latents, gradient, method)
            weights = _carried(weights, weights @ read, method)
        else:
            layer = cast(CrossAttention, step.layer)
            asked, rows, gradient = _through_cross(layer, step.latents, inputs, gradient)
            maps[step.block] = _over_elements(asked, rows if method == "gradient" else None, inputs, weights)
            if method == "rollout":
                maps[step.block] = maps[step.block] / 2
                weights = weights / 2
        told(done)
    total = sum(float(one.sum()) for one in maps.values())
    # Where no gradient is positive anywhere, nothing speaks for the class: all maps are 0.
    return {block: one / total if total > 0 else one for block, one in maps.items()}, start


def _carried(weights: Float[Tensor, "N"], read: Float[Tensor, "N"], method: RelevanceMethod) -> Float[Tensor, "N"]:
    return weights + read if method == "gradient" else (weights + read) / 2


def _start(
    model: Perceiver, latents: Float[Tensor, "1 N D"], target: int, method: RelevanceMethod
) -> tuple[Float[Tensor, "N"], Float[Tensor, "1 N D"]]:
    """The head's weights over the latents, and the logit's gradient with respect to them.

    Of a mean over latents: the positive part of what each adds to the logit, gradient times latent. Of a decoder: what
    its query reads, by the same rule as everywhere. All alike where no latent speaks for the class.
    """
    with torch.enable_grad():
        held = latents.detach().requires_grad_()
        logit = model.head(held)[0, target]
        (gradient,) = torch.autograd.grad(logit, held)
    if not isinstance(model.head, DecoderHead):
        weights = (gradient * latents).sum(-1)[0].clamp_min(0)
    else:
        head, read = model.head, InputArray(latents)
        with torch.enable_grad():
            asked = head.read.absorbed_query(head.query[None])
            rows = weighted_mean(asked.query, read).detach().requires_grad_()
            logit = head.linear(head.read.absorb(head.query[None], rows)[:, 0])[0, target]
            (by_rows,) = torch.autograd.grad(logit, rows)
        weights = _over_elements(asked, by_rows if method == "gradient" else None, read, latents.new_ones(1))
    total = weights.sum()
    return (weights / total if total > 0 else torch.full_like(weights, 1 / len(weights))), gradient


def _through_tower(
    layer: SelfAttention, latents: Float[Tensor, "1 N D"], gradient: Float[Tensor, "1 N D"], method: RelevanceMethod
) -> tuple[Float[Tensor, "N N"], Float[Tensor, "1 N D"]]:
    """How much each latent takes from each, and the gradient with respect to what goes into the layer."""
    with torch.enable_grad():
        held = latents.detach().requires_grad_()
        attention = layer.weights(held)
        out = layer.mix(held, attention)
        before, by_weights = torch.autograd.grad(out, (held, attention), gradient)
    attention = attention.detach()[0]
    read = attention if method == "rollout" else (attention * by_weights[0]).clamp_min(0)
    return read.mean(0), before


def _through_cross(
    layer: CrossAttention, latents: Float[Tensor, "1 N D"], inputs: InputArray, gradient: Float[Tensor, "1 N D"]
) -> tuple[AbsorbedQuery, Float[Tensor, "1 heads N C"], Float[Tensor, "1 N D"]]:
    """What the latents asked, and the gradient with respect to the rows they read and to themselves."""
    with torch.enable_grad():
        held = latents.detach().requires_grad_()
        asked = layer.absorbed_query(held)
        rows = weighted_mean(asked.query, inputs)
        before, by_rows = torch.autograd.grad(layer.absorb(held, rows), (held, rows), gradient)
    return AbsorbedQuery(asked.query.detach(), asked.constant.detach()), by_rows, before


@torch.no_grad()
def _over_elements(
    asked: AbsorbedQuery, by_rows: Float[Tensor, "1 heads N C"] | None, inputs: InputArray, weights: Float[Tensor, "N"]
) -> Float[Tensor, "M"]:
    """The row vector over latents times attention, or times the positive part of attention times its gradient.

    The gradient with respect to one weight is the gradient with respect to the row that was read, times the element.
    """
    query = asked.query[0]
    normaliser = torch.full((*query.shape[:2], 1), -torch.inf)
    for _, z in inputs.chunks():
        normaliser = torch.logaddexp(normaliser, (query @ z[0].T).logsumexp(-1, keepdim=True))
    out = []
    for _, z in inputs.chunks():
        shares = (query @ z[0].T - normaliser).exp()
        if by_rows is not None:
            shares = (shares * (by_rows[0] @ z[0].T)).clamp_min(0)
        out.append(weights @ shares.mean(0))
    return torch.cat(out)
