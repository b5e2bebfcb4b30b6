"""A reader with every fault that the fuzzer looks for, which its tests run it on."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from random import Random

from perceiver import InputError
from tests.fuzz.campaign import Finding, smaller
from tests.fuzz.children import Bounds, Outcome, outcomes
from tests.fuzz.readers import How, Reader

BOUNDS = Bounds(memory=256 << 20, output=1000, seconds=1.0)


class FaultyReader(Reader):
    """Fails as a file tells it to."""

    name = "faulty"
    refusal = InputError

    def choices(self, random: Random, name: str) -> How:
        return {}

    def read(self, files: Mapping[str, bytes], how: How, folder: Path) -> int:
        (data,) = files.values()
        if b"crash" in data:
            ctypes.string_at(0)
        if b"error" in data:
            raise KeyError("x")
        if b"message" in data:
            raise InputError("a" * 2000)
        if b"memory" in data:
            bytearray(1 << 30)
        if b"hidden" in data:
            try:
                bytearray(1 << 30)
            except MemoryError as error:
                raise InputError("too large") from error
        while b"time" in data:
            pass
        if b"output" in data:
            return 1001
        if b"refused" in data:
            raise InputError("refused")
        return 1


WORDS = ("fine", "crash", "error", "memory", "hidden", "time", "output", "refused", "fine")


def told() -> list[tuple[str, Outcome]]:
    """What becomes of files that tell the reader how to fail."""
    cases = [({"a": word.encode()}, {}) for word in WORDS]
    found = outcomes(FaultyReader(), lambda number: cases[number], range(len(cases)), BOUNDS)
    return [(WORDS[number], outcome) for number, outcome in found]


def reduced(word: str) -> bytes:
    """A file of much and a word that makes the reader fail, made small."""
    reader, files = FaultyReader(), {"a": bytes(300) + word.encode() + bytes(700)}
    ((_, outcome),) = outcomes(reader, lambda _: (files, {}), range(1), BOUNDS)
    return smaller(Finding(reader, 0, "", outcome, files, {}), BOUNDS)["a"]
