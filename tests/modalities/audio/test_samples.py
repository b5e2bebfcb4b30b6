"""Samples of decoded frames, exact for any number of channels."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from perceiver.modalities.audio.ffmpeg import Ffmpeg
from perceiver.modalities.audiovisual.settings import ClipSettings
from perceiver.modalities.audiovisual.sound import window_sound
from perceiver.modalities.video.file import examine

RATE, COUNT = 8000, 8192
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 7: "6.1", 8: "7.1", 16: "hexadecagonal"}


def lossless(channels: int) -> tuple[bytes, np.ndarray]:
    """A Matroska file of WavPack, which decodes to one plane a channel, and its samples (n, channels)."""
    random = np.random.default_rng(channels)
    values = random.integers(-30_000, 30_000, (COUNT, channels)).astype(np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("wavpack", rate=RATE, layout=LAYOUTS[channels])
        stream.codec_context.format = "s16p"
        for at in range(0, COUNT, 1024):
            part = np.ascontiguousarray(values[at : at + 1024].reshape(1, -1))
            frame = AudioFrame.from_ndarray(part, format="s16", layout=LAYOUTS[channels])
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue(), values / np.float32(32768)


@pytest.mark.parametrize("channels", LAYOUTS)
def test_every_channel_is_read_exactly(channels: int) -> None:
    data, expected = lossless(channels)
    decoder = Ffmpeg(data, "matroska", sized=True)
    assert decoder.channels == channels
    np.testing.assert_array_equal(np.concatenate(list(decoder.blocks())), expected)
    np.testing.assert_array_equal(np.concatenate(list(decoder.blocks(3000))), expected[3000:])


@pytest.mark.parametrize("channels", [1, 7, 8, 16])
def test_sound_of_a_clip_is_the_mean_of_its_channels(channels: int) -> None:
    data, expected = lossless(channels)
    settings = ClipSettings(rate=RATE, samples=4096)
    sound = window_sound(examine(data, "clip.mkv"), 0.125, settings)
    assert sound.channels == channels
    np.testing.assert_allclose(sound.waveform, expected[1000 : 1000 + 4096].mean(axis=1), atol=1e-6)
