"""Any checkpoint, from the place it lies in to tensors under our own names: found, told, then read strictly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError, ConfigError
from . import card, files
from .formats import Answers, Checkpoint, Translation, family_of
from .formats.base import take
from .found import Found, Told
from .header import FLOATS, Entry
from .raw import Raw, read_raw
from .results import read_results

# Tensors that only a model of this project has under these names.
_OURS = {"latents", "cross.0.query_norm.weight", "head.linear.weight"}

# Statistics of batch norms are no parameters.
_MEASURED = ("running_mean", "running_var")


@dataclass(frozen=True)
class Place:
    """Where a checkpoint lies on this machine.

    source                what it was asked for by
    weights               its weights file
    config, preprocessor  the small files beside it, None where there are none
    revision              the commit, for one from the hub
    """

    source: str
    weights: Path
    config: Path | None = None
    preprocessor: Path | None = None
    revision: str | None = None

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.weights.parent


@dataclass(frozen=True)
class Opened:
    """A checkpoint whose weights file is open and of which no number is read yet.

    translation  None as long as a question without a default is open
    """

    raw: Raw
    checkpoint: Checkpoint
    translation: Translation | None
    found: Found

    def tensors(self, expected: Mapping[str, tuple[int, ...]], told: Told | None = None) -> dict[str, Tensor]:
        """The weights of a model with the `expected` names and shapes, float32.

        Raises CheckpointError when questions are open, a tensor is missing or left over, has another shape, or holds
        NaN or infinity.
        """
        translation = self.translated()
        _check_names(self.checkpoint, translation, expected)
        _check_numbers(self.checkpoint, translation)
        out = {}
        for number, name in enumerate(expected):
            rule = translation.rules[name]
            read = [self.raw.get(theirs) for theirs in rule.names]
            try:
                tensor = rule.make(*read).contiguous()
            except (IndexError, RuntimeError, ValueError) as error:
                shapes = ", ".join(f"{theirs} {list(one.shape)}" for theirs, one in zip(rule.names, read, strict=True))
                raise CheckpointError(
                    f"{self.checkpoint.name} does not fit together: {name} cannot be made of {shapes}"
                ) from error
            if tuple(tensor.shape) != expected[name]:
                raise CheckpointError(
                    f"{self.checkpoint.name} does not fit together: {', '.join(rule.names)} gives {name} the shape "
                    f"{list(tensor.shape)} and not {list(expected[name])}"
                )
            if len(rule.names) > 1 and not tensor.sum(dtype=torch.float64).isfinite():
                raise CheckpointError(
                    f"{self.checkpoint.name}: {', '.join(rule.names)} make {name} NaN or infinite, so the model is not "
                    "usable"
                )
            # A part of a tensor would keep the whole of it in memory.
            out[name] = tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()
            if told is not None:
                told((number + 1) / len(expected), "Reading the weights")
        return out

    def translated(self) -> Translation:
        """The translation. Raises CheckpointError that names the questions that are still open."""
        if self.translation is None:
            asked = "; ".join(f"{one.name} ({one.words})" for one in self.found.open_questions)
            raise CheckpointError(
                f"{self.checkpoint.name} does not tell {asked}; give them as arguments, or as a JSON file beside it"
            )
        return self.translation


def is_own(place: Place) -> bool:
    """Whether a checkpoint is of this project, by the format its `config.json` names."""
    return place.config is not None and files.read_json(place.config).get("format") == files.FORMAT


def own(place: Place) -> Opened:
    """Opens a checkpoint of this project. Raises CheckpointError as `files.read_config` and `read_raw` do."""
    config = files.read_config(place.folder)
    raw = read_raw(place.weights)
    results = read_results(place.folder)
    found = Found(
        source=place.source,
        family="own",
        title="Perceiver Lens",
        config=config,
        parameters=sum(math.prod(entry.shape) for entry in raw.entries.values()),
        size=place.weights.stat().st_size,
        numbers=_numbers(raw),
        revision=place.revision,
        credit=results.data.licence if results else " ".join(card.origin(place.folder)),
        notes=raw.notes,
    )
    translation = Translation(config, {name: take(name) for name in raw.entries})
    return Opened(raw, Checkpoint(place.source, raw.entries), translation, found)


def foreign(place: Place, answers: Answers | None = None) -> Opened:
    """Opens a checkpoint of another project and says what it is, from names and shapes alone.

    answers  constructor arguments and switches; they go before what files beside the weights say

    Raises CheckpointError with one sentence for what is of no known format, damaged, or cannot be represented.
    """
    raw = read_raw(place.weights)
    if set(raw.entries) >= _OURS:
        files.read_config(place.folder)  # which says what is wrong with it, or that it is not there
    checkpoint = Checkpoint(
        name=place.source,
        entries=raw.entries,
        config=files.read_json(place.config) if place.config else {},
        preprocessor=files.read_json(place.preprocessor) if place.preprocessor else {},
        extras=raw.extras,
        answers=dict(answers or {}),
        same=raw.same,
    )
    family = family_of(checkpoint)
    questions = family.questions(checkpoint)
    settled = {question.name: checkpoint.asked(question) for question in questions}
    translation = None
    if all(answer is not None for answer in settled.values()):
        try:
            translation = family.translate(checkpoint)
            files.check_sizes(translation.config, checkpoint.name)
        except ConfigError as error:
            raise CheckpointError(f"{checkpoint.name} describes no possible model: {error}") from error
    found = Found(
        source=place.source,
        family=family.name,
        title=family.title,
        config=translation.config if translation else None,
        parameters=sum(math.prod(entry.shape) for entry in _counted(raw, translation)),
        size=place.weights.stat().st_size,
        numbers=_numbers(raw),
        questions=questions,
        answers=settled,
        revision=place.revision,
        credit=family.credit(checkpoint),
        notes=(*raw.notes, *(translation.notes if translation else ())),
    )
    return Opened(raw, checkpoint, translation, found)


def _counted(raw: Raw, translation: Translation | None) -> Iterator[Entry]:
    """The tensors that count as parameters: what a rule uses, everything before there are rules."""
    used = {name for rule in translation.rules.values() for name in rule.names} if translation else set(raw.entries)
    return (entry for name, entry in raw.entries.items() if name in used and not name.endswith(_MEASURED))


def _check_numbers(checkpoint: Checkpoint, translation: Translation) -> None:
    for name in (name for rule in translation.rules.values() for name in rule.names):
        if checkpoint.entries[name].dtype not in FLOATS:
            raise CheckpointError(
                f"{checkpoint.name} holds {checkpoint.entries[name].dtype} numbers in {name}; weights must be float16, "
                "bfloat16, float32 or float64"
            )


def _check_names(checkpoint: Checkpoint, translation: Translation, expected: Mapping[str, object]) -> None:
    used = {name for rule in translation.rules.values() for name in rule.names}
    missing = sorted((set(expected) - set(translation.rules)) | (used - set(checkpoint.entries)))
    left = sorted(set(checkpoint.entries) - used - translation.ignored)
    surplus = sorted(set(translation.rules) - set(expected))
    faults = [
        f"{len(names)} tensor{'s are' if len(names) > 1 else ' is'} {what} ({', '.join(names[:3])}"
        + (", ...)" if len(names) > 3 else ")")
        for names, what in ((missing, "missing"), (left, "left over"), (surplus, "for no part of the model"))
        if names
    ]
    if faults:
        raise CheckpointError(f"{checkpoint.name} does not fit together: {' and '.join(faults)}")


def _numbers(raw: Raw) -> str:
    kinds = dict.fromkeys(FLOATS[entry.dtype] for entry in raw.entries.values() if entry.dtype in FLOATS)
    return " and ".join(kinds) or "no weights"
