"""What may be chosen about reading one input: which seconds of a sound, which axis of a cloud points up."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import OptionError

Value = str | float
# Beyond any time, channel, frame or seed, and of few digits in a message.
_LARGEST = 1_000_000_000


@dataclass(frozen=True)
class Option:
    """One choice about reading an input; part of what is read, so a sample is known by its bytes and its options.

    name     its name in links and on the command line
    default  the value when nothing is chosen
    choices  the words it can be
    number   whether it can also be a number from 0
    pattern  a regular expression of other texts that it can be; "" for none
    unit     what a number counts or a text is made of, for help texts: "SECONDS", "X-Y-Z"
    help     one line for people
    """

    name: str
    default: Value
    choices: tuple[str, ...] = ()
    number: bool = False
    pattern: str = ""
    unit: str = "NUMBER"
    help: str = ""

    @property
    def usage(self) -> str:
        """How it is given on the command line: "start=SECONDS|loudest"."""
        values = [*([self.unit] if self.number or self.pattern else []), *self.choices]
        return f"{self.name}={'|'.join(values)}"

    def parse(self, text: str) -> Value:
        """The value that a link or a command line means. Raises OptionError in one sentence."""
        if text in self.choices or (self.pattern and re.fullmatch(self.pattern, text, re.ASCII)):
            return text
        try:
            number = float(text) if self.number else math.nan
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            others = (["a number from 0"] if self.number else []) + ([self.unit] if self.pattern else [])
            allowed = " or ".join([*self.choices, *others])
            raise OptionError(f"{self.name} cannot be {text[:40]!r}; it is {allowed}")
        if number > _LARGEST:
            raise OptionError(f"{self.name} cannot be {text[:40]!r}; numbers of it go up to {_LARGEST:,}")
        return number


def windowless(options: tuple[Option, ...]) -> tuple[Option, ...]:
    """The options that are left where all windows of an input are read: all but the start of one."""
    return tuple(option for option in options if option.name != "start")


def settle(options: tuple[Option, ...], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Every option with its value, chosen or default. Raises OptionError for an unknown name and an invalid value."""
    known = {option.name: option for option in options}
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        there = f"there are {', '.join(known)}" if known else "there are none here"
        raise OptionError(f"there is no option {unknown[0][:40]!r} for reading this input; {there}")
    return {name: option.parse(str(chosen.get(name, option.default))) for name, option in known.items()}
