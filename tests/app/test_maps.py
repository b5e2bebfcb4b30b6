"""Traces, maps and latents as the services return them, against the library itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.services import inference, maps, samples
from app.services.inference import Case
from app.services.queueing import Progress
from perceiver import Perceiver, Trace, load, modalities
from perceiver.analysis.maps import MapSelection
from tests.app import folder


@pytest.fixture
def case(checkpoints: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(checkpoints))
    data = folder.picture(4, 60, 40)
    return Case("image-learned", samples.digest(data), "four.png", data)


@pytest.fixture
def trace(case: Case, checkpoints: Path) -> Trace:
    config = folder.TWO_HEADS
    model = load(checkpoints / case.model)
    sample = modalities.get("image").read(case.data, case.name, shape=config.input_shape, preprocess={})
    return model.trace(model.inputs(sample))


def test_maps_keep_rows_and_columns_of_a_grid_that_is_not_square(case: Case, trace: Trace) -> None:
    found = maps.block_maps(case, MapSelection(), "shared", Progress())
    assert [m.block for m in found] == [0, 2]
    for m in found:
        assert m.values.shape == (8, 12)
        np.testing.assert_allclose(m.values.ravel(), trace.map(m.block).numpy(), rtol=1e-5)
        assert m.values.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "selection",
    [
        MapSelection("max", head=1),
        MapSelection("entropy", kind="value"),
        MapSelection(latent=2, head=0),
        MapSelection(latent=4, kind="score"),
    ],
)
def test_every_map_is_the_librarys_own(case: Case, trace: Trace, selection: MapSelection) -> None:
    (_, last) = maps.block_maps(case, selection, "per_map", Progress())
    how = selection
    expected = trace.map(2, latent=how.latent, reduce=how.reduce, kind=how.kind, head=how.head)
    np.testing.assert_allclose(last.values.ravel(), expected.numpy(), rtol=1e-5)


def test_latents_are_ordered_by_the_entropy_of_their_maps(case: Case, trace: Trace) -> None:
    strip = maps.strip(case, 2, "probability", None, Progress())
    expected = [trace.map(2, latent=n).numpy().astype(float) for n in range(5)]
    entropies = [-(m * np.log(m)).sum() for m in expected]
    np.testing.assert_allclose(strip.entropies, entropies, rtol=1e-4)
    assert list(strip.order) == list(np.argsort(entropies))
    assert strip.square == 1
    for n in range(5):
        np.testing.assert_allclose(strip.thumbs[n].ravel(), expected[n], rtol=1e-5)


def test_one_run_serves_everything(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    trace = Perceiver.trace
    monkeypatch.setattr(Perceiver, "trace", lambda *args, **more: (runs.append(1), trace(*args, **more))[1])
    inference.probabilities(case, Progress())
    maps.block_maps(case, MapSelection(), "uniform", Progress(), since="first")
    maps.strip(case, 0, "value", 1, Progress())
    maps.readers(case, 3, None, Progress())
    same = Case(case.model, case.digest, "another name.png", case.data)
    maps.block_maps(same, MapSelection(kind="score"), "shared", Progress())
    assert runs == [1]


def test_probabilities_after_every_block(case: Case, trace: Trace) -> None:
    found = inference.probabilities(case, Progress())
    np.testing.assert_allclose(found, trace.block_logits.softmax(-1).numpy(), rtol=1e-5)
    np.testing.assert_allclose(found[-1], trace.logits.softmax(-1).numpy(), rtol=1e-5)
