"""Columns of numbers without names -> places and colours, by how such files usually are laid out."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from .cloud import Cloud
from .fields import to_bytes

# Where red, green and blue may begin: behind x y z, or behind x y z and an intensity, as PTS files have it.
_COLOURS_AT = {6: (3,), 7: (4, 3)}
_COLOURS_AT_MORE = (3, 4)


def by_position(table: Float64[np.ndarray, "n columns"]) -> Cloud:
    """The cloud of a table of three or more columns: x, y, z first, then colours if whole numbers look like them.

    A note says what was taken for what where there are more than three.
    """
    count = table.shape[1]
    points = np.ascontiguousarray(table[:, :3])
    if count == 3:
        return Cloud(points)
    candidates = _COLOURS_AT.get(count, _COLOURS_AT_MORE if count > 7 else ())
    start = next((at for at in candidates if _look_like_bytes(table[:, at : at + 3])), None)
    taken = "took columns 1 to 3 as x, y, z"
    if start is None:
        return Cloud(points, notes=(f"{taken} and left out {_span(range(3, count))}",))
    rest = [column for column in range(3, count) if not start <= column < start + 3]
    colours, _ = to_bytes(table[:, start : start + 3], np.dtype(np.uint8))
    said = f"{taken} and columns {start + 1} to {start + 3} as red, green, blue"
    return Cloud(points, colours, notes=(f"{said}; left out {_span(rest)}" if rest else said,))


def _look_like_bytes(values: Float64[np.ndarray, "n 3"]) -> bool:
    # Columns of nothing but 0 and 1 are marks of some sort, not colours.
    return bool(((values >= 0) & (values <= 255) & (values == np.rint(values))).all() and values.max(initial=0) > 1)


def _span(columns: range | list[int]) -> str:
    numbers = [column + 1 for column in columns]
    if len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return (
            f"columns {numbers[0]} to {numbers[-1]}" if len(numbers) > 2 else f"columns {numbers[0]} and {numbers[1]}"
        )
    return f"column{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
