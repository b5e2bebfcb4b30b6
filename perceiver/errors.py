"""Errors whose message is one sentence fit to show a person: what was wrong with which file, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LONGEST = 1000
# They join letters of some scripts, and the parts of emoji.
_JOINERS = "\u200c\u200d"


class PerceiverError(ValueError):
    """Base of every error that is the input's fault and not the program's.

    Its message is one line of printable characters, whatever names and values of a file are quoted in it.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(PerceiverError):
    """A file that cannot be read as what it should be; the message names the file and the cause."""


class OptionError(InputError):
    """A reading option that does not exist or cannot have the given value; the message names the option, not the file.

    `perceiver.lens.read_sample` puts the file's name in front.
    """


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


class IndexRangeError(ConfigError):
    """An index of something that does not exist.

    what   "latent", "block", "class"
    index  counted from 0, as are those `known`
    owner  what lacks it, such as the checkpoint's name; "" for no name

    The message counts from 0, as the library does; `counted_from` gives it for readers who count from 1.
    """

    def __init__(self, what: str, index: int, known: Sequence[int], owner: str = "") -> None:
        super().__init__(what, index, known, owner)
        self.what, self.index, self.known, self.owner = what, index, known, owner

    def __str__(self) -> str:
        return self.counted_from(0)

    def counted_from(self, first: int) -> str:
        """The message with indices that start at `first`."""
        subject = f"{self.owner} has" if self.owner else "there is"
        there = [index + first for index in self.known]
        if not there:
            return f"{subject} no {self.what} {self.index + first}, nor any other"
        if there == list(range(there[0], there[-1] + 1)):
            return f"{subject} no {self.what} {self.index + first}; they run from {there[0]} to {there[-1]}"
        return f"{subject} no {self.what} {self.index + first}; those that exist are {', '.join(map(str, there))}"


class UnknownClassError(ConfigError):
    """A class name that a model does not have, or has several of."""


class DataError(PerceiverError):
    """A data set that cannot be built or read; the message names the file, package or tool and the cause."""


def printable(text: str) -> str:
    """A text by others, fit to be shown in one line: white space becomes spaces, and control and direction marks the
    replacement character. Joiners, as in some emoji, are kept."""
    return "".join(
        " " if one.isspace() else one if one.isprintable() or one in _JOINERS else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


def one_line(text: str) -> str:
    """A text that may quote a file, fit to be shown: printable, in one line, and cut where it is too long."""
    clean = printable(text)
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 3]}..."
