"""Saves a model as a checkpoint folder, on this machine or on the hub.

The hub library's own mixin loads without strictness, falls back to pickle files, ignores unknown fields of the
configuration and writes a card of its own, so it is not used.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..model import Perceiver, count_parameters
from . import hub
from .cards import card
from .cards.results import RESULTS, Results
from .folder import CONFIG, README, WEIGHTS, sha256, write_config, write_json, write_text, write_weights
from .hub import HubOptions


def save(model: Perceiver, folder: str | Path, *, results: Results | None = None, origin: Sequence[str] = ()) -> Path:
    """Writes `model.safetensors` (float32), `config.json` and the model card `README.md`; returns the folder.

    results  of the training run, for the card and `results.json`; the SHA-256 of the weights and the number of
             parameters are filled in
    origin   where converted weights come from, a sentence each, for the card

    Raises CheckpointError when a weight is NaN or infinite.
    """
    folder = Path(folder)
    write_weights(folder / WEIGHTS, model.state_dict())
    write_config(folder / CONFIG, model.config)
    (folder / RESULTS).unlink(missing_ok=True)  # results of other weights would not be this model's
    if results is not None:
        digest = sha256(folder / WEIGHTS)
        results = dataclasses.replace(results, sha256=digest, parameters=count_parameters(model))
        write_json(folder / RESULTS, results.to_dict())
    write_text(folder / README, card.write(model.config, results, origin))
    return folder


def push(
    model: Perceiver,
    repo_id: str,
    *,
    results: Results | None = None,
    revision: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    endpoint: str | None = None,
    commit_message: str = "Upload a Perceiver",
) -> str:
    """Saves a model to a repository of the hub as one commit, creating it if needed; returns the commit's URL.

    Raises CheckpointError when the hub refuses or cannot be reached.
    """
    options = HubOptions(revision=revision, token=token, endpoint=endpoint)
    with tempfile.TemporaryDirectory() as folder:
        saved = save(model, folder, results=results)
        return hub.push_folder(saved, repo_id, options, private=private, commit_message=commit_message)
