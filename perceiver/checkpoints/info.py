"""What a checkpoint is, known before its weights are loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..analysis.formatting import class_name
from ..analysis.sentences import blocks_text
from ..config import PerceiverConfig
from ..errors import one_line
from .formats.base import Option, OptionValue


@dataclass(frozen=True)
class CheckpointInfo:
    """What is known of a checkpoint before it is loaded.

    source      the name, path or hub id that was given
    family      the format's name: "own", "transformers", "krasserm", "lucidrains"; `title` in words
    config      the model; None as long as an option without a default is not given
    parameters  numbers in its tensors, shared ones counted once, computed buffers left out
    size        bytes of its weights file
    dtype       how its weights are stored: "float32"
    options     what may or must be given, because its files do not say it; `values` are those given, or the defaults
    revision    the commit, for a checkpoint from the hub
    credit      whose parameters they are and under which licence, in a sentence; "" if nothing is known
    origin      where converted weights come from, by the card beside them; "" for others
    notes       what was decided or ignored, a sentence each
    """

    source: str
    family: str
    title: str
    config: PerceiverConfig | None
    parameters: int
    size: int
    dtype: str
    options: tuple[Option, ...] = ()
    values: Mapping[str, OptionValue | None] = field(default_factory=dict)
    revision: str | None = None
    credit: str = ""
    origin: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # They quote fields and names of the checkpoint's files.
        object.__setattr__(self, "notes", tuple(one_line(note) for note in self.notes))

    @property
    def open_options(self) -> tuple[Option, ...]:
        """Those that must be given before the model is known."""
        return tuple(option for option in self.options if self.values.get(option.name) is None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, under the names that `perceiver checkpoints info --json` has."""
        out = dataclasses.asdict(self) | ({} if self.config is None else {"config": self.config.to_dict()})
        options = [{"words" if key == "label" else key: one[key] for key in one} for one in out.pop("options")]
        return out | {"numbers": out.pop("dtype"), "questions": options, "answers": out.pop("values")}

    def rows(self) -> list[tuple[str, str]]:
        """A table of two columns, for a page or a terminal."""
        rows = [("Format", self.title), ("Parameters", f"{self.parameters:,}, {self.dtype}, {_megabytes(self.size)}")]
        if self.revision:
            rows.append(("Revision", self.revision))
        if self.config is not None:
            rows[1:1] = described(self.config)
        if self.credit:
            rows.append(("Licence", self.credit))
        if self.origin:
            rows.append(("Origin", self.origin))
        return [(name, one_line(text)) for name, text in rows]


def described(config: PerceiverConfig) -> list[tuple[str, str]]:
    """A configuration in words: input, encoding, latents, plan, heads, classes."""
    crosses = len(config.cross_attention_blocks)
    heads = f"{config.cross_heads} in cross-attention, {config.self_heads} in self-attention"
    named = (
        f", {class_name(config.labels[0])} to {class_name(config.labels[-1])}" if config.labels else ", without names"
    )
    return [
        (
            "Reads",
            (
                f"{config.modality}, {_times(config.input_shape)} elements of {config.input_channels} channels"
                f"{_parts(config)}"
            ),
        ),
        ("Positions", config.positions_description),
        ("Latents", f"{config.num_latents} of width {config.latent_dim}"),
        ("Blocks", f"{len(config.plan)}, {crosses} with a cross-attention, {_self_attentions(config)} each"),
        ("Weights", plan(config)),
        ("Heads", heads),
        ("Classes", f"{config.num_classes:,}{named}"),
    ]


def _self_attentions(config: PerceiverConfig) -> str:
    return f"{config.self_attends} self-attention{'' if config.self_attends == 1 else 's'}"


def _parts(config: PerceiverConfig) -> str:
    each = ", ".join(f"{one.name} {_times(one.shape)}" for one in config.segments)
    return f": {each}" if each else ""


def plan(config: PerceiverConfig) -> str:
    """Which weights the blocks use, in words: "cross-attention of block 1 its own, none in blocks 2 to 8; tower the
    same in all blocks"."""
    crosses, towers = zip(*config.plan, strict=True)
    return f"cross-attention {_sharing(crosses)}; tower {_sharing(towers)}"


def _sharing(sets: Sequence[int | None]) -> str:
    """The blocks that use each weight set of one kind."""
    users: dict[int | None, list[int]] = {}
    for block, one in enumerate(sets):
        users.setdefault(one, []).append(block)
    without = users.pop(None, [])
    if len(sets) > 1 and not without and len(users) == 1:
        return "the same in all blocks"
    if len(sets) > 1 and not without and len(users) == len(sets):
        return "of every block its own"
    told = [f"of {blocks_text(blocks)} {'shared' if len(blocks) > 1 else 'its own'}" for blocks in users.values()]
    return ", ".join([*told, *([f"none in {blocks_text(without)}"] if without else [])])


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
