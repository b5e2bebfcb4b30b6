"""The configuration: counts that follow from it, JSON and back, and the sentences it refuses with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perceiver import ConfigError, PerceiverConfig
from perceiver.positions import CoordinatesConfig, FourierConfig, LearnedConfig, PositionConfig, position_config

from .models import tiny


def test_paper_shape_has_261_input_channels_and_50176_elements() -> None:
    config = PerceiverConfig()
    assert (config.num_inputs, config.position_channels, config.input_channels) == (50_176, 258, 261)
    assert config.cross_qk_dim == config.cross_v_dim == 261
    assert config.cross_attention_blocks == tuple(range(8))


def test_json_and_back_gives_an_equal_configuration() -> None:
    config = PerceiverConfig(
        num_classes=2,
        labels=("a", "b"),
        plan=((0, 0), (None, 0), (1, None)),
        positions=LearnedConfig(dim=7),
        preprocess={"mean": [0.5, 0.5, 0.5]},
    )
    assert PerceiverConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_blocks_without_a_cross_attention_have_no_map() -> None:
    assert PerceiverConfig(plan=((0, 0), (None, 0), (1, 0))).cross_attention_blocks == (0, 2)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"plan": ()}, "plan is empty"),
        ({"plan": ((None, 0),)}, "without a cross-attention"),
        ({"plan": ((0, 0), (2, 0))}, "must run 0, 1, 2"),
        ({"self_heads": 3}, "1024, which 3 heads do not divide"),
        ({"num_latents": 0}, "num_latents is 0"),
        ({"num_latents": True}, "num_latents is True"),
        ({"input_shape": ()}, "input_shape is empty"),
        ({"input_shape": (8,)}, "2 values for 1 axes"),
        ({"labels": ("a",)}, "labels names 1 classes, num_classes is 1000"),
    ],
)
def test_impossible_values_are_refused_with_the_field_and_the_cause(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PerceiverConfig(**values)  # type: ignore[arg-type]


def test_unknown_fields_and_wrong_types_are_refused() -> None:
    good = PerceiverConfig().to_dict()
    with pytest.raises(ConfigError, match="unknown field in the configuration: depth"):
        PerceiverConfig.from_dict(good | {"depth": 3})
    for wrong in ({"positions": 5}, {"plan": 5}, {"plan": [[0]]}, {"head": "middle"}, {"num_latents": "many"}):
        with pytest.raises(ConfigError):
            PerceiverConfig.from_dict(good | wrong)


@pytest.mark.parametrize("mu", [1.0, float("nan")])
def test_a_fourier_axis_needs_room_for_one_cycle(mu: float) -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        FourierConfig(max_resolution=(mu, 8.0))


@pytest.mark.parametrize(
    ("positions", "written"),
    [
        (FourierConfig(16, (48.0, 50.0), "logarithmic"), ("fourier", 16, [48.0, 50.0], "logarithmic", 128, 1.0)),
        (LearnedConfig(66, 0.5), ("learned", 64, [224.0, 224.0], "linear", 66, 0.5)),
        (CoordinatesConfig(), ("coordinates", 64, [224.0, 224.0], "linear", 128, 1.0)),
    ],
)
def test_the_first_three_encodings_are_written_with_the_fields_of_all(
    positions: PositionConfig, written: tuple[object, ...]
) -> None:
    names = ("kind", "num_bands", "max_resolution", "spacing", "dim", "init_scale")
    config = PerceiverConfig(positions=positions)
    assert json.dumps(config.to_dict()["positions"]) == json.dumps(dict(zip(names, written, strict=True)))
    assert PerceiverConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_positions_of_another_kind_or_with_unknown_fields_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"positions\.kind is 'rotary'; it must be one of fourier, learned"):
        position_config({"kind": "rotary"})
    with pytest.raises(ConfigError, match="unknown field in the configuration: bands"):
        position_config({"kind": "learned", "bands": 3})
    with pytest.raises(ConfigError, match="2 values for 3 axes"):
        PerceiverConfig(input_shape=(20,), position_axes=3, positions=FourierConfig(max_resolution=(4.0, 4.0)))
    with pytest.raises(ConfigError, match="learned positions know only a grid"):
        PerceiverConfig(input_shape=(20,), position_axes=3, positions=LearnedConfig())


def test_the_configuration_of_every_shipped_checkpoint_survives_a_round_trip() -> None:
    files = sorted((Path(__file__).parents[1] / "checkpoints").glob("*/config.json"))
    assert files
    for file in files:
        values = json.loads(file.read_text())
        del values["format"], values["version"]
        again = json.loads(json.dumps(PerceiverConfig.from_dict(values).to_dict()))
        # Files from before a field existed lack it.
        assert {name: again[name] for name in values if name != "positions"} == {
            name: value for name, value in values.items() if name != "positions"
        }
        assert values["positions"].items() <= again["positions"].items()


def test_names_of_classes_can_be_shown_in_a_line() -> None:
    """They come from files by others: direction marks and control characters are replaced, joined emoji are kept."""
    labels = ("a\x1b[31mb", "two\nlines", "turned \u202eback", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "a\xa0space")
    config = tiny(labels=labels, num_classes=5)
    assert config.labels == labels
    assert config.class_names == (
        "a\ufffd[31mb", "two lines", "turned \ufffdback", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "a space"
    )  # fmt: skip
