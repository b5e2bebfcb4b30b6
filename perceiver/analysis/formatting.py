"""Numbers and names formatted for people: three significant digits everywhere."""

from __future__ import annotations

import math

LONGEST_NAME = 36
"""Characters of a class name before synonyms are left out."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Three significant digits without trailing zeros: 0.0213, 1.25, 4,100, 2.44×10⁻⁵, −3."""
    if not math.isfinite(value):
        return "not finite"
    value = float(f"{value:.3g}")
    size = abs(value)
    if size == 0:
        return "0"
    if 1e-4 <= size < 1e6:
        text = f"{size:,.0f}" if size >= 1000 else f"{size:.3g}"
    else:
        digits, exponent = f"{size:.2e}".split("e")
        digits = digits.rstrip("0").rstrip(".")
        text = f"{digits}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return f"−{text}" if value < 0 else text


def signed(value: float) -> str:
    """As `number`, with the sign of values above 0 too: +2.1, −0.4."""
    return f"+{number(value)}" if value > 0 else number(value)


def percent(share: float) -> str:
    """A share as a percentage: 63.2 %, 8.0 %, 0.45 %, −2.1 %; rounded to 0 % or 100 % only if it is exactly that."""
    if share < 0:
        return f"−{percent(-share)}".replace("−under", "under")
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if 0 < share < 1e-4:
        return "under 0.01 %"
    if 0.9995 <= share < 1:
        return "over 99.9 %"
    return f"{100 * share:.1f} %" if share >= 0.01 else f"{100 * share:.2g} %"


def count(value: int) -> str:
    """A whole number with thousands separators: 50,176."""
    return f"{value:,}"


def clock(seconds: float, decimals: int = 2, *, minutes: bool = False) -> str:
    """A time in a clip: 0.42 s, 12.50 s, 2:03.50, 1:00:03.50; with `minutes` also below a minute, 0:12.50."""
    whole, rest = divmod(round(seconds, decimals), 60)
    if not whole and not minutes:
        return f"{rest:.{decimals}f} s"
    hours, left = divmod(int(whole), 60)
    last = f"{rest:0{decimals + 3 if decimals else 2}.{decimals}f}"
    return f"{hours}:{left:02}:{last}" if hours else f"{left}:{last}"


def hertz(frequency: float) -> str:
    """A frequency: 86 Hz, 440 Hz, 1.31 kHz."""
    return f"{frequency / 1000:.3g} kHz" if frequency >= 999.5 else f"{frequency:.0f} Hz"


def percent_interval(value: float, low: float, high: float) -> str:
    """A percentage and its interval: "86 % (77.1 % to 94.2 %)"."""
    return f"{percent(value)} ({percent(low)} to {percent(high)})"


def duration(seconds: float) -> str:
    """A rough duration: "under 1 s", "12 s", "3 min", "1 h 20 min"."""
    if seconds < 1:
        return "under 1 s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: float) -> str:
    """An estimate: "under 1 s", "about 12 s"."""
    return duration(seconds) if seconds < 1 else f"about {duration(seconds)}"


def class_name(label: str) -> str:
    """A class's label as people write it: "car / truck" for "car_truck". Of many synonyms, of which ImageNet's labels
    have some, the first ones."""
    if len(label) > LONGEST_NAME and ", " in label:
        first, *others = label.split(", ")
        while others and len(first) + 2 + len(others[0]) <= LONGEST_NAME:
            first += f", {others.pop(0)}"
        return f"{first}, …"
    return label.replace("_", " / ") if label.isascii() and " " not in label else label
