"""Images: a picture file -> the pixels a model reads, and maps laid back on the picture."""

from __future__ import annotations

from ..description import AxisWords, Description, Noun

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
        "rows": AxisWords("Height", "the height", "down", "pixels"),
        "cols": AxisWords("Width", "the width", "across", "pixels"),
    },
    task="image-classification",
    normalised=True,
)
