"""The front door of the library: open a checkpoint, read an input, run the model, and ask about the run.

    lens = perceiver.open("image-fourier")
    run = lens.run(lens.read("photo.jpg"))

Every use case is a plain function or a generator here or in `perceiver.analysis`; `Lens` and `Run` are a thin layer
that names them. The command line and the app call the same functions.
"""

from __future__ import annotations

from .ablation import Ablated, BlockChange, block_changes
from .comparison import Comparison, comparable_scales, compare, map_differences, model_spectra, spectra_of
from .context import Context
from .encoding import EncodingAxis, encoding_axes
from .explanation import Explained
from .lens import Lens, open_lens
from .maps import Maps
from .run import Run
from .scan import Scan, scan_steps
from .source import Source, best_checkpoint, fitting_modalities, open_windows, read_bytes, read_sample
from .split import Split

__all__ = [
    "Ablated",
    "BlockChange",
    "Comparison",
    "Context",
    "EncodingAxis",
    "Explained",
    "Lens",
    "Maps",
    "Run",
    "Scan",
    "Source",
    "Split",
    "best_checkpoint",
    "block_changes",
    "comparable_scales",
    "compare",
    "encoding_axes",
    "fitting_modalities",
    "map_differences",
    "model_spectra",
    "open_lens",
    "open_windows",
    "read_bytes",
    "read_sample",
    "scan_steps",
    "spectra_of",
]
