"""What single latents do for a class: their removal, and the exchange of their states with another input.

Results are kept for all visitors who ask the same about the same input.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.formatting import about, duration
from perceiver.analysis.patching import LatentEffects, Patching, latent_attention

from . import inference, models
from .caching import Once
from .inference import Case
from .queueing import STEP, Progress, queue


@st.cache_resource(show_spinner=False, max_entries=128)
def _effects(model: str, key: str, after: int | None) -> Once[LatentEffects]:
    return Once()


@st.cache_resource(show_spinner=False, max_entries=16)
def _attention(model: str, key: str, block: int) -> Once[Float[np.ndarray, "N N"]]:
    return Once()


@st.cache_resource(show_spinner=False, max_entries=128)
def _patching(model: str, key: str, donor: str) -> Once[Patching]:
    return Once()


def effects(case: Case, target: int, after: int | None) -> LatentEffects | None:
    """What a class loses without each latent, if that is known of all. Does no work."""
    known = _effects(case.model, case.key, after).value
    if known is None or len(known.groups) < models.config(case.model).num_latents:
        return None
    return replace(known, target=target)


def effects_left(case: Case, after: int | None) -> float:
    """The estimated seconds until the effects of all latents are known."""
    known = _effects(case.model, case.key, after).value
    runs = models.config(case.model).num_latents - (0 if known is None else len(known.groups))
    return inference.seconds(case) * runs * _share_after(case, after)


def find_effects(case: Case, after: int | None, progress: Progress) -> None:
    """Removes the latents one after the other. Each step is queued and kept; reports to `progress` may stop it."""
    run, held = inference.run(case, progress), _effects(case.model, case.key, after)
    count = len(run.model.latents)
    at_a_time = max(1, round(STEP / max(1e-4, inference.seconds(case) * _share_after(case, after))))
    reached = 0
    while reached < count:
        with queue.turn(progress.wait):
            # Another visitor may have gone on with the same while this one waited.
            reached = 0 if held.value is None else len(held.value.groups)
            groups = [(n,) for n in range(reached, min(count, reached + at_a_time))]
            if groups:
                found = run.latent_effects(after=after, groups=groups)
                held.value = found if held.value is None else held.value + found
                reached += len(groups)
        progress.step(reached / count, f"Latents removed, {about(effects_left(case, after))} left")


def patching(case: Case, donor: Case) -> Patching | None:
    """What the states of another input carry, as far as it is known; None where nothing is. Does no work."""
    return _patching(case.model, case.key, donor.key).value


def patching_left(case: Case, donor: Case) -> float:
    """The estimated seconds until the states of all latents were exchanged."""
    known, config = patching(case, donor), models.config(case.model)
    left = 1.0 if known is None else 1 - known.done
    blocks = sum(_share_after(case, block) for block in range(len(config.plan)))
    return left * inference.seconds(case) * config.num_latents * blocks


def find_patching(case: Case, donor: Case, progress: Progress) -> None:
    """Exchanges the states of the latents. Each step is queued and kept; reports to `progress` may stop it.

    Raises ConfigError where the two inputs do not differ in the logits that are followed.
    """
    run, other = inference.run(case, progress), inference.run(donor, progress)
    held = _patching(case.model, case.key, donor.key)
    while held.value is None or held.value.done < 1:
        with queue.turn(progress.wait):
            began = time.monotonic()
            for found in run.patch_steps(other, resume=held.value):
                held.value = found
                if time.monotonic() - began > STEP:
                    break
        assert held.value is not None
        left = duration(patching_left(case, donor))
        progress.step(held.value.done, f"States exchanged, about {left} left")


def neighbours(case: Case, block: int, latent: int, progress: Progress, most: int = 3) -> tuple[tuple[int, float], ...]:
    """The latents that one attends to most in a block's self-attention, with their shares, itself left out; none where
    the block has no self-attention."""
    if models.config(case.model).plan[block][1] is None:
        return ()
    run = inference.run(case, progress)
    found = _attention(case.model, case.key, block)
    weights = found.get(lambda: latent_attention(run.model, run.trace, block), progress)[latent].copy()
    weights[latent] = -1
    order = (-weights).argsort(kind="stable")[: min(most, len(weights) - 1)]
    return tuple((int(n), float(weights[n])) for n in order)


def _share_after(case: Case, after: int | None) -> float:
    """The share of the model's blocks that run after one; at least a little, for the head."""
    plan = len(models.config(case.model).plan)
    return max(0.02, (plan - (0 if after is None else after + 1)) / plan)
