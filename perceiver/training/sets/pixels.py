"""Shared functions of image data sets: content channels, affine transforms, and the attention on a mask."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...config import PerceiverConfig
from ...modalities.grid import cell_weights
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import Examples

MAPPED = 200
"""Maximum number of images whose maps are measured, evenly spaced."""


def normalise(
    image: Float[Tensor, "B H W channels"], mean: list[float] | tuple[float, ...], std: list[float] | tuple[float, ...]
) -> Float[Tensor, "B M channels"]:
    """Content channels of images in [0, 1], normalised as by the image modality."""
    return ((image - torch.tensor(mean)) / torch.tensor(std)).flatten(1, 2)


def affine(
    width: Float[Tensor, "B"],
    height: Float[Tensor, "B"],
    slant: Float[Tensor, "B"],
    angle: Float[Tensor, "B"],
    shift: Float[Tensor, "B 2"],
) -> Float[Tensor, "B 2 3"]:
    """Affine matrices (output to input coordinates) for `torch.nn.functional.affine_grid`.

    They scale an image by `width` and `height`, shear it by `slant`, rotate it by `angle` (radians) and shift it by
    `shift` (relative to half the side).
    """
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    turn = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], 1)
    shear = torch.stack([torch.stack([1 / width, slant / width], -1), torch.stack([zero, 1 / height], -1)], 1)
    inverse = shear @ turn
    return torch.cat([inverse, -(inverse @ shift[..., None])], dim=2)


def on_elements(mask: Float[Tensor, "B H W"], config: PerceiverConfig) -> Float[Tensor, "B M"]:
    """The mean of a mask over the cell of each input element; the mask itself if each pixel is an element."""
    cells = config.stem.cells if config.stem else None
    if cells is None:
        return mask.flatten(1)
    rows, columns = (
        torch.from_numpy(cell_weights(cell, count, size)).to(mask)
        for cell, count, size in zip(cells, config.input_shape, mask.shape[1:], strict=True)
    )
    return (rows @ mask @ columns.T).flatten(1)


def mask_shares(
    model: Perceiver, examples: Examples, mask: Float[Tensor, "B H W"], what: str, progress: ProgressCallback = ignore
) -> dict[str, float]:
    """The fraction of each block's mean map on a mask, and the fraction of the image that the mask covers.

    Means over up to 200 examples. `what` names the masked object in the names of the measures.
    """
    chosen = torch.linspace(0, len(examples) - 1, min(MAPPED, len(examples))).long()
    masks = on_elements(mask[chosen], model.config)
    shares: dict[int, list[float]] = {}
    for done, (index, marked) in enumerate(zip(chosen.tolist(), masks, strict=True), start=1):
        trace = model.trace(examples.at(slice(index, index + 1)).inputs(model))
        for block in trace.blocks:
            shares.setdefault(block, []).append(float(trace.map(block) @ marked))
        progress(done / len(chosen), "Measuring maps")
    measured = {
        f"Attention mass on the {what}, block {block + 1} (mean map)": float(np.mean(values))
        for block, values in shares.items()
    }
    cover = "covers" if what == "object" else "cover"
    return measured | {f"Share of the picture that the {what} {cover}": float(mask[chosen].mean())}
