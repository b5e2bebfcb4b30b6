"""Real files of every format that is read, and files that are not what they seem (AUD-01, AUD-03)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver import InputError
from perceiver.modalities import sniff
from perceiver.modalities.mpeg_audio import frame_length
from tests.modalities.audio import sounds
from tests.modalities.audio.sounds import encode, noted, read, strongest, tone, write

WAV = write(tone())


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "MS_ADPCM"]
)
def test_a_tone_is_the_same_in_every_encoding_of_wav(subtype: str) -> None:
    """AUD-01: 8 bits are unsigned around 128, 24 bits are divided by their own full scale."""
    sample = read(write(tone(), subtype=subtype))
    assert np.abs(sample.seen).max() == pytest.approx(0.5, rel=0.03)
    # ADPCM begins with the smallest step and needs a few samples to follow.
    assert np.abs(sample.seen - tone())[50:].max() < 0.03
    assert sample.duration == pytest.approx(1.0, abs=0.07)  # ADPCM comes in whole blocks


def test_six_channels_of_extensible_wav_are_mixed_with_a_note() -> None:
    channels = np.stack([tone(amplitude=a) for a in (0.1, 0.2, 0.3, 0.4, 0.5, 0.0)], axis=1)
    sample = read(write(channels, format="WAVEX", subtype="PCM_24"))
    np.testing.assert_allclose(sample.seen, tone(amplitude=0.25), atol=1e-5)
    assert sample.channels == 6
    assert noted(sample, "mixed its 6 channels to one")


@pytest.mark.parametrize(
    ("format", "subtype", "words"),
    [
        ("FLAC", "PCM_24", "FLAC sound"),
        ("OGG", "VORBIS", "Ogg sound"),
        ("OGG", "OPUS", "Ogg sound"),
        ("MP3", "MPEG_LAYER_III", "MP3 sound"),
        ("AIFF", "PCM_16", "AIFF sound"),
        ("AIFF", "FLOAT", "AIFF sound"),
        ("CAF", "ALAC_16", "CAF sound"),
        ("AU", "PCM_16", "AU sound"),
        ("W64", "PCM_16", "Wave64 sound"),
        ("RF64", "PCM_16", "WAV sound"),
    ],
)
def test_reads_what_soundfile_writes_whatever_its_name(format: str, subtype: str, words: str) -> None:
    data = write(tone(1.5), format=format, subtype=subtype)
    sample = read(data, "photo.jpg", start=0.25)
    assert sniff(data, "photo.jpg") == words
    assert sample.duration == pytest.approx(1.5, abs=0.001)
    assert strongest(sample.seen) == pytest.approx(440, abs=1)
    assert np.abs(sample.seen - tone(1.5)[4000:20_000]).max() < 0.05
    assert sample.start == 0.25


@pytest.mark.parametrize(
    ("container", "codec", "words", "delay"),
    [
        ("ipod", "aac", "M4A sound", 0),
        ("mp4", "alac", "MP4 video", 0),
        ("mov", "pcm_s16le", "QuickTime video", 0),
        ("webm", "libopus", "WebM video", 0),
        ("matroska", "flac", "WebM video", 0),
        # These containers do not say how many samples of padding an encoder puts in front.
        ("adts", "aac", "AAC sound", 1024),
        ("mpegts", "aac", "MPEG video", 1024),
        ("flv", "aac", "FLV video", 1024),
        ("avi", "libmp3lame", "AVI video", 1105),
    ],
)
def test_reads_what_ffmpeg_writes_whatever_its_name(container: str, codec: str, words: str, delay: int) -> None:
    """AUD-03: browsers record WebM or MP4, telephones M4A, and save it under any name."""
    rate = 48_000 if codec == "libopus" else 44_100
    data = encode(tone(2.0, rate), rate, container, codec)
    sample = read(data, "rec.wav", start=0.5 + delay / rate, rate=rate, samples=160 * 128, patch=128)
    assert sniff(data, "rec.wav") == words
    assert sample.clip_rate == rate
    assert sample.duration == pytest.approx(2.0, abs=0.07)
    assert np.abs(sample.seen - tone(2.0, rate)[rate // 2 :][: 160 * 128]).max() < 0.05


def test_a_live_recording_without_length_or_index_is_read() -> None:
    """What the recorders of browsers write: WebM as a stream, MP4 in fragments."""
    live = encode(tone(1.2, 48_000), 48_000, "webm", "libopus", live="1")
    fragments = encode(tone(1.2, 48_000), 48_000, "mp4", "aac", movflags="empty_moov", frag_duration="100000")
    for data in (live, fragments):
        sample = read(data)
        assert sample.duration == pytest.approx(1.2, abs=0.05)
        assert strongest(sample.seen) == pytest.approx(440, abs=1)
        assert not noted(sample, "announces")


def test_the_sound_track_of_a_video_is_read_and_others_are_named() -> None:
    sample = read(encode(tone(1.0, 44_100), 44_100, "mp4", "aac", tracks=2, picture=True), "clip.mp4")
    assert strongest(sample.seen) == pytest.approx(440, abs=1)
    assert noted(sample, "used sound track 1 of 2")


def test_a_video_without_sound_is_refused_as_such() -> None:
    with pytest.raises(InputError, match=r"^clip.mp4 is an MP4 video, but it has no sound track$"):
        read(encode(tone(), 16_000, "mp4", "aac", tracks=0, picture=True), "clip.mp4")


def test_an_mp3_behind_a_tag_and_a_flac_behind_a_tag_are_read() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256)
    for format in ("MP3", "FLAC"):
        data = tag + write(tone(), format=format)
        assert sniff(data) == f"{format} sound"
        assert strongest(read(data).seen) == pytest.approx(440, abs=1)


def tag(size: int) -> bytes:
    """An ID3 tag with so many bytes of padding."""
    return b"ID3\x04\x00\x00" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + bytes(size)


# No byte of 0, which would end the search for what stands behind zeros, and none of 255.
JUNK = np.random.default_rng(0).integers(1, 255, 3000, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("format", ["MP3", "AAC", "WAV", "FLAC", "OGG", "AIFF"])
@pytest.mark.parametrize(
    "front",
    [bytes(1), bytes(5000), bytes(500_000), tag(3_000_000), tag(300) + bytes(5000), tag(300) + tag(500), JUNK],
    ids=["a zero", "zeros", "many zeros", "a large tag", "a tag and zeros", "two tags", "junk"],
)
def test_a_sound_behind_something_else_is_found(front: bytes, format: str) -> None:
    data = encode(tone(), 16_000, "adts", "aac") if format == "AAC" else write(tone(), format=format)
    if front == JUNK and format not in ("MP3", "AAC"):
        assert sniff(front + data, "a.mp3") is None
        return
    sample = read(front + data, "a.mp3")
    assert strongest(sample.seen) == pytest.approx(440, abs=1)
    assert sample.duration == read(data).duration
    left_out = noted(sample, f"left out {len(front):,} byte{'s' if len(front) > 1 else ''} in front of its sound")
    # One tag is part of what these decoders know.
    assert left_out != (front == tag(3_000_000) and format in ("MP3", "AAC", "FLAC"))


def test_an_mp3_whose_beginning_is_missing_is_found() -> None:
    data = write(tone(2.0), format="MP3")[1000:]
    assert sniff(data, "a.mp3") == "MP3 sound"
    assert strongest(read(data).seen) == pytest.approx(440, abs=2)


def test_bytes_without_frames_in_a_row_are_no_mp3() -> None:
    data = write(tone(), format="MP3")
    noise = np.random.default_rng(1).integers(0, 256, 1 << 17, dtype=np.uint8).tobytes()
    assert sniff(b"\x01" + noise) is None
    assert sniff(bytes(5000)) is None
    assert sniff(bytes(5000) + data[:40], "a.mp3") is None
    with pytest.raises(InputError, match=r"^a.mp3 is not a sound of a kind that is read"):
        read(bytes(3 << 20), "a.mp3")


@pytest.mark.parametrize(
    ("header", "length"),
    [
        ("fffb9000", 417),  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 144 * 128000 / 44100
        ("fffb9200", 418),  # the same with a byte of padding
        ("fff34064", 104),  # MPEG-2 layer III, 32 kbit/s, 22.05 kHz: 72 * 32000 / 22050
        ("ffff1000", 32),  # MPEG-1 layer I, 32 kbit/s, 44.1 kHz: 12 * 32000 / 44100 = 8 words
        ("fffd8000", 417),  # MPEG-1 layer II, 128 kbit/s, 44.1 kHz: 144 * 128000 / 44100
        ("ffe39000", 522),  # MPEG-2.5 layer III, 80 kbit/s, 11.025 kHz: 72 * 80000 / 11025
        ("fffbf000", None),
        ("fffb9c00", None),
        ("ffeb9000", None),
        ("fff99000", None),
        ("00fb9000", None),
    ],
)
def test_the_length_of_a_frame_follows_from_its_header(header: str, length: int | None) -> None:
    assert frame_length(bytes.fromhex(header)) == length


def test_files_put_one_after_the_other_are_read_as_one_while_they_have_one_rate() -> None:
    mono, stereo = (write(clip, format="MP3") for clip in (tone(), np.stack([tone()] * 2, axis=1)))
    sample = read(mono + stereo, start=1.2, samples=8000, patch=50)
    assert sample.duration == pytest.approx(2, abs=0.2)
    assert strongest(sample.seen) == pytest.approx(440, abs=2)
    with pytest.raises(InputError, match=r"^a.mp3 is an MP3 sound, but its sample rate changes on the way$"):
        read(mono + write(tone(), 44_100, "MP3"), "a.mp3")


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "a.wav", "a.wav is an empty file: there is nothing in it"),
        (b"<html>404</html>", "a.wav", "a.wav is a web page, not a sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a.mp3", "a.mp3 is a PNG picture, not a sound"),
        (b"MThd" + bytes(50), "a.mid", "a.mid is a MIDI score, not a sound"),
        (b"\x00\x07" * 500, "a.wav", "a.wav is not a sound of a kind that is read"),
        (b"\x1aE\xdf\xa3" + bytes(200), "rec.wav", "rec.wav is a WebM video, but its data are cut off, damaged or of"),
        (b"\0\0\0\x20ftypM4A " + bytes(120), "a.m4a", "a.m4a is an M4A sound, but its data are cut off, damaged or"),
        (b"OggS" + bytes(60), "a.ogg", "a.ogg is an Ogg sound, but its data are cut off"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a.wav", "a.wav is a WAV sound, but its data are cut off"),
        (WAV[:44], "a.wav", "a.wav is a WAV sound, but there is not one sample of sound in it"),
        (sounds.patch(WAV, 24, 3), "a.wav", "a.wav is a WAV sound, but its rate is said to be 3 Hz"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(data: bytes, name: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read(data, name)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_playlist_opens_nothing(tmp_path: object) -> None:
    """FFmpeg left to its own guess would open the files that a playlist names."""
    with open(f"{tmp_path}/secret.wav", "wb") as file:
        file.write(WAV)
    listed = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nfile:{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n".encode()
    for data in (listed, b"ID3\x04\x00\x00\x00\x00\x00\x00" + listed, b"ffconcat version 1.0\nfile secret.wav\n"):
        with pytest.raises(InputError):
            read(data, "list.mp3")


def test_files_too_large_are_refused_before_they_are_looked_at() -> None:
    small = sounds.AudioModality(max_bytes=1 << 20)
    with pytest.raises(InputError, match=r"a.wav has 1.0 MB; a sound may have at most 1.0 MB"):
        small.read(bytes((1 << 20) + 1), "a.wav", shape=(125,), preprocess={})


FUZZED = [WAV, *(write(tone(0.3), format=f) for f in ("FLAC", "OGG", "MP3", "AIFF", "CAF", "AU", "W64"))]
FUZZED += [encode(tone(0.3, 48_000), 48_000, "ipod", "aac"), encode(tone(0.3, 48_000), 48_000, "webm", "libopus")]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.sampled_from(FUZZED), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0, 1))
def test_damage_is_survived_or_refused(data: bytes, changes: list[tuple[float, int]], kept: float) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[min(int(place**3 * len(data)), len(data) - 1)] = value  # mostly in the headers
    try:
        sample = read(bytes(damaged[: int((1 - kept**4) * len(damaged))]))
    except InputError:
        return
    assert np.isfinite(sample.seen).all()
