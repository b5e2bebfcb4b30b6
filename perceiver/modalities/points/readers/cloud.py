"""The result of every reader of points and meshes, and the checks that they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from ....errors import InputError

NO_FACES = "it has no faces, so its corners were used as points"

_NAMED = 4


@dataclass(frozen=True)
class Columns:
    """The columns of a table of numbers.

    names   of all of them; empty where the file has none
    places  which of them are x, y and z, from 0
    """

    names: tuple[str, ...]
    places: tuple[int, int, int]


@dataclass(frozen=True)
class Cloud:
    """Points of a file, or the corners of its mesh.

    points     as the file gives them, in its own coordinates; they may hold values that are not finite
    colours    of the points, or None
    triangles  rows of three points each; none for a cloud
    notes      what was left out or taken for something
    columns    those of a table of numbers; None for other files
    """

    points: Float64[np.ndarray, "n 3"]
    colours: UInt8[np.ndarray, "n 3"] | None = None
    triangles: Int64[np.ndarray, "t 3"] | None = None
    notes: tuple[str, ...] = ()
    columns: Columns | None = None


def check_count(count: int, most: int, name: str, what: str = "points") -> None:
    """Raises InputError where a file claims more than the limit, before memory is allocated, and where it has none."""
    if count > most:
        raise InputError(f"{name} holds {count:,} {what}; at most {most:,} are read, so thin it out and try again")
    if count < 1:
        raise InputError(f"{name} holds no {what}")


def truncated(name: str, promised: int, found: int, what: str = "points") -> InputError:
    """The error for a file that ends before what its header promises."""
    return InputError(
        f"{name} was cut off or damaged: its header promises {promised:,} {what}, but there are only {found:,}"
    )


def left_out(rest: int, behind: str, size: int = 0, what: str = "") -> tuple[str, ...]:
    """A note on bytes behind all that a header promises, if there are any.

    behind      what they come after, in words
    size, what  bytes of one more of these things, where that is known, and their name
    """
    if rest <= 0:
        return ()
    room = f", room for {rest // size:,} more {what}" if size and rest >= size else ""
    return (f"left out {rest:,} byte{'s' * (rest > 1)} behind {behind} that its header promises{room}",)


def unread_fields(names: Iterable[str]) -> tuple[str, ...]:
    """A note on the fields of a file that are not used; empty where all are."""
    # PCD calls its padding _.
    names = [name for name in dict.fromkeys(names) if name != "_"]
    if not names:
        return ()
    more = len(names) - _NAMED
    shown = [*names[:_NAMED], f"{more} more"] if more > 1 else names
    listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
    return (f"left out its field{'s' * (len(names) > 1)} {listed}, as the model reads places alone",)
