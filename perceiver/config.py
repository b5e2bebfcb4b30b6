"""Configuration of a Perceiver: everything that determines its architecture, without settings of training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from .errors import ConfigError, printable
from .positions import FourierConfig, PositionConfig, SegmentConfig, position_config, position_dict
from .validation import check_choice, check_positive, known_fields

Activation = Literal["gelu", "gelu_tanh", "geglu"]
Head = Literal["mean", "mean_norm", "decoder"]
StemKind = Literal["linear", "conv", "patches", "convs"]
StemPadding = Literal["same", "transformers"]
Block = tuple[int | None, int | None]

CONV, POOL, STRIDE = 7, 3, 2
"""Kernel sizes of convolution and pooling in the "conv" stem, and the stride of both."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and after an axis, as "SAME" in JAX and TensorFlow: the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class StemConfig:
    """Configuration of a stem: the layers applied to the content before the position encoding is concatenated.

    kind         "linear": a linear layer shared by all elements (Perceiver IO)
                 "conv": a 7 x 7 convolution with stride 2, ReLU and 3 x 3 max pooling with stride 2: one element per
                 4 x 4 pixels (Perceiver IO, ImageNet)
                 "patches": flattened patches of side x side pixels, without weights
                 "convs": side x side convolutions with stride 2, each followed by a ReLU; one per entry of `widths`
    in_channels  channels of the content before the stem (3 for RGB)
    pixels       (H, W) of the pixel grid; None for "linear", which keeps the grid of input_shape
    padding      for "conv" only: "same" as in DeepMind's code, H/4 x W/4 elements; "transformers" as in Hugging Face's
                 port, which pads one pixel more before and does not pad the pooling: 55 x 55 elements for 224 x 224
    side         side of a patch in pixels, or kernel size of "convs"; None for the other kinds
    widths       output channels of each of "convs"; the last one is content_channels
    """

    kind: StemKind = "linear"
    in_channels: int = 3
    pixels: tuple[int, int] | None = None
    padding: StemPadding = "same"
    side: int | None = None
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_choice("stem.kind", self.kind, ("linear", "conv", "patches", "convs"))
        check_choice("stem.padding", self.padding, ("same", "transformers"))
        check_positive("stem.in_channels", self.in_channels)
        if (self.kind == "linear") != (self.pixels is None):
            raise ConfigError("stem.pixels is the (height, width) that is read; every kind but linear needs it")
        for n in self.pixels or ():
            check_positive("stem.pixels", n)
        if (self.kind in ("patches", "convs")) != (self.side is not None):
            raise ConfigError("stem.side belongs to the kinds patches and convs, which need it")
        if self.side is not None:
            check_positive("stem.side", self.side)
        if (self.kind == "convs") != bool(self.widths):
            raise ConfigError("stem.widths belongs to the kind convs, which needs at least one")
        for n in self.widths:
            check_positive("stem.widths", n)
        if self.kind == "patches" and any(n % (self.side or 1) for n in self.pixels or ()):
            raise ConfigError(f"stem.side is {self.side}, which does not divide stem.pixels, {self.pixels}")
        if self.kind == "convs" and min(self.grid or (1,)) < 1:
            raise ConfigError(f"stem.pixels is {self.pixels}, which {len(self.widths)} convolutions leave nothing of")

    @property
    def grid(self) -> tuple[int, ...] | None:
        """The output grid; None for "linear", which keeps the grid."""
        if self.pixels is None:
            return None
        if self.kind == "patches":
            return tuple(n // (self.side or 1) for n in self.pixels)
        if self.kind == "convs":
            grid = self.pixels
            for _ in self.widths:
                grid = tuple(-(-n // STRIDE) for n in grid)  # type: ignore[assignment]
            return grid
        halves = [(n + 1) // 2 for n in self.pixels]
        return tuple((n + 1) // 2 if self.padding == "same" else (n - POOL) // STRIDE + 1 for n in halves)

    @property
    def out_channels(self) -> int | None:
        """Output channels, if the fields of the stem determine them; else None."""
        if self.kind == "patches":
            return self.in_channels * (self.side or 1) ** 2
        return self.widths[-1] if self.widths else None

    @property
    def cells(self) -> tuple[tuple[float, float], ...] | None:
        """The extent of the output grid on the pixels, (start, stop) per axis; None for "linear".

        The cell of an element is centred on its receptive field and as wide as the distance to the next element.
        """
        if self.pixels is None or self.grid is None:
            return None
        if self.kind == "patches":
            return tuple((0.0, float(n)) for n in self.pixels)
        if self.kind == "convs":
            return tuple(self._convs_cells(n) for n in self.pixels)
        width = float(STRIDE * STRIDE)
        starts = []
        for pixels in self.pixels:
            same = self.padding == "same"
            before = same_padding(pixels, CONV, STRIDE)[0] if same else CONV // 2
            pooled = same_padding((pixels + 1) // 2, POOL, STRIDE)[0] if same else 0
            # Pooling: element j covers entries 2j - pooled to +2; convolution: entry i covers pixels 2i - before to +6.
            starts.append(STRIDE * (POOL // 2 - pooled) - before + CONV / 2 - width / 2)
        return tuple((start, start + width * n) for start, n in zip(starts, self.grid, strict=True))

    def _convs_cells(self, pixels: int) -> tuple[float, float]:
        # Element j of a layer covers `side` entries from 2j - before; centres are mapped back layer by layer to pixels.
        assert self.side is not None
        centre, step, size = 0.5, 1.0, pixels
        for _ in self.widths:
            before = same_padding(size, self.side, STRIDE)[0]
            centre += step * ((self.side - 1) / 2 - before)
            step, size = step * STRIDE, -(-size // STRIDE)
        return centre - step / 2, centre - step / 2 + step * size


@dataclass(frozen=True)
class PerceiverConfig:
    """Architecture of a Perceiver.

    modality           name of the modality that prepares its inputs, see `perceiver.modalities`
    input_shape        grid of the input elements, rows first: (H, W) for an image; M is its product
    content_channels   content channels of the input array, after the stem if there is one (3 for RGB, 0 if the input
                       has positions only)
    stem               layers applied to the content first; None in the paper
    position_axes      number of coordinates of free elements (3 for a point cloud, whose input_shape is (M,)); None if
                       the elements are on the grid of input_shape
    segments           segments of the input array of a multi-modal model, in order; each row is padded to `padded_to`
                       channels. input_shape is then (M,), and the segments hold the position encodings
    labels             class names, in the order of the logits
    plan               one (cross-attention, tower) pair per block; equal numbers share weights, None omits the part
    self_attends       L, self-attention layers per tower
    qk_dim, v_dim      widths of queries and keys, and of values, in a cross-attention; None means C, as in the paper
    self_dim           width of queries, keys and values in a self-attention; None means latent_dim
    head               "mean" (mean over latents, then linear: the paper), "mean_norm" (LayerNorm in between),
                       "decoder" (a cross-attention with one learned query: Perceiver IO)
    decoder_*          for the decoder only: heads, whether the query is added to the attention output, and widths of
                       its query, queries and keys, values, output and MLP; None means latent_dim
    preprocess         settings for preparing an input, used by the modality only
    """

    num_classes: int = 1000
    modality: str = "image"
    input_shape: tuple[int, ...] = (224, 224)
    content_channels: int = 3
    stem: StemConfig | None = None
    position_axes: int | None = None
    segments: tuple[SegmentConfig, ...] = ()
    padded_to: int | None = None
    positions: PositionConfig = field(default_factory=FourierConfig)
    num_latents: int = 512
    latent_dim: int = 1024
    plan: tuple[Block, ...] = ((0, 0), *(((1, 0),) * 7))
    self_attends: int = 6
    cross_heads: int = 1
    self_heads: int = 8
    qk_dim: int | None = None
    v_dim: int | None = None
    self_dim: int | None = None
    cross_widening: int = 1
    self_widening: int = 1
    activation: Activation = "gelu"
    qkv_bias: bool = True
    out_bias: bool = True
    head: Head = "mean"
    decoder_heads: int = 1
    decoder_query_residual: bool = False
    decoder_query_dim: int | None = None
    decoder_qk_dim: int | None = None
    decoder_v_dim: int | None = None
    decoder_out_dim: int | None = None
    decoder_widening: int = 1
    latent_init_scale: float = 0.02
    labels: tuple[str, ...] = ()
    preprocess: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (
            *("num_classes", "num_latents", "latent_dim", "self_attends", "cross_heads", "self_heads"),
            *("cross_widening", "self_widening", "decoder_heads", "decoder_widening"),
        ):
            check_positive(name, getattr(self, name))
        if self.content_channels != 0:
            check_positive("content_channels", self.content_channels)
        if self.position_axes is not None:
            check_positive("position_axes", self.position_axes)
        if not self.input_shape:
            raise ConfigError("input_shape is empty; it needs at least one axis")
        for n in self.input_shape:
            check_positive("input_shape", n)
        check_choice("activation", self.activation, ("gelu", "gelu_tanh", "geglu"))
        check_choice("head", self.head, ("mean", "mean_norm", "decoder"))
        if not self.plan:
            raise ConfigError("plan is empty; a Perceiver needs at least one block")
        for which, name in ((0, "cross-attention"), (1, "tower")):
            used = {weights for block in self.plan if (weights := block[which]) is not None}
            if used != set(range(len(used))):
                raise ConfigError(f"plan numbers its {name} weight sets {sorted(used)}; they must run 0, 1, 2, ...")
        if self.plan[0][0] is None:
            raise ConfigError("plan begins without a cross-attention; the latents would never see the input first")
        for name, width, heads in (
            ("self_dim", self.self_dim or self.latent_dim, self.self_heads),
            ("qk_dim", self.cross_qk_dim, self.cross_heads),
            ("v_dim", self.cross_v_dim, self.cross_heads),
            ("decoder_qk_dim", self.decoder_qk_dim or self.latent_dim, self.decoder_heads),
            ("decoder_v_dim", self.decoder_v_dim or self.latent_dim, self.decoder_heads),
        ):
            if width % heads:
                raise ConfigError(f"{name} is {width}, which {heads} heads do not divide")
        if (self.padded_to is None) == bool(self.segments):
            raise ConfigError("padded_to is the channels that segments are filled up to, and needs them")
        if self.segments and self.input_shape != (sum(segment.count for segment in self.segments),):
            raise ConfigError(f"input_shape is {self.input_shape}; it must be the elements of all segments together")
        for segment in self.segments:
            if self.padded_to is None or segment.channels >= self.padded_to:
                raise ConfigError(f"segments.{segment.name} has {segment.channels} channels; padded_to must be more")
        if self.stem and self.stem.grid not in (None, self.input_shape):
            raise ConfigError(
                f"input_shape is {self.input_shape}, and the stem makes {self.stem.grid} elements of {self.stem.pixels}"
            )
        if self.stem and self.stem.out_channels not in (None, self.content_channels):
            raise ConfigError(
                f"content_channels is {self.content_channels}, and the stem makes {self.stem.out_channels} channels"
            )
        if not self.segments:
            self.positions.check_axes(self.num_axes, free=self.position_axes is not None)
            if self.input_channels == 0:
                raise ConfigError(
                    f"content_channels is 0 and the model has {self.positions.phrase}: its input would have no channels"
                )
            if self.input_channels == 1 and self.position_channels == 0:
                raise ConfigError(
                    f"content_channels is 1 and the model has {self.positions.phrase}: the layer norm of a single "
                    "channel is always 0"
                )
        if self.labels and len(self.labels) != self.num_classes:
            raise ConfigError(f"labels names {len(self.labels)} classes, num_classes is {self.num_classes}")

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names of all classes in the order of the logits: `labels`, without characters that cannot be shown, or
        "class 0", "class 1", ... without them."""
        return tuple(map(printable, self.labels)) or tuple(f"class {i}" for i in range(self.num_classes))

    @property
    def num_axes(self) -> int:
        """Number of position axes: 2 for an image, 3 for a point cloud, 4 for a video with sound."""
        if self.segments:
            return sum(len(segment.shape) for segment in self.segments if segment.positions)
        return len(self.input_shape) if self.position_axes is None else self.position_axes

    @property
    def num_inputs(self) -> int:
        """M, the number of input elements."""
        total = 1
        for n in self.input_shape:
            total *= n
        return total

    @property
    def position_channels(self) -> int:
        """Channels of the position encoding; with segments all channels, since each has its own content channels."""
        if self.padded_to is not None:
            return self.padded_to
        return self.positions.channels(self.num_axes)

    @property
    def positions_label(self) -> str:
        """The position encoding in a few words, or those of all segments."""
        each = [f"{one.name}: {one.positions.label}" for one in self.segments if one.positions]
        return "; ".join(each) or self.positions.label

    @property
    def positions_phrase(self) -> str:
        """The kind of position encoding in words, such as "fourier positions"; of segments each kind once."""
        return " and ".join(dict.fromkeys(one.phrase for one in self.encodings))

    @property
    def positions_kind(self) -> str:
        """The kind of position encoding, or those of all segments, joined by "+"."""
        return "+".join(dict.fromkeys(one.kind for one in self.encodings))

    @property
    def encodings(self) -> tuple[PositionConfig, ...]:
        """The position encodings in use: `positions`, or those of the segments."""
        return tuple(one.positions for one in self.segments if one.positions) or (self.positions,)

    @property
    def positions_description(self) -> str:
        """Description of the position encoding, or of those of all segments."""
        each = [f"{one.name}: {one.positions.description}" for one in self.segments if one.positions]
        return "; ".join(each) or self.positions.description

    @property
    def read_channels(self) -> int:
        """Content channels before the stem, as the modality prepares them."""
        return self.stem.in_channels if self.stem else self.content_channels

    @property
    def read_shape(self) -> tuple[int, ...]:
        """Grid of the prepared content: that of the elements, or of the pixels before a stem."""
        return self.stem.pixels if self.stem and self.stem.pixels else self.input_shape

    @property
    def input_channels(self) -> int:
        """C, the content channels plus the position channels."""
        if self.padded_to is not None:
            return self.padded_to
        return self.content_channels + self.position_channels

    @property
    def cross_qk_dim(self) -> int:
        """Width of queries and keys in a cross-attention."""
        return self.qk_dim or min(self.input_channels, self.latent_dim)

    @property
    def cross_v_dim(self) -> int:
        """Width of values in a cross-attention."""
        return self.v_dim or self.cross_qk_dim

    @property
    def cross_attention_blocks(self) -> tuple[int, ...]:
        """Indices of the blocks with a cross-attention."""
        return tuple(i for i, (cross, _) in enumerate(self.plan) if cross is not None)

    @property
    def layers(self) -> int:
        """Layers of a forward pass, shared ones counted as often as they are used."""
        return sum((cross is not None) + (tower is not None) * self.self_attends for cross, tower in self.plan)

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable values."""
        nested = {
            "positions": position_dict(self.positions),
            "segments": tuple(segment.to_dict() for segment in self.segments),
        }
        return dataclasses.asdict(self) | nested

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PerceiverConfig:
        """The inverse of `to_dict`. Raises ConfigError on unknown fields and impossible values."""
        try:
            fields = dict(values) | {"positions": position_config(values.get("positions", {}))}
            if fields.get("stem") is not None:
                stem = dict(fields["stem"])
                if stem.get("pixels") is not None:
                    height, width = stem["pixels"]
                    stem["pixels"] = (height, width)
                if "widths" in stem:
                    stem["widths"] = tuple(stem["widths"])
                fields["stem"] = StemConfig(**known_fields(StemConfig, stem))
            for name in ("input_shape", "labels"):
                if name in fields:
                    fields[name] = tuple(fields[name])
            if "segments" in fields:
                fields["segments"] = tuple(SegmentConfig.from_dict(segment) for segment in fields["segments"])
            if "plan" in fields:
                fields["plan"] = tuple((cross, tower) for cross, tower in fields["plan"])
            return cls(**known_fields(cls, fields))
        except ConfigError:
            raise
        except (TypeError, ValueError) as error:
            raise ConfigError(f"the configuration holds a value of the wrong type: {error}") from error
