"""Cross-attention and self-attention layers (paper, appendix C): pre-norm, residual, then a small MLP.

The layer norm of the input array, without its affine part, is the same for every cross-attention:
z^ = (z - mean) / std. With W_q, W_k, W_v, gamma, beta of one weight set and d the width of a head,

    scores = (W_k^T q * gamma) . z^ / sqrt(d) + constant per latent
    output = W_v (gamma * (A z^) + beta) + b_v

so a head may query z^ directly ("absorbed"), which projects N queries instead of M keys and M values. With several
heads projecting keys and values once per weight set ("projected") is cheaper. `cheaper_form` decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .config import Activation

Form = Literal["absorbed", "projected"]

# Rows of the input array that inference handles at a time: scores of 512 latents over them take 8 MB.
CHUNK_ROWS = 4096


class InputArray:
    """The input array (B, M, C) as every cross-attention reads it: normalised rows, in chunks.

    With gradients the normalised array is made once and kept, as autograd needs it anyway. Without, a large array is
    normalised chunk by chunk each time it is read, so that no second array of its size exists.
    """

    def __init__(self, array: Float[Tensor, "B M C"]) -> None:
        self.array = array
        rows = array.shape[1]
        self._whole = _normalised(array) if torch.is_grad_enabled() or rows <= CHUNK_ROWS else None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, M, C)."""
        b, m, c = self.array.shape
        return b, m, c

    def normalised(self) -> Float[Tensor, "B M C"]:
        """z^ in one piece."""
        return self._whole if self._whole is not None else _normalised(self.array)

    def chunks(self) -> Iterator[tuple[slice, Float[Tensor, "B m C"]]]:
        """(rows, z^ of those rows) in order."""
        if self._whole is not None:
            yield slice(0, self.array.shape[1]), self._whole
            return
        for start in range(0, self.array.shape[1], CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, self.array.shape[1]))
            yield rows, _normalised(self.array[:, rows])


@dataclass(frozen=True)
class AbsorbedQuery:
    """What one cross-attention asked: score of latent n, head h, element m = query[h, n] . z^[m] + constant[h, n].

    The 1/sqrt(d) is already in both. Kept instead of the heads x N x M scores, which it determines.
    """

    query: Float[Tensor, "B heads N C"]
    constant: Float[Tensor, "B heads N 1"]


def cheaper_form(latents: int, rows: int, channels: int, qk: int, v: int, heads: int, uses: int) -> Form:
    """Which form needs fewer multiply-adds for `uses` cross-attentions that share one weight set."""
    absorbed = uses * (2 * heads * latents * rows * channels + latents * channels * (qk + v))
    projected = rows * channels * (qk + v) + uses * latents * rows * (qk + v)
    return "absorbed" if absorbed <= projected else "projected"


class MLP(nn.Module):
    """Norm, widen, activate, narrow. GEGLU gates with a second half of the first layer."""

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
            case _:
                x = F.gelu(x)
        return cast(Tensor, self.narrow(x))


class SelfAttention(nn.Module):
    """One layer of a latent transformer; `inner` is the width of queries, keys and values, `dim` in the paper."""

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
        """How much each latent reads each of them."""
        x = self.norm(latents)
        q, k = (_split(layer(x), self.heads) for layer in (self.query, self.key))
        # Written out: among a few hundred latents the fused kernel's backward pass is several times slower on CPUs.
        return (q @ (k * k.shape[-1] ** -0.5).transpose(-1, -2)).softmax(-1)

    def mix(self, latents: Float[Tensor, "B N D"], weights: Float[Tensor, "B heads N N"]) -> Float[Tensor, "B N D"]:
        """The layer's output when the latents read one another with these weights."""
        values = _split(self.value(self.norm(latents)), self.heads)
        latents = latents + self.out(_merge(weights @ values))
        return cast(Tensor, latents + self.mlp(latents))


class CrossAttention(nn.Module):
    """Latents (queries) read an input array (keys and values); 1 head in the paper.

    query_residual  whether the queries are added to what they read (the paper: yes; some decoders: no)
    out_dim         width of what comes out; that of the queries unless there is no residual
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
        """`form` None takes the cheaper one; `projected` hands in keys and values made earlier by `project`."""
        if form is None:
            form = self.form(latents.shape[1], inputs.shape[1], uses=1)
        if form == "absorbed":
            return self.absorb(latents, weighted_mean(self.absorbed_query(latents).query, inputs))
        q = _split(self.query(self.query_norm(latents)), self.heads)
        keys, values = projected if projected is not None else self.project(inputs)
        return self._finish(latents, F.scaled_dot_product_attention(q, keys, values))

    def form(self, latents: int, rows: int, uses: int) -> Form:
        """The cheaper form for this layer's shapes."""
        qk, v = self.key.out_features, self.value.out_features
        return cheaper_form(latents, rows, self.key.in_features, qk, v, self.heads, uses)

    def project(self, inputs: InputArray) -> tuple[Float[Tensor, "B heads M k"], Float[Tensor, "B heads M v"]]:
        """Keys and values of the whole input array, for cross-attentions that share these weights."""
        keys, values = [], []
        for _, z in inputs.chunks():
            z = z * self.input_norm.weight + self.input_norm.bias
            keys.append(self.key(z))
            values.append(self.value(z))
        return _split(_joined(keys), self.heads), _split(_joined(values), self.heads)

    def absorbed_query(self, latents: Float[Tensor, "B N D"]) -> AbsorbedQuery:
        """The queries in terms of the normalised input array, from which every map is computed."""
        q = _split(self.query(self.query_norm(latents)), self.heads)
        scale = 1 / math.sqrt(q.shape[-1])
        weight = self.key.weight.unflatten(0, (self.heads, -1))  # heads, k, C
        shift = self.key(self.input_norm.bias).unflatten(0, (self.heads, -1)).unsqueeze(-1)  # heads, k, 1
        query = (q @ (weight * self.input_norm.weight)) * scale
        return AbsorbedQuery(query=query, constant=(q @ shift.to(q.dtype)) * scale)

    def absorb(
        self, latents: Float[Tensor, "B N D"], mean_rows: Float[Tensor, "B heads N C"]
    ) -> Float[Tensor, "B N D"]:
        """The layer's output when each head of each latent has read this weighted mean of the normalised rows."""
        weight = self.value.weight.unflatten(0, (self.heads, -1)).transpose(1, 2)  # heads, C, v
        read = (mean_rows * self.input_norm.weight + self.input_norm.bias) @ weight
        if self.value.bias is not None:
            read = read + self.value.bias.unflatten(0, (self.heads, 1, -1))
        return self._finish(latents, read)

    def _finish(self, latents: Float[Tensor, "B N D"], read: Float[Tensor, "B heads N v"]) -> Float[Tensor, "B N D"]:
        out = self.out(_merge(read))
        latents = latents + out if self.query_residual else out
        return cast(Tensor, latents + self.mlp(latents))


def weighted_mean(query: Float[Tensor, "B heads N C"], inputs: InputArray) -> Float[Tensor, "B heads N C"]:
    """softmax(query . z^) z^ over all rows, one chunk of rows at a time with a running maximum (online softmax).

    The constant of the scores is left out: softmax does not see it.
    """
    if query.requires_grad or inputs.array.requires_grad:
        z = inputs.normalised().unsqueeze(1)
        return (query.to(z.dtype) @ z.transpose(-1, -2)).softmax(-1, dtype=z.dtype) @ z
    total = top = weight = None
    for _, z in inputs.chunks():
        z = z.unsqueeze(1)
        scores = query @ z.transpose(-1, -2)
        peak = scores.amax(-1, keepdim=True)
        if top is not None:
            peak = torch.maximum(peak, top)
        shares = (scores - peak).exp()
        part, mass = shares @ z, shares.sum(-1, keepdim=True)
        if top is None or total is None or weight is None:
            total, weight = part, mass
        else:
            shrink = (top - peak).exp()
            total, weight = total * shrink + part, weight * shrink + mass
        top = peak
    assert total is not None
    assert weight is not None
    return total / weight


def _normalised(array: Float[Tensor, "B m C"]) -> Float[Tensor, "B m C"]:
    z = F.layer_norm(array, array.shape[-1:])
    # Mixed precision would cast it anew for every product of every cross-attention.
    device = array.device.type
    return z.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else z


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _split(x: Float[Tensor, "B N width"], heads: int) -> Float[Tensor, "B heads N each"]:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merge(x: Float[Tensor, "B heads N each"]) -> Float[Tensor, "B N width"]:
    return x.transpose(1, 2).flatten(-2)
