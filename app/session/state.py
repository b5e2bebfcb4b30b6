"""What the address bar and the session hold, in one typed object.

`View` is the whole view. The session keeps one, controls change it through callbacks, and every run ends by writing it
to the address bar, so that each view is a link. We write it ourselves, not through the widgets' own binding: a bad
value in a link has to be named in a note, a choice has to outlive the moments when its control is hidden, and links
must not change with the labels of the controls.

Numbers in the address count from 1, as everything on the page does; in `View` they count from 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from perceiver.analysis import ablation
from perceiver.analysis.methods import METHODS, RELEVANCE_METHODS, SHUFFLES, RelevanceMethod, Shuffle
from perceiver.errors import ConfigError, InputError
from perceiver.modalities import Option
from perceiver.trace import KINDS, Kind

REDUCTIONS = ("mean", "max", "entropy", "latent")
SCALES = ("shared", "uniform", "per_map", "log")
SHOWN = ("blocks", "previous", "first")
LAID = ("input", "alone")
CURVES = ("single", "cumulative")
MEASURES = ("logit", "probability")
COLOURS = ("magma", "viridis", "inferno", "cividis", "greys")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "reduce": REDUCTIONS,
    "kind": KINDS,
    "scale": SCALES,
    "show": SHOWN,
    "colours": COLOURS,
    "laid": LAID,
    "method": RELEVANCE_METHODS,
    "by": tuple(METHODS),
    "curve": CURVES,
    "measure": MEASURES,
    "shuffle": SHUFFLES,
}
NUMBERS = ("block", "latent", "head", "pick", "target", "against", "band", "part", "group")
COUNTS = {"overlay": (0, 100), "groups": (2, 8), "side": (1, 4096), "seed": (0, 10**9 - 1)}
"""Fields that hold a number as it is written, from and to."""

LONGEST = 100
LONGEST_OF = {"ablate": ablation.LONGEST, "model": 300, "others": 900}
"""The longest text that is looked at; a model from the hub is named with all that was said about it."""

MOST_OTHERS = 3
"""Models that are set beside the first."""


@dataclass(frozen=True)
class View:
    """One view of one sample in one model.

    model    a checkpoint's name; empty for the first
    sample   a bundled sample's name, or `sha256-` and the digest of an upload; empty for the first
    read     how it is read: choices by name, those at their default left out
    reduce   how a block's latents become one map; "latent" shows one of them
    latent   which; None for the one that reads the most concentrated
    head     one head; None for the mean over heads
    show     "blocks", or each block's difference from the "previous" or the "first"
    laid     the map over the "input", or "alone"
    overlay  how strongly it covers the input, in percent
    pick     the input element whose readers are shown
    ablate   what is taken out of the position code, as `ablated` writes it
    target   the class that is asked about; None for the most probable one
    against  the class that it is set against; None for none
    others   checkpoints that are set beside `model`
    band     the band or component of the position codes that is looked at; None for one in the middle
    method   how relevance is worked out
    part     the block whose part of the relevance is shown; None for all blocks together
    by       the map of several that is looked at closely
    groups   how many groups the latents of a block are put into
    group    the one that is looked at; None for the largest
    curve    what each frequency matters: a "single" band taken away, or all beyond it, "cumulative"
    measure  the change that is drawn: of the target's "logit" or of its "probability"
    shuffle  what is put into another order: whole "elements", "contents" against positions, or these in "blocks"
    side     elements along a side of these blocks
    seed     of the order
    """

    model: str = ""
    sample: str = ""
    read: tuple[tuple[str, str], ...] = ()
    block: int = 0
    reduce: str = "mean"
    latent: int | None = None
    head: int | None = None
    kind: Kind = "probability"
    scale: str = "shared"
    show: str = "blocks"
    colours: str = "magma"
    laid: str = "input"
    overlay: int = 85
    pick: int | None = None
    ablate: str = ""
    target: int | None = None
    against: int | None = None
    others: tuple[str, ...] = ()
    band: int | None = None
    method: RelevanceMethod = "gradient"
    part: int | None = None
    by: str = "attention"
    groups: int = 4
    group: int | None = None
    curve: Literal["single", "cumulative"] = "single"
    measure: Literal["logit", "probability"] = "logit"
    shuffle: Shuffle = "contents"
    side: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Limits:
    """What the chosen model and sample allow, as far as it is known yet.

    blocks  those that have a map
    shape   the grid of input elements
    options what may be chosen about reading an input
    classes that the model tells apart
    others  checkpoints that can be set beside it
    """

    models: Collection[str]
    samples: Sequence[str] | None = None
    blocks: Sequence[int] = ()
    latents: int = 0
    heads: int = 0
    shape: tuple[int, ...] = ()
    options: Sequence[Option] | None = None
    classes: int = 0
    others: Collection[str] | None = None


def parse(params: Mapping[str, Sequence[str]]) -> tuple[View, list[str]]:
    """A view from an address, whatever it holds, and a note on every value that was dropped.

    Notes never repeat text from the address.
    """
    values: dict[str, Any] = {}
    notes = []
    for name, given in params.items():
        if name not in DEFAULTS or not given:
            continue
        if len(given) > 1:
            notes.append(f"The link gives “{name}” more than once; the last one counts.")
        text = given[-1].strip()
        try:
            values[name] = _value(name, text)
        except ValueError:
            notes.append(f"The link gives no valid value for “{name}”, so it is left at its default.")
    return View(**values), notes


def unparse(view: View) -> dict[str, str]:
    """The address of a view: what differs from the defaults, and always the model and the sample."""
    out = {}
    for name in DEFAULTS:
        value = getattr(view, name)
        if value != DEFAULTS[name] or name in ("model", "sample"):
            out[name] = _text(name, value)
    return {name: value for name, value in out.items() if value}


def fit(view: View, limits: Limits) -> tuple[View, list[str]]:
    """The view as far as the model and the sample allow it, and a note on everything that had to give way."""
    changes: dict[str, Any] = {}
    notes = []

    def fall_back(name: str, to: Any, note: str) -> None:
        changes[name] = to
        notes.append(note)

    if view.model not in limits.models:
        changes["model"] = next(iter(limits.models))
        if view.model:
            notes.append("The link names a model that is not here; showing another.")
    uploaded = view.sample.startswith(UPLOADED)
    if limits.samples is not None and view.sample not in limits.samples and not uploaded:
        changes["sample"] = limits.samples[0] if limits.samples else ""
        if view.sample:
            notes.append("The link names a sample that is not here; showing another.")
    if limits.options is not None:
        changes["read"], refused = _read(view.read, limits.options)
        notes.extend(refused)
    if limits.blocks and view.block not in limits.blocks:
        first = limits.blocks[0]
        if view.block == DEFAULTS["block"]:
            changes["block"] = first
        else:
            fall_back("block", first, f"There is no map of block {view.block + 1} here; showing block {first + 1}.")
    for name, count, instead in (
        ("latent", limits.latents, "the most concentrated one"),
        ("head", limits.heads, "the mean over heads"),
        ("pick", math.prod(limits.shape) if limits.shape else 0, "none"),
        ("target", limits.classes, "the most probable one"),
        ("against", limits.classes, "none"),
        ("group", view.groups, "the largest"),
    ):
        value = getattr(view, name)
        if count and value is not None and not value < count:
            what = {"pick": "input element", "target": "class", "against": "class"}.get(name, name)
            fall_back(name, None, f"There is no {what} {value + 1} here, they run to {count:,}; showing {instead}.")
    if view.reduce == "entropy" and view.kind == "score":
        fall_back("reduce", "mean", "Scores are no shares of anything, so they have no entropy; showing their mean.")
    if limits.blocks and view.part is not None and view.part not in limits.blocks:
        fall_back("part", None, f"There is no map of block {view.part + 1} here; showing all blocks together.")
    if limits.others is not None:
        changes["others"] = tuple(name for name in view.others if name in limits.others and name != view.model)
        if len(changes["others"]) < len(set(view.others) - {view.model}):
            notes.append("The link names a model to compare with that is not here or cannot read this input.")
    if len(limits.blocks) == 1 and view.show != DEFAULTS["show"]:
        fall_back("show", DEFAULTS["show"], "There is one map here, so there are no differences between maps.")
    return dataclasses.replace(view, **changes), notes


def current(page: str) -> View:
    """The session's view. On the first run, and after the address was changed by hand or by the browser's history,
    it is read from the address; from one page to another it is taken along.

    page  the name of the page that asks
    """
    held = st.session_state.get("view")
    moved = st.session_state.get("page", page) != page
    st.session_state["page"] = page
    params = {name: st.query_params.get_all(name) for name in st.query_params}
    address = {name: given[-1] for name, given in params.items() if given}
    touched = st.session_state.pop("touched", False)
    # A run that a control started carries the address from before it: the browser has not heard of the change yet.
    changed = not touched and address != st.session_state.get("published")
    # Going to another page by its name clears the address.
    if held is None or (changed and not (moved and not address)):
        held, notes = parse(params)
        st.session_state["view"] = held
        # Noted at once: going on in the history can end this run before it publishes.
        st.session_state["published"] = address
        remark(notes)
    return held


def settle(limits: Limits) -> View:
    """Fits the session's view to the limits, keeping notes on what gave way."""
    view = st.session_state["view"]
    if limits.shape:
        if st.session_state.get("shape", limits.shape) != limits.shape:
            view = dataclasses.replace(view, pick=None)  # on another grid the same number is another place
        st.session_state["shape"] = limits.shape
    view, notes = fit(view, limits)
    st.session_state["view"] = view
    remark(notes)
    return view


def change(**values: Any) -> None:
    """Changes some fields of the session's view; for callbacks."""
    view = st.session_state.get("view", View())
    if values.get("model", view.model) != view.model:
        # Latents, heads, bands and classes mean something else in another model; the block is kept where it exists.
        values = {"latent": None, "head": None, "ablate": "", "target": None, "against": None, **values}
        values = {"part": None, "group": None, **values}
    if values.get("sample", view.sample) != view.sample:
        values = {"pick": None, "read": (), **values}
    st.session_state["view"] = dataclasses.replace(view, **values)
    st.session_state["touched"] = True
    st.session_state["notes"] = []


def choose(name: str, value: str) -> None:
    """Chooses how the input is read: another part of it, or turned another way, so that the pick means nothing."""
    read = dict(st.session_state["view"].read) | {name: value}
    change(read=tuple(sorted(read.items())), pick=None)


def keep(digest: str, name: str, data: bytes) -> None:
    """Keeps an upload for this session, in place of the one before, and shows it."""
    st.session_state["upload_kept"] = (digest, name, data)
    change(sample=UPLOADED + digest)


def upload(sample: str) -> tuple[str, bytes] | None:
    """Name and bytes of the upload that a view's sample names; None when this session does not hold it."""
    digest, name, data = st.session_state.get("upload_kept", ("", "", b""))
    return (name, data) if sample == UPLOADED + digest else None


def ablated(taken: ablation.Ablation) -> str:
    """An ablation as a view holds it: what takes a channel's place is kept even while nothing is taken away."""
    return taken.text() or (f"shuffle:{taken.seed}" if taken.fill == "shuffle" else taken.fill.replace("zero", ""))


def give_up(name: str, note: str) -> None:
    """Sets a field of the session's view back to its default and keeps a note on why."""
    st.session_state["view"] = dataclasses.replace(st.session_state["view"], **{name: DEFAULTS[name]})
    remark([note])


def publish() -> None:
    """Writes the session's view to the address bar."""
    address = unparse(st.session_state["view"])
    st.session_state["published"] = address
    st.session_state.pop("touched", None)
    if {n: st.query_params.get_all(n) for n in st.query_params} != {n: [v] for n, v in address.items()}:
        st.query_params.from_dict(address)


def remark(notes: Sequence[str]) -> None:
    """Keeps notes on a link until the next change."""
    st.session_state.setdefault("notes", []).extend(notes)


def notes() -> list[str]:
    """What had to be changed about the link, one sentence each."""
    return list(st.session_state.get("notes", []))


def _read(
    chosen: Sequence[tuple[str, str]], options: Sequence[Option]
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """The choices that mean something and differ from the default, and a note on the others."""
    known = {option.name: option for option in options}
    kept, notes = {}, []
    for name, value in chosen:
        try:
            if name not in known:
                raise InputError(name)
            known[name].parse(value)
        except InputError:
            notes.append("The link chooses a way of reading that is not possible here; it is left at its default.")
        else:
            if value != str(known[name].default):
                kept[name] = value
    return tuple(sorted(kept.items())), notes


def _text(name: str, value: Any) -> str:
    """The value of one field as an address holds it."""
    if value is None:
        return ""
    if name in NUMBERS:
        return str(value + 1)
    if name == "others":
        return ",".join(value)
    return ",".join(f"{key}:{chosen}" for key, chosen in value) if name == "read" else str(value)


def _value(name: str, text: str) -> Any:
    """The value of one field. Raises ValueError when the text is none."""
    if not text or len(text) > LONGEST_OF.get(name, LONGEST):
        raise ValueError(name)
    if name == "ablate":
        try:
            return ablated(ablation.parse(text))
        except ConfigError as error:
            raise ValueError(name) from error
    if name == "others":
        others = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        if not all(others) or len(others) > MOST_OTHERS:
            raise ValueError(name)
        return others
    if name in NUMBERS or name in COUNTS:
        number = int(text) if text.isascii() and text.isdecimal() else -1
        low, high = COUNTS.get(name, (1, math.inf))
        if not low <= number <= high:
            raise ValueError(name)
        return number if name in COUNTS else number - 1
    if name == "read":
        pairs = [part.partition(":") for part in text.split(",")]
        if not all(key and chosen for key, _, chosen in pairs):
            raise ValueError(name)
        return tuple(sorted({key: chosen for key, _, chosen in pairs}.items()))
    if name in CHOICES and text not in CHOICES[name]:
        raise ValueError(name)
    return text


UPLOADED = "sha256-"
DEFAULTS = {field.name: field.default for field in dataclasses.fields(View)}
