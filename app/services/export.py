"""Results as files to download: NPZ, JSON and CSV."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from perceiver import export
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange, MapChange
from perceiver.analysis.explanation import Question
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.spectrum import Spectrum
from perceiver.analysis.sweep import Sweep
from perceiver.analysis.timeline import Timeline
from perceiver.lens import Explained, model_spectra

from . import explanation, inference, models
from .inference import Case
from .queueing import Progress


def filename(sample: str, *models: str) -> str:
    """The name of a file without its ending, after a sample and some models, in characters that every system takes."""
    return "-".join([PurePath(sample).stem, *(re.sub(r"[^\w.@+-]+", "-", model).strip("-.") for model in models)])


def maps_npz(case: Case, selection: MapSelection) -> bytes:
    """The maps of all blocks, with the positions of their elements."""
    return inference.run(case, Progress()).select(selection).npz()


def maps_csv(case: Case, selection: MapSelection) -> bytes:
    """The maps of all blocks as a table, one line per element."""
    return inference.run(case, Progress()).select(selection).csv().encode()


def region_csv(case: Case, region: str, head: int | None) -> bytes:
    """The share of the attention weight of every block and latent that falls into a region."""
    return export.region_csv(inference.run(case, Progress()).region(region, head=head)).encode()


def split_csv(case: Case, head: int | None) -> bytes:
    """The share of content and of each axis in the variance of the scores of every block and latent."""
    its = inference.run(case, Progress()).split
    return export.split_csv(its.shares(head=head), its.bundles).encode()


def score_csv(case: Case, block: int, latent: int, element: int, head: int | None) -> bytes:
    """The score of a latent at an element, part by part."""
    run = inference.run(case, Progress())
    found = run.split.score(element, block=block, latent=latent, head=head)
    return export.score_split_csv(found, run.context.axis_names).encode()


def profiles_csv(case: Case, selection: MapSelection) -> bytes:
    """The maps of all blocks along each axis of the input."""
    return inference.run(case, Progress()).select(selection).profiles_csv().encode()


def predictions_json(case: Case, truth: str | None) -> bytes:
    """The probabilities and logits of all classes."""
    return _json(inference.run(case, Progress()).json(truth=truth))


def comparison_json(cases: Sequence[Case], truth: str | None) -> bytes:
    """The probabilities and logits of all classes in every model."""
    return _json({"models": [inference.run(case, Progress()).json(truth=truth) for case in cases]})


def ablation_json(case: Case, removed: Ablation, change: AnswerChange, target: int, maps: Sequence[MapChange]) -> bytes:
    """The answers before and after an ablation, and how far the map of every block moved."""
    about = inference.context(case)
    return _json(export.ablation_json(removed, change, about.labels, about.origin, target=target, maps=maps))


def ablation_npz(case: Case, removed: Ablation, maps: Sequence[MapChange], selection: MapSelection) -> bytes:
    """The maps of all blocks before and after an ablation, with the positions of the elements."""
    buffer, about = io.BytesIO(), inference.context(case)
    export.ablation_npz(buffer, removed, maps, about.origin, about.layout, selection)
    return buffer.getvalue()


def sweep_csv(case: Case, sweep: Sweep) -> bytes:
    """All ablations of a sweep: their estimates, and their exact changes where they are known."""
    about = inference.context(case)
    return export.sweep_csv(sweep, about.labels, axes=about.axes).encode()


def spectra_csv(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]]) -> bytes:
    """The measures of the spectra of every block of every model."""
    return export.tartan_csv(model_spectra([inference.context(case) for case in cases], spectra)).encode()


def spectra_json(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]], head: int | None) -> bytes:
    """The measures of the position encodings and of the spectra."""
    measured = model_spectra([inference.context(case) for case in cases], spectra)
    return _json(export.tartan_json(measured, head=head))


def explanation_npz(case: Case, question: Question) -> bytes:
    """The maps that are known, the relevance of every block, and the positions of the elements."""
    return _explained(case, question).npz()


def explanation_json(case: Case, question: Question) -> bytes:
    """The question, the share of the relevance in each block, and the faithfulness of each map."""
    return _json(_explained(case, question).json())


def faithfulness_csv(case: Case, question: Question) -> bytes:
    """The deletion and insertion curves that are known."""
    return export.faithfulness_csv(explanation.known(case, question).scores).encode()


def scan_csv(case: Case, timeline: Timeline) -> bytes:
    """The probability of every class in every window of a scan."""
    return export.timeline_csv(timeline, models.config(case.model).class_names).encode()


def _explained(case: Case, question: Question) -> Explained:
    run = inference.run(case, Progress())
    return Explained(run.context, run.logits, explanation.known(case, question))


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=2, ensure_ascii=False).encode()
