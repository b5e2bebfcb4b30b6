"""How each of our tensors is made of perceiver-io's."""

from __future__ import annotations

from ....config import PerceiverConfig
from ..base import Rule, take
from .names import CLASSES, DECODER, FIRST_CROSS, FIRST_TOWER, LATENTS, OTHER_CROSS, OTHER_TOWER, QUERY
from .told import Told


def rules_of(told: Told, config: PerceiverConfig) -> dict[str, Rule]:
    """The rules of all tensors of a model."""
    crosses = [FIRST_CROSS, OTHER_CROSS][: 1 + told.has(OTHER_CROSS)]
    towers = [FIRST_TOWER, OTHER_TOWER][: 1 + told.has(OTHER_TOWER)]
    rules = {"latents": take(told.called(LATENTS)), "head.query": take(told.called(QUERY))}
    rules |= _both("head.linear", CLASSES)
    for i, cross in enumerate(crosses):
        rules |= _layer_rules(f"cross.{i}", f"{cross}.0.module", f"{cross}.1.module", cross=True)
    for i, tower in enumerate(towers):
        for layer in range(config.self_attends):
            theirs = f"{tower}.{layer}"
            rules |= _layer_rules(f"towers.{i}.{layer}", f"{theirs}.0.module", f"{theirs}.1.module", cross=False)
    return rules | _layer_rules("head.read", told.decoder, f"{DECODER}.1.module", cross=True)


def _layer_rules(ours: str, attention: str, mlp: str, *, cross: bool) -> dict[str, Rule]:
    """One attention layer with its MLP."""
    norms = {"query_norm": "q_norm", "input_norm": "kv_norm"} if cross else {"norm": "norm"}
    names = {norm: f"{attention}.{its}" for norm, its in norms.items()}
    for part in ("query", "key", "value", "out"):
        names[part] = f"{attention}.attention.{part[0]}_proj"
    # Norm and two linear layers by their place; 2 is the GELU between them.
    names |= {"mlp.norm": f"{mlp}.0", "mlp.widen": f"{mlp}.1", "mlp.narrow": f"{mlp}.3"}
    return {name: rule for part, its in names.items() for name, rule in _both(f"{ours}.{part}", its).items()}


def _both(ours: str, theirs: str) -> dict[str, Rule]:
    return {f"{ours}.{kind}": take(f"{theirs}.{kind}") for kind in ("weight", "bias")}
