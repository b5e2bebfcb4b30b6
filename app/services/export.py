"""Results as files to download: NPZ, JSON and CSV."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
from jaxtyping import Float

from perceiver import export
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange, MapChange
from perceiver.analysis.explanation import Explanations, Question
from perceiver.analysis.spectrum import Spectrum
from perceiver.analysis.timeline import Timeline
from perceiver.export import Origin
from perceiver.lens.context import layout_of
from perceiver.trace import Trace

from . import ablation, comparison, explanation, models
from .ablation import Sweep
from .inference import Case, read, trace
from .maps import MapQuery
from .queueing import Progress


def filename(sample: str, *models: str) -> str:
    """The name of a file without its ending, after a sample and some models, in characters that every system takes."""
    return "-".join([PurePath(sample).stem, *(re.sub(r"[^\w.@+-]+", "-", model).strip("-.") for model in models)])


def maps_npz(case: Case, made: Trace, query: MapQuery) -> bytes:
    """The maps of all blocks, with the positions of their elements."""
    buffer = io.BytesIO()
    maps = np.stack([query.map(made, block) for block in made.blocks])
    export.maps_npz(buffer, maps, made.blocks, _origin(case), layout_of(read(case)), query.selection)
    return buffer.getvalue()


def predictions_json(case: Case, made: Trace, truth: str | None) -> bytes:
    """The probabilities and logits of all classes."""
    return _json(_predictions(case, made, truth))


def comparison_json(cases: Sequence[Case], truth: str | None) -> bytes:
    """The probabilities and logits of all classes in every model."""
    return _json({"models": [_predictions(case, trace(case, Progress()), truth) for case in cases]})


def ablation_json(case: Case, removed: Ablation, change: AnswerChange, target: int, maps: Sequence[MapChange]) -> bytes:
    """The answers before and after an ablation, and how far the map of every block moved."""
    labels = models.config(case.model).labels
    return _json(export.ablation_json(removed, change, labels, _origin(case), target=target, maps=maps))


def ablation_npz(case: Case, removed: Ablation, maps: Sequence[MapChange], query: MapQuery) -> bytes:
    """The maps of all blocks before and after an ablation, with the positions of the elements."""
    buffer = io.BytesIO()
    export.ablation_npz(buffer, removed, maps, _origin(case), layout_of(read(case)), query.selection)
    return buffer.getvalue()


def sweep_csv(case: Case, sweep: Sweep, target: int) -> bytes:
    """All ablations of a sweep: their estimates, and their exact changes where they are known."""
    labels, axes = models.config(case.model).labels, [axis.name for axis in ablation.axes(case)]
    return export.sweep_csv(sweep.so_far(target), labels, axes=axes).encode()


def spectra_csv(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]]) -> bytes:
    """The measures of the spectra of every block of every model."""
    return export.tartan_csv(_measured(cases, spectra)).encode()


def spectra_json(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]], head: int | None) -> bytes:
    """The measures of the position encodings and of the spectra."""
    return _json(export.tartan_json(_measured(cases, spectra), head=head))


def explanation_npz(case: Case, question: Question) -> bytes:
    """The maps that are known, the relevance of every block, and the positions of the elements."""
    buffer = io.BytesIO()
    export.explanations_npz(buffer, _explanations(case, question), _origin(case), layout_of(read(case)))
    return buffer.getvalue()


def explanation_json(case: Case, question: Question, logits: Float[np.ndarray, "classes"]) -> bytes:
    """The question, the share of the relevance in each block, and the faithfulness of each map."""
    labels = models.config(case.model).labels
    return _json(export.explanations_json(_explanations(case, question), logits, labels, _origin(case)))


def faithfulness_csv(case: Case, question: Question) -> bytes:
    """The deletion and insertion curves that are known."""
    return export.faithfulness_csv(explanation.scores(case, question)).encode()


def scan_csv(case: Case, timeline: Timeline) -> bytes:
    """The probability of every class in every window of a scan."""
    return export.timeline_csv(timeline, models.config(case.model).labels).encode()


def _origin(case: Case) -> Origin:
    """Where a result comes from."""
    sample = read(case)
    return Origin(case.model_name, sample.name, models.weights_sha256(case.model), tuple(sample.notes))


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def _predictions(case: Case, made: Trace, truth: str | None) -> dict[str, Any]:
    labels = models.config(case.model).labels
    return export.predictions_json(made.logits.numpy(), labels, _origin(case), truth=truth)


def _measured(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]]) -> tuple[export.ModelSpectra, ...]:
    sources = comparison.band_sources(tuple(case.model for case in cases))
    first = read(cases[0])
    return tuple(
        export.ModelSpectra(
            origin=replace(_origin(case), sample=first.name, notes=tuple(first.notes)),
            positions=models.stored_config(case.model).positions.kind,
            bands_of=models.display_name(source.model) or None,
            spectra=tuple(found),
            gram=comparison.gram(case),
        )
        for case, source, found in zip(cases, sources, spectra, strict=True)
    )


def _explanations(case: Case, question: Question) -> Explanations:
    """All that is known so far."""
    scores, methods = explanation.scores(case, question), explanation.methods(case)
    found = [one for method in methods if (one := explanation.known(case, question, method)) is not None]
    maps = tuple(replace(one, score=scores.get(one.method)) for one in found)
    return Explanations(question, methods, maps, scores.get("random"))
