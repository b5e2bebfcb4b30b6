"""Runs functions on files of strangers in worker processes with limits, so that a crash costs one file only.

`Workers` starts one process, the template, which imports the decoders and then does nothing but fork. Each file gets a
fork of its own: it starts within milliseconds, shares the memory of the imported libraries, and never sees the file of
another visitor. When it crashes or exceeds its limits it is killed, and its temporary files are deleted.

Why no process pool of a library: `concurrent.futures`, `multiprocessing.Pool`, loky and pebble unpickle in the parent
whatever a worker sends, so a worker that a hostile file has taken over would run code in the parent; all but loky
import the parent's `__main__` again, which is the page in a Streamlit app and an unguarded script elsewhere; and none
of them limits the memory or the output of a task. Results travel here as JSON and plain arrays (`codec`).

Linux enforces all limits; on other systems with `fork` memory is not limited; Windows has no workers.
"""

from __future__ import annotations

from .limits import Limits
from .workers import SUPPORTED, WorkerError, WorkerExpiredError, Workers

__all__ = ["SUPPORTED", "Limits", "WorkerError", "WorkerExpiredError", "Workers"]
