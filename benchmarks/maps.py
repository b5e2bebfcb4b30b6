"""Time and peak memory of one forward pass with every block's mean map, beside the plain way of getting them.

    python benchmarks/maps.py            the paper's size with random weights, and every bundled checkpoint

The plain way is what attention code without a map in mind does: project keys and values in every cross-attention,
keep every softmax matrix, average afterwards. Both run in processes of their own, on the same weights and input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.attention import CrossAttention
from perceiver.checkpoints.bundled import BundledCheckpoints


def resident(what: str) -> float:
    """Resident memory of this process in MB, from Linux: "VmRSS" now, "VmHWM" at its peak since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def forget_peak() -> None:
    """Sets the peak to what is resident now: making the model and its input needed more for a moment."""
    Path("/proc/self/clear_refs").write_text("5")


def traced(model: Perceiver, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Logits and mean maps as the library computes them."""
    trace = model.trace(inputs)
    return [trace.logits, *(trace.map(block) for block in trace.blocks)]


def plain(model: Perceiver, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Logits and mean maps with keys, values and whole matrices in every cross-attention."""
    latents, kept = model.latents[None], []
    for cross, tower in model.config.plan:
        if cross is not None:
            layer = model.cross[cross]
            assert isinstance(layer, CrossAttention)
            z = layer.input_norm(inputs)
            q, k, v = layer.query(layer.query_norm(latents)), layer.key(z), layer.value(z)
            weights = (q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).softmax(-1)
            kept.append(weights)
            latents = latents + layer.out(weights @ v)
            latents = latents + layer.mlp(latents)
        if tower is not None:
            for self_attention in model.towers[tower]:
                latents = self_attention(latents)
    return [model.head(latents)[0], *(weights.mean(1)[0] for weights in kept)]


def measure(name: str, way: str) -> None:
    """One measurement, printed as JSON for the process that asked."""
    torch.manual_seed(0)
    with torch.no_grad():
        model = perceiver.load(name) if name != "paper" else Perceiver(PerceiverConfig()).eval()
        config = model.config
        inputs = model.input_array(torch.randn(1, config.num_inputs, config.content_channels))
        run = {"traced": traced, "plain": plain}[way]
        run(model, inputs[:, :64])  # what libraries set up on first use
        forget_peak()
        before, start = resident("VmRSS"), time.perf_counter()
        out = run(model, inputs)
        seconds = time.perf_counter() - start
        heads = {layer.heads for layer in model.cross}
        assert heads == {1}, "the plain way here is written for one head"
        checksum = [float(F.normalize(part, dim=0)[::7].sum()) for part in out]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak": resident("VmHWM") - before,
                "input": inputs.numel() * 4 / 2**20,
                "sum": checksum,
            }
        )
    )


def compare(name: str) -> None:
    """Prints both ways side by side."""
    rows = {}
    for way in ("traced", "plain"):
        done = subprocess.run([sys.executable, __file__, name, way], capture_output=True, text=True, check=True)
        rows[way] = json.loads(done.stdout)
    ours, peer = rows["traced"], rows["plain"]
    apart = max(abs(a - b) for a, b in zip(ours["sum"], peer["sum"], strict=True))
    print(f"{name}: input {ours['input']:.1f} MB, {len(ours['sum']) - 1} maps, results differ by at most {apart:.1e}")
    for way, row in rows.items():
        print(f"  {way:7} {row['seconds']:6.2f} s, {row['peak']:7.1f} MB above the model and its input")
    memory = ours["peak"] / peer["peak"] if peer["peak"] else float("nan")
    print(f"  ratio   {ours['seconds'] / peer['seconds']:6.2f}   {memory:8.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(*sys.argv[1:])
    else:
        for one in ("paper", *BundledCheckpoints().names("image")):
            compare(one)
