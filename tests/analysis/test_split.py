"""The split of scores and of what is read, against loops over channels, latents and elements."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from perceiver import ConfigError, Perceiver
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.parts import RowPart, RowParts, parse
from perceiver.analysis.reading import reading
from perceiver.analysis.split import ScoreSplit, part_trace, score_split
from perceiver.analysis.split_shares import score_shares, shares_sentence
from perceiver.config import StemConfig
from perceiver.positions import (
    CoordinatesConfig,
    FourierConfig,
    LearnableFourierConfig,
    LearnedConfig,
    NoPositionsConfig,
)
from perceiver.trace import Trace
from tests import test_segments
from tests.analysis.cases import frozen, of_clouds, sample

GRID = (3.0, 5.0)
PIXELS = StemConfig("patches", 2, (6, 10), side=2)
CONVS = StemConfig("convs", 2, (6, 10), side=3, widths=(4,))


def with_shift(model: Perceiver) -> Perceiver:
    """The same with a layer norm and biases that training has moved."""
    generator = torch.Generator().manual_seed(5)
    for layer in model.cross:
        for parameter in (layer.input_norm.weight, layer.input_norm.bias, layer.key.bias, layer.value.bias):
            parameter.data += torch.randn(parameter.shape, generator=generator)
    return model


def traced(model: Perceiver) -> Trace:
    if model.config.segments:
        return model.trace(model.inputs(test_segments.sample()))
    if model.config.stem is not None:
        count = math.prod(model.config.read_shape)
        content = torch.randn(1, count, model.config.read_channels, generator=torch.Generator().manual_seed(1))
        return model.trace(model.input_array(content))
    return model.trace(model.inputs(sample(model)))


CASES: dict[str, Callable[[], Perceiver]] = {
    "none": lambda: frozen(positions=NoPositionsConfig()),
    "fourier": lambda: frozen(),
    "fourier, logarithmic": lambda: frozen(positions=FourierConfig(4, GRID, spacing="logarithmic")),
    "fourier-learnable": lambda: frozen(positions=LearnableFourierConfig(4, GRID)),
    "coordinates": lambda: frozen(positions=CoordinatesConfig()),
    "learned": lambda: frozen(positions=LearnedConfig(dim=6)),
    "several heads": lambda: frozen(cross_heads=4, qk_dim=8, v_dim=8),
    "free elements": lambda: of_clouds(),
    "free elements with content": lambda: of_clouds(content_channels=2),
    "patches": lambda: frozen(stem=PIXELS, content_channels=8),
    "convolutions": lambda: frozen(stem=CONVS, content_channels=4),
    "linear stem": lambda: frozen(stem=StemConfig("linear", 2), content_channels=5, positions=LearnedConfig(dim=4)),
    "segments": test_segments.model,
}


@pytest.fixture(params=list(CASES))
def model(request: pytest.FixtureRequest) -> Perceiver:
    return with_shift(CASES[request.param]())


def scores(trace: Trace, block: int) -> Tensor:
    """The scores of every head, latent and element of a block, from the layer's own steps."""
    layer = trace.record(block).layer
    states = trace.latents[block]  # every block here has a cross-attention and a tower
    keys = layer.key(layer.input_norm(trace.inputs.array[0]))
    queries = layer.query(layer.query_norm(states))
    q, k = (one.unflatten(-1, (layer.heads, -1)).transpose(0, 1) for one in (queries, keys))
    return q @ k.transpose(1, 2) / q.shape[-1] ** 0.5


def naive_parts(model: Perceiver, trace: Trace, block: int, head: int, latent: int, element: int) -> dict[str, float]:
    """The score of every part, channel by channel in double precision; parts by their text."""
    layer = trace.record(block).layer
    row = trace.inputs.array[0, element].double().tolist()
    count = len(row)
    mean = sum(row) / count
    deviation = math.sqrt(sum((z - mean) ** 2 for z in row) / count + 1e-5)
    query = layer.query(layer.query_norm(trace.latents[block, latent])).double().unflatten(0, (layer.heads, -1))[head]
    weight = layer.key.weight.double().unflatten(0, (layer.heads, -1))[head]
    along = [float(query @ weight[:, c] * layer.input_norm.weight[c]) / math.sqrt(len(query)) for c in range(count)]
    terms = [(a - sum(along) / count) * z / deviation for a, z in zip(along, row, strict=True)]
    out: dict[str, float] = {}
    content, encoding = model.config.content_channels, model.encoding
    if model.config.positions.kind == "learned":
        table = model.positions.table.double()
        vectors = torch.linalg.eigh(table.T @ table).eigenvectors.flip(1)
        centred = torch.tensor([a - sum(along) / count for a in along[content:]], dtype=torch.float64)
        out = {f"content:{c + 1}": terms[c] for c in range(content)}
        for k in range(table.shape[1]):
            direction = vectors[:, k]
            out[f"component:{k + 1}"] = float(
                (centred @ direction) * (trace.inputs.array[0, element, content:].double() @ direction) / deviation
            )
        return out
    start, begin, first = content, 0, 0
    for number, segment in enumerate(model.config.segments):
        if begin <= element < begin + segment.count:
            out = {f"content:{first + c + 1}": terms[c] for c in range(segment.content_channels)}
            out[f"embedding:{number + 1}"] = sum(terms[segment.channels :])
            start = 0
        begin, first = begin + segment.count, first + segment.content_channels
    if not model.config.segments:
        out = {f"content:{c + 1}": terms[c] for c in range(content)}
    for axis, channel in enumerate(encoding.coordinate_channels()):
        rows = encoding.rows(axis)
        if rows is None or rows[0] <= element < rows[1]:
            out[f"x{axis + 1}"] = terms[start + channel]
    for band in encoding.bands():
        rows = encoding.rows(band.axis)
        if rows is None or rows[0] <= element < rows[1]:
            out[f"b{band.axis + 1}:{band.index + 1}"] = terms[start + band.sine] + terms[start + band.cosine]
    return out


def test_parts_and_constant_add_up_to_the_models_own_scores(model: Perceiver) -> None:
    trace, parts = traced(model), RowParts.of(model)
    for block in trace.blocks:
        own = scores(trace, block)
        for latent, element in ((0, 0), (3, 7), (1, own.shape[2] - 1)):
            for head in (None, *range(own.shape[0])):
                wanted = own[:, latent, element].mean() if head is None else own[head, latent, element]
                split = score_split(trace, parts, block, latent, element, head=head)
                assert split.total == pytest.approx(float(wanted), abs=1e-5)
                assert split.score == pytest.approx(float(wanted), abs=1e-5)
                mean = own.mean(0).mean(1)[latent] if head is None else own[head, latent].mean()
                assert split.mean_score == pytest.approx(float(mean), abs=1e-5)


def test_every_part_equals_a_loop_over_its_channels(model: Perceiver) -> None:
    trace, parts = traced(model), RowParts.of(model)
    heads = trace.record(1).heads
    for element in (0, 6, trace.inputs.shape[1] - 1):
        split = score_split(trace, parts, 1, 2, element, head=heads - 1)
        wanted = naive_parts(model, trace, 1, heads - 1, 2, element)
        found = {part.text(): float(value) for part, value in zip(parts.parts, split.values, strict=True)}
        assert wanted.keys() <= found.keys()
        for name, value in found.items():
            assert value == pytest.approx(wanted.get(name, 0.0), abs=1e-5), name


def part_scores(model: Perceiver, trace: Trace, text: str, block: int, head: int) -> Tensor:
    """The scores of chosen parts at every latent and element, one by one."""
    parts = RowParts.of(model)
    chosen = parts.choose(text)
    count, size = trace.record(block).latents, trace.inputs.shape[1]
    out = torch.zeros(count, size, dtype=torch.float64)
    for latent in range(count):
        for element in range(size):
            out[latent, element] = score_split(trace, parts, block, latent, element, head=head).values[chosen].sum()
    return out


@pytest.mark.parametrize("name", ["fourier", "several heads", "learned", "segments", "free elements with content"])
@pytest.mark.parametrize("group", ["content", "position"])
def test_maps_of_parts_equal_loops(name: str, group: str) -> None:
    model = with_shift(CASES[name]())
    trace, parts, block = traced(model), RowParts.of(model), 1
    alone = part_trace(trace, parts, group, [block])
    each = torch.stack([part_scores(model, trace, group, block, head) for head in range(trace.record(block).heads)])
    weights = each.softmax(-1)
    norms = trace.map(block, latent=0, kind="value") / trace.map(block, latent=0) if len(each) == 1 else None
    close = {"atol": 1e-5, "rtol": 1e-4, "check_dtype": False}
    torch.testing.assert_close(alone.map(block, kind="score"), each.mean((0, 1)), **close)
    torch.testing.assert_close(alone.map(block, latent=2, kind="score"), each.mean(0)[2], **close)
    torch.testing.assert_close(alone.map(block), weights.mean((0, 1)), **close)
    torch.testing.assert_close(alone.map(block, latent=2), weights.mean(0)[2], **close)
    torch.testing.assert_close(alone.map(block, reduce="max"), weights.mean(0).amax(0), **close)
    torch.testing.assert_close(alone.element_weights(block, 4), weights.mean(0)[:, 4], **close)
    torch.testing.assert_close(
        alone.region_weights(block, torch.tensor([1, 4])), weights.mean(0)[:, [1, 4]].sum(1), **close
    )
    if norms is not None:
        torch.testing.assert_close(alone.map(block, kind="value"), weights[0].mean(0) * norms, **close)


def test_all_parts_together_give_the_maps_of_the_model(model: Perceiver) -> None:
    trace, parts = traced(model), RowParts.of(model)
    alone = part_trace(trace, parts, ",".join(parts.present))
    assert alone.blocks == trace.blocks
    for block in trace.blocks:
        torch.testing.assert_close(alone.map(block), trace.map(block), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            alone.map(block, latent=1, kind="score") + trace.record(block).query.constant[0, :, 1].mean(),
            trace.map(block, latent=1, kind="score"),
            atol=1e-5,
            rtol=1e-5,
        )


def test_shares_are_covariances_over_the_variance(model: Perceiver) -> None:
    trace, parts = traced(model), RowParts.of(model)
    shares = score_shares(trace, parts, head=0)
    block, count, size = 1, trace.record(1).latents, trace.inputs.shape[1]
    values = np.array(
        [
            [score_split(trace, parts, block, latent, element, head=0).values for element in range(size)]
            for latent in range(count)
        ]
    )
    whole = values.sum(-1)
    for latent in range(count):
        each = [float(np.cov(values[latent, :, i], whole[latent], bias=True)[0, 1]) for i in range(len(parts.parts))]
        np.testing.assert_allclose(shares.covariance[1, latent], each, atol=1e-8)
        for i, group in enumerate(parts.present):
            own = values[latent][:, parts.of_group(group)].sum(-1).var()
            assert shares.alone[1, latent, i] == pytest.approx(own, abs=1e-8)
    np.testing.assert_allclose(shares.variance[1], whole.var(axis=1), atol=1e-8)
    np.testing.assert_allclose(shares.latents.sum(-1), 1)
    np.testing.assert_allclose(shares.shares.sum(-1), 1)
    np.testing.assert_allclose(sum(shares.of(text) for text in parts.bundles), 1)
    pooled = shares.covariance[1].sum(0) / whole.var(axis=1).sum()
    np.testing.assert_allclose(shares.shares[1], pooled, rtol=1e-6)


def test_a_latent_with_constant_scores_has_no_shares() -> None:
    model = frozen()
    model.cross[1].key.weight.zero_()
    shares = score_shares(traced(model), RowParts.of(model))
    assert shares.flat.tolist() == [[False] * 4, [True] * 4]
    assert np.isnan(shares.shares[1]).all()
    assert np.isfinite(shares.shares[0]).all()


def test_what_is_read_equals_loops(model: Perceiver) -> None:
    trace, parts = traced(model), RowParts.of(model)
    block, latent = 1, 2
    layer = trace.record(block).layer
    found = reading(trace, parts, block, latent)
    weights = scores(trace, block)[:, latent].double().softmax(-1)  # heads x M
    array = trace.inputs.array[0].double()
    values = layer.value(layer.input_norm(array.float())).double().unflatten(-1, (layer.heads, -1))
    read = torch.stack([weights[h] @ values[:, h] for h in range(layer.heads)]).flatten()
    output = layer.out.weight.double() @ read + layer.out.bias.double()
    assert found.shares.sum() + found.constant == pytest.approx(1, abs=1e-5)
    # Without the content, the projection on the output falls by the share of the content.
    gamma, scale = layer.input_norm.weight.double(), (array.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    inside = torch.zeros_like(array)
    for group in parts.groups:
        channels = torch.from_numpy(np.flatnonzero(parts.of_group("content")[group.part_of]))
        inside[group.rows, channels] = array[group.rows, channels]
    content = (inside - inside.mean(1, keepdim=True)) / scale * gamma
    by_head = (content @ layer.value.weight.double().T).unflatten(-1, (layer.heads, -1))
    part = torch.stack([weights[h] @ by_head[:, h] for h in range(layer.heads)]).flatten()
    wanted = float((layer.out.weight.double() @ part) @ output / (output @ output))
    if "content" in parts.present:
        assert found.of("content") == pytest.approx(wanted, abs=1e-5)
    mean = weights.mean(0)
    at = 0
    for group in parts.groups:
        code = array[group.rows][:, group.positions]
        its = mean[group.rows]
        read_code = sum(float(w) * row for w, row in zip(its, code, strict=True))
        flat = found.similarity.ravel()[group.rows]
        for row, value in zip(code, flat, strict=True):
            near = 0.0 if not row.any() else float(row @ read_code / (row.norm() * read_code.norm()))
            assert value == pytest.approx(near, abs=1e-5)
        for channel in np.flatnonzero(parts.of_group("content")[group.part_of]):
            taken = float(its @ array[group.rows, int(channel)] / its.sum())
            assert found.content[at] == pytest.approx(taken, abs=1e-5)
            assert found.average[at] == pytest.approx(float(array[group.rows, int(channel)].mean()), abs=1e-5)
            at += 1
    assert at == len(found.content)


def test_terms_put_content_together_and_list_the_rest_as_one() -> None:
    model = frozen()
    trace, parts = traced(model), RowParts.of(model)
    split = score_split(trace, parts, 0, 1, 4)
    every, few = split.terms(), split.terms(3, ("height", "width"))
    assert len(every) == 1 + 2 + 8
    assert len(few) == 4
    assert few[-1].name == "8 others"
    assert sum(one.value for one in few) + split.constant == pytest.approx(split.score, abs=1e-5)
    assert sum(one.excess for one in few) == pytest.approx(split.score - split.mean_score, abs=1e-5)
    assert [one.text for one in few[:3]] == [one.text for one in every[:3]]
    assert {one.text for one in every} == {"content", "x1", "x2", *(f"b{a}:{k}" for a in (1, 2) for k in range(1, 5))}


def test_the_rest_of_the_terms_is_never_the_largest() -> None:
    """Many small parts below 0 together outweigh the largest: 0.52, 0.4, and 12 of -0.1."""
    parts = tuple(RowPart("band", k, 0) for k in range(14))
    values = np.array([0.52, 0.4, *[-0.1] * 12])
    split = ScoreSplit(0, 0, 0, None, values.sum(), 0.0, parts, values, np.zeros(14), 0.0)
    shown = split.terms(3)
    assert [one.excess for one in shown] == pytest.approx([0.52, 0.4, *[-0.1] * 7, -0.5])
    assert shown[-1].name == "5 others"
    assert sum(one.excess for one in shown) == pytest.approx(split.excess)
    assert len(split.terms(12)) == 13
    assert len(split.terms(13)) == 14


def test_parts_are_chosen_by_text() -> None:
    model = frozen()
    parts = RowParts.of(model)
    names = [part.text() for part in parts.parts]
    chosen = parts.choose("axis:2,content:1, b1:2-3")
    assert [name for name, its in zip(names, chosen, strict=True) if its] == [
        *("content:1", "b1:2", "b1:3"),
        *("x2", "b2:1", "b2:2", "b2:3", "b2:4"),
    ]
    assert parse("axis:2,content:1, b1:2-3").text() == "axis:2,content:1,b1:2-3"
    assert parts.name("axis:2,content,b1:2-3", ("height", "width")) == "width, content, height band 2 to 3"
    assert parts.choose("content,position").all()
    with pytest.raises(ConfigError, match=r"no part b1:5; they have content:1-2, x1, b1:1-4, x2, b2:1-4"):
        parts.choose("b1:5")
    for text in ("", "content,", "nothing", "b1", "x0", "b1:3-2", "content:0", "position:1", "x1,", "9" * 300):
        with pytest.raises(ConfigError):
            parse(text)


def test_what_does_not_exist_is_refused() -> None:
    model = frozen()
    trace, parts = traced(model), RowParts.of(model)
    for wrong in ({"block": 2}, {"latent": 4}, {"element": 15}, {"head": 1}):
        asked = {"block": 0, "latent": 0, "element": 0, "head": None} | wrong
        with pytest.raises(ConfigError):
            score_split(trace, parts, asked["block"], asked["latent"], asked["element"], head=asked["head"])
    with pytest.raises(ConfigError):
        reading(trace, parts, 0, 4)
    with pytest.raises(ConfigError):
        score_shares(trace, parts, head=1)
    with pytest.raises(ConfigError):
        part_trace(trace, parts, "embedding")


def test_maps_of_parts_are_not_made_of_another_trace() -> None:
    model = frozen()
    trace, parts = traced(model), RowParts.of(model)
    selection, alone = MapSelection(part="content"), part_trace(trace, parts, "content")
    assert selection.map(alone, 0).shape == (3, 5)
    for one, other in ((selection, trace), (MapSelection(), alone), (MapSelection(part="x1"), alone)):
        with pytest.raises(ValueError, match="cannot be made of a trace of"):
            one.map(other, 0)
        with pytest.raises(ValueError, match="cannot be made of a trace of"):
            one.latent_maps(other, 0)


def test_the_shares_in_words() -> None:
    model = frozen()
    shares = score_shares(traced(model), RowParts.of(model))
    content = [f"{100 * share:.1f} %" for share in shares.of("content")]
    position = [f"{100 * share:.1f} %" for share in shares.of("position")]
    assert shares_sentence(shares) == (
        f"Content explains {content[0]} of the variance of the scores of block 1 and position {position[0]}; "
        f"content explains {content[1]} in block 2 and position {position[1]}."
    )
    for made, alone in ((of_clouds(), "position encoding alone"), (CASES["none"](), "content alone")):
        assert alone in shares_sentence(score_shares(traced(made), RowParts.of(made)))
