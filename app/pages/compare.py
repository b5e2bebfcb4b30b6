"""Compare: checkpoints, encodings and their maps side by side."""

from __future__ import annotations

from app.panels.opening import opening, run


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = opening("compare")
    if opened is None:
        return
    scene, right = opened
    del scene, right


run(page)
