"""Predictions of an image model on real photographs, which are out of distribution for the built data sets.

`perceiver data build photographs` collects a dozen free ones. They show none of the classes, so there is no accuracy;
the model card states how confident the predictions are.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch

from .. import modalities
from ..analysis.formatting import class_name
from ..errors import DataError
from ..model import Perceiver

ARCHIVE = "photographs.zip"
SURE = 0.5
"""Minimum probability of a confident prediction."""


@dataclass(frozen=True)
class PhotographAnswer:
    """The most probable class of one photograph, and its probability."""

    name: str
    label: str
    probability: float


@torch.no_grad()
def answer_photographs(model: Perceiver, archive: Path) -> tuple[PhotographAnswer, ...]:
    """Predictions for the photographs in a zip archive, ordered by name.

    Empty if the archive does not exist or the model is no image model. Raises DataError if the archive is damaged,
    InputError if a file cannot be read.
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
        out.append(PhotographAnswer(Path(name).stem, config.class_names[best], float(probabilities[best])))
    return tuple(out)


def photograph_sentence(answers: tuple[PhotographAnswer, ...]) -> str:
    """Summary of the predictions for the model card; "" if there are none."""
    if not answers:
        return ""
    sure = [one for one in answers if one.probability >= SURE]
    surest = max(answers, key=lambda one: one.probability)
    return (
        f"On {len(answers)} photographs of the world, unlike anything it was trained on, it gives some class a "
        f"probability of {SURE:.0%} or more in {len(sure)} cases. The highest probability is "
        f"{surest.probability:.0%}, for {class_name(surest.label)} on the photograph “{surest.name.replace('_', ' ')}”."
    )
