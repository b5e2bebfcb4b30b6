"""The position codes themselves: how alike places are, how many dimensions they fill, what their parts look like."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.plots.encodings import gram_figure, gram_text, wave

from ...components import Tile
from ...services import comparing
from ...services.comparing import Pattern
from ...session import state, text
from ...views.base import Paint
from ..scene import Scene
from .beside import name, pick
from .maps import LIMITS

EFFECTIVE = (
    "The eigenvalues of the Gram matrix of all codes, over their sum. The effective number is the exponential of their "
    "entropy: 1 where all codes lie along one direction, as many as there are channels where all count alike."
)
ALONE = Paint("viridis", None)


def codes(scenes: Sequence[Scene]) -> None:
    """What the position channels say, whatever the input shows."""
    st.subheader("The position codes themselves", anchor=False)
    st.caption("What the models are told of where an element lies, before anything is read.")
    with _alike(scenes):
        _dimensions(scenes)
    _parts(scenes)


def _alike(scenes: Sequence[Scene]) -> DeltaGenerator:
    """Similarity to the code of the picked place, or of the middle; returns the room that is left beside."""
    first = scenes[0]
    chosen = comparing.centre(first.sample) if first.view.pick is None else first.view.pick
    st.markdown(f"**How alike the codes of other places are** :small[to that of {text.plain(_where(first, chosen))}]")
    columns = st.columns(max(3, len(scenes)), gap="medium")
    for column, scene in zip(columns, scenes, strict=False):
        element = comparing.centre(scene.sample) if scene.view.pick is None else scene.view.pick
        with column:
            st.markdown(f"**{name(scene)}**")
            scene.shown.large(
                scene.sample,
                comparing.similarity(scene.case, element),
                ALONE,
                f"Similarity of the position codes in {scene.case.called} to that of {_where(scene, element)}",
                element,
                partial(pick, scene, first),
                key=f"alike_{scene.case.model}",
                hint=f"Click another {scene.shown.spot} to set the others against its code.",
                limit=LIMITS[len(columns)],
            )
    return columns[len(scenes)] if len(scenes) < len(columns) else st.container()


def _dimensions(scenes: Sequence[Scene]) -> None:
    """The Gram spectra of all models, and what they come to."""
    grams = {scene.case.model: comparing.gram(scene.case) for scene in scenes}
    told = gram_text({s.case.called: (grams[s.case.model].effective, s.config.position_channels) for s in scenes})
    st.markdown("**Dimensions** :small[that the codes fill]", help=EFFECTIVE)
    st.plotly_chart(
        gram_figure({model: gram.shares for model, gram in grams.items()}),
        key="gram",
        config={"displayModeBar": False},
        alt=told,
    )
    st.caption(text.plain(told))


def _parts(scenes: Sequence[Scene]) -> None:
    """Small pictures of a few parts of every code, and a slider for which."""
    most = max(1, *(comparing.parts(scene.config) for scene in scenes))
    asked = scenes[0].view.band
    band = min(most - 1, comparing.parts(scenes[0].config) // 2 if asked is None else asked)
    st.markdown("**What their parts look like over the input**")
    st.session_state["band"] = band + 1
    if most > 1:
        st.slider("Band, or component of a learned code", 1, most, key="band", on_change=_other_band, width=420)
    found = [comparing.patterns(scene.case, band) for scene in scenes]
    wide = max(map(len, found))
    for scene, patterns in zip(scenes, found, strict=True):
        chosen = min(band, comparing.parts(scene.config) - 1)
        tiles = [Tile(_title(scene, one), alt=f"{scene.case.called}: {_title(scene, one)}") for one in patterns]
        at = [i for i, one in enumerate(patterns) if one.band == chosen and _chooses(one)]
        st.markdown(f"**{name(scene)}** :small[{text.plain(_about(scene))}]")
        if not patterns:
            continue
        scene.shown.row(
            scene.sample,
            [one.map for one in patterns],
            [*tiles, *[Tile("", empty=True)] * (wide - len(patterns))],
            ALONE,
            at[0] if at else None,
            None,
            partial(_choose, patterns),
            key=f"parts_{scene.case.model}",
            name=f"Parts of the position code of {scene.case.called}",
            tile=100,
        )
        if any(_mirrored(scene, one) for one in patterns):
            st.caption("More cycles than half the steps between elements cannot be shown: they appear as fewer.")


def _about(scene: Scene) -> str:
    encoding = comparing.encoding(scene.case.model)
    if encoding.bands():
        return "the sine of the lowest, the chosen and the highest band of each axis"
    if encoding.coordinate_channels():
        return "the coordinate of each axis"
    if scene.config.position_channels:
        return "the leading components over all places, and the chosen one"
    return "no position channels: nothing tells places apart"


def _title(scene: Scene, one: Pattern) -> str:
    if one.axis is None:
        return f"Component {one.band + 1}"
    axis = text.axis(comparing.axes(scene.case)[one.axis])
    return wave(one.frequency, axis) if one.frequency else axis.capitalize()


def _mirrored(scene: Scene, one: Pattern) -> bool:
    """Whether a band turns faster than the grid can show."""
    free = scene.sample.coordinates is not None
    return not free and one.axis is not None and one.frequency > (scene.sample.shape[one.axis] - 1) / 2


def _where(scene: Scene, element: int) -> str:
    return scene.shown.element(element, scene.sample)


def _chooses(one: Pattern) -> bool:
    return one.axis is None or one.frequency > 0


def _choose(patterns: Sequence[Pattern], index: int) -> None:
    if _chooses(patterns[index]):
        state.change(band=patterns[index].band)


def _other_band() -> None:
    state.change(band=st.session_state["band"] - 1)
