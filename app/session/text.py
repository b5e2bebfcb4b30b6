"""Text for the page, in which Streamlit must not take anything for markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from perceiver.analysis.formatting import class_name


def plain(text: str) -> str:
    """Text from files and configurations, escaped for Streamlit's Markdown: shown as it is, whatever it holds."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def label(name: str) -> str:
    """A class name as people write it (`formatting.class_name`)."""
    return class_name(name)


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def sentence(note: str) -> str:
    """A note as a sentence, escaped for Markdown."""
    return plain(f"{note[:1].upper()}{note[1:].rstrip('.')}.")


def remark(message: str) -> str:
    """An error's message as a sentence, escaped for Markdown; a name that it begins with keeps its small letter."""
    first = message.split(" ", 1)[0].rstrip(",:")
    begun = message[:1].upper() + message[1:] if first.isalpha() else message
    return plain(f"{begun.rstrip('.')}.")
