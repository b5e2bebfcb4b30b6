"""One input in one model: reading it, running the model on it, and what the model answers."""

from __future__ import annotations

import ctypes
import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float
from streamlit.runtime.scriptrunner import get_script_run_ctx

from perceiver import modalities
from perceiver.analysis.sentences import Along
from perceiver.isolation import SUPPORTED
from perceiver.lens import Context, Run, read_sample
from perceiver.lens.isolated import workers
from perceiver.progress import portion
from perceiver.sample import Sample
from perceiver.trace import Trace

from . import models, samples
from .caching import Once
from .public import check_length, check_size
from .queueing import Progress

Options = tuple[tuple[str, str], ...]
"""Reading options by name."""

_LONGEST_ENDING = 8
"""Characters of the longest ending that decides anything, with its dot."""


@dataclass(frozen=True)
class Case:
    """One input for one model, read in one way.

    model    a checkpoint's key
    digest   the SHA-256 of `data`
    name     of the file; it stays with the session and enters no cache
    options  reading options that are not at their default
    """

    model: str
    digest: str
    name: str = field(compare=False)
    data: bytes = field(compare=False, repr=False)
    options: Options = ()

    @property
    def key(self) -> str:
        """The key of the input in caches: its bytes and how they are read, but not the name of the file."""
        return "|".join([self.content, *(f"{name}={value}" for name, value in self.options)])

    @property
    def content(self) -> str:
        """The part of the key that identifies the file: its digest and its ending."""
        return self.digest + self.ending

    @property
    def ending(self) -> str:
        """The ending of the name, which decides what a text file is: the same bytes are a mesh as `m.obj` and no cloud
        as `m.txt`. Empty where it cannot decide anything."""
        ending = PurePath(self.name).suffix.lower()
        return ending if len(ending) <= _LONGEST_ENDING and ending.isascii() and ending[1:].isalnum() else ""

    @property
    def model_name(self) -> str:
        """The name of the model on the page."""
        return models.display_name(self.model)


@st.cache_resource(show_spinner=False, max_entries=4)
def _read(model: str, key: str, _case: Case) -> Sample:
    # Visitors with the same file share the result, but not the name that one of them gave it.
    return dataclasses.replace(preview(_case), name="")


def release_memory() -> None:
    """Gives memory that was freed back to the system. The C library keeps what decoders have freed, 45 MB after a
    gallery of clips."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


def read(case: Case) -> Sample:
    """The input as the model reads it. Raises InputError when it cannot be read."""
    check_size(case.name, case.data)
    sample = dataclasses.replace(_read(case.model, case.key, case), name=case.name)
    check_length(sample)
    return sample


def preview(case: Case) -> Sample:
    """As `read`, for a single look at an input: it displaces nothing from the cache."""
    return read_sample(
        models.config(case.model), case.data, name=case.name, options=dict(case.options), **decoding(case)
    )


def decoding(case: Case) -> Mapping[str, Any]:
    """How a file is decoded: what visitors upload in a worker process, which ends when they move on."""
    return {"isolate": SUPPORTED and not samples.is_own(case.digest), "wait": stop_here}


def start_workers() -> None:
    """Starts the process that uploads are decoded in, without waiting for it."""
    if SUPPORTED:
        workers().start()


def stop_here() -> None:
    """A point at which Streamlit may end the run of the page, because the visitor has moved on."""
    if get_script_run_ctx(suppress_warning=True) is not None:
        _ = "stopped" in st.session_state


def context(case: Case) -> Context:
    """The model and the input as the library takes them. Raises InputError when the input cannot be read."""
    key = case.model
    digest, seeds = partial(models.weights_sha256, key), partial(models.other_seeds, key)
    return Context(case.model_name, models.get(key), read(case), digest, seeds)


@st.cache_data(show_spinner=False, max_entries=8)
def _along(model: str, key: str, _case: Case) -> tuple[Along, ...]:
    return context(_case).along


def along(case: Case) -> tuple[Along, ...]:
    """Where the elements of the input lie along each of its axes, for sentences."""
    return _along(case.model, case.key, case)


def other_modalities(case: Case) -> tuple[str, ...]:
    """The modalities that files of this kind are for, the most fitting first; none where the model's is among them."""
    fitting = modalities.for_file(file_kind(case))
    return () if models.config(case.model).modality in fitting else fitting


def file_kind(case: Case) -> modalities.Kind | None:
    """The kind of the file by its first bytes; None where it is not known."""
    return modalities.identify(case.data, case.name)


@st.cache_resource(show_spinner=False, max_entries=6)
def _trace(model: str, key: str) -> Once[Trace]:
    return Once()


def trace(case: Case, progress: Progress) -> Trace:
    """One run of the model on the input; the same one for every later call while it is in the cache.

    Raises InputError when the input cannot be read.
    """
    held = _trace(case.model, case.key)
    if held.value is not None:
        return held.value
    progress.step(0.0, "Reading the input")
    model, sample = models.get(case.model), read(case)

    def make() -> Trace:
        made = model.trace(model.inputs(sample), progress=portion(progress.step, 0.2, 0.5))
        release_memory()
        return made

    return held.get(make, progress)


def known(case: Case) -> bool:
    """Whether the model has run on the input already, and the result is still in memory."""
    return _trace(case.model, case.key).value is not None


def seconds(case: Case) -> float:
    """The seconds that the model took to run on the input; 0 where it has not."""
    made = _trace(case.model, case.key).value
    return 0.0 if made is None else made.seconds


def run(case: Case, progress: Progress) -> Run:
    """The run of the model on the input, as the library takes it: made anew of what is cached, so that no cache keeps
    a model in memory. Raises InputError when the input cannot be read."""
    return Run(context(case), trace(case, progress))


def probabilities(case: Case, progress: Progress) -> Float[np.ndarray, "blocks classes"]:
    """The probability of every class from the latents after every block; the last row is the model's answer."""
    return trace(case, progress).block_probabilities.numpy()
