"""Time and peak memory of the mean maps of all blocks, compared with the forward pass and other implementations.

    python benchmarks/maps.py            the paper's size with random weights, and every bundled checkpoint

forward  logits only
traced   logits and the mean map of every block, as in the library
again    the same maps from stored queries, with the softmax recomputed for each map
whole    keys and values projected in every cross-attention; full attention matrices stored and averaged afterwards

Each runs in a separate process, with the same weights and input; the fastest of several rounds counts. Rounds are
interleaved, so that other load on the machine affects all of them.
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

ROUNDS = 3


def resident(what: str) -> float:
    """Resident memory of this process in MB, from Linux: "VmRSS" now, "VmHWM" at its peak since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def forget_peak() -> None:
    """Resets the peak to the current resident memory, since creating the model and its input needed more."""
    Path("/proc/self/clear_refs").write_text("5")


def forward(model: Perceiver, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Logits only."""
    return [model(inputs)[0]]


def traced(model: Perceiver, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Logits and mean maps, as in the library."""
    trace = model.trace(inputs)
    return [trace.logits, *(trace.map(block) for block in trace.blocks)]


def again(model: Perceiver, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Logits and mean maps from stored queries: for each map one pass over the rows for the log-sum-exp, and another
    for the weights."""
    trace = model.trace(inputs)
    maps = []
    for record in trace.records:
        parts = []
        for head in range(record.heads):
            query = record.query.query[0, head]
            normaliser = torch.full((record.latents, 1), -torch.inf)
            for _, z in trace.inputs.chunks():
                normaliser = torch.logaddexp(normaliser, (query @ z[0].T).logsumexp(-1, keepdim=True))
            chunks = [(query @ z[0].T).sub_(normaliser).exp_().mean(0) for _, z in trace.inputs.chunks()]
            parts.append(torch.cat(chunks))
        maps.append(torch.stack(parts).mean(0))
    return [trace.logits, *maps]


def whole(model: Perceiver, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Logits and mean maps with keys, values and full attention matrices in every cross-attention."""
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


WAYS = {"forward": forward, "traced": traced, "again": again, "whole": whole}


def measure(name: str, way: str) -> None:
    """Prints one measurement as JSON for the parent process: seconds, processor seconds and peak memory."""
    torch.manual_seed(0)
    with torch.no_grad():
        model = perceiver.load(name) if name != "paper" else Perceiver(PerceiverConfig()).eval()
        config = model.config
        inputs = model.input_array(torch.randn(1, config.num_inputs, config.content_channels))
        run = WAYS[way]
        run(model, inputs[:, :64])  # warm-up of libraries
        forget_peak()
        before, start, busy = resident("VmRSS"), time.perf_counter(), time.process_time()
        out = run(model, inputs)
        seconds, processor = time.perf_counter() - start, time.process_time() - busy
        heads = {layer.heads for layer in model.cross}
        assert heads == {1}, "the whole matrices here are written for one head"
        checksum = [float(F.normalize(part, dim=0)[::7].sum()) for part in out]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "processor": processor,
                "peak": resident("VmHWM") - before,
                "input": inputs.numel() * 4 / 2**20,
                "sum": checksum,
            }
        )
    )


def compare(name: str) -> None:
    """Prints all implementations side by side, with their ratios to the forward pass."""
    rows: dict[str, dict[str, list[float]]] = {way: {} for way in WAYS}
    for _ in range(ROUNDS):
        for way, row in rows.items():
            done = subprocess.run([sys.executable, __file__, name, way], capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            for key in ("seconds", "processor", "peak"):
                row.setdefault(key, []).append(found[key])
            row["sum"], row["input"] = found["sum"], [found["input"]]
    ours = rows["traced"]
    apart = max(abs(a - b) for way in ("again", "whole") for a, b in zip(ours["sum"], rows[way]["sum"], strict=True))
    print(f"{name}: input {ours['input'][0]:.1f} MB, {len(ours['sum']) - 1} maps, differ by at most {apart:.1e}")
    print("           seconds   ratio  processor   ratio     MB above the model and its input")
    alone = rows["forward"]
    for way, row in rows.items():
        wall, busy = min(row["seconds"]), min(row["processor"])
        print(
            f"  {way:8} {wall:8.2f} {wall / min(alone['seconds']):7.2f} {busy:10.2f} "
            f"{busy / min(alone['processor']):7.2f} {max(row['peak']):10.1f}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(*sys.argv[1:])
    else:
        for one in ("paper", *BundledCheckpoints().names("image")):
            compare(one)
