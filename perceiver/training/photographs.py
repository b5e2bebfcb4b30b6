"""What an image model answers on photographs of the world, which none of the built data sets holds.

`perceiver data build photographs` collects a dozen free ones. Nothing is right or wrong here; a model card says how
sure the model is of classes that none of them shows.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch

from .. import modalities
from ..errors import DataError
from ..model import Perceiver

ARCHIVE = "photographs.zip"
SURE = 0.5
"""Probability from which an answer counts as sure."""


@dataclass(frozen=True)
class PhotographAnswer:
    """The most probable class on one photograph, and its probability."""

    name: str
    label: str
    probability: float


@torch.no_grad()
def answer_photographs(model: Perceiver, archive: Path) -> tuple[PhotographAnswer, ...]:
    """The model's answers on the photographs in a zip archive, by name; empty without the archive, and for models of
    other modalities.

    Raises DataError for a damaged archive, InputError for a file that cannot be read.
    """
    config = model.config
    if config.modality != "image" or not archive.is_file():
        return ()
    reader, out = modalities.get(config.modality), []
    try:
        with zipfile.ZipFile(archive) as file:
            photographs = {name: file.read(name) for name in sorted(file.namelist())}
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive} is damaged: {error}; `perceiver data build photographs` makes it again") from None
    for name, data in photographs.items():
        sample = reader.read(data, name, shape=config.input_shape, preprocess=config.preprocess)
        probabilities = model(model.inputs(sample))[0].softmax(-1)
        best = int(probabilities.argmax())
        out.append(PhotographAnswer(Path(name).stem, config.labels[best], float(probabilities[best])))
    return tuple(out)


def photograph_sentence(answers: tuple[PhotographAnswer, ...]) -> str:
    """What a model card says of the answers; "" without any."""
    if not answers:
        return ""
    sure = [one for one in answers if one.probability >= SURE]
    surest = max(answers, key=lambda one: one.probability)
    return (
        f"On {len(answers)} photographs of the world, unlike anything it was trained on, it gives some class a "
        f"probability of {SURE:.0%} or more in {len(sure)} cases; highest is {surest.label} with "
        f"{surest.probability:.0%} for the photograph {surest.name.replace('_', ' ')}."
    )
