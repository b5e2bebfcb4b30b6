"""Latents by how much they matter, their mean maps and their inputs; the mean maps of blocks and classes."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.formatting import number, percent
from perceiver.plots.dataset import multiples_picture, multiples_text

from ...components import Row, Tile, ranking, wall
from ...session import state, text
from .choice import DataSetContext
from .examples import show_wall

RANKED = 12
"""Latents whose importance is listed."""

MOST_LATENTS = 128
"""Latents whose mean maps are shown."""

CLASSES = 6
"""Predicted classes that are listed for a latent."""


def show(context: DataSetContext) -> None:
    """The latents, and the chosen one closely."""
    st.caption(
        "A latent matters as much as the logit of the prediction falls when its state is removed before the head. "
        "Mean maps are in multiples of even attention, mean over inputs and blocks; bright is much."
    )
    table = context.analysis.latents
    order = table.order
    chosen = context.view.latent
    if chosen is None or chosen >= len(order):
        chosen = int(order[0])
    first, second, third = st.columns([10, 13, 13], gap="medium")
    with first:
        _ranked(context, order, chosen)
    with second:
        _maps(context, order, chosen)
    with third:
        _one(context, chosen)


def _ranked(context: DataSetContext, order: np.ndarray, chosen: int) -> None:
    table = context.analysis.latents
    falls = np.nan_to_num([one.value for one in table.removed])  # NaN of a model with a single latent
    shares = (falls / (np.abs(falls).max() or 1.0)).clip(0, 1)
    rows = [
        Row(
            name=f"Latent {i + 1}",
            share=float(shares[i]),
            text=number(table.removed[i].value),
            chosen=i == chosen,
        )
        for i in order[:RANKED].tolist()
    ]
    ranking(
        rows,
        key="latent_ranking",
        label="Latents by the fall of the logit when they are removed",
        on_pick=lambda index: state.change(latent=int(order[index])),
    )
    st.caption("Fall of the logit, mean over inputs. The interval of the chosen latent stands beside its inputs.")


def _maps(context: DataSetContext, order: np.ndarray, chosen: int) -> None:
    maps = context.analysis.maps
    if maps is None:
        st.caption("Mean maps are not computed for inputs of several parts, such as picture and sound.")
        return
    shown = order[:MOST_LATENTS].tolist()
    pictures = multiples_picture(_grid(context, maps.latents[shown]))
    wall(
        pictures,
        [Tile(title=str(i + 1), alt=f"Latent {i + 1}: mean map from {multiples_text(maps.latents[i])}") for i in shown],
        key="latent_maps",
        label="Mean maps of the latents, the most important first",
        tile=64,
        dense=True,
        named=True,
        tall=420,
        limit=84,
        fill=True,
        chosen=shown.index(chosen) if chosen in shown else None,
        on_pick=lambda index: state.change(latent=int(shown[index])),
    )


def _one(context: DataSetContext, latent: int) -> None:
    """The inputs of a latent, and the predictions that it matters for."""
    table, names = context.analysis.latents, context.names
    st.markdown(f"**Latent {latent + 1}**")
    mean = table.removed[latent]
    st.caption(
        f"Without it the logit of the prediction falls by {number(mean.value)} ({number(mean.low)} to "
        f"{number(mean.high)}); its maps have {percent(float(table.entropy[latent]))} of the entropy of even ones."
    )
    for title, rows in (("It matters most for", table.strongest), ("It is most focused on", table.focused)):
        known = [row for row in rows[latent].tolist() if row >= 0]
        st.markdown(title)
        show_wall(context, known, key=f"latent_inputs_{title.rsplit(' ', 1)[-1]}", tall=None)
    falls = table.classes[:, latent]
    order = [i for i in np.argsort(-np.nan_to_num(falls, nan=-np.inf), kind="stable") if falls[i] == falls[i]]
    told = [f"{text.plain(names[i])} {number(float(falls[i]))}" for i in order[:CLASSES]]
    st.caption(f"By prediction, the largest falls: {', '.join(told)}.")


def mean_maps(context: DataSetContext) -> None:
    """The mean maps of all blocks and of all classes."""
    maps, about = context.analysis.maps, context.analysis.about
    if maps is None:
        return
    seen = " Cells are places in the plane of the first two coordinates, seen from the front." if about.free else ""
    st.caption(
        f"Attention weight in each cell as a multiple of uniform, the share of the elements there.{seen} The maps "
        "of a row have one scale, from 0 to the largest value. Maps by class are of the inputs whose class is known."
    )
    known = [i for i in range(len(context.names)) if np.isfinite(maps.classes[i]).any()]
    for title, values, words in (
        ("blocks", maps.blocks, [f"Block {block + 1}" for block in about.blocks]),
        ("classes", maps.classes[known], [context.names[i] for i in known]),
    ):
        top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
        st.markdown(f"**By {title.removesuffix('s').replace('classe', 'class')}** :small[0 to {number(top)} × uniform]")
        wall(
            multiples_picture(_grid(context, values)),
            [Tile(title=name, alt=f"{name}: {multiples_text(one)}") for name, one in zip(words, values, strict=True)],
            key=f"mean_maps_{title}",
            label=f"Mean maps of {title}",
            tile=76,
            dense=True,
            named=True,
            limit=120,
            fill=True,
            on_pick=lambda index: None,
        )


def _grid(context: DataSetContext, values: Float[np.ndarray, "n cells"]) -> Float[np.ndarray, "n rows columns"]:
    """Maps as pictures: of one axis as a row of columns, of three as their mean over the first."""
    shape = context.analysis.about.cells
    maps = values.reshape(len(values), *shape)
    if len(shape) == 1:
        return np.repeat(maps[:, None], max(1, shape[0] // 4), axis=1)
    return maps if len(shape) == 2 else maps.reshape(len(values), -1, *shape[-2:]).mean(1)
