"""Time of a stroke of the brush: the model without the erased elements, and what the page shows of it, in units of one
forward pass over the whole input.

    python benchmarks/erase.py                 every bundled checkpoint, over one of its samples
    python benchmarks/erase.py --paper-size    a Perceiver IO classifier of the paper's size with random weights

Every stroke erases a disc (of points, a ball) of a tenth of the elements. "Answer" is the traced run and the answer
alone; "maps" adds the maps of all blocks before and after with their divergences. Medians, interleaved so that other
load affects all of them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.analysis.ablate import ablated_trace
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import map_changes
from perceiver.analysis.erasure import ElementMask, Erasure
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.positions import grid_coordinates
from perceiver.sample import Sample
from perceiver.trace import Trace

SAMPLES = Path(__file__).parent.parent / "checkpoints" / "samples"
SHARE = 0.1
STROKES = 5


def seconds(work: Callable[[], Any]) -> float:
    """Duration of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def discs(sample: Sample, count: int) -> list[Bool[np.ndarray, "M"]]:
    """Strokes: the elements nearest to random ones, those of the first grid where there are several."""
    if sample.coordinates is not None:
        places, total = sample.coordinates.double().numpy(), len(sample.coordinates)
    else:
        grid = sample.parts[0].shape if sample.parts else sample.shape
        places, total = grid_coordinates(grid).double().numpy().reshape(-1, len(grid)), int(np.prod(sample.shape))
    out = []
    for middle in np.random.default_rng(0).choice(len(places), count):
        distance = np.linalg.norm(places - places[middle], axis=1)
        stroke = np.zeros(total, dtype=bool)
        stroke[np.argsort(distance)[: max(1, int(SHARE * len(places)))]] = True
        out.append(stroke)
    return out


def measure(model: Perceiver, sample: Sample, strokes: int) -> tuple[float, float, float]:
    """Median seconds of a forward pass, of the answer after a stroke, and of the answer with the maps."""
    before = model.trace(model.inputs(sample))
    made: list[Trace] = []
    rows = []
    for stroke in discs(sample, strokes + 1):
        removed = Ablation(erased=Erasure(ElementMask.of(stroke)))
        forward = seconds(lambda: model(model.inputs(sample)))
        answer = seconds(lambda: made.append(ablated_trace(model, sample, removed)))  # noqa: B023
        rows.append((forward, answer, answer + seconds(lambda: list(map_changes(before, made[-1])))))
    _, *timed = rows  # the first warms up
    forwards, answers, maps = zip(*timed, strict=True)
    return median(forwards), median(answers), median(maps)


def told(name: str, elements: int, times: tuple[float, float, float]) -> str:
    """One line of the table."""
    forward, answer, maps = times
    cells = f"{1000 * forward:9.0f} ms {1000 * answer:9.0f} ms {answer / forward:6.2f} x"
    return f"{name:24}{elements:8,}{cells} {1000 * maps:9.0f} ms {maps / forward:6.2f} x"


def noise(config: PerceiverConfig) -> Sample:
    """An input of random content."""
    content, nothing = torch.randn(config.num_inputs, config.content_channels), np.zeros(0, dtype=np.float32)
    more: dict[str, Any] = {"shape": config.input_shape, "seen": nothing, "original": nothing, "box": ()}
    return Sample(name="noise", modality="image", content=content, **more)


@torch.no_grad()
def main() -> None:
    """Prints the table."""
    print(f"{'':24}{'elements':>8}{'forward':>12}{'answer':>12}{'':8}{'maps':>12}")
    if sys.argv[1:] == ["--paper-size"]:
        model = Perceiver(PerceiverConfig(plan=((0, 0), *[(None, 0)] * 7), head="decoder")).eval()
        print(told("paper's size", model.config.num_inputs, measure(model, noise(model.config), 1)))
        return
    store = BundledCheckpoints()
    for name in store.names():
        lens = perceiver.open(name)
        folder = SAMPLES / lens.config.modality
        first, *_ = json.loads((folder / "index.json").read_text())
        sample = lens.read(folder / first["file"])
        print(told(name, int(np.prod(sample.shape)), measure(lens.model, sample, STROKES)), flush=True)


if __name__ == "__main__":
    main()
