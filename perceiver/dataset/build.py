"""Analyses a checkpoint over a collection of inputs: in steps, over several processes, resumable."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from ..analysis.batches import model_identity
from ..analysis.change import softmax
from ..errors import ConfigError, InputError
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..studies.base import Mean
from .collection import UNKNOWN, Collection, Entry, sha256_of
from .measure import Measured, Probe, cell_shape
from .partial import Partial, identity_of
from .result import FAVOURITES, About, BandAccuracy, DataSetAnalysis, ExampleTable, LatentTable, MeanMaps, PartShare

STEP = 8
"""Inputs that a process measures at a time."""

WORTH = 60
"""Inputs that are worth the start of another process."""

_probe: Probe | None = None
"""Of the model that a process of the pool works for."""


def steps(
    model: Perceiver,
    collection: Collection,
    *,
    processes: int = 1,
    resume: Partial | None = None,
    isolate: bool = False,
    progress: ProgressCallback = ignore,
) -> Iterator[Partial]:
    """Measures the inputs of a collection in order, and yields the measurements so far after every few inputs.

    processes  that share the work; 1 is this process
    resume     unfinished measurements of the same model and collection, which go on
    isolate    whether files are decoded in worker processes with limits; with a single process

    What was yielded last can be kept at any time, and resumed. Raises ConfigError if `resume` is of another model or
    collection. A file that cannot be read is noted in the measurements.
    """
    identity = identity_of(model_identity(model), collection)
    if resume is not None and resume.identity != identity:
        raise ConfigError("the unfinished analysis is of another model or of other inputs")
    partial = resume or Partial(identity)
    yield partial
    left = collection.entries[partial.reached :]
    parts = [left[start : start + STEP] for start in range(0, len(left), STEP)]
    for part, found in zip(parts, _measured(model, parts, processes, isolate), strict=True):
        for entry, one in zip(part, found, strict=True):
            partial.add(entry, one)
        progress(partial.reached / len(collection), f"Input {partial.reached:,} of {len(collection):,}")
        yield partial


def analyse(
    model: Perceiver,
    collection: Collection,
    *,
    name: str = "model",
    weights_sha256: str | None = None,
    command: str = "",
    processes: int = 1,
    progress: ProgressCallback = ignore,
) -> DataSetAnalysis:
    """Measures all inputs of a collection and puts the measurements together, as `steps` and `finish` do."""
    *_, partial = steps(model, collection, processes=processes, progress=progress)
    return finish(model, collection, partial, name=name, weights_sha256=weights_sha256, command=command)


def default_processes(inputs: int) -> int:
    """As many processes as there are cores for this process and enough inputs for each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, inputs // WORTH))


def finish(
    model: Perceiver,
    collection: Collection,
    partial: Partial,
    *,
    name: str = "model",
    weights_sha256: str | None = None,
    command: str = "",
) -> DataSetAnalysis:
    """The analysis that the measurements of a collection give; an unfinished one is of the inputs so far.

    name, weights_sha256  of the checkpoint
    command               that makes it again

    Raises InputError where no input could be read.
    """
    entries = [collection.entries[i] for i in partial.index]
    counted = np.array([entry.counted for entry in entries], dtype=bool)
    if not counted.any():
        reasons = f": {partial.errors[0][1]}" if partial.errors else ""
        raise InputError(f"none of the {collection.title} could be read{reasons}")
    config, probe = model.config, Probe(model)
    logits, labels = partial.stacked("logits"), partial.labels(collection)
    groups = np.array([entry.group for entry in entries], dtype=np.int64)
    answers = logits.argmax(-1)
    about = About(
        model=name,
        modality=config.modality,
        weights_sha256=weights_sha256,
        classes=config.class_names,
        data=collection.title,
        available=collection.available,
        examples_sha256=collection.sha256,
        content_sha256=sha256_of(partial.digests),
        command=command,
        blocks=config.cross_attention_blocks,
        cells=cell_shape(config),
        free=config.position_axes is not None,
        errors=tuple(partial.errors),
        notes=collection.notes,
    )
    examples = ExampleTable(
        keys=tuple(entry.key for entry in entries),
        names=tuple(entry.name for entry in entries),
        labels=labels,
        groups=groups,
        counted=counted,
        answers=answers,
        # As files hold them, so that what is sorted by them has the same order before and after.
        probabilities=softmax(logits[:, -1]).astype(np.float16).astype(np.float64),
        places=embedded(partial.stacked("latent")),
        thumbnails=partial.stacked("thumbnail"),
    )
    return DataSetAnalysis(
        about=about,
        examples=examples,
        maps=_maps(partial) if about.cells else None,
        latents=_latents(partial, answers[:, -1], groups, counted),
        shares=_shares(probe, partial, groups, counted, about.blocks),
        bands=_bands(probe, partial, answers[:, -1], labels, groups, counted),
    )


def embedded(latents: Float[np.ndarray, "n D"], seed: int = 0) -> Float32[np.ndarray, "n 2"]:
    """Places inputs on a plane, near each other where their mean latents are: t-SNE, begun from the first two principal
    components; these alone for less than ten inputs."""
    # Takes seconds to import.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    count = len(latents)
    if count < 2 or not np.ptp(latents, axis=0).any():
        return np.zeros((count, 2), dtype=np.float32)
    if count < 10:
        found = PCA(min(2, *latents.shape), random_state=seed).fit_transform(latents)
        return np.pad(found, ((0, 0), (0, 2 - found.shape[1]))).astype(np.float32)
    reduced = PCA(min(50, *latents.shape), random_state=seed).fit_transform(latents)
    perplexity = min(30.0, (count - 1) / 3)
    init = "pca" if reduced.shape[1] > 1 else "random"
    tsne = TSNE(perplexity=perplexity, init=init, random_state=seed, n_jobs=1)
    return tsne.fit_transform(reduced.astype(np.float64)).astype(np.float32)


def _measured(
    model: Perceiver, parts: Sequence[Sequence[Entry]], processes: int, isolate: bool
) -> Iterator[list[Measured | str]]:
    """The measurements of each part, in order."""
    if processes <= 1 or len(parts) <= 1:
        probe = Probe(model)
        yield from (_measure(probe, part, isolate) for part in parts)
        return
    pool = ProcessPoolExecutor(
        min(processes, len(parts)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(model.config, {name: values.numpy() for name, values in model.state_dict().items()}),
    )
    try:
        yield from pool.map(_measure_in_pool, parts)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(config: Any, state: dict[str, np.ndarray]) -> None:
    """Builds the model in a process of the pool."""
    global _probe
    torch.set_num_threads(1)
    model = Perceiver(config)
    model.load_state_dict({name: torch.from_numpy(values) for name, values in state.items()})
    _probe = Probe(model.eval().requires_grad_(False))


def _measure_in_pool(part: Sequence[Entry]) -> list[Measured | str]:
    assert _probe is not None
    return _measure(_probe, part, isolate=False)


def _measure(probe: Probe, part: Sequence[Entry], isolate: bool) -> list[Measured | str]:
    """The measurements of some inputs; the reason in place of those that cannot be read."""
    found: list[Measured | str] = []
    for entry in part:
        try:
            found.append(probe.measure(entry.read(probe.model.config, isolate=isolate)))
        except InputError as error:
            found.append(str(error))
    return found


def _maps(partial: Partial) -> MeanMaps:
    sums = partial.sums

    def relative(name: str, occupied: str) -> Float[np.ndarray, "maps cells"]:
        share = sums[occupied]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(share > 0, sums[name] / share, np.nan)

    return MeanMaps(
        blocks=relative("blocks", "occupied"),
        latents=relative("latents", "occupied"),
        classes=relative("classes", "class_occupied"),
    )


def _latents(
    partial: Partial, predicted: Int64[np.ndarray, "n"], groups: Int64[np.ndarray, "n"], counted: np.ndarray
) -> LatentTable:
    removed, entropy = partial.stacked("removed").astype(np.float64), partial.stacked("entropy").astype(np.float64)
    classes = partial.rows["logits"][0].shape[1]
    by_class = np.full((classes, removed.shape[1]), np.nan)
    for label in np.unique(predicted[counted]):
        by_class[label] = removed[counted & (predicted == label)].mean(0)
    return LatentTable(
        removed=tuple(Mean.of(column, groups[counted]) for column in removed[counted].T),
        classes=by_class,
        strongest=_first(-removed, counted),
        focused=_first(entropy, counted),
        entropy=entropy[counted].mean(0),
    )


def _first(values: Float[np.ndarray, "n N"], counted: np.ndarray) -> Int64[np.ndarray, "N k"]:
    """The counted inputs with the least values for every latent."""
    index = np.flatnonzero(counted)
    order = index[np.argsort(values[counted], axis=0, kind="stable")[:FAVOURITES]].T
    return np.pad(order, ((0, 0), (0, FAVOURITES - order.shape[1])), constant_values=-1)


def _shares(
    probe: Probe, partial: Partial, groups: np.ndarray, counted: np.ndarray, blocks: Sequence[int]
) -> tuple[PartShare, ...]:
    values = partial.stacked("shares").astype(np.float64)
    out = []
    for i, block in enumerate(blocks):
        for j, group in enumerate(probe.parts.present):
            known = counted & np.isfinite(values[:, i, j])
            if known.any():
                out.append(PartShare(block, group, Mean.of(values[known, i, j], groups[known])))
    return tuple(out)


def _bands(
    probe: Probe,
    partial: Partial,
    predicted: Int64[np.ndarray, "n"],
    labels: np.ndarray,
    groups: np.ndarray,
    counted: np.ndarray,
) -> tuple[BandAccuracy, ...]:
    if not probe.cut_offs:
        return ()
    known = counted & (labels != UNKNOWN)

    def at(cycles: float | None, text: str, after: np.ndarray) -> BandAccuracy:
        right = (after == labels)[known].astype(np.float64)
        return BandAccuracy(
            cycles=cycles,
            ablation=text,
            accuracy=Mean.of(right, groups[known]) if known.any() else None,
            agrees=Mean.of((after == predicted)[counted].astype(np.float64), groups[counted]),
        )

    columns = partial.stacked("after").T
    cut = [at(one.cycles, one.ablation.text(), column) for one, column in zip(probe.cut_offs, columns, strict=True)]
    return (*cut, at(None, "", predicted))
