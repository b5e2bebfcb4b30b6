"""The readers that are fuzzed: what they are asked, and what may come out of them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import torch
from av.error import FFmpegError

import perceiver
from perceiver import CheckpointError, InputError
from perceiver.checkpoints import inspect
from perceiver.errors import PerceiverError
from perceiver.modalities import get
from perceiver.modalities.audiovisual.settings import ClipSettings
from perceiver.modalities.scanning import Scannable
from perceiver.sample import Sample

_LONGEST_MESSAGE = 1000
_MOST_WINDOWS = 50
How = Mapping[str, Any]


class BrokenContractError(Exception):
    """A result or a message that the reader must never give."""


class Reader(ABC):
    """A reader of files.

    refusal  the only error that it may raise
    """

    name: ClassVar[str]
    refusal: ClassVar[type[PerceiverError]]

    def load(self) -> None:
        """Imports what its children share, and would otherwise each import."""
        torch.set_num_threads(1)  # threads do not survive a fork

    @abstractmethod
    def choices(self, random: Random, name: str) -> How:
        """What is asked of a file of this name, beside the file: plain values, so that a case can be kept."""

    @abstractmethod
    def read(self, files: Mapping[str, bytes], how: How, folder: Path) -> int:
        """Reads files; returns the bytes of the result.

        folder  an empty one for files that have to be on disk

        Raises `refusal`, or BrokenContractError; anything else is a fault of the reader.
        """

    def try_to_read(self, files: Mapping[str, bytes], how: How, folder: Path) -> tuple[bool, int]:
        """Whether files were read, and the bytes of the result. Raises whatever is a finding."""
        try:
            return True, self.read(files, how, folder)
        except self.refusal as error:
            if _ran_out_of_memory(error):
                raise
            _check_text(str(error))
            return False, 0


class MediaReader(Reader):
    """A reader of one modality: `read`, what is laid back on the original, and `scan` where it has it."""

    refusal = InputError
    shapes: ClassVar[Mapping[str, tuple[tuple[int, ...], Mapping[str, Any]]]] = {
        "image": ((8, 8), {}),
        "audio": ((10, 16), {"features": "mel", "samples": 1600, "hop": 100, "mels": 10, "n_fft": 256}),
        "points": ((64,), {}),
        "video": ((4, 8, 8), {}),
        "audiovisual": (
            ClipSettings.of({"frames": 8, "height": 16, "width": 16, "patch": 4}).shape,
            {"frames": 8, "height": 16, "width": 16, "patch": 4},
        ),
    }

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]

    def load(self) -> None:
        super().load()
        for one in (self.name, "audio", "video"):
            for module in get(one).description.libraries:
                import_module(module)

    def choices(self, random: Random, name: str) -> How:
        options: dict[str, Any] = {}
        for option in get(self.name).options:
            values = [*option.choices, *([0, 1, 2.5] if option.number else []), *(["2-1-3"] if option.pattern else [])]
            if random.random() < 0.25:
                options[option.name] = random.choice(values)
        scans = isinstance(get(self.name), Scannable) and random.random() < 0.25
        if scans:
            options.pop("start", None)
        return {"options": options, "scan": scans}

    def read(self, files: Mapping[str, bytes], how: How, folder: Path) -> int:
        shape, preprocess = self.shapes[self.name]
        modality, (name, data) = get(self.name), next(iter(files.items()))
        asked: dict[str, Any] = {"shape": shape, "preprocess": preprocess, "options": how["options"]}
        if how["scan"]:
            assert isinstance(modality, Scannable)
            windows = modality.scan(data, name, **asked)
            for note in windows.notes:
                _check_text(note)
            for window in islice(windows, _MOST_WINDOWS):
                _check_content(window.content)
            return 0
        sample = modality.read(data, name, **asked)
        _check_content(sample.content)
        for note in sample.notes:
            _check_text(note)
        modality.places(sample)
        elements = sample.content.shape[0]
        values = np.arange(elements, dtype=np.float32).reshape(sample.shape)
        laid = modality.to_original(sample, values)
        if not np.isin(laid[np.isfinite(laid)], values).all():
            raise BrokenContractError("a map laid on the original holds values that it did not have")
        modality.box_of(sample, elements - 1)
        return _bytes_of(sample)


class CheckpointReader(Reader):
    """The reader of checkpoints of all formats: what they are, and their weights."""

    name = "checkpoints"
    refusal = CheckpointError

    def choices(self, random: Random, name: str) -> How:
        return {"options": {}}

    def read(self, files: Mapping[str, bytes], how: How, folder: Path) -> int:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        try:
            found = inspect(folder, options=how["options"])
            json.dumps(found.to_dict())
            for text in (*found.notes, *(words for _, words in found.rows())):
                _check_text(text)
            if found.config is None:
                return 0
            model = perceiver.load(folder, options=how["options"])
            for name, tensor in model.state_dict().items():
                if not tensor.isfinite().all():
                    raise BrokenContractError(f"{name} is not finite")
            return sum(tensor.nbytes for tensor in model.state_dict().values())
        finally:
            for path in folder.iterdir():
                path.unlink()


READERS: Mapping[str, Reader] = {
    **{name: MediaReader(name) for name in MediaReader.shapes},
    "checkpoints": CheckpointReader(),
}


def _check_content(content: torch.Tensor) -> None:
    if not content.isfinite().all():
        raise BrokenContractError("the content of a sample is not finite")


def _check_text(text: str) -> None:
    """Messages and notes are shown as they are: one line, and not a page of it."""
    if len(text) > _LONGEST_MESSAGE or not text.isprintable():
        raise BrokenContractError(f"a message of {len(text)} characters is not fit to be shown: {text[:80]!r}")


def _bytes_of(sample: Sample) -> int:
    values = [getattr(sample, field.name) for field in fields(sample)]
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray | torch.Tensor))


def _ran_out_of_memory(error: BaseException) -> bool:
    # FFmpeg calls so what it refuses to allocate, and does not try.
    return any(isinstance(one, MemoryError) and not isinstance(one, FFmpegError) for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
