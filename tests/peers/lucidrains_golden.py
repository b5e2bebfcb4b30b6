"""Writes what perceiver-pytorch of one version answers, for the tests of its converter.

Run once for each version that a case below names, in an environment of its own or with that version in front:

    pip install --target DIR --no-deps perceiver-pytorch==0.9.0
    PYTHONPATH=DIR python -m tests.peers.lucidrains_golden 0.9.0

Adds the version's cases to `golden/lucidrains.npz` beside it: arguments, names and shapes of the tensors, logits, and
parts of attention maps. Weights and inputs are not stored; `filled` and `data` make them again, from NumPy alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.peers.fill import even, fill

GOLDEN = Path(__file__).parent / "golden" / "lucidrains.npz"

SMALL = {
    "num_freq_bands": 5,
    "depth": 3,
    "max_freq": 12.0,
    "input_channels": 3,
    "input_axis": 2,
    "num_latents": 7,
    "latent_dim": 24,
    "cross_heads": 2,
    "latent_heads": 3,
    "cross_dim_head": 6,
    "latent_dim_head": 8,
    "num_classes": 10,
}
"""Arguments of a small model, for stored answers and live ones alike."""

_SMALL = SMALL | {"weight_tie_layers": True, "self_per_cross_attn": 2}
_FULL = {
    "num_freq_bands": 64,
    "depth": 8,
    "max_freq": 224.0,
    "input_channels": 3,
    "input_axis": 2,
    "num_latents": 512,
    "latent_dim": 1024,
    "cross_heads": 1,
    "latent_heads": 8,
    "cross_dim_head": 64,
    "latent_dim_head": 64,
    "num_classes": 1000,
    "weight_tie_layers": True,
    "self_per_cross_attn": 1,
}
# Name -> (version, arguments, input shape). What changed with each version: logarithm to even, names, tying.
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "0.2.1": ("0.2.1", _SMALL, (5, 6)),
    "0.7.0": ("0.7.0", _SMALL | {"weight_tie_layers": False}, (5, 6)),
    "0.7.3": ("0.7.3", _SMALL, (5, 6)),
    "0.7.5": ("0.7.5", _SMALL, (5, 6)),
    "0.8.0": ("0.8.0", _SMALL, (5, 6)),
    "0.9.0": ("0.9.0", _SMALL, (5, 6)),
    "0.9.0-untied": ("0.9.0", _SMALL | {"weight_tie_layers": False}, (5, 6)),
    "0.10.1": ("0.10.1", _SMALL, (5, 6)),
    "full": ("0.11.0", _FULL, (224, 224)),
}
LATENTS, COLUMNS = 3, 997
"""How much of a map is stored: latents from the first, and every so manieth element of a large one."""


def filled(shapes: Mapping[str, tuple[int, ...]], copies: Mapping[str, str]) -> dict[str, np.ndarray[Any, Any]]:
    """Weights from names and shapes.

    copies  name -> name of the tensor it shares its numbers with
    """
    out: dict[str, np.ndarray[Any, Any]] = {}
    for name, shape in shapes.items():
        out[name] = out[copies[name]] if name in copies else fill(name, shape)
    return out


def data(arguments: Mapping[str, Any], shape: tuple[int, ...]) -> torch.Tensor:
    """An input, channels last."""
    return torch.from_numpy(even("data", (1, *shape, arguments["input_channels"])))


def shared(model: torch.nn.Module) -> dict[str, str]:
    """Names in the state dict whose tensor another name before it has."""
    first: dict[int, str] = {}
    out = {}
    for name, tensor in model.state_dict().items():
        before = first.setdefault(tensor.data_ptr(), name)
        if before != name:
            out[name] = before
    return out


@torch.no_grad()
def answers(model: Any, inputs: torch.Tensor, heads: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits (classes) and the map of every block's cross-attention (heads, latents, elements), worked out from the
    queries and keys that its layers gave."""
    seen: dict[str, list[torch.Tensor]] = {"to_q": [], "to_kv": []}
    width = inputs[0, ..., 0].numel()

    def keep(which: str) -> Any:
        return lambda _module, _inputs, out: seen[which].append(out)

    hooks = [
        module.register_forward_hook(keep(name.rpartition(".")[2]))
        for name, module in model.named_modules()
        if name.endswith(("to_q", "to_kv"))
    ]
    logits = model(inputs)[0]
    for hook in hooks:
        hook.remove()
    maps = []
    for queries, both in zip(seen["to_q"], seen["to_kv"], strict=True):
        if both.shape[1] == width and both.shape[1] != queries.shape[1]:
            q, k = (part[0].unflatten(1, (heads, -1)).transpose(0, 1) for part in (queries, both.chunk(2, -1)[0]))
            maps.append((q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1))
    return logits, maps


def part(map_: torch.Tensor) -> torch.Tensor:
    """What is stored of a map."""
    elements = map_.shape[-1]
    return map_[:, :LATENTS, :: COLUMNS if elements > COLUMNS else 1]


def main(version: str) -> None:
    from perceiver_pytorch import Perceiver

    stored = dict(np.load(GOLDEN)) if GOLDEN.exists() else {}
    for name, (wanted, arguments, shape) in CASES.items():
        if wanted != version:
            continue
        model = Perceiver(**arguments).eval()
        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        copies = shared(model)
        weights = filled(shapes, copies)
        model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
        logits, maps = answers(model, data(arguments, shape), arguments["cross_heads"])
        chosen = {0, 1, len(maps) - 1}
        about = {"arguments": arguments, "shape": shape, "shapes": shapes, "copies": copies, "blocks": sorted(chosen)}
        stored[f"{name}/about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        stored[f"{name}/logits"] = logits.numpy()
        stored[f"{name}/maps"] = np.stack([part(maps[block]).numpy() for block in sorted(chosen)])
        stored[f"{name}/peaks"] = np.array([float(maps[block].max()) for block in sorted(chosen)])
    np.savez_compressed(GOLDEN, **stored)


if __name__ == "__main__":
    main(sys.argv[1])
