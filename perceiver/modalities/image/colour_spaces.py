"""Colour spaces that a file names by code points (CICP) or by a gamma and primaries -> sRGB.

Values are those that Chromium shows on an ordinary screen: primaries are adapted by Bradford's method, and a high
dynamic range is brought down by the reference-white tone mapping of SMPTE ST 2094-50, in which the light of 203 nits
becomes half of that of white, and what is brighter is compressed up to the peak.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from PIL import Image

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue, in the order of a PNG's cHRM."""

DEFAULT_PEAK = 1000.0
"""Nits of the brightest parts where a file of high dynamic range does not say."""

_REFERENCE_WHITE = 203.0
_D65 = (0.3127, 0.3290)
_SRGB_PRIMARIES = (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
_BT2020_PRIMARIES = (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
_BT601_PRIMARIES = (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
# ITU-T H.273, table 2.
_PRIMARIES: Mapping[int, tuple[str, Chromaticities]] = {
    1: ("BT.709", _SRGB_PRIMARIES),
    4: ("BT.470 M", (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)),
    5: ("BT.470 BG", (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06)),
    6: ("BT.601", _BT601_PRIMARIES),
    7: ("SMPTE 240M", _BT601_PRIMARIES),
    8: ("film", (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049)),
    9: ("BT.2020", _BT2020_PRIMARIES),
    11: ("DCI-P3", (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    12: ("Display P3", (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    22: ("EBU 3213", (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077)),
}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# Share of the way to the corner that the compressing curve's control point lies on (ST 2094-50, kappa).
_KAPPA = 0.65
_UNSPECIFIED, _BT709_CODE, _SRGB_CODE, _PQ_CODE, _HLG_CODE = 2, 1, 13, 16, 18
# A gamma as close as this to 1 / 2.2 means sRGB.
_ENCODING_GAMMA, _CLOSE = 1 / 2.2, 0.0005

Values = Float[np.ndarray, "*shape"]


@dataclass(frozen=True)
class ColourSpace:
    """A colour space of 8-bit values.

    words      for notes: "Display P3 with the sRGB curve"
    primaries  None for those of sRGB
    curve      stored values in [0, 1] -> linear light, in which 1 is white
    dynamic    "PQ" or "HLG" for a high dynamic range; "" otherwise
    peak       nits of the brightest parts of a high dynamic range
    """

    words: str
    primaries: Chromaticities | None
    curve: Callable[[Values], Values]
    dynamic: str = ""
    peak: float = DEFAULT_PEAK

    @property
    def note(self) -> str:
        """What `to_srgb` changes, as a note of a sample."""
        if self.dynamic:
            return (
                f"converted its high dynamic range ({self.words}) to sRGB, tone-mapped from a peak of "
                f"{self.peak:,.0f} nits"
            )
        return f"converted its colours from {self.words} to sRGB"

    def to_srgb(self, picture: Image.Image) -> Image.Image:
        """A picture of mode RGB, brought to sRGB; colours beyond it are clipped."""
        light = self.curve(np.arange(256) / 255)
        if self.primaries is None and not self.dynamic:
            return picture.point(_encoded(light).tolist() * 3)
        return self._from_light(light.astype(np.float32)[np.asarray(picture)])

    def grey_to_srgb(self, values: Float[np.ndarray, "h w"]) -> Image.Image:
        """Grey values in [0, 1], brought to sRGB before they are rounded to 8 bits; mode RGB."""
        light = self.curve(values)
        if not self.dynamic:
            return Image.fromarray(_encoded(light)).convert("RGB")
        return self._from_light(np.repeat(light.astype(np.float32)[..., None], 3, axis=2))

    def _from_light(self, linear: Float[np.ndarray, "h w 3"]) -> Image.Image:
        primaries = self.primaries or _SRGB_PRIMARIES
        if self.dynamic:
            linear = linear @ _between(primaries, _BT2020_PRIMARIES)
            linear = _tone_mapped(_displayed(linear) if self.dynamic == "HLG" else linear, self.peak / _REFERENCE_WHITE)
            primaries = _BT2020_PRIMARIES
        return Image.fromarray(_encoded(linear @ _between(primaries, _SRGB_PRIMARIES)))


def of_cicp(primaries: int, transfer: int, *, peak: float = DEFAULT_PEAK, video: bool = False) -> ColourSpace | None:
    """The colour space of code points of ITU-T H.273.

    peak   nits of the brightest parts, if the file is of high dynamic range
    video  the code points of BT.709's curve and its equals stand for sRGB's, as in AVIF

    Returns None for sRGB itself. Raises KeyError for code points that are not known.
    """
    primaries = _BT709_CODE if primaries == _UNSPECIFIED else primaries
    transfer = _SRGB_CODE if transfer == _UNSPECIFIED or (video and transfer in (1, 6, 14, 15)) else transfer
    gamut, xy = _PRIMARIES[primaries]
    curve_words, curve = _CURVES[transfer]
    if (primaries, transfer) == (_BT709_CODE, _SRGB_CODE):
        return None
    named = {_PQ_CODE: "PQ", _HLG_CODE: "HLG"}.get(transfer, "")
    peak = peak if named == "PQ" else DEFAULT_PEAK
    return ColourSpace(f"{gamut} with {curve_words}", None if primaries == _BT709_CODE else xy, curve, named, peak)


def of_gamma(gamma: float, chromaticities: Sequence[float] | None) -> ColourSpace | None:
    """The colour space of a PNG's gAMA and, where the file has it, cHRM; None if it is sRGB or means nothing.

    gamma  the exponent that light was encoded with: 1 for linear values, 0.45455 for those of common screens
    """
    xy = _checked(chromaticities) if chromaticities else None
    if not 0 < gamma < np.inf or (xy is None and abs(gamma - _ENCODING_GAMMA) < _CLOSE):
        return None
    words = f"a gamma of {gamma:.5g}{' and its own primaries' if xy else ''}"
    return ColourSpace(words, xy, lambda values: values ** (1 / gamma))


def _checked(chromaticities: Sequence[float]) -> Chromaticities | None:
    """Chromaticities that span a gamut; None for others."""
    if len(chromaticities) != 8 or not all(0 <= value <= 1 for value in chromaticities):
        return None
    xy = np.array(chromaticities).reshape(4, 2)
    if (xy[:, 1] <= 0).any() or abs(np.linalg.det(np.column_stack([xy[1:], np.ones(3)]))) < 1e-4:
        return None
    white, red, green, blue = (tuple(map(float, point)) for point in xy)
    return (*white, *red, *green, *blue)  # type: ignore[return-value]


def _xyz(x: float, y: float) -> Values:
    return np.array([x / y, 1.0, (1 - x - y) / y])


@cache
def _to_xyz(primaries: Chromaticities) -> Values:
    """Linear RGB -> XYZ under D65, (3, 3)."""
    white, *points = (_xyz(*primaries[i : i + 2]) for i in range(0, 8, 2))
    columns = np.stack(points, axis=1)
    matrix = columns * np.linalg.solve(columns, white)
    ratio = (_BRADFORD @ _xyz(*_D65)) / (_BRADFORD @ white)
    return np.linalg.solve(_BRADFORD, ratio[:, None] * _BRADFORD) @ matrix


@cache
def _between(source: Chromaticities, target: Chromaticities) -> Float[np.ndarray, "3 3"]:
    """Linear RGB of one gamut -> that of another, for row vectors."""
    return np.linalg.solve(_to_xyz(target), _to_xyz(source)).T.astype(np.float32)


def _displayed(scene: Float[np.ndarray, "*grid 3"]) -> Float[np.ndarray, "*grid 3"]:
    """Light of a scene (BT.2020) -> that of a screen of 1,000 nits, 1 being the reference white (BT.2100)."""
    luminance = scene @ _to_xyz(_BT2020_PRIMARIES)[1].astype(np.float32)
    return scene * (np.maximum(luminance, 0) ** 0.2 * (DEFAULT_PEAK / _REFERENCE_WHITE))[..., None]


def _tone_mapped(light: Float[np.ndarray, "*grid 3"], peak: float) -> Float[np.ndarray, "*grid 3"]:
    """Light (BT.2020, 1 is the reference white) brought to at most 1.

    All channels of a pixel are scaled by one factor, which its largest one decides: below the reference white a
    constant, above it a quadratic Bézier curve that ends at the peak.
    """
    largest = light.max(axis=-1)
    knee = 1 - 0.5 * min(np.log2(peak) / np.log2(DEFAULT_PEAK / _REFERENCE_WHITE), 1.0) if peak > 1 else 1.0
    corner_x, corner_y = 1 - _KAPPA + _KAPPA / knee, (1 - _KAPPA) * knee + _KAPPA
    # x(t) = 1 + 2 b t + a t**2 is solved for t.
    a, b = peak - 2 * corner_x + 1, corner_x - 1
    over = np.clip(largest, 1, max(peak, 1)) - 1
    t = over / np.maximum(b + np.sqrt(np.maximum(b * b + a * over, 0)), 1e-9)
    height = (1 - t) ** 2 * knee + 2 * t * (1 - t) * corner_y + t**2
    factor = np.where(largest <= 1, knee, height / np.maximum(largest, 1))
    return light * factor[..., None]


def _encoded(light: Values) -> np.ndarray:
    """Linear light -> 8-bit sRGB."""
    light = np.clip(light, 0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(curved * 255).astype(np.uint8)


def _piecewise(power: float, offset: float, slope: float, edge: float) -> Callable[[Values], Values]:
    def curve(values: Values) -> Values:
        return np.where(values < edge, values / slope, ((values + offset) / (1 + offset)) ** power)

    return curve


def _pq(values: Values) -> Values:
    """SMPTE ST 2084; 1 is the reference white."""
    root = values ** (4096 / (2523 * 128))
    light = (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
    return light * 10_000 / _REFERENCE_WHITE


def _hlg(values: Values) -> Values:
    """Hybrid log-gamma (BT.2100): light of the scene in [0, 1]."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)


# Of screens for such video (BT.1886); the curve of cameras in BT.709 is not its inverse.
_BT709_CURVE = ("a gamma of 2.4", lambda values: values**2.4)
# ITU-T H.273, table 3.
_CURVES: Mapping[int, tuple[str, Callable[[Values], Values]]] = {
    1: _BT709_CURVE,
    4: ("a gamma of 2.2", lambda values: values**2.2),
    5: ("a gamma of 2.8", lambda values: values**2.8),
    6: _BT709_CURVE,
    7: ("the SMPTE 240M curve", _piecewise(1 / 0.45, 0.1115, 4.0, 0.0913)),
    8: ("linear values", lambda values: values),
    11: _BT709_CURVE,
    13: ("the sRGB curve", _piecewise(2.4, 0.055, 12.92, 0.04045)),
    14: _BT709_CURVE,
    15: _BT709_CURVE,
    16: ("PQ", _pq),
    17: ("the SMPTE 428 curve", lambda values: values**2.6 * 52.37 / 48),
    18: ("HLG", _hlg),
}
