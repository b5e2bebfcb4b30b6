"""Parts of our own where Streamlit has none: maps that answer clicks, clouds that turn, walls of tiles, chosen bars."""

from .bar import ColourBar, Tick
from .canvas import Grid, map_canvas
from .clip import clip
from .cloud import Cloud, cloud, cloud_row
from .link import copy_link
from .ranking import Row, ranking
from .ruler import Ruler
from .wall import Tile, wall

__all__ = [
    "Cloud",
    "ColourBar",
    "Grid",
    "Row",
    "Ruler",
    "Tick",
    "Tile",
    "clip",
    "cloud",
    "cloud_row",
    "copy_link",
    "map_canvas",
    "ranking",
    "wall",
]
