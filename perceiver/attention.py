"""Cross-attention and self-attention layers (paper, appendix C): pre-norm, residual, then a small MLP.

The layer norm of the input array, without its affine part, is the same for every cross-attention:
z^ = (z - mean) / std. With W_q, W_k, W_v, gamma, beta of one weight set and d the width of a head,

    scores = (W_k^T q * gamma) . z^ / sqrt(d) + constant per latent
    output = W_v (gamma * (A z^) + beta) + b_v

so a head can query z^ directly ("absorbed"), which projects N queries instead of M keys and M values. With several
heads, projecting keys and values once per weight set ("projected") can be cheaper. `cheaper_form` decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from .config import Activation

Form = Literal["absorbed", "projected"]

# Rows of the input array per chunk: the scores of 512 latents take 8 MB.
CHUNK_ROWS = 4096

Rows = slice | Int64[Tensor, "m"]
"""Some rows of an input array."""

EVERY = slice(None)

# Maximum number of scores that a cross-attention holds at a time without gradients: 32 MB.
HELD_SCORES = 2**23


class InputArray:
    """The input array (B, M, C) with its normalised rows, which all cross-attentions share.

    The normalised array is cached with `keep`, when gradients are recorded (autograd needs it anyway), and when it is
    small. Otherwise it is recomputed in chunks at each use, so that no second array of its size is held.
    """

    def __init__(self, array: Float[Tensor, "B M C"], *, keep: bool = False) -> None:
        self.array = array
        whole = keep or torch.is_grad_enabled() or array.shape[1] <= CHUNK_ROWS
        self._whole = _normalised(array) if whole else None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, M, C)."""
        b, m, c = self.array.shape
        return b, m, c

    def normalised(self, rows: Rows = EVERY) -> Float[Tensor, "B m C"]:
        """z^ of some rows, or of all."""
        return self._whole[:, rows] if self._whole is not None else _normalised(self.array[:, rows])

    def keys(self, rows: Rows = EVERY) -> Float[Tensor, "B m k"]:
        """What the absorbed queries are multiplied with to give the scores of some rows: z^, unless a subclass has
        others."""
        return self.normalised(rows)

    def chunks(self) -> Iterator[tuple[slice, Float[Tensor, "B m k"]]]:
        """Yields (rows, keys of those rows) in order; one chunk when gradients are recorded."""
        count = self.array.shape[1]
        size = count if torch.is_grad_enabled() else CHUNK_ROWS
        for start in range(0, count, size):
            rows = slice(start, min(start + size, count))
            yield rows, self.keys(rows)


@dataclass(frozen=True)
class AbsorbedQuery:
    """Queries in terms of the normalised input: score of latent n, head h, element m = query[h, n] . z^[m] +
    constant[h, n].

    Both include the factor 1/sqrt(d). Stored instead of the heads x N x M scores, which it determines.
    """

    query: Float[Tensor, "B heads N C"]
    constant: Float[Tensor, "B heads N 1"]


@dataclass(frozen=True)
class Attended:
    """The output of an attention, with statistics of its weights.

    output        weighted means of the values
    log_sum_exp   log-sum-exp of the scores of each query over all keys
    mean_weights  attention weight of each key, averaged over the queries
    """

    output: Float[Tensor, "B heads N v"]
    log_sum_exp: Float[Tensor, "B heads N 1"]
    mean_weights: Float[Tensor, "B heads M"]


@dataclass(frozen=True)
class CrossAttentionPass:
    """The output of a cross-attention, with what its attention maps are computed from.

    latents       the output
    query         the absorbed queries
    log_sum_exp   log-sum-exp of the scores (including the constant) over all elements
    mean_weights  attention weight of each element, averaged over the latents
    """

    latents: Float[Tensor, "B N D"]
    query: AbsorbedQuery
    log_sum_exp: Float[Tensor, "B heads N 1"]
    mean_weights: Float[Tensor, "B heads M"]


def cheaper_form(latents: int, rows: int, channels: int, qk: int, v: int, heads: int, uses: int) -> Form:
    """The form with fewer multiply-adds for `uses` cross-attentions that share one weight set."""
    absorbed = uses * (2 * heads * latents * rows * channels + latents * channels * (qk + v))
    projected = rows * channels * (qk + v) + uses * latents * rows * (qk + v)
    return "absorbed" if absorbed <= projected else "projected"


class MLP(nn.Module):
    """Layer norm, linear layer, activation, linear layer. With GEGLU, half of the first layer's output is the gate."""

    def __init__(self, dim: int, widening: int, activation: Activation) -> None:
        super().__init__()
        inner = dim * widening
        self.activation = activation
        self.norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, 2 * inner if activation == "geglu" else inner)
        self.narrow = nn.Linear(inner, dim)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        x = self.widen(self.norm(x))
        match self.activation:
            case "geglu":
                x, gate = x.chunk(2, dim=-1)
                x = x * F.gelu(gate)
            case "gelu_tanh":
                x = F.gelu(x, approximate="tanh")
            case "gelu":
                x = F.gelu(x)
            case _:
                assert_never(self.activation)
        return cast(Tensor, self.narrow(x))


class SelfAttention(nn.Module):
    """One layer of a latent transformer; `inner` is the width of queries, keys and values (default: `dim`, as in the
    paper)."""

    def __init__(
        self,
        dim: int,
        heads: int,
        widening: int,
        activation: Activation,
        qkv_bias: bool,
        out_bias: bool,
        inner: int | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        inner = inner or dim
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, inner, bias=qkv_bias)
        self.key = nn.Linear(dim, inner, bias=qkv_bias)
        self.value = nn.Linear(dim, inner, bias=qkv_bias)
        self.out = nn.Linear(inner, dim, bias=out_bias)
        self.mlp = MLP(dim, widening, activation)

    def forward(self, latents: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        return self.mix(latents, self.weights(latents))

    def weights(self, latents: Float[Tensor, "B N D"]) -> Float[Tensor, "B heads N N"]:
        """Attention weights of each latent over all latents."""
        x = self.norm(latents)
        q, k = (_split(layer(x), self.heads) for layer in (self.query, self.key))
        # Explicit: for a few hundred latents the backward pass of the fused kernel is several times slower on CPUs.
        return (q @ (k * k.shape[-1] ** -0.5).transpose(-1, -2)).softmax(-1)

    def mix(self, latents: Float[Tensor, "B N D"], weights: Float[Tensor, "B heads N N"]) -> Float[Tensor, "B N D"]:
        """Output of the layer for given attention weights."""
        values = _split(self.value(self.norm(latents)), self.heads)
        latents = latents + self.out(_merge(weights @ values))
        return cast(Tensor, latents + self.mlp(latents))


class CrossAttention(nn.Module):
    """Cross-attention of latents (queries) to an input array (keys and values); 1 head in the paper.

    query_residual  whether the latents are added to the attention output (paper: True; some decoders: False)
    out_dim         width of the output; equal to that of the latents if there is a residual
    """

    def __init__(
        self,
        query_dim: int,
        input_dim: int,
        qk_dim: int,
        v_dim: int,
        heads: int,
        widening: int,
        activation: Activation,
        qkv_bias: bool,
        out_bias: bool,
        query_residual: bool = True,
        out_dim: int | None = None,
    ) -> None:
        super().__init__()
        out_dim = out_dim or query_dim
        self.heads, self.query_residual = heads, query_residual
        self.query_norm = nn.LayerNorm(query_dim)
        self.input_norm = nn.LayerNorm(input_dim)
        self.query = nn.Linear(query_dim, qk_dim, bias=qkv_bias)
        self.key = nn.Linear(input_dim, qk_dim, bias=qkv_bias)
        self.value = nn.Linear(input_dim, v_dim, bias=qkv_bias)
        self.out = nn.Linear(v_dim, out_dim, bias=out_bias)
        self.mlp = MLP(out_dim, widening, activation)

    def forward(
        self,
        latents: Float[Tensor, "B N D"],
        inputs: InputArray,
        *,
        form: Form | None = None,
        projected: tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "B N D"]:
        """Returns the updated latents.

        form       None selects the cheaper one
        projected  keys and values from an earlier call of `project`
        """
        if form is None:
            form = self.form(latents.shape[1], inputs.shape[1], uses=1)
        if form == "absorbed":
            return self.absorb(latents, weighted_mean(self.absorbed_query(latents).query, inputs))
        keys, values = projected if projected is not None else self.project(inputs)
        return self._finish(latents, F.scaled_dot_product_attention(self._queries(latents), keys, values))

    @torch.no_grad()
    def traced(
        self,
        latents: Float[Tensor, "B N D"],
        inputs: InputArray,
        *,
        form: Form | None = None,
        projected: tuple[Tensor, Tensor] | None = None,
    ) -> CrossAttentionPass:
        """`forward` without gradients, with what attention maps are computed from."""
        if form is None:
            form = self.form(latents.shape[1], inputs.shape[1], uses=1)
        query = self.absorbed_query(latents)
        if form == "absorbed":
            z = inputs.normalised().unsqueeze(1)
            attended = attend(query.query.to(z.dtype), z, z)
            out = self.absorb(latents, attended.output)
            log_sum_exp = attended.log_sum_exp + query.constant
        else:
            keys, values = projected if projected is not None else self.project(inputs)
            q = self._queries(latents)
            attended = attend(q * q.shape[-1] ** -0.5, keys, values)
            out = self._finish(latents, attended.output)
            log_sum_exp = attended.log_sum_exp
        return CrossAttentionPass(out, query, log_sum_exp, attended.mean_weights)

    def form(self, latents: int, rows: int, uses: int) -> Form:
        """The cheaper form for this layer's shapes."""
        qk, v = self.key.out_features, self.value.out_features
        return cheaper_form(latents, rows, self.key.in_features, qk, v, self.heads, uses)

    def project(self, inputs: InputArray) -> tuple[Float[Tensor, "B heads M k"], Float[Tensor, "B heads M v"]]:
        """Keys and values of the input array, for all cross-attentions that share these weights."""
        keys, values = [], []
        for _, z in inputs.chunks():
            z = z * self.input_norm.weight + self.input_norm.bias
            keys.append(self.key(z))
            values.append(self.value(z))
        return _split(_joined(keys), self.heads), _split(_joined(values), self.heads)

    def absorbed_query(self, latents: Float[Tensor, "B N D"]) -> AbsorbedQuery:
        """Queries in terms of the normalised input array, from which attention maps are computed."""
        q = self._queries(latents)
        scale = 1 / math.sqrt(q.shape[-1])
        weight = self.key.weight.unflatten(0, (self.heads, -1))  # heads, k, C
        shift = self.key(self.input_norm.bias).unflatten(0, (self.heads, -1)).unsqueeze(-1)  # heads, k, 1
        query = (q @ (weight * self.input_norm.weight)) * scale
        return AbsorbedQuery(query=query, constant=(q @ shift.to(q.dtype)) * scale)

    def absorb(
        self, latents: Float[Tensor, "B N D"], mean_rows: Float[Tensor, "B heads N C"]
    ) -> Float[Tensor, "B N D"]:
        """Output of the layer for the attention-weighted mean of the normalised rows, per head and latent."""
        weight = self.value.weight.unflatten(0, (self.heads, -1)).transpose(1, 2)  # heads, C, v
        values = (mean_rows * self.input_norm.weight + self.input_norm.bias) @ weight
        if self.value.bias is not None:
            values = values + self.value.bias.unflatten(0, (self.heads, 1, -1))
        return self._finish(latents, values)

    def _queries(self, latents: Float[Tensor, "B N D"]) -> Float[Tensor, "B heads N k"]:
        return _split(self.query(self.query_norm(latents)), self.heads)

    def _finish(self, latents: Float[Tensor, "B N D"], values: Float[Tensor, "B heads N v"]) -> Float[Tensor, "B N D"]:
        out = self.out(_merge(values))
        latents = latents + out if self.query_residual else out
        return cast(Tensor, latents + self.mlp(latents))


def weighted_mean(query: Float[Tensor, "B heads N C"], inputs: InputArray) -> Float[Tensor, "B heads N C"]:
    """softmax(query . z^) z^ over all rows. The constant of the scores is omitted: softmax does not depend on it."""
    z = inputs.normalised().unsqueeze(1)
    query = query.to(z.dtype)
    if query.requires_grad or z.requires_grad:
        return (query @ z.transpose(-1, -2)).softmax(-1, dtype=z.dtype) @ z
    return attend(query, z, z).output


@torch.no_grad()
def attend(
    query: Float[Tensor, "B heads N k"], keys: Float[Tensor, "B #heads M k"], values: Float[Tensor, "B #heads M v"]
) -> Attended:
    """Attention of scaled queries over all keys, in chunks of queries, so that at most HELD_SCORES scores are held.

    Output, log-sum-exp and mean weights come from the same scores, which are computed once.
    """
    batch, heads, count = query.shape[:3]
    blocks = max(1, math.ceil(batch * count * keys.shape[2] / HELD_SCORES))
    outputs, sums, means = [], [], []
    for head in range(heads):
        # Indexed per head: a matrix product over broadcast heads would copy the keys for each head.
        k, v = (part[:, head if part.shape[1] > 1 else 0] for part in (keys, values))
        parts, normalisers, columns = [], [], k.new_zeros(batch, k.shape[1])
        for q in query[:, head].tensor_split(min(blocks, count), dim=1):
            part, normaliser, column = _attend(q, k, v)
            parts.append(part)
            normalisers.append(normaliser)
            columns += column
        outputs.append(_joined(parts))
        sums.append(_joined(normalisers))
        means.append(columns / count)
    return Attended(torch.stack(outputs, dim=1), torch.stack(sums, dim=1), torch.stack(means, dim=1))


def _attend(
    query: Float[Tensor, "B n k"], keys: Float[Tensor, "B M k"], values: Float[Tensor, "B M v"]
) -> tuple[Float[Tensor, "B n v"], Float[Tensor, "B n 1"], Float[Tensor, "B M"]]:
    """Output, log-sum-exp, and the sum of the weights over the queries.

    A separate function, so that its scores are freed before the next chunk.
    """
    scores = query @ keys.transpose(1, 2)
    peak = scores.amax(-1, keepdim=True)
    weights = scores.sub_(peak).exp_()
    total = weights.sum(-1, keepdim=True)
    return (weights @ values) / total, peak + total.log(), (total.reciprocal().transpose(1, 2) @ weights)[:, 0]


def _normalised(array: Float[Tensor, "B m C"]) -> Float[Tensor, "B m C"]:
    z = F.layer_norm(array, array.shape[-1:])
    # Cast once: autocast would cast it again for every product of every cross-attention.
    device = array.device.type
    return z.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else z


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _split(x: Float[Tensor, "B N width"], heads: int) -> Float[Tensor, "B heads N each"]:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merge(x: Float[Tensor, "B heads N each"]) -> Float[Tensor, "B N width"]:
    return x.transpose(1, 2).flatten(-2)
