"""Stems: patches and small convolutions against naive loops, and cells against what an element really sees."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from perceiver import ConfigError, Perceiver, PerceiverConfig
from perceiver.config import StemConfig
from perceiver.positions import FourierConfig
from perceiver.stem import ConvsStem, PatchStem


def test_a_patch_holds_its_pixels_row_by_row() -> None:
    stem = PatchStem(StemConfig(kind="patches", in_channels=2, pixels=(4, 6), side=2), 8)
    content = torch.arange(4 * 6 * 2.0).reshape(1, 24, 2)
    out = stem(content)
    picture = content.reshape(4, 6, 2)
    for row in range(2):
        for column in range(3):
            pixels = [picture[2 * row + i, 2 * column + j] for i in range(2) for j in range(2)]
            assert torch.equal(out[0, 3 * row + column], torch.cat(pixels))


@pytest.mark.parametrize(("pixels", "side", "widths"), [((8, 10), 4, (3, 5)), ((9, 7), 3, (4,)), ((12, 13), 4, (2, 6))])
def test_small_convolutions_are_what_a_loop_computes(
    pixels: tuple[int, int], side: int, widths: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    config = StemConfig(kind="convs", in_channels=2, pixels=pixels, side=side, widths=widths)
    stem = ConvsStem(config, widths[-1])
    content = torch.randn(1, pixels[0] * pixels[1], 2)
    layer = content[0].T.reshape(2, *pixels)
    for conv in stem.convs:
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        out = [-(-n // 2) for n in layer.shape[1:]]
        before = [max((o - 1) * 2 + side - n, 0) // 2 for o, n in zip(out, layer.shape[1:], strict=True)]
        made = torch.zeros(conv.out_channels, *out)
        for row in range(out[0]):
            for column in range(out[1]):
                total = conv.bias.clone()
                for i in range(side):
                    for j in range(side):
                        y, x = 2 * row - before[0] + i, 2 * column - before[1] + j
                        if 0 <= y < layer.shape[1] and 0 <= x < layer.shape[2]:
                            total = total + conv.weight[:, :, i, j] @ layer[:, y, x]
                made[:, row, column] = total.clamp_min(0)
        layer = made
    assert config.grid == tuple(layer.shape[1:])
    torch.testing.assert_close(stem(content)[0], layer.flatten(1).T, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        StemConfig(kind="convs", in_channels=1, pixels=(32, 48), side=4, widths=(2, 2)),
        StemConfig(kind="convs", in_channels=1, pixels=(33, 50), side=3, widths=(2, 2)),
        StemConfig(kind="convs", in_channels=1, pixels=(48, 50), side=4, widths=(2,)),
        StemConfig(kind="patches", in_channels=1, pixels=(32, 48), side=4),
    ],
)
def test_a_cell_lies_in_the_middle_of_the_pixels_that_its_element_sees(config: StemConfig) -> None:
    stem = (ConvsStem if config.kind == "convs" else PatchStem)(config, 2)
    if isinstance(stem, ConvsStem):
        for conv in stem.convs:
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            nn.init.ones_(conv.weight)
            nn.init.ones_(conv.bias)
    assert config.grid is not None
    assert config.cells is not None
    assert config.pixels is not None
    pixels = torch.ones(1, config.pixels[0] * config.pixels[1], 1, requires_grad=True)
    rows, columns = config.grid
    row, column = rows // 2, columns // 2  # an element that no border cuts short
    stem(pixels)[0, row * columns + column].sum().backward()
    assert pixels.grad is not None
    seen = pixels.grad.reshape(config.pixels) != 0
    for axis, place, count in ((0, row, rows), (1, column, columns)):
        line = seen.any(1 - axis).nonzero().flatten()
        centre = (float(line[0]) + float(line[-1]) + 1) / 2
        start, stop = config.cells[axis]
        width = (stop - start) / count
        assert start + (place + 0.5) * width == centre


def test_a_model_reads_through_its_stem_and_its_configuration_comes_back() -> None:
    stem = StemConfig(kind="convs", in_channels=3, pixels=(16, 16), side=4, widths=(6, 8))
    config = PerceiverConfig(
        num_classes=3,
        input_shape=(4, 4),
        content_channels=8,
        stem=stem,
        positions=FourierConfig(num_bands=2, max_resolution=(4.0, 4.0)),
        num_latents=3,
        latent_dim=8,
        plan=((0, 0),),
        self_attends=1,
        self_heads=2,
    )
    assert config.read_shape == (16, 16)
    assert dataclasses.replace(config, stem=None, content_channels=3).read_shape == (4, 4)
    assert PerceiverConfig.from_dict(config.to_dict()) == config
    model = Perceiver(config)
    assert model(model.input_array(torch.randn(2, 256, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match="reads"):
        model.input_array(torch.randn(2, 255, 3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "patches", "pixels": (9, 8), "side": 4}, "does not divide"),
        ({"kind": "patches", "pixels": (8, 8)}, "side belongs"),
        ({"kind": "convs", "pixels": (8, 8), "side": 3}, "widths belongs"),
        ({"kind": "convs", "side": 3, "widths": (4,)}, "needs it"),
        ({"kind": "linear", "pixels": (8, 8)}, "linear"),
        ({"kind": "linear", "widths": (8,)}, "widths belongs"),
    ],
)
def test_stems_that_mean_nothing_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        StemConfig(**changes)  # type: ignore[arg-type]


def test_the_stem_decides_the_content_channels() -> None:
    stem = StemConfig(kind="patches", in_channels=3, pixels=(16, 16), side=4)
    with pytest.raises(ConfigError, match="48 channels"):
        PerceiverConfig(input_shape=(4, 4), content_channels=3, stem=stem)
