"""What makes a module savable: a folder, the hub, and back.

The hub library's own mixin loads without strictness, falls back to pickle files, ignores unknown fields of the
configuration and writes a card of its own, so these methods are written out.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..config import PerceiverConfig
from ..errors import CheckpointError
from . import card as cards
from . import files, hub
from .results import RESULTS, Results

# typing.Self would say the same, but run-time type checks of single methods do not know it.
Module = TypeVar("Module", bound="Pretrained")


class Pretrained(nn.Module):
    """A module that is built from its `config` alone. `notes` says what was changed when its weights were read."""

    config: PerceiverConfig
    notes: tuple[str, ...] = ()

    def save_pretrained(self, folder: str | Path, card: Results | None = None, *, origin: Sequence[str] = ()) -> Path:
        """Writes `model.safetensors` (float32), `config.json` and the model card `README.md`; returns the folder.

        With `card` given, the training run's results go into the card and into `results.json`, completed by the
        weights' SHA-256 and the parameter count; `origin` says where converted weights come from, a sentence each.
        Raises CheckpointError when a weight is NaN or infinite.
        """
        folder = Path(folder)
        files.write(folder, self.state_dict(), self.config)
        (folder / RESULTS).unlink(missing_ok=True)  # results of other weights would not be this model's
        if card is not None:
            parameters = sum(parameter.numel() for parameter in self.parameters())
            digest = files.sha256(folder / files.WEIGHTS)
            card = dataclasses.replace(card, sha256=digest, parameters=parameters)
            files.write_json(folder / RESULTS, card.to_dict())
        files.write_text(folder / files.README, cards.write(self.config, card, origin))
        return folder

    @classmethod
    def from_pretrained(
        cls: type[Module],
        id_or_path: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        endpoint: str | None = None,
    ) -> Module:
        """The module saved in a folder, or in a repository of the Hugging Face hub ("owner/name"), in eval mode.

        An existing path goes before a hub id. Downloads lie in the hub's normal cache and open without a network
        afterwards; `revision` pins a branch, tag or commit. Raises CheckpointError with one sentence on everything
        that is damaged, of another kind, or does not fit together.
        """
        folder = hub.locate(
            id_or_path,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            endpoint=endpoint,
        )
        return cls._read(folder)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        card: Results | None = None,
        revision: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        commit_message: str = "Upload a Perceiver",
        endpoint: str | None = None,
    ) -> str:
        """Saves to the hub as one commit, making the repository where needed; returns the commit's URL.

        Raises CheckpointError with one sentence when the hub refuses or cannot be reached.
        """
        with tempfile.TemporaryDirectory() as folder:
            return hub.push(
                self.save_pretrained(folder, card),
                repo_id,
                revision=revision,
                private=private,
                token=token,
                commit_message=commit_message,
                endpoint=endpoint,
            )

    @classmethod
    def _read(cls: type[Module], folder: Path) -> Module:
        module = cls.blank(files.read_config(folder), str(folder / files.CONFIG))
        weights = files.read_weights(folder / files.WEIGHTS, module.shapes())
        return module.fill(weights.tensors, weights.notes)

    @classmethod
    def blank(cls: type[Module], config: PerceiverConfig, what: str) -> Module:
        """A module that has names and shapes and takes no memory, whatever a stranger's file claims.

        what  the configuration's name in the CheckpointError that is raised when no such model is possible
        """
        try:
            with torch.device("meta"):
                return cls(config)
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"{what} describes no possible model ({error})") from error

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The names and shapes of the weights it needs."""
        return {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}

    def fill(self: Module, tensors: Mapping[str, Tensor], notes: tuple[str, ...] = ()) -> Module:
        """Gives a blank module its weights, all of them; returns it in eval mode."""
        self.load_state_dict(dict(tensors), strict=True, assign=True)
        self.notes = notes
        return self.eval()
