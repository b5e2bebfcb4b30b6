"""What single latents do for a class: they are removed, or get their state from another input (activation patching).

The layers of a Perceiver take any number of latents, so a latent is removed by dropping its row of the latent array;
the head's mean is then over the others. Both tests continue the forward pass from a traced state, and run only the
blocks after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ..attention import InputArray, SelfAttention
from ..errors import ConfigError
from ..model import Perceiver
from ..notebook import titled_table
from ..progress import ProgressCallback, ignore
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
    """What the logits lose without latents.

    target  the class that is followed
    after   the block after which the latents are removed, None for latents that are removed from the start
    groups  the latents that are removed together
    before  logits with all latents
    logits  without each group
    """

    target: int
    after: int | None
    groups: tuple[tuple[int, ...], ...]
    before: Float[np.ndarray, "classes"]
    logits: Float[np.ndarray, "groups classes"]

    @property
    def logit(self) -> float:
        """Of the class, with all latents."""
        return float(self.before[self.target])

    @property
    def effects(self) -> Float64[np.ndarray, "groups"]:
        """What the logit of the class loses without each group: positive where it speaks for the class."""
        return self.logit - self.logits[:, self.target].astype(np.float64)

    @property
    def answers(self) -> Int64[np.ndarray, "groups"]:
        """The most probable class without each group."""
        return self.logits.argmax(1)

    @property
    def order(self) -> Int64[np.ndarray, "groups"]:
        """The groups, the one with the largest effect first."""
        return np.argsort(-self.effects, kind="stable")

    def __add__(self, other: LatentEffects) -> LatentEffects:
        """The effects of the groups of both, which are of one run and one block."""
        logits = np.concatenate([self.logits, other.logits])
        return replace(self, groups=self.groups + other.groups, logits=logits)

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
    patched   the same with the state of one latent exchanged after one block; NaN where it is not known yet
    whole     the same with the states of all latents exchanged after one block; likewise
    answers   the most probable class where one latent is exchanged; -1 where it is not known yet
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
    def done(self) -> float:
        """The share of the exchanges whose value is known."""
        return 1 - float(np.isnan(self.patched).mean())

    @property
    def recovered(self) -> Float64[np.ndarray, "states N"]:
        """The share of the way from the patched input's value to the source's: 0 for no effect, 1 for all of it."""
        return (self.patched - self.original) / (self.source - self.original)

    @property
    def recovered_whole(self) -> Float64[np.ndarray, "states"]:
        """The same for the states of all latents together."""
        return (self.whole - self.original) / (self.source - self.original)

    def __repr__(self) -> str:
        state, latent = np.unravel_index(int(np.nanargmax(self.recovered)), self.recovered.shape)
        share = number(float(self.recovered[state, latent]))
        return f"Patching(class {self.target}: latent {latent} after block {self.states[state]} carries {share})"

    def _repr_html_(self) -> str:
        """The latent with the largest share after each block, as a table."""
        best = np.where(np.isnan(self.recovered), -np.inf, self.recovered).argmax(1)
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
            rows += list(zip(part, continue_from(model, trace.inputs, states, state), strict=True))
            progress(len(rows) / len(wanted), "Latents removed")
    logits = torch.stack([found for _, found in sorted(rows, key=lambda row: row[0])]).numpy()
    return LatentEffects(chosen, after, wanted, trace.logits.numpy(), logits)


def patch_steps(
    model: Perceiver,
    into: Trace,
    source: Trace,
    target: int | None = None,
    against: int | None = None,
    *,
    blocks: Sequence[int] | None = None,
    resume: Patching | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Patching]:
    """`patch` as it grows, a few latents at a time; it can be stopped between.

    resume  an unfinished result for the same traces, classes and blocks

    Raises ConfigError as `patch` does, and where `resume` is of other classes or blocks.
    """
    plan, count = len(model.config.plan), len(model.latents)
    if source.latents.shape != into.latents.shape:
        raise ConfigError("states can be exchanged between two runs of one model only")
    chosen = chosen_class(source.logits, target)
    other = int(into.logits.argmax()) if against is None else index_of("class", against, len(into.logits))
    rival = None if other == chosen else other
    states = tuple(index_of("block", b, plan) for b in (range(plan) if blocks is None else blocks))

    def followed(logits: Float[Tensor, "K classes"]) -> Float64[np.ndarray, "K"]:
        found = logits.double()
        return (found[:, chosen] - (0 if rival is None else found[:, rival])).numpy()

    (original,), (goal,) = followed(into.logits[None]).tolist(), followed(source.logits[None]).tolist()
    if goal == original:
        raise ConfigError(
            f"both inputs have the same logit of {model.config.class_names[chosen]}, so there is nothing to recover"
        )
    empty = np.full((len(states), count), np.nan)
    known = Patching(
        *(chosen, rival, goal, original, states),
        *(empty, np.full(len(states), np.nan), np.full(empty.shape, -1, dtype=np.int64)),
    )
    if resume is not None:
        if (resume.target, resume.against, resume.states) != (chosen, rival, states):
            raise ConfigError("this patching cannot be resumed: it is of other classes or blocks")
        known = resume
    for i, block in enumerate(states):
        ours, theirs = into.latents[block + 1], source.latents[block + 1]
        for part in _parts(np.flatnonzero(np.isnan(known.patched[i])).tolist(), ours.numel()):
            exchanged = ours.repeat(len(part), 1, 1)
            exchanged[range(len(part)), list(part)] = theirs[list(part)]
            # The exchange of all of them is one more state.
            logits = continue_from(model, into.inputs, torch.cat([exchanged, theirs[None]]), block + 1)
            known = _with(known, i, part, followed(logits), logits.argmax(-1).numpy())
            progress(known.done, f"Latents exchanged after block {block + 1}")
            yield known
    if known is resume:
        yield known


def _with(
    known: Patching,
    row: int,
    latents: Sequence[int],
    values: Float64[np.ndarray, "K"],
    answers: Int64[np.ndarray, "K"],
) -> Patching:
    """A result with the values of some latents of one block, and, last, that of all together."""
    patched, whole, classes = known.patched.copy(), known.whole.copy(), known.answers.copy()
    patched[row, list(latents)], whole[row], classes[row, list(latents)] = values[:-1], values[-1], answers[:-1]
    return replace(known, patched=patched, whole=whole, answers=classes)


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
