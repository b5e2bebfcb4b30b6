"""Time and accuracy of sweeps: the preview and the exact sweep, in units of one forward pass.

    python benchmarks/sweep.py                 every bundled checkpoint with Fourier positions, over its samples
    python benchmarks/sweep.py --paper-size    a Perceiver IO classifier of the paper's size with random weights

The preview makes the curves and estimates all of their ablations (`estimate_curves`). A forward pass includes computing
the input array. Spearman's rho compares estimated and exact changes of the logit of the most probable class, over
single bands and over cumulative curves; reported as median over samples, with minimum and maximum in brackets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from maps import forget_peak, resident

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.analysis.sweep import answers, curves, estimate_curves, spearman
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.sample import Sample

SAMPLES = Path(__file__).parent.parent / "checkpoints" / "samples"
REPEATS = 7
BATCHES = 3


@dataclass(frozen=True)
class Row:
    """Measurements on one sample: seconds, cost of preview and sweep in forward passes, and rank correlations."""

    forward: float
    preview: float
    sweep: float
    single: float
    cumulative: float


def seconds(work: Callable[[], Any]) -> float:
    """Duration of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def times(model: Perceiver, sample: Sample, repeats: int) -> tuple[float, float]:
    """Median times of a forward pass and of the preview, interleaved so that other load affects both."""

    def forward() -> None:
        with torch.no_grad():
            model(model.inputs(sample))

    def preview() -> None:
        estimate_curves(model, sample, curves(model.encoding))

    forward(), preview()
    both = [(seconds(forward), seconds(preview)) for _ in range(repeats)]
    return median(one for one, _ in both), median(other for _, other in both)


def measure(model: Perceiver, sample: Sample) -> Row:
    """Measures the preview and the exact sweep of one sample."""
    forward, preview = times(model, sample, REPEATS)
    found = curves(model.encoding)
    made = estimate_curves(model, sample, found)
    ablations = [one for curve in found for one in curve.ablations]
    began = time.perf_counter()
    after = np.concatenate(list(answers(model, sample, ablations)))
    took = time.perf_counter() - began
    exact = after[:, made.target].astype(np.float64) - made.logits[made.target]
    single = np.array([curve.family == "single" for curve in found for _ in curve.ablations])
    rhos = [spearman(made.changes[part], exact[part]) for part in (single, ~single)]
    return Row(forward, preview / forward, took / forward, *rhos)


def bundled(name: str) -> None:
    """Prints the measurements over all bundled samples."""
    lens = perceiver.open(name)
    folder = SAMPLES / lens.config.modality
    files = [path for path in sorted(folder.iterdir()) if path.suffix not in (".md", ".json")]
    rows = [measure(lens.model, lens.read(path)) for path in files]
    total = sum(len(curve.ablations) for curve in curves(lens.model.encoding))
    print(f"{name}: {len(rows)} samples, {total} ablations, forward {1000 * median(r.forward for r in rows):.0f} ms")
    print(f"  preview      {told([r.preview for r in rows])} forwards")
    print(f"  exact sweep  {told([r.sweep for r in rows])} forwards")
    print(f"  rho, single bands       {told([r.single for r in rows])}")
    print(f"  rho, cumulative curves  {told([r.cumulative for r in rows])}", flush=True)


def told(values: list[float]) -> str:
    """Median, minimum and maximum as text."""
    return f"{median(values):6.2f} [{min(values):.2f}, {max(values):.2f}]"


def paper() -> None:
    """Prints time and memory of the preview and, from a few batches, of the sweep, at the size of the paper."""
    torch.manual_seed(0)
    plan = ((0, 0), *((None, 0),) * 7)
    model = Perceiver(PerceiverConfig(plan=plan, head="decoder")).eval().requires_grad_(False)
    config = model.config
    content = torch.randn(config.num_inputs, config.content_channels)
    nothing = np.zeros(0, dtype=np.float32)
    sample = Sample(
        name="noise",
        modality="image",
        content=content,
        shape=config.input_shape,
        seen=nothing,
        original=nothing,
        box=(),
    )
    model(model.inputs(sample)[:, :64])  # warm-up of libraries
    ablations = [one for curve in curves(model.encoding) for one in curve.ablations]
    forget_peak()
    held, stream = resident("VmRSS"), answers(model, sample, ablations)
    began = time.perf_counter()
    done = sum(len(next(stream)) for _ in range(BATCHES))
    each, sweeping = (time.perf_counter() - began) / done, resident("VmHWM") - held
    forget_peak()
    held = resident("VmRSS")
    forward, preview = times(model, sample, 2)
    peak = resident("VmHWM") - held
    print(f"paper's size: M = {config.num_inputs}, {len(ablations)} ablations, forward {forward:.2f} s")
    print(f"  preview      {preview / forward:6.2f} forwards, {peak:.0f} MB above the model and its codes")
    print(f"  exact sweep  {each * len(ablations) / forward:6.0f} forwards (from {done} ablations), {sweeping:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:] == ["--paper-size"]:
        paper()
    else:
        for one in BundledCheckpoints().names():
            if BundledCheckpoints().config(one).positions.bands_per_axis:
                bundled(one)
