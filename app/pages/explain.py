"""Explain: what the answer rests on."""

from __future__ import annotations

from app.panels.opening import opening, run


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = opening("explain")
    if opened is None:
        return
    scene, right = opened
    del scene, right


run(page)
