"""Which colour space a picture's file names without a profile: PNG (cICP, gAMA, cHRM) and AVIF (nclx)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from .. import kinds
from ..kinds import Kind
from .colour_spaces import DEFAULT_PEAK, ColourSpace, of_cicp, of_gamma
from .containers import avif_cicp, png_chunks

# Units of a PNG: chromaticities and gammas, and light in nits.
_UNIT, _NITS = 100_000, 10_000


def colour_space(data: bytes, kind: Kind, info: Mapping[Any, Any], notes: list[str]) -> ColourSpace | None:
    """The colour space that a file names; None for sRGB, and where a profile says it or nothing does.

    info  what the reader found, of which the profile matters

    Adds a note on a colour space that is not known, whose values are then taken for sRGB. Precedence is that of the
    PNG specification: cICP, profile, sRGB, gAMA and cHRM.
    """
    if kind is kinds.AVIF:
        codes = None if info.get("icc_profile") else avif_cicp(data)
        return _known(*codes, DEFAULT_PEAK, notes, video=True) if codes else None
    if kind is not kinds.PNG:
        return None
    chunks = png_chunks(data)
    named = chunks.get(b"cICP", b"")
    # Colours of a PNG are RGB of the full range.
    if len(named) == 4 and named[2:] == b"\0\1":
        return _known(named[0], named[1], _peak(chunks), notes)
    if named:
        notes.append("ignored its colour code points (cICP), which a PNG cannot have")
    if info.get("icc_profile") or b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return None
    (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
    places = chunks.get(b"cHRM", b"")
    chromaticities = [value / _UNIT for value in struct.unpack(">8I", places)] if len(places) == 32 else None
    return of_gamma(gamma / _UNIT, chromaticities)


def _known(primaries: int, transfer: int, peak: float, notes: list[str], *, video: bool = False) -> ColourSpace | None:
    try:
        return of_cicp(primaries, transfer, peak=peak, video=video)
    except KeyError:
        notes.append(f"took its colours for sRGB, since their code points ({primaries} and {transfer}) are not known")
        return None


def _peak(chunks: Mapping[bytes, bytes]) -> float:
    """Nits of the brightest parts: those of the content, or else of the screen that it was made on."""
    light, screen = chunks.get(b"cLLI", b""), chunks.get(b"mDCV", b"")
    if len(light) == 8 and (peak := struct.unpack(">I", light[:4])[0] / _NITS) > 0:
        return float(peak)
    if len(screen) == 24 and (peak := struct.unpack(">I", screen[16:20])[0] / _NITS) > 0:
        return float(peak)
    return DEFAULT_PEAK
