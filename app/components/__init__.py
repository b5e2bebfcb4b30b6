"""Custom Streamlit components: clickable maps, rotatable point clouds, grids of tiles, and bar lists."""

from .bands import BandAxis, Off, bands
from .canvas import Grid, map_canvas
from .chart import chart
from .clip import clip
from .cloud import Cloud, cloud, cloud_row
from .link import copy_link, remember_sidebar
from .ranking import Row, ranking
from .scale import ColourBar, Profiles, Ruler, Tick
from .wall import Tile, wall

__all__ = [
    "BandAxis",
    "Cloud",
    "ColourBar",
    "Grid",
    "Off",
    "Profiles",
    "Row",
    "Ruler",
    "Tick",
    "Tile",
    "bands",
    "chart",
    "clip",
    "cloud",
    "cloud_row",
    "copy_link",
    "map_canvas",
    "ranking",
    "remember_sidebar",
    "wall",
]
