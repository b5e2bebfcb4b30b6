"""The sets of weights in one file: those of a model, and averages of them that trainers keep beside it.

A trainer's average may be a mapping of its own, tensors with a prefix among the model's (`ema_model.latents`), a part
of the weights, or a list without names in the order of the parameters. Names, shapes and places are compared here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import CheckpointError
from .header import Entry

Place = tuple[str, ...]
"""The keys under which something is found in a file: ("callbacks", "EMA", "weights")."""

TOP = "top"
"""The name of the set at the top level of a file."""

# Where training tools put the model's tensors.
_PLACES = (
    *("state_dict", "model_state_dict", "model_state", "model", "module", "sd", "weights", "params", "net"),
    *("network", TOP),
)
# What they put beside the model, and may hold tensors too: first words of names.
ASIDE = ("optim", "sched", "lr_", "callback", "loops", "scaler", "amp", "native_amp", "rng", "metric")
# Words of names that say that weights are an average, or those that an average is made of.
_AVERAGES = {"ema", "swa", "avg", "average", "averaged", "averaging", "shadow", "teacher", "slow", "polyak", "ax"}
_CURRENT = {"online", "student", "current", "raw"}
# What optimisers keep for each weight is no weight.
_STATISTICS = re.compile(r"exp_avg|grad|momentum_buffer|_sq\b|fisher|square")
_COUNTERS = {"n_averaged", "initted", "step", "steps", "num_updates", "updates", "decay"}
_MAX_NAME = 512
# Also inside a name, where only a part of the model was wrapped.
_INSIDE = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_WRAPPERS = ("module", "model", "backend_model", "_forward_module", "_module")
_MAX_GAP = 64
_HALF = 2


@dataclass(frozen=True)
class WeightSet:
    """Tensors that may be a model's weights.

    name     what it is called: "state_dict", "callbacks.EMA.weights", "ema_model"
    place    the keys under which it is in the file
    names    the model's own name of each tensor -> its name in the file
    keys     its own name -> the key it is read by
    entries  its own name -> number type and shape
    average  whether words of its place say that it is an average
    aside    whether it is among what trainers keep for themselves, such as an optimiser's state
    notes    what was changed about its names
    """

    name: str
    place: Place
    names: Mapping[str, str]
    keys: Mapping[str, str]
    entries: Mapping[str, Entry]
    average: bool = False
    aside: bool = False
    notes: tuple[str, ...] = ()

    def fits(self, other: WeightSet) -> bool:
        """Whether it has tensors of the same names and shapes as another, and no others."""
        return _shapes(self.entries) == _shapes(other.entries)

    def is_part_of(self, other: WeightSet) -> bool:
        """Whether each of its tensors has the name and the shape of one of another's."""
        return _shapes(self.entries).items() <= _shapes(other.entries).items()

    def filled(self, other: WeightSet) -> WeightSet:
        """A part of the weights with what it lacks from another set."""
        missing = len(other.keys) - len(self.keys)
        if not missing:
            return self
        note = (
            f"took {len(self.keys)} of {len(other.keys)} tensors from {self.name}, which has no more, and the others "
        )
        return WeightSet(
            self.name,
            self.place,
            {**other.names, **self.names},
            {**other.keys, **self.keys},
            {**other.entries, **self.entries},
            self.average,
            self.aside,
            (*self.notes, f"{note}from {other.name}"),
        )

    def without_dots(self, other: WeightSet) -> WeightSet:
        """With another's names where its own are those without their dots, as some averages store them."""
        plain = {whole.replace(".", ""): own for own, whole in other.names.items()}
        plain |= {own.replace(".", ""): own for own in other.names}
        if not self.keys or any("." in name for name in self.keys) or not plain.keys() >= self.keys.keys():
            return self
        return self._renamed({own: plain[own] for own in self.keys})

    def inside(self) -> WeightSet | None:
        """Without the first part of all its names, if that is the same; None otherwise."""
        firsts = {name.partition(".")[0] for name in self.keys}
        if len(firsts) != 1 or not all("." in name for name in self.keys):
            return None
        return self._renamed({own: own.partition(".")[2] for own in self.keys})

    def _renamed(self, to: Mapping[str, str]) -> WeightSet:
        if len(set(to.values())) < len(to):
            return self
        own, whole = next((to[one], self.names[one]) for one in to)
        note = f"removed wrappers' prefixes from {len(to)} of {len(to)} tensor names ({whole} is {own})"
        return replace(
            self,
            names={to[one]: name for one, name in self.names.items()},
            keys={to[one]: key for one, key in self.keys.items()},
            entries={to[one]: entry for one, entry in self.entries.items()},
            notes=(note,),
        )


@dataclass(frozen=True)
class WeightList:
    """Tensors without names, as some trainers keep an average: name of the place, keys and entries in order."""

    name: str
    keys: Sequence[str]
    entries: Sequence[Entry]

    def named(self, model: WeightSet, identity: Callable[[str], Hashable]) -> WeightSet | None:
        """The part of the model's weights that these are, if they are the parameters in their order.

        identity  equal for keys of tied weights, which stand in the list once

        Statistics of batch norms and whole numbers are no parameters. None if shapes do not fit in exactly one way.
        """
        seen: set[Hashable] = set()
        names = []
        for own, key in model.keys.items():
            if own.endswith(("running_mean", "running_var")) or model.entries[own].dtype[0] not in "FB":
                continue
            if identity(key) not in seen:
                seen.add(identity(key))
                names.append(own)
        places = _only_way([one.shape for one in self.entries], [model.entries[own].shape for own in names])
        if places is None:
            return None
        found = {names[at]: i for at, i in zip(places, range(len(self.keys)), strict=True)}
        # A tied weight is averaged under all its names.
        first = {identity(model.keys[own]): own for own in reversed(names)}
        for own, key in model.keys.items():
            twin = first.get(identity(key))
            if own not in found and twin in found:
                found[own] = found[twin]
        return WeightSet(
            self.name,
            (self.name,),
            {own: f"{self.name}.{i}" for own, i in found.items()},
            {own: self.keys[i] for own, i in found.items()},
            {own: self.entries[i] for own, i in found.items()},
            average=True,
            aside=True,
            notes=(f"gave the {len(self.keys)} tensors of {self.name} the names of the parameters in their order",),
        )


def is_average(text: str) -> bool:
    """Whether words of a name say that something is an average of weights."""
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower())
    return bool(_AVERAGES.intersection(words)) and not _STATISTICS.search(text)


def called(place: Place) -> str:
    """What a place is called: its keys, without what tools add in braces and what a command line would not take."""
    parts = [re.sub(r"[^\w-]+", "_", part.partition("{")[0]).strip("_")[:60] or "_" for part in place]
    return ".".join(parts) or TOP


def sets_in(label: str, place: Place, entries: Mapping[str, Entry], key: Callable[[str], str]) -> list[WeightSet]:
    """The sets in one mapping of names to tensors: one, or several whose names begin with other words.

    key  of a name in the mapping

    Raises CheckpointError when two names become one without their wrappers' prefixes, or one cannot be printed.
    """
    groups: dict[str, dict[str, str]] = {}  # prefix -> name behind it -> whole name
    counters = []
    for whole in entries:
        _check_name(label, whole)
        prefix, rest = _prefix(whole)
        if rest.rpartition(".")[2] in _COUNTERS and entries[whole].shape in ((), (1,)):
            counters.append(whole)
            continue
        groups.setdefault(prefix, {})[rest] = whole
    notes = (f"left out what counts steps and averages ({', '.join(counters[:3])})",) if counters else ()
    found = []
    for prefix, wholes in groups.items():
        names = _unwrapped(label, wholes)
        where = (*place, prefix) if prefix else place
        found.append(
            WeightSet(
                ".".join(filter(None, (called(place) if place or not prefix else "", prefix))),
                place,
                names,
                {own: key(whole) for own, whole in names.items()},
                {own: entries[whole] for own, whole in names.items()},
                average=any(is_average(part) for part in where),
                aside=any(part.lower().startswith(ASIDE) for part in place),
                notes=(*_wrapper_notes(names), *notes),
            )
        )
    return [one for one in found if not any(_STATISTICS.search(part) for part in place)]


def default_of(sets: Iterable[WeightSet]) -> WeightSet | None:
    """The set that is the model's by its place; None if that is not clear.

    Beside the model a few tensors may lie, such as the classes' weights among the settings, but no second model.
    """
    every = [one for one in sets if not one.aside]
    most = max((len(one.keys) for one in every), default=0)
    large = [one for one in every if _HALF * len(one.keys) >= most]
    usual = [one for one in large if not one.average and one.name.rpartition(".")[2] in _PLACES]
    plain = [one for one in large if not one.average]
    current = [one for one in large if _CURRENT.intersection(re.split(r"[._]", one.name))]
    return next((found[0] for found in (large, usual, plain, current) if len(found) == 1), None)


def _shapes(entries: Mapping[str, Entry]) -> dict[str, tuple[int, ...]]:
    return {name: entry.shape for name, entry in entries.items()}


def _prefix(whole: str) -> tuple[str, str]:
    """A name up to the last of its first words that says which of several models it belongs to, and the rest."""
    parts = whole.split(".")
    ends = [
        i for i, part in enumerate(parts[:4][:-1]) if is_average(part) or _CURRENT.intersection(part.lower().split("_"))
    ]
    if not ends:
        return "", whole
    return ".".join(parts[: ends[-1] + 1]), ".".join(parts[ends[-1] + 1 :])


def _check_name(label: str, whole: str) -> None:
    if len(whole) > _MAX_NAME or not whole.isprintable():
        raise CheckpointError(f"{label} names a tensor {whole[:40]!r}..., which no model does")


def _unwrapped(label: str, wholes: Mapping[str, str]) -> dict[str, str]:
    """The model's own name of each tensor -> its name in the file, without the prefixes of compiling, data parallelism,
    sharding and training wrappers. Raises CheckpointError when two become one."""
    names: dict[str, str] = {}
    for rest, whole in wholes.items():
        parts = [part for part in rest.split(".") if part not in _INSIDE]
        while len(parts) > 1 and parts[0] in _WRAPPERS:
            del parts[0]
        name = ".".join(parts)
        if name in names:
            raise CheckpointError(f"{label} holds {name} twice, as {names[name]} and as {whole}")
        names[name] = whole
    return names


def _wrapper_notes(names: Mapping[str, str]) -> tuple[str, ...]:
    """A note on the prefixes that were removed, if there were any."""
    renamed = [(name, stored) for name, stored in names.items() if name != stored]
    if not renamed:
        return ()
    name, stored = renamed[0]
    return (f"removed wrappers' prefixes from {len(renamed)} of {len(names)} tensor names ({stored} is {name})",)


def _only_way(part: Sequence[tuple[int, ...]], whole: Sequence[tuple[int, ...]]) -> list[int] | None:
    """Where each of `part` is in `whole`, in order, if there is exactly one such way; None otherwise."""
    gap = len(whole) - len(part)
    if not part or not 0 <= gap <= _MAX_GAP:
        return None

    def first(items: Sequence[tuple[int, ...]], among: Sequence[tuple[int, ...]]) -> list[int] | None:
        """The way that takes each as early as possible."""
        places, at = [], 0
        for item in items:
            while at < len(among) and among[at] != item:
                at += 1
            if at == len(among):
                return None
            places.append(at)
            at += 1
        return places

    early, late = first(part, whole), first(part[::-1], whole[::-1])
    if early is None or late is None:
        return None
    # Every way lies between the earliest and the latest; if these are equal there is no other.
    return early if early == [len(whole) - 1 - at for at in late[::-1]] else None
