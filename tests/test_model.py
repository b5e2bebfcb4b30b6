"""The model as a whole: sizes from the paper, what it must depend on and what it must not."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from perceiver import CheckpointError, Perceiver, PerceiverConfig, count_parameters
from perceiver.attention import InputArray
from perceiver.positions import FourierConfig, position_config
from perceiver.sample import Part, Sample

from .models import tiny


@pytest.mark.parametrize(
    ("plan", "parameters"),
    [
        (((0, 0), *(((1, 0),) * 7)), 44_912_254),  # the paper's model: table 7, 44.9 M
        (tuple((i, i) for i in range(8)), 326_241_856),  # nothing shared: table 7, 326.2 M
        (((0, 0),) * 8, 42_135_859),  # one cross-attention for all: table 6, 42.1 M
        (((0, 0), *(((1, 1),) * 7)), 82_722_430),  # two towers: the reading that table 7 contradicts
    ],
)
def test_parameter_counts_are_the_papers(plan: tuple[tuple[int, int], ...], parameters: int) -> None:
    with torch.device("meta"):
        assert count_parameters(Perceiver(PerceiverConfig(plan=plan))) == parameters


def test_perceiver_io_classifier_has_the_published_count() -> None:
    config = PerceiverConfig(plan=((0, 0), *(((None, 0),) * 7)), head="decoder", decoder_query_residual=True)
    with torch.device("meta"):
        assert count_parameters(Perceiver(config)) == 48_440_627  # deepmind/vision-perceiver-fourier


def test_equal_numbers_in_the_plan_are_the_same_object() -> None:
    model = Perceiver(tiny(plan=((0, 0), (1, 0), (1, 0))))
    assert (len(model.cross), len(model.towers)) == (2, 1)
    inputs = torch.randn(1, 15, model.config.input_channels)
    records = model.trace(inputs).records
    assert records[1].layer is records[2].layer is model.cross[1]
    assert records[0].layer is model.cross[0]


def test_shared_weight_sets_have_separate_maps() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(plan=((0, 0), (1, 0), (1, 0))))
    trace = model.trace(torch.randn(1, 15, model.config.input_channels))
    assert not torch.allclose(trace.map(1), trace.map(2))


@pytest.mark.parametrize("kind", ["fourier", "learned", "coordinates"])
@pytest.mark.parametrize("head", ["mean", "mean_norm", "decoder"])
def test_the_output_depends_on_every_input_element(kind: str, head: str) -> None:
    torch.manual_seed(0)
    positions = position_config({"kind": kind, "num_bands": 4, "max_resolution": (3.0, 5.0), "dim": 6})
    model = Perceiver(tiny(positions=positions, head=head))
    content = torch.randn(1, 15, 2, requires_grad=True)
    model(model.input_array(content)).square().sum().backward()
    assert content.grad is not None
    assert (content.grad[0].abs().amax(-1) > 0).all()


def test_permuting_contents_together_with_positions_changes_nothing() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny()).double()
    inputs = model.input_array(torch.randn(1, 15, 2, dtype=torch.float64))
    order = torch.randperm(15)
    torch.testing.assert_close(model(inputs[:, order]), model(inputs), atol=1e-12, rtol=1e-12)


def test_permuting_contents_against_positions_changes_the_answer() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny())
    content = torch.randn(1, 15, 2)
    moved = model(model.input_array(content.flip(1)))
    assert (moved - model(model.input_array(content))).abs().max() > 1e-3


def test_tracing_changes_no_logit_and_the_last_block_gives_them() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(plan=((0, 0), (None, 0), (1, 0))))
    inputs = model.input_array(torch.randn(1, 15, 2))
    trace = model.trace(inputs)
    torch.testing.assert_close(trace.logits, model(inputs)[0])
    torch.testing.assert_close(trace.block_logits[-1], trace.logits)
    assert trace.block_logits.shape == (3, 3)
    assert trace.latents.shape == (4, 4, 8)  # the start, then after each of three blocks
    torch.testing.assert_close(trace.latents[0], model.latents)
    assert trace.blocks == (0, 2)


def test_several_heads_share_keys_and_values_and_still_agree_with_the_absorbed_form(monkeypatch) -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(cross_heads=2, qk_dim=6, v_dim=4, plan=((0, 0), (0, 0))))
    inputs = model.input_array(torch.randn(2, 15, 2))
    answers = []
    for form in ("absorbed", "projected"):
        monkeypatch.setattr("perceiver.attention.cheaper_form", lambda *_, form=form: form)
        answers.append(model(inputs))
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-5)


def test_latents_start_truncated_at_two_sigma_and_the_logits_start_small() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(num_latents=512, latent_dim=64, latent_init_scale=0.02, plan=((0, 0), *(((1, 0),) * 7))))
    assert model.latents.abs().max() <= 0.04
    # A normal cut at two sigma keeps sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)) = 0.8796 of its standard deviation.
    assert model.latents.std().item() == pytest.approx(0.02 * 0.8796, rel=0.02)
    assert model(model.input_array(torch.randn(4, 15, 2))).abs().max() < 2


def test_a_wrong_number_of_elements_or_channels_is_refused_in_words() -> None:
    model = Perceiver(tiny())
    with pytest.raises(ValueError, match="14 elements of 2 channels; this model takes 15 of 2"):
        model.input_array(torch.randn(1, 14, 2))
    with pytest.raises(ValueError, match="one input is traced at a time, not 2"):
        model.trace(model.input_array(torch.randn(2, 15, 2)))


def test_one_batch_can_be_learned_by_heart() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(latent_dim=32))
    inputs, labels = model.input_array(torch.randn(6, 15, 2)), torch.tensor([0, 1, 2, 0, 1, 2])
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1 < math.log(3)


def test_a_sample_of_another_shape_is_refused_though_it_has_as_many_elements() -> None:
    model = Perceiver(tiny(input_shape=(16, 16)))
    values = {"modality": "image", "seen": np.zeros(1), "original": np.zeros(1), "box": ()}
    wide = Sample(name="wide.png", content=torch.zeros(256, 2), shape=(32, 8), **values)  # type: ignore[arg-type]
    for method in (model.inputs, model.codes, model.content):
        with pytest.raises(
            ValueError, match=r"wide\.png has a grid of 32 x 8 elements; this model takes a grid of 16 x 16"
        ):
            method(wide)
    square = Sample(name="square.png", content=torch.zeros(256, 2), shape=(16, 16), **values)  # type: ignore[arg-type]
    assert model.inputs(square).shape == (1, 256, model.config.input_channels)


@pytest.mark.parametrize(
    ("changes", "theirs"),
    [
        ({"shape": (5, 3)}, "a grid of 5 x 3 elements"),
        ({"shape": (15,)}, "a grid of 15 elements"),
        ({"shape": (1, 3, 5)}, "a grid of 1 x 3 x 5 elements"),
        ({"shape": (3, 4)}, "a grid of 3 x 4 elements"),
        ({"coordinates": torch.zeros(15, 2)}, "free elements with 2 coordinates"),
        ({"shape": (15,), "coordinates": torch.zeros(15, 3)}, "free elements with 3 coordinates"),
        (
            {"parts": (Part("video", (3, 4), ()), Part("audio", (3,), ()))},
            r"a grid of 3 x 4 elements \(video\) and a grid of 3 elements \(audio\)",
        ),
    ],
)
def test_elements_of_a_grid_lie_on_the_models_own(changes: dict[str, object], theirs: str) -> None:
    """Whatever the modality: as many elements on another grid, or on none, are another input."""
    model = Perceiver(tiny())
    values = {"name": "a", "modality": "image", "content": torch.zeros(15, 2), "shape": (3, 5)}
    nothing = {"seen": np.zeros(1), "original": np.zeros(1), "box": ()}
    assert model.inputs(Sample(**values, **nothing)).shape == (1, 15, model.config.input_channels)  # type: ignore[arg-type]
    for method in (model.inputs, model.codes, model.content):
        with pytest.raises(ValueError, match=f"a has {theirs}; this model takes "):
            method(Sample(**(values | changes), **nothing))  # type: ignore[arg-type]


def test_free_elements_may_be_any_number_but_need_the_models_coordinates() -> None:
    positions = FourierConfig(num_bands=2, max_resolution=(3.0, 3.0, 3.0))
    model = Perceiver(tiny(input_shape=(15,), content_channels=0, position_axes=3, positions=positions))
    nothing = {"name": "a", "modality": "points", "seen": np.zeros(1), "original": np.zeros(1), "box": ()}

    def cloud(count: int, coordinates: torch.Tensor | None) -> Sample:
        return Sample(content=torch.zeros(count, 0), shape=(count,), coordinates=coordinates, **nothing)  # type: ignore[arg-type]

    for count in (1, 15, 40):
        assert model.inputs(cloud(count, torch.zeros(count, 3))).shape[:2] == (1, count)
    for coordinates, theirs in (
        (torch.zeros(15, 2), "free elements with 2 coordinates"),
        (torch.zeros(15, 1), "free elements with 1 coordinate"),
        (None, "a grid of 15 elements"),
    ):
        for method in (model.inputs, model.codes, model.content):
            with pytest.raises(ValueError, match=f"a has {theirs}; this model takes free elements with 3 coordinates"):
                method(cloud(15, coordinates))


def test_steps_run_the_layers_of_the_plan_in_order() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(plan=((0, 0), (None, 0), (1, None)), self_attends=2)).requires_grad_(False)
    inputs = model.input_array(torch.randn(1, 15, 2))
    steps = list(model.steps(InputArray(inputs)))
    tower = list(model.towers[0])
    assert [step.layer for step in steps] == [model.cross[0], *tower, *tower, model.cross[1]]
    assert [step.block for step in steps] == [0, 0, 0, 1, 1, 2]
    for one, following in itertools.pairwise(steps):
        assert one.after is following.before
    torch.testing.assert_close(steps[0].before, model.latents[None])
    torch.testing.assert_close(model.head(steps[-1].after), model(inputs))
    assert not any(step.made for step in steps)
    for plain, traced in zip(steps, model.steps(InputArray(inputs), traced=True), strict=True):
        torch.testing.assert_close(traced.after, plain.after)
        assert (traced.made is None) == (traced.layer in tower)


def test_an_output_that_is_not_finite_is_an_error_of_the_weights() -> None:
    """Finite weights, for which 32-bit numbers do not suffice."""
    model = Perceiver(tiny()).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.fill_(1e30)
    with pytest.raises(CheckpointError, match="output holds NaN or infinite numbers"):
        model.trace(torch.randn(1, model.config.num_inputs, model.config.input_channels))
