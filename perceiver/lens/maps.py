"""The maps of a run: arrays in the shape of the input, one a block, that can draw and write themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any, Literal, get_args, overload

import numpy as np
from jaxtyping import Float

from .. import notebook
from ..analysis.formatting import percent
from ..analysis.maps import MapSelection
from ..analysis.region import Profile, profiles
from ..analysis.summary import MapSummary, summarise
from ..errors import ConfigError
from ..export.predictions import maps_csv, maps_npz
from ..export.region import profiles_csv
from ..plots.colour import SEQUENTIAL
from ..plots.scale import ColourScale, Mode, modes
from ..validation import check_choice
from . import display
from .context import Context

Form = Literal["png", "svg", "pdf"]
Moving = Literal["gif", "mp4"]


@dataclass(frozen=True, eq=False)
class Maps:
    """One map a block, (blocks, *shape). Indexing and `numpy.asarray` give the arrays.

    blocks  behind the maps, from 0
    """

    context: Context = field(repr=False)
    selection: MapSelection
    blocks: tuple[int, ...]
    values: Float[np.ndarray, "blocks ..."] = field(repr=False)

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[Float[np.ndarray, "..."]]:
        return iter(self.values)

    @overload
    def __getitem__(self, index: int) -> Float[np.ndarray, "..."]: ...
    @overload
    def __getitem__(self, index: slice) -> Float[np.ndarray, "blocks ..."]: ...
    def __getitem__(self, index: int | slice) -> Float[np.ndarray, "..."]:
        return self.values[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    @cached_property
    def summaries(self) -> tuple[MapSummary, ...]:
        """Range, entropy and concentration of every map."""
        return tuple(summarise(one, self.selection.quantity) for one in self.values)

    def figure(
        self, form: Form = "png", *, scale: Mode = "shared", colours: str = "magma", overlay: float = 0.8
    ) -> bytes:
        """The input and the map of every block as a figure for papers.

        overlay  how far the colours cover the input, 0 to 1; 1 draws the maps alone

        Raises ConfigError for a scale that these maps do not have, and for another format or colour map.
        """
        check_choice("form", form, get_args(Form))
        self._check(scale, colours, overlay)
        # Takes a second to import, which is needed for figures alone.
        from ..plots.drawing import draw
        from ..plots.figures import figure_png, figure_vector

        quantity, context = self.selection.quantity, self.context
        ranges = ColourScale(scale).limits(list(self.values), quantity)
        strength = None if overlay >= 1 else overlay
        drawn = draw(context.sample, list(self.values), ranges, colours=colours, strength=strength)
        config = context.model.config
        footer = " ".join([self.selection.sentence(config.num_latents, config.cross_heads), *self._shares()])
        titles = [f"Block {block + 1}" for block in self.blocks]
        title = f"What each block of {context.name} read in {context.sample.name}"
        if form == "png":
            return figure_png(drawn, ranges, titles, self.summaries, title=title, footer=footer)
        return figure_vector(drawn, ranges, titles, self.summaries, form=form, title=title, footer=footer)

    def animation(
        self, form: Moving = "mp4", *, scale: Mode = "shared", colours: str = "magma", overlay: float = 0.8
    ) -> bytes:
        """A clip with the map of every block laid over it, as it plays: an MP4 with the sound that the model read, or
        an animated GIF. Arguments as `figure` takes them.

        Raises ConfigError as `figure` does, and for an input that is no clip.
        """
        check_choice("form", form, get_args(Moving))
        self._check(scale, colours, overlay)
        from ..plots.animation import ClipMap, clip_animation

        context = self.context
        if not hasattr(context.sample, "times"):
            raise ConfigError(f"{context.sample.name} is no clip: only maps of clips are written as {form}")
        ranges = ColourScale(scale).limits(list(self.values), self.selection.quantity)
        maps = [
            ClipMap(f"Block {block + 1}", values, range_)
            for block, values, range_ in zip(self.blocks, self.values, ranges, strict=True)
        ]
        strength = None if overlay >= 1 else overlay
        title = f"{context.name}, {context.sample.name}"
        return clip_animation(context.sample, maps, form=form, colours=colours, strength=strength, title=title)

    def _check(self, scale: Mode, colours: str, overlay: float) -> None:
        """Raises ConfigError for settings of a figure that there are not, or not for these maps."""
        check_choice("colours", colours, SEQUENTIAL)
        if not 0 <= overlay <= 1:
            raise ConfigError(f"overlay is {overlay!r}; it must be from 0 to 1")
        quantity = self.selection.quantity
        if scale not in modes(quantity):
            raise ConfigError(f"these maps have no scale {scale}; use {' or '.join(modes(quantity))}")

    def profiles(self) -> tuple[Profile, ...]:
        """The profile of every map along each axis of the input's grid; none for free elements."""
        return profiles(self.context.layout, self.values)

    def profiles_csv(self) -> str:
        """The profiles as CSV (`perceiver.export.profiles_csv`)."""
        return profiles_csv(self.profiles(), self.blocks, self.selection.quantity)

    def npz(self) -> bytes:
        """The maps with the places of their elements, as NPZ (`perceiver.export.maps_npz`)."""
        buffer = BytesIO()
        maps_npz(buffer, self.values, self.blocks, self.context.origin, self.context.layout, self.selection)
        return buffer.getvalue()

    def csv(self) -> str:
        """The maps as a table, one line per input element with its location and its value in every block."""
        return maps_csv(self.values, self.blocks, self.context.layout)

    def _shares(self) -> Iterator[str]:
        """How the weight of each block is divided among the parts of the input, in plain text."""
        sample, selection = self.context.sample, self.selection
        if not sample.parts or selection.kind != "probability":
            return
        if selection.latent is None and selection.reduce != "mean":
            return
        for block, values in zip(self.blocks, self.values, strict=True):
            shares = ", ".join(f"{name} {percent(float(part.sum()))}" for name, part in sample.split(values).items())
            yield f"Block {block + 1} gives {shares} of its weight."
        total = sum(part.count for part in sample.parts)
        alike = ", ".join(f"{part.name} {percent(part.count / total)}" for part in sample.parts)
        yield f"Read alike, they would get {alike}."

    def _repr_png_(self) -> bytes:
        return self.figure()

    def _repr_html_(self) -> str:
        titles = [f"Block {block + 1}" for block in self.blocks]
        return notebook.row(display.maps_html(self.context.sample, list(self.values), titles, self.selection.quantity))
