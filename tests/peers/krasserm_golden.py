"""Writes what krasserm's perceiver-io computes for weights and inputs that are told by their names (`fill`).

Runs where perceiver-io is installed and nothing of this project is. The library asks for Python below 3.11 and for old
releases; its image classifier runs with newer ones:

    python -m venv peer
    peer/bin/pip install torch numpy einops pillow "setuptools<80" fairscale==0.4.13 "pytorch-lightning>=2,<3" \
        "torchmetrics<0.10" "transformers>=4.28,<5"
    peer/bin/pip install --no-deps --ignore-requires-python perceiver-io==0.11.0
    peer/bin/python tests/peers/krasserm_golden.py

It takes the names of variants to write; without any, all but "full-8", which is compared by hand: its file would be
read in a test of 20 seconds. Those of full size need 4 GB and half a minute each.

One file a variant, `golden/krasserm-NAME.npz`: `about` (JSON: the library's configuration, the shapes of its state
dict, and the buffers among them), `logits`, and for cross-attention i, in the order of the forward pass, `elements_i`
and `map_i`: softmax weights of every head, of the latents in `latents`, for these input elements. `golden/krasserm/`
has one small model in the library's own three formats.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from fill import even, fill
from perceiver.model.vision.image_classifier import (
    ClassificationDecoderConfig,
    ImageClassifier,
    ImageClassifierConfig,
    ImageEncoderConfig,
    LitImageClassifier,
    PerceiverImageClassifier,
    PerceiverImageClassifierConfig,
    PerceiverImageClassifierInputProcessor,
)

GOLDEN = Path(__file__).parent / "golden"

# What most small variants have in common; each one names what it changes.
SMALL = {
    "num_latents": 6,
    "num_latent_channels": 16,
    "encoder": {
        "image_shape": (12, 12, 3),
        "num_frequency_bands": 5,
        "num_cross_attention_heads": 1,
        "num_self_attention_heads": 4,
        "num_self_attention_layers_per_block": 2,
        "num_self_attention_blocks": 4,
    },
    "decoder": {"num_cross_attention_heads": 1, "num_output_query_channels": 16, "num_classes": 5},
}
FULL = {
    "num_latents": 512,
    "num_latent_channels": 1024,
    "encoder": {
        "image_shape": (224, 224, 3),
        "num_frequency_bands": 64,
        "num_cross_attention_heads": 1,
        "num_self_attention_heads": 8,
        "num_self_attention_layers_per_block": 6,
        "num_self_attention_blocks": 8,
    },
    "decoder": {"num_cross_attention_heads": 1, "num_output_query_channels": 1024, "num_classes": 1000},
}


def changed(base: dict[str, Any], encoder: dict[str, Any], decoder: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A variant's configuration."""
    return base | others | {"encoder": base["encoder"] | encoder, "decoder": base["decoder"] | decoder}


def shared(cross: bool, tower: bool) -> dict[str, Any]:
    """Three cross-attentions in four blocks, and which of them share weights with the first."""
    sharing = {"first_cross_attention_layer_shared": cross, "first_self_attention_block_shared": tower}
    return changed(SMALL, {"num_cross_attention_layers": 3} | sharing, {})


VARIANTS = {
    "one": SMALL,
    "apart": shared(cross=False, tower=False),
    "paper": shared(cross=False, tower=True),
    "cross": shared(cross=True, tower=False),
    "tied": shared(cross=True, tower=True),
    "no-residual": changed(SMALL, {}, {"cross_attention_residual": False, "num_output_query_channels": 24}),
    "widths": changed(
        SMALL,
        {
            "image_shape": (10, 14, 3),
            "num_cross_attention_heads": 3,
            "num_cross_attention_qk_channels": 12,
            "num_cross_attention_v_channels": 18,
            "num_cross_attention_layers": 2,
            "cross_attention_widening_factor": 2,
            "num_self_attention_heads": 2,
            "num_self_attention_qk_channels": 8,
            "num_self_attention_v_channels": 8,
            "self_attention_widening_factor": 3,
        },
        {
            "num_cross_attention_heads": 2,
            "num_cross_attention_qk_channels": 6,
            "num_cross_attention_v_channels": 10,
            "cross_attention_widening_factor": 4,
            "num_output_query_channels": 12,
        },
    ),
    "grey": changed(
        SMALL,
        {
            "image_shape": (28, 28, 1),
            "num_frequency_bands": 32,
            "num_cross_attention_layers": 2,
            "num_self_attention_heads": 8,
            "num_self_attention_layers_per_block": 3,
            "num_self_attention_blocks": 3,
            "first_self_attention_block_shared": False,
        },
        {"num_output_query_channels": 128, "num_classes": 10},
        num_latents=32,
        num_latent_channels=128,
    ),
    "full": FULL,
    "full-8": changed(FULL, {"num_cross_attention_layers": 8}, {}),
}
# The one that is written in the library's own formats: what Lightning keeps beside the weights grows with them.
FILES = changed(
    SMALL,
    {"image_shape": (6, 6, 1), "num_frequency_bands": 2, "num_cross_attention_layers": 2}
    | {"num_self_attention_blocks": 3, "num_self_attention_layers_per_block": 1},
    {"num_output_query_channels": 8},
    num_latents=4,
    num_latent_channels=8,
)


def configuration(values: dict[str, Any]) -> ImageClassifierConfig:
    """The library's configuration object."""
    return ImageClassifierConfig(
        encoder=ImageEncoderConfig(**values["encoder"]),
        decoder=ClassificationDecoderConfig(**values["decoder"]),
        num_latents=values["num_latents"],
        num_latent_channels=values["num_latent_channels"],
    )


def filled(model: torch.nn.Module) -> None:
    """Gives every parameter the numbers of its name."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(fill(name, tuple(parameter.shape))))


def run(model: ImageClassifier) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits for the input of this name, and the softmax weights (heads, N, M) of its encoder's cross-attentions."""
    maps: list[torch.Tensor] = []
    # The dropout, which does nothing here, is handed the weights as they are multiplied with the values.
    for layer in ("cross_attn_1", "cross_attn_n"):
        if hasattr(model.encoder, layer):
            attention = getattr(model.encoder, layer)[0].module.attention
            attention.dropout.register_forward_pre_hook(lambda _, given: maps.append(given[0][0]))
    pixels = torch.from_numpy(even("input", (1, *model.config.encoder.image_shape)))
    with torch.no_grad():
        logits = model(pixels)[0]
    return logits, maps


def sampled(weights: torch.Tensor, latents: list[int], most: int) -> tuple[np.ndarray, np.ndarray]:
    """Input elements, half of them spread evenly and half those that the first of these latents reads most, and the
    weights (heads, latents, elements) of them."""
    elements = weights.shape[-1]
    if elements <= most:
        index = torch.arange(elements)
    else:
        spread = torch.linspace(0, elements - 1, most // 2).round().long()
        index = torch.cat([spread, weights[0, latents[0]].topk(most // 2).indices]).unique()
    return index.numpy().astype(np.int32), weights[:, latents][..., index].numpy()


def write(name: str, values: dict[str, Any]) -> None:
    """Writes one variant's file."""
    torch.manual_seed(0)
    model = ImageClassifier(configuration(values)).eval()
    filled(model)
    logits, maps = run(model)
    count = maps[0].shape[1]
    latents = sorted({0, count // 3, (2 * count) // 3, count - 1})
    arrays: dict[str, np.ndarray] = {"logits": logits.numpy(), "latents": np.array(latents)}
    for i, weights in enumerate(maps):
        arrays[f"elements_{i}"], arrays[f"map_{i}"] = sampled(weights, latents, 2000 // max(len(maps), 2))
    about = {
        "config": dataclasses.asdict(model.config),
        "shapes": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
        "buffers": [name for name, _ in model.named_buffers()],
    }
    np.savez_compressed(GOLDEN / f"krasserm-{name}.npz", about=np.array(json.dumps(about)), **arrays)
    peak = max(float(weights.max()) * weights.shape[-1] for weights in maps)
    print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(maps)} maps, at most {peak:.0f}/M")


class Trained(LitImageClassifier):
    """The library's module with what its command line adds: an optimiser and its schedule."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.0)
        return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)]


def write_files(folder: Path) -> None:
    """One small model as a state dict, as a checkpoint of Lightning after a step, and as a folder of the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = configuration(FILES)
    lit = Trained.create(config).eval()
    filled(lit.model)
    torch.save(lit.model.state_dict(), folder / "weights.pt")
    shape = config.encoder.image_shape
    batches = [{"image": torch.zeros(2, *shape), "label": torch.zeros(2, dtype=torch.long)}]
    trainer = lightning.Trainer(
        accelerator="cpu", max_steps=1, logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(lit, torch.utils.data.DataLoader(batches, batch_size=None))
    trainer.save_checkpoint(folder / "training.ckpt")
    hub = PerceiverImageClassifierConfig(config, id2label=dict(enumerate("ABCDE")))
    model = PerceiverImageClassifier(hub)
    model.backend_model.load_state_dict(lit.model.state_dict())
    model.save_pretrained(folder / "hub", safe_serialization=False)
    # As the library's own conversion of its MNIST classifier does.
    PerceiverImageClassifierInputProcessor(
        single_channel=True, do_center_crop=False, do_resize=False, image_mean=0.5, image_std=0.5
    ).save_pretrained(folder / "hub")
    logits, _ = run(lit.model.eval())
    np.savez_compressed(folder / "logits.npz", logits=logits.numpy())


def main() -> None:
    """Writes the variants that are named, or all of them and the files."""
    warnings.simplefilter("ignore")
    GOLDEN.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [*(set(VARIANTS) - {"full-8"}), "files"]:
        if name == "files":
            write_files(GOLDEN / "krasserm")
        else:
            write(name, VARIANTS[name])


if __name__ == "__main__":
    main()
