"""Equality with krasserm's perceiver-io, in its own files and by what it computed for weights told by their names.

`tests/peers/krasserm_golden.py` ran that library and wrote the golden files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import perceiver
from perceiver import CheckpointError, Perceiver, modalities
from perceiver.checkpoints import inspect
from tests.modalities import files
from tests.peers.fill import even, fill

GOLDEN = Path(__file__).parents[2] / "peers" / "golden"
FORMATS = GOLDEN / "krasserm"
POSITIONS = "0.input_adapter.position_encoding.position_encoding"

# Read off the library's forward pass: the first cross-attention and the first block have weights of their own unless
# they are said to be shared, and only the first three of four blocks read the picture.
PLANS = {
    "one": ((0, 0), (None, 0), (None, 0), (None, 0)),
    "apart": ((0, 0), (1, 1), (1, 1), (None, 1)),
    "paper": ((0, 0), (1, 0), (1, 0), (None, 0)),
    "cross": ((0, 0), (0, 1), (0, 1), (None, 1)),
    "tied": ((0, 0), (0, 0), (0, 0), (None, 0)),
    "no-residual": ((0, 0), (None, 0), (None, 0), (None, 0)),
    "widths": ((0, 0), (1, 0), (None, 0), (None, 0)),
    "grey": ((0, 0), (1, 1), (None, 1)),
    "full": ((0, 0), *((None, 0),) * 7),
}
# What the library counts, without its position encoding.
PARAMETERS = {"grey": 907_212, "full": 48_440_627}


class Golden:
    """One variant: what the library said about it and computed."""

    def __init__(self, name: str) -> None:
        with np.load(GOLDEN / f"krasserm-{name}.npz") as file:
            self.arrays = dict(file)
        about = json.loads(str(self.arrays["about"]))
        self.config: dict[str, Any] = about["config"]
        self.shapes: dict[str, list[int]] = about["shapes"]
        self.buffers: list[str] = about["buffers"]

    def state(self) -> dict[str, Tensor]:
        """The state dict; the position encoding, which must not be read, holds zeros."""
        return {
            name: torch.zeros(shape) if name in self.buffers else torch.from_numpy(fill(name, tuple(shape)))
            for name, shape in self.shapes.items()
        }

    def save(
        self, folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict, **config: Any
    ) -> Path:
        """A folder as the library's classifier for the hub saves it, but for the prefix of names."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(change(self.state()), folder / "pytorch_model.bin")
        values = {"model_type": "perceiver-io-image-classifier", "model_config": self.config} | config
        (folder / "config.json").write_text(json.dumps(values))
        return folder

    def compare(self, ours: Perceiver) -> tuple[float, float]:
        """The largest difference of logits, as a share of the largest, and of attention weights."""
        pixels = torch.from_numpy(even("input", (1, *self.config["encoder"]["image_shape"])))
        trace = ours.trace(ours.input_array(pixels.flatten(1, 2)))
        logits = torch.from_numpy(self.arrays["logits"])
        largest = 0.0
        for i, block in enumerate(trace.blocks):
            elements, weights = self.arrays[f"elements_{i}"], self.arrays[f"map_{i}"]
            for head, latents in enumerate(weights):
                for latent, expected in zip(self.arrays["latents"].tolist(), latents, strict=True):
                    found = trace.map(block, latent=latent, head=head).numpy()[elements]
                    largest = max(largest, float(np.abs(found - expected).max()))
        assert f"map_{len(trace.blocks)}" not in self.arrays
        return float((trace.logits - logits).abs().max() / logits.abs().max()), largest


def changed(config: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A configuration with some options of the encoder or, after "decoder_", of the decoder changed."""
    parts: dict[str, dict[str, Any]] = {"encoder": {}, "decoder": {}}
    for name, value in options.items():
        part = "decoder" if name.startswith("decoder_") else "encoder"
        parts[part][name.removeprefix("decoder_")] = value
    return config | {part: config[part] | values for part, values in parts.items()}


@pytest.mark.parametrize("name", PLANS)
def test_models_equal_the_peers(name: str, tmp_path: Path) -> None:
    golden = Golden(name)
    found = inspect(golden.save(tmp_path))
    ours = perceiver.load(tmp_path)
    assert ours.config.plan == PLANS[name]
    assert found.parameters == PARAMETERS.get(name, found.parameters)
    assert found.parameters == sum(parameter.numel() for parameter in ours.parameters())
    logits, maps = golden.compare(ours)
    assert logits < 1e-5
    assert maps < 1e-6


@pytest.mark.parametrize("path", ["training.ckpt", "weights.pt", "hub"])
def test_all_three_formats_are_read(path: str) -> None:
    arguments: dict[str, Any] = {}
    if path == "weights.pt":
        # Shapes leave the repeats open, and heads where both of the library's defaults are possible.
        found = inspect(FORMATS / path)
        assert [one.name for one in found.open_options] == [
            "num_self_attention_blocks",
            "num_cross_attention_layers",
            "decoder.num_cross_attention_heads",
        ]
        assert found.values["image_shape"] == "6 x 6 x 1"
        assert found.values["num_cross_attention_heads"] == 1
        arguments = {
            "num_self_attention_blocks": 3,
            "num_cross_attention_layers": 2,
            "num_self_attention_heads": 4,
            "decoder": {"num_cross_attention_heads": 1},
        }
    ours = perceiver.load(FORMATS / path, options=arguments)
    pixels = torch.from_numpy(even("input", (1, 36, 1)))
    with np.load(FORMATS / "logits.npz") as file:
        assert torch.allclose(ours(ours.input_array(pixels))[0], torch.from_numpy(file["logits"]), rtol=0, atol=1e-5)
    assert ours.config.plan == ((0, 0), (1, 0), (None, 0))
    assert ours.config.labels == (("A", "B", "C", "D", "E") if path == "hub" else ())
    assert inspect(FORMATS / path, options=arguments).family == "krasserm"


def test_names_of_version_0_6(tmp_path: Path) -> None:
    """It computes the same, and calls three tensors otherwise."""
    renamed = {
        "0.latent_provider._query": "0.latent",
        POSITIONS: "0.input_adapter.position_encoding",
        "1.output_query_provider._query": "1.output_adapter._output_query",
    }
    golden = Golden("paper")
    ours = perceiver.load(golden.save(tmp_path, lambda state: {renamed.get(n, n): t for n, t in state.items()}))
    assert max(golden.compare(ours)) < 1e-5


def test_grey_pictures_are_read_as_the_library_prepares_them() -> None:
    ours = perceiver.load(FORMATS / "hub")
    assert ours.config.preprocess == {"crop": 1.0, "resample": "bicubic", "channels": 1, "mean": [0.5], "std": [0.5]}
    sample = modalities.get("image").read(
        files.save(files.noise(6, 6)), "a.png", shape=ours.config.input_shape, preprocess=ours.config.preprocess
    )
    luma = np.array(files.noise(6, 6).convert("L"), dtype=np.float32)
    assert np.allclose(sample.content.numpy(), (luma.reshape(36, 1) / 255 - 0.5) / 0.5, atol=1e-6)
    assert ours.trace(ours.inputs(sample)).blocks == (0, 1)


def test_colour_pictures_are_prepared_as_the_folder_says(tmp_path: Path) -> None:
    small = inspect(Golden("one").save(tmp_path / "small")).config
    assert small is not None
    assert small.preprocess["crop"] == 1.0
    assert small.positions.max_resolution == (12.0, 12.0)
    # Of the published model's size, without the file that says so: its middle, as DeepMind's.
    large = changed(Golden("one").config, image_shape=[224, 224, 3])
    folder = Golden("one").save(
        tmp_path / "large", lambda s: s | {POSITIONS: torch.zeros(224**2, 22)}, model_config=large
    )
    found = inspect(folder)
    assert found.config is not None
    assert found.config.preprocess["crop"] == 0.875
    assert any("no preprocessor_config.json" in note for note in found.notes)
    values = {"size": 12, "crop_size": 16, "do_center_crop": True, "image_mean": [0.5, 0.4, 0.3], "resample": 2}
    folder = Golden("one").save(tmp_path / "cropped")
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    config = inspect(folder).config
    assert config is not None
    assert config.preprocess == {
        "crop": 0.75,
        "resample": "bilinear",
        "mean": [0.5, 0.4, 0.3],
        "std": [0.229, 0.224, 0.225],
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size": 14, "crop_size": 14}, "prepared for 14 x 14 pixels and reads 12 x 12"),
        ({"size": 12, "crop_size": 12, "single_channel": True}, "single_channel"),
        ({"size": 12, "crop_size": 12, "image_mean": [0.5]}, "1 numbers of image_mean for 3 channels"),
        ({"size": 12, "crop_size": 12, "do_resize": False}, "do_resize"),
    ],
)
def test_preprocessing_that_is_not_represented(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = Golden("one").save(tmp_path)
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=said):
        inspect(folder)


def test_nothing_may_be_missing_or_left_over(tmp_path: Path) -> None:
    golden, gone = Golden("apart"), "0.self_attn_n.1.1.module.3.bias"
    folder = golden.save(tmp_path / "less", lambda state: {n: t for n, t in state.items() if n != gone})
    with pytest.raises(CheckpointError, match=rf"1 of \d+ tensors is missing \({gone}\)"):
        perceiver.load(folder)
    folder = golden.save(tmp_path / "more", lambda state: state | {"0.cross_attn_n.extra": torch.ones(1)})
    with pytest.raises(CheckpointError, match=r"1 of \d+ tensors is unexpected \(0\.cross_attn_n\.extra\)"):
        perceiver.load(folder)
    # A third layer of a block that has two: of the others', of which the first block has none.
    layer = {name.replace("_n.1.", "_n.2."): t for name, t in golden.state().items() if "self_attn_n.1." in name}
    with pytest.raises(CheckpointError, match=r"16 of \d+ tensors are unexpected"):
        perceiver.load(golden.save(tmp_path / "layer", lambda state: state | layer))


def test_the_position_code_need_not_be_in_the_file(tmp_path: Path) -> None:
    golden = Golden("grey")
    folder = golden.save(tmp_path, lambda state: {n: t for n, t in state.items() if n != POSITIONS})
    assert golden.compare(perceiver.load(folder))[0] < 1e-5
    (folder / "config.json").unlink()
    given = {"num_self_attention_blocks": 3, "num_cross_attention_layers": 2, "decoder.num_cross_attention_heads": 1}
    found = inspect(folder, options=given)
    assert [one.name for one in found.open_options] == ["image_shape"]
    found = inspect(folder, options=given | {"image_shape": [28, 28, 1]})
    assert found.config is not None
    assert (found.config.positions.num_bands, found.config.content_channels) == (32, 1)
    with pytest.raises(CheckpointError, match=r"image_shape is 28 x 28 x 3, and .* reads 1 channels of content"):
        inspect(folder, options=given | {"image_shape": "28 x 28 x 3"})


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("one", {"num_self_attention_heads": 3}, "num_self_attention_heads is 3"),
        ("one", {"num_cross_attention_heads": 2}, "num_cross_attention_heads is 2, which the 25 channels"),
        ("one", {"decoder_num_cross_attention_heads": 5}, r"decoder\.num_cross_attention_heads is 5"),
        ("one", {"decoder_cross_attention_residual": False}, r"decoder\.cross_attention_residual = False"),
        ("no-residual", {"decoder_cross_attention_residual": True}, r"decoder\.cross_attention_residual = True"),
        ("one", {"num_self_attention_blocks": "four"}, "num_self_attention_blocks is 'four'"),
        ("one", {"num_cross_attention_layers": 5}, "there cannot be more cross-attentions than blocks"),
        ("one", {"num_cross_attention_layers": 2}, "first_cross_attention_layer_shared = False, and holds no weights"),
        ("tied", {"first_self_attention_block_shared": False}, "first_self_attention_block_shared = False"),
        ("apart", {"first_self_attention_block_shared": True}, "first_self_attention_block_shared = True, and holds"),
        ("apart", {"num_cross_attention_layers": 1}, "num_cross_attention_layers is 1"),
        ("one", {"num_frequency_bands": 4}, "num_frequency_bands = 4 .* tensors give 5"),
        ("one", {"image_shape": [10, 12, 3]}, "image_shape is 10 x 12 x 3, and .* 144 elements"),
        ("one", {"image_shape": [144, 3]}, "image_shape is 144 x 3; it must be height, width and channels"),
        ("one", {"cross_attention_widening_factor": 4}, "cross_attention_widening_factor = 4"),
        ("one", {"num_self_attention_layers_per_block": 6}, "num_self_attention_layers_per_block = 6"),
    ],
)
def test_options_that_contradict_the_tensors_are_refused_by_name(
    name: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    golden = Golden(name)
    with pytest.raises(CheckpointError, match=said):
        inspect(golden.save(tmp_path, model_config=changed(golden.config, **options)))


def test_what_cannot_be_represented_is_refused_by_name(tmp_path: Path) -> None:
    def without_residual(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name.replace("cross_attn_1.0.module.", "cross_attn_1.0."): t for name, t in state.items()}

    def several_queries(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state | {"1.output_query_provider._query": torch.ones(3, 16)}

    def narrow_queries(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {n: t[:8] if "self_attn_1" in n and ("q_proj" in n or "k_proj" in n) else t for n, t in state.items()}

    golden = Golden("one")
    for number, (change, said) in enumerate(
        [
            (without_residual, "attention_residual off"),
            (several_queries, "num_output_queries = 3"),
            (narrow_queries, "num_self_attention_qk_channels than num_self_attention_v_channels"),
        ]
    ):
        with pytest.raises(CheckpointError, match=said):
            inspect(golden.save(tmp_path / str(number), change))
    with pytest.raises(CheckpointError, match="has no cross_heads"):
        inspect(golden.save(tmp_path), options={"cross_heads": 1})
    folder = golden.save(tmp_path, model_config=changed(golden.config, num_rotary_layers=1, decoder_window=3))
    told = "ignored what is no option of perceiver-io's image classifier: num_rotary_layers, decoder.window"
    assert told in inspect(folder).notes


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (7, 5, 2)])
@pytest.mark.parametrize(
    "name",
    [
        "0.latent_provider._query",
        POSITIONS,
        "0.cross_attn_1.0.module.kv_norm.weight",
        "0.cross_attn_n.0.module.attention.q_proj.weight",
        "0.self_attn_1.0.1.module.1.weight",
        "1.output_query_provider._query",
        "1.output_adapter.linear.weight",
    ],
)
def test_no_shape_raises_anything_but_a_checkpoint_error(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    folder = Golden("one" if "_n." not in name else "paper").save(tmp_path, lambda s: s | {name: torch.ones(shape)})
    with pytest.raises(CheckpointError):
        perceiver.load(folder)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("0.latent_provider._query", "0.input_adapter.txt_embedding.weight"), "a model of text"),
        (("0.latent_provider._query", "0.input_adapter.linear.weight"), "a model of optical flow"),
        (("input_adapter.txt_embedding.weight", "out_norm.weight"), "a Perceiver AR"),
        (("0.latent_provider._query",), "no classifier"),
    ],
)
def test_the_librarys_other_models(names: tuple[str, ...], said: str, tmp_path: Path) -> None:
    torch.save({f"model.{name}": torch.ones(2, 2) for name in names}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=said):
        perceiver.load(tmp_path / "weights.pt")
