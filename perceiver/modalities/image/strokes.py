"""Pictures that are drawn by hand: strokes of a pen, rendered as a picture at the size that a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from ...errors import InputError
from .colour import Colour
from .settings import ImageSettings

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
MOST_POINTS = 50_000
"""Maximum number of points of all strokes of a drawing."""

# Samples that the discs of all points cover at most; a full drawing in the widest pen of a hand covers a third of them
# at 224 x 224 pixels.
_MOST_COVERED = 10**10
_FINER = 8  # samples along a side of a pixel
_DARK = 0.25  # mean of the training pictures in [0, 1] below which their ground is taken for black


@dataclass(frozen=True)
class Stroke:
    """The way of a pen with a round tip. Lengths are shares of the longer side of the picture.

    width   of the pen
    points  (x, y) from the upper left corner: to the right, and down; a single one is a dot
    """

    width: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Page:
    """What is drawn on: the size of the picture in pixels, and the colours."""

    height: int
    width: int
    ink: Colour = BLACK
    ground: Colour = WHITE

    @classmethod
    def of(cls, shape: tuple[int, ...], preprocess: Mapping[str, Any]) -> Page:
        """The page of an image model: as large as the picture that it reads, black on white. Where the mean of its
        training pictures is that of a black ground, as for handwritten digits, white on black.

        Raises ConfigError for impossible preprocessing.
        """
        settings = ImageSettings.of(preprocess)
        height, width = settings.pixels or shape
        # Models without a mean say nothing of their pictures.
        dark = 0 < max(settings.mean) < _DARK
        return cls(height, width, *((WHITE, BLACK) if dark else (BLACK, WHITE)))


def checked(strokes: Sequence[Stroke]) -> None:
    """Raises InputError for a drawing without a stroke, with too many points, or with lengths that are no shares."""
    if not strokes or not all(stroke.points for stroke in strokes):
        raise InputError("nothing is drawn")
    points = [point for stroke in strokes for point in stroke.points]
    if len(points) > MOST_POINTS:
        raise InputError(f"a drawing has at most {MOST_POINTS:,} points; this one has {len(points):,}")
    if not all(0 < stroke.width <= 1 for stroke in strokes) or not all(-1 <= at <= 2 for p in points for at in p):
        raise InputError("the strokes of a drawing have widths and places as shares of its longer side")


def coverage(strokes: Sequence[Stroke], height: int, width: int) -> Float[np.ndarray, "H W"]:
    """The share of each pixel that the strokes cover, in [0, 1]."""
    fine = Image.new("L", (_FINER * width, _FINER * height))
    pen = ImageDraw.Draw(fine)
    scale = _FINER * max(height, width)
    for stroke in strokes:
        # Pillow takes coordinates from the middle of a pixel, and a disc has the pixels at both its ends.
        radius = max(stroke.width * scale / 2 - 0.5, 0.0)
        points = [(x * scale - 0.5, y * scale - 0.5) for x, y in stroke.points]
        if len(points) > 1:
            pen.line(points, fill=255, width=max(1, round(stroke.width * scale)))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(fine.reduce(_FINER), np.float64) / 255


def render(strokes: Sequence[Stroke], page: Page) -> bytes:
    """A drawing as a PNG file: grey if ink and ground are, else RGB. Raises InputError as `checked` does, and for more
    wide strokes than can be rendered while others wait."""
    checked(strokes)
    scale = _FINER * max(page.height, page.width)
    if sum(len(stroke.points) * (stroke.width * scale) ** 2 for stroke in strokes) > _MOST_COVERED:
        raise InputError("its strokes are too wide for so many points")
    ink, ground = np.array(page.ink, np.float64), np.array(page.ground, np.float64)
    covered = coverage(strokes, page.height, page.width)[..., None]
    pixels = np.rint(ground + (ink - ground) * covered).astype(np.uint8)
    if all(len(set(colour)) == 1 for colour in (page.ink, page.ground)):
        pixels = pixels[..., 0]
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
