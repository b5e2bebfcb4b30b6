"""The interface of sound decoders, and their samples cleaned and mixed to mono, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

# Numbers in a block: large enough that Python's share of the time is small, small enough that memory stays flat.
BLOCK = 1 << 17
# No recording holds values beyond this (180 dB above full scale); they are damage, as numbers that are not finite.
_LARGEST = 1e9


@dataclass(frozen=True)
class Mark:
    """A position at which a compressed stream can be entered.

    frame      frames that were decoded before it
    time       its time stamp in the stream's own units
    position   its first byte in the file
    """

    frame: int
    time: int
    position: int


@runtime_checkable
class Decoder(Protocol):
    """An opened sound file. A frame is one sample of every channel.

    rate      frames a second
    channels  of the first frame
    claimed   seconds that the file says it holds, where that can be believed of a whole file; None where not
    marks     places to enter the stream at, known once `blocks()` has run through
    notes     what was left out while decoding, one sentence each
    """

    @property
    def rate(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def claimed(self) -> float | None: ...

    @property
    def marks(self) -> Sequence[Mark]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def blocks(self, start: int = 0, marks: Sequence[Mark] = ()) -> Iterator[Float32[np.ndarray, "_ _"]]:
        """The frames from `start` on, (frames, channels) a block, full scale -1 to 1.

        marks  of an earlier run over the same file, which make a late start quick

        Raises DecodeError where nothing more can be made of the data.
        """
        ...


def after(blocks: Iterable[Float32[np.ndarray, "_ _"]], skip: int) -> Iterator[Float32[np.ndarray, "_ _"]]:
    """The blocks without their first `skip` frames."""
    for block in blocks:
        if skip < len(block):
            yield block[skip:]
        skip = max(skip - len(block), 0)


def clean(block: Float32[np.ndarray, "n channels"]) -> tuple[Float32[np.ndarray, "n channels"], int]:
    """Replaces values that are no samples (not finite, or out of bounds) by silence; returns their number, too."""
    good = np.abs(block) <= _LARGEST
    if good.all():
        return block, 0
    return np.where(good, block, np.float32(0)), int(good.size - np.count_nonzero(good))


def mix(block: Float32[np.ndarray, "n channels"]) -> Float32[np.ndarray, "n"]:
    """The mean of the channels."""
    # Column by column: numpy's mean over a short last axis takes several times as long.
    mono = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    return mono if block.shape[1] == 1 else mono / np.float32(block.shape[1])
