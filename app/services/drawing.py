"""Drawings: the strokes of a visitor as the picture that a model reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from perceiver.modalities.image.strokes import Page, Stroke, render

from . import models, samples

NAME = "drawing.png"
"""The file name of every drawing."""

__all__ = ["NAME", "Page", "hexadecimal", "page", "picture"]


def page(model: str, ink: str = "", ground: str = "") -> Page:
    """What is drawn on for a model, in the colours of its training pictures unless others are given as "#rrggbb"."""
    config = models.config(model)
    made = Page.of(config.input_shape, config.preprocess)
    colours = {"ink": ink, "ground": ground}
    given = {name: tuple(bytes.fromhex(colour[1:])) for name, colour in colours.items() if colour}
    return dataclasses.replace(made, **given)  # type: ignore[arg-type]


def hexadecimal(colour: tuple[int, int, int]) -> str:
    """A colour as "#rrggbb"."""
    return f"#{bytes(colour).hex()}"


def picture(lines: Sequence[Sequence[float]], on: Page) -> bytes:
    """A drawing as a PNG file.

    lines  of each stroke the width, then x and y of its points, as shares of the longer side

    Raises InputError for what is no drawing.
    """
    strokes = [Stroke(line[0], tuple(zip(line[1::2], line[2::2], strict=False))) for line in lines if line]
    data = render(strokes, on)
    samples.note_drawing(samples.digest(data))
    return data
