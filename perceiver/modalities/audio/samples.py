"""Decoded frames of sound -> numbers, whatever their format and however many their channels."""

from __future__ import annotations

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from jaxtyping import Float32

from .stream import Broken

# PyAV finds the end of a list of planes by a null pointer, which stands behind fewer than this many alone: with more
# it reads on in memory that is not the frame's.
_MOST_PLANES = 8


class Samples:
    """Turns the frames of one stream into samples; remembers how the last one was laid out."""

    def __init__(self) -> None:
        self._packer: AudioResampler | None = None
        self._packs: tuple[str, str, int] | None = None

    def of(self, frame: AudioFrame) -> Float32[np.ndarray, "n channels"]:
        """The samples of a decoded frame, whole numbers brought to -1 to 1. Raises Broken for a layout nobody knows."""
        channels = frame.layout.nb_channels
        if frame.format.is_planar and channels >= _MOST_PLANES:
            frame = self._packed(frame)
        values = frame.to_ndarray()
        values = values.T if frame.format.is_planar else values.reshape(-1, channels)
        if values.dtype == np.uint8:
            return (values.astype(np.float32) - 128) / 128
        scale = 2 ** (8 * values.itemsize - 1) if np.issubdtype(values.dtype, np.integer) else 1
        return values.astype(np.float32) / np.float32(scale)

    def _packed(self, frame: AudioFrame) -> AudioFrame:
        """The same samples, those of a moment side by side."""
        wanted = frame.format.name, frame.layout.name, frame.sample_rate
        try:
            if self._packer is None or self._packs != wanted:
                self._packer, self._packs = AudioResampler("flt", frame.layout, frame.sample_rate), wanted
            # Time stamps that jump must not be smoothed here.
            frame.pts = None
            packed = self._packer.resample(frame)
        except Exception as error:
            self._packer = None
            raise Broken("its channels are laid out in a way that is not read") from error
        if len(packed) != 1 or packed[0].samples != frame.samples:
            raise Broken("its channels are laid out in a way that is not read")
        return packed[0]
