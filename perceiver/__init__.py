"""Perceiver Lens: Perceivers, their cross-attention maps, and what their position encodings do."""

from .config import PerceiverConfig, PositionConfig
from .errors import CheckpointError, ConfigError, InputError, PerceiverError
from .loading import load
from .model import Perceiver, count_parameters
from .sample import Sample
from .trace import Trace

__all__ = [
    "CheckpointError",
    "ConfigError",
    "InputError",
    "Perceiver",
    "PerceiverConfig",
    "PerceiverError",
    "PositionConfig",
    "Sample",
    "Trace",
    "count_parameters",
    "load",
]
