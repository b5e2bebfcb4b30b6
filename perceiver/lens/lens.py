"""Lens: a trained Perceiver that is open, with its name and labels."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ..analysis.encodings import CodeAnalysis, analyse_code
from ..checkpoints import CheckpointInfo, HubOptions, Location, inspect, load, resolve
from ..checkpoints.folder import sha256
from ..checkpoints.info import described
from ..config import PerceiverConfig
from ..errors import ConfigError
from ..export import Origin
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from . import display
from .context import Context
from .isolated import workers
from .run import Run
from .scan import Scan, scan_steps
from .source import Source, open_windows, read_sample


class Lens:
    """A trained Perceiver, ready to be looked at. It keeps nothing of a run, so that it can be shared.

    name   by which results call it
    model  in eval mode, its weights frozen
    """

    def __init__(
        self,
        model: Perceiver,
        name: str = "model",
        *,
        digest: Callable[[], str | None] | None = None,
        info: Callable[[], CheckpointInfo] | None = None,
        isolate: bool = False,
    ) -> None:
        """Wraps a model that is in memory; `perceiver.open` opens a checkpoint.

        digest   gives the SHA-256 of the weights, which is asked for once and only by exports
        info     gives what `Lens.info` says, asked for once
        isolate  whether `read` and `scan` decode files in worker processes with limits on memory and time
        """
        self.model = model.eval()
        self.name = name
        self._digest = digest
        self._info = info
        self.isolate = isolate

    @property
    def config(self) -> PerceiverConfig:
        """The model's configuration."""
        return self.model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names; their numbers from 0 where they have none."""
        return self.config.labels or tuple(str(i) for i in range(self.config.num_classes))

    @cached_property
    def sha256(self) -> str | None:
        """The SHA-256 of the weights file; None for a model that comes from none."""
        return None if self._digest is None else self._digest()

    @cached_property
    def info(self) -> CheckpointInfo | None:
        """Format, parameters, plan, encoding, licence of the checkpoint; None for a model that comes from none."""
        return None if self._info is None else self._info()

    @property
    def origin(self) -> Origin:
        """Where results that are about no input come from, for exports."""
        return Origin(self.name, weights_sha256=self.sha256)

    def origin_of(self, sample: Sample) -> Origin:
        """Where results about an input come from, for exports."""
        return self._context(sample).origin

    def read(self, source: Source, *, name: str | None = None, **options: Any) -> Sample:
        """An input as the model reads it.

        source   a path, the bytes of a file, or an open binary file
        name     of the input, in messages and exports; by default the file's own
        options  choices about reading it: start=1.5 of a sound or a clip, channel=2 of a sound; up="z",
                 draw="farthest", seed=1, strays="drop", columns="2-3-4" of a cloud

        Raises InputError, whose message names the file and the cause, when it cannot be read.
        """
        return read_sample(self.config, source, name=name, options=options, isolate=self.isolate)

    def run(self, sample: Sample) -> Run:
        """Puts an input through the model, once.

        Raises ValueError for an input that was read for another modality or another grid of elements.
        """
        return Run(self._context(sample), self.model.trace(self.model.inputs(sample)))

    def _context(self, sample: Sample) -> Context:
        if sample.modality != self.config.modality:
            raise ValueError(f"{sample.name} was read as {sample.modality}; {self.name} takes {self.config.modality}")
        return Context(self.name, self.model, self.labels, sample, lambda: self.sha256)

    def scan_steps(
        self,
        source: Source,
        *,
        name: str | None = None,
        every: float | None = None,
        progress: ProgressCallback = ignore,
        **options: Any,
    ) -> Iterator[Scan]:
        """`scan` as it grows; it can be stopped between any two results."""
        windows = open_windows(
            self.config,
            source,
            name=name,
            every=every,
            options=options,
            model_name=self.name,
            isolate=self.isolate,
        )
        return scan_steps(self.model, windows, progress=progress)

    def scan(
        self,
        source: Source,
        *,
        name: str | None = None,
        every: float | None = None,
        progress: ProgressCallback = ignore,
        **options: Any,
    ) -> Scan:
        """Predictions along an input that is longer than the model reads at once.

        every    seconds from the start of one window to the next; None puts them end to end
        options  choices about reading it, as `read` takes them: channel=2 of a sound; without the start of a window

        Raises InputError when it cannot be read, or the model's inputs have no time to go along.
        """
        *_, last = self.scan_steps(source, name=name, every=every, progress=progress, **options)
        return last

    def encoding(self, sample: Sample | None = None, *, element: int | None = None) -> CodeAnalysis:
        """What the model's position encoding is like: its bands, and how many dimensions it fills.

        sample   an input, for a model whose elements are where the input is, as points are
        element  whose code is compared with the code of every element

        Raises ConfigError without an input for a model that needs one.
        """
        if sample is None and self.config.position_axes is not None:
            raise ConfigError(f"{self.name} has a code for every place there is, so it takes a file to say which")
        codes = self.model.encoding.grid() if sample is None else self.model.codes(sample)[0]
        return analyse_code(self.model, codes, element)

    def __repr__(self) -> str:
        config = self.config
        shape = " × ".join(map(str, config.input_shape))
        return f"Lens({self.name!r}: {config.modality} {shape}, {len(self.labels)} classes)"

    def _repr_html_(self) -> str:
        rows = [[html.escape(name), html.escape(value)] for name, value in described(self.config)]
        return display.row(display.heading(self.name), display.table_html(rows))


def open_lens(
    source: str | Path | Location,
    *,
    name: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    endpoint: str | None = None,
    local_files_only: bool = False,
    options: Mapping[str, Any] | None = None,
    device: str | torch.device = "cpu",
    isolate: bool = False,
    progress: ProgressCallback | None = None,
) -> Lens:
    """Opens a trained Perceiver, wherever it lies and whoever made it.

    source    a bundled checkpoint's name, a checkpoint folder, a weights file, or a hub id "owner/name", in this order
    name      by which results call it; by default the source, of a path its last part
    options   what a bare state dict does not say of itself (`perceiver checkpoints info` lists what is asked)
    device    where the weights are put; runs and their analyses work on the CPU
    isolate   whether the lens decodes files, and unpickles what `torch.save` wrote, in worker processes with limits,
              for files of strangers
    progress  called while files are downloaded and read

    revision, token, cache_dir, endpoint, local_files_only  as huggingface_hub takes them

    Raises CheckpointError in one sentence when there is no such checkpoint, or it is damaged or of another kind.
    """
    location = resolve(source, HubOptions(revision, token, cache_dir, endpoint, local_files_only), progress=progress)
    apart = workers() if isolate else None
    model = load(location, options=options, device=device, workers=apart, progress=progress)
    return Lens(
        model,
        name or _name(location),
        digest=lambda: sha256(location.weights),
        info=lambda: inspect(location, options=options, workers=apart),
        isolate=isolate,
    )


def _name(location: Location) -> str:
    """The last part of a path; the name of a bundled checkpoint or a hub id as it is."""
    path = Path(location.source)
    if not path.exists():
        return location.source
    return location.weights.parent.name if path.is_dir() else path.stem
