"""Parts of our own where Streamlit has none: maps that answer clicks, clouds that turn, walls of tiles, chosen bars."""

from .bands import BandAxis, Off, bands
from .bar import ColourBar, Tick
from .canvas import Grid, map_canvas
from .clip import clip
from .cloud import Cloud, cloud, cloud_row
from .link import copy_link
from .ranking import Row, ranking
from .ruler import Ruler
from .wall import Tile, wall

__all__ = [
    "BandAxis",
    "Cloud",
    "ColourBar",
    "Grid",
    "Off",
    "Row",
    "Ruler",
    "Tick",
    "Tile",
    "bands",
    "clip",
    "cloud",
    "cloud_row",
    "copy_link",
    "map_canvas",
    "ranking",
    "wall",
]
