"""Numbers are written the same everywhere, and rounding never turns something into nothing."""

from __future__ import annotations

import math

import pytest

from perceiver.analysis.formatting import about, class_name, clock, count, duration, hertz, number, percent, signed


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
        (-0.1234, "−12.3 %"),
        (-0.00001, "under 0.01 %"),
    ],
)
def test_percentages(share: float, text: str) -> None:
    assert percent(share) == text


def test_signs() -> None:
    assert [signed(value) for value in (1.234, -1.234, 0.0)] == ["+1.23", "−1.23", "0"]


def test_counts_keep_every_digit() -> None:
    assert count(50176) == "50,176"


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0.0, 2, "0.00 s"),
        (0.4249, 2, "0.42 s"),
        (59.994, 2, "59.99 s"),
        (59.996, 2, "1:00.00"),
        (123.456, 1, "2:03.5"),
        (3599.6, 0, "1:00:00"),
        (3603.5, 2, "1:00:03.50"),
        (7, 0, "7 s"),
    ],
)
def test_places_in_a_clip(seconds: float, decimals: int, text: str) -> None:
    assert clock(seconds, decimals) == text


def test_minutes_can_be_written_even_where_there_are_none() -> None:
    assert clock(7.25, 1, minutes=True) == "0:07.2"


@pytest.mark.parametrize(
    ("frequency", "text"),
    [(85.79, "86 Hz"), (440.0, "440 Hz"), (999.6, "1 kHz"), (1294.0, "1.29 kHz"), (7631.0, "7.63 kHz")],
)
def test_frequencies(frequency: float, text: str) -> None:
    assert hertz(frequency) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "under 1 s"), (12.4, "12 s"), (59.7, "1 min"), (185, "3 min"), (3600, "1 h"), (4810, "1 h 20 min")],
)
def test_rough_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert about(seconds) == (text if text.startswith("under") else f"about {text}")


@pytest.mark.parametrize(
    ("label", "name"),
    [("car_truck", "car / truck"), ("tabby cat", "tabby cat"), ("great_white shark", "great_white shark")],
)
def test_class_names_are_written_as_people_do(label: str, name: str) -> None:
    assert class_name(label) == name
