"""Files that refer to other files or addresses, and formats that are off, are refused, and nothing else is opened."""

from __future__ import annotations

import io
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from perceiver import InputError
from perceiver.modalities import get
from perceiver.modalities.audio.libsndfile import FORMATS, Libsndfile
from perceiver.modalities.base import DecodeError
from perceiver.modalities.containers import PICTURE_DECODERS, SOUND_DECODERS, open_container
from tests.modalities.audiovisual.clips import clip, numbered, tone

WAYS: dict[str, dict[str, object]] = {
    "image": {"shape": (8, 8), "preprocess": {}},
    "audio": {"shape": (160,), "preprocess": {"peak": None, "patch": 100}},
    "video": {"shape": (5, 12, 16), "preprocess": {}},
    "points": {"shape": (16,), "preprocess": {}},
}


def refusal(data: bytes, modality: str, name: str) -> str:
    with pytest.raises(InputError) as refused:
        get(modality).read(data, name, **WAYS[modality])  # type: ignore[arg-type]
    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A pipe without a writer: whoever opens it waits for ever, and the test with it."""
    os.mkfifo(tmp_path / "secret.wav")
    return tmp_path / "secret.wav"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def nobody_came(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


TEXTS = {
    "playlist.m3u": "#EXTM3U\n{}\n",
    "live.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
    "key.m3u8": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:9,\na.ts\n',
    "list.ffconcat": "ffconcat version 1.0\nfile {}\n",
    "list.pls": "[playlist]\nFile1={}\nNumberOfEntries=1\n",
    "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nu={}\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "stream.mpd": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period><BaseURL>{}</BaseURL>"
    "<AdaptationSet mimeType='audio/mp4'><Representation id='1'/></AdaptationSet></Period></MPD>",
    "subtitle.srt": "1\n00:00:00,000 --> 00:00:09,000\n{}\n",
    "subtitle.ass": "[Script Info]\nVideo File: {}\nAudio File: {}\n[Events]\n",
    "subtitle.idx": "# VobSub index file, v7\nsize: 720x576\n# {}\ntimestamp: 00:00:00:000, filepos: 000000000\n",
    "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg'><image href='{}' width='9' height='9'/></svg>",
    "entity.svg": "<!DOCTYPE svg [<!ENTITY x SYSTEM '{}'>]><svg xmlns='http://www.w3.org/2000/svg'>&x;</svg>",
    "picture.eps": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({}) run\nshowpage\n%%EOF\n",
}


@pytest.mark.parametrize("modality", ["audio", "video", "image"])
@pytest.mark.parametrize("text", TEXTS)
def test_texts_that_refer_to_files_or_addresses(text: str, modality: str, trap: Path, listening: socket.socket) -> None:
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/secret.wav"
    for target in (str(trap), f"file://{trap}", address, address.replace("http", "tcp", 1), f"concat:{trap}|{trap}"):
        data = TEXTS[text].replace("{}", target).encode()
        for name in (text, "song.mp3", "clip.mp4", "photo.png"):
            refusal(data, modality, name)
            refusal(b"ID3\x04\0\0\0\0\0\0" + data, modality, name)
    assert nobody_came(listening)


def alias(path: str) -> bytes:
    """A data reference of QuickTime to another file by its absolute path."""
    name = path.encode()
    volume, file = bytes([4]) + b"disk".ljust(27, b"\0"), bytes([10]) + b"secret.wav".ljust(63, b"\0")
    levels = bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    where = struct.pack(">hH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">hH", -1, 0)
    body = bytes(4) + bytes(10) + volume + bytes(12) + file + levels + where
    return struct.pack(">I4s", 8 + len(body), b"alis") + body


def with_reference(data: bytes, reference: bytes) -> bytes:
    """A file whose first track has its data elsewhere; what describes the file is at its end."""
    inside = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    places, start = [], 0
    for name in inside:
        start = data.index(name, start)
        places.append(start - 4)
    old = places[-1] + 16
    (size,) = struct.unpack_from(">I", data, old)
    changed = bytearray(data[:old] + reference + data[old + size :])
    for place in places:
        (length,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", changed, place, length + len(reference) - size)
    return bytes(changed)


def test_a_quicktime_file_whose_data_are_in_another_file(trap: Path) -> None:
    data = with_reference(clip(numbered(), count=20, container="mov", codec="mpeg4"), alias(str(trap)))
    refusal(data, "video", "clip.mov")


def test_the_name_of_a_protocol_is_no_file(trap: Path) -> None:
    for name in (f"concat:{trap}", f"file:{trap}", "http://127.0.0.1:9/a.mp4", f"subfile,,start,0,end,9,,:{trap}"):
        with pytest.raises(InputError, match="is a text file"):
            get("video").read(b"#EXTM3U\n", name, **WAYS["video"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "container", ["hls", "concat", "sdp", "dash", "image2", "lavfi", "rtsp", "tty", "webm_dash_manifest"]
)
def test_no_format_that_opens_others_is_reached(container: str) -> None:
    """FFmpeg refuses what the list of the one container that is wanted does not name."""
    options = {"format_whitelist": "mov,matroska"}
    with pytest.raises((av.FFmpegError, ValueError)):
        av.open(io.BytesIO(b"#EXTM3U\n"), "r", format=container, options=options)
    with pytest.raises(DecodeError):
        open_container(b"#EXTM3U\n", "mov")


@pytest.mark.parametrize("codec", ["cinepak", "zmbv", "asv1", "flashsv", "msvideo1", "jpeg2000", "magicyuv"])
def test_pictures_of_a_decoder_that_is_off(codec: str) -> None:
    assert codec not in PICTURE_DECODERS
    try:
        formats = av.codec.Codec(codec, "w").video_formats or []
        pixels = formats[0].name if formats else "yuv420p"
        data = clip(numbered(), count=4, container="avi", codec=codec, pix_fmt=pixels)
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"FFmpeg cannot encode it here: {error}")
    assert "which is not read; save it as H.264 in MP4" in refusal(data, "video", "clip.avi")


def test_a_sound_of_a_decoder_that_is_off() -> None:
    """RealAudio, by the name that Matroska has for it."""
    assert "ra_144" not in SOUND_DECODERS
    data = clip(numbered(), count=4, container="matroska", codec="mpeg4", sound=tone(1.0), audio_codec="pcm_s16le")
    assert data.count(b"A_PCM/INT/LIT") == 1
    said = refusal(data.replace(b"A_PCM/INT/LIT", b"A_REAL/14_4\0\0"), "audio", "clip.mkv")
    assert "which is not read; save it as FLAC or MP3" in said


@pytest.mark.parametrize("kind", ["PCX", "ICO", "TGA", "SGI", "EPS", "PDF", "IM", "MSP", "XBM", "BLP", "DDS", "ICNS"])
def test_pictures_that_pillow_could_read_are_off(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    mode = {"MSP": "1", "XBM": "1", "BLP": "P"}.get(kind, "RGB")
    Image.new(mode, (64, 64)).save(out, kind)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("Pillow was left to guess"))
    monkeypatch.setattr(Image, "init", lambda: pytest.fail("all of Pillow's formats were loaded"))
    refusal(out.getvalue(), "image", "photo.png")


OTHERS = sorted(set(soundfile.available_formats()) - FORMATS - {"RAW", "SD2", "FLAC", "MP3"})


@pytest.mark.parametrize("kind", OTHERS)
def test_sounds_that_libsndfile_could_read_are_off(kind: str) -> None:
    out = io.BytesIO()
    rate = 8000 if kind == "WVE" else 44_100
    soundfile.write(out, np.zeros(1000), rate, format=kind, subtype=soundfile.default_subtype(kind))
    assert soundfile.info(io.BytesIO(out.getvalue())).format == kind
    with pytest.raises(DecodeError):
        Libsndfile(out.getvalue())
    refusal(out.getvalue(), "audio", "a.wav")
