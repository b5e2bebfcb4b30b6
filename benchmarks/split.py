"""Time of the split of scores into content and position, in units of one forward pass.

    python benchmarks/split.py                 every bundled checkpoint, on one of its samples
    python benchmarks/split.py --published     the sizes of DeepMind's classifiers, with random weights

trace     the forward pass that keeps what maps are computed from
content   maps of the content's scores alone, of all blocks: the softmax of these over all latents
position  the same of the position
whole     the maps of the model, of all blocks, from the trace
shares    the share of every part in the variance of every latent's scores, in all blocks
spot      all parts of the score of one latent at one element
error     largest difference between the model's scores of all latents and the sums of their parts, over the largest
          score

The fastest of several rounds counts; rounds are interleaved, so that other load affects all alike. Peak is the memory
above the trace that maps of the position need, in MB.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from maps import forget_peak, resident

import perceiver
from perceiver import Perceiver, PerceiverConfig, Trace
from perceiver.analysis.parts import RowParts
from perceiver.analysis.split import part_trace, score_split
from perceiver.analysis.split_shares import score_shares
from perceiver.checkpoints.bundled import BundledCheckpoints
from perceiver.config import StemConfig
from perceiver.positions import FourierConfig, LearnedConfig

SAMPLES = Path(__file__).parent.parent / "checkpoints" / "samples"
ROUNDS = 3
LATENTS = 64
"""Latents whose scores are compared at a time."""

IO = {"plan": ((0, 0), *((None, 0),) * 7), "head": "decoder"}
PUBLISHED: Mapping[str, PerceiverConfig] = {
    "vision-perceiver-fourier": PerceiverConfig(**IO),  # type: ignore[arg-type]
    "vision-perceiver-learned": PerceiverConfig(
        content_channels=256, stem=StemConfig("linear", 3), positions=LearnedConfig(dim=256), **IO
    ),  # type: ignore[arg-type]
    "vision-perceiver-conv": PerceiverConfig(
        input_shape=(56, 56),
        content_channels=64,
        stem=StemConfig("conv", 3, (224, 224)),
        positions=FourierConfig(64, (56.0, 56.0)),
        **IO,
    ),  # type: ignore[arg-type]
}


def maps(trace: Trace) -> None:
    """The mean maps of all blocks."""
    for block in trace.blocks:
        trace.map(block)


def error(trace: Trace, parts: RowParts) -> float:
    """The largest difference between scores and the sums of their parts, over the largest score."""
    worst = largest = 0.0
    each = [part_trace(trace, parts, text) for text in parts.bundles]
    for record in trace.records:
        constant = record.query.constant[0].mean(0)
        for start in range(0, record.latents, LATENTS):
            some = slice(start, min(start + LATENTS, record.latents))
            whole = trace.latent_maps(record.block, some, kind="score")
            summed = sum(one.latent_maps(record.block, some, kind="score") for one in each) + constant[some]
            worst = max(worst, float((whole - summed).abs().max()))
            largest = max(largest, float(whole.abs().max()))
    return worst / largest


def measure(name: str, model: Perceiver, inputs: torch.Tensor) -> None:
    """Prints the times of one model on one input as ratios to its forward pass."""
    model.trace(inputs)  # warm-up
    trace, parts = model.trace(inputs), RowParts.of(model)
    groups = [group for group in parts.present if group != "embedding"]
    element, block = trace.inputs.shape[1] // 2, trace.blocks[-1]
    work: dict[str, Callable[[], Any]] = {
        "trace": lambda: model.trace(inputs),
        **{group: lambda group=group: maps(part_trace(trace, parts, group)) for group in groups},
        "whole": lambda: maps(trace),
        "shares": lambda: score_shares(trace, parts),
        "spot": lambda: score_split(trace, parts, block, 0, element),
    }
    best = dict.fromkeys(work, float("inf"))
    peak = 0.0
    for _ in range(ROUNDS):
        for what, run in work.items():
            forget_peak()
            held, began = resident("VmRSS"), time.perf_counter()
            run()
            best[what] = min(best[what], time.perf_counter() - began)
            if what == "position":
                peak = max(peak, resident("VmHWM") - held)
    ratios = "  ".join(f"{what} {best[what] / best['trace']:.2f}" for what in work if what != "trace")
    shape = (
        f"M = {trace.inputs.shape[1]}, C = {trace.inputs.shape[2]}, {len(trace.records)} x {trace.records[0].latents}"
    )
    print(f"{name} ({model.config.positions_kind}; {shape} latents): forward {best['trace']:.3f} s")
    print(f"  {ratios}  peak {peak:.0f} MB  error {error(trace, parts):.1e}", flush=True)


def bundled() -> None:
    """Measures every bundled checkpoint on the first of its samples, or on random content where there are none."""
    for name in BundledCheckpoints().names():
        lens = perceiver.open(name)
        folder = SAMPLES / lens.config.modality
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        first = next((path for path in files if path.suffix not in (".md", ".json")), None)
        inputs = random_inputs(lens.model) if first is None else lens.model.inputs(lens.read(first))
        measure(name, lens.model, inputs)


def random_inputs(model: Perceiver) -> torch.Tensor:
    """An input array of random content on the model's own grid."""
    torch.manual_seed(0)
    size = torch.Size(model.config.read_shape).numel()
    return model.input_array(torch.randn(1, size, model.config.read_channels))


def published() -> None:
    """Measures the sizes of DeepMind's classifiers of pictures, with random weights and content."""
    for name, config in PUBLISHED.items():
        torch.manual_seed(0)
        model = Perceiver(config).eval().requires_grad_(False)
        measure(name, model, random_inputs(model))


if __name__ == "__main__":
    with torch.no_grad():
        if sys.argv[1:] == ["--published"]:
            published()
        else:
            bundled()
