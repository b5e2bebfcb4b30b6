"""What a result needs to name itself and to be drawn: the model, the checkpoint's name and labels, and the input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from .. import modalities
from ..analysis.sentences import Along
from ..analysis.target_class import find_class
from ..export.origin import Layout, Origin
from ..model import Perceiver
from ..sample import Sample
from ..validation import index_of

UPWARDS = ("lower", "upper")
"""The sides of the axis of free elements that points up."""


@dataclass(frozen=True)
class Context:
    """A model and one input of it.

    name    of the checkpoint
    digest  gives the SHA-256 of the weights, None where it is not known; called for exports alone
    seeds   gives the names of the bundled checkpoints of the same recipe with another seed; called for checks alone
    """

    name: str
    model: Perceiver = field(repr=False)
    sample: Sample = field(repr=False)
    digest: Callable[[], str | None] = field(repr=False, compare=False)
    seeds: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes (`PerceiverConfig.class_names`)."""
        return self.model.config.class_names

    @property
    def origin(self) -> Origin:
        """Where results come from, for exports."""
        return Origin(self.name, self.sample.name, self.digest(), tuple(self.sample.notes))

    @property
    def layout(self) -> Layout:
        """Where the elements of the input lie, for exports."""
        return layout_of(self.sample)

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the input's axes: "rows" and "cols", "time" and "frequency"; "x", "y" and "z"."""
        return self.layout.axes

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the input's axes in words: "height", "time"."""
        words = modalities.describe(self.sample.modality).axes
        return tuple(words[axis].title.lower() if axis in words else axis for axis in self.axes)

    @property
    def along(self) -> tuple[Along, ...]:
        """Where the elements of the input lie along each of its axes; none where they lie on several grids."""
        words, layout = modalities.describe(self.sample.modality).axes, self.layout
        if layout.parts:
            return ()
        if self.sample.coordinates is not None:
            points, up = layout.places["points"], getattr(self.sample, "up", None)
            return tuple(
                Along(dataclasses.replace(words[axis], sides=UPWARDS) if axis == up else words[axis], place, free=True)
                for axis, place in zip(layout.axes, points.T, strict=True)
            )
        grids = np.meshgrid(*(layout.places[axis] for axis in layout.axes), indexing="ij")
        return tuple(Along(words[axis], grid.ravel()) for axis, grid in zip(layout.axes, grids, strict=True))

    def class_index(self, which: int | str | None, logits: Float[np.ndarray, "classes"]) -> int:
        """The index of a class, given as such, by its name or a word of it, as `find_class` takes them; None is the
        most probable one.

        Raises ConfigError for a class that the model lacks.
        """
        if which is None:
            return int(logits.argmax())
        if isinstance(which, str):
            return find_class(which, self.model.config, self.name)
        return index_of("class", which, len(self.labels), self.name)


def layout_of(sample: Sample) -> Layout:
    """Where the elements of an input lie, for exports."""
    return Layout(
        shape=sample.shape,
        places=modalities.get(sample.modality).places(sample),
        coordinates=None if sample.coordinates is None else sample.coordinates.numpy(),
        box=sample.box,
        parts=sample.parts,
        rows=sample.rows,
        padding=sample.padding,
    )


def notes_of(contexts: Iterable[Context]) -> tuple[str, ...]:
    """What was changed when the input was read, by any of several models, each note once."""
    return tuple(dict.fromkeys(note for one in contexts for note in one.sample.notes))
