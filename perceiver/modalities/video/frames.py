"""Decodes the frames that are shown at given times, upright, as 8-bit RGB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.codec.context import CodecContext
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image

from ...errors import InputError
from ..base import DecodeError
from .file import ClipFile, Extent, Packets, check_pixels, track

# Pixels that are decoded at most on the way to a window: some seconds of work, and minutes of most clips.
_MOST_DECODED = 4_000_000_000
# Fewer threads than cores would allow: each holds frames of its own.
_THREADS = 2
THUMBNAILS, THUMBNAIL = 6, (64, 48)
"""How many small pictures there are of a whole clip, and their height and width in pixels."""

# Frames of a clip that are all decoded for its small pictures.
_FEW = 300
# Seconds by which a time stamp may miss its frame's time.
_CLOSE = 1e-4
_WHITE = 255
# ITU-T H.273: perceptual quantiser and hybrid log-gamma.
_HDR = {16: "PQ", 18: "HLG"}
# ITU-T H.273: no matrix of colours is named, and that of BT.709. Browsers take the latter for frames of this height.
_NO_MATRIX, _BT709, _HIGH = 2, 1, 720
# WebM holds transparency beside the frames, where FFmpeg's own decoders of VP8 and VP9 leave it.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# A display matrix with smaller parts beside its larger ones is a right angle, rounded.
_SLANTED = 0.01


@dataclass(frozen=True)
class Frame:
    """A decoded frame, ready for display.

    pixels   upright, 8-bit RGB, on white where it was transparent
    aspect   width of a pixel over its height
    time     when it is first shown, seconds of the container's clock
    notes    what was changed about it
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    aspect: float
    time: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SelectedFrames:
    """The frames of a window.

    shown    the different frames, in order
    which    for each moment the number of the frame that is shown then
    there    frames that the clip has in the window
    damaged  pieces of its data that could not be decoded
    """

    shown: tuple[Frame, ...]
    which: tuple[int, ...]
    there: int
    damaged: int


def select_frames(file: ClipFile, extent: Extent, moments: list[float], stop: float) -> SelectedFrames:
    """The frames that are shown at given times, ascending, in seconds of the container's clock.

    stop  where the window ends

    Raises DecodeError and InputError.
    """
    late = file.can_seek and moments[0] > extent.begin + 1
    found = _select(file, extent, moments, stop, seek=True) if late else None
    found = found or _select(file, extent, moments, stop, seek=False)
    if found is None:
        raise DecodeError
    return found


def thumbnails(file: ClipFile, extent: Extent) -> UInt8[np.ndarray, "n h w 3"]:
    """Small pictures of a whole clip, the centre of the frames in the middle of as many equal parts: of a long clip the
    key frames before these; none of a file that cannot be sought in or decoded."""
    moments = [extent.begin + (i + 0.5) * extent.seconds / THUMBNAILS for i in range(THUMBNAILS)]
    try:
        if extent.frames <= _FEW:
            found = select_frames(file, extent, moments, extent.end)
            frames = [found.shown[i] for i in found.which]
        elif file.can_seek:
            frames = list(_key_frames(file, moments))
        else:
            frames = []
    except (DecodeError, InputError):
        frames = []
    if len(frames) < THUMBNAILS:
        return np.zeros((0, *THUMBNAIL, 3), np.uint8)
    return np.stack([_thumbnail(frame) for frame in frames])


def _key_frames(file: ClipFile, moments: list[float]) -> Iterator[Frame]:
    """The key frames before some moments; fewer where the file cannot be sought in or is damaged."""
    with file.open() as container:
        stream = track(container)
        stream.codec_context.skip_frame = "NONKEY"
        for moment in moments:
            if not _enter(container, stream, moment):
                return
            for packet in Packets(container, stream):
                try:
                    frames = packet.decode()
                except Exception:  # a damaged piece; the next key frame stands for it
                    continue
                if frames:
                    check_pixels((frames[0].width, frames[0].height))
                    yield _upright(frames[0], stream, frames[0].time or moment)
                    break


def _thumbnail(frame: Frame) -> UInt8[np.ndarray, "h w 3"]:
    """The centre of a frame, as large as it fits."""
    height, width = frame.pixels.shape[:2]
    aspect = THUMBNAIL[1] / THUMBNAIL[0] / frame.aspect
    across, down = min(width, height * aspect), min(height, width / aspect)
    left, top = (width - across) / 2, (height - down) / 2
    small = Image.fromarray(frame.pixels).resize(
        THUMBNAIL[::-1], Image.Resampling.BOX, box=(left, top, left + across, top + down)
    )
    return np.asarray(small)


def _select(file: ClipFile, extent: Extent, moments: list[float], stop: float, *, seek: bool) -> SelectedFrames | None:
    """None where no frame can be decoded, or seeking leads behind the first moment."""
    shown: list[Frame] = []
    which: list[int] = []
    there = 0
    last: VideoFrame | None = None
    last_time = extent.begin
    kept: Frame | None = None

    def take() -> None:
        nonlocal kept
        assert last is not None
        if kept is None:
            kept = _upright(last, stream, last_time)
            shown.append(kept)
        which.append(len(shown) - 1)

    with file.open() as container:
        stream = track(container)
        if seek and not _enter(container, stream, moments[0]):
            return None
        frames = _Frames(file, container, stream, extent)
        for time, frame in frames:
            if last is None and seek and time > moments[0] + _CLOSE:
                return None
            first = moments[0] - (moments[1] - moments[0]) / 2 if len(moments) > 1 else moments[0]
            there += first - _CLOSE <= time < stop - _CLOSE
            while last is not None and len(which) < len(moments) and moments[len(which)] + _CLOSE < time:
                take()
            last, last_time, kept = frame, time, None
            if len(which) == len(moments) or time >= stop:
                break
        if last is None:
            return None
        while len(which) < len(moments):
            take()
    return SelectedFrames(tuple(shown), tuple(which), there, frames.damaged)


def _enter(container: InputContainer, stream: VideoStream, moment: float) -> bool:
    base = stream.time_base
    if not base:
        return False
    try:
        container.seek(int(moment / base), stream=stream, backward=True)
    except Exception:  # containers that cannot be sought in are read from their beginning
        return False
    return True


class _Frames:
    """The decoded frames of a track with their times, damaged pieces counted and left out."""

    def __init__(self, file: ClipFile, container: InputContainer, stream: VideoStream, extent: Extent) -> None:
        self._file, self._container, self._stream, self._extent = file, container, stream, extent
        self.damaged = 0

    def __iter__(self) -> Iterator[tuple[float, VideoFrame]]:
        stream, extent = self._stream, self._extent
        decoder = _decoder(stream)
        step = extent.seconds / extent.frames
        decoded, before = 0, -np.inf
        for packet in Packets(self._container, stream):
            try:
                frames = packet.decode() if decoder is None else decoder.decode(packet)
            except Exception:
                self.damaged += 1
                continue
            for frame in frames:
                check_pixels((frame.width, frame.height))
                decoded += frame.width * frame.height
                if decoded > _MOST_DECODED:
                    raise InputError(
                        f"{self._file.name} has to be decoded for too long to reach that part of it; choose an earlier "
                        "start, or save that part as a clip of its own"
                    )
                time = frame.time if frame.time is not None else max(before + step, extent.begin)
                # What is shown before what was shown is damage; so is a frame that hangs in the air after a seek.
                if frame.is_corrupt or time <= before:
                    continue
                before = time
                yield time, frame


def _upright(frame: VideoFrame, stream: VideoStream, time: float) -> Frame:
    notes = []
    try:
        if any(component.is_alpha for component in frame.format.components):
            pixels, clear = _on_white(frame.to_ndarray(format="rgba"))
            if clear:
                notes.append("laid its transparent parts on white")
        else:
            if frame.colorspace == _NO_MATRIX and frame.height >= _HIGH and not frame.format.is_rgb:
                frame.colorspace = _BT709
            pixels = frame.to_ndarray(format="rgb24")
    except MemoryError:
        raise
    except Exception as error:
        raise DecodeError("its frames are in a format that is not read") from error
    if name := _HDR.get(int(frame.color_trc or 0)):
        notes.append(f"took its high dynamic range ({name}) for ordinary brightness, which makes it pale")
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    swapped, flipped, note = _orientation(frame)
    if swapped:
        pixels, aspect = pixels.transpose(1, 0, 2), 1 / aspect
    pixels = np.flip(pixels, flipped)
    if note:
        notes.append(note)
    return Frame(np.ascontiguousarray(pixels), aspect, time, tuple(notes))


def _decoder(stream: VideoStream) -> VideoCodecContext | None:
    """A decoder that knows transparency, for a stream that has some; None where the stream's own will do."""
    stream.codec_context.thread_count = _THREADS
    transparent = any(name.lower() == "alpha_mode" and value == "1" for name, value in stream.metadata.items())
    name = _WITH_ALPHA.get(stream.codec_context.codec.name) if transparent else None
    if name is None:
        return None
    try:
        decoder = CodecContext.create(name, "r")
    except Exception as error:  # FFmpeg can be built without it
        raise DecodeError("its transparency is coded in a way that is not read") from error
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = _THREADS
    return decoder


def _orientation(frame: VideoFrame) -> tuple[bool, tuple[int, ...], str]:
    """How a frame is to be shown: whether its axes are swapped, which of them are then flipped, and a note."""
    side: Any = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if side is None:
        return False, (), ""
    # A point (x, y), y downwards, is shown at (a x + c y, b x + d y).
    a, b, _, c, d, *_ = (float(value) for value in np.frombuffer(bytes(side), np.int32, 9))
    swapped = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if swapped else (a, d)
    if not across * down:
        return False, (), ""
    if max(map(abs, (a, d) if swapped else (b, c))) > _SLANTED * min(abs(across), abs(down)):
        return False, (), "showed its frames as they are stored, although the file turns them by no right angle"
    flipped = tuple(axis for axis, sign in enumerate((down, across)) if sign < 0)
    match swapped, flipped:
        case False, ():
            return False, (), ""
        case False, (0,):
            how = "mirrored its frames top to bottom"
        case False, (1,):
            how = "mirrored its frames left to right"
        case False, _:
            how = "turned its frames by 180 degrees"
        case True, (_,):
            how = "turned its frames by 90 degrees"
        case _:
            how = "mirrored its frames about a diagonal"
    return swapped, flipped, f"{how}, as the file says"


def _on_white(rgba: UInt8[np.ndarray, "h w 4"]) -> tuple[UInt8[np.ndarray, "h w 3"], bool]:
    alpha = rgba[..., 3:].astype(np.uint16)
    if (alpha == 255).all():
        return rgba[..., :3], False
    mixed = (rgba[..., :3] * alpha + _WHITE * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8), True
