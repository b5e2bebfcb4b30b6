"""Small models for the tests, and results of their training."""

from __future__ import annotations

from collections.abc import Mapping

from perceiver import PerceiverConfig
from perceiver.checkpoints.cards.results import Budget, Data, HeldOut, Results
from perceiver.positions import FourierConfig


def tiny(**changes: object) -> PerceiverConfig:
    """15 input elements on a 3 x 5 grid, 4 latents of 8 channels, 2 blocks with their own cross-attentions."""
    values: dict[str, object] = {
        "num_classes": 3,
        "input_shape": (3, 5),
        "content_channels": 2,
        "positions": FourierConfig(num_bands=4, max_resolution=(3.0, 5.0)),
        "num_latents": 4,
        "latent_dim": 8,
        "plan": ((0, 0), (1, 0)),
        "self_attends": 1,
        "self_heads": 2,
        "latent_init_scale": 1.0,
    }
    return PerceiverConfig(**(values | changes))  # type: ignore[arg-type]


def tied(**changes: object) -> PerceiverConfig:
    """20 input elements on a 4 x 5 grid, 3 latents of 8 channels, 3 blocks of which the second and third share a
    cross-attention."""
    values: dict[str, object] = {
        "input_shape": (4, 5),
        "content_channels": 3,
        "positions": FourierConfig(num_bands=2, max_resolution=(4.0, 5.0)),
        "num_latents": 3,
        "plan": ((0, 0), (1, 0), (1, 0)),
        "latent_init_scale": 0.02,
    }
    return tiny(**(values | changes))


def tiny_results(name: str, per_class: Mapping[str, tuple[int, int]]) -> Results:
    """Results of a checkpoint and a recipe of one name, of seed 0.

    per_class  held-out examples that were right, and how many there are
    """
    return Results(
        name=name,
        recipe=name,
        command=f"perceiver train {name}",
        seed=0,
        data=Data(name="Rooms", licence="CC0", split="by object"),
        budget=Budget(steps=10, examples=100, seconds=60.0, hardware="one core"),
        held_out=HeldOut(per_class=per_class),
    )
