"""Inputs longer than a model reads at once: what a modality offers beside `Modality` that can go through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxtyping import Float

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Window:
    """One part of an input, as long as a model reads.

    start    seconds from the input's beginning
    content  of every input element, as `Sample.content`
    silent   whether there is no signal in it, so that what a model makes of it means nothing
    """

    start: float
    content: Float[Tensor, "M content"]
    silent: bool = False


@runtime_checkable
class Windows(Protocol):
    """All windows of an input in order; each iteration decodes the file anew.

    seconds   the length of a window
    duration  the length of the input; the last window can end after it
    notes     what was changed on the way in, one sentence each
    """

    @property
    def seconds(self) -> float: ...

    @property
    def duration(self) -> float: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Window]: ...


@runtime_checkable
class Scannable(Protocol):
    """A modality whose inputs can be longer than a model reads at once."""

    def scan(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        every: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Windows:
        """The windows of a whole file.

        every    seconds from one to the next; None puts them end to end
        options  choices about reading it, as `Modality.read` takes them; without "start", since all windows are read

        Raises InputError and ConfigError as `Modality.read` does, and InputError for an `every` that is not above 0.
        """
        ...
