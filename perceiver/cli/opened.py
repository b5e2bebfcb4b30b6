"""A checkpoint that a command has opened, and files run through it one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from ..errors import InputError, PerceiverError
from .arguments import options_for
from .group import complain, fetching, progress, read_file

if TYPE_CHECKING:
    from ..modalities import Windows
    from ..model import Perceiver
    from ..sample import Sample
    from ..trace import Trace

Result = TypeVar("Result")

Told = Callable[..., None]
"""Called with the share of the work on a file that is done, and what is being done, if that is not the whole's name."""

# Enough of a file to tell what it is.
_HEAD = 1 << 16


@dataclass(frozen=True)
class Opened:
    """A model with the name it is shown by and the SHA-256 of its weights."""

    name: str
    sha256: str
    model: Perceiver

    @classmethod
    def open(cls, source: str) -> Opened:
        """Opens a checkpoint by name, folder or hub id. Raises CheckpointError when that is not possible."""
        from ..checkpoints import load, resolve
        from ..checkpoints.folder import sha256

        with fetching() as told:
            location = resolve(source, progress=told)
            weights, options = location.weights, options_for(location)
            # The hub's cache names a folder by its commit, which nobody knows a model by.
            path = Path(source)
            name = (weights.parent.name if path.is_dir() else path.stem) if path.exists() else source
            return cls(name=name, sha256=sha256(weights), model=load(location, options=options, progress=told))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names, their numbers where they have none."""
        config = self.model.config
        return config.labels or tuple(str(i) for i in range(config.num_classes))

    @property
    def origin(self) -> dict[str, Any]:
        """Where results come from, as `perceiver.export` asks for it."""
        return {"model": self.name, "weights_sha256": self.sha256}

    def about(self, sample: Sample) -> dict[str, Any]:
        """Where results on a sample come from, as `perceiver.export` asks for it."""
        return {"sample": sample.name, "notes": sample.notes} | self.origin

    def read(self, path: Path, options: Mapping[str, str]) -> Sample:
        """A file as the model reads it, with choices about reading it. Raises InputError when it cannot be read."""
        from .. import modalities

        config = self.model.config
        modality = modalities.get(config.modality)
        data = read_file(path, modality.max_bytes)
        return modality.read(data, path.name, shape=config.input_shape, preprocess=config.preprocess, options=options)

    def scan(self, path: Path, every: float | None) -> Windows:
        """The windows of a whole file. Raises InputError when it cannot be read, or the model reads inputs whole."""
        from .. import modalities

        config = self.model.config
        modality = modalities.get(config.modality)
        if not isinstance(modality, modalities.Scannable):
            raise InputError(
                f"{self.name} reads its input whole, so there is nothing to scan along; what can "
                "be scanned goes on in time, such as a sound or a clip"
            )
        data = read_file(path, modality.max_bytes)
        return modality.scan(data, path.name, shape=config.input_shape, preprocess=config.preprocess, every=every)

    def trace(self, sample: Sample) -> Trace:
        """One run of the model."""
        return self.model.trace(self.model.inputs(sample))

    def predictions(self, trace: Trace, sample: Sample, top: int | None) -> dict[str, Any]:
        """The most probable classes, ready for JSON."""
        from ..export import predictions_json

        logits = trace.logits.numpy()
        return predictions_json(logits, self.labels, top=top, **self.about(sample))


class Openings:
    """Opens the checkpoint that is named, at once, or, where none is, for each file the first one of its sort.

    Raises CheckpointError when that is not possible.
    """

    def __init__(self, source: str | None) -> None:
        self._source = source
        self._opened = {source: Opened.open(source)} if source else {}

    def __call__(self, path: Path) -> Opened:
        """The checkpoint for a file."""
        source = self._source or _suited(path)
        if source not in self._opened:
            self._opened[source] = Opened.open(source)
        return self._opened[source]


def _suited(path: Path) -> str:
    from .. import modalities
    from ..checkpoints import BundledCheckpoints

    try:
        with path.open("rb") as file:
            kind = modalities.identify(file.read(_HEAD), path.name)
    except OSError:
        kind = None  # reading the file will say what is wrong with it
    store = BundledCheckpoints()
    for modality in (*modalities.for_file(kind), *modalities.names()):
        if store.names(modality):
            return store.default(modality)
    return store.default(modalities.names()[0])


def choices(pairs: Sequence[str]) -> dict[str, str]:
    """Choices about reading, given as NAME=VALUE. Raises BadParameter for anything else."""
    chosen = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"--read {pair!r} has to be NAME=VALUE, such as start=12.5 or up=z")
        chosen[name] = value
    return chosen


def for_each(files: Sequence[Path], what: str, work: Callable[[Path], Result]) -> tuple[list[Result], bool]:
    """Works through files with a progress bar. A file at fault is complained about and left out.

    Returns the results, and whether all files gave one.
    """
    return for_each_in_steps(files, what, lambda path, _: work(path))


def for_each_in_steps(
    files: Sequence[Path], what: str, work: Callable[[Path, Told], Result]
) -> tuple[list[Result], bool]:
    """`for_each`, where the work on a file says itself how far it has come."""
    results = []
    with progress() as bars:
        task = bars.add_task(what, total=len(files))
        for number, path in enumerate(files):

            def told(share: float, words: str = what, number: int = number) -> None:
                bars.update(task, completed=number + share, description=words)

            try:
                results.append(work(path, told))
            except PerceiverError as error:
                complain(error)
            told(1.0)
    return results, len(results) == len(files)
