"""Decoded pixels of any mode -> 8-bit sRGB on a stated background, with a note for every change.

Transparency is set aside first, grey values are brought to 8 bits, a colour profile is applied, and only then are the
colours laid on the background, so that neither step sees the other's values.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageChops, ImageCms

from ..base import DecodeError, shortened
from .colour_spaces import ColourSpace

Colour = tuple[int, int, int]

_TRANSPARENT_MODES = ("RGBA", "RGBa", "LA", "La", "PA")
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
# lcms rounds: the same colours through an sRGB profile come back up to this much apart.
_ROUNDING = 2
_BAND_PIXELS = 2_000_000


def to_srgb(
    picture: Image.Image, *, background: Colour, depth: int = 8, reduce: int = 1, space: ColourSpace | None = None
) -> tuple[Image.Image, list[str]]:
    """Brings a loaded picture of any mode to mode RGB.

    background  what shows through transparent parts
    depth       bits a sample in the file, which the value named as transparent refers to
    reduce      averages squares of this many pixels a side into one
    space       the colour space of its values, if the file names one in place of a profile

    Works in bands, so that beside the picture and the result only a few megapixels are held. Returns the result and
    its notes. Raises DecodeError where no value is finite, and what Pillow raises for modes that have no way to RGB.
    """
    greys = GreyScale.of(picture) if _is_deep(picture.mode) else None
    notes = [greys.note] if greys else []
    width, height = picture.size
    out = Image.new("RGB", (-(-width // reduce), -(-height // reduce)))
    for top, band in _bands(picture, reduce):
        alpha = _alpha(band, depth)
        colour = Image.fromarray(greys.to_8_bits(np.asarray(band))) if greys else _opaque(band)
        if space is None:
            rgb = _managed(colour, picture.info.get("icc_profile"), notes)
        else:
            plain = colour.convert("RGB")
            rgb = space.grey_to_srgb(greys.scaled(np.asarray(band)) / 255) if greys else space.to_srgb(plain)
            notes += [space.note] if _differ(rgb, plain) else []
        if alpha is not None and alpha.getextrema()[0] != 255:
            paper = Image.new("RGB", rgb.size, background)
            paper.paste(rgb, mask=alpha)
            rgb = paper
            notes.append(f"laid its transparent parts on the background colour {background}")
        out.paste(rgb.reduce(reduce) if reduce > 1 else rgb, (0, top // reduce))
    return out, list(dict.fromkeys(notes))


def _bands(picture: Image.Image, multiple: int) -> Iterator[tuple[int, Image.Image]]:
    """The picture in bands of whole rows, with the first row of each; heights are multiples but for the last."""
    rows = max(_BAND_PIXELS // (picture.width * multiple), 1) * multiple
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _is_deep(mode: str) -> bool:
    return mode == "F" or mode.startswith("I")


@dataclass(frozen=True)
class GreyScale:
    """How grey values of more than 8 bits, or floating point, become 0..255.

    low, high  the values that become black and white
    inverted   the file means 0 as white
    unsigned   its 32-bit integers have no sign, which Pillow's mode I does not know
    """

    low: float
    high: float
    inverted: bool
    unsigned: bool
    note: str

    @classmethod
    def of(cls, picture: Image.Image) -> GreyScale:
        """The scale for one picture, from its own values and, in a TIFF, from its tags."""
        tags: Mapping[int, Any] = getattr(picture, "tag_v2", {})
        bits = _first(tags, _BITS, 16)
        unsigned = picture.mode == "I" and bits == 32 and _first(tags, _SAMPLE_FORMAT, 1) == 1
        least, most, lost, where = np.inf, -np.inf, 0, (0, 0)
        for top, band in _bands(picture, 1):
            values = np.asarray(band)
            usable = np.isfinite(values)
            finite = (values.view(np.uint32) if unsigned else values)[usable]
            if lost == 0 and finite.size < values.size:
                row, column = divmod(int(usable.argmin()), values.shape[1])
                where = (top + row, column)
            lost += values.size - finite.size
            if finite.size:
                least, most = min(least, float(finite.min())), max(most, float(finite.max()))
        if least > most:
            raise DecodeError("none of its values is a finite number, so there is nothing to show")
        low, high = _window(least, most, picture.mode, bits)
        note = f"rescaled its grey values ({least:g} to {most:g}) to 8 bits: {low:g} to {high:g} became 0 to 255"
        if lost:
            row, column = where
            note += (
                f"; values that are not finite ({lost:,}, the first in row {row + 1:,}, column {column + 1:,}) became "
                f"{low:g}"
            )
        return cls(low, high, inverted=tags.get(_PHOTOMETRIC) == 0, unsigned=unsigned, note=note)

    def to_8_bits(self, values: Shaped[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """Rescales grey values, rounding to the nearest."""
        return np.rint(self.scaled(values)).astype(np.uint8)

    def scaled(self, values: Shaped[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """Rescales grey values to 0..255."""
        values = values.view(np.uint32) if self.unsigned else values
        scaled = np.where(np.isfinite(values), values, self.low).astype(np.float64) - self.low
        scaled = (scaled * 255 / ((self.high - self.low) or 1.0)).clip(0, 255)
        return 255 - scaled if self.inverted else scaled


def _window(least: float, most: float, mode: str, bits: int) -> tuple[float, float]:
    """The grey values that become black and white: those of the full scale, or the range of what does not fit it."""
    full = 1.0 if mode == "F" else float((1 << min(bits, 16)) - 1)
    if least < 0 or most > full:
        # One value alone has no range; it is black or white, whichever end of the full scale it lies beyond.
        return (least, most) if least < most else (0.0, full)
    if mode == "F":
        return 0.0, full
    # Scanners and microscopes store 12 bits and fewer in 16; taken for a full scale they would all be black.
    return 0.0, most if 0 < most * 16 <= full else full


def _alpha(picture: Image.Image, depth: int) -> Image.Image | None:
    """The opacity of every pixel (mode L), from a channel or from a colour named as transparent; None if all opaque."""
    key = picture.info.get("transparency")
    if picture.mode in _TRANSPARENT_MODES or (picture.mode == "P" and key is not None):
        return picture.convert("RGBA").getchannel("A")
    if key is None or picture.mode not in ("1", "L", "RGB", "I;16"):
        return None
    # Files of 1 to 4 bits are opened with their values spread to 8, colours of 16 cut to 8; the key is left as it was.
    if picture.mode == "L" and depth < 8:
        key = key * 255 // ((1 << depth) - 1)
    if picture.mode == "RGB" and depth == 16:
        key = tuple(value >> 8 for value in key)
    values = np.asarray(picture.convert("L") if picture.mode == "1" else picture)
    hidden = values == np.asarray(key)
    hidden = hidden.all(axis=-1) if hidden.ndim == 3 else hidden
    return Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8))


def _opaque(picture: Image.Image) -> Image.Image:
    """The colours alone, in one of the modes L, RGB, CMYK and LAB."""
    match picture.mode:
        case "L" | "CMYK" | "LAB":
            return picture
        case "1":
            return picture.convert("L")
        case "LA" | "La":
            return picture.convert("LA").getchannel("L")
        case "P" if "transparency" not in picture.info:
            return picture.convert("RGB")
        case _:
            return picture.convert("RGBA").convert("RGB")


def _managed(colour: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """Mode RGB in sRGB, through the file's profile where one can be used. A bad profile never stands in the way."""
    srgb = ImageCms.createProfile("sRGB")
    if colour.mode == "LAB":
        notes.append("converted its CIELAB colours to sRGB")
        return _through(colour, ImageCms.createProfile("LAB"), srgb)
    plain = colour.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            meant = source.profile.xcolor_space.strip()
            if meant == _SPACES[colour.mode]:
                managed = _through(colour, source, srgb)
                if _differ(managed, plain):
                    title = shortened(ImageCms.getProfileDescription(source).strip())
                    notes.append(f"converted its colours from its profile ({title}) to sRGB")
                return managed
            notes.append(f"ignored its colour profile, which is for {meant} while its pixels are {colour.mode}")
        except Exception:  # lcms and Pillow raise many kinds for damaged profiles, and none of them may block a picture
            notes.append("ignored its colour profile, which is damaged")
    if colour.mode == "CMYK":
        notes.append("converted its CMYK colours without a profile, so they are approximate")
    return plain


def _differ(managed: Image.Image, plain: Image.Image) -> bool:
    changes = cast(tuple[tuple[int, int], ...], ImageChops.difference(managed, plain).getextrema())
    return max(most for _, most in changes) > _ROUNDING


def _through(colour: Image.Image, source: ImageCms.ImageCmsProfile | Any, target: Any) -> Image.Image:
    out = ImageCms.profileToProfile(colour, source, target, outputMode="RGB")
    assert out is not None
    return out


def _first(tags: Mapping[int, Any], tag: int, default: int) -> int:
    value = tags.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
