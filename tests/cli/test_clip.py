"""`perceiver maps` of a clip: how the weight is divided among its parts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_clips import CLIP, _here, store
from tests.commands import values

__all__ = ["_here", "store"]  # fixtures


def text(svg: str) -> str:
    """What a figure says, words and numbers; letters are drawn, and the text stands beside them."""
    return " ".join(re.findall(r"<!-- (.*?) -->", svg))


@pytest.mark.parametrize("arguments", [(), ("--latent", "2")])
def test_a_figure_tells_the_share_of_every_part(arguments: tuple[str, ...]) -> None:
    npz, svg = sorted(values("maps", CLIP, "-o", "out", "--format", "svg,npz", *arguments)[0]["written"])
    said = text(Path(svg).read_text())
    with np.load(npz, allow_pickle=False) as file:
        for block in range(2):
            shares = [100 * float(file[f"maps_{part}"][block].sum()) for part in ("audio", "video", "label")]
            found = re.search(rf"Block {block + 1} gives audio ([\d.]+) %, video ([\d.]+) %, label ([\d.]+) %", said)
            assert found, said
            np.testing.assert_allclose([float(one) for one in found.groups()], shares, atol=0.051)
    # 80 + 96 + 1 elements
    assert "Read alike, they would get audio 45.2 %, video 54.2 %, label 0.56 %." in said.replace("\xa0", " ")


@pytest.mark.parametrize("arguments", [("--reduce", "max"), ("--kind", "score")])
def test_what_does_not_add_up_is_not_divided(arguments: tuple[str, ...]) -> None:
    (svg,) = values("maps", CLIP, "-o", "out", "--format", "svg", *arguments)[0]["written"]
    assert "Read alike" not in text(Path(svg).read_text())
