"""Pictures are prepared as Transformers' own processor prepares them, field by field, or a field is refused by name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from perceiver import CheckpointError, PerceiverConfig, modalities
from perceiver.checkpoints import CheckpointInfo, inspect
from tests.checkpoints.formats.test_hostile import TRANSFORMERS, folder_of, made, transformers_names
from tests.modalities import files

processing = pytest.importorskip("transformers.models.perceiver.image_processing_pil_perceiver")

KIND = {"image_processor_type": "PerceiverImageProcessor"}
# Sizes at which a crop leaves even rows and columns: where an odd one is left, DeepMind's code and that library differ.
PICTURES = ((40, 64), (64, 40), (48, 48), (16, 24))


def about(folder: Path, preprocessor: dict[str, Any] | None, config: dict[str, Any] | None = None) -> CheckpointInfo:
    folder.mkdir(exist_ok=True)
    save_file(made(transformers_names("fourier", 261)), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(TRANSFORMERS | (config or {})))
    if preprocessor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return inspect(folder)


def content(config: PerceiverConfig, picture: Image.Image) -> np.ndarray:
    sample = modalities.get("image").read(
        files.save(picture), "a.png", shape=config.read_shape, preprocess=config.preprocess
    )
    return sample.content.numpy()


def theirs(values: dict[str, Any], picture: Image.Image) -> np.ndarray:
    processor = processing.PerceiverImageProcessorPil(**values)
    pixels = np.asarray(processor(picture)["pixel_values"][0], dtype=np.float32)
    return pixels.reshape(3, -1).T


def difference(values: dict[str, Any], tmp_path: Path) -> float:
    """The largest difference over pictures of several sizes, in units of the normalised content."""
    config = about(tmp_path, values | KIND).config
    assert config is not None
    pictures = [files.noise(height, width) for height, width in PICTURES]
    return max(float(np.abs(content(config, one) - theirs(values, one)).max()) for one in pictures)


SIZES: tuple[dict[str, Any], ...] = (
    {"size": 16, "crop_size": 32},
    {"size": {"height": 16, "width": 16}, "crop_size": {"height": 16, "width": 16}},
    {"size": [16, 8], "crop_size": [32, 16]},
    {"size": {"height": 8, "width": 12}, "crop_size": {"height": 16, "width": 24}},
    {"size": 64, "crop_size": 128, "pad_size": None},
)


@pytest.mark.parametrize(
    ("size", "crop", "resample"),
    [
        (size, crop, resample)
        for (size, crop), resample in itertools.product(itertools.product(SIZES, (True, False, None)), (0, 2, 3))
    ],
)
def test_cropped_and_resized(size: dict[str, Any], crop: bool | None, resample: int, tmp_path: Path) -> None:
    assert difference({**size, "do_center_crop": crop, "resample": resample}, tmp_path) < 1e-5


@pytest.mark.parametrize("resample", range(6))
def test_every_filter(resample: int, tmp_path: Path) -> None:
    assert difference({"size": 12, "crop_size": 12, "resample": resample, "do_center_crop": False}, tmp_path) < 1e-5


@pytest.mark.parametrize(
    "values",
    [
        {"do_normalize": rule, "do_rescale": scale, "rescale_factor": factor, "image_mean": mean, "image_std": std}
        for rule, (scale, factor), (mean, std) in itertools.product(
            (True, False),
            ((True, 1 / 255), (True, 0.0039215688593685627), (True, 1 / 127.5), (True, 1.0), (False, 1 / 255)),
            ((None, None), (0.5, 0.25), ([0.1, 0.2, 0.3], [1.0, 2.0, 4.0]), ([127.0, 120.0, 110.0], [60.0, 1.0, 2.0])),
        )
    ],
)
def test_rescaled_and_normalised(values: dict[str, Any], tmp_path: Path) -> None:
    given = {name: value for name, value in values.items() if value is not None}
    largest = 255.0 if not given["do_rescale"] or given["rescale_factor"] == 1 else 10.0
    assert difference({"size": 16, "crop_size": 32, **given}, tmp_path) < 1e-6 * largest * 10


def test_what_the_file_leaves_out_is_as_in_the_processor(tmp_path: Path) -> None:
    config = about(tmp_path, {"do_resize": True}).config
    assert config is not None
    processor = processing.PerceiverImageProcessorPil()
    assert config.input_shape == (processor.size.height, processor.size.width)
    assert config.preprocess == {
        "crop": processor.size.height / processor.crop_size.height,
        "resample": Image.Resampling(processor.resample).name.lower(),
        "mean": list(processor.image_mean),
        "std": list(processor.image_std),
    }


def test_a_picture_that_is_not_cropped_is_read_whole(tmp_path: Path) -> None:
    """A white stripe at the very left of a wide picture: the model reads it, and maps lie over the whole picture."""
    config = about(tmp_path, {"size": 16, "do_center_crop": False, "do_normalize": False}).config
    assert config is not None
    pixels = np.zeros((32, 96, 3), np.uint8)
    pixels[:, :12] = 255
    sample = modalities.get("image").read(
        files.save(Image.fromarray(pixels)), "a.png", shape=(16, 16), preprocess=config.preprocess | {"resample": "box"}
    )
    assert torch.equal(sample.content.reshape(16, 16, 3)[:, :2], torch.ones(16, 2, 3))
    assert sample.content.reshape(16, 16, 3)[:, 2:].max() == 0
    assert sample.box == ((0.0, 32.0), (0.0, 96.0))
    assert sample.notes == ("changed the aspect of 96 × 32 pixels to that of the 16 × 16 that the model reads",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"do_resize": False}, "do_resize = False"),
        ({"do_resize": None}, "do_resize = False"),
        ({"do_resize": 1}, "do_resize = 1"),
        ({"do_center_crop": "yes"}, "do_center_crop = 'yes'"),
        ({"do_normalize": 0}, "do_normalize = 0"),
        ({"do_rescale": "no"}, "do_rescale = 'no'"),
        ({"do_pad": True}, "do_pad = True"),
        ({"do_flip_channel_order": True}, "do_flip_channel_order = True"),
        ({"data_format": "channels_last"}, "data_format = 'channels_last'"),
        ({"rescale_factor": 0}, "rescale_factor = 0"),
        ({"rescale_factor": -1 / 255}, "rescale_factor"),
        ({"rescale_factor": True}, "rescale_factor = True"),
        ({"image_std": 0}, "image_std"),
        ({"image_mean": [0.5, 0.5]}, "2 numbers of image_mean for 3 channels"),
        ({"resample": 6}, "resample = 6"),
        ({"resample": "bicubic"}, "resample = 'bicubic'"),
        ({"size": {"shortest_edge": 16}}, "size = {'shortest_edge': 16}"),
        ({"size": {"shortest_edge": 16}, "do_center_crop": False}, "size = {'shortest_edge': 16}"),
        ({"size": {"height": 16, "width": 16, "longest_edge": 20}}, "longest_edge"),
        ({"size": 16, "crop_size": {"shortest_edge": 16}}, "crop_size = {'shortest_edge': 16}"),
        ({"size": 16, "crop_size": 8}, "crop_size"),
        ({"size": 16, "crop_size": [16, 32]}, "crop_size"),
        ({"image_processor_type": "CLIPImageProcessor"}, "image_processor_type = 'CLIPImageProcessor'"),
        ({"feature_extractor_type": "ViTFeatureExtractor"}, "feature_extractor_type = 'ViTFeatureExtractor'"),
    ],
)
def test_refused_by_name(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        about(tmp_path, {"size": 16, "crop_size": 16} | values)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["PerceiverFeatureExtractor", "PerceiverImageProcessorFast"])
def test_older_and_newer_names_of_the_processor(kind: str, tmp_path: Path) -> None:
    values = {"feature_extractor_type": kind, "image_processor_type": kind, "size": 16, "crop_size": 16}
    assert about(tmp_path, values).config is not None


def test_fields_that_the_processor_does_not_know_are_named(tmp_path: Path) -> None:
    found = about(tmp_path, {"size": 16, "crop_size": 16, "crop_pct": 0.9, "interpolation": "bilinear", "x": None})
    assert "ignored crop_pct, interpolation of preprocessor_config.json, which Perceiver's processor does not know" in (
        found.notes
    )


# Without the file


@pytest.mark.parametrize(
    ("config", "source"),
    [({}, "as many as its learned positions"), ({"image_size": 4}, "image_size in its config.json")],
)
def test_a_learned_model_without_the_file_has_its_own_size(config: dict[str, Any], source: str, tmp_path: Path) -> None:
    folder = folder_of("learned", tmp_path / "a")
    (folder / "preprocessor_config.json").unlink()
    (folder / "config.json").write_text(json.dumps(TRANSFORMERS | config))
    found = inspect(folder)
    assert found.config is not None
    assert found.config.input_shape == (4, 4)
    assert found.config.preprocess["crop"] == 224 / 256
    assert (
        "has no preprocessor_config.json; pictures are prepared as for the library's published models, at 4 x 4 "
        f"pixels, {source}"
    ) in found.notes


def test_a_learned_model_of_another_size_than_it_says(tmp_path: Path) -> None:
    folder = folder_of("learned", tmp_path / "a")
    (folder / "config.json").write_text(json.dumps(TRANSFORMERS | {"image_size": 56}))
    with pytest.raises(CheckpointError, match=r"image_size = 56 in its config\.json, and learned positions for 4 x 4"):
        inspect(folder)
    (folder / "config.json").write_text(json.dumps(TRANSFORMERS))
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": 224}))
    with pytest.raises(CheckpointError, match=r"prepared for 224 x 224 pixels by its preprocessor_config\.json"):
        inspect(folder)


def test_a_fourier_model_without_the_file_says_where_its_size_is_from(tmp_path: Path) -> None:
    found = about(tmp_path, None, {"image_size": 56})  # that library's default, which this model does not use
    assert found.config is not None
    assert found.config.input_shape == (224, 224)
    assert any("at 224 x 224 pixels, for which that library's model is built" in note for note in found.notes)


# Other fields of the configuration


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"num_latents": 512}, "num_latents = 512 in its config.json, and its tensors give 4"),
        ({"d_latents": 1024}, "d_latents = 1024"),
        (
            {"num_self_attends_per_block": 6},
            "num_self_attends_per_block = 6 in its config.json, and its tensors give 1",
        ),
        ({"cross_attention_widening_factor": 4}, "cross_attention_widening_factor = 4"),
    ],
)
def test_a_configuration_of_another_model(config: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        about(tmp_path, None, config)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"0": "a", "1": "b", "3": "d", "4": "e", "5": "f"}, "it has none for 2"),
        ({"0": "a", "1": "b"}, "has 2 entries, which are no names of the model's 5 classes (it has none for 2, 3, 4)"),
        ({str(i): f"class {i}" for i in range(1000)}, "has 1000 entries, which are no names of the model's 5 classes,"),
        ({"0": "a", "1": "b", "2": "c", "3": "d", "4": 5}, "it has none for 4"),
    ],
)
def test_class_names_that_do_not_fit(names: dict[str, Any], said: str, tmp_path: Path) -> None:
    found = about(tmp_path, None, {"id2label": names})
    assert found.config is not None
    assert found.config.labels == ()
    assert any(said in note for note in found.notes)


def test_class_names_that_are_numbered_twice(tmp_path: Path) -> None:
    names = dict(enumerate(["crane", "crane", "bed", "lamp", "boat"]))
    same = {"crane": 1, "bed": 2, "lamp": 3, "boat": 4}
    config = {"id2label": names, "label2id": same}
    assert not any("label2id" in note for note in about(tmp_path, None, config).notes)
    found = about(tmp_path, None, config | {"label2id": same | {"bed": 3, "lamp": 2}})
    assert found.config is not None
    assert found.config.labels == tuple(names.values())
    assert "label2id contradicts id2label, which is followed (bed, lamp)" in found.notes


def test_scores_of_classes_that_do_not_exclude_each_other(tmp_path: Path) -> None:
    notes = about(tmp_path, None, {"problem_type": "multi_label_classification"}).notes
    assert any("problem_type = 'multi_label_classification'" in note for note in notes)
