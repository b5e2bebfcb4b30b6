"""Trace: what one forward pass computed, and the maps that follow from it.

Each cross-attention keeps its queries (heads x N x C), the log-sum-exp of its scores (heads x N) and the mean of its
weights over the latents (heads x M), all from the forward pass. Other maps compute the scores again from the queries, a
few latents or a chunk of rows at a time, so that no array of heads x N x M is ever held for a whole model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, assert_never

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from .attention import EVERY, AbsorbedQuery, CrossAttention, CrossAttentionPass, InputArray, Rows
from .errors import ConfigError
from .validation import check_choice, index_of

Kind = Literal["probability", "score", "value"]
Reduce = Literal["mean", "max", "entropy"]

KINDS: tuple[Kind, ...] = ("probability", "score", "value")
REDUCTIONS: tuple[Reduce, ...] = ("mean", "max", "entropy")

REGION_ROWS = 2048
"""Elements of a region whose weights are held at a time, for all latents."""


@dataclass(frozen=True)
class CrossAttentionRecord:
    """One cross-attention of a forward pass over one input.

    block         the block it belongs to
    query         the absorbed queries of its latents
    log_sum_exp   of the scores over all input elements
    mean_weights  attention weight of each input element, mean over the latents
    """

    block: int
    query: AbsorbedQuery
    log_sum_exp: Float[Tensor, "heads N 1"]
    mean_weights: Float[Tensor, "heads M"]
    layer: CrossAttention = field(repr=False)

    @classmethod
    def of(cls, block: int, layer: CrossAttention, made: CrossAttentionPass) -> CrossAttentionRecord:
        """The record of a pass over a batch of one."""
        return cls(block, made.query, made.log_sum_exp[0], made.mean_weights[0], layer)

    @property
    def heads(self) -> int:
        """Heads of this cross-attention."""
        return int(self.query.query.shape[1])

    @property
    def latents(self) -> int:
        """N, the number of latents."""
        return int(self.query.query.shape[2])


@dataclass(frozen=True)
class Trace:
    """One forward pass over one input array.

    logits        of the last block
    block_logits  the head applied to the latents after every block
    latents       at the start (index 0) and after every block
    records       one a cross-attention, in order
    inputs        the input array; maps are computed against it
    shape         the grid the input elements lie on
    seconds       that the pass took; 0 where it was not measured
    """

    logits: Float[Tensor, "classes"]
    block_logits: Float[Tensor, "blocks classes"]
    latents: Float[Tensor, "states N D"]
    records: tuple[CrossAttentionRecord, ...]
    inputs: InputArray = field(repr=False)
    shape: tuple[int, ...]
    seconds: float = field(default=0.0, compare=False)

    @cached_property
    def block_probabilities(self) -> Float[Tensor, "blocks classes"]:
        """Softmax of `block_logits`; the last row is the answer."""
        return self.block_logits.softmax(-1)

    @property
    def elements(self) -> int:
        """M, the number of input elements."""
        return self.inputs.shape[1]

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks that have a map."""
        return tuple(record.block for record in self.records)

    def record(self, block: int) -> CrossAttentionRecord:
        """The cross-attention of a block. Raises ConfigError for a block that has none."""
        return self.records[self.blocks.index(index_of("cross-attention in block", block, self.blocks))]

    @torch.no_grad()
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

        Raises ConfigError for a block, latent or head that does not exist, for another reduction or kind, and for the
        entropy of scores.
        """
        check_choice("kind", kind, KINDS)
        check_choice("reduce", reduce, REDUCTIONS)
        record = self.record(block)
        heads = _heads(record, head)
        if latent is not None:
            chosen = index_of("latent", latent, record.latents)
            return self._latent_maps(record, slice(chosen, chosen + 1), kind, heads)[0]
        match reduce:
            case "mean":
                return self._mean(record, kind, heads)
            case "max":
                return torch.cat([values.amax(0) for values in self._columns(record, kind, heads)])
            case "entropy":
                if kind == "score":
                    raise ConfigError("scores are not shares of a whole and have no entropy; use probability or value")
                return torch.cat([_entropy_over_latents(values) for values in self._columns(record, kind, heads)])
            case _:
                assert_never(reduce)

    def mean_map(self, blocks: Sequence[int] | None = None) -> Float[Tensor, "M"]:
        """The mean of the attention weights over some blocks, or over all that have a map, over latents and heads.

        Raises ConfigError for a block that has none.
        """
        return torch.stack([self.map(block) for block in (self.blocks if blocks is None else blocks)]).mean(0)

    def latent_maps(
        self, block: int, latents: slice, *, kind: Kind = "probability", head: int | None = None
    ) -> Float[Tensor, "n M"]:
        """The maps of some latents of a block, one row each; choose as many as fit in memory. Raises as `map` does."""
        check_choice("kind", kind, KINDS)
        record = self.record(block)
        return self._latent_maps(record, latents, kind, _heads(record, head))

    def element_weights(
        self, block: int, element: int, *, kind: Kind = "probability", head: int | None = None
    ) -> Float[Tensor, "N"]:
        """The value that each latent's map of a block has at one input element."""
        record = self.record(block)
        element = index_of("input element", element, self.inputs.shape[1])
        heads = _heads(record, head)
        return self._values(record, slice(element, element + 1), kind, heads, EVERY)[:, 0]

    def region_weights(
        self, block: int, elements: Int64[Tensor, "inside"], *, head: int | None = None
    ) -> Float64[Tensor, "N"]:
        """The attention weight of each latent of a block on all of some input elements together, in [0, 1]; mean over
        heads unless one is chosen."""
        record = self.record(block)
        heads = _heads(record, head)
        total = torch.zeros(record.latents, dtype=torch.float64)
        for part in elements.split(REGION_ROWS):
            total += self._values(record, part, "probability", heads, EVERY).sum(1, dtype=torch.float64).cpu()
        return total

    def concentration(self, block: int, *, head: int | None = None) -> Float[Tensor, "N"]:
        """Entropy in nats of each latent's map: 0 where all weight is on one element, ln M where it is spread evenly;
        mean over heads unless one is chosen."""
        record = self.record(block)
        total = torch.zeros(record.latents, dtype=torch.float64)
        for values in self._columns(record, "probability", _heads(record, head)):
            total += torch.special.entr(values.double()).sum(1).cpu()
        return total.to(torch.float32)

    def _mean(self, record: CrossAttentionRecord, kind: Kind, heads: list[int]) -> Float[Tensor, "M"]:
        """The mean over latents and heads; of scores and of values too it needs no single latent's map."""
        match kind:
            case "probability":
                return record.mean_weights[heads].mean(0)
            case "score":
                query = record.query.query[0, heads].mean((0, 1))
                constant = record.query.constant[0, heads].mean()
                return torch.cat([keys[0] @ query + constant for _, keys in self.inputs.chunks()])
            case "value":
                parts = []
                for rows, _ in self.inputs.chunks():
                    z = self.inputs.normalised(rows)[0]
                    norms = torch.stack([contribution_norms(record.layer, z, head) for head in heads])
                    parts.append((record.mean_weights[heads, rows] * norms).mean(0))
                return torch.cat(parts)
            case _:
                assert_never(kind)

    def _columns(self, record: CrossAttentionRecord, kind: Kind, heads: list[int]) -> Iterator[Float[Tensor, "N m"]]:
        """The maps of all latents, a chunk of elements at a time."""
        for rows, keys in self.inputs.chunks():
            yield self._values(record, rows, kind, heads, EVERY, keys)

    def _latent_maps(
        self, record: CrossAttentionRecord, latents: slice, kind: Kind, heads: list[int]
    ) -> Float[Tensor, "n M"]:
        chunks = self.inputs.chunks()
        return torch.cat([self._values(record, rows, kind, heads, latents, keys) for rows, keys in chunks], dim=1)

    @torch.no_grad()
    def _values(
        self,
        record: CrossAttentionRecord,
        rows: Rows,
        kind: Kind,
        heads: list[int],
        latents: slice,
        keys: Float[Tensor, "1 m k"] | None = None,
    ) -> Float[Tensor, "n m"]:
        """Mean over the chosen heads of one kind of weight, for some latents and some rows; `keys` are those of the
        rows, where they are there already."""
        if keys is None:
            keys = self.inputs.keys(rows)
        out: Tensor | None = None
        for head in heads:
            part = record.query.query[0, head, latents] @ keys[0].T + record.query.constant[0, head, latents]
            match kind:
                case "score":
                    pass
                case "probability":
                    part = part.sub_(record.log_sum_exp[head, latents]).exp_()
                case "value":
                    part = part.sub_(record.log_sum_exp[head, latents]).exp_()
                    part = part.mul_(contribution_norms(record.layer, self.inputs.normalised(rows)[0], head))
                case _:
                    assert_never(kind)
            out = part if out is None else out.add_(part)
        assert out is not None
        return out / len(heads) if len(heads) > 1 else out


@dataclass(frozen=True)
class PartialTrace(Trace):
    """A forward pass over some of the elements of an input. Its maps are of all elements: those that were left out have
    no weight, and their score and the entropy over the latents that read them are NaN.

    kept  the elements that the pass was over, ascending; `shape` is that of all elements, `inputs` holds the kept ones
    """

    kept: Int64[Tensor, "m"] = field(kw_only=True)

    @property
    def elements(self) -> int:
        """M, the number of all elements."""
        return math.prod(self.shape)

    def map(
        self,
        block: int,
        *,
        latent: int | None = None,
        reduce: Reduce = "mean",
        kind: Kind = "probability",
        head: int | None = None,
    ) -> Float[Tensor, "M"]:
        """One map over all elements, as `Trace.map` describes it."""
        values = super().map(block, latent=latent, reduce=reduce, kind=kind, head=head)
        return self._laid(values, kind == "score" or (latent is None and reduce == "entropy"))

    def latent_maps(
        self, block: int, latents: slice, *, kind: Kind = "probability", head: int | None = None
    ) -> Float[Tensor, "n M"]:
        """The maps of some latents over all elements, as `Trace.latent_maps` describes them."""
        return self._laid(super().latent_maps(block, latents, kind=kind, head=head), kind == "score")

    def element_weights(
        self, block: int, element: int, *, kind: Kind = "probability", head: int | None = None
    ) -> Float[Tensor, "N"]:
        """The value that each latent's map of a block has at one of all elements."""
        element = index_of("input element", element, self.elements)
        found = torch.nonzero(self.kept == element)
        if len(found):
            return super().element_weights(block, int(found[0]), kind=kind, head=head)
        return torch.full((self.record(block).latents,), math.nan if kind == "score" else 0.0)

    def region_weights(
        self, block: int, elements: Int64[Tensor, "inside"], *, head: int | None = None
    ) -> Float64[Tensor, "N"]:
        """The attention weight of each latent of a block on all of some elements together, in [0, 1]."""
        return super().region_weights(block, torch.nonzero(torch.isin(self.kept, elements))[:, 0], head=head)

    def _laid(self, values: Float[Tensor, "*rest m"], missing: bool) -> Float[Tensor, "*rest M"]:
        """The values of the kept elements among all; the others are NaN where they are missing, else 0."""
        out = values.new_full((*values.shape[:-1], self.elements), math.nan if missing else 0.0)
        out[..., self.kept.to(values.device)] = values
        return out


@torch.no_grad()
def contribution_norms(layer: CrossAttention, z: Float[Tensor, "m C"], head: int) -> Float[Tensor, "m"]:
    """Norm of W_o (W_v x + b_v) for each row x of the input and one head: what the row adds to a latent that puts all
    of its weight on it.

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


def _entropy_over_latents(values: Float[Tensor, "N m"]) -> Float[Tensor, "m"]:
    share = values / values.sum(0, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
    return torch.special.entr(share).sum(0)


def _heads(record: CrossAttentionRecord, head: int | None) -> list[int]:
    return list(range(record.heads)) if head is None else [index_of("head", head, record.heads)]
