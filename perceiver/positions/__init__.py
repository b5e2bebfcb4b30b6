"""Position encodings: one module each, found through `registry.ENCODINGS`."""

from .base import Band, Column, PositionConfig, Positions, Rows, grid_coordinates
from .coordinates import CoordinatesConfig
from .fourier import FourierConfig, Spacing, fourier_features, frequencies
from .fourier_learnable import LearnableFourierConfig
from .learned import LearnedConfig
from .none import NoPositionsConfig
from .registry import ENCODINGS, encoding_rank, position_config, position_dict
from .segments import SegmentConfig, SegmentPositions

__all__ = [
    "ENCODINGS",
    "Band",
    "Column",
    "CoordinatesConfig",
    "FourierConfig",
    "LearnableFourierConfig",
    "LearnedConfig",
    "NoPositionsConfig",
    "PositionConfig",
    "Positions",
    "Rows",
    "SegmentConfig",
    "SegmentPositions",
    "Spacing",
    "encoding_rank",
    "fourier_features",
    "frequencies",
    "grid_coordinates",
    "position_config",
    "position_dict",
]
