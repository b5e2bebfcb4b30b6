"""Windows over a whole clip, for predictions over time. Each window is decoded separately."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jaxtyping import Float

from ...errors import OptionError
from ..scanning import Window
from .file import Extent

if TYPE_CHECKING:
    from torch import Tensor


class Scan:
    """The windows of a clip in order. `len()` tells how many there are; each iteration decodes the clip anew.

    seconds  the length of a window
    every    seconds from one window's start to the next; None puts them end to end
    read     makes the content of the window that begins so many seconds into the clip
    said     further notes on the clip

    The last window reaches the end of the clip; after it, its last frame is repeated and its sound is silence. No
    window counts as silent: there are always pictures. Iterating raises InputError where the file cannot be decoded.
    """

    def __init__(
        self,
        clip: Extent,
        seconds: float,
        every: float | None,
        read: Callable[[float], Float[Tensor, "M content"]],
        said: tuple[str, ...] = (),
    ) -> None:
        every = seconds if every is None else every
        if not (math.isfinite(every) and every > 0):
            raise OptionError(f"windows cannot begin every {every:g} s; the time between them must be above 0")
        self._clip, self._seconds, self._every, self._read = clip, seconds, every, read
        self._said = (*clip.notes(), *said)

    @property
    def seconds(self) -> float:
        """The length of a window."""
        return self._seconds

    @property
    def duration(self) -> float:
        """The length of the clip."""
        return self._clip.seconds

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed on the way in, one sentence each."""
        missing = (len(self) - 1) * self._every + self._seconds - self._clip.seconds
        filled = f"filled the end of the last window, {missing:,.2f} s, with its last frame"
        return (*self._said, *([filled] if missing > 0.01 else []))

    def __len__(self) -> int:
        # Time stamps are rounded; a window for what rounding left over would show nothing new.
        total = self._clip.seconds - 1e-3
        to_the_end = 1 + max(math.ceil((total - self._seconds) / self._every), 0)
        # With gaps between the windows the last one would begin after the end.
        return max(min(to_the_end, math.ceil(total / self._every)), 1)

    def __iter__(self) -> Iterator[Window]:
        for number in range(len(self)):
            start = number * self._every
            yield Window(start, self._read(start))
