"""`python -m perceiver` is `perceiver`."""

from __future__ import annotations

from .cli import main

main()
