"""Clips made for the tests: frames that tell their number, and sound that tells its time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

Picture = Callable[[int], np.ndarray]


def numbered(width: int = 64, height: int = 48, count: int = 256) -> Picture:
    """Frames of one grey each, which is `level(number)`."""
    del count
    return lambda i: np.full((height, width, 3), level(i), np.uint8)


def level(number: int) -> int:
    """The grey of a frame: steps that coding does not blur, the same again after 20."""
    return 20 + 11 * (number % 20)


def frame_of(grey: float) -> int:
    """The number, up to 20, of the frame with this grey."""
    return round((float(grey) - 20) / 11)


def clip(
    pictures: Sequence[np.ndarray] | Picture | None,
    *,
    count: int = 0,
    fps: Fraction | int = 25,
    container: str = "mp4",
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int | None = None,
    sound: np.ndarray | None = None,
    rate: int = 48_000,
    audio_codec: str = "pcm_s16le",
    aspect: Fraction | None = None,
    turned: int = 0,
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """A file.

    pictures  (h, w, 3) uint8 each, or what makes them by number, `count` of them
    sound     (samples,) or (channels, samples) in -1 to 1
    aspect    of a pixel
    turned    degrees, as the file is to be shown
    times     of the frames in seconds, where they are not evenly spaced
    metadata  of the picture track
    """
    made = [] if pictures is None else [pictures(i) for i in range(count)] if callable(pictures) else list(pictures)
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        video = audio = None
        if made:
            video = file.add_stream(codec, rate=fps, options=options or {})
            video.height, video.width = made[0].shape[:2]
            video.pix_fmt = pix_fmt
            video.metadata.update(metadata or {})
            if gop is not None:
                video.codec_context.gop_size = gop
            if aspect is not None:
                video.codec_context.sample_aspect_ratio = aspect
            if turned:
                video.set_display_rotation(turned)
            base = Fraction(1, 1000) if times is not None else 1 / Fraction(fps)
            video.codec_context.time_base = base
        if sound is not None:
            samples = np.atleast_2d(sound).astype(np.float32)
            audio = file.add_stream(audio_codec, rate=rate, layout="mono" if len(samples) == 1 else "stereo")
        for i, picture in enumerate(made):
            assert video is not None
            shape = "rgba" if picture.shape[2] == 4 else "rgb24"
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=shape)
            frame.pts = i if times is None else round(times[i] * 1000)
            frame.time_base = base
            file.mux(video.encode(frame))
        if video is not None:
            file.mux(video.encode())
        if audio is not None:
            coded = np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)
            step = 1024 if audio_codec != "pcm_s16le" else coded.shape[1]
            for at in range(0, coded.shape[1], step):
                part = np.ascontiguousarray(coded[:, at : at + step].T.reshape(1, -1))
                piece = AudioFrame.from_ndarray(part, format="s16", layout="mono" if len(coded) == 1 else "stereo")
                piece.sample_rate, piece.pts, piece.time_base = rate, at, Fraction(1, rate)
                file.mux(audio.encode(piece))
            file.mux(audio.encode())
    return out.getvalue()


def tone(seconds: float, rate: int = 48_000, frequency: float = 440.0) -> np.ndarray:
    """A sine at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def ramp(seconds: float, rate: int = 48_000) -> np.ndarray:
    """Sound that tells its time: it rises from 0 to 1 over 100 seconds."""
    return (np.arange(round(seconds * rate)) / rate / 100).astype(np.float32)
