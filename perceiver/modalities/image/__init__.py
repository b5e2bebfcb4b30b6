"""Images: a picture file -> the pixels a model reads, and maps laid back on the picture."""

from __future__ import annotations

from ..description import AxisWords, Description, Noun
from ..options import Option

FIRST = "first"

DESCRIPTION = Description(
    name="image",
    noun=Noun("picture", "pictures"),
    element=Noun("pixel", "pixels"),
    media=("picture",),
    extensions=(
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "avif", "gif", "bmp", "dib"),
        *("tif", "tiff", "ppm", "pgm", "pbm", "pnm", "pfm"),
    ),
    grid_axes=(2,),
    axes={
        "rows": AxisWords("Height", "the height", "down", "pixels", ("upper", "lower")),
        "cols": AxisWords("Width", "the width", "across", "pixels", ("left", "right")),
    },
    task="image-classification",
    options=(
        Option(
            name="frame",
            default=FIRST,
            choices=(FIRST,),
            number=True,
            help="The frame of an animation or the page of a document, from 1, or the first one at full size.",
        ),
    ),
    normalised=True,
)
