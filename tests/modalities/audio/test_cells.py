"""Sounds for models whose elements are made of several cells of the spectrogram."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from perceiver import ConfigError, Perceiver, modalities
from perceiver.config import StemConfig
from perceiver.modalities.audio.modality import AudioSample
from perceiver.modalities.grid import cell_weights
from perceiver.training import recipes

RATE = 16_000


def tone() -> bytes:
    """1.5 seconds of 440 Hz that begin after half a second of silence."""
    time = np.arange(int(1.5 * RATE)) / RATE
    out = io.BytesIO()
    soundfile.write(out, np.where(time >= 0.5, 0.5 * np.sin(2 * np.pi * 440 * time), 0.0), RATE, format="WAV")
    return out.getvalue()


def read(name: str) -> AudioSample:
    model = recipes.get(name).model
    sample = modalities.get("audio").read(
        tone(), "tone.wav", shape=model.input_shape, preprocess=model.preprocess, options={"start": "0"}
    )
    assert isinstance(sample, AudioSample)
    return sample


def test_weights_of_cells_by_hand() -> None:
    assert cell_weights((0, 4), 2, 4).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    # Cells of 2 from -0.5: what lies outside does not count.
    assert cell_weights((-0.5, 3.5), 2, 4) == pytest.approx(
        np.array([[1 / 1.5, 0.5 / 1.5, 0, 0], [0, 0.25, 0.5, 0.25]])
    )


def test_elements_of_a_stem_lie_on_the_cells_that_they_see() -> None:
    fine, coarse = read("audio-mel"), read("audio-conv")
    assert coarse.shape == (12, 13)
    assert np.array_equal(coarse.content, fine.content)
    # 48 bands become rows of four; frames too, from the padding of the convolutions on.
    stem = recipes.get("audio-conv").model.stem
    assert isinstance(stem, StemConfig)
    assert stem.cells is not None
    assert stem.cells[0] == (0.0, 48.0)
    assert coarse.bands == pytest.approx(np.exp(np.log(fine.bands).reshape(12, 4).mean(1)))
    hop = 320 / RATE
    begin, end = coarse.box[1]
    assert begin == pytest.approx((stem.cells[1][0] - 0.5) * hop)
    assert end - begin == pytest.approx(13 * 4 * hop)
    assert coarse.spectrogram.shape == (12, 13)
    middle = fine.spectrogram[:, 4 + int(stem.cells[1][0]) : 8 + int(stem.cells[1][0])]
    assert coarse.spectrogram[:, 1] == pytest.approx(middle.reshape(12, 4, -1).mean((1, 2)), abs=1e-3)


def test_a_weight_lands_where_the_tone_is() -> None:
    sample, modality = read("audio-conv"), modalities.get("audio")
    loudest = np.unravel_index(sample.spectrogram[:, 10].argmax(), (12,))[0]
    assert sample.bands[loudest] == pytest.approx(440, rel=0.25)
    values = np.zeros(sample.shape)
    values[loudest, 10] = 1
    laid = modality.to_original(sample, values)
    marked = np.flatnonzero(np.nan_to_num(laid).max(0)) * sample.duration / laid.shape[1]
    start, stop = (sample.box[1][0] + (10 + i) * 4 * 320 / RATE for i in (0, 1))
    assert marked.min() == pytest.approx(start, abs=0.01)
    assert marked.max() == pytest.approx(stop, abs=0.01)


def test_a_model_with_a_stem_reads_a_sound() -> None:
    sample = read("audio-conv")
    model = Perceiver(recipes.get("audio-conv").model).eval()
    trace = model.trace(model.inputs(sample))
    assert trace.map(0).shape == (156,)
    assert trace.shape == (12, 13)


@pytest.mark.parametrize("cells", [((0, 0), (0, 4)), ((0, 4),), "all", ((0, float("nan")), (0, 4))])
def test_cells_that_mean_nothing_are_refused(cells: object) -> None:
    model = recipes.get("audio-mel").model
    with pytest.raises(ConfigError, match=r"preprocess\.cells"):
        modalities.get("audio").read(
            tone(), "tone.wav", shape=(12, 13), preprocess={**model.preprocess, "cells": cells}
        )
