"""Choosing ablations by name, and the preset ones."""

from __future__ import annotations

import pytest
import torch

from perceiver.analysis.ablate import ablated_trace, band_counts, choose, describe, presets
from perceiver.analysis.ablation import parse
from perceiver.errors import ConfigError
from perceiver.positions import CoordinatesConfig, LearnedConfig

from .cases import frozen, sample


def test_presets_say_what_goes() -> None:
    found = {name: ablation.text() for name, ablation in presets(frozen().encoding).items()}
    assert found == {
        "all": "",
        "low": "b1:3-4,b2:3-4",
        "high": "b1:1-2,b2:1-2",
        "axis 0": "b1:1-4,x1",
        "axis 1": "b2:1-4,x2",
        "coordinates": "b1:1-4,b2:1-4",
        "no coordinates": "x1,x2",
        "sines": "c1:1-4,c2:1-4",
        "cosines": "s1:1-4,s2:1-4",
        "none": "all",
    }
    assert list(presets(frozen(positions=LearnedConfig(dim=7)).encoding)) == ["all", "none"]
    assert list(presets(frozen(positions=CoordinatesConfig()).encoding)) == ["all", "axis 0", "axis 1", "none"]


def test_what_is_named_goes_together_filled_as_the_text_says() -> None:
    encoding = frozen().encoding
    assert choose(encoding, text="b1:1,mean", band=1).text() == "b1:1-2,b2:2,mean"
    assert choose(encoding, text="b1:1,mean", band=1, fill="shuffle", seed=7).text() == "b1:1-2,b2:2,shuffle:7"
    assert choose(encoding, coordinates=True, whole=True).text() == "x1,x2,all"
    with pytest.raises(ConfigError, match="name bands"):
        choose(encoding)


def test_words() -> None:
    model = frozen()
    text = describe(parse("b1:1.3-4,s2:2,x2,mean"), model.encoding, ("rows", "cols"))
    assert text == (
        "1, 1.33 to 1.5 cycles across rows (3 of 4 bands), sines of 1.5 cycles across cols (1 of 4 bands), the raw "
        "coordinate of cols; in their place their mean"
    )
    assert band_counts("it", model) == "it has 4 bands on each axis"
    assert band_counts("it", frozen(positions=LearnedConfig(dim=7))).endswith(", without frequencies")


def test_a_run_without_the_code_is_one_with_zeros() -> None:
    model = frozen()
    given = sample(model)
    found = ablated_trace(model, given, choose(model.encoding, whole=True))
    zeros = torch.zeros_like(model.codes(given))
    torch.testing.assert_close(found.logits, model(model.inputs(given, zeros))[0], rtol=1e-4, atol=1e-5)
