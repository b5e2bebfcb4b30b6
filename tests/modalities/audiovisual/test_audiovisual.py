"""Clips: the frames and the sound that are read, and where they lie."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from perceiver import ConfigError, InputError
from perceiver.modalities import get
from perceiver.modalities.audio.features import content as sound_content
from perceiver.modalities.audiovisual.modality import ClipSample
from perceiver.modalities.audiovisual.settings import ClipSettings
from perceiver.modalities.scanning import Scannable

from .clips import Picture, clip, frame_of, numbered, ramp, tone

SMALL: dict[str, Any] = {"frames": 16, "height": 32, "width": 32, "patch": 4}
SHAPE = ClipSettings.of(SMALL).shape
CLIPS = get("audiovisual")
assert isinstance(CLIPS, Scannable)


def read(data: bytes, start: str = "middle", **changes: Any) -> ClipSample:
    settings = SMALL | changes
    found = CLIPS.read(
        data,
        "clip.bin",
        shape=ClipSettings.of(settings).shape,
        preprocess=settings,
        options={"start": start},
    )
    assert isinstance(found, ClipSample)
    return found


def numbers(sample: ClipSample) -> list[int]:
    """Which frames were read, by their greys."""
    return [frame_of(frame.mean()) for frame in sample.seen]


def refusal(data: bytes, **changes: Any) -> str:
    with pytest.raises(InputError) as refused:
        read(data, **changes)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith("clip.bin ")
    return message


def test_the_middle_frames_and_their_sound() -> None:
    sample = read(clip(numbered(), count=100, sound=ramp(4), container="mov"))
    assert numbers(sample) == [(42 + i) % 20 for i in range(16)]
    assert (sample.start, sample.stop, sample.duration) == (1.68, 2.32, 4.0)
    np.testing.assert_allclose(sample.times, 1.68 + np.arange(16) / 25, atol=1e-9)
    np.testing.assert_allclose(sample.sound, (1.68 + np.arange(30_720) / 48_000) / 100, atol=1 / 32_767)
    assert "read 0.64 s of its 4.00 s, from 1.68 s on, its middle" in sample.notes


@pytest.mark.parametrize(("start", "first"), [("0", 0), ("1", 25), ("2.48", 62), ("3.36", 84)])
@pytest.mark.parametrize("gop", [1, 12, 250])
def test_a_window_that_begins_where_it_is_told(start: str, first: int, gop: int) -> None:
    sample = read(clip(numbered(), count=100, gop=gop, sound=ramp(4), container="matroska"), start)
    assert numbers(sample) == [(first + i) % 20 for i in range(16)]
    expected = (float(start) + np.arange(30_720) / 48_000) / 100
    np.testing.assert_allclose(sample.sound, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("container", "codec", "audio"),
    [
        ("mp4", "libx264", "aac"),
        ("webm", "libvpx", "libopus"),
        ("avi", "mpeg4", "pcm_s16le"),
        ("mpegts", "mpeg2video", "mp2"),
        ("flv", "flv1", "aac"),
    ],
)
def test_containers_and_codecs(container: str, codec: str, audio: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4 * 48_000).astype(np.float32)
    smooth = np.convolve(noise, np.ones(24) / 24, "same").astype(np.float32)
    data = clip(numbered(), count=100, sound=smooth, container=container, codec=codec, audio_codec=audio)
    sample = read(data, "2")
    assert numbers(sample) == [(50 + i) % 20 for i in range(16)]
    # The sound lies at its time, to a fraction of a millisecond.
    apart = {
        shift: float(np.dot(sample.sound[2000:-2000], smooth[96_000 + shift + 2000 :][: 30_720 - 4000]))
        for shift in range(-1500, 1501, 4)
    }
    assert abs(max(apart, key=lambda shift: apart[shift])) <= 48


def test_two_channels_and_another_rate_become_one_at_the_models() -> None:
    left, right = tone(2, 44_100), np.zeros(88_200, np.float32)
    sample = read(clip(numbered(), count=50, sound=np.stack([left, right]), rate=44_100, container="mov"))
    spectrum = np.abs(np.fft.rfft(sample.sound * np.hanning(30_720)))
    assert abs(np.argmax(spectrum) * 48_000 / 30_720 - 440) < 2
    assert abs(np.abs(sample.sound).max() - 0.25) < 0.01
    assert (sample.clip_rate, sample.channels, sample.rate) == (44_100, 2, 48_000)
    assert "mixed its 2 channels of sound to one" in sample.notes
    assert any("from 44,100 Hz to the 48,000 Hz" in note for note in sample.notes)


@pytest.mark.parametrize(
    ("fps", "count", "expected", "said"),
    [
        (50, 100, [(2 * i + 1) % 20 for i in range(16)], "used 16 of its 32 frames there, evenly"),
        (10, 20, [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6], "repeated some of its 7 frames"),
        (Fraction(25, 2), 30, [i // 2 for i in range(16)], "repeated some of its 8 frames"),
    ],
)
def test_other_frame_rates(fps: Fraction | int, count: int, expected: list[int], said: str) -> None:
    sample = read(clip(numbered(), count=count, fps=fps), "0")
    assert numbers(sample) == expected
    assert any(note.startswith(said) for note in sample.notes)


def test_frames_without_an_even_rhythm_are_read_at_their_times() -> None:
    times = [0.0, 0.1, 0.11, 0.12, 0.5, 2.0]
    sample = read(clip(numbered(), count=6, times=times, container="matroska"), "0")
    moments = (np.arange(16) + 0.5) / 25
    assert numbers(sample) == [int(np.searchsorted(times, moment, "right")) - 1 for moment in moments]


def test_a_clip_shorter_than_the_window() -> None:
    sample = read(clip(numbered(), count=5, sound=ramp(0.2), container="mov"))
    assert numbers(sample) == [0, 1, 2, 3, *[4] * 12]
    assert any(note.startswith("repeated its last frame 11 times") for note in sample.notes)
    assert any(note.startswith("filled 0.44 s with silence") for note in sample.notes)
    assert not sample.sound[10_000:].any()


def test_an_animated_picture_is_a_silent_clip() -> None:
    sample = read(clip(numbered(), count=20, fps=10, container="gif", codec="gif", pix_fmt="rgb8"))
    assert not sample.sound.any()
    assert "has no sound, so the model hears silence" in sample.notes
    assert (sample.clip_rate, sample.channels) == (0, 0)


def corners(height: int, width: int) -> Picture:
    """The top left quarter red, the rest blue."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 2] = 255
    picture[: height // 2, : width // 2] = (255, 0, 0)
    return lambda i: picture


def test_a_clip_on_its_side_is_turned_once_for_all() -> None:
    data = clip(corners(48, 80), count=20)
    # The track's matrix, as ISO 14496-12 has it: (x, y) goes to (-y, x), a quarter turn clockwise.
    straight = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    turned = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    at = data.index(straight, data.index(b"tkhd"))
    sample = read(data[:at] + turned + data[at + 36 :])
    assert sample.original.shape == (16, 80, 48, 3)
    red = sample.original[0].astype(int)
    assert red[5, 40, 0] > 200  # the top left went to the top right
    assert red[5, 5, 2] > 200
    assert red[70, 40, 2] > 200
    assert any("turned its frames by 90 degrees" in note for note in sample.notes)


def test_pixels_that_are_not_square_are_read_as_they_are_shown() -> None:
    sample = read(clip(numbered(width=40, height=48), count=20, aspect=Fraction(2, 1)))
    assert sample.original.shape == (16, 48, 80, 3)
    (rows, columns) = next(part for part in sample.parts if part.name == "video").box[1:]
    assert (rows, columns) == ((0, 48), (16, 64))


def test_transparent_parts_lie_on_white() -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:16] = (255, 0, 0, 255)
    sample = read(clip([picture] * 20, container="mov", codec="qtrle", pix_fmt="argb"))
    assert sample.seen[0, 20, 20].tolist() == [255, 255, 255]
    assert sample.seen[0, 4, 4].tolist() == [255, 0, 0]
    assert "laid its transparent parts on white" in sample.notes


def test_content_are_patches_of_pixels_and_of_sound() -> None:
    random = np.random.default_rng(3)
    frames = [random.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(16)]
    sound = random.uniform(-0.9, 0.9, 30_720).astype(np.float32)
    data = clip(frames, sound=sound, container="mov", codec="qtrle", pix_fmt="rgb24")
    sample = read(data)
    assert np.array_equal(sample.seen, np.stack(frames))
    parts = sample.split(sample.content.numpy().T)
    assert parts["video"].shape == (48, 16, 8, 8)
    for t, row, column in ((0, 0, 0), (3, 5, 7), (15, 7, 0)):
        # Row by row of the patch, the colours of a pixel together.
        part = frames[t][4 * row : 4 * row + 4, 4 * column : 4 * column + 4].reshape(-1) / 255
        np.testing.assert_allclose(parts["video"][:, t, row, column], part, atol=1e-6)
    np.testing.assert_allclose(parts["audio"][:16, 7], sound[112:128], atol=1e-4)
    assert not parts["audio"][16:].any()
    assert not parts["label"].any()
    assert sample.shape == (1920 + 16 * 64 + 1,)


def test_maps_go_back_to_their_frames() -> None:
    sample = read(clip(numbered(width=96, height=48), count=100, sound=ramp(4), container="mov"))
    values = np.arange(sample.shape[0], dtype=np.float32)
    laid = CLIPS.to_original(sample, values)
    assert laid.shape == sample.original.shape[:3] == (16, 48, 96)
    assert np.isnan(laid[:, :, :24]).all()
    assert not np.isnan(laid[:, :, 24:72]).any()
    for place in ((0, 0, 24), (7, 20, 50), (15, 47, 71)):
        element = CLIPS.element_at(sample, *place)
        assert element == laid[place]
        _, rows, columns = CLIPS.box_of(sample, element)
        assert rows[0] <= place[1] + 0.5 < rows[1]
        assert columns[0] <= place[2] + 0.5 < columns[1]
    assert CLIPS.element_at(sample, 0, 0, 0) is None
    ((begin, end),) = CLIPS.box_of(sample, 960)
    np.testing.assert_allclose((begin, end), (2.0, 2.0 + 16 / 48_000))
    assert CLIPS.box_of(sample, sample.shape[0] - 1) == ()
    with pytest.raises(ValueError, match="no input element"):
        CLIPS.box_of(sample, sample.shape[0])
    places = CLIPS.places(sample)
    assert {name: len(place) for name, place in places.items()} == {
        "audio_time": 1920,
        "video_time": 16,
        "video_rows": 8,
        "video_cols": 8,
    }


def test_parts_in_another_order_and_elements_of_several_frames() -> None:
    data = clip(numbered(), count=20, sound=ramp(0.8), container="mov")
    sample = read(data, order=["video", "audio"], patch_frames=2, patch=8)
    assert [(part.name, part.shape) for part in sample.parts] == [("video", (8, 4, 4)), ("audio", (1920,))]
    assert sample.content.shape == (8 * 16 + 1920, 2 * 8 * 8 * 3)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "is an empty file"),
        (b"<html>404</html>", "is a web page, not a clip"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "is a PNG picture, not a clip"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 70, "is a HEIC picture, not a clip"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 120, "is an MP4 video, but its data are cut off"),
        (b"\x1aE\xdf\xa3" + b"\0" * 200, "is a WebM video, but its data are cut off"),
        (bytes(range(256)) * 4, "is not a clip of a kind that is read"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "is a text file, not a clip"),
    ],
)
def test_what_is_no_clip(data: bytes, cause: str) -> None:
    assert cause in refusal(data)


@pytest.mark.parametrize(("container", "audio"), [("mp4", "aac"), ("wav", "pcm_s16le"), ("ogg", "libopus")])
def test_sound_alone_is_no_clip(container: str, audio: str) -> None:
    assert "sound alone; a clip needs pictures" in refusal(
        clip(None, sound=tone(1), container=container, audio_codec=audio)
    )


@pytest.mark.parametrize("container", ["matroska", "avi", "mpegts", "mpeg"])
def test_cut_files_are_read_as_far_as_they_go(container: str) -> None:
    codec = "libx264" if container == "matroska" else "mpeg4" if container == "avi" else "mpeg2video"
    data = clip(numbered(), count=60, sound=tone(2.4), container=container, codec=codec, audio_codec="mp2")
    sample = read(data[: len(data) // 2])
    assert sample.duration < 2.3
    # Streams for broadcast have no header that says how long they are.
    assert container.startswith("mpeg") or any("announces" in note for note in sample.notes)


@pytest.mark.parametrize(("container", "codec"), [("mpegts", "mpeg2video"), ("matroska", "libx264")])
def test_files_that_were_joined_are_read_up_to_where_their_clock_is_set_back(container: str, codec: str) -> None:
    """A second of pictures and a low sound, and then, on the same clock, two of other pictures and a loud sound."""
    made = {"container": container, "codec": codec, "audio_codec": "mp2", "gop": 1}
    first = clip(numbered(), count=25, sound=0.1 * tone(1.0), **made)
    second = clip(lambda i: numbered()(i + 7), count=50, sound=tone(2.0), **made)
    sample = read(first + second, start="0.8")
    assert sample.duration == pytest.approx(1.0, abs=0.05)
    assert "its time stamps begin again after 1.00 s, so what follows is not read" in sample.notes
    assert numbers(sample) == [0, 1, 2, 3, *[4] * 12]
    assert 0.04 < np.abs(sample.sound).max() < 0.1
    assert not sample.sound[20_000:].any()
    windows = CLIPS.scan(first + second, "clip.bin", shape=SHAPE, preprocess=SMALL)
    assert len(windows) == 2
    assert "its time stamps begin again after 1.00 s, so what follows is not read" in windows.notes


def test_a_scan_says_what_is_wrong_with_its_clip() -> None:
    data = clip(numbered(), count=60, container="matroska")
    assert CLIPS.scan(data, "a.mkv", shape=SHAPE, preprocess=SMALL).notes[0] == (
        "has no sound, so the model hears silence"
    )
    cut = CLIPS.scan(data[: len(data) // 2], "a.mkv", shape=SHAPE, preprocess=SMALL)
    assert re.match(r"its pictures end after [01]\.\d\d s of the 2\.40 s that its header announces", cut.notes[0])
    pictures = SMALL | {"order": ["video"]}
    silent = CLIPS.scan(data, "a.mkv", shape=ClipSettings.of(pictures).shape, preprocess=pictures)
    assert not any("sound" in note for note in silent.notes)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_sound_that_begins_before_the_pictures_is_said(container: str) -> None:
    times = [2 + i / 25 for i in range(25)]
    sample = read(clip(numbered(), count=25, times=times, sound=ramp(3), container=container, audio_codec="flac"), "0")
    assert "its sound begins 2.00 s before its pictures; what comes before them is not read" in sample.notes
    assert not any("announces" in note for note in sample.notes)
    np.testing.assert_allclose(sample.sound, (2 + np.arange(30_720) / 48_000) / 100, atol=2e-4)


def test_channels_that_cancel_each_other_are_said() -> None:
    opposite = np.stack([tone(1.0), -tone(1.0)])
    said = "its channels are nearly each other's opposite there, so little of them is left in the mix"
    assert said in read(clip(numbered(), count=25, sound=opposite, container="mov")).notes
    assert said not in read(clip(numbered(), count=25, sound=np.stack([tone(1.0), tone(1.0)]), container="mov")).notes
    assert said not in read(clip(numbered(), count=25, sound=np.zeros((2, 48_000)), container="mov")).notes


def test_a_file_that_was_never_finished() -> None:
    data = clip(numbered(), count=60)
    assert "cut off" in refusal(data[: len(data) // 2])


def test_a_broken_sound_track_is_silence_and_said() -> None:
    data = bytearray(clip(numbered(), count=20, sound=tone(0.8), container="matroska", audio_codec="aac"))
    at = data.index(b"A_AAC")
    data[at : at + 5] = b"A_XYZ"
    sample = read(bytes(data))
    assert not sample.sound.any()
    assert any("hears silence" in note for note in sample.notes)


def test_sound_ends_at_full_scale_when_resampling_overshoots() -> None:
    square = np.sign(np.sin(2 * np.pi * 500 * (np.arange(35_280) + 0.5) / 44_100)).astype(np.float32)
    sample = read(clip(numbered(), count=20, sound=square, rate=44_100, container="mov"))
    assert float(np.abs(sample.sound).max()) == 1
    assert any("at full scale, which they went beyond" in note for note in sample.notes)


def test_windows_that_cannot_begin() -> None:
    data = clip(numbered(), count=20)
    assert "is 0.80 s long, so a window cannot begin at 9.00 s" in refusal(data, start="9")
    with pytest.raises(InputError, match="start cannot be '-1'"):
        read(data, "-1")


def test_frames_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perceiver.modalities.video.file.MOST_PIXELS", 1000)
    assert "its frames have 64 x 48 pixels; at most 1,000 are read" in refusal(clip(numbered(), count=20))


def test_a_window_that_takes_too_long_to_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    data = clip(numbered(), count=100, options={"x264-params": "scenecut=0:keyint=250"})
    monkeypatch.setattr("perceiver.modalities.video.frames._MOST_DECODED", 40 * 64 * 48)
    assert "choose an earlier start" in refusal(data)
    assert numbers(read(data, "0"))[:3] == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"patch": 5}, "height is 32; it must be a multiple"),
        ({"frames": 0}, "frames is 0"),
        ({"colour": 1}, "'colour', which models of clips do not know"),
        ({"order": ["label"]}, "must be audio, video"),
        ({"order": ["video", "video"]}, "must be audio, video"),
        ({"channels": 2}, "channels is 2"),
        ({"spectrogram": {"rate": 8000}}, "the distance of its frames are those of the clip"),
        ({"resample": "best"}, "resample is 'best'"),
        ({"height": 40_000, "width": 40_000}, "larger than any model reads"),
    ],
)
def test_settings_that_mean_nothing(changes: dict[str, Any], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        ClipSettings.of(SMALL | changes)


def test_a_shape_that_does_not_follow_from_the_settings() -> None:
    with pytest.raises(ConfigError, match="input_shape is"):
        CLIPS.read(b"", "clip.mp4", shape=(7,), preprocess=SMALL)


def test_elements_without_recorded_sound_are_padding_and_one_channel_can_be_read() -> None:
    """Sound of 0.5 s, with a second channel at half the level, beside pictures of 2 s."""
    sound = np.stack([tone(0.5), tone(0.5) / 2])
    data = clip(numbered(), count=50, sound=sound, container="mov")
    sample = read(data, "0")
    assert sample.padding is not None
    parts = sample.split(sample.padding)
    assert not parts["video"].any()
    assert not parts["label"].any()
    count = len(parts["audio"])
    edges = np.arange(count + 1) * (sample.stop - sample.start) / count
    assert parts["audio"].tolist() == [bool(edge >= 0.5 - 1e-6) for edge in edges[:-1]]
    assert 0 < parts["audio"].sum() < count
    settings = dict(SMALL)
    shape = ClipSettings.of(settings).shape
    for channel, level_ in ((1, 0.5), (2, 0.25)):
        one = CLIPS.read(data, "a", shape=shape, preprocess=settings, options={"start": 0, "channel": channel})
        assert isinstance(one, ClipSample)
        assert np.abs(one.sound).max() == pytest.approx(level_, rel=0.05)
        assert f"read channel {channel} of the 2 of its sound" in one.notes
    with pytest.raises(InputError, match=r"^a has 2 channels of sound, so channel 3 cannot be read$"):
        CLIPS.read(data, "a", shape=shape, preprocess=settings, options={"start": 0, "channel": 3})


MEL: dict[str, Any] = {"rate": 16_000, "samples": 19_200, "samples_per_patch": 320} | {
    "spectrogram": {"mels": 40, "n_fft": 512, "fmin": 60.0, "fmax": 8000.0, "mean": -26.0, "std": 15.0, "peak": 0.8}
}


def test_sound_as_the_frames_of_a_spectrogram() -> None:
    """An element is a column of the spectrogram that the sound modality makes of the same samples."""
    sample = read(clip(numbered(), count=50, sound=tone(2.0)), "0.4", order=["audio", "video"], **MEL)
    assert (sample.parts[0].name, sample.parts[0].shape) == ("audio", (60,))
    settings = ClipSettings.of(SMALL | MEL).spectrogram
    assert settings is not None
    cells = sound_content(torch.from_numpy(sample.sound)[None], settings)[0].reshape(40, 60)
    np.testing.assert_array_equal(sample.content[:60, :40].numpy(), cells.T.numpy())
    # Frames are centred on their time, so that the first begins half of 20 ms before the window.
    assert sample.parts[0].box == ((pytest.approx(0.39), pytest.approx(1.59)),)
    assert CLIPS.places(sample)["audio_time"][0] == pytest.approx(0.4)
    assert CLIPS.box_of(sample, 1)[0] == pytest.approx((0.41, 0.43))


def test_grey_frames_are_the_brightness_of_colours() -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    sample = read(clip([red] * 20, pix_fmt="yuv444p"), "0", channels=1)
    settings = ClipSettings.of(SMALL | {"channels": 1})
    assert settings.channels_of["video"] == 16
    assert sample.content.shape[1] == 16
    patches = sample.split(sample.content[:, 0].numpy())["video"]
    assert patches == pytest.approx(0.299 * 200 / 255, abs=0.02)
    scaled = read(clip([red] * 20, pix_fmt="yuv444p"), "0", channels=1, mean=[0.1], std=[0.5])
    laid = scaled.split(scaled.content[:, 0].numpy())["video"]
    np.testing.assert_allclose(laid, (patches - 0.1) / 0.5, atol=1e-6)
    assert "read its brightness alone, since the model reads grey pictures" in sample.notes


@pytest.mark.parametrize("sense", ["audio", "video"])
def test_a_model_of_one_sense_reads_its_elements_alone(sense: str) -> None:
    data = clip(numbered(), count=50, sound=tone(2.0))
    both, one = read(data, order=["audio", "video"]), read(data, order=[sense])
    (part,) = one.parts
    found = both.part(sense)
    assert found is not None
    assert (part.name, part.shape, part.box) == (sense, found[0].shape, found[0].box)
    width = one.content.shape[1]
    np.testing.assert_array_equal(one.content.numpy(), both.content[found[1], :width].numpy())
    laid = CLIPS.to_original(one, np.ones(one.shape))
    if sense == "audio":
        assert np.isnan(laid).all()
        assert CLIPS.element_at(one, 0, 5, 5) is None
        assert "the model reads its sound alone; its frames are shown only" in one.notes
    else:
        assert np.nanmin(laid) == 1
        assert "the model reads its frames alone, without the sound" in one.notes
        assert not any("Hz" in note or "sound track" in note for note in one.notes)


def test_what_a_model_of_one_sense_lacks_is_no_padding() -> None:
    silent = clip(numbered(), count=50)
    assert read(silent, order=["video"]).padding is None
    heard = read(silent, order=["audio"]).padding
    assert heard is not None
    assert heard.all()
