"""This project's own format: `model.safetensors` with the model's own names, and `config.json`."""

from __future__ import annotations

from ...errors import CheckpointError
from ..folder import CONFIG, FORMAT, WEIGHTS, parse_config
from .base import Checkpoint, Conversion, Option, take

# Tensors that only a model of this project has under these names.
_NAMES = {"latents", "cross.0.query_norm.weight", "head.linear.weight"}


class Own:
    """The `Format` of checkpoints that `save` writes."""

    name = "own"
    title = "Perceiver Lens"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the format that its configuration names, or by the names of its tensors."""
        return checkpoint.config.get("format") == FORMAT or set(checkpoint.entries) >= _NAMES

    def options(self, checkpoint: Checkpoint) -> tuple[Option, ...]:
        """None. Raises CheckpointError when some are given."""
        if checkpoint.options:
            raise CheckpointError(
                f"{checkpoint.name} is a checkpoint of Perceiver Lens, which says all about itself; it takes no "
                f"{', '.join(checkpoint.options)}"
            )
        return ()

    def convert(self, checkpoint: Checkpoint) -> Conversion:
        """Raises CheckpointError when its configuration is missing, of another program or version, or impossible."""
        if checkpoint.config_label is None:
            raise CheckpointError(f"{checkpoint.name}: {CONFIG} is missing", f"a checkpoint needs it next to {WEIGHTS}")
        config = parse_config(checkpoint.config, checkpoint.config_label)
        return Conversion(config, {name: take(name) for name in checkpoint.entries})

    def credit(self, checkpoint: Checkpoint) -> str:
        """The licence of the data it was trained on."""
        return checkpoint.credit()
