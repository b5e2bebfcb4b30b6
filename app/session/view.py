"""What each page shows, as a small typed view of the values that the address bar holds.

All pages share the fields of `View`, and each adds its own. The session holds the values of all pages, so that what
is chosen on one page is still chosen when the visitor comes back to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from perceiver.analysis import erasure
from perceiver.analysis.methods import (
    ERASED_BY,
    METHODS,
    RELEVANCE_METHODS,
    SHUFFLES,
    ErasedBy,
    RelevanceMethod,
    Shuffle,
)
from perceiver.analysis.region import CellBox
from perceiver.analysis.region import parse as parse_region
from perceiver.errors import InputError
from perceiver.trace import KINDS, REDUCTIONS, Kind, Reduce

from . import fields
from .fields import ABLATION, NUMBER, PAIRS, PARTS, REGION, REGIONS, SECONDS, Rule, choice, declared, names, text, whole

if TYPE_CHECKING:
    from perceiver.modalities import Option

COLOURS = ("magma", "viridis", "inferno", "cividis", "greys")
OVERLAY = (0, 100)
"""How strongly a map can cover the input, in percent."""

CLUSTERS = (2, 8)
"""How many clusters the latents of a block can be put into."""

EXPLAINED = ("relevance", "methods", "clusters", "latents")
"""The parts of the Explain page below the strip, of which one is shown."""

MOST_OTHERS = 3
"""Models that can be compared with the first."""

UPLOADED = "sha256-"
"""What the names of uploads begin with; the digest follows."""


@dataclass(frozen=True)
class Limits:
    """What the chosen model and sample allow, as far as it is known yet.

    blocks   those that have a map
    plan     how many there are in all
    shape    the grid of input elements
    options  the reading options of the modality
    classes  how many the model tells apart
    others   checkpoints that can be compared with the model
    """

    models: Collection[str]
    samples: Sequence[str] | None = None
    blocks: Sequence[int] = ()
    plan: int = 0
    latents: int = 0
    heads: int = 0
    shape: tuple[int, ...] = ()
    options: Sequence[Option] | None = None
    classes: int = 0
    others: Collection[str] | None = None


def _model(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    if value in limits.models:
        return value, ""
    return next(iter(limits.models)), "The link names a model that is not here; showing another." if value else ""


def _sample(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    if limits.samples is None or value in limits.samples or value.startswith(UPLOADED):
        return value, ""
    first = limits.samples[0] if limits.samples else ""
    return first, "The link names a sample that is not here; showing another." if value else ""


def _donor(value: str | None, values: Mapping[str, Any], limits: Limits) -> tuple[str | None, str]:
    if value is None or limits.samples is None or (value in limits.samples and value != values["sample"]):
        return value, ""
    return None, "" if value == values["sample"] else "The link names a sample to take states from that is not here."


def _options(value: tuple[tuple[str, str], ...], _: Mapping[str, Any], limits: Limits) -> tuple[Any, str]:
    """Keeps what the modality knows and what is not the default anyway."""
    if limits.options is None:
        return value, ""
    known = {option.name: option for option in limits.options}
    kept, note = {}, ""
    for name, chosen in value:
        try:
            if name not in known:
                raise InputError(name)
            known[name].parse(chosen)
        except InputError:
            note = "The link chooses a way of reading that is not possible here; it is left at its default."
        else:
            if chosen != str(known[name].default):
                kept[name] = chosen
    return tuple(sorted(kept.items())), note


def _block(value: int, _: Mapping[str, Any], limits: Limits) -> tuple[int, str]:
    if not limits.blocks or value in limits.blocks:
        return value, ""
    first = limits.blocks[0]
    # Nobody asked for the default, so nobody needs to be told where it has no map.
    return first, f"There is no map of block {value + 1} here; showing block {first + 1}." if value else ""


def _part(value: int | None, _: Mapping[str, Any], limits: Limits) -> tuple[int | None, str]:
    if not limits.blocks or value is None or value in limits.blocks:
        return value, ""
    return None, f"There is no map of block {value + 1} here; showing all blocks together."


def _below(what: str, instead: str, count: Callable[[Mapping[str, Any], Limits], int]) -> Rule:
    """The rule of a number below a count; 0 where the count is not known yet."""

    def rule(value: int | None, values: Mapping[str, Any], limits: Limits) -> tuple[int | None, str]:
        most = count(values, limits)
        if value is None or not most or value < most:
            return value, ""
        return None, f"There is no {what} {value + 1} here, they run to {most:,}; showing {instead}."

    return rule


def _reduce(value: str, values: Mapping[str, Any], _: Limits) -> tuple[str, str]:
    if value != "entropy" or values["kind"] != "score":
        return value, ""
    return "mean", "Scores are no shares of anything, so they have no entropy; showing their mean."


def _show(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    if len(limits.blocks) != 1 or value == "blocks":
        return value, ""
    return "blocks", "There is one map here, so there are no differences between maps."


def _region(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    """Drops a region of cells that the grid does not have; other regions depend on the input."""
    found = parse_region(value) if value and limits.shape else None
    if not isinstance(found, CellBox):
        return value, ""
    fits = len(found.cells) == len(limits.shape) and all(
        stop <= size for (_, stop), size in zip(found.cells, limits.shape, strict=True)
    )
    return (value, "") if fits else ("", "The link selects a region that this input does not have; showing none.")


def _erase(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    """Drops erased regions of cells that the grid does not have; those of other regions depend on the input."""
    if not value or not limits.shape:
        return value, ""
    for one in erasure.parse(value).regions:
        dropped = isinstance(one, CellBox) and _region(one.text(), {}, limits)[1]
        if dropped or (isinstance(one, erasure.ElementMask) and one.total != math.prod(limits.shape)):
            return "", "The link erases elements that this input does not have; erasing none."
    return value, ""


def _others(value: tuple[str, ...], values: Mapping[str, Any], limits: Limits) -> tuple[tuple[str, ...], str]:
    if limits.others is None:
        return value, ""
    wanted = [name for name in value if name != values["model"]]
    kept = tuple(name for name in wanted if name in limits.others)
    missing = len(kept) < len(set(wanted))
    return kept, "The link names a model to compare with that is not here or cannot read this input." if missing else ""


def _rival(value: str | None, values: Mapping[str, Any], limits: Limits) -> tuple[str | None, str]:
    if value is None or limits.others is None or (value in limits.others and value != values["model"]):
        return value, ""
    return None, "The link names a model to compare with that is not here or reads other inputs."


_class_or_all = _below("class", "all classes", lambda _, limits: limits.classes)


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

    model: str = declared("", text(longest=300), rule=_model)
    sample: str = declared("", text(), rule=_sample)
    read: tuple[tuple[str, str], ...] = declared((), PAIRS, rule=_options, of="sample")
    block: int = declared(0, NUMBER, rule=_block)
    reduce: Reduce | Literal["latent"] = declared("mean", choice((*REDUCTIONS, "latent")), rule=_reduce)
    latent: int | None = declared(
        None, NUMBER, rule=_below("latent", "the most concentrated one", lambda _, limits: limits.latents), of="model"
    )
    head: int | None = declared(
        None, NUMBER, rule=_below("head", "the mean over heads", lambda _, limits: limits.heads), of="model"
    )
    kind: Kind = declared("probability", choice(KINDS))
    scale: str = declared("shared", choice(("shared", "uniform", "per_map", "log")))
    colours: str = declared("magma", choice(COLOURS))
    laid: str = declared("input", choice(("input", "alone")))
    overlay: int = declared(85, whole(*OVERLAY))
    pick: int | None = declared(
        None,
        NUMBER,
        rule=_below("input element", "none", lambda _, limits: math.prod(limits.shape) if limits.shape else 0),
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
        "blocks", choice(("blocks", "previous", "first")), rule=_show
    )
    region: str = declared("", REGION, rule=_region, of="sample")
    among: int | None = declared(None, NUMBER, rule=_part, of="model")
    split: str = declared("", PARTS)


@dataclass(frozen=True)
class ClassView(View):
    """Pages that ask about one class.

    target  the class; None for the most probable one
    """

    target: int | None = declared(
        None, NUMBER, rule=_below("class", "the most probable one", lambda _, limits: limits.classes), of="model"
    )


@dataclass(frozen=True)
class ExplainView(ClassView):
    """The Explain page.

    section  the part of the page below the strip; empty for the one that the other fields are about
    against  the class that the target is contrasted with; None for none
    method   how relevance is computed
    part     the block whose part of the relevance is shown; None for all blocks together
    by       the method whose map is shown large
    groups   how many clusters the latents of a block are put into
    group    the cluster that is shown; None for the largest
    after    the block after which latents are removed; None for latents that are removed from the start
    donor    the sample whose states the latents get; None for none
    """

    section: str = declared("", choice(EXPLAINED))
    against: int | None = declared(
        None, NUMBER, rule=_below("class", "none", lambda _, limits: limits.classes), of="model"
    )
    method: RelevanceMethod = declared("gradient", choice(RELEVANCE_METHODS))
    part: int | None = declared(None, NUMBER, rule=_part, of="model")
    by: str = declared("attention", choice(tuple(METHODS)))
    groups: int = declared(4, whole(*CLUSTERS))
    group: int | None = declared(
        None, NUMBER, rule=_below("group", "the largest", lambda values, _: values["groups"]), of="model"
    )
    after: int | None = declared(
        None, NUMBER, rule=_below("block", "removal from the start", lambda _, limits: limits.plan), of="model"
    )
    donor: str | None = declared(None, text(), rule=_donor, of="model")

    @property
    def shown_section(self) -> str:
        """The part of the page below the strip; where none is named, the one that the other fields are about."""
        of_latents = self.donor is not None or self.after is not None
        of_clusters = self.group is not None or self.groups != DEFAULTS["groups"]
        of_maps = "methods" if self.by != DEFAULTS["by"] else "relevance"
        return self.section or ("latents" if of_latents else "clusters" if of_clusters else of_maps)


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
    erase: str = declared("", REGIONS, rule=_erase, of="sample")
    only: Literal["inside", "outside"] = declared("inside", choice(("inside", "outside")))
    erasing: ErasedBy = declared("remove", choice(ERASED_BY))
    curve: Literal["single", "cumulative"] = declared("single", choice(("single", "cumulative")))
    measure: Literal["logit", "probability"] = declared("logit", choice(("logit", "probability")))
    shuffle: Shuffle = declared("elements", choice(SHUFFLES))
    side: int = declared(8, whole(1, 4096))
    seed: int = declared(0, whole(0, 10**9 - 1))


@dataclass(frozen=True)
class CompareView(View):
    """The Compare page.

    others  checkpoints that are compared with `model`
    band    the band or component of the position encodings that is shown; None for one in the middle
    """

    others: tuple[str, ...] = declared((), names(MOST_OTHERS, longest=900), rule=_others)
    band: int | None = declared(None, NUMBER)

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
class DataSetView(View):
    """The Data set page.

    true_class, predicted  the inputs that are listed: of this true class, with this prediction; None for all
    example                the input that is shown, by its row
    colouring              of the map of examples: by "class", or by whether the prediction is "right"
    rival                  the checkpoint that this one is compared with; None for none
    """

    true_class: int | None = declared(None, NUMBER, rule=_class_or_all, of="model")
    predicted: int | None = declared(None, NUMBER, rule=_class_or_all, of="model")
    example: int | None = declared(None, NUMBER, of="model")
    colouring: Literal["class", "right"] = declared("class", choice(("class", "right")))
    rival: str | None = declared(None, text(longest=300), rule=_rival)


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
