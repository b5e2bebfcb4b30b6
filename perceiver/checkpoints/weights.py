"""Which set of weights of a file becomes the model, where it holds several: the trained ones and averages of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..errors import CheckpointError
from .formats.base import GivenValue, Option, listed
from .tensors.file import TensorFile
from .tensors.header import Entry
from .tensors.sets import WeightSet, is_average

WEIGHTS = "weights"
"""The name of the option that chooses a set."""

_MAX_PREFIXES = 3
_HALF = 2


@dataclass(frozen=True)
class ChosenWeights:
    """A file whose entries are those of one set.

    option  the choice among all sets that fit, None where there is one set alone; it has no default where it is not
            clear which set is the model, and `file` has the first one then
    notes   which other sets there are
    """

    file: TensorFile
    option: Option | None
    notes: tuple[str, ...]


def choose(
    file: TensorFile, given: GivenValue | None, recognised: Callable[[Mapping[str, Entry]], bool], name: str
) -> ChosenWeights:
    """Chooses the set that is given, or the one that is the model by its place.

    recognised  whether tensors of these names are a model of a known format
    name        of the checkpoint, in messages

    Raises CheckpointError when the given set is none of those that fit, or none of several is a known model.
    """
    default = file.chosen and _stripped(file.chosen, recognised)
    candidates = [_stripped(one, recognised) for one in _large(one for one in file.sets if not one.aside)]
    known = _distinct(file, [one for one in candidates if recognised(one.entries)])
    if default is None or not recognised(default.entries):
        default = known[0] if len(known) == 1 else None
    if not known:
        if file.chosen is None:
            names = listed([one.name for one in candidates])
            raise CheckpointError(
                f"{file.label} holds {len(candidates)} sets of tensors ({names}), of which none is a known Perceiver",
                "save the one that is meant alone",
            )
        known = [file.chosen]
        default = file.chosen
    base = default or known[0]
    fitting = _distinct(file, [base, *known, *_fitting(file, base)])
    option = _option(fitting, default) if len(fitting) > 1 else None
    value = option.value({WEIGHTS: given}) if option else base.name
    if option is None and given not in (None, base.name):
        raise CheckpointError(f"{name} holds one set of weights alone ({base.name}); it takes no other {WEIGHTS}")
    chosen = next((one for one in fitting if one.name == value), base)
    return ChosenWeights(file.choose(chosen), option, (*_sets_note(fitting, value), *_others(file, fitting)))


def _stripped(one: WeightSet, recognised: Callable[[Mapping[str, Entry]], bool]) -> WeightSet:
    """A set without the first words that all its names have in common, if it is a known model without them."""
    stripped: WeightSet | None = one
    for _ in range(_MAX_PREFIXES):
        if stripped is None or recognised(stripped.entries):
            break
        stripped = stripped.inside()
    return stripped if stripped is not None and recognised(stripped.entries) else one


def _large(sets: Iterable[WeightSet]) -> list[WeightSet]:
    """Those of at least half as many tensors as the largest."""
    every = list(sets)
    most = max((len(one.keys) for one in every), default=0)
    return [one for one in every if _HALF * len(one.keys) >= most]


def _fitting(file: TensorFile, base: WeightSet) -> Iterable[WeightSet]:
    """All other sets that are the model's weights, or a part of them."""
    for one in file.sets:
        for tried in (one, one.without_dots(base), one.inside()):
            if tried is not None and tried.keys and tried.is_part_of(base):
                yield tried.filled(base)
                break
    for tensors in file.lists:
        named = tensors.named(base, file.identity)
        if named is not None:
            yield named.filled(base)


def _distinct(file: TensorFile, sets: Iterable[WeightSet]) -> list[WeightSet]:
    """Each set once, by its name and by the numbers it has."""
    found: dict[object, WeightSet] = {}
    names: set[str] = set()
    for one in sets:
        if one.name not in names:
            names.add(one.name)
            found.setdefault(tuple((own, file.identity(key)) for own, key in sorted(one.keys.items())), one)
    return list(found.values())


def _option(fitting: list[WeightSet], default: WeightSet | None) -> Option:
    return Option(
        WEIGHTS,
        "Set of weights",
        "The file holds several sets that fit the model, such as the weights as they were trained and an average of "
        "them; each is called by its place in the file.",
        type="text",
        default=default.name if default else None,
        choices=tuple(one.name for one in fitting),
        switch=True,
    )


def _sets_note(fitting: list[WeightSet], value: object) -> Iterable[str]:
    if len(fitting) > 1 and value is not None:
        others = [one.name for one in fitting if one.name != value]
        yield (
            f"took the weights {value}, and also holds {listed(others)}, which {'fit' if others[1:] else 'fits'} the "
            f"model as well; the option {WEIGHTS} chooses"
        )


def _others(file: TensorFile, fitting: list[WeightSet]) -> Iterable[str]:
    """Notes on averages and on large sets that do not fit the model."""
    names = {one.name for one in fitting} | ({file.chosen.name} if file.chosen else set())
    large = {one.name for one in _large(one for one in file.sets if not one.aside)}
    sets = [(one.name, len(one.keys)) for one in file.sets if one.name in large or one.average]
    lists = [(one.name, len(one.keys)) for one in file.lists if is_average(one.name)]
    shared = {file.identity(key) for one in fitting for key in one.keys.values()}
    for name, count in (*sets, *lists):
        again = next((one for one in file.sets if one.name == name), None)
        if name not in names and not (again and all(file.identity(key) in shared for key in again.keys.values())):
            yield f"also holds {count} tensors under {name}, which do not fit the model"
