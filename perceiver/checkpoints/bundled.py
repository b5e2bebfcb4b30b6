"""The checkpoints that come with the project, and sample inputs for them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from .. import installation
from ..config import PerceiverConfig
from ..errors import CheckpointError
from ..positions import encoding_rank
from .cards import card as cards
from .cards.results import Results, read_results
from .folder import CONFIG, read_config

SAMPLES = "samples"
ORDER = "order.json"


def bundled_folder() -> Path:
    """The folder of the bundled checkpoints: $PERCEIVER_CHECKPOINTS, else the one that comes with the package."""
    chosen = os.environ.get("PERCEIVER_CHECKPOINTS")
    return Path(chosen).expanduser() if chosen else installation.bundle_folder() / "checkpoints"


@dataclass(frozen=True)
class BundledSample:
    """A held-out example that comes with the checkpoints; `label` is its true class, "" if it has none."""

    file: str
    label: str
    title: str
    source: str
    author: str
    licence: str
    note: str
    path: Path

    @property
    def name(self) -> str:
        """The file's name without its ending: what a link calls it."""
        return self.path.stem

    @property
    def credit(self) -> str:
        """Author, source and licence in a line."""
        return ", ".join(part for part in (self.author, self.source, self.licence) if part)

    def read(self) -> bytes:
        """The file's bytes. Raises CheckpointError when it cannot be read."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{self.path} cannot be read: {error.strerror or type(error).__name__}") from error


@dataclass(frozen=True)
class BundledCheckpoints:
    """A folder of checkpoint folders, and `samples/` with examples for each modality."""

    root: Path = field(default_factory=bundled_folder)

    def names(self, modality: str | None = None) -> tuple[str, ...]:
        """The checkpoints, of one modality or all: in the order of `order.json`, then Fourier positions first, then by
        name.

        Raises CheckpointError when a configuration or `order.json` is damaged.
        """
        found = (path.parent for path in self.root.glob(f"*/{CONFIG}"))
        configs = {folder.name: read_config(folder) for folder in found if folder.name != SAMPLES}
        chosen = [name for name, config in configs.items() if modality in (None, config.modality)]
        order = {name: place for place, name in enumerate(self._order())}
        last = len(order)
        return tuple(
            sorted(chosen, key=lambda name: (order.get(name, last), encoding_rank(configs[name].positions), name))
        )

    def default(self, modality: str) -> str:
        """The first checkpoint of a modality. Raises CheckpointError when there is none."""
        names = self.names(modality)
        if not names:
            raise CheckpointError(f"{self.root} holds no checkpoint for {modality}")
        return names[0]

    def folder(self, name: str) -> Path:
        """The folder of a checkpoint. Raises CheckpointError on a name that is not one of `names()`."""
        names = self.names()
        if name not in names:
            raise CheckpointError(f"no checkpoint is called {name!r}", self.listed())
        return self.root / name

    def config(self, name: str) -> PerceiverConfig:
        """A checkpoint's configuration. Raises CheckpointError as `folder` does."""
        return read_config(self.folder(name))

    def card(self, name: str) -> cards.Card:
        """A checkpoint's model card. Raises CheckpointError as `folder` does, or when it has none."""
        return cards.read(self.folder(name))

    def other_seeds(self, results: Results, config: PerceiverConfig) -> tuple[str, ...]:
        """The checkpoints of the same recipe and configuration that were trained with another seed, by seed.

        results  of the training run that they are compared with
        """
        found = []
        for name in self.names(config.modality):
            theirs = read_results(self.root / name)
            if theirs is None or theirs.recipe != results.recipe or theirs.seed == results.seed:
                continue
            if read_config(self.root / name) == config:
                found.append((theirs.seed, name))
        return tuple(name for _, name in sorted(found))

    def samples(self, modality: str, labels: Collection[str] = ()) -> tuple[BundledSample, ...]:
        """The held-out examples of a modality, in the order of their index; empty when there are none.

        labels  the classes of a model: where the examples of some data set have these labels, they alone are returned,
                with the examples that have no label

        Raises CheckpointError when the index is damaged or names a file that is not there.
        """
        folder = self.root / SAMPLES / modality
        if modality not in {path.parent.name for path in self.root.glob(f"{SAMPLES}/*/index.json")}:
            return ()
        index = folder / "index.json"
        try:
            samples = tuple(BundledSample(**values, path=folder / values["file"]) for values in _listed_in(index))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise CheckpointError(f"{index} is not an index of samples ({error})") from error
        seen: set[str] = set()
        for sample in samples:
            if sample.path.parent != folder or Path(sample.file).name != sample.file or not sample.path.is_file():
                raise CheckpointError(f"{index} names {sample.file!r}, which is no file beside it")
            if sample.file in seen:
                raise CheckpointError(f"{index} names {sample.file!r} twice")
            seen.add(sample.file)
        known = any(sample.label in labels for sample in samples if sample.label)
        return tuple(sample for sample in samples if not known or not sample.label or sample.label in labels)

    def _order(self) -> list[str]:
        path = self.root / ORDER
        if not path.is_file():
            return []
        try:
            order = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} cannot be read ({error})") from error
        if not isinstance(order, list) or not all(isinstance(name, str) for name in order):
            raise CheckpointError(f"{path} is not a list of names of checkpoints")
        return order

    def listed(self) -> str:
        """The names of all of them in a clause, for messages."""
        names = self.names()
        return f"the bundled checkpoints are {', '.join(names)}" if names else "there are no bundled checkpoints"


def _listed_in(index: Path) -> list[dict[str, str]]:
    values = json.loads(index.read_bytes())
    expected = {f.name for f in dataclasses.fields(BundledSample)} - {"path"}
    if not isinstance(values, list):
        raise ValueError("it is no list")
    for one in values:
        if not isinstance(one, dict) or set(one) != expected or not all(isinstance(v, str) for v in one.values()):
            raise ValueError(f"every sample needs the texts {', '.join(sorted(expected))} and no other")
    return values
