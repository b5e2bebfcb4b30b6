"""Single latents: what the class loses without each, one of them followed through the blocks, and the exchange of their
states with another input."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent, signed
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.patching import LatentEffects
from perceiver.plots.latents import effects_figure, effects_text, patching_figure, patching_text

from ...components import Tile
from ...services import samples, single_latents
from ...services.inference import Case
from ...services.maps import maps, strip
from ...services.queueing import Progress
from ...services.samples import GallerySample
from ...session import controls, state, text
from ...views.chart import chart
from ..context import ExplainContext
from ..maps import CAVEAT
from ..on_request import Request, Work
from .share_maps import scale_text, share_maps

SHOWN = 24
"""Latents with the largest effects that are shown with their maps."""

TILE = 150
"""Least width of a map of the latent that is followed, in CSS pixels."""

REMOVAL = (
    "A latent is removed by dropping its row of the latent array, so that all later layers run without it and the head "
    "reads the mean of the others."
)
EXCHANGE = (
    "Activation patching: one latent at a time gets the state that it has for the other input after a block, and the "
    "rest of the model runs again."
)
SINGLE = (
    "This model has one latent, which holds all that it knows of the input: none is left without it, and its state can "
    "only be exchanged as a whole. The maps on Explore are its maps."
)


def show(context: ExplainContext, question: Question, names: tuple[str, ...]) -> tuple[Work, ...]:
    """The effects of all latents, one latent, and the exchange of states. Returns the work that is left."""
    if context.config.num_latents == 1:
        st.caption(SINGLE)
        return ()
    st.caption(f"What “{text.plain(names[question.target])}” loses when one latent is removed.", help=REMOVAL)
    removal = _removal(context)
    found = single_latents.effects(context.case, question.target, context.view.after)
    work = [_request(context, "effects", context.view.after, removal)] if found is None else []
    if found is not None:
        _effects(context, found, names)
    _follow(context, found)
    donors = _donors(context)
    if donors:
        exchange = _exchange(context, donors, names)
        work += [exchange] if exchange is not None else []
    return tuple(one for one in work if one is not None)


def finish(context: ExplainContext, work: Work, progress: Progress) -> None:
    """Does work that `show` returned."""
    if work.request.slot == "effects":
        single_latents.find_effects(context.case, context.view.after, progress)
    else:
        assert context.view.donor is not None
        donor = _donors(context)[context.view.donor]
        single_latents.find_patching(context.case, _case(context, donor), progress)


def _removal(context: ExplainContext) -> float:
    """The choice of the block after which latents are removed. Returns the estimated seconds that are left."""
    blocks = {None: "From the start"} | {b: f"After block {b + 1}" for b in range(len(context.config.plan))}
    controls.select(
        "Remove latents",
        "after",
        blocks,
        context.view.after,
        width=220,
        help="From the start: no other latent ever gets anything from it. After the last block: what it gives to the "
        "head itself.",
    )
    return single_latents.effects_left(context.case, context.view.after)


def _request(context: ExplainContext, slot: str, about: object, seconds: float) -> Work:
    labels = {"effects": "Remove every latent", "patching": "Exchange all states"}
    return Request(slot, f"{context.case.model}|{context.case.key}|{about}", labels[slot], seconds).show()


def _effects(context: ExplainContext, found: LatentEffects, names: tuple[str, ...]) -> None:
    """The bars of all latents beside the maps of the strongest."""
    view, effects, order = context.view, found.effects, found.order[:SHOWN]
    told = effects_text(effects, found.answers, int(found.before.argmax()), names[found.target])
    bars, wall = st.columns([10, 11], gap="medium")
    with bars:
        chart(
            lambda: effects_figure(effects, [names[i] for i in found.answers], strong=view.latent),
            key="effects",
            alt=told,
            on_select=lambda: _picked("effects"),
        )
        st.caption(text.plain(told))
    with wall:
        thumbnails = strip(context.case, view.block, "probability", view.head, context.progress)
        latents = [int(found.groups[i][0]) for i in order]
        context.modality.strip(
            context.sample,
            dataclasses.replace(thumbnails, order=np.array(latents)),
            [_tile(n, float(effects[n])) for n in latents],
            "uniform",
            "probability",
            context.paint,
            latents.index(view.latent) if view.latent in latents else None,
            lambda index: state.change(latent=latents[index] if latents[index] != view.latent else None),
            key="effective_latents",
            name="Latents, the one with the largest effect first",
        )


def _tile(latent: int, effect: float) -> Tile:
    loss = signed(effect)
    return Tile(f"{latent + 1}: {loss}", alt=f"Latent {latent + 1}; without it the logit loses {loss}")


def _picked(key: str) -> None:
    points = st.session_state[key]["selection"]["points"]
    if points:
        state.change(latent=int(points[0]["customdata"]))


def _follow(context: ExplainContext, found: LatentEffects | None) -> None:
    """The maps of one latent in all blocks, and the latents that it attends to."""
    view = context.view
    if view.latent is None:
        st.caption("Choose a latent to follow it through the blocks.")
        return
    st.markdown(f"**Latent {view.latent + 1} through the blocks**")
    values = maps(context.case, MapSelection(latent=view.latent, head=view.head), context.progress)
    blocks = list(values)
    shown = share_maps([values[b] for b in blocks], blocks=blocks, unit="")
    tiles = []
    for block in blocks:
        near = single_latents.neighbours(context.case, block, view.latent, context.progress)
        attended = ", ".join(f"{n + 1} ({percent(share)})" for n, share in near)
        facts = (("attends to latents", attended),) if attended else ()
        tiles.append(Tile(f"Block {block + 1}", facts=facts, alt=f"Block {block + 1}; attends to latents {attended}"))
    context.modality.row(
        context.sample,
        shown,
        tiles,
        context.paint,
        blocks.index(view.block),
        view.pick,
        lambda index: state.change(block=blocks[index]),
        key="followed",
        name=f"Maps of latent {view.latent + 1}",
        tile=TILE,
    )
    loss = "" if found is None else f"Without it the logit loses {signed(float(found.effects[view.latent]))}. "
    st.caption(f"{loss}{scale_text(shown[0].range)} {CAVEAT}")


def _donors(context: ExplainContext) -> Mapping[str, GallerySample]:
    gallery = samples.bundled(context.config.modality, context.config.labels)
    return {name: one for name, one in gallery.items() if name != context.view.sample}


def _case(context: ExplainContext, donor: GallerySample) -> Case:
    return Case(context.case.model, donor.digest, donor.about.file, donor.data)


def _exchange(context: ExplainContext, donors: Mapping[str, GallerySample], names: tuple[str, ...]) -> Work | None:
    """The exchange of states with a sample: the share of the difference that each latent carries, block by block.
    Returns the work that is left."""
    view = context.view
    st.markdown("**States from another input**", help=EXCHANGE)
    controls.select(
        "Take states from",
        "donor",
        {None: "No sample"} | {name: one.about.title for name, one in donors.items()},
        view.donor,
        width=320,
        help="A sample that the model also runs on; its latents’ states replace those of this input, one at a time.",
    )
    if view.donor is None:
        return None
    donor = _case(context, donors[view.donor])
    found = single_latents.patching(context.case, donor)
    work = None
    if found is None or found.done < 1:
        left = single_latents.patching_left(context.case, donor)
        work = _request(context, "patching", donor.key, left)
    if found is not None:
        told = patching_text(found.states, found.recovered, found.recovered_whole)
        figure = partial(patching_figure, found.states, found.recovered, strong=view.latent)
        chart(figure, key="patching", alt=told, on_select=lambda: _picked("patching"))
        followed = f"“{names[found.target]}”"
        if found.against is not None:
            followed = f"{followed} minus that of “{names[found.against]}”"
        st.caption(text.plain(f"{told} The value that is followed is the logit of {followed}."))
    return work
