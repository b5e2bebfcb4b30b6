"""Headers that tell a wrong length or none, and files that end too early (AUD-02, AUD-09)."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from perceiver.modalities import kinds
from perceiver.modalities.audio.lengths import counts_frames, repaired
from tests.modalities.audio.sounds import encode, noted, patch, read, strongest, tone, write

WAV = write(tone())
SIZE = 40


@pytest.mark.parametrize(
    ("size", "note"),
    [
        (0, "read the 32,000 bytes of sound that are there: its header gives no length"),
        (0xFFFFFFFF, "read the 32,000 bytes of sound that are there: its header gives no length"),
        (0x7FFFFFFF, "its header gives no length"),
        (64_000, "read the 32,000 bytes of sound that are there: its header announces 64,000"),
        (32_001, "read the 32,000 bytes of sound that are there: its header announces 32,001"),
    ],
)
@pytest.mark.parametrize("outer", [None, 0, 0xFFFFFFFF])
def test_the_bytes_that_are_there_are_read_whatever_the_header_says(size: int, note: str, outer: int | None) -> None:
    data = patch(WAV, SIZE, size)
    sample = read(data if outer is None else patch(data, 4, outer))
    assert sample.duration == 1.0
    np.testing.assert_allclose(sample.seen, tone(), atol=1e-4)
    assert noted(sample, note)


def test_half_a_file_is_half_a_second_and_says_so() -> None:
    sample = read(WAV[: len(WAV) // 2])
    assert sample.duration * 16_000 == 7989
    assert noted(sample, "read the 15,978 bytes of sound that are there: its header announces 32,000")
    assert noted(sample, "filled the last 0.50 s with silence")


@pytest.mark.parametrize("pad", [b"\0", b""])
@pytest.mark.parametrize("size", [32_000, 0])
def test_a_chunk_of_odd_length_may_lack_its_padding(pad: bytes, size: int) -> None:
    extra = b"LIST" + struct.pack("<I", 5) + b"INFOx" + pad
    data = patch(WAV, SIZE, size)
    sample = read(patch(data[:36] + extra + data[36:], 4, len(data) + len(extra) - 8))
    np.testing.assert_allclose(sample.seen, tone(), atol=1e-4)
    assert sample.duration == 1.0


def test_chunks_behind_an_empty_one_are_no_sound() -> None:
    data = patch(WAV[:44], SIZE, 0) + b"LIST" + struct.pack("<I", 6) + b"INFOxy"
    assert repaired(data, kinds.WAV) == (data, None)


def test_millions_of_chunks_are_not_walked_through() -> None:
    empty = (b"LIST" + bytes(4)) * 1_000_000
    data = WAV[:36] + empty + WAV[36:]
    assert repaired(data, kinds.WAV) == (data, None)
    assert repaired(b"caff\0\1\0\0" + (b"free" + bytes(7) + b"\1\0") * 1_000_000, kinds.CAF)[1] is None


def test_good_files_are_handed_on_as_they_are() -> None:
    for format, kind in (("WAV", kinds.WAV), ("AIFF", kinds.AIFF), ("W64", kinds.W64), ("RF64", kinds.WAV)):
        data = write(tone(), format=format)
        assert repaired(data, kind) == (data, None)


@pytest.mark.parametrize("format", ["AIFF", "CAF", "AU", "W64", "RF64"])
def test_other_containers_that_are_cut_say_so(format: str) -> None:
    data = write(tone(), format=format)
    sample = read(data[: len(data) * 3 // 4])
    assert 0.6 < sample.duration < 0.76
    heard = int(sample.duration * 16_000)
    np.testing.assert_allclose(sample.seen[:heard], tone()[:heard], atol=1e-4)
    assert noted(sample, f"bytes that are there of the {len(data):,} its header announces: it is cut off")


def test_a_cut_mp3_is_as_long_as_it_decodes() -> None:
    """The header still claims 16,000 samples."""
    data = write(tone(), format="MP3")
    sample = read(data[: len(data) // 2])
    assert 4000 < sample.duration * 16_000 < 9000
    assert noted(sample, f"read the {sample.duration:.2f} s that can be decoded of the 1.00 s its header announces")


def test_an_mp3_of_changing_rate_without_a_count_is_read_to_its_end() -> None:
    """Decoders that guess its length from the first frames' rate stop at their guess."""
    loud = np.random.default_rng(0).normal(0, 0.1, 44_100)
    frames = write(np.concatenate([loud, np.zeros(3 * 44_100), loud]), 44_100, "MP3")
    uncounted = frames[frames.index(b"\xff\xfb", frames.index(b"Info" if b"Info" in frames else b"Xing")) :]
    assert counts_frames(frames)
    assert not counts_frames(uncounted)
    sample = read(uncounted)
    assert sample.duration == pytest.approx(5.0, abs=0.1)
    assert not noted(sample, "announces")


@pytest.mark.parametrize("total", [0, 4000, 400_000])
def test_a_flac_is_as_long_as_it_decodes(total: int) -> None:
    data = bytearray(write(tone(), format="FLAC"))
    data[22:26] = struct.pack(">I", total)
    sample = read(bytes(data))
    assert sample.duration == 1.0
    assert noted(sample, "announces") == (total > 16_000)


def test_damage_in_a_flac_leaves_the_rest() -> None:
    data = bytearray(write(tone(3.0) + np.random.default_rng(0).normal(0, 0.01, 48_000), format="FLAC"))
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    sample = read(bytes(data))
    assert 2.5 < sample.duration < 3.0
    assert noted(sample, "damaged")


def test_a_cut_recording_is_read_up_to_the_cut() -> None:
    clip = tone(6.0, 48_000)
    for data in (
        encode(clip, 48_000, "webm", "libopus"),
        encode(clip, 48_000, "mp4", "aac", movflags="empty_moov", frag_duration="100000"),
        write(clip + np.random.default_rng(0).normal(0, 0.01, len(clip)), 48_000, "OGG"),
    ):
        sample = read(data[: len(data) * 3 // 4], start=1)
        assert 3 < sample.duration < 5
        assert strongest(sample.seen) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_end_says_so(subtype: str) -> None:
    clip = tone(3.0, 48_000) + np.random.default_rng(0).normal(0, 0.05, 3 * 48_000)
    data = write(clip, 48_000, "OGG", subtype)
    assert not noted(read(data), "end")
    for cut in (len(data) - 1, len(data) * 3 // 4):
        assert noted(read(data[:cut]), "its end mark is missing: it is cut off or was never finished")
