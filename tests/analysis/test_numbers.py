"""Numbers are written the same everywhere, and rounding never turns something into nothing."""

from __future__ import annotations

import math

import pytest

from perceiver.analysis.numbers import count, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1 / 3, "0.333"),
        (12.345, "12.3"),
        (999.6, "1,000"),
        (4096.0, "4,100"),
        (50176.0, "50,200"),
        (1 / 4096, "0.000244"),
        (0.00009996, "0.0001"),
        (1 / 50176, "1.99×10⁻⁵"),
        (2e-7, "2×10⁻⁷"),
        (1.5e9, "1.5×10⁹"),
        (-3.14159, "−3.14"),
        (math.nan, "not finite"),
        (-math.inf, "not finite"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.6321, "63.2 %"),
        (0.21, "21.0 %"),
        (0.0045, "0.45 %"),
        (0.00001, "under 0.01 %"),
        (0.99999, "over 99.9 %"),
    ],
)
def test_percentages(share: float, text: str) -> None:
    assert percent(share) == text


def test_counts_keep_every_digit() -> None:
    assert count(50176) == "50,176"
