"""The frames of clips: which containers are read, which frame is shown when, and what is read of one window."""

from __future__ import annotations

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
