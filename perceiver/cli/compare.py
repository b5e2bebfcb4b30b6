"""`perceiver compare`: what several checkpoints answer to one input, and what each read in it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .asked import Out, end, file_name, formats, json_file, places, stems, table, written
from .group import examples
from .opened import Opened, choices, for_each
from .predict import AsJson, Files, Read

if TYPE_CHECKING:
    import numpy as np

    from ..plots.scale import ColourRange
    from ..sample import Sample
    from ..trace import Trace

Kind = Literal["probability", "score", "value"]
FORMATS = ("png", "npz", "json")
SHOWN = 5
"""Classes of each checkpoint that are listed."""

Checkpoints = Annotated[
    list[str],
    typer.Option(
        "--checkpoint",
        "-c",
        help="A checkpoint's name, its folder, or a hub id; once for each of those to compare.",
        show_default=False,
    ),
]

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver compare photo.jpg -c image-fourier -c image-learned",
        "perceiver compare *.jpg -c image-fourier -c image-learned -c image-coordinates -o compared",
    )
)
def compare(
    files: Files,
    checkpoint: Checkpoints,
    kind: Annotated[
        Kind, typer.Option(help="Weights, scores before the softmax, or weights by value.")
    ] = "probability",
    out: Out = None,
    formats_: Annotated[
        str, typer.Option("--format", metavar="LIST", help="With --out: any of png, npz, json, with commas.")
    ] = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Set two to four checkpoints side by side on the same input: predictions, and the map of every block.

    Differences are to the first, where both read the same input elements. Maps are means over latents.
    """
    if not 2 <= len(set(checkpoint)) <= 4 or len(set(checkpoint)) < len(checkpoint):
        raise typer.BadParameter("two to four different checkpoints can be compared, each named with -c")
    wanted, options, names = formats(formats_, FORMATS), choices(read or []), stems(files)
    opened = [Opened.open(source) for source in checkpoint]

    def work(path: Path) -> tuple[dict[str, Any], str]:
        beside = Beside.of([Side.of(one, one.read(path, options), kind) for one in opened], kind)
        result = {"file": str(path)} | beside.json()
        if out is not None:
            result["written"] = written(out, wanted, lambda form: beside.files(form, names[path]))
        return result, f"{path}\n{beside.listing()}"

    results, complete = for_each(files, "Comparing", work)
    end(results, complete, as_json)


@dataclass(frozen=True)
class Side:
    """What one checkpoint made of an input: the mean map of every block among it."""

    opened: Opened
    sample: Sample
    trace: Trace
    maps: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, opened: Opened, sample: Sample, kind: Kind) -> Side:
        """Runs the model."""
        trace = opened.trace(sample)
        maps = tuple(trace.map(block, kind=kind).numpy().reshape(sample.shape) for block in trace.blocks)
        return cls(opened, sample, trace, maps)


@dataclass(frozen=True)
class Beside:
    """Several checkpoints on one input.

    apart  why a checkpoint's maps cannot be subtracted from the first's; None where they can
    """

    sides: tuple[Side, ...]
    apart: tuple[str | None, ...]
    kind: Kind

    @classmethod
    def of(cls, sides: Sequence[Side], kind: Kind) -> Beside:
        """Looks which can be subtracted."""
        first, *others = sides
        return cls(tuple(sides), (None, *(_apart(first, one) for one in others)), kind)

    def json(self) -> dict[str, Any]:
        """Predictions and numbers of every checkpoint, the first ones' among them."""
        from ..analysis.summary import summarise

        models = []
        for one, apart in zip(self.sides, self.apart, strict=True):
            distances = self._distances(one) if apart is None else {}
            blocks = []
            for block, values in zip(one.trace.blocks, one.maps, strict=True):
                summary = summarise(values, self.kind)
                blocks.append(
                    {
                        "block": block,
                        "minimum": summary.minimum,
                        "maximum": summary.maximum,
                        "entropy": summary.entropy,
                        "effective": summary.effective,
                        "top_mass": summary.top_mass,
                        "divergence": distances.get(block),
                    }
                )
            told = one.opened.predictions(one.trace, one.sample, top=None)
            models.append(
                told | {"positions": one.opened.model.config.positions.kind, "apart": apart, "blocks": blocks}
            )
        return {"sample": self.sides[0].sample.name, "notes": self._notes(), "kind": self.kind, "models": models}

    def listing(self) -> str:
        """Predictions and blocks as tables, a column a checkpoint."""
        from ..analysis.formatting import number, percent

        values = self.json()["models"]
        names = [one.opened.name for one in self.sides]
        shown = [{row["label"]: row["probability"] for row in model["predictions"]} for model in values]
        classes = dict.fromkeys(row["label"] for model in values for row in model["predictions"][:SHOWN])
        rows = [["", *names]]
        for label in classes:
            rows.append([label, *(f"{model[label]:.1%}" if label in model else "" for model in shown)])
        parts = [table(rows)]
        for what, key, form in (
            ("the top 1 % of the elements hold", "top_mass", percent),
            (f"Jensen-Shannon divergence from {names[0]}, in bits", "divergence", number),
        ):
            by_block = [{row["block"]: row[key] for row in model["blocks"]} for model in values]
            blocks = sorted({block for model in by_block for block in model})
            if not any(value is not None for model in by_block for value in model.values()):
                continue
            lines = [[f"block {b + 1}", *(_cell(model.get(b), form) for model in by_block)] for b in blocks]
            parts += [f"  {what}", table([["", *names], *lines])]
        parts += [f"  {apart}" for apart in self.apart if apart]
        return "\n".join(parts)

    def files(self, form: str, stem: str) -> dict[str, bytes]:
        """The files of one format, by name."""
        if form == "json":
            return {f"{stem}.compared.json": json_file(self.json())}
        if form == "npz":
            return {f"{stem}.{file_name(one.opened.name)}.compared.npz": self._npz(one) for one in self.sides}
        out = {f"{stem}.compared.png": self._figure()}
        if any(apart is None for apart in self.apart[1:]):
            out[f"{stem}.compared-difference.png"] = self._differences()
        return out

    def _notes(self) -> list[str]:
        """What was changed on the way in, and for whom where it was not for all."""
        by_note: dict[str, list[str]] = {}
        for one in self.sides:
            for note in one.sample.notes:
                by_note.setdefault(note, []).append(one.opened.name)
        every = len(self.sides)
        return [note if len(names) == every else f"{', '.join(names)}: {note}" for note, names in by_note.items()]

    def _distances(self, one: Side) -> dict[int, float]:
        """How far a checkpoint's maps are from the first's, of the blocks that both have."""
        from ..analysis.change import jensen_shannon

        first = self.sides[0]
        if one is first or self.kind == "score":
            return {}
        theirs = dict(zip(first.trace.blocks, first.maps, strict=True))
        mine = zip(one.trace.blocks, one.maps, strict=True)
        return {block: jensen_shannon(theirs[block], values) for block, values in mine if block in theirs}

    def _npz(self, one: Side) -> bytes:
        import numpy as np

        from ..export import maps_npz

        buffer = io.BytesIO()
        about = {**places(one.sample), **one.opened.origin}
        maps_npz(buffer, np.stack(one.maps), blocks=one.trace.blocks, kind=self.kind, **about)
        return buffer.getvalue()

    def _figure(self) -> bytes:
        """Every checkpoint's maps, a row each, on one scale; of other numbers of elements, in multiples of uniform."""
        from ..plots.scale import ColourScale

        alike = len({math.prod(one.sample.shape) for one in self.sides}) == 1
        mode: Literal["shared", "uniform", "per_map"] = "shared"
        if not alike and self.kind != "score":
            mode = "uniform" if self.kind == "probability" else "per_map"
        ranges = ColourScale(mode).limits([values for one in self.sides for values in one.maps], self.kind)
        maps = [(one, one.trace.blocks, one.maps) for one in self.sides]
        return self._drawn(maps, ranges, "What each block read in", signed=False)

    def _differences(self) -> bytes:
        """The maps of the others less the first's."""
        from ..plots.scale import ColourScale

        first = self.sides[0]
        theirs = dict(zip(first.trace.blocks, first.maps, strict=True))
        maps = []
        for one, apart in zip(self.sides[1:], self.apart[1:], strict=True):
            both = [block for block in one.trace.blocks if block in theirs]
            if apart is None and both:
                mine = dict(zip(one.trace.blocks, one.maps, strict=True))
                maps.append((one, tuple(both), tuple(mine[block] - theirs[block] for block in both)))
        ranges = ColourScale(signed=True).limits([values for *_, held in maps for values in held], self.kind)
        return self._drawn(maps, ranges, f"Less {first.opened.name}: what each block read in", signed=True)

    def _drawn(
        self,
        maps: Sequence[tuple[Side, tuple[int, ...], tuple[np.ndarray, ...]]],
        ranges: Sequence[ColourRange],
        what: str,
        *,
        signed: bool,
    ) -> bytes:
        from ..analysis.summary import summarise
        from ..plots.comparison import Row, comparison_png
        from ..plots.drawing import draw

        left = list(ranges)
        rows = []
        for one, blocks, values in maps:
            its, left = left[: len(values)], left[len(values) :]
            rows.append(
                Row(
                    name=one.opened.name,
                    drawn=draw(one.sample, values, its, colours="magma", strength=None if signed else 0.8),
                    blocks=blocks,
                    ranges=tuple(its),
                    summaries=tuple(summarise(held, self.kind, signed=signed) for held in values),
                )
            )
        title = f"{what} {self.sides[0].sample.name}"
        return comparison_png(rows, title=title, footer="Mean over latents.")


def _apart(first: Side, other: Side) -> str | None:
    """Why the maps of two checkpoints cannot be subtracted, in words."""
    from ..analysis.compare import same_elements

    if same_elements(first.sample, other.sample):
        return None
    names = f"{other.opened.name} and {first.opened.name}"
    if first.sample.shape != other.sample.shape:
        sizes = (" × ".join(map(str, one.sample.shape)) for one in (other, first))
        return f"no difference: {names} read grids of {' and '.join(sizes)} elements"
    return f"no difference: {names} read elements at other places"


def _cell(value: float | None, form: Callable[[float], str]) -> str:
    return "" if value is None else form(value)
