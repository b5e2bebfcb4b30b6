"""Colour scales: map the values of maps to positions on a colour bar, comparable between maps.

A `ColourScale` holds the settings, a `ColourRange` the resulting range for given maps. Maps shown side by side are
passed to `ColourScale.limits` together, so that equal colours mean equal values.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from ..analysis.formatting import count, number, percent
from ..analysis.summary import ROUNDING, SMALLEST, WEIGHTS, Quantity, is_constant
from .ticks import Tick, place

Mode = Literal["shared", "uniform", "per_map", "log"]
Values = Float[np.ndarray, "..."]

UNITS: dict[Quantity, str] = {
    "probability": "attention weight",
    "score": "score before the softmax",
    "value": "attention weight × value norm",
    "entropy": "entropy over latents (nats)",
}
NOT_COMPARABLE = "Each map on its own scale, so colours are not comparable between maps."
FLAT_PLACE = 0.25
"""The position of a constant map's colour on the bar: low, but not at the end."""


def modes(what: Quantity, *, signed: bool = False) -> tuple[Mode, ...]:
    """The valid modes for a quantity: "log" requires weights, "uniform" requires probabilities."""
    if what == "probability":
        return ("shared", "uniform", "per_map") if signed else ("shared", "uniform", "per_map", "log")
    if what == "value" and not signed:
        return ("shared", "per_map", "log")
    return ("shared", "per_map")


def usable_mode(mode: str, what: Quantity, *, signed: bool = False) -> Mode:
    """The mode, or "shared" if it is not valid for a quantity."""
    return next((one for one in modes(what, signed=signed) if one == mode), "shared")


@dataclass(frozen=True)
class ColourRange:
    """The colour range of one map. Values are in the displayed unit: the map's own, times `factor`.

    mode, what, signed   the settings of the scale
    lower, upper         the ends of the colour bar; always lower < upper
    percentile           of the values at the end of the bar, 100 for the largest
    factor               M for multiples of uniform, else 1
    floor                log only: the smallest value that is distinguished
    below, above         shares of the elements beyond either end, over all maps that share the range
    mass_above           share of the total weight in the elements above; None if values cannot be summed
    missing              number of elements that are not finite, over all maps that share the range
    flat                 whether all values are equal (or none is finite), so that colours have no meaning
    uniform              the value of a uniform map; None if there is no such level
    name                 of the values, if not given by `what`
    """

    mode: Mode
    what: Quantity
    signed: bool
    lower: float
    upper: float
    percentile: float
    factor: float = 1.0
    floor: float | None = None
    below: float = 0.0
    above: float = 0.0
    mass_above: float | None = None
    missing: int = 0
    flat: bool = False
    uniform: float | None = None
    name: str = ""

    @property
    def comparable(self) -> bool:
        """Whether equal colours on other maps of the same call mean equal values."""
        return self.mode != "per_map"

    @property
    def clipped(self) -> float:
        """Share of the elements beyond either end of the bar."""
        return self.below + self.above

    @property
    def unit(self) -> str:
        """The unit of the values on the bar as text."""
        if self.name:
            return self.name
        name = "× uniform" if self.mode == "uniform" else UNITS[self.what]
        if self.signed:
            name = f"difference, {name}"
        return f"{name} (log scale)" if self.mode == "log" else name

    def shown(self, values: Values) -> Float[np.ndarray, "..."]:
        """Map values in the unit of the bar."""
        return np.asarray(values, dtype=np.float64) * self.factor

    def apply(self, values: Values) -> Float32[np.ndarray, "..."]:
        """Positions on the bar in [0, 1], clipped at its ends; NaN for values that are not finite."""
        values = np.asarray(values, dtype=np.float64)
        shown = np.where(np.isfinite(values), values, np.nan) * self.factor
        return self._place(shown).astype(np.float32)

    def _place(self, shown: Values) -> Float[np.ndarray, "..."]:
        lower, upper = self.lower, self.upper
        if self.mode == "log":
            shown, lower, upper = np.log10(np.maximum(shown, lower)), math.log10(lower), math.log10(upper)
        return np.clip((shown - lower) / (upper - lower), 0.0, 1.0)

    def ticks(self, wanted: int = 5, apart: float = 0.1) -> tuple[Tick, ...]:
        """Ticks of the bar, lowest first: its ends, the uniform level, and round numbers between them.

        wanted  approximate number of ticks
        apart   minimum distance between two labels, as a share of the bar
        """
        must: list[tuple[float, str, bool]] = [
            (self.upper, f"≥ {number(self.upper)}" if self.above else number(self.upper), False),
            (self.lower, f"≤ {number(self.lower)}" if self.below else number(self.lower), False),
        ]
        if self.signed:
            must.append((0.0, "0", False))
        if self.uniform is not None and self.lower <= self.uniform <= self.upper:
            mark = (self.uniform, "1" if self.mode == "uniform" else "uniform", True)
            # The uniform level has priority over a lower end of 0, but not over any other lower end.
            must.insert(1 if self.lower == 0 else 2, mark)
        return place(must, self.lower, self.upper, wanted, apart, log=self.mode == "log", where=self._at)

    def _at(self, shown: float) -> float:
        return float(self._place(np.asarray([shown], dtype=np.float64))[0])

    def sentence(self) -> str:
        """The description of the scale as text, for captions and notes."""
        parts = [self._range_sentence(), self._clipped_sentence()]
        if self.uniform is not None and self.mode != "uniform":
            parts.append(f"Uniform would be 1/M = {number(self.uniform)}.")
        if self.missing:
            are = "element is" if self.missing == 1 else "elements are"
            parts.append(f"{count(self.missing)} {are} not finite and drawn in a colour of their own.")
        return " ".join(part for part in parts if part)

    def _range_sentence(self) -> str:
        if self.flat:
            return "All values are alike, so the colour says nothing."
        names = {
            "shared": "Shared scale",
            "uniform": "Shared scale in multiples of uniform",
            "per_map": NOT_COMPARABLE.removesuffix("."),
            "log": "Shared logarithmic scale",
        }
        around = ", symmetric about 0" if self.signed else ""
        return f"{names[self.mode]}{around}: {number(self.lower)} to {number(self.upper)}."

    def _clipped_sentence(self) -> str:
        parts = []
        if self.above:
            holding = f", which hold {percent(self.mass_above)} of the weight," if self.mass_above is not None else ""
            parts.append(f"{percent(self.above)} of the elements{holding} lie above")
        if self.below:
            floor = f" the floor of {number(self.floor)}" if self.floor is not None else ""
            parts.append(f"{percent(self.below)} of the elements lie below{floor}")
        return " and ".join(parts) + "." if parts else ""


@dataclass(frozen=True)
class ColourScale:
    """Settings for mapping values to colours.

    mode        "shared": one range for all maps, from 0 to a high percentile of all shown values (for scores and
                entropies, which have no natural zero, from the matching low percentile); "uniform": the same for values
                times M, where 1 is uniform attention, with an upper end of at least 2, so that uniform maps are never
                bright; "per_map": each map from its own minimum to its own percentile; "log": one logarithmic range
                from the minimum to the maximum, but not below the floor, 1/(100 M) for probabilities and a
                ten-thousandth of the maximum for others
    percentile  percentage of elements that the range contains; the rest is clipped and counted in the range
    signed      whether values are differences: every range is then symmetric about 0

    Raises ValueError for a percentile outside (50, 100].
    """

    mode: Mode = "shared"
    percentile: float = 99.5
    signed: bool = False

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise ValueError(f"a colour scale cannot end at percentile {self.percentile:g}; it takes above 50 to 100")

    def limits(self, maps: Sequence[Values], what: Quantity = "probability") -> tuple[ColourRange, ...]:
        """The range of each map, in order; all equal unless the mode is "per_map".

        Raises ValueError if the mode is not valid for the quantity, and for no maps or empty ones.
        """
        if self.mode not in modes(what, signed=self.signed):
            raise ValueError(
                f"mode {self.mode!r} makes no sense for {'differences of ' * self.signed}quantity {what!r}; "
                f"choose from {', '.join(modes(what, signed=self.signed))}"
            )
        if not maps or any(np.size(values) == 0 for values in maps):
            raise ValueError("a colour scale needs at least one map, and none may be empty")
        sizes = [int(np.size(values)) for values in maps]
        factors = [float(size) if self.mode == "uniform" else 1.0 for size in sizes]
        shown = [np.asarray(v, dtype=np.float64).ravel() * f for v, f in zip(maps, factors, strict=True)]
        if self.mode == "per_map":
            return tuple(self._range(v, what, size) for v, size in zip(shown, sizes, strict=True))
        size = sizes[0] if len(set(sizes)) == 1 else None
        shared = self._range(np.concatenate(shown), what, size)
        return tuple(dataclasses.replace(shared, factor=factor) for factor in factors)

    def _range(self, values: Float[np.ndarray, "n"], what: Quantity, size: int | None) -> ColourRange:
        """The range over some values in the displayed unit; `size` is M if it is the same for all maps."""
        finite = values[np.isfinite(values)]
        level = None
        if what == "probability":
            level = 1.0 if self.mode == "uniform" else (1.0 / size if size else None)
        floor = self._floor(finite, level)
        flat = self._is_flat(finite, level)
        lower, upper = self._flat_ends(finite, what, level) if flat else self._ends(finite, what, floor)
        above = finite > upper
        weights = what in WEIGHTS and not self.signed
        return ColourRange(
            mode=self.mode,
            what=what,
            signed=self.signed,
            lower=lower,
            upper=upper,
            percentile=self.percentile,
            floor=floor,
            below=_share(finite < lower),
            above=_share(above),
            mass_above=float(finite[above].sum() / finite.sum()) if weights and above.any() else None,
            missing=int(values.size - finite.size),
            flat=flat,
            uniform=None if self.signed else level,
        )

    def _floor(self, finite: Float[np.ndarray, "n"], level: float | None) -> float | None:
        if self.mode != "log":
            return None
        if level is not None:
            return level / 100
        highest = float(finite.max(initial=0.0))
        return highest / 10_000 if highest > 0 else 1e-4

    def _is_flat(self, finite: Float[np.ndarray, "n"], level: float | None) -> bool:
        if finite.size == 0:
            return True
        low, high = float(finite.min()), float(finite.max())
        if self.signed:
            return max(abs(low), abs(high)) <= ROUNDING * (level or 0.0)
        return is_constant(low, high)

    def _flat_ends(self, finite: Float[np.ndarray, "n"], what: Quantity, level: float | None) -> tuple[float, float]:
        """The ends of the bar for which the value of a constant map is at FLAT_PLACE."""
        value = float(finite.mean()) if finite.size else 0.0
        if self.signed:
            return -(level or 1.0), level or 1.0
        if self.mode == "log":
            value = value if value > SMALLEST else (level or 1.0)
            return value / 10, value * 1000
        if what in WEIGHTS:
            return 0.0, value / FLAT_PLACE if value > SMALLEST else 1.0
        width = max(abs(value), 1.0)
        return value - FLAT_PLACE * width, value + (1 - FLAT_PLACE) * width

    def _ends(self, finite: Float[np.ndarray, "n"], what: Quantity, floor: float | None) -> tuple[float, float]:
        if self.signed:
            bound = self._high(np.abs(finite)) or float(np.abs(finite).max())
            return -bound, bound
        highest = float(finite.max())
        if floor is not None:
            lower = max(floor, float(finite.min()))
            return (lower, highest) if highest > lower else (lower, lower * 10)
        if what not in WEIGHTS:
            lower, upper = -self._high(-finite), self._high(finite)
        else:
            lower = float(finite.min()) if self.mode == "per_map" else 0.0
            upper = self._high(finite)
        if self.mode == "uniform":
            upper = max(upper, 2.0)
        # The outlying elements are too few to reach the percentile; the full range shows them.
        if not upper > lower:
            lower, upper = min(lower, float(finite.min())), highest
        return lower, upper

    def _high(self, values: Float[np.ndarray, "n"]) -> float:
        """The high percentile without interpolation, which would let one outlier of a small map shift it."""
        return float(np.percentile(values, self.percentile, method="lower"))


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else 0.0
