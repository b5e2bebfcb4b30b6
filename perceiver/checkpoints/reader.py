"""Reads a checkpoint of any format strictly: what it is from names and shapes, then its weights under our names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError, ConfigError
from ..isolation import Workers
from ..progress import ProgressCallback
from .cards import card
from .cards.results import read_results
from .folder import check_sizes, is_finite, read_json
from .formats import Checkpoint, Conversion, Options, Rule, format_of, is_known
from .info import CheckpointInfo
from .location import Location
from .tensors import torch_zip
from .tensors.file import TensorFile, open_tensor_file, wrong_dtype
from .tensors.header import FLOATS, Entry
from .tensors.storages import in_worker
from .weights import WEIGHTS, choose

# Statistics of batch norms are no parameters.
_STATISTICS = ("running_mean", "running_var")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class CheckpointReader:
    """A checkpoint whose weights file is open and of which no number is read yet, as `open_checkpoint` returns it.

    conversion  None as long as an option without a default is not given
    """

    file: TensorFile
    checkpoint: Checkpoint
    conversion: Conversion | None
    info: CheckpointInfo

    def tensors(self, shapes: Mapping[str, Shape], progress: ProgressCallback | None = None) -> dict[str, Tensor]:
        """The weights of a model whose tensors have these names and shapes, as float32.

        Names, number types and shapes are compared before a number is read. Raises CheckpointError when options are
        missing, a tensor is missing, unexpected, of another shape or of whole numbers, or holds NaN or infinity.
        """
        rules = self.conversion_or_raise().rules
        self._check_names(shapes)
        self._check_types(rules[name] for name in shapes)
        self._check_shapes(shapes)
        out = {}
        for number, name in enumerate(shapes):
            rule = rules[name]
            tensor = rule.make(*(self.file.get(theirs) for theirs in rule.names)).contiguous()
            if len(rule.names) > 1 and not is_finite(tensor):
                raise CheckpointError(
                    f"{self.checkpoint.name}: {', '.join(rule.names)} make {name} NaN or infinite, so the model is not "
                    "usable"
                )
            # A part of a tensor would keep the whole of it in memory.
            out[name] = tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()
            if progress is not None:
                progress((number + 1) / len(shapes), "Reading the weights")
        return out

    def conversion_or_raise(self) -> Conversion:
        """The conversion. Raises CheckpointError with the options that are still missing."""
        if self.conversion is None:
            missing = "; ".join(f"{one.name} ({one.label})" for one in self.info.open_options)
            raise CheckpointError(
                f"{self.checkpoint.name} does not tell {missing}", "give them as options, or as a JSON file beside it"
            )
        return self.conversion

    def _check_names(self, shapes: Mapping[str, Shape]) -> None:
        conversion, entries = self.conversion_or_raise(), self.checkpoint.entries
        used = {theirs for name in shapes if name in conversion.rules for theirs in conversion.rules[name].names}
        missing = [name for name in shapes if name not in conversion.rules] + sorted(used - set(entries))
        unexpected = [name for name in entries if name not in used and name not in conversion.ignored]
        faults = [
            f"{len(names)} of {len(of)} tensors {'is' if len(names) == 1 else 'are'} {fault} ({_first(names)})"
            for fault, names, of in (("missing", missing, shapes), ("unexpected", unexpected, entries))
            if names
        ]
        if faults:
            raise self._misfit(" and ".join(faults))

    def _check_types(self, rules: Iterable[Rule]) -> None:
        for name in (name for rule in rules for name in rule.names):
            if self.checkpoint.entries[name].dtype not in FLOATS:
                raise wrong_dtype(self.file.label, name, self.checkpoint.entries[name].dtype)

    def _check_shapes(self, shapes: Mapping[str, Shape]) -> None:
        """Makes every tensor without numbers and compares its shape."""
        rules, entries, wrong = self.conversion_or_raise().rules, self.checkpoint.entries, []
        for name, expected in shapes.items():
            rule = rules[name]
            theirs = [entries[one].shape for one in rule.names]
            try:
                made = tuple(rule.make(*(torch.empty(shape, device="meta") for shape in theirs)).shape)
            except (IndexError, RuntimeError, ValueError) as error:
                read = ", ".join(f"{one} {list(shape)}" for one, shape in zip(rule.names, theirs, strict=True))
                raise self._misfit(f"{name} cannot be made of {read}") from error
            if made != expected:
                source = "" if rule.names == (name,) else f", made of {', '.join(rule.names)},"
                wrong.append(f"{name}{source} is {list(made)} and should be {list(expected)}")
        if wrong:
            have = "has" if len(wrong) == 1 else "have"
            raise self._misfit(f"{len(wrong)} of {len(shapes)} tensors {have} another shape ({wrong[0]})")

    def _misfit(self, fault: str) -> CheckpointError:
        return CheckpointError(f"{self.checkpoint.name} does not fit together: {fault}")


def open_checkpoint(
    location: Location, options: Options | None = None, workers: Workers | None = None
) -> CheckpointReader:
    """Opens a checkpoint and says what it is, from names and shapes alone.

    options  constructor arguments and switches; they go before what files beside the weights say
    workers  worker processes for the pickle of a file that `torch.save` wrote; None runs it here

    Raises CheckpointError for what is of no known format, damaged, or cannot be represented.
    """
    given = dict(options or {})
    asked = given.pop(WEIGHTS, None)
    outline = torch_zip.outline if workers is None else in_worker(workers)
    file = open_tensor_file(location.weights, location.label(location.weights), outline)
    checkpoint = Checkpoint(
        name=location.source,
        entries={},
        config=_json(location, location.config),
        config_label=location.label(location.config) if location.config else None,
        preprocessor=_json(location, location.preprocessor),
        options=given,
        credit=lambda: _credit(location),
    )
    chosen = choose(file, asked, lambda entries: is_known(Checkpoint(location.source, entries)), location.source)
    file = chosen.file
    checkpoint = replace(checkpoint, entries=file.entries, extras=file.extras, same=file.same)
    family = format_of(checkpoint)
    known = (*((chosen.option,) if chosen.option else ()), *family.options(checkpoint))
    values = {one.name: one.value({WEIGHTS: asked} if one is chosen.option else given) for one in known}
    conversion = None
    if all(value is not None for value in values.values()):
        try:
            conversion = family.convert(checkpoint)
            check_sizes(conversion.config, checkpoint.name)
        except ConfigError as error:
            raise CheckpointError(f"{checkpoint.name} describes no possible model: {error}") from error
    info = CheckpointInfo(
        source=location.source,
        family=family.name,
        title=family.title,
        config=conversion.config if conversion else None,
        parameters=sum(math.prod(entry.shape) for entry in _parameters(file, conversion)),
        size=location.weights.stat().st_size,
        dtype=" and ".join(dict.fromkeys(FLOATS[one.dtype] for one in file.entries.values() if one.dtype in FLOATS))
        or "no weights",
        options=known,
        values=values,
        revision=location.revision,
        credit=family.credit(checkpoint),
        origin=_origin(location) if family.name == "own" else "",
        notes=(*chosen.notes, *file.notes, *(conversion.notes if conversion else ())),
    )
    return CheckpointReader(file, checkpoint, conversion, info)


def _json(location: Location, path: Path | None) -> dict[str, Any]:
    return read_json(path, location.label(path)) if path else {}


def _credit(location: Location) -> str:
    """The licence of the data that they were trained on, by the results of this project beside them."""
    results = read_results(location.folder)
    return results.data.licence if results else ""


def _origin(location: Location) -> str:
    """Where converted weights come from, by the card of this project beside them."""
    return "" if read_results(location.folder) else " ".join(card.origin(location.folder))


def _parameters(file: TensorFile, conversion: Conversion | None) -> Iterator[Entry]:
    """The tensors that count as parameters: those that a rule uses, all of them before there are rules."""
    used = {name for rule in conversion.rules.values() for name in rule.names} if conversion else set(file.entries)
    return (entry for name, entry in file.entries.items() if name in used and not name.endswith(_STATISTICS))


def _first(names: list[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
