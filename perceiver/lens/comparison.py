"""Several models on one input: predictions, maps on one scale, differences where they can be taken, and spectra."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from .. import notebook
from ..analysis.compare import bands_of_models, map_divergences, same_input, why_not_subtracted
from ..analysis.encodings import gram
from ..analysis.maps import MEAN, MapSelection
from ..analysis.spectrum import Spectrum
from ..analysis.summary import Quantity, summarise
from ..errors import ConfigError
from ..export.encodings import ModelSpectra
from ..export.predictions import predictions_json
from ..plots.block_maps import BlockMap, scaled_rows
from ..plots.scale import Mode, modes
from ..progress import ProgressCallback, ignore, portion
from ..trace import Kind
from . import display
from .context import Context, notes_of
from .run import Run

Array = Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs of several models on one input; the others are compared with the first.

    selection  what the maps are
    """

    runs: tuple[Run, ...]
    selection: MapSelection = MEAN

    @cached_property
    def maps(self) -> tuple[Mapping[int, Array], ...]:
        """The maps of every run, by block."""
        return tuple({block: self.selection.map(run.trace, block) for block in run.trace.blocks} for run in self.runs)

    @cached_property
    def apart(self) -> tuple[str | None, ...]:
        """Why a run's maps cannot be subtracted from the first's, in words; None where they can."""
        first = self.runs[0]
        return tuple(
            None if run is first else why_not_subtracted(first.sample, run.sample, f"{run.name} and {first.name}")
            for run in self.runs
        )

    @cached_property
    def differences(self) -> tuple[Mapping[int, Array], ...]:
        """Every run's maps less the first's, by block: of blocks that both have, where they can be subtracted."""
        first, apart = self.maps[0], self.apart
        return tuple(
            {} if i == 0 or apart[i] else map_differences(first, maps) for i, maps in enumerate(self.maps)
        )  # fmt: skip

    @cached_property
    def divergences(self) -> tuple[Mapping[int, float], ...]:
        """Jensen-Shannon divergence in bits of every run's maps from the first's, by block; empty for maps that cannot
        be subtracted or added up."""
        return map_divergences([run.sample for run in self.runs], self.maps, self.selection.quantity)

    @property
    def notes(self) -> list[str]:
        """What was changed when the input was read, and for whom where it was not for all."""
        by_note: dict[str, list[str]] = {}
        for run in self.runs:
            for note in run.sample.notes:
                by_note.setdefault(note, []).append(run.name)
        every = len(self.runs)
        return [note if len(names) == every else f"{', '.join(names)}: {note}" for note, names in by_note.items()]

    def json(self) -> dict[str, Any]:
        """Predictions, and what every map is in numbers, as plain values for JSON."""
        models = []
        for run, maps, apart, distances in zip(self.runs, self.maps, self.apart, self.divergences, strict=True):
            blocks = []
            for block, values in maps.items():
                summary = summarise(values, self.selection.quantity)
                blocks.append(
                    {
                        "block": block,
                        "minimum": summary.minimum,
                        "maximum": summary.maximum,
                        "entropy": summary.entropy,
                        "effective": summary.effective,
                        "top_mass": summary.top_mass,
                        "divergence": distances.get(block),
                    }
                )
            answer = predictions_json(run.logits, run.labels, run.context.origin)
            models.append(answer | {"positions": run.model.config.positions_kind, "apart": apart, "blocks": blocks})
        name, kind = self.runs[0].sample.name, self.selection.kind
        return {"sample": name, "notes": self.notes, "kind": kind, "models": models}

    def figure(self) -> bytes:
        """Every run's maps, a row each, on one scale, as a PNG; for other numbers of elements in multiples of
        uniform."""
        return self._drawn(self.runs, self._scaled(), "What each block read in", strength=0.8)

    def _scaled(self) -> tuple[tuple[BlockMap, ...], ...]:
        """Every run's maps on one scale, where they have one."""
        quantity = self.selection.quantity
        mode = comparable_scales(quantity, [math.prod(run.sample.shape) for run in self.runs])[0]
        return scaled_rows(self.maps, quantity, mode)

    def difference_figure(self) -> bytes:
        """The maps of the other runs less the first's, as a PNG; empty where none can be subtracted."""
        known = [(run, maps) for run, maps in zip(self.runs, self.differences, strict=True) if maps]
        if not known:
            return b""
        runs, maps = zip(*known, strict=True)
        rows = scaled_rows(maps, self.selection.quantity, signed=True)
        return self._drawn(runs, rows, f"Minus {self.runs[0].name}: what each block read in", strength=None)

    def _drawn(
        self, runs: Sequence[Run], rows: Sequence[Sequence[BlockMap]], what: str, *, strength: float | None
    ) -> bytes:
        from ..plots.comparison import comparison_png, comparison_row

        drawn = [
            comparison_row(run.name, run.sample, row, strength=strength) for run, row in zip(runs, rows, strict=True)
        ]
        config = self.runs[0].model.config
        selected = self.selection.sentence(config.num_latents, config.cross_heads)
        whole = self.selection.latent is None and self.selection.reduce == "mean" and self.selection.head is None
        title = f"{what} {self.runs[0].sample.name}"
        return comparison_png(drawn, title=title, footer="Mean over latents." if whole else selected)

    def _repr_png_(self) -> bytes:
        return self.figure()

    def _repr_html_(self) -> str:
        parts, rows = [], self._scaled()
        for run, maps in zip(self.runs, rows, strict=True):
            pictures = display.block_maps_html(run.sample, maps)
            parts += [f"{notebook.heading(run.name)}<br>{display.bars_html(run.top(3))}", pictures]
        parts.append(display.scale_html(rows[0][0].range))
        return notebook.row(*parts, *(html.escape(apart) for apart in self.apart if apart))


def compare(*runs: Run, selection: MapSelection = MEAN) -> Comparison:
    """Sets runs of two or more models on one input side by side.

    Raises ConfigError for fewer, for runs on different inputs, and where a model has no such map.
    """
    for run in runs:
        if not isinstance(run, Run):
            raise ConfigError(f"a comparison takes runs, as lens.run(...) gives them, not {type(run).__name__}")
    if len(runs) < 2:
        raise ConfigError("a comparison takes the runs of two or more models")
    check_same_input(runs)
    for run in runs:
        selection.check(run.model.config, run.name)
    return Comparison(tuple(runs), selection)


def check_same_input(runs: Sequence[Run]) -> None:
    """Raises ConfigError for runs on different inputs."""
    first = runs[0].sample
    for run in runs[1:]:
        if not same_input(first, run.sample):
            raise ConfigError(f"a comparison takes runs on one input; these are on {first.name} and {run.sample.name}")


def map_differences(first: Mapping[int, Array], other: Mapping[int, Array]) -> dict[int, Array]:
    """Maps less the first's, by block, of the blocks that both have."""
    return {block: values - first[block] for block, values in other.items() if block in first}


def comparable_scales(what: Quantity, sizes: Sequence[int]) -> tuple[Mode, ...]:
    """The colour scales that make sense for maps of so many elements, the default first: weights over other numbers of
    elements can only be compared as multiples of uniform."""
    if len(set(sizes)) == 1:
        return modes(what)
    if what == "probability":
        return ("uniform", "per_map")
    return ("per_map",) if what == "value" else ("shared", "per_map")


def spectra_of(
    runs: Sequence[Run], *, kind: Kind = "score", head: int | None = None, progress: ProgressCallback = ignore
) -> tuple[ModelSpectra, ...]:
    """The spectra of every block's maps, run by run, at the bands of each model's position encoding.

    Models without bands are measured at those of the first that has some on the same grid, else at those that Fourier
    features of their grid would have. Raises ConfigError for runs on different inputs, and as `spectra` does.
    """
    check_same_input(runs)
    every = []
    for i, (run, (_, bands)) in enumerate(zip(runs, bands_of_models([run.model for run in runs]), strict=True)):
        report = portion(progress, i / len(runs), (i + 1) / len(runs), f"Measuring spectra of {run.name}")
        every.append(list(run.spectra(kind=kind, head=head, bands=bands, progress=report)))
    return model_spectra([run.context for run in runs], every)


def model_spectra(contexts: Sequence[Context], every: Sequence[Sequence[Spectrum]]) -> tuple[ModelSpectra, ...]:
    """Spectra that were measured at the bands of `bands_of_models`, a row a model, with whose bands these are and the
    Gram spectra of the position codes."""
    notes = notes_of(contexts)
    lenders = bands_of_models([one.model for one in contexts])
    return tuple(
        ModelSpectra(
            origin=replace(one.origin, notes=notes),
            positions=one.model.config.positions_kind,
            bands_of=None if lender is None else contexts[lender].name,
            spectra=tuple(found),
            gram=gram(one.model.codes(one.sample)[0]),
        )
        for one, found, (lender, _) in zip(contexts, every, lenders, strict=True)
    )
