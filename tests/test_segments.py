"""Input arrays of several sorts of input: whose channels are whose."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from perceiver import ConfigError, Perceiver, PerceiverConfig
from perceiver.analysis import ablation
from perceiver.analysis.ablation import WHOLE, Ablation
from perceiver.analysis.attribution import attribute
from perceiver.analysis.faithfulness import faithfulness
from perceiver.analysis.methods import ATTRIBUTION_METHODS, FILLS, Fill
from perceiver.analysis.permutation import permute
from perceiver.analysis.relevance import relevance
from perceiver.analysis.spectrum import spectra
from perceiver.analysis.sweep import answers, curves, estimate
from perceiver.positions import FourierConfig, SegmentConfig
from perceiver.sample import Part, Sample

SEGMENTS = (
    SegmentConfig("audio", (5,), 2, FourierConfig(3, (5.0,))),
    SegmentConfig("video", (2, 3, 2), 4, FourierConfig(2, (2.0, 6.0, 4.0))),
    SegmentConfig("label", (1,)),
)
WIDTH = 22
AUDIO, VIDEO, LABEL = slice(0, 5), slice(5, 17), slice(17, 18)


def model() -> Perceiver:
    torch.manual_seed(0)
    config = PerceiverConfig(
        num_classes=3,
        modality="audiovisual",
        input_shape=(18,),
        content_channels=4,
        segments=SEGMENTS,
        padded_to=WIDTH,
        num_latents=4,
        latent_dim=8,
        plan=((0, 0), (1, 0)),
        self_attends=1,
        self_heads=2,
        latent_init_scale=1.0,
    )
    made = Perceiver(config).eval().requires_grad_(False)
    for padding in made.positions.padding:
        padding.copy_(torch.randn_like(padding))
    return made


def sample() -> Sample:
    content = torch.randn(18, 4, generator=torch.Generator().manual_seed(1))
    return Sample(
        name="clip",
        modality="audiovisual",
        content=content,
        shape=(18,),
        parts=tuple(Part(one.name, one.shape, ()) for one in SEGMENTS),
        seen=np.zeros(1),
        original=np.zeros(1),
        box=(),
    )


def test_the_encoding_in_words_is_that_of_the_segments() -> None:
    config = model().config
    assert config.positions_kind == "fourier"
    assert config.positions_phrase == "fourier positions"
    assert config.positions_label == (
        "audio: Fourier, 3 bands to 2.5 cycles; video: Fourier, 2 bands to 1, 3 and 2 cycles"
    )


def test_parts_of_other_grids_are_refused_though_they_have_as_many_elements() -> None:
    made, given = model(), sample()
    assert made.inputs(given).shape[1] == 18
    audio, video, label = given.parts
    turned = (audio, Part("video", (3, 2, 2), ()), label)
    renamed = tuple(Part(f"{one.name}s", one.shape, ()) for one in SEGMENTS)
    for parts in (turned, renamed, given.parts[:-1], (video, audio, label)):
        with pytest.raises(ValueError, match=r"clip has a grid of .*; this model takes a grid of "):
            made.inputs(dataclasses.replace(given, parts=parts))


def row(part: int, place: tuple[float, ...], content: list[float], padding: Tensor) -> list[float]:
    """A row of the input array, written out (paper, appendix D)."""
    positions = SEGMENTS[part].positions
    if positions is None:
        return padding.tolist()
    tops = [mu / 2 for mu in positions.max_resolution]
    angles = [
        math.pi * x * (1 + (top - 1) * k / (positions.num_bands - 1))
        for x, top in zip(place, tops, strict=True)
        for k in range(positions.num_bands)
    ]
    waves = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    return [*content, *place, *waves, *padding.tolist()]


def test_rows_are_content_then_position_then_the_learned_vector() -> None:
    made, given = model(), sample()
    paddings = [padding.detach() for padding in made.positions.padding]
    content = given.content.tolist()
    expected = [row(0, (x,), content[i][:2], paddings[0]) for i, x in enumerate(np.linspace(-1, 1, 5))]
    places = [(t, y, x) for t in (-1, 1) for y in (-1, 0, 1) for x in (-1, 1)]
    expected += [row(1, place, content[5 + i], paddings[1]) for i, place in enumerate(places)]
    expected.append(row(2, (), [], paddings[2]))
    torch.testing.assert_close(made.inputs(given)[0], torch.tensor(expected, dtype=torch.float32), atol=1e-5, rtol=1e-5)


def test_bands_know_their_rows_and_channels() -> None:
    encoding = model().encoding
    codes = encoding.grid()
    assert [(band.axis, band.index) for band in encoding.bands()] == [
        *((0, k) for k in range(3)),
        *((axis, k) for axis in (1, 2, 3) for k in range(2)),
    ]
    lines = [np.linspace(-1, 1, 5), *(g.ravel() for g in np.meshgrid([-1, 1], [-1, 0, 1], [-1, 1], indexing="ij"))]
    for band in encoding.bands():
        rows = encoding.rows(band.axis)
        assert rows == ((0, 5) if band.axis == 0 else (5, 17))
        assert rows is not None
        for channel, wave in ((band.sine, np.sin), (band.cosine, np.cos)):
            expected = wave(math.pi * band.frequency * lines[band.axis])
            np.testing.assert_allclose(codes[rows[0] : rows[1], channel].detach(), expected, atol=1e-5)
    for axis, channel in enumerate(encoding.coordinate_channels()):
        rows = encoding.rows(axis)
        assert rows is not None
        np.testing.assert_allclose(codes[rows[0] : rows[1], channel].detach(), lines[axis], atol=1e-6)
    with pytest.raises(ValueError, match="no axis 4"):
        encoding.rows(4)


@pytest.mark.parametrize("fill", FILLS)
def test_an_ablation_of_one_axis_leaves_other_parts_alone(fill: Fill) -> None:
    encoding = model().encoding
    codes = encoding.grid().detach()
    found = ablation.one_axis(encoding, 2).filled(fill, 3).apply(codes, encoding)
    changed = (found != codes).nonzero().tolist()
    assert changed
    # Rows of the video: 4 of content, 3 coordinates, 6 sines, 6 cosines.
    assert {c for r, c in changed} <= {5, 4 + 1, 7 + 2, 7 + 3, 13 + 2, 13 + 3}
    assert {r for r, c in changed} <= set(range(5, 17))
    if fill == "mean":
        torch.testing.assert_close(found[VIDEO, 5], codes[VIDEO, 5].mean().expand(12))
    if fill == "shuffle":
        assert torch.equal(found[VIDEO, 15].sort().values, codes[VIDEO, 15].sort().values)


def test_the_whole_code_is_all_that_says_where_and_not_what() -> None:
    made = model()
    codes = made.encoding.grid().detach()
    found = WHOLE.apply(codes, made.encoding)
    assert not found[AUDIO, 2:9].any()
    assert not found[VIDEO, 4:19].any()
    assert torch.equal(found[AUDIO, 9:], codes[AUDIO, 9:])
    assert torch.equal(found[VIDEO, 19:], codes[VIDEO, 19:])
    assert torch.equal(found[LABEL], codes[LABEL])


def test_estimates_are_derivatives_and_sweeps_are_exact() -> None:
    made, given = model(), sample()
    every = [one for curve in curves(made.encoding) for one in curve.ablations]
    codes = made.codes(given).detach()
    for one, after in zip(every, np.concatenate(list(answers(made, given, every))), strict=True):
        expected = made(made.inputs(given, one.apply(codes, made.encoding)))[0]
        np.testing.assert_allclose(after, expected, atol=1e-5)
    guessed = estimate(made, given, every, target=1)
    step = 1e-2
    for one, change in zip(every, guessed.changes, strict=True):
        moved = one.apply(codes, made.encoding) - codes
        ahead, back = (made.double()(made.inputs(given, codes + s * moved).double())[0, 1] for s in (step, -step))
        assert float((ahead - back) / (2 * step)) == pytest.approx(change, abs=2e-4)
        made.float()


@pytest.mark.parametrize("method", ATTRIBUTION_METHODS)
def test_only_an_elements_own_channels_are_attributed(method: str) -> None:
    made, given = model(), sample()
    found = attribute(made, given, method, 0)  # type: ignore[arg-type]
    assert found.values.shape == (18,)
    assert found.values[17] == 0
    # What lies behind the two channels of sound is no content, whatever stands there.
    other = Sample(**{**vars(given), "content": given.content.clone()})
    other.content[AUDIO, 2:] = 100.0
    np.testing.assert_allclose(attribute(made, other, method, 0).values, found.values, atol=1e-6)  # type: ignore[arg-type]
    if method == "integrated_gradients":
        assert found.completeness is not None
        assert found.completeness < 0.05


def test_contents_and_blocks_move_within_their_own_part() -> None:
    made, given = model(), sample()
    elements = permute(made, given, "elements")
    np.testing.assert_allclose(elements.answer.before, elements.answer.after, atol=1e-5)
    for found in (permute(made, given, "contents"), permute(made, given, "blocks", size=1)):
        for part in (AUDIO, VIDEO, LABEL):
            assert sorted(found.order[part]) == list(range(part.start, part.stop))
        assert found.largest > 1e-4
    in_twos = permute(made, given, "blocks", size=2)
    assert in_twos.order[17] == 17
    assert (in_twos.order[VIDEO] == np.arange(5, 17)).all()  # one block is all that fits
    assert in_twos.kept == 1 + 12 + 1
    with pytest.raises(ConfigError, match="leave nothing to exchange"):
        permute(made, given, "blocks", size=3)


def test_what_follows_maps_and_classes_takes_all_elements() -> None:
    made, given = model(), sample()
    trace = made.trace(made.inputs(given))
    values = trace.map(0).numpy()
    parts = given.split(values)
    assert {name: part.shape for name, part in parts.items()} == {"audio": (5,), "video": (2, 3, 2), "label": (1,)}
    assert parts["video"][1, 2, 0] == values[5 + 6 + 4]
    assert relevance(made, given).maps.shape == (2, 18)
    assert 0 < faithfulness(made, given, values, steps=4).deletion.area < 1
    assert 0 < faithfulness(made, given, values, steps=4, how="blank").deletion.area < 1
    with pytest.raises(ConfigError, match="more axes than the 1 of the input"):
        list(spectra(trace, made.encoding.bands(), None))
    with pytest.raises(ConfigError, match="has no band b1:4"):
        Ablation(sines=frozenset({(0, 3)})).apply(made.encoding.grid(), made.encoding)


def test_values_are_split_by_part() -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        sample().split(np.zeros(17))
    assert model().config.num_axes == 4
