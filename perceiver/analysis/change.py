"""Differences between two runs on one input: predictions, and the attention map of every block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64

from ..progress import ProgressCallback, ignore
from ..trace import Trace
from .maps import MEAN, MapSelection
from .summary import WEIGHTS

AT_A_TIME = 8_000_000
"""Attention weights held in memory while latents are compared: 32 MB."""

Maps = Mapping[int, Float[np.ndarray, "*shape"]]
"""Maps by block."""


@dataclass(frozen=True)
class AnswerChange:
    """The predictions of two runs on one input.

    before, after  logits
    """

    before: Float[np.ndarray, "classes"]
    after: Float[np.ndarray, "classes"]

    @property
    def probabilities_before(self) -> Float64[np.ndarray, "classes"]:
        """Of every class, in the run before."""
        return softmax(self.before)

    @property
    def probabilities_after(self) -> Float64[np.ndarray, "classes"]:
        """Of every class, in the run after."""
        return softmax(self.after)

    @property
    def kl(self) -> float:
        """KL divergence in nats: the sum of p ln(p / q) over classes, p before, q after."""
        before, after = log_softmax(self.before), log_softmax(self.after)
        return max(0.0, float((np.exp(before) * (before - after)).sum()))

    @property
    def flipped(self) -> bool:
        """Whether the most probable class differs."""
        return int(self.before.argmax()) != int(self.after.argmax())

    def logit(self, target: int) -> float:
        """Change of a class's logit."""
        return float(self.after[target] - self.before[target])

    def probability(self, target: int) -> float:
        """Change of a class's probability."""
        return float(self.probabilities_after[target] - self.probabilities_before[target])


@dataclass(frozen=True)
class MapChange:
    """The map of one block before and after, in the shape of the input.

    divergence  Jensen-Shannon divergence of the two maps in bits, each divided by its sum: 0 for equal maps, 1 for
                disjoint ones; None for maps whose values cannot be added up
    latents     the same for each latent's own attention weights (mean over heads if none is chosen), mean over
                latents; unlike `divergence`, it is also sensitive to latents that exchange roles
    """

    block: int
    before: Float[np.ndarray, "*shape"]
    after: Float[np.ndarray, "*shape"]
    divergence: float | None
    latents: float

    @property
    def difference(self) -> Float[np.ndarray, "*shape"]:
        """The map after minus the map before."""
        return self.after - self.before


def map_changes(
    before: Trace,
    after: Trace,
    selection: MapSelection = MEAN,
    *,
    maps: tuple[Maps, Maps] | None = None,
    latents: Mapping[int, float] | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[MapChange]:
    """The change of every block's map, block by block.

    maps     the maps of the selection before and after by block, where known
    latents  `MapChange.latents` by block, where known: it takes most of the time and is the same for all selections of
             one head

    Raises ValueError when the traces are not of the same blocks and input elements, and as `Trace.map` does.
    """
    if before.blocks != after.blocks or before.shape != after.shape or before.elements != after.elements:
        raise ValueError("maps can be compared where blocks and input elements are the same")
    known = latents or {}
    for i, block in enumerate(before.blocks):
        progress(i / len(before.blocks), f"Comparing the maps of block {block + 1}")
        if maps is None:
            one, other = selection.map(before, block), selection.map(after, block)
        else:
            one, other = maps[0][block], maps[1][block]
        moved = known.get(block)
        if moved is None:
            moved = float(latent_divergences(before, after, block, head=selection.head).mean())
        divergence = jensen_shannon(one, other) if selection.quantity in WEIGHTS else None
        yield MapChange(block=block, before=one, after=other, divergence=divergence, latents=moved)


def latent_divergences(
    before: Trace, after: Trace, block: int, *, other: int | None = None, head: int | None = None
) -> Float64[np.ndarray, "N"]:
    """Jensen-Shannon divergence, in bits, of each latent's attention weights in two traces, or in two blocks of one.

    other  the block of `after`; None is the same block
    """
    count, rows = before.record(block).latents, before.elements
    step = max(1, AT_A_TIME // rows)
    out = []
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        p = before.latent_maps(block, part, head=head)
        q = after.latent_maps(block if other is None else other, part, head=head)
        out.append(_jensen_shannon(p.numpy(), q.numpy()))
    return np.concatenate(out)


def jensen_shannon(p: Float[np.ndarray, "*shape"], q: Float[np.ndarray, "*shape"]) -> float:
    """Jensen-Shannon divergence in bits of two maps, each divided by its sum: 0 to 1.

    Raises ValueError for values below 0 or maps that add up to nothing.
    """
    flat = np.stack([np.asarray(p, dtype=np.float64).ravel(), np.asarray(q, dtype=np.float64).ravel()])
    if (flat < 0).any() or not (flat.sum(1) > 0).all():
        raise ValueError("a divergence needs shares: no value below 0, and a sum above 0")
    shares = flat / flat.sum(1, keepdims=True)
    return float(_jensen_shannon(shares[:1], shares[1:])[0])


def _jensen_shannon(p: Float[np.ndarray, "n M"], q: Float[np.ndarray, "n M"]) -> Float64[np.ndarray, "n"]:
    middle = (p + q) / 2
    total = np.zeros(len(p))
    for one in (p, q):
        # The smallest number of the type has no half: such a weight adds nothing.
        ratio = np.divide(one, middle, out=np.ones_like(one), where=(one > 0) & (middle > 0))
        total += (one * np.log2(ratio)).sum(1, dtype=np.float64) / 2
    return np.clip(total, 0.0, 1.0)


def softmax(logits: Float[np.ndarray, "*batch classes"]) -> Float64[np.ndarray, "*batch classes"]:
    """Probabilities in double precision."""
    return np.exp(log_softmax(logits))


def log_softmax(logits: Float[np.ndarray, "*batch classes"]) -> Float64[np.ndarray, "*batch classes"]:
    """Logarithms of probabilities in double precision."""
    return torch.from_numpy(np.asarray(logits, dtype=np.float64)).log_softmax(-1).numpy()
