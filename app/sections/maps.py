"""The maps of all blocks, one of them large, and the maps of its latents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from perceiver.analysis.formatting import number, percent
from perceiver.analysis.maps import MapSelection
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.scale import NOT_COMPARABLE, ColourRange, Mode, modes, usable_mode

from ..components import Tile
from ..services.maps import concentration, strip
from ..session import controls, state, text
from ..session.view import COLOURS, OVERLAY, ExploreView, View
from ..views.base import Inside, OnPick, OnRegion
from . import findings
from .context import PageContext
from .strip import TILE

CAVEAT = "Attention shows where a block read, not why the answer came out: on its own it is no explanation."
LATENTS = "The learned array that queries the input. Every latent has a map of its own."
REDUCTIONS: Mapping[str, str] = {"mean": "Mean", "max": "Max", "entropy": "Entropy", "latent": "One latent"}
REDUCED: Mapping[str, str] = {
    "mean": "mean over latents",
    "max": "maximum over latents",
    "entropy": "entropy over latents",
}
KINDS: Mapping[str, str] = {
    "probability": "Attention weight",
    "score": "Logit (pre-softmax)",
    "value": "Value-weighted",
}
KIND_MEANING = (
    "Attention weight: the share of its reading that a latent gives an element. Logit (pre-softmax): the score before "
    "the softmax, as in the paper's figures. Value-weighted: the weight times the norm of the value that is read."
)
SCALE_MEANING = (
    "Shared: one scale for all maps. × uniform: multiples of 1/M, the weight of uniform attention. Per map: each map's "
    "own range, not comparable. Log: orders of magnitude."
)
PARTS = (
    "The scores are sums of a part for the content of an element and of parts for its position. Maps can show one part "
    "alone: its scores, or the attention weights that the softmax of these scores alone would give."
)
WHOLE = "The part of the scores that is chosen on Explore is for its maps alone: these are maps of the whole scores."
SCALES: Mapping[str, str] = {"shared": "Shared", "uniform": "× uniform", "per_map": "Per map", "log": "Log"}
SHOWN: Mapping[str, str] = {
    "blocks": "Each block",
    "previous": "Change since previous",
    "first": "Change since first",
}


def selection_of(context: PageContext[View]) -> MapSelection:
    """The maps that the view shows; "one latent" without a number is the most concentrated of the view's block."""
    view = context.view
    if view.reduce != "latent":
        return MapSelection(view.reduce, head=view.head, kind=view.kind)
    latent = view.latent
    if latent is None:
        latent = int(concentration(context.case, view.block, view.head, context.progress).order[0])
    return MapSelection(latent=latent, head=view.head, kind=view.kind)


def title(one: BlockMap) -> str:
    """The name of a map."""
    if one.base is None:
        return f"Block {one.block + 1}"
    return f"Block {one.block + 1} − block {one.base + 1}"


def selection_text(selection: MapSelection, heads: int, part: str = "") -> str:
    """Which latents and, in models with several heads, which head: for titles.

    part  the parts whose scores the maps are of, in words; "" for all
    """
    words = [REDUCED[selection.reduce] if selection.latent is None else f"latent {selection.latent + 1}"]
    if heads > 1:
        words.append("mean of heads" if selection.head is None else f"head {selection.head + 1}")
    return ", ".join([*words, *([f"{part} alone"] if part else [])])


def colour_text(selection: MapSelection, show: str, colours: str) -> str:
    """What the colours of the maps mean."""
    if show != "blocks":
        return "Red: more than in the block compared with; blue: less."
    more = "Darker" if colours == "greys" else "Brighter"
    match selection.quantity:
        case "entropy":
            return f"{more}: read by more of the latents alike."
        case "score":
            return f"{more}: a higher score, before the softmax turns scores into shares of attention."
        case "value":
            return f"{more}: read more, and more of it passed on to the latents."
        case _:
            return f"{more}: read more."


def scale_text(range_: ColourRange) -> str:
    """The colour scale of a row of maps."""
    return range_.sentence() if range_.comparable else NOT_COMPARABLE


def toolbar(
    context: PageContext[View],
    selection: MapSelection,
    *,
    menu: Callable[[], None],
    show: str | None = None,
    scales: Sequence[Mode] | None = None,
    latent_help: str = "",
    parts: Mapping[str, str] | None = None,
) -> None:
    """The controls of what the maps show and how they are drawn, most of them behind one button, and what they are set
    to. None of them runs the model.

    menu         draws the downloads
    show         the maps, or which differences of blocks; None where there is no such choice
    scales       the colour scales to choose from, the default first; None for all that the maps have
    latent_help  where given, a latent is chosen here by its number, with this help
    parts        the parts of the scores that the maps can be of, as text and in words; None where there is no choice
    """
    view, config = context.view, context.config
    if scales is None:
        scales = modes(selection.quantity, signed=show not in (None, "blocks"))
    mode = next((one for one in scales if one == view.scale), scales[0])
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="toolbar"):
        with st.popover("Display", icon=":material/tune:", help="What the maps show and how they are coloured."):
            reduction_control(view)
            if latent_help and selection.latent is not None:
                count = config.num_latents
                controls.number(f"Latent, 1 to {count}", "latent", count, selection.latent, help=latent_help)
            head_control(context)
            kind_control(view)
            controls.segments("Colour scale", "scale", {one: SCALES[one] for one in scales}, mode, help=SCALE_MEANING)
            if show is not None and len(config.cross_attention_blocks) > 1:
                controls.select(
                    "Show", "show", SHOWN, show, help="The map of each block, or what changes between blocks."
                )
            drawing_options(context)
        if parts:
            names = {part: f"{name[:1].upper()}{name[1:]}" for part, name in parts.items()}
            label = "Part of the scores"
            controls.segments(label, "split", names, selection.part, help=PARTS, label_visibility="collapsed")
            st.space("stretch")
        part = (parts or {}).get(selection.part, "") if selection.part else ""
        words = display_text(context, selection, mode, show or "blocks", part)
        if parts is None and state.view(ExploreView).split:
            words = f"{words} {WHOLE}"
        if not parts:
            st.caption(words, width="stretch")
        menu()
    if parts:  # there is no room beside the switch
        st.caption(words)


def display_text(context: PageContext[View], selection: MapSelection, mode: str, show: str, part: str = "") -> str:
    """What the controls of the display are set to, in one line."""
    parts = [KINDS[context.view.kind], selection_text(selection, context.config.cross_heads, part)]
    if show != "blocks":
        parts.append(SHOWN[show].lower())
    parts.append(f"{SCALES[mode].lower()} scale")
    return f"{' · '.join(parts)}. {colour_text(selection, show, context.view.colours)}"


def reduction_control(view: View) -> None:
    """How the maps of all latents become one."""
    meaning = (
        "How the maps of all latents become one: their mean, their maximum, or the entropy over latents of who reads "
        "an element; or the map of one latent."
    )
    # Scores are no shares of anything, so they have no entropy.
    names = {key: name for key, name in REDUCTIONS.items() if view.kind != "score" or key != "entropy"}
    controls.segments("Over latents", "reduce", names, view.reduce, help=meaning)


def head_control(context: PageContext[View]) -> None:
    """The choice of a head, where there are several."""
    count = context.config.cross_heads
    if count > 1:
        names: Mapping[int | None, str] = {None: "Mean of heads", **{i: f"Head {i + 1}" for i in range(count)}}
        help = "One head of the cross-attention, or the mean of all."
        controls.select("Head", "head", names, context.view.head, width=160, help=help)


def kind_control(view: View) -> None:
    """The kind of value that maps show."""
    controls.select("Values", "kind", KINDS, view.kind, width=200, help=KIND_MEANING)


def drawing_options(context: PageContext[View]) -> None:
    """How maps are coloured and laid over the input."""
    view = context.view
    if context.modality.over_input:
        controls.segments(
            "Map",
            "laid",
            {"input": "Over the input", "alone": "Alone"},
            view.laid,
            help="Whether the input shows through the maps.",
        )
        controls.slider(
            "Opacity over the input",
            "overlay",
            (*OVERLAY, 5),
            view.overlay,
            format="%d %%",
            help="100 % hides the input where a map is strongest.",
        )
    help = "Each is even in lightness, so that it can be read with every colour blindness and in greyscale."
    controls.select("Colours", "colours", {name: name for name in COLOURS}, view.colours, help=help)


def row(
    context: PageContext[View], maps: Sequence[BlockMap], shares: Mapping[int, float], checks: Mapping[int, str]
) -> BlockMap:
    """The maps of all blocks, small; returns the chosen one.

    shares  the probability of the answer after each block
    checks  how the map of each block did in its checks, in a few words; empty where maps are not checked
    """
    blocks = [m.block for m in maps]
    chosen = blocks.index(context.view.block) if context.view.block in blocks else 0
    context.modality.row(
        context.sample,
        maps,
        [tile(context, m, shares.get(m.block), checks.get(m.block, "")) for m in maps],
        context.paint,
        chosen,
        context.view.pick,
        lambda index: state.change(block=blocks[index]),
        tile=TILE,
    )
    return maps[chosen]


def large(
    context: PageContext[View],
    one: BlockMap,
    words: str,
    *,
    on_pick: OnPick | None = None,
    inside: Inside | None = None,
    on_region: OnRegion | None = None,
    part: str = "",
) -> None:
    """The chosen map, large enough to point at every element.

    on_pick    called with the element that is picked; by default it is marked
    inside     the elements of the selected region
    on_region  called with the region that is selected; None where none can be
    part       the parts whose scores the map is of, in words; "" for all
    """
    st.subheader(f"{title(one)}: {words}", anchor=False)
    findings.show(context, one, part=part)
    st.caption(facts_text(context, one))
    context.modality.large(
        context.sample,
        one,
        context.paint,
        f"{title(one)}, {words}",
        context.view.pick,
        on_pick or (lambda element: state.change(pick=element)),
        inside=inside,
        on_region=on_region,
    )


def latents(context: PageContext[View], block: int, selection: MapSelection) -> None:
    """The maps of all latents of a block as thumbnails, one of which may be chosen."""
    st.subheader(f"{context.config.num_latents} latents of block {block + 1}", anchor=False, help=LATENTS)
    st.caption("The most concentrated first; choose one to see its maps.")
    thumbnails = strip(context.case, block, selection.kind, selection.head, context.progress, selection.part)
    ordered = [int(i) for i in thumbnails.order]
    if selection.latent is not None:
        label, help = f"Latent, 1 to {len(ordered)}", "The latent whose maps are shown, by its number."
        controls.number(label, "latent", len(ordered), selection.latent, width=180, help=help)
    one = dataclasses.replace(selection, latent=0)
    context.modality.strip(
        context.sample,
        thumbnails,
        [Tile(str(i + 1), alt=f"Latent {i + 1}, entropy {thumbnails.entropies[i]:.2f} nats") for i in ordered],
        usable_mode(context.view.scale, one.quantity),
        one.quantity,
        context.paint,
        ordered.index(selection.latent) if selection.latent is not None else None,
        lambda index: state.change(reduce="latent", latent=ordered[index]),
    )
    if thumbnails.square > 1:
        box = " × ".join([str(thumbnails.square)] * len(context.sample.shape))
        st.caption(f"Thumbnails average {box} elements.")


def tile(context: PageContext[View], one: BlockMap, share: float | None = None, check: str = "") -> Tile:
    """The words under a small map: its block, the probability of the answer after it, and how it did in its checks.

    share  that probability in [0, 1]; None where it is not shown
    check  in a few words; "" where that is not shown
    """
    weights = weights_text(context.config.plan, one.block) if one.base is None else ""
    name = ", ".join(part for part in (title(one), weights) if part)
    note = "" if share is None else percent(share)
    after = f" Probability of the answer after it: {note}." if note else ""
    checked = f" Checked: {check}." if check else ""
    alt = f"{name}. {one.summary.sentence()}{after}{checked}"
    return Tile(title(one), note=note, share=share, remark=check, alt=alt)


def facts_text(context: PageContext[View], one: BlockMap) -> str:
    """The weights that a block uses, and the measures of its map, in one line."""
    weights = [weights_text(context.config.plan, one.block)] if one.base is None else []
    return " · ".join([*weights, *(f"{name} {value}" for name, value in _facts(one))])


def weights_text(plan: Sequence[tuple[int | None, int | None]], block: int) -> str:
    """Which cross-attention weights a block uses."""
    mine = plan[block][0]
    others = [str(i + 1) for i, (cross, _) in enumerate(plan) if cross == mine and i != block]
    return f"weights shared with {text.listed(others)}" if others else "own weights"


def _facts(one: BlockMap) -> tuple[tuple[str, str], ...]:
    """Minimum and maximum in the unit of the colour bar, entropy, and the mass of the top 1 %."""
    summary, factor = one.summary, one.range.factor
    if summary.constant:
        return (("constant", number(summary.mean * factor)),)
    facts = (("min", number(summary.minimum * factor)), ("max", number(summary.maximum * factor)))
    if one.range.signed:
        return facts
    if summary.entropy is None or summary.top_mass is None:
        return (*facts, ("mean", number(summary.mean * factor)))
    return (*facts, ("entropy", f"{summary.entropy:.2f} nats"), ("top 1 %", percent(summary.top_mass)))
