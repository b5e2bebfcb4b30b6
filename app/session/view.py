"""What each page shows, as a small typed view of the values that the address bar holds.

All pages share the fields of `View`, and each adds its own. The session holds the values of all pages, so that what
is chosen on one page is still chosen when the visitor comes back to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from perceiver.analysis.methods import (
    ERASED_BY,
    METHODS,
    RELEVANCE_METHODS,
    SHUFFLES,
    ErasedBy,
    RelevanceMethod,
    Shuffle,
)
from perceiver.trace import KINDS, REDUCTIONS, Kind, Reduce

from . import fields, rules
from .fields import (
    ABLATION,
    NUMBER,
    PAIRS,
    PARTS,
    REGION,
    REGIONS,
    SECONDS,
    choice,
    declared,
    names,
    one_of_each,
    text,
    whole,
)

COLOURS = ("magma", "viridis", "inferno", "cividis", "greys")
OVERLAY = (0, 100)
"""How strongly a map can cover the input, in percent."""

CLUSTERS = (2, 8)
"""How many clusters the latents of a block can be put into."""

EXPLAINED = ("relevance", "methods", "clusters", "latents")
COMPARED = ("block", "encodings", "channels", "tartan")
SURVEYED = ("examples", "curves", "importance", "maps", "rival")
"""The sections of the pages Explain, Compare and Data set, each of which shows one at a time. No two pages share a
name, so that one field of the address holds the choices of all of them."""

MOST_OTHERS = 3
"""Models that can be compared with the first."""


@dataclass(frozen=True)
class View:
    """What all pages share.

    model    a checkpoint's key; empty for the first
    sample   a bundled sample's name, or `sha256-` and the digest of an upload; empty for the first
    read     reading options that are not at their default, by name
    block    the block that is looked at closely
    reduce   how the maps of a block's latents become one; "latent" shows the map of one of them
    latent   which; None for the most concentrated one
    head     one head; None for the mean over heads
    kind     of value that the maps show
    scale    of their colours
    laid     the map over the "input", or "alone"
    overlay  how strongly it covers the input, in percent
    pick     the input element that is marked
    moment   of a clip that is shown, in seconds; None for the middle of what is read
    """

    model: str = declared("", text(longest=300), rule=rules.model)
    sample: str = declared("", text(), rule=rules.sample)
    read: tuple[tuple[str, str], ...] = declared((), PAIRS, rule=rules.options, of="sample")
    block: int = declared(0, NUMBER, rule=rules.block)
    reduce: Reduce | Literal["latent"] = declared("mean", choice((*REDUCTIONS, "latent")), rule=rules.reduce)
    latent: int | None = declared(
        None,
        NUMBER,
        rule=rules.below("latent", "the most concentrated one", lambda _, limits: limits.latents),
        of="model",
    )
    head: int | None = declared(
        None, NUMBER, rule=rules.below("head", "the mean over heads", lambda _, limits: limits.heads), of="model"
    )
    kind: Kind = declared("probability", choice(KINDS))
    scale: str = declared("shared", choice(("shared", "uniform", "per_map", "log")))
    colours: str = declared("magma", choice(COLOURS))
    laid: str = declared("input", choice(("input", "alone")))
    overlay: int = declared(85, whole(*OVERLAY))
    pick: int | None = declared(
        None,
        NUMBER,
        rule=rules.below("input element", "none", lambda _, limits: math.prod(limits.shape) if limits.shape else 0),
        of="sample",
    )
    moment: float | None = declared(None, SECONDS, of="sample")

    @classmethod
    def entered(cls, values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """What changes when the visitor comes from another page, and a note on it; `values` are those of all pages."""
        return {}, ""


@dataclass(frozen=True)
class ExploreView(View):
    """The Explore page.

    show    the maps of the "blocks", or each block's difference from the "previous" or the "first"
    region  the part of the input whose attention weight is measured, as `Region.text` writes it; empty for none
    among   the block whose latents are listed for an element or a region; None for all blocks
    split   the parts of the input's rows whose scores the maps are of, as `PartChoice.text` writes them; empty for all
    """

    show: Literal["blocks", "previous", "first"] = declared(
        "blocks", choice(("blocks", "previous", "first")), rule=rules.show
    )
    region: str = declared("", REGION, rule=rules.region, of="sample")
    among: int | None = declared(None, NUMBER, rule=rules.part, of="model")
    split: str = declared("", PARTS)


@dataclass(frozen=True)
class ClassView(View):
    """Pages that ask about one class.

    target  the class; None for the most probable one
    """

    target: int | None = declared(
        None, NUMBER, rule=rules.below("class", "the most probable one", lambda _, limits: limits.classes), of="model"
    )


@dataclass(frozen=True)
class SectionView(View):
    """Pages that show one of their sections at a time.

    section  those that are chosen, of each page one at most, with commas between them
    """

    sections: ClassVar[tuple[str, ...]]
    section: str = declared("", one_of_each(EXPLAINED, COMPARED, SURVEYED))

    @property
    def shown_section(self) -> str:
        """The section that the page shows: where none is chosen, the one that the other fields are about."""
        return next((one for one in self.section.split(",") if one in self.sections), self._section_of_fields)

    def with_section(self, name: str) -> str:
        """The field with a section of this page chosen, and those of other pages as they are."""
        return ",".join([*(one for one in self.section.split(",") if one and one not in self.sections), name])

    @property
    def _section_of_fields(self) -> str:
        return self.sections[0]


@dataclass(frozen=True)
class ExplainView(ClassView, SectionView):
    """The Explain page.

    against  the class that the target is contrasted with; None for none
    method   how relevance is computed
    part     the block whose part of the relevance is shown; None for all blocks together
    by       the method whose map is shown large
    groups   how many clusters the latents of a block are put into
    group    the cluster that is shown; None for the largest
    after    the block after which latents are removed; None for latents that are removed from the start
    donor    the sample whose states the latents get; None for none
    """

    sections = EXPLAINED
    against: int | None = declared(
        None, NUMBER, rule=rules.below("class", "none", lambda _, limits: limits.classes), of="model"
    )
    method: RelevanceMethod = declared("gradient", choice(RELEVANCE_METHODS))
    part: int | None = declared(None, NUMBER, rule=rules.part, of="model")
    by: str = declared("attention", choice(tuple(METHODS)))
    groups: int = declared(4, whole(*CLUSTERS))
    group: int | None = declared(
        None, NUMBER, rule=rules.below("group", "the largest", lambda values, _: values["groups"]), of="model"
    )
    after: int | None = declared(
        None, NUMBER, rule=rules.below("block", "removal from the start", lambda _, limits: limits.plan), of="model"
    )
    donor: str | None = declared(None, text(), rule=rules.donor, of="model")

    @property
    def _section_of_fields(self) -> str:
        of_latents = self.donor is not None or self.after is not None
        of_clusters = self.group is not None or self.groups != DEFAULTS["groups"]
        of_maps = "methods" if self.by != DEFAULTS["by"] else "relevance"
        return "latents" if of_latents else "clusters" if of_clusters else of_maps


@dataclass(frozen=True)
class AblateView(ClassView):
    """The Ablate page.

    removes  what the page's controls are for: removing parts of the position "encoding", or "elements" of the input;
             what either has removed stays removed
    ablate   what is removed from the position encoding, as `fields.ablation_text` writes it
    erase    regions of the input whose elements are erased, with semicolons between them; empty for none
    only     whether the elements of these regions are erased, "inside", or all others, "outside"
    erasing  how they are erased
    curve    the sweep: a "single" band removed, or all beyond it, "cumulative"
    measure  the change that is drawn: of the target's "logit" or of its "probability"
    shuffle  what is permuted: whole "elements", "contents" against positions, or these in "blocks"
    side     elements along a side of these blocks
    seed     of the permutation
    """

    removes: Literal["encoding", "elements"] = declared("encoding", choice(("encoding", "elements")))
    ablate: str = declared("", ABLATION, of="model")
    erase: str = declared("", REGIONS, rule=rules.erase, of="sample")
    only: Literal["inside", "outside"] = declared("inside", choice(("inside", "outside")))
    erasing: ErasedBy = declared("remove", choice(ERASED_BY))
    curve: Literal["single", "cumulative"] = declared("single", choice(("single", "cumulative")))
    measure: Literal["logit", "probability"] = declared("logit", choice(("logit", "probability")))
    shuffle: Shuffle = declared("elements", choice(SHUFFLES))
    side: int = declared(8, whole(1, 4096))
    seed: int = declared(0, whole(0, 10**9 - 1))


@dataclass(frozen=True)
class CompareView(SectionView):
    """The Compare page.

    others  checkpoints that are compared with `model`
    band    the band or component of the position encodings that is shown; None for one in the middle
    grid    the part of a clip whose spectra are shown; "" for the first
    """

    sections = COMPARED
    others: tuple[str, ...] = declared((), names(MOST_OTHERS, longest=900), rule=rules.others)
    band: int | None = declared(None, NUMBER)
    grid: str = declared("", text(longest=40))

    @property
    def _section_of_fields(self) -> str:
        return "block" if self.band is None else "channels"

    @classmethod
    def entered(cls, values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Sets one latent, which was chosen for one model, back to the mean: the latents of other models are others."""
        if values["reduce"] != "latent":
            return {}, ""
        return {"reduce": "mean", "latent": None}, (
            "The latents of one model do not correspond to those of another: showing the mean over latents in place of "
            "the chosen latent."
        )


@dataclass(frozen=True)
class DataSetView(SectionView):
    """The Data set page.

    true_class, predicted  the inputs that are listed: of this true class, with this prediction; None for all
    example                the input that is shown, by its row; None for the first that is listed
    colouring              of the map of examples: by "class", or by whether the prediction is "right"
    rival                  the checkpoint that this one is compared with; None for none
    """

    sections = SURVEYED
    true_class: int | None = declared(None, NUMBER, rule=rules.class_or_all, of="model")
    predicted: int | None = declared(None, NUMBER, rule=rules.class_or_all, of="model")
    example: int | None = declared(None, NUMBER, of="model")
    colouring: Literal["class", "right"] = declared("class", choice(("class", "right")))
    rival: str | None = declared(None, text(longest=300), rule=rules.rival)

    @property
    def _section_of_fields(self) -> str:
        if self.rival is not None:
            return "rival"
        of_examples = self.true_class is not None or self.predicted is not None
        return "examples" if of_examples or self.latent is None else "importance"


@dataclass(frozen=True)
class OpenView(View):
    """The Open page, which adds no field."""


PAGES = (ExploreView, ExplainView, AblateView, CompareView, DataSetView, OpenView)
FIELDS = fields.declarations(*PAGES)
DEFAULTS = fields.defaults(*PAGES)
"""The values that a session begins with."""


def parse(params: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], list[str]]:
    """The values of all pages from an address, and a note on every value that is dropped."""
    values, notes = fields.parse(params, FIELDS)
    return DEFAULTS | values, notes


def unparse(values: Mapping[str, Any]) -> dict[str, str]:
    """The address of the values of all pages: what differs from the defaults, and always the model and the sample."""
    told = {name: value for name, value in values.items() if value != DEFAULTS[name] or name in ("model", "sample")}
    return fields.unparse(told, FIELDS)
