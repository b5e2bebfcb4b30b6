"""The list of slow tests names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.slow import SLOW

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("entry", sorted(SLOW))
def test_every_entry_names_tests(entry: str) -> None:
    path, *names = entry.partition("[")[0].split("::")
    assert (ROOT / path).exists()
    for name in names:
        assert re.search(rf"\b(def|class) {name}\b", (ROOT / path).read_text(encoding="utf-8"))
