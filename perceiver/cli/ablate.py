"""`perceiver ablate`: what changes when a part of the position code is taken away."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConfigError
from .asked import (
    ClassName,
    Out,
    axis_names,
    change,
    end,
    file_name,
    followed,
    formats,
    json_file,
    places,
    stems,
    table,
    written,
)
from .group import examples
from .opened import Opened, Openings, choices, for_each
from .predict import AsJson, Checkpoint, Files, Read

if TYPE_CHECKING:
    from ..analysis.ablation import Ablation
    from ..analysis.change import AnswerChange, MapChange
    from ..positions import Positions
    from ..sample import Sample

Fill = Literal["zero", "mean", "shuffle"]
FORMATS = ("png", "npz", "json")
SHOWN = 5
"""Classes that are listed."""

HowFilled = Annotated[
    Fill | None,
    typer.Option(
        help="What takes the place of what goes: 0, its mean over the elements, or its own values with the elements in "
        "another order.  [default: zero]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of the order of what is shuffled.")]

app = typer.Typer()


@dataclass(frozen=True)
class Removal:
    """What the command line asks to take away; bands and axes count from 1, None is nothing."""

    text: str | None
    low_pass: int | None
    high_pass: int | None
    keep: tuple[float, float] | None
    band: int | None
    axis: int | None
    coordinates: bool
    only: Literal["sines", "cosines"] | None
    whole: bool
    fill: Fill | None
    seed: int

    def of(self, opened: Opened) -> Ablation:
        """The ablation for a checkpoint. Raises ConfigError where it takes nothing away, or what is not there."""
        config, encoding = opened.model.config, opened.model.encoding
        taken = reduce(or_, self._parts(encoding))
        if self.fill is not None:
            taken = taken.filled(self.fill, self.seed)
        if not taken.channels(encoding, config.position_channels):
            counts = Counter(band.axis for band in encoding.bands())
            alike = len(set(counts.values())) == 1
            have = (
                f"{opened.name} has {counts[0] if alike else ', '.join(map(str, counts.values()))} bands on "
                f"{'each axis' if alike else 'its axes'}"
                if counts
                else f"{opened.name} has {config.positions.kind} positions, without frequencies; --all takes them whole"
            )
            raise ConfigError(f"that takes nothing away: {have}")
        return taken

    def _parts(self, encoding: Positions) -> list[Ablation]:
        from ..analysis import ablation as presets

        axis = None if self.axis is None else self.axis - 1
        parts = []
        if self.text is not None:
            parts.append(presets.parse(self.text))
        if self.low_pass is not None:
            parts.append(presets.low_pass(encoding, self.low_pass))
        if self.high_pass is not None:
            parts.append(presets.high_pass(encoding, self.high_pass))
        if self.keep is not None:
            parts.append(presets.band_pass(encoding, *self.keep))
        if self.band is not None:
            parts.append(presets.one_band(encoding, self.band - 1, axis))
        elif axis is not None:
            parts.append(presets.one_axis(encoding, axis))
        if self.coordinates:
            parts.append(presets.coordinates(encoding))
        if self.only is not None:
            parts.append(presets.cosines(encoding) if self.only == "sines" else presets.sines(encoding))
        if self.whole:
            parts.append(presets.WHOLE)
        if not parts:
            raise typer.BadParameter("say what to take away, such as --low-pass 4, --axis 1 or --remove b1:3-16")
        return parts


@app.command(
    epilog=examples(
        "perceiver ablate photo.jpg --low-pass 4",
        "perceiver ablate *.jpg --keep 1 8 --class chair -o ablated",
        "perceiver ablate talk.mp3 -c audio-mel --axis 2 --fill shuffle --seed 7",
        "perceiver ablate photo.jpg --remove b1:3-16,x2,mean --json",
    )
)
def ablate(
    files: Files,
    checkpoint: Checkpoint = None,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Parts with commas, counted from 1: b1:3-16 bands of axis 1, s1:2 a sine, c1:2 a cosine, x2 the raw "
            "coordinate of axis 2, all; then mean or shuffle:SEED.",
            show_default=False,
        ),
    ] = None,
    low_pass: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Keep the K lowest bands of every axis.", show_default=False)
    ] = None,
    high_pass: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="Take the K lowest bands away.", show_default=False)
    ] = None,
    keep: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH", help="Keep the bands from LOW to HIGH cycles across the axis.", show_default=False
        ),
    ] = None,
    band: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Take band N away, on all axes or on --axis.", show_default=False),
    ] = None,
    axis: Annotated[
        int | None,
        typer.Option(min=1, metavar="A", help="Take all of axis A away, or just --band of it.", show_default=False),
    ] = None,
    no_coordinates: Annotated[bool, typer.Option("--no-coordinates", help="Take the raw coordinates away.")] = False,
    sines: Annotated[bool, typer.Option("--sines", help="Keep only the sines: take the cosines away.")] = False,
    cosines: Annotated[bool, typer.Option("--cosines", help="Keep only the cosines: take the sines away.")] = False,
    whole: Annotated[bool, typer.Option("--all", help="Take the whole code away.")] = False,
    fill: HowFilled = None,
    seed: Seed = 0,
    class_: ClassName = None,
    out: Out = None,
    formats_: Annotated[
        str, typer.Option("--format", metavar="LIST", help="With --out: any of png, npz, json, with commas.")
    ] = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Take a part of the position code away and show what changes: predictions, and the map of every block.

    All that is named goes together. The model itself is left as it is.
    """
    if sines and cosines:
        raise typer.BadParameter("--sines and --cosines exclude each other; --remove takes bands away whole")
    only: Literal["sines", "cosines"] | None = "sines" if sines else "cosines" if cosines else None
    removal = Removal(remove, low_pass, high_pass, keep, band, axis, no_coordinates, only, whole, fill, seed)
    wanted, options, names = formats(formats_, FORMATS), choices(read or []), stems(files)
    openings = Openings(checkpoint)
    if checkpoint:
        removal.of(openings(files[0]))

    def work(path: Path) -> tuple[dict[str, Any], str]:
        opened = openings(path)
        taken = removal.of(opened)
        run = Run.of(opened, opened.read(path, options), taken, class_)
        result = {"file": str(path)} | run.json()
        if out is not None:
            stem = f"{names[path]}.{file_name(opened.name)}.ablated"
            result["written"] = written(out, wanted, lambda form: run.files(form, stem))
        return result, f"{path} ({opened.name})\n{run.listing()}"

    results, complete = for_each(files, "Ablating", work)
    end(results, complete, as_json)


@dataclass(frozen=True)
class Run:
    """One input with and without what is taken away."""

    opened: Opened
    sample: Sample
    taken: Ablation
    answer: AnswerChange
    target: int
    maps: tuple[MapChange, ...]

    @classmethod
    def of(cls, opened: Opened, sample: Sample, taken: Ablation, class_: str | None) -> Run:
        """Runs the model twice. Raises ConfigError for a class that it does not have."""
        from ..analysis.change import AnswerChange, map_changes

        model = opened.model
        before = opened.trace(sample)
        target = followed(opened, class_, before.logits.numpy())
        after = model.trace(model.inputs(sample, taken.apply(model.codes(sample), model.encoding)))
        answer = AnswerChange(before.logits.numpy(), after.logits.numpy())
        return cls(opened, sample, taken, answer, target, tuple(map_changes(before, after)))

    def json(self) -> dict[str, Any]:
        """The numbers."""
        from ..export import ablation_json

        return ablation_json(
            self.taken,
            self.answer,
            self.opened.labels,
            target=self.target,
            maps=self.maps,
            **self.opened.about(self.sample),
        )

    def listing(self) -> str:
        """The numbers as tables."""
        from ..analysis.formatting import number

        answer, labels = self.answer, self.opened.labels
        blocks = [["block", "mean of latents", "each latent, mean"]]
        blocks += [[str(m.block + 1), number(m.divergence or 0.0), number(m.latents)] for m in self.maps]
        return "\n".join(
            (
                f"  taken away: {words(self.taken, self.opened.model.encoding, axis_names(self.sample))}",
                answers(answer, labels, self.target),
                f"  {verdict(answer, labels)}",
                "  how far maps moved: Jensen-Shannon divergence in bits, 0 alike to 1 disjoint",
                table(blocks),
            )
        )

    def files(self, form: str, stem: str) -> dict[str, bytes]:
        """The files of one format, by name."""
        if form == "json":
            return {f"{stem}.json": json_file(self.json())}
        if form == "npz":
            return {f"{stem}.npz": self._npz()}
        return {f"{stem}.png": self._figure(), f"{stem}-difference.png": self._differences()}

    def _npz(self) -> bytes:
        from ..export import ablation_npz

        buffer = io.BytesIO()
        ablation_npz(buffer, self.taken, self.maps, **places(self.sample), **self.opened.origin)
        return buffer.getvalue()

    def _figure(self) -> bytes:
        """Before and after, a row each on one scale."""
        from ..analysis.summary import summarise
        from ..plots.comparison import Row, comparison_png
        from ..plots.drawing import draw
        from ..plots.scale import ColourScale

        values = [[one.before for one in self.maps], [one.after for one in self.maps]]
        ranges = ColourScale().limits([*values[0], *values[1]])
        half = len(self.maps)
        rows = [
            Row(
                name=name,
                drawn=draw(self.sample, maps, its, colours="magma", strength=0.8),
                blocks=tuple(one.block for one in self.maps),
                ranges=its,
                summaries=tuple(summarise(one) for one in maps),
            )
            for name, maps, its in zip(("Before", "After"), values, (ranges[:half], ranges[half:]), strict=True)
        ]
        return comparison_png(rows, title=self._title("What each block read"), footer=self._footer())

    def _differences(self) -> bytes:
        """After less before, on a scale of their own."""
        from ..analysis.summary import summarise
        from ..plots.drawing import draw
        from ..plots.figures import figure_png
        from ..plots.scale import ColourScale

        values = [one.difference for one in self.maps]
        ranges = ColourScale(signed=True).limits(values)
        return figure_png(
            draw(self.sample, values, ranges, strength=None),
            ranges,
            [f"Block {one.block + 1}" for one in self.maps],
            [summarise(one, signed=True) for one in values],
            title=self._title("What changed"),
            footer=self._footer(),
        )

    def _title(self, what: str) -> str:
        return f"{what}: {self.opened.name}, {self.sample.name}"

    def _footer(self) -> str:
        taken = words(self.taken, self.opened.model.encoding, axis_names(self.sample))
        return f"Mean over latents. Taken away: {taken}."


def answers(answer: AnswerChange, labels: Sequence[str], target: int) -> str:
    """The most probable classes before and the one that is followed, as a table."""
    order = answer.before.argsort(kind="stable")[::-1][:SHOWN].tolist()
    rows = [["", "before", "after", "points", "logit"]]
    for i in (*order, *(() if target in order else (target,))):
        before, after = float(answer.probabilities_before[i]), float(answer.probabilities_after[i])
        moved = (change(100 * answer.probability(i), 1), change(answer.logit(i), 2))
        rows.append([labels[i], f"{before:.1%}", f"{after:.1%}", *moved])
    return table(rows)


def verdict(answer: AnswerChange, labels: Sequence[str]) -> str:
    """Whether the answer is another, and how far it moved, in a sentence."""
    from ..analysis.formatting import number

    before, after = labels[int(answer.before.argmax())], labels[int(answer.after.argmax())]
    turned = f"the answer turns from {before} to {after}" if answer.flipped else f"the answer stays {before}"
    return f"{turned}; KL divergence {number(answer.kl)} nats"


def words(taken: Ablation, encoding: Positions, axes: Sequence[str]) -> str:
    """What is taken away, with frequencies in cycles across their axis, and what takes its place."""
    both = taken.sines & taken.cosines
    parts = ["the whole position code"] if taken.whole else []
    for what, gone in (("", both), ("sines of ", taken.sines - both), ("cosines of ", taken.cosines - both)):
        for axis in sorted({axis for axis, _ in gone}):
            along = [band for band in encoding.bands() if band.axis == axis]
            runs = _runs([(band.frequency, (axis, band.index) in gone) for band in along])
            count = sum((axis, band.index) in gone for band in along)
            parts.append(f"{what}{runs} cycles across {axes[axis]} ({count} of {len(along)} bands)")
    parts += [f"the raw coordinate of {axes[axis]}" for axis in sorted(taken.coordinates)]
    instead = {"zero": "0", "mean": "their mean", "shuffle": f"their values shuffled (seed {taken.seed})"}[taken.fill]
    return f"{', '.join(parts)}; in their place {instead}"


def _runs(bands: Sequence[tuple[float, bool]]) -> str:
    """Frequencies that go, neighbours as a range: 1, 3 to 8."""
    from ..analysis.formatting import number

    runs: list[list[float]] = []
    last = False
    for frequency, gone in bands:
        if gone and last:
            runs[-1][1:] = [frequency]
        elif gone:
            runs.append([frequency])
        last = gone
    return ", ".join(" to ".join(number(f) for f in run) for run in runs)
