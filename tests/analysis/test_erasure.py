"""Erased elements, against the model run on the rows that are left, and on contents replaced one by one."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool

import perceiver
from perceiver import ConfigError, Lens, Perceiver, PerceiverConfig
from perceiver.analysis import ablation, change, erasure
from perceiver.analysis.ablate import ablated_trace, describe
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.erasure import ElementMask, Erasure, parse
from perceiver.sample import Sample
from perceiver.stem import StemConfig
from tests.app import clips, clouds, folder, sounds
from tests.models import tiny

STEM = PerceiverConfig(
    num_classes=3,
    input_shape=(8, 8),
    content_channels=5,
    stem=StemConfig("linear", 3),
    num_latents=4,
    latent_dim=8,
    plan=((0, 0), (1, 0)),
    self_attends=1,
    self_heads=2,
    latent_init_scale=1.0,
)
CASES = {
    "picture": (folder.ONE_HEAD, folder.picture(0), "3-10,5-14;1-4,1-4", None),
    "heads": (folder.TWO_HEADS, folder.picture(1), "2-5,3", None),
    "stem": (STEM, folder.picture(2), "3-4,1-8", None),
    "spectrogram": (sounds.MEL, sounds.wav(sounds.tones(300.0)), "time=0.2:0.5,frequency=:700", None),
    "waveform": (sounds.RAW, sounds.wav(sounds.tones(300.0)), "3-9;20-22", None),
    "cloud": (clouds.CONFIG, clouds.ply(clouds.points()), "view=30:20:y,right=0:2,upward=-2:2", None),
    "clip": (clips.CONFIG, clips.square(8, starts=0.4), "video_time=0:0.2,video_rows=0:20", None),
}


def opened(name: str) -> tuple[perceiver.Run, str]:
    config, data, region, _ = CASES[name]
    torch.manual_seed(3)
    lens = Lens(Perceiver(config).eval(), name=name)
    return lens.run(lens.read(data)), region


def naive(run: perceiver.Run, region: str) -> Bool[np.ndarray, "M"]:
    """The elements of the regions, each marked on its own."""
    marked = np.zeros(math.prod(run.sample.shape), bool)
    for one in region.split(";"):
        marked |= perceiver.analysis.region.parse(one).inside(run.context.layout)
    return marked


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("keep", [False, True])
@torch.no_grad()
def test_the_model_runs_on_the_rows_that_are_left(name: str, keep: bool) -> None:
    run, region = opened(name)
    marked = naive(run, region)
    gone = ~marked if keep else marked
    assert 0 < gone.sum() < gone.size
    found = run.erase(region, keep=keep)
    rows = run.model.inputs(run.sample)[:, torch.from_numpy(np.flatnonzero(~gone))]
    torch.testing.assert_close(found.after.logits, run.model(rows)[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.before.logits, run.trace.logits)
    alone = run.model.trace(rows)
    with np.load(io.BytesIO(found.npz())) as held:
        named = dict(held)
    about = json.loads(str(named["metadata"]))["erased"]
    assert (about["elements"], about["of"], about["by"]) == (gone.sum(), gone.size, "remove")
    np.testing.assert_array_equal(parse(about["mask"]).marked(run.context.layout), gone)
    for i, block in enumerate(alone.blocks):
        values = found.after.map(block).numpy()
        np.testing.assert_allclose(values[~gone], alone.map(block).numpy(), rtol=1e-4, atol=1e-8)
        assert not values[gone].any()
        if not run.sample.parts:
            written = named["after"][i].ravel()
            np.testing.assert_array_equal(np.isnan(written), gone)
            np.testing.assert_array_equal(named["erased"].ravel(), gone)
    assert found.json()["erased"] == about
    np.testing.assert_array_equal(found.sample_after.erased.ravel(), gone)
    assert "elements" in found.removed


@pytest.mark.parametrize(("name", "by"), [("picture", "mean"), ("picture", "blur"), ("stem", "mean"), ("clip", "mean")])
@torch.no_grad()
def test_contents_are_replaced_and_positions_stay(name: str, by: str) -> None:
    run, region = opened(name)
    gone = naive(run, region)
    content = run.model.content(run.sample)[0].numpy().copy()
    if by == "mean":
        first, last = (100, 612) if name == "clip" else (0, len(content))
        others = [content[i] for i in range(first, last) if not gone[i]]
        for i in np.flatnonzero(gone):
            content[i] = np.mean(others, axis=0)
    else:
        content = blurred(content.reshape(16, 16, 3), gone.reshape(16, 16)).reshape(256, 3)
    expected = run.model(run.model.joined(torch.from_numpy(content)[None], run.model.codes(run.sample)))[0]
    found = run.erase(region, by=by)
    torch.testing.assert_close(found.after.logits, expected, rtol=1e-4, atol=1e-5)
    assert found.after.elements == gone.size
    assert found.sample_after is run.sample


@torch.no_grad()
def test_elements_of_a_stem_with_patches() -> None:
    stem = StemConfig("patches", 2, (6, 10), side=2)
    model = Perceiver(tiny(stem=stem, content_channels=8)).eval()
    pixels = torch.rand(60, 2)
    empty = np.zeros((6, 10, 3), np.uint8)
    sample = Sample(
        name="a", modality="image", content=pixels, shape=(3, 5), seen=empty, original=empty, box=((0, 6), (0, 10))
    )
    gone = np.zeros((3, 5), bool)
    gone[1, 1:4] = True
    rows = model.inputs(sample)[:, torch.from_numpy(~gone.ravel())]
    removed = ablated_trace(model, sample, Ablation(erased=Erasure(ElementMask.of(gone))))
    torch.testing.assert_close(removed.logits, model(rows)[0], rtol=1e-4, atol=1e-5)
    content = model.content(sample)[0].clone()
    content[6:9] = torch.stack([content[i] for i in range(15) if i not in (6, 7, 8)]).mean(0)
    filled = ablated_trace(model, sample, Ablation(erased=Erasure(ElementMask.of(gone), "mean")))
    expected = model(model.joined(content[None], model.codes(sample)))[0]
    torch.testing.assert_close(filled.logits, expected, rtol=1e-4, atol=1e-5)


def blurred(content: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """A Gaussian of one element along both axes, four standard deviations wide; the edge is repeated beyond it."""
    weights = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    weights /= weights.sum()
    out = content.copy()
    for row, column in np.argwhere(gone):
        rows, columns = (np.clip(at + np.arange(-4, 5), 0, 15) for at in (row, column))
        out[row, column] = np.einsum("i,j,ijc->c", weights, weights, content[np.ix_(rows, columns)])
    return out


def test_an_erasure_goes_with_an_ablation_of_the_position_encoding() -> None:
    run, region = opened("picture")
    gone = naive(run, region)
    removed = ablation.parse("b1:1-4,mean")
    erased = run.erase(region).ablation.erased
    both = removed | Ablation(erased=erased)
    assert ablation.parse(both.text()) == both
    codes = removed.apply(run.model.codes(run.sample), run.model.encoding)
    with torch.no_grad():
        rows = run.model.inputs(run.sample, codes)[:, torch.from_numpy(np.flatnonzero(~gone))]
        torch.testing.assert_close(run.ablate(both).after.logits, run.model(rows)[0], rtol=1e-4, atol=1e-5)
    assert describe(both, run.model.encoding, ("height", "width")).startswith("96 of 256 elements; 1 to 8 cycles")


@settings(deadline=None, derandomize=True)
@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_masks_as_text(marked: list[bool]) -> None:
    mask = ElementMask.of(np.array(marked))
    assert ElementMask.parse(mask.code()) == mask
    np.testing.assert_array_equal(mask.marked, marked)
    assert (mask.total, mask.count) == (len(marked), sum(marked))


def test_a_mask_worked_out_by_hand() -> None:
    marked = np.zeros(1000, bool)
    marked[300:305] = True
    mask = ElementMask.of(marked)
    assert mask.runs == (300, 5, 695)
    # 300 = 2 * 128 + 44 and 695 = 5 * 128 + 55, low bits first: AC 02 05 B7 05.
    assert mask.code() == "rAIFtwU"
    disc = np.hypot(*np.mgrid[-112:112, -112:112]) < 40
    assert len(ElementMask.of(disc).text()) < 400


@pytest.mark.parametrize(
    "text", ["3-10,5-20", "3-10,5-20;1-4,1-4", "time=0:0.15;time=0.5:;keep", "mask:rAIFtwU;1-4,2;blur", "1,2;keep;mean"]
)
def test_regions_as_text(text: str) -> None:
    assert parse(text).text() == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no region"),
        ("keep", "0 regions"),
        ("3-10,5-20;", "is no region"),
        ("3-10,5-20;mean;keep", "is no region"),
        ("mask:", "no mask"),
        ("mask:!!", "no mask"),
        ("mask:rAIFtwU=", "no mask"),
        ("mask:rA", "no mask"),
        ("mask:AAAA", "no mask"),
        ("mask:____________", "no mask"),
        ("mask:rIAA", "no mask"),
        (";".join(["1,1"] * 201), "201 regions"),
        ("1" * 6001, "too long"),
    ],
)
def test_text_that_says_nothing(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(text)


def test_what_cannot_be_erased() -> None:
    run, _ = opened("picture")
    for which, says in {
        "1-16,1-16": "at least one has to stay",
        "1-17,1": "leaves the grid",
        "mask:rAIFtwU": "the mask is of 1,000 elements; this input has 256",
        "1-16,1-16;keep": "nothing is erased",
    }.items():
        with pytest.raises(ConfigError, match=says):
            run.erase(which)
    with pytest.raises(ConfigError, match="no region is named"):
        run.erase()
    with pytest.raises(ConfigError, match="in several ways, blur and mean"):
        run.erase("1,1;mean", "2,2;blur")
    with pytest.raises(ConfigError, match="says nothing about an ablation"):
        ablation.parse("erased-paint:rAIFtwU")
    with pytest.raises(ConfigError, match="erased in several ways, remove and mean; choose one"):
        ablation.parse("erased:rAIFtwU,erased-mean:rAIFtwU")
    same = ablation.parse("erased-mean:rAIFtwU,erased-mean:rAIFtwU")
    assert same.text() == "erased-mean:rAIFtwU"
    with pytest.raises(ConfigError, match="marks some"):
        run.erase(np.zeros((16, 16), bool))
    with pytest.raises(ConfigError, match="1,000 elements"):
        run.ablate(Ablation(erased=Erasure(ElementMask((300, 5, 695)))))
    cloud, region = opened("cloud")
    with pytest.raises(ConfigError, match="places alone"):
        cloud.erase(region, by="mean")
    clip, _ = opened("clip")
    with pytest.raises(ConfigError, match="no mean of others"):
        clip.erase("video_time=-10:10", by="mean")


def test_several_regions_and_masks_together() -> None:
    run, _ = opened("picture")
    mask = np.zeros((16, 16), bool)
    mask[3, 3:5] = True
    found = erasure.chosen(["1,1-2", mask, "16,16;mean"], run.context.layout)
    assert (found.mask.count, found.by) == (5, "mean")
    assert run.erase("1,1-2", mask, "16,16").ablation.erased == Erasure(found.mask)


def test_the_smallest_weights_make_no_divergence() -> None:
    """An erased element has the weight 0; before it may have had the smallest number there is."""
    before = np.array([[np.finfo(np.float32).smallest_subnormal, 0.5, 0.5]], np.float32)
    after = np.array([[0.0, 0.5, 0.5]], np.float32)
    assert change._jensen_shannon(before, after) == pytest.approx([0.0], abs=1e-9)
