"""The functions of `tasks`, called as readers are."""

from __future__ import annotations

from typing import Any

from tests.isolation import tasks


def segfault(data: bytes, **how: Any) -> None:
    tasks.segfault(data)


def allocate(data: bytes, **how: Any) -> int:
    return tasks.allocate(data)


def loop(data: bytes, **how: Any) -> None:
    tasks.loop(data)


def process(data: bytes, **how: Any) -> int:
    """A number where a sample is expected."""
    return tasks.process(data)
