"""Modalities: how files of one sort become samples, and how maps are laid back on what a file holds.

A modality is one folder here. Its `__init__.py` holds its `DESCRIPTION`, its `modality.py` the `Modality` that reads
files. Whoever needs to know something of a modality asks one of the two, by the name in a configuration or a sample.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from . import audio, audiovisual, image, points, video
from .description import AxisWords, Description, Noun
from .kinds import Kind, identify, sniff
from .options import Option, settle

if TYPE_CHECKING:
    from .base import Box, Modality, axes, get, shortened
    from .scanning import Scannable, Window, Windows

__all__ = [
    "AxisWords",
    "Box",
    "Description",
    "Kind",
    "Modality",
    "Noun",
    "Option",
    "Scannable",
    "Window",
    "Windows",
    "axes",
    "axis_words",
    "describe",
    "for_file",
    "for_grid",
    "get",
    "identify",
    "names",
    "options_help",
    "settle",
    "shortened",
    "sniff",
]

_DESCRIPTIONS: dict[str, Description] = {
    module.DESCRIPTION.name: module.DESCRIPTION for module in (image, audio, points, video, audiovisual)
}
# Loaded when asked for: these import PyTorch, which takes longer than a command takes to print its help.
_HOMES = {
    **dict.fromkeys(("Box", "Modality", "axes", "get", "shortened"), ".base"),
    **dict.fromkeys(("Scannable", "Window", "Windows"), ".scanning"),
}


def names() -> tuple[str, ...]:
    """The names of all modalities."""
    return tuple(_DESCRIPTIONS)


def describe(name: str) -> Description:
    """The description of the modality of this name. Raises ConfigError when there is none."""
    if name not in _DESCRIPTIONS:
        raise ConfigError(f"modality is {name!r}; it must be one of {', '.join(_DESCRIPTIONS)}")
    return _DESCRIPTIONS[name]


def for_file(kind: Kind | None) -> tuple[str, ...]:
    """The modalities that may read a file of this kind: those that are meant for such files first."""
    if kind is None or kind.medium is None:
        return ()
    fitting = [one for one in _DESCRIPTIONS.values() if kind.medium in one.media]
    return tuple(one.name for one in sorted(fitting, key=lambda one: one.media.index(kind.medium)))


def for_grid(axes: int) -> str | None:
    """The modality whose elements usually lie on a grid of so many axes; None where there is none."""
    return next((one.name for one in _DESCRIPTIONS.values() if one.grid_axes[:1] == (axes,)), None)


def axis_words(axis: str) -> AxisWords:
    """Words for an axis by its name, as `axes` gives it; plain ones for a name that no modality knows."""
    for one in _DESCRIPTIONS.values():
        if axis in one.axes:
            return one.axes[axis]
    return AxisWords(axis, axis, f"along {axis}")


def options_help() -> str:
    """All options for reading inputs, in a sentence: "Sounds: start=SECONDS|loudest; point clouds: ..."."""
    choices: dict[str, list[str]] = {}
    for one in _DESCRIPTIONS.values():
        if one.options:
            choices.setdefault(", ".join(option.usage for option in one.options), []).append(one.noun.many)
    text = "; ".join(f"{' and '.join(inputs)}: {usage}" for usage, inputs in choices.items())
    return f"{text[:1].upper()}{text[1:]}."


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
