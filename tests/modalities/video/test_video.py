"""Videos: the frames that are read, without their sound, and where they lie."""

from __future__ import annotations

import io
import re
import struct
from typing import Any

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from PIL import Image

from perceiver import ConfigError, InputError
from perceiver.modalities import for_file, for_grid, get
from perceiver.modalities.kinds import MP4
from perceiver.modalities.video.window import VideoSample
from tests.modalities.audiovisual.clips import clip, frame_of, level, numbered, tone

VIDEOS = get("video")


def read(data: bytes, shape: tuple[int, ...] = (5, 12, 16), start: str = "middle", **preprocess: Any) -> VideoSample:
    found = VIDEOS.read(data, "clip.bin", shape=shape, preprocess=preprocess, options={"start": start})
    assert isinstance(found, VideoSample)
    return found


def numbers(sample: VideoSample) -> list[int]:
    return [frame_of(frame.mean()) for frame in sample.seen]


def refusal(data: bytes, shape: tuple[int, ...] = (5, 12, 16), **changes: Any) -> str:
    with pytest.raises(InputError) as refused:
        read(data, shape, **changes)
    assert str(refused.value).startswith("clip.bin ")
    return str(refused.value)


def test_the_registry_knows_what_reads_videos() -> None:
    assert for_grid(3) == "video"
    assert for_file(MP4) == ("video", "audiovisual", "audio")


def test_frames_are_spread_over_the_whole_video_and_its_sound_is_left() -> None:
    """20 frames in 5 parts of 4: in the middle of each, frames 2, 6, 10, 14, 18 are shown."""
    silent, sounding = clip(numbered(), count=20), clip(numbered(), count=20, sound=tone(0.8), audio_codec="aac")
    sample = read(sounding)
    assert numbers(sample) == [2, 6, 10, 14, 18]
    assert (sample.start, sample.stop, sample.duration) == (0.0, 0.8, 0.8)
    np.testing.assert_allclose(sample.times, np.array([2, 6, 10, 14, 18]) / 25, atol=1e-9)
    assert sample.notes == ("used 5 of its 20 frames there, evenly",)
    assert np.array_equal(sample.seen, read(silent).seen)
    assert (sample.modality, sample.shape, sample.parts) == ("video", (5, 12, 16), ())


def test_content_is_every_pixel_frame_by_frame_and_row_by_row() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (4, 3, 4, 3), dtype=np.uint8)
    frames = [frame.repeat(8, 0).repeat(8, 1) for frame in coarse]
    data = clip(frames, codec="ffv1", pix_fmt="bgr0", container="matroska")
    sample = read(data, (4, 3, 4), resample="box")
    assert np.array_equal(sample.seen, coarse)
    assert torch.equal(sample.content, torch.from_numpy(coarse.reshape(-1, 3)).float() / 255)
    scaled = read(data, (4, 3, 4), resample="box", mean=[0.5, 0.25, 0.0], std=[0.5, 0.25, 2.0])
    # Element 12 + 4 + 2: frame 1, row 1, column 2.
    expected = [(coarse[1, 1, 2, i] / 255 - m) / s for i, (m, s) in enumerate([(0.5, 0.5), (0.25, 0.25), (0.0, 2.0)])]
    assert scaled.content[18].tolist() == pytest.approx(expected)
    grey = read(data, (4, 3, 4), resample="box", channels=1)
    luma = coarse @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    assert np.abs(grey.content[:, 0].numpy() * 255 - luma.ravel()).max() < 0.51
    assert np.array_equal(grey.seen[..., 0], grey.seen[..., 2])
    assert "read its brightness alone, since the model reads grey pictures" in grey.notes
    assert not any("brightness" in note for note in sample.notes)


def test_a_window_of_fixed_length() -> None:
    data = clip(numbered(), count=100)
    sample = read(data, seconds=0.4)
    assert (sample.start, sample.stop) == (1.8, 2.2)
    assert numbers(sample) == [(46 + 2 * i) % 20 for i in range(5)]
    assert "read 0.40 s of its 4.00 s, from 1.80 s on, its middle" in sample.notes
    assert numbers(read(data, start="1", seconds=0.2)) == [5, 6, 7, 8, 9]
    # Without a length the window ends with the video.
    rest = read(data, start="3")
    assert (rest.start, rest.stop) == (3.0, 4.0)
    assert "read 1.00 s of its 4.00 s, from 3.00 s on" in rest.notes
    assert "a window cannot begin at 9.00 s" in refusal(data, start="9")


def test_maps_lie_on_the_frames_that_were_read() -> None:
    """Frames of 40 x 20 are read as 3 x 4: the middle 27 columns. Steps of time are frames of the original."""
    sample = read(clip(numbered(40, 20), count=10), (5, 3, 4))
    values = np.arange(60, dtype=np.float32).reshape(5, 3, 4)
    laid = VIDEOS.to_original(sample, values)
    assert laid.shape == sample.original.shape[:3] == (5, 20, 40)
    assert np.isnan(laid[:, :, 0]).all()
    for frame, row, column in ((0, 0, 20), (3, 19, 10), (4, 10, 30)):
        element = VIDEOS.element_at(sample, frame, row, column)
        assert element is not None
        assert laid[frame, row, column] == values.ravel()[element]
        span, rows, columns = VIDEOS.box_of(sample, element)
        assert rows[0] <= row + 0.5 < rows[1]
        assert columns[0] <= column + 0.5 < columns[1]
        assert span == pytest.approx((frame * 0.08, (frame + 1) * 0.08))
    assert VIDEOS.element_at(sample, 0, 0, 0) is None
    places = VIDEOS.places(sample)
    np.testing.assert_allclose(places["time"], 0.04 + 0.08 * np.arange(5))
    assert (len(places["rows"]), len(places["cols"])) == (3, 4)
    assert places["cols"][0] > 6
    with pytest.raises(ValueError, match="the map is"):
        VIDEOS.to_original(sample, values[0])
    with pytest.raises(ValueError, match="no input element 60"):
        VIDEOS.box_of(sample, 60)


def test_a_scan_goes_through_windows_of_fixed_length() -> None:
    data, shape = clip(numbered(), count=100), (5, 12, 16)
    windows = VIDEOS.scan(data, "clip.bin", shape=shape, preprocess={"seconds": 1.0})
    assert (len(windows), windows.seconds) == (4, 1.0)
    found = list(windows)
    assert [window.start for window in found] == [0.0, 1.0, 2.0, 3.0]
    for window in found:
        expected = read(data, start=f"{window.start}", seconds=1.0).content
        assert torch.equal(window.content, expected)
    with pytest.raises(InputError, match="is read as one window"):
        VIDEOS.scan(data, "clip.bin", shape=shape, preprocess={})


@pytest.mark.parametrize(("count", "gop"), [(100, 250), (400, 10)])
def test_small_pictures_of_the_whole_clip_lie_at_their_times(count: int, gop: int) -> None:
    data = clip(numbered(), count=count, gop=gop)
    found = read(data, seconds=1.0).thumbnails
    assert found.shape == (6, 64, 48, 3)
    middles = [round((i + 0.5) * count / 6) for i in range(6)]
    for picture, middle in zip(found, middles, strict=True):
        expected = middle if count == 100 else middle // gop * gop  # the key frame before it
        assert any(abs(int(picture[32, 24, 0]) - level(expected + off)) <= 3 for off in (-1, 0)), middle
    assert len(read(data).thumbnails) == 0  # which is read whole


def test_one_frame_is_a_video() -> None:
    sample = read(clip(numbered(), count=1))
    assert numbers(sample) == [0] * 5
    assert abs(int(sample.seen[0, 0, 0, 0]) - level(0)) <= 2
    assert "its one frame there stands for all 5 that the model reads" in sample.notes


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "empty file"),
        (b"<html>404</html>", "is a web page, not a clip"),
        (clip(None, sound=tone(0.2), container="wav"), "sound alone; a clip needs pictures"),
        (clip(numbered(), count=20)[:300], "is an? MP4 video, but"),
    ],
)
def test_says_what_is_wrong_with_a_file(data: bytes, cause: str) -> None:
    assert re.search(cause, refusal(data))


@pytest.mark.parametrize(
    ("shape", "preprocess", "cause"),
    [
        ((12, 16), {}, "a video needs"),
        ((0, 12, 16), {}, "a video needs"),
        ((4000, 4000, 4000), {}, "larger than any model reads"),
        ((5, 12, 16), {"seconds": 0}, "must be above 0, or null"),
        ((5, 12, 16), {"seconds": "long"}, "seconds is 'long'"),
        ((5, 12, 16), {"crop": 0.5}, "'crop', which models of videos do not know"),
        ((5, 12, 16), {"resample": "sharp"}, "resample is 'sharp'"),
        ((5, 12, 16), {"std": 0}, "std"),
        ((5, 12, 16), {"channels": 2}, "channels is 2"),
    ],
)
def test_settings_that_mean_nothing(shape: tuple[int, ...], preprocess: dict[str, Any], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        read(clip(numbered(), count=5), shape, **preprocess)


# Red, green, blue and black in the corners, row by row.
CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32, 0] = CORNERS[:24, 32:, 1] = CORNERS[24:, :32, 2] = 255


def corners(frame: np.ndarray) -> str:
    height, width = frame.shape[:2]
    places = [(row, column) for row in (height // 4, 3 * height // 4) for column in (width // 4, 3 * width // 4)]
    return "".join("rgb"[int(frame[place].argmax())] if frame[place].max() > 100 else "k" for place in places)


@pytest.mark.parametrize(
    ("matrix", "shown", "note"),
    [
        ((1, 0, 0, 1), "rgbk", None),
        ((-1, 0, 0, 1), "grkb", "mirrored its frames left to right, as the file says"),
        ((1, 0, 0, -1), "bkrg", "mirrored its frames top to bottom, as the file says"),
        ((-1, 0, 0, -1), "kbgr", "turned its frames by 180 degrees, as the file says"),
        ((0, 1, 1, 0), "rbgk", "mirrored its frames about a diagonal, as the file says"),
        ((0, -1, -1, 0), "kgbr", "mirrored its frames about a diagonal, as the file says"),
        ((0, 1, -1, 0), "brkg", "turned its frames by 90 degrees, as the file says"),
        ((0, -1, 1, 0), "gkrb", "turned its frames by 90 degrees, as the file says"),
        ((0.7, 0.7, -0.7, 0.7), "rgbk", "showed its frames as they are stored, although the file turns them by no "),
    ],
)
def test_frames_are_shown_as_the_display_matrix_says(matrix: tuple[float, ...], shown: str, note: str | None) -> None:
    """A point (x, y) is shown at (a x + c y, b x + d y): the corners move to where that takes them."""
    data = clip([CORNERS] * 3)
    at = data.find(b"tkhd") + 44  # of version 0
    a, b, c, d = (round(value * 65_536) for value in matrix)
    sample = read(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :], (1, 32, 32))
    assert corners(sample.original[0]) == shown
    assert corners(sample.seen[0]) == shown
    assert sample.original.shape[1:3] == ((64, 48) if matrix[0] == 0 else (48, 64))
    about = [text for text in sample.notes if "its frames" in text and "used" not in text]
    assert [text.startswith(note or "") for text in about] == [True] * (note is not None)


@pytest.mark.parametrize(
    ("container", "codec", "pix_fmt", "options"),
    [
        ("webm", "libvpx-vp9", "yuva420p", {}),
        ("webm", "libvpx", "yuva420p", {"auto-alt-ref": "0"}),
        ("mov", "prores_ks", "yuva444p10le", {}),
        ("mov", "qtrle", "argb", {}),
        ("mov", "png", "rgba", {}),
        ("avi", "ffvhuff", "bgra", {}),
        ("matroska", "ffv1", "yuva420p", {}),
    ],
)
def test_transparent_videos_are_laid_on_white(
    container: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    """Red, opaque in the middle, half transparent at the left, and clear elsewhere."""
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[..., 0], picture[16:48, 16:48, 3], picture[:, :8, 3] = 255, 255, 128
    made = [picture] * 60
    meta = {"alpha_mode": "1"} if container == "webm" else {}
    data = clip(made, container=container, codec=codec, pix_fmt=pix_fmt, options=options, metadata=meta)
    for start in ("0", "1.8"):
        sample = read(data, (2, 64, 64), start=start, seconds=0.2)
        for place, expected in (((32, 32), (255, 0, 0)), ((32, 3), (255, 127, 127)), ((4, 60), (255, 255, 255))):
            assert np.abs(sample.seen[0][place].astype(int) - expected).max() <= 3
        assert "laid its transparent parts on white" in sample.notes


def test_frames_after_the_end_are_padding() -> None:
    """0.4 s of frames in a window of 1 s: of 5 frames, shown from 0.1 s on every 0.2 s, two lie in it."""
    sample = read(clip(numbered(), count=10), seconds=1.0)
    assert sample.padding is not None
    assert sample.padding.shape == sample.shape
    assert sample.padding[:, 0, 0].tolist() == sample.padding[:, 11, 15].tolist() == [False, False, True, True, True]
    assert "repeated its last frame 3 times: the clip ends before the window does" in sample.notes
    assert read(clip(numbered(), count=25), seconds=1.0).padding is None


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_said(transfer: int, name: str) -> None:
    parameters = f"colorprim=bt2020:colormatrix=bt2020nc:transfer={'smpte2084' if transfer == 16 else 'arib-std-b67'}"
    data = clip(numbered(), count=5, pix_fmt="yuv420p10le", options={"x264-params": parameters})
    assert f"took its high dynamic range ({name}) for ordinary brightness, which makes it pale" in read(data).notes


@pytest.mark.parametrize(("height", "matrix"), [(704, "BT.601"), (720, "BT.709")])
def test_colours_without_a_matrix_are_those_of_browsers(height: int, matrix: str) -> None:
    """Y'CbCr of one colour, whose matrix the file does not name, and what it is in RGB by ITU-R BT.601 and BT.709."""
    y, blue, red = 81, 90, 200
    half, fifth = {"BT.601": (1.402, 0.344136), "BT.709": (1.5748, 0.187324)}[matrix]
    scaled = {"BT.601": (0.714136, 1.772), "BT.709": (0.468124, 1.8556)}[matrix]
    light, cb, cr = (y - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    expected = [255 * v for v in (light + half * cr, light - fifth * cb - scaled[0] * cr, light + scaled[1] * cb)]
    picture = np.stack([np.full((height, 64), v, np.uint8) for v in (y, blue, red)])
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        frame = VideoFrame.from_ndarray(picture, format="yuv444p")
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    sample = read(out.getvalue(), (1, 8, 8))
    np.testing.assert_allclose(sample.seen[0, 4, 4], np.clip(expected, 0, 255), atol=2)


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0.1), (1, 0.1), (2, 0.02), (5, 0.05), (25, 0.25)])
def test_frames_of_a_gif_last_as_long_as_in_browsers(delay: int, seconds: float) -> None:
    """Hundredths of a second in the file; browsers show frames of one or none for ten."""
    frames = [Image.fromarray(numbered()(i)).quantize(8 + i) for i in range(6)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=10 * delay)
    sample = read(out.getvalue(), (6, 12, 16))
    assert sample.duration == pytest.approx(6 * seconds)
    assert numbers(sample) == list(range(6))
    assert read(out.getvalue()[:-40], (6, 12, 16)).duration >= 5 * seconds - 1e-9
