"""The interface of sound decoders, and their samples cleaned, placed in time and mixed to mono, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

# Numbers in a block: large enough that Python's share of the time is small, small enough that memory stays flat.
BLOCK = 1 << 17
# What is decoded at most of one file, which can be small and unpack to days of silence.
MOST_HOURS = 12
# Seconds by which time stamps may wander from the count of samples before they mean a gap: containers round them, and
# the clocks of recorders drift.
GAP = 0.05
CANCELLED = 0.01
"""Channels whose mean holds less than this share of their power cancel each other."""

# No recording holds values beyond this (180 dB above full scale); they are damage, as numbers that are not finite.
_LARGEST = 1e9


@dataclass(frozen=True)
class Mark:
    """A position at which a compressed stream can be entered.

    frame      frames before it, silence in gaps included
    time       its time stamp in the stream's own units
    position   its first byte in the file
    zero       the time stamp, in seconds, of the sound's beginning; None where time stamps are ignored
    """

    frame: int
    time: int
    position: int
    zero: float | None = None


@runtime_checkable
class Decoder(Protocol):
    """An opened sound file. A frame is one sample of every channel.

    rate      frames a second
    channels  of the first frame
    claimed   seconds that the file says it holds, where that can be believed of a whole file; None where not
    marks     places to enter the stream at, known once `blocks()` has run through
    gaps      (start, stop) in frames where nothing was recorded, filled with silence; known as `marks` are
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
    def gaps(self) -> Sequence[tuple[int, int]]: ...

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


@dataclass
class Placement:
    """Places the pieces of a stream in time by their time stamps.

    rate   frames a second
    zero   the time stamp, in seconds, of the sound's beginning; None ignores time stamps
    at     frames so far, silence in gaps included
    gaps   (start, stop) of those where nothing was recorded
    jumps  times that the clock was set back, or too far ahead to be a gap
    """

    rate: int
    zero: float | None = None
    at: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    jumps: int = 0

    def silence_before(self, time: float | None) -> int:
        """The frames of silence between what there is and a piece with this time stamp; 0 without a gap."""
        if time is None or self.zero is None:
            return 0
        ahead = round((time - self.zero) * self.rate) - self.at
        # The beginning is exact; later, a step of less than a gap is rounding.
        if ahead == 0 or (self.at > 0 and abs(ahead) <= GAP * self.rate):
            return 0
        if 0 < ahead <= MOST_HOURS * 3600 * self.rate - self.at:
            self.gaps.append((self.at, self.at + ahead))
            return ahead
        # Encoders put a few samples of padding in front of zero.
        self.jumps += abs(ahead) > GAP * self.rate
        self.zero += ahead / self.rate
        return 0

    def notes(self) -> Iterator[str]:
        """What was filled or moved, one sentence each."""
        late: list[float] = []
        inside: list[float] = []
        for start, stop in self.gaps:
            (inside if start else late).append((stop - start) / self.rate)
        if late and late[0] > GAP:
            yield f"filled the first {late[0]:,.2f} s with silence: its sound begins after them"
        if inside:
            gaps = f"{len(inside):,} gaps" if len(inside) > 1 else "a gap"
            yield f"filled {gaps} in its time stamps, {sum(inside):,.2f} s, with silence: nothing was recorded there"
        if self.jumps:
            times = f"{self.jumps:,} times" if self.jumps > 1 else "once"
            yield f"ignored its time stamps where they jump, {times}: what comes next follows at once"


def clean(block: Float32[np.ndarray, "n channels"]) -> tuple[Float32[np.ndarray, "n channels"], int, int | None]:
    """Replaces values that are no samples (not finite, or out of bounds) by silence; returns their number, and the
    frame of the first, too."""
    good = np.abs(block) <= _LARGEST
    if good.all():
        return block, 0, None
    bad = ~good
    return np.where(good, block, np.float32(0)), int(np.count_nonzero(bad)), int(bad.any(axis=1).argmax())


def mono(block: Float32[np.ndarray, "n channels"], channel: int | None) -> Float32[np.ndarray, "n"]:
    """One channel, from 0, or the mean of all; the mean, too, where the block has no such channel."""
    return mix(block) if channel is None or channel >= block.shape[1] else block[:, channel].copy()


def centred(
    samples: Float32[np.ndarray, "n"], at: int, offset: float, gaps: Sequence[tuple[int, int]]
) -> Float32[np.ndarray, "n"]:
    """Mono samples, the first of them frame `at`, without a constant offset; gaps stay silent."""
    if offset == 0:
        return samples
    out = samples - np.float32(offset)
    for start, stop in gaps:
        out[max(start - at, 0) : max(stop - at, 0)] = 0
    return out


def mix(block: Float32[np.ndarray, "n channels"]) -> Float32[np.ndarray, "n"]:
    """The mean of the channels."""
    # Column by column: numpy's mean over a short last axis takes several times as long.
    mono = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mono += block[:, channel]
    return mono if block.shape[1] == 1 else mono / np.float32(block.shape[1])


def power(block: Float32[np.ndarray, "n channels"]) -> float:
    """The sum of squares of the samples, the mean over the channels."""
    return float(np.einsum("ij,ij->", block, block, dtype=np.float64)) / block.shape[1]
