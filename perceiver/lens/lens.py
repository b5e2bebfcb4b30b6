"""Lens: a trained Perceiver that is open, with its name and labels."""

from __future__ import annotations

import copy
import html
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from .. import notebook
from ..analysis.encodings import CodeAnalysis, analyse_code
from ..checkpoints import BundledCheckpoints, CheckpointInfo, HubOptions, Location, inspect, load, resolve
from ..checkpoints.cards.results import Results, read_results
from ..checkpoints.folder import sha256
from ..checkpoints.info import described
from ..checkpoints.loading import find_device
from ..config import PerceiverConfig
from ..errors import CheckpointError, ConfigError, InputError
from ..export.origin import Origin
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from ..validation import element_index
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
        results: Callable[[], Results | None] | None = None,
        isolate: bool = False,
    ) -> None:
        """Wraps a model that is in memory; `perceiver.open` opens a checkpoint.

        digest   gives the SHA-256 of the weights, which is asked for once and only by exports
        info     gives what `Lens.info` says, asked for once
        results  gives those of the training run, asked for once and only to find checkpoints with another seed
        isolate  whether `read` and `scan` decode files in worker processes with limits on memory and time

        A model in another precision than float32, in which all analyses work, is copied and converted. Raises
        ConfigError for a model that is not on the CPU.
        """
        self.model = _in_float32(model).eval()
        self.name = name
        self._digest = digest
        self._info = info
        self._results = results
        self.isolate = isolate

    @property
    def config(self) -> PerceiverConfig:
        """The model's configuration."""
        return self.model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names; "class 0", "class 1" and so on where they have none."""
        return self.config.class_names

    @cached_property
    def sha256(self) -> str | None:
        """The SHA-256 of the weights file; None for a model that comes from none."""
        return None if self._digest is None else self._digest()

    @cached_property
    def info(self) -> CheckpointInfo | None:
        """Format, parameters, plan, encoding, licence of the checkpoint; None for a model that comes from none."""
        return None if self._info is None else self._info()

    @cached_property
    def other_seeds(self) -> tuple[str, ...]:
        """The bundled checkpoints of the same recipe and configuration that were trained with another seed; none where
        the recipe is not known."""
        results = None if self._results is None else self._results()
        return () if results is None else BundledCheckpoints().other_seeds(results, self.config)

    @property
    def origin(self) -> Origin:
        """Where results that are about no input come from, for exports."""
        return Origin(self.name, weights_sha256=self.sha256)

    def origin_of(self, sample: Sample) -> Origin:
        """Where results about an input come from, for exports."""
        return self._context(sample).origin

    def read(self, source: Source, *, name: str | os.PathLike[str] | None = None, **options: Any) -> Sample:
        """An input as the model reads it.

        source   a path, the bytes of a file, or an open binary file; for images also a PIL image or a uint8 array
                 (height, width) or (height, width, 3 or 4), for point clouds an array (points, 3)
        name     of the input, in messages and exports; by default the file's own
        options  choices about reading it: start=1.5 of a sound or a clip, channel=2 of a sound; up="z",
                 draw="farthest", seed=1, strays="drop", columns="2-3-4" of a cloud

        Raises InputError, whose message names the file and the cause, when it cannot be read.
        """
        return read_sample(self.config, source, name=name, options=options, isolate=self.isolate)

    def run(self, sample: Sample | Source, *, name: str | os.PathLike[str] | None = None, **options: Any) -> Run:
        """Puts an input through the model, once.

        sample         what `read` returned, or what it takes, with its options

        Raises InputError for an input that cannot be read, or was read for another modality or another grid of
        elements.
        """
        if not isinstance(sample, Sample):
            sample = self.read(sample, name=name, **options)
        elif name is not None or options:
            raise InputError(f"{sample.name} has been read already, so that it takes no name and no options any more")
        context = self._context(sample)
        try:
            inputs = self.model.inputs(sample)
        except ValueError as error:
            raise InputError(str(error)) from error
        return Run(context, self.model.trace(inputs))

    def _context(self, sample: Sample) -> Context:
        if sample.modality != self.config.modality:
            raise InputError(f"{sample.name} was read as {sample.modality}; {self.name} takes {self.config.modality}")
        return Context(self.name, self.model, sample, self._weights_sha256, self._other_seeds)

    # Methods, which are pickled with a run; a lambda is not.
    def _weights_sha256(self) -> str | None:
        return self.sha256

    def _other_seeds(self) -> tuple[str, ...]:
        return self.other_seeds

    def scan_steps(
        self,
        source: Source,
        *,
        name: str | os.PathLike[str] | None = None,
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
        name: str | os.PathLike[str] | None = None,
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

    def encoding(self, sample: Sample | None = None, *, element: int | tuple[int, ...] | None = None) -> CodeAnalysis:
        """What the model's position encoding is like: its bands, and how many dimensions it fills.

        sample   an input, for a model whose elements are where the input is, as points are
        element  whose code is compared with the code of every element: its index, or one index for each axis

        Raises ConfigError without an input for a model that needs one, and for an element that does not exist.
        """
        if sample is None and self.config.position_axes is not None:
            raise ConfigError(f"{self.name} has a code for every place there is, so it takes a file to say which")
        codes = self.model.encoding.grid() if sample is None else self.model.codes(sample)[0]
        shape = self.config.input_shape if sample is None else sample.shape
        chosen = None if element is None else element_index(element, shape, self.name)
        return analyse_code(self.model, codes, chosen)

    def __repr__(self) -> str:
        config = self.config
        shape = " × ".join(map(str, config.input_shape))
        return f"Lens({self.name!r}: {config.modality} {shape}, {len(self.labels)} classes)"

    def _repr_html_(self) -> str:
        rows = [[html.escape(name), html.escape(value)] for name, value in described(self.config)]
        return notebook.row(notebook.heading(self.name), notebook.table_html(rows))


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
    device    the CPU, on which runs and their analyses work; `perceiver.load` takes others
    isolate   whether the lens decodes files, and unpickles what `torch.save` wrote, in worker processes with limits,
              for files of strangers
    progress  called while files are downloaded and read

    revision, token, cache_dir, endpoint, local_files_only  as huggingface_hub takes them

    Raises CheckpointError in one sentence when there is no such checkpoint, or it is damaged or of another kind,
    ConfigError for another device.
    """
    if find_device(device).type != "cpu":
        raise ConfigError(f"a lens works on the CPU, not on {device}; use perceiver.load for a model on another device")
    location = resolve(source, HubOptions(revision, token, cache_dir, endpoint, local_files_only), progress=progress)
    apart = workers() if isolate else None
    model = load(location, options=options, device=device, workers=apart, progress=progress)
    return Lens(
        model,
        name or _name(location),
        digest=partial(sha256, location.weights),
        info=partial(inspect, location, options=options, workers=apart),
        results=partial(_results, location),
        isolate=isolate,
    )


def _results(location: Location) -> Results | None:
    """The results of the training run that wrote a checkpoint; None where they are not known."""
    try:
        return read_results(location.weights.parent)
    except CheckpointError:
        return None  # a file of another project by this name


def _in_float32(model: Perceiver) -> Perceiver:
    """The model itself, or a copy where some of its weights have another precision."""
    if not isinstance(model, Perceiver):
        raise ConfigError(f"a lens takes a Perceiver, not {type(model).__name__}; perceiver.open opens a checkpoint")
    tensors = (*model.parameters(), *model.buffers())
    if elsewhere := {str(tensor.device) for tensor in tensors if tensor.device.type != "cpu"}:
        raise ConfigError(f"a lens works on the CPU, and this model is on {', '.join(sorted(elsewhere))}: use .cpu()")
    if all(tensor.dtype == torch.float32 for tensor in tensors if tensor.is_floating_point()):
        return model
    return copy.deepcopy(model).float()


def _name(location: Location) -> str:
    """The last part of a path; the name of a bundled checkpoint or a hub id as it is."""
    path = Path(location.source)
    if not path.exists():
        return location.source
    return location.weights.parent.name if path.is_dir() else path.stem
