"""Equality with perceiver-pytorch, live with its present version and from stored answers of older ones; refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor

import perceiver
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints import inspect
from perceiver.checkpoints.formats import Checkpoint
from perceiver.checkpoints.formats.lucidrains import Lucidrains
from perceiver.checkpoints.tensors.file import open_tensor_file
from tests.peers.lucidrains_golden import GOLDEN, SMALL, answers, data, filled, part, shared

peers = pytest.importorskip("perceiver_pytorch")

SHAPE = (5, 6)


def peer(**changes: Any) -> Any:
    """The library's own model with numbers in place of its start, where norms and biases would not show."""
    model = peers.Perceiver(**SMALL | changes).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict({name: torch.from_numpy(v) for name, v in filled(shapes, shared(model)).items()})
    return model


def saved(state: Mapping[str, Tensor], folder: Path, arguments: Mapping[str, Any] | None = None) -> Path:
    """A file as torch.save writes it, and its constructor's arguments beside it."""
    folder.mkdir(exist_ok=True)
    torch.save(dict(state), folder / "model.pt")
    if arguments is not None:
        (folder / "config.json").write_text(json.dumps(arguments))
    return folder / "model.pt"


def compare(ours: Perceiver, inputs: Tensor, logits: Tensor, maps: Mapping[int, Tensor]) -> tuple[float, float]:
    """The largest difference of logits, as a share of the largest, and of attention weights."""
    content = inputs.flatten(1, -2)
    free = ours.config.position_axes is not None
    array = ours.input_array(content[..., :0], ours.encoding.at(content)) if free else ours.input_array(content)
    trace = ours.trace(array)
    apart = 0.0
    for block, expected in maps.items():
        for head, rows in enumerate(expected):
            got = part(trace.latent_maps(block, slice(0, len(rows)), head=head).unsqueeze(0))[0]
            apart = max(apart, float((got - rows).abs().max()))
    return float((trace.logits - logits).abs().max() / logits.abs().max()), apart


VARIANTS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "tied": ({"weight_tie_layers": True}, SHAPE),
    "untied": ({"weight_tie_layers": False}, SHAPE),
    "tied, 3 self-attentions": ({"weight_tie_layers": True, "self_per_cross_attn": 3, "depth": 4}, SHAPE),
    "untied, 3 self-attentions": ({"self_per_cross_attn": 3}, SHAPE),
    "no self-attention": ({"self_per_cross_attn": 0}, SHAPE),
    "one block": ({"depth": 1}, SHAPE),
    "one head": ({"cross_heads": 1, "latent_heads": 1}, SHAPE),
    "one channel": ({"input_channels": 1}, SHAPE),
    "one axis": ({"input_axis": 1, "input_channels": 4}, (20,)),
    "three axes": ({"input_axis": 3, "input_channels": 2}, (2, 3, 4)),
    "points": ({"input_axis": 1, "fourier_encode_data": False}, (20,)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_peers_models_are_equal(variant: str, tmp_path: Path) -> None:
    changes, shape = VARIANTS[variant]
    theirs, arguments = peer(**changes), SMALL | changes | {"input_shape": list(shape)}
    if variant == "points":
        arguments["modality"] = "points"
    file = saved(theirs.state_dict(), tmp_path, arguments)
    inputs = data(arguments, shape)
    logits, maps = answers(theirs, inputs, arguments["cross_heads"])
    ours = perceiver.load(file)
    assert len(maps) == arguments["depth"]
    apart = compare(ours, inputs, logits, {block: part(map_) for block, map_ in enumerate(maps)})
    assert apart[0] < 1e-5
    assert apart[1] < 1e-5
    assert ours.config.cross_attention_blocks == tuple(range(arguments["depth"]))
    # Shared weights are counted once, on both sides.
    assert inspect(file).parameters == sum(p.numel() for p in theirs.parameters())
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("case", [name.removesuffix("/about") for name in np.load(GOLDEN) if name.endswith("/about")])
def test_stored_answers_of_every_layout_are_met(case: str, tmp_path: Path) -> None:
    golden = np.load(GOLDEN)
    about = json.loads(golden[f"{case}/about"].tobytes())
    arguments = about["arguments"] | {"input_shape": about["shape"]}
    if case in ("0.7.3", "0.7.5"):  # the same names, and frequencies by logarithm in one and evenly in the other
        arguments["spacing"] = "logarithmic" if case == "0.7.3" else "linear"
    weights = filled({name: tuple(shape) for name, shape in about["shapes"].items()}, about["copies"])
    tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
    ours = perceiver.load(saved(tensors, tmp_path, arguments))
    del weights, tensors
    maps = dict(zip(about["blocks"], torch.from_numpy(golden[f"{case}/maps"]), strict=True))
    inputs = data(arguments, about["shape"])
    logits, apart = compare(ours, inputs, torch.from_numpy(golden[f"{case}/logits"]), maps)
    assert logits < 1e-4
    assert apart < 1e-5
    assert apart < 1e-4 * golden[f"{case}/peaks"].min()
    tied = arguments["weight_tie_layers"]
    assert ours.config.plan[:3] == ((0, 0), (1, 1), (1, 1) if tied else (2, 2))
    old = case in ("0.2.1", "0.7.0", "0.7.3")
    assert ours.config.positions.spacing == ("logarithmic" if old else "linear")


def test_tied_layers_are_found_by_their_numbers(tmp_path: Path) -> None:
    file = saved(peer(weight_tie_layers=True, depth=4).state_dict(), tmp_path)
    found = inspect(file, options={"input_shape": [5, 6], "max_freq": 12, "cross_heads": 2, "latent_heads": 3})
    assert found.config is not None
    assert found.config.plan == ((0, 0), (1, 1), (1, 1), (1, 1))
    assert any("blocks 2 to 4 share their weights" in note for note in found.notes)
    assert not {"weight_tie_layers", "depth"} & {option.name for option in found.options}


def test_blocks_that_share_only_a_part_are_represented(tmp_path: Path) -> None:
    state = dict(peer(depth=3).state_dict())
    for name in list(state):
        if name.startswith("layers.1.cross_"):
            state[name.replace("layers.1.", "layers.2.")] = state[name]
    theirs = peer(depth=3)
    theirs.load_state_dict(state)
    ours = perceiver.load(saved(state, tmp_path, SMALL | {"input_shape": SHAPE}))
    assert ours.config.plan == ((0, 0), (1, 1), (1, 2))
    inputs = data(SMALL, SHAPE)
    logits, maps = answers(theirs, inputs, 2)
    assert compare(ours, inputs, logits, dict(enumerate(map(part, maps))))[0] < 1e-5


def test_tied_layers_saved_once_need_their_number(tmp_path: Path) -> None:
    theirs = peer(weight_tie_layers=True, depth=4)
    save_model(theirs, str(tmp_path / "model.safetensors"))
    arguments = SMALL | {"input_shape": list(SHAPE), "weight_tie_layers": True}
    del arguments["depth"]
    found = inspect(tmp_path, options=arguments)
    assert [option.name for option in found.open_options] == ["depth"]
    ours = perceiver.load(tmp_path, options=arguments | {"depth": 4})
    inputs = data(SMALL, SHAPE)
    logits, maps = answers(theirs, inputs, 2)
    assert compare(ours, inputs, logits, dict(enumerate(map(part, maps))))[0] < 1e-5


def test_without_numbers_tying_is_asked(tmp_path: Path) -> None:
    entries = open_tensor_file(saved(peer(weight_tie_layers=True).state_dict(), tmp_path)).entries
    known = SMALL | {"input_shape": list(SHAPE)}
    checkpoint = Checkpoint("model.pt", entries, options=known)
    asked = {option.name: option for option in Lucidrains().options(checkpoint)}
    assert asked["weight_tie_layers"].default is None
    for tied, plan in ((True, ((0, 0), (1, 1), (1, 1))), (False, ((0, 0), (1, 1), (2, 2)))):
        settled = replace(checkpoint, options=known | {"weight_tie_layers": tied})
        assert Lucidrains().convert(settled).config.plan == plan


def test_what_shapes_do_not_tell_is_asked(tmp_path: Path) -> None:
    file = saved(peer(cross_heads=1, cross_dim_head=64, latent_heads=4, latent_dim_head=16).state_dict(), tmp_path)
    found = inspect(file)
    # 64 wide is one head of the default width; the self-attention's 64 are not the eight heads of 64 by default.
    assert {option.name for option in found.open_options} == {"input_shape", "max_freq", "latent_heads"}
    assert found.config is None
    with pytest.raises(CheckpointError, match="max_freq"):
        perceiver.load(file)
    # Three channels of colour leave five bands on each of two axes.
    assert found.values["num_freq_bands"] == 5
    assert found.values["cross_heads"] == 1
    known = {"input_shape": "5x6", "max_freq": 12, "latent_dim_head": 16}
    config = inspect(file, options=known).config
    assert config is not None
    assert (config.self_heads, config.content_channels, config.modality) == (4, 3, "image")
    # On one axis any number of bands leaves some content.
    alone = inspect(file, options=known | {"input_shape": [30]})
    assert {option.name for option in alone.open_options} == {"num_freq_bands"}


def test_arguments_given_go_before_those_beside_the_weights(tmp_path: Path) -> None:
    state = peer().state_dict()
    file = saved(state, tmp_path, SMALL | {"input_shape": [5, 6], "max_freq": 8.0, "epochs": 90, "freq_base": 2})
    found = inspect(file, options={"max_freq": 20.0, "labels": [str(i) for i in range(10)]})
    assert found.config is not None
    assert found.config.positions.max_resolution == (20.0, 20.0)
    assert found.config.labels[9] == "9"
    assert any(note.endswith("epochs") for note in found.notes)
    assert inspect(file).config.positions.max_resolution == (8.0, 8.0)  # type: ignore[union-attr]


def test_hyper_parameters_of_training_are_read(tmp_path: Path) -> None:
    state = {f"model.{name}": tensor for name, tensor in peer().state_dict().items()}
    whole = {"state_dict": state, "hyper_parameters": SMALL | {"input_shape": [5, 6], "lr": 0.1}}
    torch.save(whole, tmp_path / "last.ckpt")
    config = inspect(tmp_path / "last.ckpt").config
    assert config is not None
    assert config.cross_heads == 2


def test_half_precision_is_read_and_said(tmp_path: Path) -> None:
    state = {name: tensor.half() for name, tensor in peer().state_dict().items()}
    found = inspect(saved(state, tmp_path, SMALL | {"input_shape": SHAPE}))
    assert any("positions are computed in float32" in note for note in found.notes)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"depth": 4}, "depth"),
        ({"num_latents": 8}, "num_latents"),
        ({"num_classes": 11}, "num_classes"),
        ({"latent_dim": 32}, "latent_dim"),
        ({"input_channels": 1}, "input_channels"),
        ({"input_axis": 3}, "input_axis"),
        ({"num_freq_bands": 4}, "input_channels"),
        ({"num_freq_bands": 60}, "num_freq_bands"),
        ({"self_per_cross_attn": 2}, "self_per_cross_attn"),
        ({"cross_dim_head": 12}, "cross_dim_head"),
        ({"latent_dim_head": 7}, "latent_dim_head"),
        ({"latent_heads": 5}, "latent_heads"),
        ({"weight_tie_layers": True}, "weight_tie_layers"),
        ({"inverted_cross_attn": True}, "inverted_cross_attn"),
        ({"inverted_cross_attn": [False, True, False]}, "inverted_cross_attn"),
        ({"attn_residual": True}, "attn_residual"),
        ({"final_classifier_head": False}, "final_classifier_head"),
        ({"self_attn_rel_pos": True}, "self_attn_rel_pos"),
        ({"position_dtype": "float16"}, "position_dtype"),
        ({"fourier_encode_data": False}, "fourier_encode_data"),
        ({"modality": "points", "input_shape": [30]}, "fourier_encode_data"),
        ({"max_freq": 1.0}, "max_freq"),
        ({"max_freq": "high"}, "max_freq"),
        ({"input_shape": [5, 0]}, "input_shape"),
        ({"input_shape": [1, 30]}, "input_shape"),
        ({"input_shape": "wide"}, "input_shape"),
        ({"spacing": "cubic"}, "spacing"),
        ({"labels": ["one"]}, "labels"),
        ({"qkv_bias": True}, "qkv_bias"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(arguments: dict[str, Any], name: str, tmp_path: Path) -> None:
    file = saved(peer().state_dict(), tmp_path, SMALL | {"input_shape": list(SHAPE)})
    with pytest.raises(CheckpointError, match=name):
        inspect(file, options=arguments)


def test_other_models_of_the_library_are_refused_by_what_they_are(tmp_path: Path) -> None:
    from perceiver_pytorch import experimental, gated, mixed_latents

    small = {name: value for name, value in SMALL.items() if name != "fourier_encode_data"}
    io = {"depth": 2, "dim": 8, "queries_dim": 8, "num_latents": 4, "latent_dim": 16, "logits_dim": 3}
    text = {"dim": 8, "num_tokens": 9, "max_seq_len": 5, "depth": 1, "num_latents": 4, "latent_dim": 16}
    models = {
        "gated": gated.Perceiver(**small),
        "experimental": experimental.Perceiver(**small),
        "mixed latents": mixed_latents.Perceiver(**small),
        "PerceiverIO": peers.PerceiverIO(**io),
        "PerceiverLM": peers.PerceiverLM(**text),
        "attn_residual": peers.Perceiver(**SMALL | {"attn_residual": True}),
        "final_classifier_head": peers.Perceiver(**SMALL | {"final_classifier_head": False}),
    }
    for what, model in models.items():
        with pytest.raises(CheckpointError, match=what):
            inspect(saved(model.state_dict(), tmp_path))


@pytest.mark.parametrize("missing", ["layers.1.cross_ff.norm.bias", "layers.1.", "to_logits.1.weight"])
def test_a_file_that_lacks_weights_is_refused(missing: str, tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in peer().state_dict().items() if not name.startswith(missing)}
    with pytest.raises(CheckpointError, match="missing"):
        perceiver.load(saved(state, tmp_path, {**SMALL, "input_shape": SHAPE, "depth": 3}))


def test_safetensors_files_are_read_too(tmp_path: Path) -> None:
    theirs = peer(weight_tie_layers=True)
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(SMALL | {"input_shape": SHAPE}))
    inputs = data(SMALL, SHAPE)
    logits, maps = answers(theirs, inputs, 2)
    assert compare(perceiver.load(tmp_path), inputs, logits, dict(enumerate(map(part, maps))))[0] < 1e-5
