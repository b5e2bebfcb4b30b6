"""Small parts of our own where Streamlit has none: a map that answers clicks, walls of small maps, chosen bars."""

from .bar import ColourBar, Tick
from .canvas import map_canvas
from .link import copy_link
from .ranking import Row, ranking
from .wall import Tile, wall

__all__ = ["ColourBar", "Row", "Tick", "Tile", "copy_link", "map_canvas", "ranking", "wall"]
