"""Clips with maps laid over them: animated GIFs, MP4 with the sound that the model read, and single pictures."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image, ImageDraw, ImageFont

from ..analysis.formatting import clock
from . import colour
from .drawing.base import Drawable, colours_for
from .drawing.clip import frame_pictures, sound_picture
from .scale import ColourRange

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Moving = Literal["gif", "mp4"]
Picture = UInt8[np.ndarray, "H W 3"]

SIDES = {1: 448, 2: 336, 3: 256}
"""Approximate width of a panel in pixels by the number of panels; 192 for more."""

SMOOTH = 12.0
"""Least pictures a second: of a slower clip each frame is shown several times, while the line moves over the sound."""

SOUND_RATE = 48_000
MARGIN, GAP, LINE = 12, 10, 20
WAVE, BAR = 64, 10
INK, QUIET = (22, 25, 29), (86, 93, 102)


@dataclass(frozen=True)
class ClipMap:
    """A map to lay over a clip, with its title and the range of its colours."""

    title: str
    values: Float[np.ndarray, "*shape"]
    range: ColourRange


def clip_animation(
    sample: Drawable,
    maps: Sequence[ClipMap],
    *,
    form: Moving,
    colours: str = "magma",
    strength: float | None = 0.8,
    title: str = "",
) -> bytes:
    """A clip and its maps side by side, at the speed of the clip: an animated GIF, or an MP4 with the sound that the
    model read.

    strength  of the colours over the frames; None draws the maps alone
    """
    length = sample.stop - sample.start
    count = _steps(sample)
    each = max(1, math.ceil(SMOOTH * length / count)) if sample.part("audio") else 1
    pictures = list(_pictures(sample, maps, colours, strength, title, each))
    if form == "gif":
        return _gif(pictures, length)
    return _mp4(pictures, length, sample.sound if sample.part("audio") else None, getattr(sample, "rate", 0))


def clip_still(
    sample: Drawable,
    maps: Sequence[ClipMap],
    moment: float,
    *,
    colours: str = "magma",
    strength: float | None = 0.8,
    title: str = "",
) -> bytes:
    """A clip and its maps at one moment, in seconds of the clip, as a PNG; arguments as `clip_animation` takes them."""
    along = (moment - sample.start) / (sample.stop - sample.start)
    panels = _panels(sample, maps, colours, strength)
    at = min(max(int(along * _steps(sample)), 0), _steps(sample) - 1)
    out = io.BytesIO()
    Image.fromarray(_composed(sample, panels, at, min(max(along, 0.0), 1.0), colours, title)).save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class _Panel:
    """What is drawn of one map, or of the input: all frames, the sound, and the range of the colours."""

    title: str
    frames: UInt8[np.ndarray, "frames h w 3"] | None
    sound: UInt8[np.ndarray, "k w 3"] | None
    range: ColourRange | None


def _steps(sample: Drawable) -> int:
    """Frames that are shown: those of the model, or pictures of the sound alone."""
    return len(sample.seen) if sample.part("video") else max(1, round(SMOOTH * (sample.stop - sample.start)))


def _panels(sample: Drawable, maps: Sequence[ClipMap], colours: str, strength: float | None) -> list[_Panel]:
    """The input, then every map."""
    side = SIDES.get(len(maps), 192)
    every: list[ClipMap | None] = [None, *maps]
    out = []
    for one in every:
        drawn = () if one is None else (one.values, one.range, colours, strength)
        frames, width = None, side
        if sample.part("video"):
            frames = frame_pictures(sample, *drawn)
            times = max(1, round(side / frames.shape[2]))
            frames = frames.repeat(times, axis=1).repeat(times, axis=2)
            width = frames.shape[2]
        sound = sound_picture(sample, width, WAVE, *drawn) if sample.part("audio") else None
        out.append(_Panel("Model input" if one is None else one.title, frames, sound, one.range if one else None))
    return out


def _pictures(
    sample: Drawable, maps: Sequence[ClipMap], colours: str, strength: float | None, title: str, each: int
) -> Iterator[Picture]:
    """All pictures in order; `each` says how many there are of a frame."""
    panels, count = _panels(sample, maps, colours, strength), _steps(sample)
    for number in range(count * each):
        yield _composed(sample, panels, number // each, (number + 0.5) / (count * each), colours, title)


def _composed(
    sample: Drawable, panels: Sequence[_Panel], frame: int, along: float, colours: str, title: str
) -> Picture:
    """One picture: the panels side by side on white, with their titles, the moment, and the bars of their colours."""
    shapes = [(one.frames[0] if one.frames is not None else one.sound) for one in panels]
    width = shapes[0].shape[1]  # type: ignore[union-attr]
    height = 0 if panels[0].frames is None else panels[0].frames.shape[1]
    wave = 0 if panels[0].sound is None else panels[0].sound.shape[0] + (4 if height else 0)
    top = MARGIN + (LINE if title else 0) + LINE
    across = 2 * MARGIN + len(panels) * width + (len(panels) - 1) * GAP
    down = top + height + wave + 6 + LINE + BAR + LINE + MARGIN
    # Coded in pairs of pixels.
    out = np.full((down + down % 2, across + across % 2, 3), 255, np.uint8)
    for i, one in enumerate(panels):
        left = MARGIN + i * (width + GAP)
        if one.frames is not None:
            out[top : top + height, left : left + width] = one.frames[frame]
        if one.sound is not None:
            below = top + height + (4 if height else 0)
            out[below : below + one.sound.shape[0], left : left + width] = _at(one.sound, along)
        if one.range is not None:
            bar = top + height + wave + 6 + LINE
            out[bar : bar + BAR, left : left + width] = colour.bar(colours_for(one.range, colours), width, BAR)
    picture = Image.fromarray(out)
    draw = ImageDraw.Draw(picture)
    if title:
        draw.text((MARGIN, MARGIN - 2), title, INK, _font(14))
    moment = sample.start + along * (sample.stop - sample.start)
    for i, one in enumerate(panels):
        left = MARGIN + i * (width + GAP)
        draw.text((left, top - LINE), one.title, INK, _font(13))
        line = top + height + wave + 6
        if one.range is None:
            draw.text((left, line), clock(moment), QUIET, _font(12))
            continue
        draw.text((left, line), one.range.unit, QUIET, _font(12))
        for tick in one.range.ticks(wanted=3, apart=0.3):
            anchor = "l" if tick.place < 0.1 else "r" if tick.place > 0.9 else "m"
            draw.text(
                (left + tick.place * (width - 1), line + LINE + BAR + 2), tick.label, QUIET, _font(12), anchor + "a"
            )
    return np.asarray(picture)


def _at(sound: UInt8[np.ndarray, "k w 3"], along: float) -> UInt8[np.ndarray, "k w 3"]:
    """The picture of the sound with a line at a moment, given as a share of the window."""
    out, at = sound.copy(), min(int(along * sound.shape[1]), sound.shape[1] - 1)
    out[:, max(0, at - 1) : at + 2] = 0
    out[:, at] = 255
    return out


def _gif(pictures: Sequence[Picture], seconds: float) -> bytes:
    frames = [Image.fromarray(picture) for picture in pictures]
    # Times are hundredths of a second: rounded one after the other, so that they add up.
    ends = [round(100 * seconds * (i + 1) / len(frames)) for i in range(len(frames))]
    times = [10 * max(2, end - before) for before, end in zip([0, *ends], ends, strict=False)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, disposal=1)
    return out.getvalue()


def _mp4(pictures: Sequence[Picture], seconds: float, sound: Float32[np.ndarray, "samples"] | None, rate: int) -> bytes:
    import av
    from av.video.frame import VideoFrame

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        fps = Fraction(len(pictures) * 1000, round(1000 * seconds)).limit_denominator(1000)
        video = file.add_stream("libx264", rate=fps, options={"crf": "16", "preset": "veryfast"})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio = None if sound is None else file.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for picture in pictures:
            file.mux(video.encode(VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        file.mux(video.encode())
        if audio is not None and sound is not None:
            for piece in _pieces(sound, rate):
                file.mux(audio.encode(piece))
            file.mux(audio.encode())
    return out.getvalue()


def _pieces(sound: Float32[np.ndarray, "samples"], rate: int) -> Iterator[AudioFrame]:
    """The sound in frames as long as the encoder takes them."""
    import soxr
    from av.audio.frame import AudioFrame

    samples = sound if rate == SOUND_RATE else soxr.resample(sound, rate, SOUND_RATE)
    for start in range(0, len(samples), 1024):
        part = np.ascontiguousarray(samples[None, start : start + 1024], np.float32)
        piece = AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        yield piece


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all figures, which has the signs of most languages."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)
