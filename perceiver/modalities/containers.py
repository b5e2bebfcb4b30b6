"""Opens sound and video files with FFmpeg's libraries, limited to what people upload.

FFmpeg holds some 500 decoders, most of them for files of old games and machines, and formats that open other files or
addresses. A file is opened as the one container that its first bytes are those of, only the decoders below are used,
and no protocol is allowed, so that nothing beside the bytes that are given is read.
"""

from __future__ import annotations

import io

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from .base import DecodeError

_PCM = tuple(
    f"pcm_{name}"
    for name in (
        *("alaw", "mulaw", "s8", "u8", "s16le", "s16be", "u16le", "u16be", "s24le", "s24be", "u24le", "u24be"),
        *("s32le", "s32be", "u32le", "u32be", "s64le", "s64be", "f32le", "f32be", "f64le", "f64be"),
        *("bluray", "dvd", "s8_planar", "s16le_planar", "s16be_planar", "s24le_planar", "s32le_planar"),
    )
)
SOUND_DECODERS = frozenset(
    {
        *_PCM,
        *("aac", "aac_latm", "ac3", "eac3", "dca", "truehd", "mlp", "alac", "flac", "tta", "wavpack"),
        *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "libopus", "vorbis", "speex", "nellymoser"),
        *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
        # Telephones and voice mail.
        *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "gsm", "gsm_ms", "g722", "g726", "g726le"),
        *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha"),
    }
)
"""FFmpeg's names of the decoders that are used for sound."""

PICTURE_DECODERS = frozenset(
    {
        *("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "theora", "gif"),
        *("mpeg1video", "mpeg2video", "mpegvideo", "mpeg4", "msmpeg4", "msmpeg4v1", "msmpeg4v2", "h263", "flv"),
        *("wmv1", "wmv2", "wmv3", "vc1", "vp6", "vp6a", "vp6f", "svq3", "mjpeg", "mjpegb", "dvvideo"),
        # Cameras, editors and screen recorders.
        *("prores", "dnxhd", "cfhd", "v210", "ffv1", "huffyuv", "ffvhuff", "utvideo", "qtrle", "png", "rawvideo"),
    }
)
"""FFmpeg's names of the decoders that are used for pictures."""


def open_container(data: bytes, container: str) -> InputContainer:
    """The file, open.

    container  FFmpeg's name of its container: "mov", "matroska", "mp3"

    Raises DecodeError when FFmpeg cannot make anything of it.
    """
    options = {
        "format_whitelist": container,
        # Also holds for the decoders that look into the first packets of every track.
        "codec_whitelist": ",".join(sorted(SOUND_DECODERS | PICTURE_DECODERS)),
        # The list names no protocol, not even that of files.
        "protocol_whitelist": "none",
    }
    try:
        return av.open(io.BytesIO(data), "r", format=container, metadata_errors="ignore", options=options)
    except Exception as error:
        raise DecodeError from error


def check_decoder(stream: AudioStream | VideoStream) -> None:
    """Raises DecodeError for a track whose decoder is not one of those that are used."""
    pictures = isinstance(stream, VideoStream)
    what = "pictures are" if pictures else "sound is"
    if stream.codec_context is None:
        raise DecodeError(f"its {what} coded in a way that is not read")
    codec = stream.codec_context.codec
    if codec.name not in (PICTURE_DECODERS if pictures else SOUND_DECODERS):
        better = "H.264 in MP4" if pictures else "FLAC or MP3"
        raise DecodeError(f"its {what} coded as {codec.long_name[:60]}, which is not read; save it as {better}")
