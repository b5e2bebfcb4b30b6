"""Errors whose message is one sentence fit to show a person: what was wrong with which file, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 1000


class PerceiverError(ValueError):
    """Base of every error that is the input's fault and not the program's.

    Its message is one line of printable characters, whatever names and values of a file are quoted in it.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(PerceiverError):
    """A file that cannot be read as what it should be; the message names the file and the cause."""


class AmbiguousInputError(InputError):
    """A file that can be read in several ways, of which one has to be chosen.

    option   the reading option that chooses
    answers  its values that make sense for this file, the most likely one first, each with a few words for people
    """

    def __init__(self, message: str, option: str, answers: Mapping[str, str]) -> None:
        super().__init__(message, option, answers)
        self.option, self.answers = option, answers

    def __str__(self) -> str:
        return one_line(str(self.args[0]))


class DecodingError(InputError):
    """A file whose decoding in a worker process crashed, or was ended because it took too much memory or time."""


class CheckpointError(PerceiverError):
    """A checkpoint that cannot be opened or does not fit its configuration.

    cause   what is wrong, and with which file or option
    advice  what to do about it; "" where there is nothing to add

    The message is the two in one sentence.
    """

    def __init__(self, cause: str, advice: str = "") -> None:
        super().__init__(cause, advice)
        self.cause, self.advice = cause, advice

    def __str__(self) -> str:
        return one_line(f"{self.cause}; {self.advice}" if self.advice else self.cause)


class HubUnreachableError(CheckpointError):
    """A checkpoint on the hub that could not be fetched for want of a connection: try again, or open another."""


class ConfigError(PerceiverError):
    """A configuration that describes no possible model; the message says which field and why."""


class DataError(PerceiverError):
    """A data set that cannot be built or read; the message names the file, package or tool and the cause."""


def one_line(text: str) -> str:
    """A text that may quote a file, fit to be shown: no line breaks or control characters, cut where it is too long."""
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 3]}..."
