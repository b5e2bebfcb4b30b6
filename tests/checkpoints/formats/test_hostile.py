"""Settings and shapes that nobody writes: whatever is wrong, one sentence comes out, and soon."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import perceiver
from perceiver import CheckpointError
from perceiver.checkpoints import inspect
from perceiver.checkpoints.folder import read_json
from perceiver.checkpoints.tensors.file import open_tensor_file
from tests.checkpoints.formats.test_krasserm import FORMATS
from tests.peers.fill import fill

NESTED: Any = []
for _ in range(500):
    NESTED = {"model": NESTED, "other": [NESTED] if NESTED == [] else []}
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2.5, 1e308, 10**400, 2**20, 2**31, -(2**63), "", "x", "224 x 224", "9" * 5000),
    *([], [1], [0.5, 0.5, 0.5], [None], ["a"], [[1]], {}, {"a": 1}, {"height": 0, "width": -1}, {"height": True}),
    *({"shortest_edge": 224}, list(range(1000)), {str(i): i for i in range(3000)}, "\x1b[31m\n", NESTED),
)
CONV = "perceiver.input_preprocessor.convnet"


def transformers_names(kind: str, width: int) -> dict[str, tuple[int, ...]]:
    """The tensors of one of Transformers' small models, by name: 4 latents of width 8, one layer, 5 classes."""

    def linear(name: str, out: int, inner: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.weight": (out, inner), f"{name}.bias": (out,)}

    def norm(name: str, dim: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}

    def layer(name: str, read: int | None) -> dict[str, tuple[int, ...]]:
        inner = 8 if read is None else read
        own = f"{name}.attention.self"
        return (
            norm(f"{own}.layernorm1", 8)
            | (norm(f"{own}.layernorm2", inner) if read else {})
            | linear(f"{own}.query", inner, 8)
            | linear(f"{own}.key", inner, inner)
            | linear(f"{own}.value", inner, inner)
            | linear(f"{name}.attention.output.dense", 8, inner)
            | norm(f"{name}.layernorm", 8)
            | linear(f"{name}.mlp.dense1", 8, 8)
            | linear(f"{name}.mlp.dense2", 8, 8)
        )

    decoder, front = "perceiver.decoder.decoder", "perceiver.input_preprocessor"
    stem: dict[str, tuple[int, ...]] = {}
    if kind == "conv":
        stem = {f"{CONV}.conv.weight": (64, 3, 7, 7)} | norm(f"{CONV}.batchnorm", 64)
        stem |= {f"{CONV}.batchnorm.running_mean": (64,), f"{CONV}.batchnorm.running_var": (64,)}
    if kind == "learned":
        stem = {f"{front}.convnet_1x1.weight": (256, 3, 1, 1), f"{front}.convnet_1x1.bias": (256,)}
        stem |= {f"{front}.position_embeddings.position_embeddings": (16, 256)}
        stem |= linear(f"{front}.positions_projection", 256, 256)
    return (
        {"perceiver.embeddings.latents": (4, 8)}
        | layer("perceiver.encoder.cross_attention", width)
        | layer("perceiver.encoder.self_attends.0", None)
        | {f"{decoder}.output_position_encodings.position_embeddings": (1, 8)}
        | layer(f"{decoder}.decoding_cross_attention", 8)
        | linear(f"{decoder}.final_layer", 5, 8)
        | stem
    )


def lucidrains_names(blocks: int = 3) -> dict[str, tuple[int, ...]]:
    """The tensors of a small perceiver-pytorch: 4 latents of width 8, heads of 4, one band on two axes, 5 classes."""
    names: dict[str, tuple[int, ...]] = {"latents": (4, 8), "to_logits.1.weight": (8,), "to_logits.1.bias": (8,)}
    names |= {"to_logits.2.weight": (5, 8), "to_logits.2.bias": (5,)}
    for block in range(blocks):
        here = f"layers.{block}"
        for attention, mlp, read in (
            (f"{here}.cross_attn", f"{here}.cross_ff", 9),
            (f"{here}.self_attns.0.0", f"{here}.self_attns.0.1", 8),
        ):
            for part, dim in ((f"{attention}.norm", 8), (f"{mlp}.norm", 8)):
                names |= {f"{part}.weight": (dim,), f"{part}.bias": (dim,)}
            if attention.endswith("cross_attn"):
                names |= {f"{attention}.norm_context.weight": (9,), f"{attention}.norm_context.bias": (9,)}
            names |= {f"{attention}.fn.to_q.weight": (8, 8), f"{attention}.fn.to_kv.weight": (16, read)}
            names |= {f"{attention}.fn.to_out.weight": (8, 8), f"{attention}.fn.to_out.bias": (8,)}
            names |= {f"{mlp}.fn.net.0.weight": (64, 8), f"{mlp}.fn.net.0.bias": (64,)}
            names |= {f"{mlp}.fn.net.2.weight": (8, 32), f"{mlp}.fn.net.2.bias": (8,)}
    return names


LUCIDRAINS = {"num_freq_bands": 1, "max_freq": 4.0, "cross_heads": 2, "latent_heads": 2, "input_shape": [4, 4]}
TRANSFORMERS = {
    "model_type": "perceiver",
    "num_blocks": 2,
    "num_self_attention_heads": 2,
    "num_cross_attention_heads": 1,
    "hidden_act": "gelu",
    "id2label": {str(i): f"class {i}" for i in range(5)},
}
PREPROCESSOR = {
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 3,
    "size": 4,
    "crop_size": 4,
}


def made(names: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors of these shapes."""
    return {name: torch.from_numpy(fill(name, shape)).abs() for name, shape in names.items()}


def folder_of(kind: str, folder: Path) -> Path:
    """A small checkpoint of a kind that opens."""
    folder.mkdir(parents=True)
    if kind == "krasserm":
        shutil.copytree(FORMATS / "hub", folder, dirs_exist_ok=True)
        return folder
    files: dict[str, dict[str, Any]] = {"config.json": LUCIDRAINS}
    names = lucidrains_names()
    if kind != "lucidrains":
        names = transformers_names(kind, {"fourier": 261, "learned": 512, "conv": 322}[kind])
        side = {"size": 28, "crop_size": 32} if kind == "conv" else {}
        files = {"config.json": TRANSFORMERS, "preprocessor_config.json": PREPROCESSOR | side}
    save_file(made(names), folder / "model.safetensors")
    for name, values in files.items():
        (folder / name).write_text(json.dumps(values))
    return folder


KINDS = ("fourier", "learned", "conv", "krasserm", "lucidrains")


def opened(folder: Path, arguments: Mapping[str, Any]) -> str:
    """What is said about it: "" where it opens. Nothing but CheckpointError may come out."""
    try:
        found = inspect(folder, options=arguments)
        json.dumps(found.to_dict())
        found.rows()
        if found.config is not None:
            perceiver.load(folder, options=arguments)
    except CheckpointError as error:
        return str(error)
    return ""


def places(values: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in nested settings."""
    inside = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [(*place, name) for name, _ in inside] + [one for n, v in inside for one in places(v, (*place, n))]


def put(values: Any, place: tuple[Any, ...], strange: Any) -> Any:
    """Nested settings with one changed."""
    if not place:
        return strange
    out = dict(values) if isinstance(values, dict) else list(values)
    out[place[0]] = put(out.get(place[0]) if isinstance(out, dict) else out[place[0]], place[1:], strange)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_strange_settings_end_in_one_sentence(kind: str, tmp_path: Path) -> None:
    """100 settings, of all that there are, replaced by what nobody writes."""
    folder = folder_of(kind, tmp_path / "model")
    assert opened(folder, {}) == ""
    assert "no nonsense" in opened(folder, {"nonsense": 1})
    files = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    asked = [option.name for option in inspect(folder).options]
    asked += ["labels", "preprocess", "depth", "weight_tie_layers", "input_axis", "model", "nonsense"]
    changes = [(name, place, strange) for name in files for place in places(files[name]) for strange in STRANGE]
    changes += [("config.json", (name,), strange) for name in ("id2label", *asked) for strange in STRANGE]
    changes += [("", (name,), strange) for name in asked for strange in STRANGE]
    refused = 0
    for name, place, strange in random.Random(0).sample(changes, 100):
        if name:
            (folder / name).write_text(json.dumps(put(files[name], place, strange)))
        said = opened(folder, {} if name else {place[0]: strange})
        refused += bool(said)
        assert len(said) < 1000, (name, place)
        assert said.isprintable(), (name, place)
        if name:
            (folder / name).write_text(json.dumps(files[name]))
    assert refused > 15


@pytest.mark.parametrize("kind", KINDS[:3] + KINDS[4:])
def test_tensors_of_impossible_shapes_end_in_one_sentence(kind: str, tmp_path: Path) -> None:
    """Empty ones take no room in a file, whatever they claim to be long."""
    folder = folder_of(kind, tmp_path / "model")
    state = made(lucidrains_names() if kind == "lucidrains" else transformers_names(kind, 261))
    shapes: tuple[tuple[int, ...], ...] = ((), (0,), (2**40, 0), (0, 8), (1, 1), (1, 1, 1, 1))
    changes = [(name, shape) for name in state for shape in (*shapes, state[name].shape[:-1])]
    for name, shape in random.Random(1).sample(changes, 60):
        save_file(state | {name: torch.zeros(shape)}, folder / "model.safetensors")
        assert opened(folder, {}), (name, shape)


def test_numbers_made_of_finite_ones_are_looked_at_too(tmp_path: Path) -> None:
    folder = folder_of("conv", tmp_path / "model")
    state = made(transformers_names("conv", 322))
    state[f"{CONV}.batchnorm.running_var"] = -torch.ones(64)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"running_var make stem.conv.weight NaN"):
        perceiver.load(folder)


def test_halves_do_not_keep_the_whole_in_memory(tmp_path: Path) -> None:
    model = perceiver.load(folder_of("lucidrains", tmp_path / "model"))
    for name, tensor in model.state_dict().items():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes, name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"resample": 9}, "resample = 9"),
        ({"resample": [3]}, r"resample = \[3\]"),
        ({"size": 8, "crop_size": 4}, "crop_size of another shape than its size, or a smaller one"),
        ({"image_std": [0.5, 0, 0.5]}, r"image_std = \[0.5, 0, 0.5\]; it must be above 0"),
        ({"image_mean": [0.5]}, "1 numbers of image_mean for 3 channels"),
        ({"image_mean": ["a", "b", "c"]}, "image_mean"),
        ({"do_center_crop": "no"}, "do_center_crop = 'no'"),
    ],
)
def test_preparation_that_means_nothing(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = folder_of("fourier", tmp_path / "model")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR | change))
    assert re.search(said, opened(folder, {}))


def test_one_number_is_for_all_channels(tmp_path: Path) -> None:
    folder = folder_of("fourier", tmp_path / "model")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR | {"image_mean": 0.25}))
    config = inspect(folder).config
    assert config is not None
    assert config.preprocess["mean"] == [0.25, 0.25, 0.25]


def test_notes_and_rows_that_quote_a_file_can_be_shown(tmp_path: Path) -> None:
    folder = folder_of("fourier", tmp_path / "model")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR | {"crop_siz\x7f": 4}))
    labels = {str(i): f"\x1b[2Jclass {i}" for i in range(5)}
    (folder / "config.json").write_text(json.dumps(TRANSFORMERS | {"id2label": labels}))
    found = inspect(folder)
    assert any("crop_siz\ufffd" in note for note in found.notes)
    assert all(text.isprintable() for text in (*found.notes, *(words for _, words in found.rows())))


def test_a_stem_that_reads_other_channels_is_refused(tmp_path: Path) -> None:
    folder = folder_of("conv", tmp_path / "model")
    state = made(transformers_names("conv", 322)) | {f"{CONV}.conv.weight": torch.ones(64, 5, 7, 7)}
    save_file(state, folder / "model.safetensors")
    assert "reads 5 channels a pixel" in opened(folder, {})


@pytest.mark.parametrize("named", [{str(i): i for i in range(5)}, {str(i): "" for i in range(5)}, {"a": "b"}, [], None])
def test_names_of_classes_must_be_texts(named: object, tmp_path: Path) -> None:
    folder = folder_of("fourier", tmp_path / "model")
    (folder / "config.json").write_text(json.dumps(TRANSFORMERS | {"id2label": named}))
    found = inspect(folder)
    assert found.config is not None
    assert found.config.labels == ()
    assert "id2label" in found.notes[-1]


@pytest.mark.parametrize("flag", ["first_cross_attention_layer_shared", "first_self_attention_block_shared"])
def test_a_switch_is_on_or_off(flag: str, tmp_path: Path) -> None:
    assert f"{flag} is 'no'; it must be true or false" in opened(
        folder_of("krasserm", tmp_path / "model"), {flag: "no"}
    )


def test_more_blocks_than_any_model_has(tmp_path: Path) -> None:
    """They would be compared with one another."""
    folder = folder_of("lucidrains", tmp_path / "model")
    save_file(made(lucidrains_names(300)), folder / "model.safetensors")
    assert "has 300 blocks; Perceivers have 1 to 256" in opened(folder, {})


@pytest.mark.parametrize("name", ["a" * 1000, "latents\x1b[2J", "one\ntwo"])
def test_names_that_no_tensor_has(name: str, tmp_path: Path) -> None:
    save_file({name: torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="names a tensor") as caught:
        open_tensor_file(tmp_path / "model.safetensors")
    assert str(caught.value).isprintable()


def test_deep_settings_are_refused_before_they_are_walked(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"a": ' * 100 + "1" + "}" * 100)
    with pytest.raises(CheckpointError, match="nested deeper"):
        read_json(path)
