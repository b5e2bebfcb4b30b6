"""The bounded cache: what goes first, and what is made again."""

from __future__ import annotations

import pytest

from app.services.caching import BoundedCache


def test_the_least_recently_used_goes_first_and_is_made_again() -> None:
    cache: BoundedCache[str] = BoundedCache(2)
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    for key in "abacab":
        assert cache.get(key, lambda key=key: make(key)) == key.upper()  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]
    with pytest.raises(ValueError):
        cache.get("d", lambda: str(int("no number")))
    assert "d" not in cache
    assert cache.get("d", lambda: "D") == "D"
