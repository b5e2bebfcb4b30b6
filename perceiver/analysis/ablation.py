"""Ablation: channels of the position encoding replaced at inference, and elements of the input taken away.

Only the input array changes, before the input's layer norm; the model is not modified. `Positions.bands()` maps
channels to frequencies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ConfigError
from ..positions import Band, Column, Positions, Rows
from ..validation import whole_number
from . import erasure
from .erasure import Erasure
from .methods import FILLS, Fill

Place = tuple[int, int]
"""A band: its axis and its index on that axis, both from 0."""

LONGEST = 2000
"""Maximum length of an ablation as text: every second band of three axes with 128 bands takes 1200 characters."""


@dataclass(frozen=True)
class Ablation:
    """The channels to remove from a position encoding, and their replacement.

    sines        bands whose sine channel is removed
    cosines      bands whose cosine channel is removed
    coordinates  axes whose raw coordinate is removed
    whole        removes the whole position encoding, of any kind
    without      parts of the input, by name, whose elements are removed from the input array
    erased       further elements that are removed from it, or whose content is replaced
    fill         replaces a removed channel by "zero"; by its "mean" over the elements; or by its own values with the
                 elements permuted ("shuffle"), which keeps their distribution; all channels share one permutation
    seed         of the permutation
    """

    sines: frozenset[Place] = frozenset()
    cosines: frozenset[Place] = frozenset()
    coordinates: frozenset[int] = frozenset()
    whole: bool = False
    without: frozenset[str] = frozenset()
    fill: Fill = "zero"
    seed: int = 0
    erased: Erasure | None = None

    def __post_init__(self) -> None:
        if self.fill not in FILLS:
            raise ConfigError(f"a removed channel cannot be filled by {self.fill!r}; choose {', '.join(FILLS)}")
        object.__setattr__(self, "seed", whole_number("seed", self.seed, 0))

    def __bool__(self) -> bool:
        """Whether anything is removed."""
        return self.whole or bool(self.sines or self.cosines or self.coordinates or self.without or self.erased)

    def __or__(self, other: Ablation) -> Ablation:
        """The union of both, with the fill of the first."""
        return replace(
            self,
            sines=self.sines | other.sines,
            cosines=self.cosines | other.cosines,
            coordinates=self.coordinates | other.coordinates,
            whole=self.whole or other.whole,
            without=self.without | other.without,
            erased=self.erased | other.erased if self.erased and other.erased else self.erased or other.erased,
        )

    def filled(self, fill: Fill, seed: int = 0) -> Ablation:
        """The same channels with another fill."""
        return replace(self, fill=fill, seed=seed if fill == "shuffle" else 0)

    def channels(self, encoding: Positions, width: int, known: Mapping[Place, Band] | None = None) -> tuple[int, ...]:
        """The channels removed from some or all elements, counted within the `width` channels of the code, ascending.

        known  the result of `by_place` for the encoding, to look up many ablations

        Raises ConfigError when the encoding has no such band or coordinate.
        """
        return tuple(sorted({channel for _, channel in self.columns(encoding, width, known)}))

    def columns(self, encoding: Positions, width: int, known: Mapping[Place, Band] | None = None) -> tuple[Column, ...]:
        """The removed channels, each with the elements it is removed from; arguments as `channels`."""
        bands = by_place(encoding) if known is None else known
        raw = encoding.coordinate_channels()
        places = self.sines | self.cosines
        if not places <= bands.keys():
            missing = bands_at({min(places - bands.keys())}).text()
            have = bands_at(frozenset(bands)).text()
            raise ConfigError(f"this encoding has no band {missing}; {f'it has {have}' if have else 'it has no bands'}")
        for axis in self.coordinates:
            if not 0 <= axis < len(raw):
                raise ConfigError(f"this encoding has no raw coordinate x{axis + 1}")
        if self.whole:
            return encoding.columns(width)
        chosen = [(axis, bands[axis, index].sine) for axis, index in self.sines]
        chosen += [(axis, bands[axis, index].cosine) for axis, index in self.cosines]
        chosen += [(axis, raw[axis]) for axis in self.coordinates]
        return tuple((encoding.rows(axis), channel) for axis, channel in chosen)

    def apply(self, codes: Float[Tensor, "*batch M P"], encoding: Positions) -> Float[Tensor, "*batch M P"]:
        """The codes after the ablation; the given codes are not modified.

        Raises ConfigError when the encoding has no such band or coordinate.
        """
        columns = self.columns(encoding, codes.shape[-1])
        if not columns:
            return codes
        channels: dict[Rows, list[int]] = {}
        for rows, channel in columns:
            channels.setdefault(rows, []).append(channel)
        if None in channels:
            return self._without(codes.detach(), channels[None])
        out = codes.detach().clone()
        for rows, gone in channels.items():
            assert rows is not None
            part = out[..., rows[0] : rows[1], :]
            part.copy_(self._without(part, gone))
        return out

    def _without(self, codes: Float[Tensor, "*batch M P"], channels: list[int]) -> Float[Tensor, "*batch M P"]:
        gone = torch.zeros(codes.shape[-1], dtype=torch.bool, device=codes.device)
        gone[channels] = True
        return torch.where(gone, self.filling(codes), codes)

    def filling(self, values: Float[Tensor, "*batch M k"]) -> Float[Tensor, "*batch M k"]:
        """The replacement for these channels."""
        match self.fill:
            case "zero":
                return torch.zeros_like(values)
            case "mean":
                return values.mean(-2, keepdim=True).expand_as(values)
            case "shuffle":
                generator = torch.Generator().manual_seed(self.seed)
                return values[..., torch.randperm(values.shape[-2], generator=generator).to(values.device), :]
            case _:
                assert_never(self.fill)

    def text(self) -> str:
        """The ablation as short text, for links and command lines; "" where nothing is removed.

        Parts separated by commas, counted from 1: `b1:3-16` bands 3 to 16 of axis 1, `s1:2.5` the sines of
        two of them, `c1:4` a cosine, `x2` the raw coordinate of axis 2, `all` the whole code, `no-audio` the elements
        of a part of the input, `erased:CODE` single elements (`Erasure.text`), then `mean` or `shuffle:7` for the
        filling.
        """
        both = self.sines & self.cosines
        parts = [
            f"{sign}{axis + 1}:{_ranges(sorted(index for a, index in places if a == axis))}"
            for sign, places in (("b", both), ("s", self.sines - both), ("c", self.cosines - both))
            for axis in sorted({a for a, _ in places})
        ]
        parts += [f"x{axis + 1}" for axis in sorted(self.coordinates)]
        if self.whole:
            parts.append("all")
        parts += [f"no-{name}" for name in sorted(self.without)]
        parts += [self.erased.text()] if self.erased else []
        if parts and self.fill != "zero":
            parts.append(f"shuffle:{self.seed}" if self.fill == "shuffle" else self.fill)
        return ",".join(parts)


def parse(text: str) -> Ablation:
    """The inverse of `Ablation.text`. Raises ConfigError for anything else."""
    if len(text) > LONGEST:
        raise ConfigError(f"an ablation of {len(text)} signs is too long; {LONGEST} are enough for any")
    sines: set[Place] = set()
    cosines: set[Place] = set()
    coordinates: set[int] = set()
    without: set[str] = set()
    erased: Erasure | None = None
    whole, seed = False, 0
    fill: Fill = "zero"
    for part in filter(None, (part.strip() for part in text.split(","))):
        if found := re.fullmatch(r"([bsc])(\d{1,2}):([\d.-]+)", part, re.ASCII):
            sign, axis = found[1], _from_one(found[2], part)
            places = {(axis, index) for index in _numbers(found[3], part)}
            sines |= places if sign in "bs" else set()
            cosines |= places if sign in "bc" else set()
        elif found := re.fullmatch(r"x(\d{1,2})", part, re.ASCII):
            coordinates.add(_from_one(found[1], part))
        elif found := re.fullmatch(r"shuffle(?::(\d{1,9}))?", part, re.ASCII):
            fill, seed = "shuffle", int(found[1] or 0)
        elif found := re.fullmatch(r"no-([a-z]{1,20})", part, re.ASCII):
            without.add(found[1])
        elif elements := erasure.parse_part(part):
            if erased and erased.by != elements.by:
                raise ConfigError(f"elements are erased in several ways, {erased.by} and {elements.by}; choose one")
            erased = erased | elements if erased else elements
        elif part == "all":
            whole = True
        elif part in FILLS:
            fill = part
        else:
            raise ConfigError(f"{part!r} says nothing about an ablation; bands are b1:3-16, coordinates x1, all is all")
    sets = (frozenset(sines), frozenset(cosines), frozenset(coordinates), whole, frozenset(without))
    return Ablation(*sets, erased=erased).filled(fill, seed)


def by_place(encoding: Positions) -> dict[Place, Band]:
    """The bands of an encoding by their axis and number."""
    return {(band.axis, band.index): band for band in encoding.bands()}


def bands(chosen: Iterable[Band]) -> Ablation:
    """Removes these bands, sine and cosine."""
    return bands_at((band.axis, band.index) for band in chosen)


def bands_at(places: Iterable[Place]) -> Ablation:
    """Removes the bands at these places, sine and cosine."""
    chosen = frozenset(places)
    return Ablation(sines=chosen, cosines=chosen)


def low_pass(encoding: Positions, kept: int) -> Ablation:
    """Keeps the lowest `kept` bands of every axis, and the raw coordinates."""
    return bands(band for band in encoding.bands() if band.index >= kept)


def high_pass(encoding: Positions, removed: int) -> Ablation:
    """Removes the lowest `removed` bands of every axis; the raw coordinates stay."""
    return bands(band for band in encoding.bands() if band.index < removed)


def band_pass(encoding: Positions, lowest: float, highest: float) -> Ablation:
    """Keeps the bands from `lowest` to `highest` in cycles across the axis, ends included, and the raw coordinates."""
    return bands(band for band in encoding.bands() if not lowest <= band.frequency <= highest)


def one_band(encoding: Positions, index: int, axis: int | None = None) -> Ablation:
    """Removes one band, on one axis or on all."""
    return bands(band for band in encoding.bands() if band.index == index and axis in (None, band.axis))


def one_axis(encoding: Positions, axis: int) -> Ablation:
    """Removes all bands and the raw coordinate of one axis."""
    gone = bands(band for band in encoding.bands() if band.axis == axis)
    return replace(gone, coordinates=frozenset({axis} if axis < len(encoding.coordinate_channels()) else ()))


def coordinates(encoding: Positions, axes: Collection[int] | None = None) -> Ablation:
    """Removes the raw coordinates, of some axes or of all."""
    there = range(len(encoding.coordinate_channels()))
    return Ablation(coordinates=frozenset(there if axes is None else axes))


def sines(encoding: Positions) -> Ablation:
    """Removes all sines."""
    return Ablation(sines=frozenset((band.axis, band.index) for band in encoding.bands()))


def cosines(encoding: Positions) -> Ablation:
    """Removes all cosines."""
    return Ablation(cosines=frozenset((band.axis, band.index) for band in encoding.bands()))


WHOLE = Ablation(whole=True)
"""Removes the whole code."""


def _from_one(number: str, part: str) -> int:
    if int(number) < 1:
        raise ConfigError(f"{part!r} counts from 0; axes and bands are counted from 1")
    return int(number) - 1


def _numbers(text: str, part: str) -> list[int]:
    """1.3-5 as 0, 2, 3, 4."""
    out: list[int] = []
    for piece in text.split("."):
        found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", piece, re.ASCII)
        if not found:
            raise ConfigError(f"{part!r} names no bands; they are given as 3, 3-16 or 1.4-6")
        first, last = _from_one(found[1], part), _from_one(found[2] or found[1], part)
        if last < first:
            raise ConfigError(f"{part!r} names bands from the last to the first; they are given as 3-16")
        out.extend(range(first, last + 1))
    return out


def _ranges(indices: list[int]) -> str:
    """0, 2, 3, 4 as 1.3-5."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ".".join(str(a + 1) if a == b else f"{a + 1}-{b + 1}" for a, b in runs)
