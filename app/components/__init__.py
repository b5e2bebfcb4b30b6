"""Parts of our own where Streamlit has none: maps that answer clicks, clouds that turn, walls of tiles, chosen bars."""

from .bar import ColourBar, Tick
from .canvas import map_canvas
from .cloud import Cloud, cloud, cloud_row
from .link import copy_link
from .ranking import Row, ranking
from .wall import Tile, wall

__all__ = [
    "Cloud",
    "ColourBar",
    "Row",
    "Tick",
    "Tile",
    "cloud",
    "cloud_row",
    "copy_link",
    "map_canvas",
    "ranking",
    "wall",
]
