"""How long work reports where it is: one callback type for the library, the command line and the app."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[float | None, str], None]
"""Called with the share of the work that is done, from 0 to 1 (None while it is not known), and what is being done.

It may raise to stop the work; what was computed so far is lost unless the function yields partial results.
"""
