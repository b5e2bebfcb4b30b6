"""Clips: a video file -> the frames and the sound that a model reads together, and maps laid back on the frames."""

from __future__ import annotations

from ..audio import CHANNEL
from ..description import AxisWords, Description, Noun
from ..video import EXTENSIONS, START

DESCRIPTION = Description(
    name="audiovisual",
    noun=Noun("clip", "clips"),
    element=Noun("patch", "patches"),
    media=("video",),
    extensions=EXTENSIONS,
    layout="parts",
    axes={
        "audio_time": AxisWords("Time of the sound", "the window", "in time, in the sound", "patches"),
        "video_time": AxisWords("Time of the frames", "the window", "in time, in the frames", "patches"),
        "video_rows": AxisWords("Height", "the height", "down", "patches"),
        "video_cols": AxisWords("Width", "the width", "across", "patches"),
    },
    parts={"audio": "sound", "video": "picture"},
    options=(START, CHANNEL),
    libraries=("av.subtitles.stream", "perceiver.modalities.audio.ffmpeg"),
)
