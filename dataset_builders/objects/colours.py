"""Colours of materials that models of Sweet Home 3D name without defining them.

Chosen to match the icons of the catalogue.
"""

from __future__ import annotations

from .wavefront import Material

_COLOURS = {
    "amber": "#9a4a08",
    "archwhite": "#e6e2dc",
    "archwhite2": "#d8d4ce",
    "black": "#101010",
    "bluteal": "#12506a",
    "bone": "#cdb06a",
    "bone2": "#ece2c0",
    "brown": "#5a3212",
    "brownlips": "#7a3a2c",
    "brzskin": "#8c5a3c",
    "dkblue": "#141a5c",
    "dkdkgrey": "#1c1c1c",
    "dkgrey": "#383838",
    "flblonde": "#b86c08",
    "flbrown": "#32100a",
    "fldkgrey": "#484848",
    "flesh": "#d8a07c",
    "flgrey": "#7c7a78",
    "flltbrown": "#8a6038",
    "flltgrey": "#bcbcbc",
    "fltan": "#be9a54",
    "flwhite": "#ececec",
    "flwhite1": "#ececec",
    "flyellow": "#e8b028",
    "grey": "#808080",
    "iris": "#1c1468",
    "lavendar": "#b8a4cc",
    "lighttan": "#b89a74",
    "lighttan2": "#a88a64",
    "lighttannew": "#c89c4c",
    "ltgrey": "#b4b4b4",
    "red": "#a01810",
    "redwood": "#6a2416",
    "sand_stone": "#b8a888",
    "ship2": "#6c7078",
    "silver": "#b0b4b8",
    "white": "#f0f0f0",
    "white.001": "#f0f0f0",
    "white_wood": "#e8e0d0",
    "yellowbrt": "#d8b428",
}

_GLASS = {"cristal_blanco": 0.5, "glasstransparent": 0.35}


def _rgb(code: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(code[1:])
    return red / 255, green / 255, blue / 255


NAMED = {name: Material(_rgb(code)) for name, code in _COLOURS.items()} | {
    name: Material((0.85, 0.9, 0.9), opacity) for name, opacity in _GLASS.items()
}
"""Materials by the names that models give them."""
