"""What single latents do for a class: they are removed, or get their state from another input (activation patching).

The layers of a Perceiver take any number of latents, so a latent is removed by dropping its row of the latent array;
the head's mean is then over the others. Both tests continue the forward pass from a traced state, and run only the
blocks after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ..attention import InputArray, SelfAttention
from ..errors import ConfigError
from ..model import Perceiver
from ..notebook import titled_table
from ..progress import ProgressCallback, ignore, portion
from ..trace import Trace
from ..validation import index_of
from .formatting import number
from .target_class import chosen_class

HELD = 1 << 22
"""Numbers in the latent arrays that are run at a time."""

SHOWN = 8
"""Latents that a notebook lists."""


@dataclass(frozen=True)
class LatentEffects:
    """What the logit of a class loses without latents: positive where they speak for the class.

    target   the class
    after    the block after which the latents are removed, None for latents that are removed from the start
    groups   the latents that are removed together
    logit    of the class with all latents
    effects  logit with all latents, minus that without each group
    answers  the most probable class without each group
    """

    target: int
    after: int | None
    groups: tuple[tuple[int, ...], ...]
    logit: float
    effects: Float64[np.ndarray, "groups"]
    answers: Int64[np.ndarray, "groups"]

    @property
    def order(self) -> Int64[np.ndarray, "groups"]:
        """The groups, the one with the largest effect first."""
        return np.argsort(-self.effects, kind="stable")

    def __repr__(self) -> str:
        best = self.order[0]
        return f"LatentEffects(class {self.target}: at most {number(float(self.effects[best]))} of the logit)"

    def _repr_html_(self) -> str:
        """The groups with the largest effects, as a table."""
        rows = [
            [", ".join(map(str, self.groups[i])), number(float(self.effects[i])), f"class {self.answers[i]}"]
            for i in self.order[:SHOWN]
        ]
        title = f"Logit of class {self.target}, {number(self.logit)} with all latents"
        return titled_table(title, rows, ["without latents", "loses", "prediction"])


@dataclass(frozen=True)
class Patching:
    """What becomes of one input's prediction when latents have the states that they have for another input.

    target    the class that is followed, by default the source's prediction
    against   the class whose logit is subtracted, by default the prediction for the input that is patched; None where
              that is the target
    source    logit of `target` minus that of `against` for the source
    original  the same for the input that is patched
    states    the blocks after which states are exchanged
    patched   the same with the state of one latent exchanged after one block
    whole     the same with the states of all latents exchanged after one block
    answers   the most probable class where one latent is exchanged
    """

    target: int
    against: int | None
    source: float
    original: float
    states: tuple[int, ...]
    patched: Float64[np.ndarray, "states N"]
    whole: Float64[np.ndarray, "states"]
    answers: Int64[np.ndarray, "states N"]

    @property
    def recovered(self) -> Float64[np.ndarray, "states N"]:
        """The share of the way from the patched input's value to the source's: 0 for no effect, 1 for all of it."""
        return (self.patched - self.original) / (self.source - self.original)

    def __repr__(self) -> str:
        state, latent = np.unravel_index(int(self.recovered.argmax()), self.recovered.shape)
        share = number(float(self.recovered[state, latent]))
        return f"Patching(class {self.target}: latent {latent} after block {self.states[state]} carries {share})"

    def _repr_html_(self) -> str:
        """The latent with the largest share after each block, as a table."""
        best = self.recovered.argmax(1)
        rows = [
            [str(block), str(latent), number(float(share[latent]))]
            for block, latent, share in zip(self.states, best, self.recovered, strict=True)
        ]
        return titled_table(f"Class {self.target}, patched", rows, ["after block", "latent", "share of the way"])


@torch.no_grad()
def continue_from(
    model: Perceiver, inputs: InputArray, latents: Float[Tensor, "K N D"], first: int
) -> Float[Tensor, "K classes"]:
    """Logits when the forward pass over one input goes on from some states of the latents.

    first  the block to go on with
    """
    for step in model.steps(inputs, latents=latents, first=first):
        latents = step.after
    found: Tensor = model.head(latents)
    return found


def latent_effects(
    model: Perceiver,
    trace: Trace,
    target: int | None = None,
    *,
    after: int | None = None,
    groups: Sequence[Sequence[int]] | None = None,
    progress: ProgressCallback = ignore,
) -> LatentEffects:
    """What the logit of a class loses when latents are removed, alone or in groups.

    target  None is the most probable class
    after   the block after which they are removed; None: from the start, so that no other latent hears of them
    groups  latents that are removed together; by default each alone

    Raises ConfigError for a class, a block or a latent that does not exist, and for a group of none or of all latents.
    """
    count = len(model.latents)
    chosen = chosen_class(trace.logits, target)
    state = 0 if after is None else 1 + index_of("block", after, len(model.config.plan))
    wanted = tuple((i,) for i in range(count)) if groups is None else tuple(_group(group, count) for group in groups)
    if groups is not None and not wanted:
        raise ConfigError("there is no group of latents to remove")
    if any(len(group) == count for group in wanted):
        raise ConfigError(f"all {count} latents cannot be removed: the head reads the mean of those that are left")
    rows = []
    for size in sorted({len(group) for group in wanted}):
        places = [i for i, group in enumerate(wanted) if len(group) == size]
        for part in _parts(places, (count - size) * trace.latents.shape[-1]):
            kept = [[n for n in range(count) if n not in wanted[i]] for i in part]
            states = trace.latents[state][torch.tensor(kept)]
            rows += list(zip(part, continue_from(model, trace.inputs, states, state).double(), strict=True))
            progress(len(rows) / len(wanted), "Latents removed")
    logits = torch.stack([found for _, found in sorted(rows, key=lambda row: row[0])]).numpy()
    logit = float(trace.logits[chosen])
    return LatentEffects(chosen, after, wanted, logit, logit - logits[:, chosen], logits.argmax(1))


def patch_steps(
    model: Perceiver,
    into: Trace,
    source: Trace,
    target: int | None = None,
    against: int | None = None,
    *,
    blocks: Sequence[int] | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Patching]:
    """`patch` as it grows, block by block; it can be stopped between."""
    plan, count = len(model.config.plan), len(model.latents)
    if source.latents.shape != into.latents.shape:
        raise ConfigError("states can be exchanged between two runs of one model only")
    chosen = chosen_class(source.logits, target)
    other = int(into.logits.argmax()) if against is None else index_of("class", against, len(into.logits))
    rival = None if other == chosen else other
    chosen_blocks = [index_of("block", b, plan) for b in (range(plan) if blocks is None else blocks)]

    def followed(logits: Tensor) -> Tensor:
        logits = logits.double()
        return logits[..., chosen] - (0 if rival is None else logits[..., rival])

    original, goal = float(followed(into.logits)), float(followed(source.logits))
    if goal == original:
        raise ConfigError(f"both inputs have the same logit of class {chosen}, so there is nothing to recover")
    patched, whole, answers = [], [], []
    for i, block in enumerate(chosen_blocks):
        report = portion(progress, i / len(chosen_blocks), (i + 1) / len(chosen_blocks))
        ours, theirs = into.latents[block + 1], source.latents[block + 1]
        rows = []
        for part in _parts(range(count), ours.numel()):
            states = ours.repeat(len(part), 1, 1)
            states[range(len(part)), list(part)] = theirs[list(part)]
            rows.append(continue_from(model, into.inputs, states, block + 1))
            report((part[-1] + 1) / count, f"Latents exchanged after block {block + 1}")
        logits = torch.cat(rows)
        patched.append(followed(logits).numpy())
        answers.append(logits.argmax(-1).numpy())
        whole.append(float(followed(continue_from(model, into.inputs, theirs[None], block + 1))[0]))
        yield Patching(
            *(chosen, rival, goal, original, tuple(chosen_blocks[: i + 1])),
            *(np.stack(patched), np.array(whole), np.stack(answers)),
        )


def patch(
    model: Perceiver,
    into: Trace,
    source: Trace,
    target: int | None = None,
    against: int | None = None,
    *,
    blocks: Sequence[int] | None = None,
    progress: ProgressCallback = ignore,
) -> Patching:
    """Activation patching (Vig et al. 2020, Meng et al. 2022): one latent at a time, after one block at a time, gets
    the state that it has for the source, and the forward pass over the other input goes on.

    into, source  traces of the same model
    target        the class to follow; by default the source's prediction
    against       the class whose logit is subtracted; by default the prediction for `into`
    blocks        the blocks after which states are exchanged; by default all

    Raises ConfigError for a class or block that does not exist, for traces of different models, and where both inputs
    have the same value.
    """
    *_, last = patch_steps(model, into, source, target, against, blocks=blocks, progress=progress)
    return last


@torch.no_grad()
def latent_attention(model: Perceiver, trace: Trace, block: int) -> Float[np.ndarray, "N N"]:
    """How much each latent attends to each in a block's self-attention, mean over its layers and heads; rows sum to 1.

    Raises ConfigError for a block that does not exist or has no self-attention.
    """
    index_of("block", block, len(model.config.plan))
    weights = []
    for step in model.steps(trace.inputs, latents=trace.latents[block][None], first=block):
        if step.block != block:
            break
        if isinstance(step.layer, SelfAttention):
            weights.append(step.layer.weights(step.before)[0].mean(0))
    if not weights:
        raise ConfigError(f"block {block} has no self-attention")
    return torch.stack(weights).mean(0).numpy()


def _group(group: Sequence[int], count: int) -> tuple[int, ...]:
    found = tuple(sorted({index_of("latent", latent, count) for latent in group}))
    if not found:
        raise ConfigError("a group of latents to remove is empty")
    return found


def _parts(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Consecutive parts of some places, whose arrays of a size hold at most HELD numbers together."""
    at_a_time = max(1, HELD // size)
    for start in range(0, len(places), at_a_time):
        yield places[start : start + at_a_time]
