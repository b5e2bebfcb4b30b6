"""Class relevance: propagated from a class's logit back through the latent transformers and cross-attentions.

A row vector over the latents starts as the head's weights and is multiplied by one attention matrix after the other,
last layer first; each cross-attention also maps it to the input elements. Layers are recomputed one by one from their
input latents, so that only one attention matrix is held in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from ..attention import CrossAttention, CrossAttentionPass, InputArray, SelfAttention, weighted_mean
from ..errors import ConfigError
from ..model import DecoderHead, LayerStep, Perceiver
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from .methods import RELEVANCE_METHODS, RelevanceMethod
from .target_class import chosen_class


@dataclass(frozen=True)
class Relevance:
    """Class relevance: the contribution of each input element to a class, by block.

    target   the class
    against  the class to contrast with; None for none
    blocks   the blocks with a map
    maps     one per block, nonnegative, with sum 1 over all blocks and elements; with `against` the difference of two
             such sets, with sum 0
    latents  the head's weights over the latents, with sum 1 (with `against`, 0)
    """

    target: int
    against: int | None
    method: RelevanceMethod
    blocks: tuple[int, ...]
    maps: Float32[np.ndarray, "blocks *shape"]
    latents: Float32[np.ndarray, "N"]

    @property
    def total(self) -> Float32[np.ndarray, "*shape"]:
        """The sum of the maps of all blocks."""
        return self.maps.sum(0)

    @property
    def shares(self) -> Float32[np.ndarray, "blocks"]:
        """Each block's share of the total; with `against`, of the sum of magnitudes."""
        sizes = np.abs(self.maps).reshape(len(self.maps), -1).sum(1)
        return sizes / max(sizes.sum(), np.finfo(np.float32).tiny)


def relevance(
    model: Perceiver,
    sample: Sample,
    target: int | None = None,
    against: int | None = None,
    *,
    method: RelevanceMethod = "gradient",
    progress: ProgressCallback = ignore,
) -> Relevance:
    """Computes the relevance of every input element for a class, by block.

    target   the class; None is the most probable one
    against  a class to contrast with
    method   "gradient": the positive part of attention times the logit's gradient with respect to it, mean over heads
             (after Chefer, Gur and Wolf 2021); "rollout": attention averaged with the identity, for residual
             connections (after Abnar and Zuidema 2020), in which only the head's weights depend on the class

    Raises ConfigError for a class or a method that does not exist.
    """
    if method not in RELEVANCE_METHODS:
        raise ConfigError(f"there is no relevance method {method!r}; there are {', '.join(RELEVANCE_METHODS)}")
    with torch.no_grad():
        inputs = InputArray(model.inputs(sample), keep=True)
        passed = []
        for step in model.steps(inputs, traced=True):
            passed.append(step)
            progress(0.0, "Running the model")
        steps = tuple(passed)
        latents = steps[-1].after
        logits = model.head(latents)[0]
    chosen = chosen_class(logits, target, against)
    classes = [chosen] if against is None else [chosen, against]
    maps, starts = [], []
    for i, one in enumerate(classes):

        def report_layer(done: int, i: int = i) -> None:
            share = (i * len(steps) + done) / (len(classes) * len(steps))
            progress(share, "Tracing the class back to the input")

        found, start = _backward(model, inputs, steps, one, method, report_layer)
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


def _backward(
    model: Perceiver,
    inputs: InputArray,
    steps: tuple[LayerStep, ...],
    target: int,
    method: RelevanceMethod,
    report_layer: Callable[[int], None],
) -> tuple[dict[int, Float[Tensor, "M"]], Float[Tensor, "N"]]:
    """The map of every block, with sum 1 over all of them, and the head's weights over the latents."""
    weights, gradient = _start(model, steps[-1].after, target, method)
    start, maps = weights, {}
    for done, step in enumerate(reversed(steps), start=1):
        if isinstance(step.layer, SelfAttention):
            attention, gradient = _through_tower(step.layer, step.before, gradient, method)
            added = weights @ attention
            weights = weights + added if method == "gradient" else (weights + added) / 2
        else:
            assert step.made is not None
            by_rows, gradient = _through_cross(step.layer, step.before, inputs, gradient)
            maps[step.block] = _over_elements(step.made, by_rows if method == "gradient" else None, inputs, weights)
            if method == "rollout":
                maps[step.block] = maps[step.block] / 2
                weights = weights / 2
        report_layer(done)
    total = sum(float(one.sum()) for one in maps.values())
    # Without any positive gradient no element is evidence for the class: all maps are 0.
    return {block: one / total if total > 0 else one for block, one in maps.items()}, start


def _start(
    model: Perceiver, latents: Float[Tensor, "1 N D"], target: int, method: RelevanceMethod
) -> tuple[Float[Tensor, "N"], Float[Tensor, "1 N D"]]:
    """The head's weights over the latents, and the logit's gradient with respect to them.

    For mean pooling: the positive part of each latent's contribution to the logit, gradient times latent. For a
    decoder: the attention of its query, by the same rule as for other layers. Uniform if no latent is evidence for the
    class.
    """
    with torch.enable_grad():
        leaf = latents.detach().requires_grad_()
        logit = model.head(leaf)[0, target]
        (gradient,) = torch.autograd.grad(logit, leaf)
    if isinstance(model.head, DecoderHead):
        head, inputs = model.head, InputArray(latents)
        cross, query = head.read, head.query[None]
        with torch.enable_grad():
            rows = weighted_mean(cross.absorbed_query(query).query, inputs).detach().requires_grad_()
            logit = head.linear(cross.absorb(query, rows)[:, 0])[0, target]
            (by_rows,) = torch.autograd.grad(logit, rows)
        made = cross.traced(query, inputs)
        weights = _over_elements(made, by_rows if method == "gradient" else None, inputs, latents.new_ones(1))
    else:
        weights = (gradient * latents).sum(-1)[0].clamp_min(0)
    total = weights.sum()
    return (weights / total if total > 0 else torch.full_like(weights, 1 / len(weights))), gradient


def _through_tower(
    layer: SelfAttention, latents: Float[Tensor, "1 N D"], gradient: Float[Tensor, "1 N D"], method: RelevanceMethod
) -> tuple[Float[Tensor, "N N"], Float[Tensor, "1 N D"]]:
    """The self-attention of latents, or the positive part of attention times gradient, mean over heads; and the
    gradient with respect to the layer's input latents."""
    with torch.enable_grad():
        leaf = latents.detach().requires_grad_()
        attention = layer.weights(leaf)
        out = layer.mix(leaf, attention)
        before, by_weights = torch.autograd.grad(out, (leaf, attention), gradient)
    attention = attention.detach()[0]
    if method == "gradient":
        attention = (attention * by_weights[0]).clamp_min(0)
    return attention.mean(0), before


def _through_cross(
    layer: CrossAttention, latents: Float[Tensor, "1 N D"], inputs: InputArray, gradient: Float[Tensor, "1 N D"]
) -> tuple[Float[Tensor, "1 heads N C"], Float[Tensor, "1 N D"]]:
    """The gradient with respect to the weighted means of the input rows, and to the layer's input latents."""
    with torch.enable_grad():
        leaf = latents.detach().requires_grad_()
        rows = weighted_mean(layer.absorbed_query(leaf).query, inputs)
        before, by_rows = torch.autograd.grad(layer.absorb(leaf, rows), (leaf, rows), gradient)
    return by_rows, before


@torch.no_grad()
def _over_elements(
    made: CrossAttentionPass,
    by_rows: Float[Tensor, "1 heads N C"] | None,
    inputs: InputArray,
    weights: Float[Tensor, "N"],
) -> Float[Tensor, "M"]:
    """The row vector over latents times attention, or times the positive part of attention times its gradient.

    The gradient with respect to an attention weight is the inner product of the gradient with respect to the weighted
    mean and the element's row.
    """
    query, offset = made.query.query[0], (made.query.constant - made.log_sum_exp)[0]
    out = []
    for _, z in inputs.chunks():
        attention = (query @ z[0].T + offset).exp()
        if by_rows is not None:
            attention = (attention * (by_rows[0] @ z[0].T)).clamp_min(0)
        out.append(weights @ attention.mean(0))
    return torch.cat(out)
