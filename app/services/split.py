"""Scores split into content and position: the maps of parts, their shares, and the parts of one score."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from perceiver.analysis import split_shares
from perceiver.analysis.parts import RowParts
from perceiver.analysis.reading import ContentAlong
from perceiver.analysis.split import ScoreSplit, score_split
from perceiver.analysis.split import part_trace as trace_of_parts
from perceiver.analysis.split_shares import ScoreShares
from perceiver.errors import ConfigError
from perceiver.export import split as exports
from perceiver.lens.split import Colour, Split
from perceiver.plots.block_maps import BlockMap, encoding_map
from perceiver.trace import Trace

from . import inference, models
from .caching import Once
from .inference import Case
from .queueing import Progress

WHOLE = ""
"""The choice of all parts: the maps of the model."""

WHERE = "similarity with the position code that is read (cosine)"


@st.cache_resource(show_spinner=False, max_entries=8)
def _parts(model: str) -> RowParts:
    return RowParts.of(models.get(model))


def is_possible(case: Case, part: str) -> bool:
    """Whether the rows of the model have some parts, given as text."""
    try:
        return part == WHOLE or bool(_parts(case.model).choose(part).any())
    except ConfigError:
        return False


def axis_names(case: Case) -> tuple[str, ...]:
    """The names of the input's axes in words."""
    return inference.context(case).axis_names


def name(case: Case, part: str) -> str:
    """Some parts in words: "content", "height band 3"."""
    return _parts(case.model).name(part, axis_names(case))


def bundles(case: Case) -> dict[str, str]:
    """Choices of parts that add up to all, as text and in words: content, each axis or all positions, embeddings."""
    return {text: name(case, text) for text in _parts(case.model).bundles}


def choices(case: Case) -> dict[str, str]:
    """What maps can be made of, in words: all parts, and content and position alone, or, where the rows have only one
    of them, each axis; empty where there is no choice."""
    parts = _parts(case.model)
    groups = [group for group in parts.present if group != "embedding"]
    texts = groups if len(groups) > 1 else parts.bundles
    if len(texts) < 2:
        return {}
    return {WHOLE: "both" if len(groups) > 1 else "all", **{text: name(case, text) for text in texts}}


@st.cache_resource(show_spinner=False, max_entries=3)
def _part_trace(model: str, key: str, part: str) -> Once[Trace]:
    return Once()


def part_trace(case: Case, part: str, progress: Progress) -> Trace:
    """The trace that the maps of some parts come from; of all parts that of the run."""
    made = inference.trace(case, progress)
    if part == WHOLE:
        return made

    def make() -> Trace:
        progress.step(0.4, "Splitting the scores")
        return trace_of_parts(made, _parts(case.model), part)

    return _part_trace(case.model, case.key, part).get(make, progress)


@st.cache_resource(show_spinner=False, max_entries=8)
def _shares(model: str, key: str, head: int | None) -> Once[ScoreShares]:
    return Once()


def shares(case: Case, head: int | None, progress: Progress) -> ScoreShares:
    """How much of the variance of the scores each part explains, by block and by latent."""
    made = inference.trace(case, progress)

    def make() -> ScoreShares:
        progress.step(0.9, "Measuring what content and position explain")
        return split_shares.score_shares(made, _parts(case.model), head=head)

    return _shares(case.model, case.key, head).get(make, progress)


@st.cache_data(show_spinner=False, max_entries=128)
def _score(model: str, key: str, block: int, latent: int, element: int, head: int | None, _trace: Trace) -> ScoreSplit:
    return score_split(_trace, _parts(model), block, latent, element, head=head)


def score(case: Case, block: int, latent: int, element: int, head: int | None, progress: Progress) -> ScoreSplit:
    """The score of a latent at an element as a sum over parts."""
    return _score(case.model, case.key, block, latent, element, head, inference.trace(case, progress))


@dataclass(frozen=True)
class Read:
    """What one latent reads in a block.

    shares   of each bundle of parts in what it takes, by text; with `constant` they add up to 1
    where    the similarity of the mean position code that it reads with that of every element; None without positions
    colours  the mean colour that it reads of a picture, and that of the picture
    along    the content that it reads along the last axis, of a single content channel
    """

    shares: dict[str, float]
    constant: float
    where: BlockMap | None
    colours: tuple[Colour, Colour] | None
    along: ContentAlong | None


@st.cache_data(show_spinner=False, max_entries=64)
def _read(model: str, key: str, block: int, latent: int, head: int | None, _case: Case, _trace: Trace) -> Read:
    split = Split(inference.context(_case), _trace)
    found, axes = split.reading(block, latent, head=head), split.context.axes
    return Read(
        shares={text: found.of(text) for text, _ in split.bundles},
        constant=found.constant,
        where=encoding_map(found.similarity, WHERE, 1.0) if "position" in split.parts.present else None,
        colours=split.colour(block, latent, head=head),
        along=split.along(block, latent, axes[-1], head=head) if len(axes) > 1 else None,
    )


def read(case: Case, block: int, latent: int, head: int | None, progress: Progress) -> Read:
    """What a latent reads in a block."""
    return _read(case.model, case.key, block, latent, head, case, inference.trace(case, progress))


def shares_csv(case: Case, head: int | None) -> bytes:
    """The share of content and of each axis in the variance of the scores of every block and latent."""
    its = inference.run(case, Progress()).split
    return exports.split_csv(its.shares(head=head), its.bundles).encode()


def score_csv(case: Case, block: int, latent: int, element: int, head: int | None) -> bytes:
    """The score of a latent at an element, part by part."""
    run = inference.run(case, Progress())
    found = run.split.score(element, block=block, latent=latent, head=head)
    return exports.score_split_csv(found, run.context.axis_names).encode()
