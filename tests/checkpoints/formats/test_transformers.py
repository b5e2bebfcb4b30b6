"""Equality with Hugging Face Transformers' own models, random weights, in its own files; its switches and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import perceiver
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints import inspect

CLASSES = {
    "fourier": ("PerceiverForImageClassificationFourier", 261),
    "learned": ("PerceiverForImageClassificationLearned", 512),
    "conv": ("PerceiverForImageClassificationConvProcessing", 322),
}
SMALL = {"num_latents": 6, "d_latents": 32, "num_blocks": 3, "num_self_attends_per_block": 2}
FULL = {"num_latents": 512, "d_latents": 1024, "num_blocks": 8, "num_self_attends_per_block": 6}
LABELS = ("tench, Tinca tinca", "goldfish, Carassius auratus", "great white shark", "hammerhead", "electric ray")
PREPROCESSOR = {
    "crop_size": 256,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "size": 224,
}


def library() -> tuple[Any, Any]:
    """The peer's package and its Perceivers. Importing them takes seconds, which other tests should not wait for."""
    modeling = pytest.importorskip("transformers.models.perceiver.modeling_perceiver")
    return pytest.importorskip("transformers"), modeling


def peer(variant: str, side: int, classes: int, **options: Any) -> Any:
    """The peer's own model; every number moved away from its start, which would hide what is not read."""
    name, d_model = CLASSES[variant]
    transformers, modeling = library()
    config = transformers.PerceiverConfig(
        d_model=d_model,
        num_labels=classes,
        image_size=side,
        num_self_attention_heads=8,
        num_cross_attention_heads=1,
        **options,
    )
    torch.manual_seed(0)
    model = getattr(modeling, name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.add_(torch.rand_like(buffer))
    return model


def save(model: Any, folder: Path, side: int, kind: str = "safetensors", labels: tuple[str, ...] = ()) -> Path:
    """The peer's files as the hub has them."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if kind == "safetensors":
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(state, folder / "pytorch_model.bin")
    config = json.loads(model.config.to_json_string(use_diff=False))
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(
        json.dumps(PREPROCESSOR | {"size": side, "crop_size": side * 8 // 7 if side % 7 == 0 else side})
    )
    return folder


def compare(theirs: Any, ours: Perceiver, side: int, latents: slice = slice(None)) -> tuple[float, float]:
    """The largest difference of logits, as a share of the largest, and of attention weights."""
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(inputs=pixels, output_attentions=True)
    trace = ours.trace(ours.input_array(pixels.flatten(2).transpose(1, 2)))
    logits = expected.logits[0]
    maps = expected.cross_attentions[0][0, 0][latents]
    return (
        float((trace.logits - logits).abs().max() / logits.abs().max()),
        float((trace.latent_maps(0, latents) - maps).abs().max()),
    )


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize(("variant", "side"), [("fourier", 28), ("learned", 14), ("conv", 224)])
def test_small_models_equal_the_peers(variant: str, side: int, kind: str, tmp_path: Path) -> None:
    theirs = peer(variant, side, len(LABELS), **SMALL)
    ours = perceiver.load(save(theirs, tmp_path, side, kind, LABELS))
    logits, maps = compare(theirs, ours, side)
    assert logits < 1e-5
    assert maps < 1e-6
    assert ours.config.labels == LABELS
    assert ours.config.plan == ((0, 0), (None, 0), (None, 0))


@pytest.mark.parametrize("variant", ["fourier", "learned", "conv"])
def test_full_size_models_equal_the_peers(variant: str, tmp_path: Path) -> None:
    theirs = peer(variant, 224, 1000, **FULL)
    folder = save(theirs, tmp_path, 224)
    found = inspect(folder)
    assert found.parameters == {"fourier": 48_440_627, "learned": 62_255_848, "conv": 48_646_522}[variant]
    logits, maps = compare(theirs, perceiver.load(folder), 224, slice(0, 32))
    assert logits < 1e-4
    assert maps < 1e-5


def test_options_of_the_configuration_are_read(tmp_path: Path) -> None:
    options = {
        "cross_attention_widening_factor": 3,
        "self_attention_widening_factor": 2,
        "cross_attention_shape_for_attention": "q",
        "hidden_act": "gelu_new",
    }
    theirs = peer("fourier", 28, 5, **(SMALL | options))
    ours = perceiver.load(save(theirs, tmp_path, 28))
    assert max(compare(theirs, ours, 28)) < 1e-5
    assert (ours.config.cross_widening, ours.config.self_widening, ours.config.cross_qk_dim) == (3, 2, 32)
    assert ours.config.activation == "gelu_tanh"


def test_pictures_are_prepared_as_its_configuration_says(tmp_path: Path) -> None:
    config = inspect(save(peer("fourier", 224, 5, **SMALL), tmp_path, 224)).config
    assert config is not None
    # Of the shorter side 224 / 256 are cropped, and then resized: the "256" is a ratio and no size.
    assert config.preprocess == {
        "crop": 0.875,
        "resample": "bicubic",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    assert (config.modality, config.input_shape, config.labels) == ("image", (224, 224), ())


def test_switches_to_the_way_of_the_published_weights(tmp_path: Path) -> None:
    folder = save(peer("conv", 224, 5, **SMALL), tmp_path / "conv", 224)
    found = inspect(folder)
    assert [option.name for option in found.options if option.switch] == [
        "hidden_act",
        "padding",
        "turn_kernels",
    ]
    assert found.config is not None
    assert found.config.input_shape == (55, 55)
    ours = perceiver.load(folder, options={"padding": "same", "hidden_act": "gelu_pytorch_tanh"})
    assert ours.config.input_shape == (56, 56)
    assert ours.config.activation == "gelu_tanh"
    turned = perceiver.load(folder, options={"turn_kernels": True})
    assert torch.equal(turned.stem.conv.weight, perceiver.load(folder).stem.conv.weight.transpose(2, 3))
    learned = save(peer("learned", 14, 5, **SMALL), tmp_path / "learned", 14)
    assert perceiver.load(learned).config.decoder_query_residual
    assert not perceiver.load(learned, options={"decoder_query_residual": False}).config.decoder_query_residual


def rewritten(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")
    return folder


def test_nothing_may_be_missing_or_left_over(tmp_path: Path) -> None:
    theirs = peer("fourier", 28, 5, **SMALL)
    first = save(theirs, tmp_path / "first", 28)
    gone = "perceiver.encoder.self_attends.1.mlp.dense2.bias"
    with pytest.raises(CheckpointError, match=f"1 of \\d+ tensors is missing \\({gone}\\)"):
        perceiver.load(rewritten(first, lambda t: {n: v for n, v in t.items() if n != gone}))
    second = save(theirs, tmp_path / "second", 28)
    with pytest.raises(CheckpointError, match=r"1 of \d+ tensors is unexpected \(perceiver\.extra\)"):
        perceiver.load(rewritten(second, lambda t: t | {"perceiver.extra": torch.ones(1)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"use_query_residual": False}, "use_query_residual"),
        ({"num_blocks": "eight"}, "num_blocks is 'eight'"),
        ({"num_self_attention_heads": 7}, "7 heads do not divide"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
    ],
)
def test_what_cannot_be_represented_is_refused_by_name(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = save(peer("fourier", 28, 5, **SMALL), tmp_path, 28)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said):
        perceiver.load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"do_resize": False}, "do_resize"),
        ({"rescale_factor": 0.0}, "rescale_factor = 0.0"),
        ({"size": {"height": 28, "width": 28}, "crop_size": {"height": 32, "width": 64}}, "crop_size"),
        ({"size": "large"}, "size = 'large'"),
    ],
)
def test_preprocessing_that_is_not_represented(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = save(peer("fourier", 28, 5, **SMALL), tmp_path, 28)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR | change))
    with pytest.raises(CheckpointError, match=said):
        perceiver.load(folder)


def test_perceivers_that_are_no_classifiers(tmp_path: Path) -> None:
    transformers, modeling = library()
    config = transformers.PerceiverConfig(
        num_latents=4, d_latents=16, d_model=16, num_blocks=1, num_self_attends_per_block=1, vocab_size=20
    )
    language = modeling.PerceiverForMaskedLM(config)
    with pytest.raises(CheckpointError, match="language model"):
        perceiver.load(save(language, tmp_path / "language", 28))
    state = {
        name.removeprefix("perceiver."): tensor
        for name, tensor in peer("fourier", 28, 5, **SMALL).state_dict().items()
        if name.startswith(("perceiver.embeddings", "perceiver.encoder"))
    }
    (tmp_path / "bare").mkdir()
    save_file(state, tmp_path / "bare" / "model.safetensors")
    with pytest.raises(CheckpointError, match="an encoder without a classifier"):
        perceiver.load(tmp_path / "bare")


def test_a_single_file_without_a_configuration(tmp_path: Path) -> None:
    theirs = peer("fourier", 224, 5, **SMALL)
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    found = inspect(tmp_path / "weights.pt", options={"num_blocks": 3})
    assert found.config is not None
    assert len(found.config.plan) == 3
    assert "has no id2label, so its classes have no names" in found.notes
    ours = perceiver.load(tmp_path / "weights.pt", options={"num_blocks": 3})
    assert max(compare(theirs, ours, 224)) < 1e-5


def test_convolution_elements_lie_where_they_read(tmp_path: Path) -> None:
    """Each element's cell is centred on the pixels that its value depends on."""
    for padding, arguments in (("transformers", {}), ("same", {"padding": "same"})):
        folder = save(peer("conv", 224, 5, **SMALL), tmp_path / padding, 224)
        ours = perceiver.load(folder, options=arguments)
        stem = ours.config.stem
        assert stem is not None
        assert stem.cells is not None
        assert ours.config.preprocess["cells"] == stem.cells
        pixels = torch.randn(1, 224 * 224, 3, generator=torch.Generator().manual_seed(0))
        element = 20 * stem.grid[1] + 30
        touched = torch.zeros(224, 224)
        for channel in range(ours.config.content_channels):
            given = pixels.clone().requires_grad_()
            ours.stem(given)[0, element, channel].backward()
            touched += given.grad[0].abs().sum(-1).reshape(224, 224)
        for axis, place in ((1, 20), (0, 30)):
            read = torch.nonzero(touched.sum(axis)).flatten()
            centre = (read.min() + read.max() + 1) / 2
            start = stem.cells[1 - axis][0] + 4 * place
            assert float(centre) == pytest.approx(start + 2)


def test_equal_padding_is_that_of_tensorflow_and_jax() -> None:
    """SAME padding by its definition, on numbers small enough to follow: rows in, rows out, one kernel of ones."""
    from perceiver.config import same_padding

    for size in range(1, 12):
        for kernel, stride in ((7, 2), (3, 2)):
            before, behind = same_padding(size, kernel, stride)
            padded = torch.nn.functional.pad(torch.ones(1, 1, size), (before, behind))
            out = torch.nn.functional.conv1d(padded, torch.ones(1, 1, kernel), stride=stride)
            assert out.shape[-1] == -(-size // stride)
            assert behind - before in (0, 1)
