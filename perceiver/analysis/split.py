"""The exact split of cross-attention scores, and of what they read, into parts of the input's rows.

A row z of the input array (C channels: content, then positions) is normalised before it is read, with its own mean
mu = (1/C) sum_c z_c and scale s = sqrt(var(z) + 1e-5):

    z^_c = (z_c - mu) / s

The score of a latent with query q is linear in z^ (W_k, b_k: keys; gamma, beta: the layer norm; d: width of a head):

    score = q . (W_k (gamma * z^ + beta) + b_k) / sqrt(d) = sum_c a_c z^_c + k,
    a = gamma * W_k^T q / sqrt(d),    k = q . (W_k beta + b_k) / sqrt(d)

The mean depends on every channel, so it is shared out among them: sum_c a_c mu = sum_c a' z_c, where a' is the mean of
a over channels. This leaves an exact sum, each term of which depends on one channel and on s alone:

    score = sum_c (a_c - a') z_c / s + k

The score of a part (a band, a coordinate, content) is the sum of its channels' terms; k is the constant, the same for
all elements. For the leading components of a learned encoding, rows and a are first turned by an orthogonal matrix,
which changes no sum. With several heads, the mean of their scores is the score of the mean of their a and k.

The softmax over elements does not change when a number is added to all scores of a latent. What makes an element read
more than others is therefore a part's score less its mean over the elements, which add up to the score less its mean.

What is read is split in the same way. With weights w_m, a head reads V (sum_m w_m z_m / s_m) plus a constant, where
V = W_v diag(gamma) (1 - 11^T/C); the channels of the mean row in parentheses belong to parts.

Nothing holds latents x elements x parts. Products of a with rows give maps, and products of a with the second
moments of the rows (C x C) give variances and covariances over all elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..attention import CHUNK_ROWS, EVERY, AbsorbedQuery, InputArray, Rows, attend
from ..notebook import titled_table
from ..trace import CrossAttentionRecord, Trace
from ..validation import index_of
from .formatting import number
from .parts import Group, PartChoice, RowPart, RowParts, parse

EPSILON = 1e-5
"""Of the layer norm of the rows."""


@dataclass(frozen=True)
class Term:
    """One or more parts of a score.

    text    the choice of parts (`perceiver.analysis.parts.parse`); "" for those that are not listed
    name    in words
    value   the score of the parts
    mean    its mean over all elements
    bundle  the bundle that they belong to (`RowPart.bundle`); "" for those that are not listed
    """

    text: str
    name: str
    value: float
    mean: float
    bundle: str

    @property
    def excess(self) -> float:
        """The score above its mean over all elements, which is what the softmax depends on."""
        return self.value - self.mean


@dataclass(frozen=True)
class ScoreSplit:
    """The score of one latent at one element as a sum over parts.

    head      one head; None is the mean over heads
    score     before the softmax, as the model computes it
    weight    attention weight of the element
    parts     of the rows, and below the value of each
    values    the score of every part; with `constant` they add up to `score`
    means     the mean of every part's score over all elements
    constant  the same for all elements
    """

    block: int
    latent: int
    element: int
    head: int | None
    score: float
    weight: float
    parts: tuple[RowPart, ...] = field(repr=False)
    values: Float64[np.ndarray, "parts"] = field(repr=False)
    means: Float64[np.ndarray, "parts"] = field(repr=False)
    constant: float

    @property
    def total(self) -> float:
        """The sum of all parts and the constant."""
        return float(self.values.sum()) + self.constant

    @property
    def mean_score(self) -> float:
        """The mean of the latent's scores over all elements."""
        return float(self.means.sum()) + self.constant

    @property
    def excess(self) -> float:
        """The score above its mean over all elements."""
        return float((self.values - self.means).sum())

    def of_group(self, group: Group) -> Term:
        """The score of a group of parts."""
        chosen = np.array([part.group == group for part in self.parts], dtype=bool)
        return Term(group, group, float(self.values[chosen].sum()), float(self.means[chosen].sum()), group)

    def terms(self, top: int | None = None, axes: Sequence[str] = ()) -> tuple[Term, ...]:
        """Content together, and every other part, largest difference from the mean over elements first.

        top   how many terms are listed on their own, at least; what is left becomes one more term, and is never the
              largest
        axes  names of the axes, for the names of the parts
        """
        found = [
            Term(part.text(), part.name(axes), float(value), float(mean), part.bundle)
            for part, value, mean in zip(self.parts, self.values, self.means, strict=True)
            if part.group != "content"
        ]
        if len(found) < len(self.parts):
            found.append(self.of_group("content"))
        found.sort(key=lambda term: -abs(term.excess))
        own = len(found) if top is None else self._listed(found, top)
        listed, left = found[:own], found[own:]
        if left:
            name = f"{len(left)} others"
            listed.append(Term("", name, sum(one.value for one in left), sum(one.mean for one in left), ""))
        return tuple(listed)

    @staticmethod
    def _listed(terms: Sequence[Term], least: int) -> int:
        """How many terms are listed: so many that the others together do not exceed the largest."""
        excesses = [term.excess for term in terms]
        for own in range(least, len(terms) - 1):
            if abs(sum(excesses[own:])) <= abs(excesses[0]):
                return own
        return len(terms)

    def _repr_html_(self) -> str:
        """The largest terms as a table."""
        rows = [[one.name, number(one.value), number(one.mean), number(one.excess)] for one in self.terms(8)]
        rows += [["constant", number(self.constant), number(self.constant), "0"]]
        rows += [["score", number(self.score), number(self.mean_score), number(self.excess)]]
        title = f"Score of latent {self.latent} of block {self.block} at element {self.element}"
        return titled_table(title, rows, ["part", "here", "mean over elements", "difference"])


class PartRows(InputArray):
    """The input array with z / s of some parts as keys, in place of the normalised rows."""

    def __init__(self, array: Float[Tensor, "B M C"], parts: RowParts, choice: PartChoice) -> None:
        super().__init__(array)
        chosen, self.text = choice.of(parts.parts), choice.text()
        self._parts = parts
        self._of_group = [(group, torch.from_numpy(chosen[group.part_of])) for group in parts.groups]
        self.channels = torch.stack([channels for _, channels in self._of_group]).any(0).nonzero()[:, 0]
        self._held = self._scaled(EVERY) if array.shape[1] <= CHUNK_ROWS else None

    def keys(self, rows: Rows = EVERY) -> Float[Tensor, "B m k"]:
        return self._scaled(rows) if self._held is None else self._held[:, rows]

    def _scaled(self, rows: Rows) -> Float[Tensor, "B m k"]:
        array = self.array[:, rows]
        scaled = self._parts.turned(array / scale(array))[..., self.channels]
        if len(self._of_group) > 1:
            # Rows of other segments have other parts in the same channels.
            index = torch.arange(self.array.shape[1])[rows, None]
            for group, chosen in self._of_group:
                inside = (index >= group.start) & (index < (group.stop or self.array.shape[1]))
                scaled = scaled.masked_fill(inside & ~chosen[self.channels], 0.0)
        return scaled


def scale(rows: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch 1"]:
    """s, what the layer norm divides rows by."""
    return (rows.var(-1, unbiased=False, keepdim=True) + EPSILON).sqrt()


def shared_out(query: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
    """a - a': queries with the mean of the rows shared out among the channels."""
    return query - query.mean(-1, keepdim=True)


@torch.no_grad()
def part_trace(trace: Trace, parts: RowParts, text: str, blocks: Sequence[int] | None = None) -> Trace:
    """A trace whose scores are those of some parts alone, and whose weights are the softmax of these scores: all maps
    of parts come from it, as those of the whole come from the trace of the run.

    text    the parts (`perceiver.analysis.parts.parse`)
    blocks  the blocks that have maps; None is all

    The score of an element whose row has none of the parts is 0. Everything but the maps is that of the run. Raises
    ConfigError where there are no such parts.
    """
    rows = PartRows(trace.inputs.array, parts, parse(text))
    keys = rows.keys()[:, None]
    records = []
    for record in trace.records if blocks is None else [trace.record(block) for block in blocks]:
        query = parts.turned(shared_out(record.query.query))[..., rows.channels]
        made = attend(query, keys, keys[..., :0])
        alone = AbsorbedQuery(query, torch.zeros_like(record.query.constant))
        records.append(replace(record, query=alone, log_sum_exp=made.log_sum_exp[0], mean_weights=made.mean_weights[0]))
    return replace(trace, records=tuple(records), inputs=rows)


@dataclass(frozen=True, eq=False)
class RowMoments:
    """Moments of the scaled rows z / s of an input, in which every channel belongs to one part; a group of rows each.

    weights  the share of the elements in the group
    means    of its rows
    spreads  the covariance of the channels of its rows; none where they are not needed
    """

    weights: tuple[float, ...]
    means: tuple[Float64[Tensor, "C"], ...]
    spreads: tuple[Float64[Tensor, "C C"], ...] = ()


@torch.no_grad()
def row_moments(trace: Trace, parts: RowParts, *, spread: bool = True) -> RowMoments:
    """The moments of the rows of a run's input array, a chunk of rows at a time.

    spread  whether covariances are computed
    """
    array = trace.inputs.array[0]
    means, spreads, weights = [], [], []
    for group in parts.groups:
        rows = array[group.rows]
        chunks = rows.split(CHUNK_ROWS)
        mean = torch.stack([scaled(parts, chunk).sum(0) for chunk in chunks]).sum(0) / len(rows)
        means.append(mean)
        weights.append(len(rows) / len(array))
        if spread:
            total = torch.zeros(len(mean), len(mean), dtype=torch.float64)
            for chunk in chunks:
                centred = scaled(parts, chunk) - mean
                total += centred.T @ centred
            spreads.append(total / len(rows))
    return RowMoments(tuple(weights), tuple(means), tuple(spreads))


@torch.no_grad()
def score_split(
    trace: Trace,
    parts: RowParts,
    block: int,
    latent: int,
    element: int,
    *,
    head: int | None = None,
    moments: RowMoments | None = None,
) -> ScoreSplit:
    """The score of a latent at an element as a sum over parts.

    moments  of the rows, if already computed

    Raises ConfigError for a block, latent, element or head that does not exist.
    """
    record = trace.record(block)
    latent = index_of("latent", latent, record.latents)
    element = index_of("input element", element, trace.inputs.shape[1])
    moments = row_moments(trace, parts, spread=False) if moments is None else moments
    query, constant = absorbed(record, parts, head)
    group = next(one for one in reversed(parts.groups) if one.start <= element)
    row = scaled(parts, trace.inputs.array[0, element])
    means = np.zeros(len(parts.parts))
    for one, weight, mean in zip(parts.groups, moments.weights, moments.means, strict=True):
        means += weight * parts.sums(one, (query[latent] * mean).numpy())
    return ScoreSplit(
        block=record.block,
        latent=latent,
        element=element,
        head=head,
        score=float(trace.element_weights(block, element, kind="score", head=head)[latent]),
        weight=float(trace.element_weights(block, element, head=head)[latent]),
        parts=parts.parts,
        values=parts.sums(group, (query[latent] * row).numpy()),
        means=means,
        constant=float(constant[latent]),
    )


def absorbed(
    record: CrossAttentionRecord, parts: RowParts, head: int | None
) -> tuple[Float64[Tensor, "N C"], Float64[Tensor, "N"]]:
    """The query a - a' and the constant k of every latent of a cross-attention, of one head or the mean over heads, in
    double precision: (N, C) in the order of `RowParts.turned`, and (N,). Raises ConfigError for a head that does not
    exist."""
    heads = EVERY if head is None else slice(index_of("head", head, record.heads), head + 1)
    query, constant = (one[0, heads].double().mean(0) for one in (record.query.query, record.query.constant))
    return parts.turned(shared_out(query)), constant[:, 0]


def scaled(parts: RowParts, rows: Float[Tensor, "*batch C"]) -> Float64[Tensor, "*batch C"]:
    """Rows z / s in which every channel belongs to one part, in double precision."""
    exact = rows.double()
    return parts.turned(exact / scale(exact))
