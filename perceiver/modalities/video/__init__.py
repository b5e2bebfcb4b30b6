"""Videos: a video file -> the frames that a model reads, without their sound, and maps laid back on the frames."""

from __future__ import annotations

from ..description import AxisWords, Description, Noun
from ..options import Option

MIDDLE = "middle"

EXTENSIONS = ("mp4", "m4v", "mov", "3gp", "webm", "mkv", "avi", "mpg", "mpeg", "ts", "flv", "wmv", "ogv", "gif")

START = Option(
    name="start",
    default=MIDDLE,
    choices=(MIDDLE,),
    number=True,
    unit="SECONDS",
    help="Seconds into the clip at which the model begins to read, or so that it reads the middle.",
)

DESCRIPTION = Description(
    name="video",
    noun=Noun("video", "videos"),
    element=Noun("pixel", "pixels"),
    media=("video",),
    extensions=EXTENSIONS,
    grid_axes=(3,),
    axes={
        "time": AxisWords("Time", "the window", "in time", "frames", ("before", "after"), "s"),
        "rows": AxisWords("Height", "the height", "down", "pixels", ("upper", "lower")),
        "cols": AxisWords("Width", "the width", "across", "pixels", ("left", "right")),
    },
    task="video-classification",
    options=(START,),
    normalised=True,
    libraries=("av.subtitles.stream",),
)
