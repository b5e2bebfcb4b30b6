"""What all sets of pictures share: content channels, random affine maps, and how much attention lies on a mask."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...config import PerceiverConfig
from ...modalities.grid import cell_weights
from ...model import Perceiver
from .base import Examples, Report

MAPPED = 200
"""Pictures, evenly spread, whose maps are measured."""


def normalise(
    image: Float[Tensor, "B H W channels"], mean: list[float] | tuple[float, ...], std: list[float] | tuple[float, ...]
) -> Float[Tensor, "B M channels"]:
    """Pictures in [0, 1] as content channels, as the image modality makes them from a file."""
    return ((image - torch.tensor(mean)) / torch.tensor(std)).flatten(1, 2)


def affine(
    width: Float[Tensor, "B"],
    height: Float[Tensor, "B"],
    slant: Float[Tensor, "B"],
    angle: Float[Tensor, "B"],
    shift: Float[Tensor, "B 2"],
) -> Float[Tensor, "B 2 3"]:
    """Maps for `torch.nn.functional.affine_grid`, from places in a new picture to places in the old one, that make the
    old picture `width` and `height` times as large, shear it by `slant`, turn it by `angle` (radians) and move it by
    `shift` (of half the side)."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    turn = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], 1)
    shear = torch.stack([torch.stack([1 / width, slant / width], -1), torch.stack([zero, 1 / height], -1)], 1)
    inverse = shear @ turn
    return torch.cat([inverse, -(inverse @ shift[..., None])], dim=2)


def on_elements(mask: Float[Tensor, "B H W"], config: PerceiverConfig) -> Float[Tensor, "B M"]:
    """The mean of a mask over the cell of every input element; where every pixel is an element, the mask itself."""
    cells = config.stem.cells if config.stem else None
    if cells is None:
        return mask.flatten(1)
    rows, columns = (
        torch.from_numpy(cell_weights(cell, count, size)).to(mask)
        for cell, count, size in zip(cells, config.input_shape, mask.shape[1:], strict=True)
    )
    return (rows @ mask @ columns.T).flatten(1)


def mask_shares(
    model: Perceiver, examples: Examples, mask: Float[Tensor, "B H W"], what: str, report: Report | None = None
) -> dict[str, float]:
    """The share of each block's mean map that lies on a mask, and the share of the picture that the mask covers;
    means over up to 200 examples.

    what  that the mask marks, for the names of the measures
    """
    chosen = torch.linspace(0, len(examples) - 1, min(MAPPED, len(examples))).long()
    masks = on_elements(mask[chosen], model.config)
    shares: dict[int, list[float]] = {}
    for done, (index, marked) in enumerate(zip(chosen.tolist(), masks, strict=True), start=1):
        trace = model.trace(examples.at(slice(index, index + 1)).inputs(model))
        for block in trace.blocks:
            shares.setdefault(block, []).append(float(trace.map(block) @ marked))
        if report is not None:
            report(done, len(chosen))
    measured = {
        f"Attention mass on the {what}, block {block + 1} (mean map)": float(np.mean(values))
        for block, values in shares.items()
    }
    cover = "covers" if what == "object" else "cover"
    return measured | {f"Share of the picture that the {what} {cover}": float(mask[chosen].mean())}
