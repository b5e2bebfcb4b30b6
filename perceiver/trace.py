"""Trace: what one forward pass did, and the maps that follow from it.

Only queries are kept (heads x N x C a cross-attention); scores are made again from them, a few latents or a chunk of
rows at a time, so nothing of size heads x N x M is ever held for a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from .attention import AbsorbedQuery, CrossAttention, InputArray

Kind = Literal["probability", "score", "value"]
Reduce = Literal["mean", "max", "entropy"]

KINDS: tuple[Kind, ...] = ("probability", "score", "value")
REDUCTIONS: tuple[Reduce, ...] = ("mean", "max", "entropy")


@dataclass(frozen=True)
class Read:
    """One cross-attention of a forward pass: the block it belongs to and what its latents asked."""

    block: int
    asked: AbsorbedQuery
    layer: CrossAttention = field(repr=False)

    @property
    def heads(self) -> int:
        """Heads of this cross-attention."""
        return int(self.asked.query.shape[1])

    @property
    def latents(self) -> int:
        """N, the number of latents."""
        return int(self.asked.query.shape[2])


@dataclass(frozen=True)
class Trace:
    """One forward pass over one input array.

    logits        of the last block
    block_logits  the head applied to the latents after every block
    latents       at the start (index 0) and after every block
    reads         one a cross-attention, in order
    inputs        the input array; maps are computed against it
    shape         the grid the input elements lie on
    """

    logits: Float[Tensor, "classes"]
    block_logits: Float[Tensor, "blocks classes"]
    latents: Float[Tensor, "states N D"]
    reads: tuple[Read, ...]
    inputs: InputArray = field(repr=False)
    shape: tuple[int, ...]
    _normalisers: dict[int, Tensor] = field(default_factory=dict, repr=False, compare=False)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks that have a map."""
        return tuple(read.block for read in self.reads)

    def read(self, block: int) -> Read:
        """The cross-attention of a block. Raises ValueError for a block that has none."""
        for read in self.reads:
            if read.block == block:
                return read
        raise ValueError(f"block {block} has no cross-attention; these have one: {', '.join(map(str, self.blocks))}")

    def map(
        self,
        block: int,
        *,
        latent: int | None = None,
        reduce: Reduce = "mean",
        kind: Kind = "probability",
        head: int | None = None,
    ) -> Float[Tensor, "M"]:
        """One map over the input elements.

        latent  one latent's map; None reduces over all latents
        reduce  "mean", "max", or "entropy": how evenly the latents share an element, in nats over latents
        kind    "probability": softmax weights; "score": before the softmax, as in the paper's figures (section 4.1);
                "value": weights times the norm of what the element contributes to the latent (Kobayashi et al. 2020)
        head    one head; None is the mean over heads

        Raises ValueError for a block, latent or head that does not exist, and for the entropy of scores.
        """
        read = self.read(block)
        heads = _heads(read, head)
        if latent is not None:
            return self._latent_maps(read, slice(_index("latent", latent, read.latents), latent + 1), kind, heads)[0]
        if reduce == "entropy" and kind == "score":
            raise ValueError("scores are no shares of anything, so they have no entropy; use probability or value")
        out = []
        for rows, values in self._columns(read, kind, heads):
            del rows
            match reduce:
                case "mean":
                    out.append(values.mean(0))
                case "max":
                    out.append(values.amax(0))
                case _:
                    share = values / values.sum(0, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
                    out.append(torch.special.entr(share).sum(0))
        return torch.cat(out)

    def mean_map(self, blocks: Sequence[int] | None = None) -> Float[Tensor, "M"]:
        """The mean over some blocks, or over all that have one, of their attention weights, mean over latents and
        heads. Raises ValueError for a block that has none."""
        return torch.stack([self.map(block) for block in (self.blocks if blocks is None else blocks)]).mean(0)

    def latent_maps(
        self, block: int, latents: slice, *, kind: Kind = "probability", head: int | None = None
    ) -> Float[Tensor, "n M"]:
        """The maps of some latents of a block, one row each; ask for as many as fit in memory."""
        read = self.read(block)
        return self._latent_maps(read, latents, kind, _heads(read, head))

    def readers(
        self, block: int, element: int, *, kind: Kind = "probability", head: int | None = None
    ) -> Float[Tensor, "N"]:
        """How much each latent of a block reads one input element."""
        read = self.read(block)
        _index("input element", element, self.inputs.shape[1])
        heads = _heads(read, head)
        z = torch.nn.functional.layer_norm(self.inputs.array[:, element : element + 1], self.inputs.shape[2:])
        values = self._values(read, z, kind, heads, slice(None))
        return values[:, 0]

    def concentration(self, block: int, *, head: int | None = None) -> Float[Tensor, "N"]:
        """Entropy in nats of each latent's map: 0 reads one element, ln M reads all alike (mean over heads)."""
        read = self.read(block)
        total = torch.zeros(read.latents, dtype=torch.float64)
        heads = _heads(read, head)
        for _, values in self._columns(read, "probability", heads):
            total += torch.special.entr(values.double()).sum(1).cpu()
        return total.to(torch.float32)

    def _columns(self, read: Read, kind: Kind, heads: list[int]) -> Iterator[tuple[slice, Float[Tensor, "N m"]]]:
        for rows, z in self.inputs.chunks():
            yield rows, self._values(read, z, kind, heads, slice(None))

    def _latent_maps(self, read: Read, latents: slice, kind: Kind, heads: list[int]) -> Float[Tensor, "n M"]:
        parts = [self._values(read, z, kind, heads, latents) for _, z in self.inputs.chunks()]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def _values(
        self, read: Read, z: Float[Tensor, "1 m C"], kind: Kind, heads: list[int], latents: slice
    ) -> Float[Tensor, "n m"]:
        """Mean over the chosen heads of one kind of weight, for some latents and some rows of z^."""
        out: Tensor | None = None
        for head in heads:
            query, constant = read.asked.query[0, head, latents], read.asked.constant[0, head, latents]
            part = query @ z[0].T + constant
            if kind != "score":
                part = (part - self._normaliser(read, head)[latents]).exp_()
            if kind == "value":
                part = part * contribution_norms(read.layer, z[0], head)
            out = part if out is None else out.add_(part)
        assert out is not None
        return out / len(heads) if len(heads) > 1 else out

    @torch.no_grad()
    def _normaliser(self, read: Read, head: int) -> Float[Tensor, "N 1"]:
        """log sum exp of the scores, computed the first time it is asked for."""
        key = read.block * read.heads + head
        if key not in self._normalisers:
            query, constant = read.asked.query[0, head], read.asked.constant[0, head]
            running = torch.full((read.latents, 1), -math.inf, dtype=query.dtype, device=query.device)
            for _, z in self.inputs.chunks():
                part = (query @ z[0].T + constant).logsumexp(-1, keepdim=True)
                running = torch.logaddexp(running, part)
            self._normalisers[key] = running
        return self._normalisers[key]


@torch.no_grad()
def contribution_norms(layer: CrossAttention, z: Float[Tensor, "m C"], head: int) -> Float[Tensor, "m"]:
    """Norm of W_o (W_v x + b_v) for each row x of the input and one head: what reading it adds to a latent.

    Computed through the C x C Gram matrix, so that no m x D array appears.
    """
    width = layer.value.out_features // layer.heads
    part = slice(head * width, (head + 1) * width)
    out = layer.out.weight[:, part]
    weight = out @ layer.value.weight[part]
    bias = out @ layer.value.bias[part] if layer.value.bias is not None else out.new_zeros(out.shape[0])
    bias = bias + weight @ layer.input_norm.bias
    weight = weight * layer.input_norm.weight
    square = ((z @ (weight.T @ weight)) * z).sum(-1) + 2 * (z @ (weight.T @ bias)) + bias @ bias
    return square.clamp_min(0).sqrt()


def _heads(read: Read, head: int | None) -> list[int]:
    return list(range(read.heads)) if head is None else [_index("head", head, read.heads)]


def _index(what: str, value: int, count: int) -> int:
    if not 0 <= value < count:
        raise ValueError(f"there is no {what} {value}; they run from 0 to {count - 1}")
    return value
