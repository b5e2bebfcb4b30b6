"""Erasure: elements taken out of the input array, or given other content, chosen by regions of the input.

A Perceiver reads any set of elements, so an element is removed by leaving out its row of the input array: what the
model computes on the rows that are left is exact, and no value has to replace it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import ConfigError
from ..sample import Sample
from ..validation import check_choice
from . import region as regions
from .formatting import count
from .methods import ERASED_BY, ErasedBy
from .region import CellBox, PlaceBox, Placed, ViewBox

LONGEST = 6000
"""Maximum length of erased regions as text: addresses of 8,000 characters are safe."""

MOST_REGIONS = 200
MOST_ELEMENTS = 2**26
"""Maximum number of regions in one text, and of elements that a mask tells of."""

BLUR = 1 / 16
"""The standard deviation of the blur along each axis, as a share of its elements; at least one element."""


@dataclass(frozen=True)
class ElementMask:
    """Marked elements of an input, as the lengths of its runs.

    runs  elements that are not marked, then marked ones, then not, and so on; the first may be 0, the others are not
    """

    runs: tuple[int, ...]

    @classmethod
    def of(cls, marked: Bool[np.ndarray, "..."]) -> ElementMask:
        """The mask of marked elements, rows first."""
        flat = np.asarray(marked, dtype=bool).ravel()
        ends = np.flatnonzero(np.diff(flat)) + 1
        runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
        return cls((0, *runs) if flat.size and flat[0] else tuple(runs))

    @property
    def total(self) -> int:
        """M, the number of all elements."""
        return sum(self.runs)

    @property
    def count(self) -> int:
        """The number of marked elements."""
        return sum(self.runs[1::2])

    @cached_property
    def marked(self) -> Bool[np.ndarray, "M"]:
        """Which elements are marked."""
        return np.repeat(np.arange(len(self.runs)) % 2 == 1, self.runs)

    def inside(self, layout: Placed) -> Bool[np.ndarray, "M"]:
        """Which elements of an input are marked. Raises ConfigError for an input of another size, and where none is."""
        self.check(int(np.prod(layout.shape)))
        if not self.count:
            raise ConfigError("the mask marks no element")
        return self.marked

    def check(self, elements: int) -> None:
        """Raises ConfigError for an input of another size."""
        if self.total != elements:
            raise ConfigError(f"the mask is of {count(self.total)} elements; this input has {count(elements)}")

    def code(self) -> str:
        """The runs in short: base 64 for addresses, of numbers in 7 bits a byte, the lowest first."""
        out = bytearray()
        for run in self.runs:
            while run > 127:
                out.append(run & 127 | 128)
                run >>= 7
            out.append(run)
        return base64.urlsafe_b64encode(out).decode().rstrip("=")

    def text(self) -> str:
        """The mask as one of several regions: "mask:CODE"."""
        return f"mask:{self.code()}"

    @classmethod
    def parse(cls, code: str) -> ElementMask:
        """The inverse of `code`. Raises ConfigError for anything else."""
        try:
            mask = cls(tuple(_numbers(base64.b64decode(code + "=" * (-len(code) % 4), b"-_", validate=True))))
        except (binascii.Error, ValueError) as error:
            raise ConfigError(f"{code[:20]!r} is no mask of elements") from error
        if not mask.runs or 0 in mask.runs[1:] or mask.total > MOST_ELEMENTS or mask.code() != code:
            raise ConfigError(f"{code[:20]!r} is no mask of elements")
        return mask


@dataclass(frozen=True)
class Erasure:
    """Elements of an input that a run of the model does without.

    mask  the erased elements
    by    "remove" takes their rows out of the input array; "mean" and "blur" replace their content and keep their
          position: by the mean content of the elements that are left, or by the input's content after a Gaussian blur
    """

    mask: ElementMask
    by: ErasedBy = "remove"

    def __post_init__(self) -> None:
        check_choice("way of erasing", self.by, ERASED_BY)

    def __or__(self, other: Erasure) -> Erasure:
        """Both together, by the way of the first. Raises ConfigError for masks of inputs of different sizes."""
        other.mask.check(self.mask.total)
        return Erasure(ElementMask.of(self.mask.marked | other.mask.marked), self.by)

    def words(self) -> str:
        """What is erased, in words."""
        share = f"{count(self.mask.count)} of {count(self.mask.total)} elements"
        match self.by:
            case "mean":
                return f"the content of {share}, in its place the mean of the others"
            case "blur":
                return f"the content of {share}, in its place a blur of the input"
        return share

    def text(self) -> str:
        """The erasure as a part of an ablation's text: "erased:CODE", "erased-mean:CODE"."""
        return f"erased{'' if self.by == 'remove' else f'-{self.by}'}:{self.mask.code()}"

    def left(self, elements: int) -> Bool[np.ndarray, "M"]:
        """Which elements stay in the input array. Raises ConfigError for an input of another size, and where every
        element is erased."""
        self.mask.check(elements)
        if self.mask.count == elements:
            raise ConfigError("all elements are erased; at least one has to stay")
        return ~self.mask.marked if self.by == "remove" else np.ones(elements, dtype=bool)

    def filled(self, content: Float[Tensor, "1 M content"], sample: Sample) -> Float[Tensor, "1 M content"]:
        """The content of a sample's elements with that of the erased ones replaced; as it is where they are removed.

        Each part of an input of several modalities is filled from its own elements. Raises ConfigError for elements
        without content, for a blur of elements that lie on no grid, and where all elements of a part are erased.
        """
        self.left(content.shape[1])
        if self.by == "remove":
            return content
        if content.shape[2] == 0:
            raise ConfigError("these elements are places alone; there is no content that could be replaced")
        if self.by == "blur" and sample.coordinates is not None:
            raise ConfigError("these elements lie on no grid, so their content cannot be blurred; take its mean")
        out, first = content.clone(), 0
        for shape in [part.shape for part in sample.parts] or [sample.shape]:
            part = slice(first, first + int(np.prod(shape)))
            gone = torch.from_numpy(self.mask.marked[part])
            first = part.stop
            if gone.any():
                out[0, part][gone] = self._filling(content[0, part], gone, shape)
        return out

    def _filling(
        self, content: Float[Tensor, "m content"], gone: Bool[Tensor, "m"], shape: tuple[int, ...]
    ) -> Float[Tensor, "..."]:
        if self.by == "blur":
            from scipy.ndimage import gaussian_filter

            widths = [max(1.0, n * BLUR) if n > 1 else 0.0 for n in shape]
            grid = content.reshape(*shape, -1).double().numpy()
            blurred = torch.from_numpy(gaussian_filter(grid, [*widths, 0.0], mode="nearest"))
            return blurred.reshape(content.shape).to(content)[gone]
        if gone.all():
            raise ConfigError("all elements of a part of the input are erased, so there is no mean of others")
        return content[~gone].mean(0)


@dataclass(frozen=True)
class ErasedRegions:
    """Regions of an input whose elements are erased, all together.

    regions  of the input (`perceiver.analysis.region`), or masks of its elements
    keep     keeps their elements only, and erases all others
    by       how, as `Erasure` describes it
    """

    regions: tuple[CellBox | PlaceBox | ViewBox | ElementMask, ...]
    keep: bool = False
    by: ErasedBy = "remove"

    def text(self) -> str:
        """The regions with semicolons between them, then "keep", then the way if it is not "remove":
        "3-10,5-20;1-4,1-4;keep;mean"."""
        parts = [one.text() for one in self.regions]
        return ";".join([*parts, *(["keep"] if self.keep else []), *([self.by] if self.by != "remove" else [])])

    def marked(self, layout: Placed) -> Bool[np.ndarray, "M"]:
        """Which elements lie in the regions. Raises ConfigError for a region that the input does not have."""
        return np.logical_or.reduce([one.inside(layout) for one in self.regions])

    def erasure(self, layout: Placed) -> Erasure:
        """The elements that are erased. Raises ConfigError for a region that the input does not have, and where none or
        all of its elements would be erased."""
        marked = self.marked(layout)
        erased = Erasure(ElementMask.of(~marked if self.keep else marked), self.by)
        if not erased.mask.count:
            raise ConfigError("all elements are kept; nothing is erased")
        erased.left(len(marked))
        return erased


def parse(text: str) -> ErasedRegions:
    """The inverse of `ErasedRegions.text`. Raises ConfigError for anything else."""
    if len(text) > LONGEST:
        raise ConfigError(f"erased regions of {len(text):,} characters are too long; {LONGEST:,} are possible")
    parts = [part.strip() for part in text.split(";")]
    by: ErasedBy = "remove"
    if parts[-1] in ERASED_BY:
        by = cast(ErasedBy, parts.pop())
    if keep := bool(parts) and parts[-1] == "keep":
        parts.pop()
    if not 1 <= len(parts) <= MOST_REGIONS:
        raise ConfigError(f"{len(parts):,} regions are erased; there are 1 to {MOST_REGIONS}")
    return ErasedRegions(tuple(map(_region, parts)), keep, by)


def chosen(
    which: Sequence[str | Bool[np.ndarray, "..."]], layout: Placed, *, keep: bool = False, by: ErasedBy | None = None
) -> Erasure:
    """The erasure of several regions of an input together.

    which  regions as text, several with semicolons between them, and masks of elements in the shape of the input
    keep   keeps their elements only, as "keep" in a text does
    by     how; None is that of the texts, or "remove"

    Raises ConfigError for text that is no region, for a mask of another size, and as `ErasedRegions.erasure` does.
    """
    found = [
        parse(one) if isinstance(one, str) else ErasedRegions((ElementMask.of(regions.elements_in(one, layout)),))
        for one in which
    ]
    if not found:
        raise ConfigError("no region is named that would be erased")
    ways = {one.by for one in found} - {"remove"}
    if by is None and len(ways) > 1:
        raise ConfigError(f"the regions are erased in several ways, {' and '.join(sorted(ways))}; choose one")
    how: ErasedBy = next(iter(ways), "remove") if by is None else by
    together = tuple(region for one in found for region in one.regions)
    return ErasedRegions(together, keep or any(one.keep for one in found), how).erasure(layout)


def parse_part(text: str) -> Erasure | None:
    """The inverse of `Erasure.text`; None for text of another kind. Raises ConfigError for a mask that is none."""
    found = re.fullmatch(r"erased(?:-(mean|blur))?:([A-Za-z0-9_-]+)", text, re.ASCII)
    if found is None:
        return None
    return Erasure(ElementMask.parse(found[2]), cast(ErasedBy, found[1] or "remove"))


def _region(text: str) -> CellBox | PlaceBox | ViewBox | ElementMask:
    return ElementMask.parse(text[5:]) if text.startswith("mask:") else regions.parse(text)


def _numbers(data: bytes) -> Iterator[int]:
    """The numbers that 7 bits a byte hold. Raises ValueError for bytes that end within one, or a number too large."""
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if number > MOST_ELEMENTS or shift > 35:
            raise ValueError(number)
        if byte < 128:
            yield number
            number = shift = 0
    if shift:
        raise ValueError(number)
