"""Custom Streamlit components: clickable maps, rotatable point clouds, grids of tiles, bar lists, a drawing pad, and a
recorder of clips."""

from .awaited import awaited
from .bands import BandAxis, Off, bands
from .canvas import BrushWidth, Grid, map_canvas
from .clip import clip
from .cloud import Cloud, cloud, cloud_row
from .following import echo
from .link import copy_link, listen_for_anchors, remember_sidebar
from .pad import Line, pad
from .player import Frames, Painted, Selected, Track, player
from .ranking import Row, ranking
from .recorder import clip_recorder
from .scale import ColourBar, Profiles, Ruler, Tick
from .wall import Moving, Tile, wall

__all__ = [
    "BandAxis",
    "BrushWidth",
    "Cloud",
    "ColourBar",
    "Frames",
    "Grid",
    "Line",
    "Moving",
    "Off",
    "Painted",
    "Profiles",
    "Row",
    "Ruler",
    "Selected",
    "Tick",
    "Tile",
    "Track",
    "awaited",
    "bands",
    "clip",
    "clip_recorder",
    "cloud",
    "cloud_row",
    "copy_link",
    "echo",
    "listen_for_anchors",
    "map_canvas",
    "pad",
    "player",
    "ranking",
    "remember_sidebar",
    "wall",
]
