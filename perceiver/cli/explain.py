"""`perceiver explain`: what a class rests on, by several methods, and how well the map of each holds."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ..errors import ConfigError
from .asked import (
    Against,
    ClassName,
    Out,
    class_number,
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
from .opened import Opened, Openings, Told, choices, for_each_in_steps
from .predict import AsJson, Checkpoint, Files, Read

if TYPE_CHECKING:
    import numpy as np

    from ..analysis.faithfulness import Faithfulness
    from ..analysis.relevance import Relevance
    from ..export import Explanation
    from ..model import Perceiver
    from ..sample import Sample
    from ..trace import Trace

# The library's own list, written out so that help does not wait for torch; a test keeps them the same.
RelevanceMethod = Literal["gradient", "rollout"]
METHODS: Mapping[str, str] = {
    "attention": "attention, all blocks",
    "last": "attention, last block",
    "relevance": "class relevance",
    "saliency": "saliency",
    "input_x_gradient": "input × gradient",
    "integrated_gradients": "integrated gradients",
}
RANDOM = "random order"
FORMATS = ("png", "npz", "json")

Method = Annotated[
    str | None,
    typer.Option(metavar="LIST", help=f"Any of {', '.join(METHODS)}, with commas; by default all.", show_default=False),
]
Way = Annotated[
    RelevanceMethod,
    typer.Option("--relevance", help="How relevance goes back: attention times its gradient, or attention alone."),
]

app = typer.Typer()


@dataclass(frozen=True)
class Question:
    """What is asked of every file; classes as they were typed.

    methods  keys of METHODS
    way      of relevance
    points   of integrated gradients
    """

    target: str | None
    against: str | None
    methods: tuple[str, ...]
    way: RelevanceMethod
    points: int

    def classes(self, opened: Opened, logits: np.ndarray) -> tuple[int, int | None]:
        """The class and the one it is contrasted with. Raises ConfigError for one that the checkpoint lacks."""
        target, against = followed(opened, self.target, logits), class_number(opened, self.against)
        if target == against:
            raise ConfigError(f"a class cannot be contrasted with itself, {opened.labels[target]}")
        return target, against


@app.command(
    epilog=examples(
        "perceiver explain photo.jpg",
        "perceiver explain photo.jpg --class chair --against sofa -o explained",
        "perceiver explain *.jpg --method attention,relevance --json",
    )
)
def explain(
    files: Files,
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    against: Against = None,
    method: Method = None,
    way: Way = "gradient",
    points: Annotated[
        int, typer.Option("--steps", min=2, help="Steps of integrated gradients from the baseline to the input.")
    ] = 32,
    out: Out = None,
    formats_: Annotated[
        str, typer.Option("--format", metavar="LIST", help="With --out: any of png, npz, json, with commas.")
    ] = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Show what a class rests on: attention, class relevance and gradients, each with its score.

    Deletion takes the most marked elements away first, insertion puts them in first: the lower and the higher the mean
    probability of the class, the better a map holds. A random order is what a map that knows nothing gets.
    """
    question = Question(class_, against, methods(method), way, points)
    wanted, options, names = formats(formats_, FORMATS), choices(read or []), stems(files)
    openings = Openings(checkpoint)

    def work(path: Path, report: Told) -> tuple[dict[str, Any], str]:
        opened = openings(path)
        found = Explained.of(opened, opened.read(path, options), question, report)
        result = {"file": str(path)} | found.json()
        if out is not None:
            stem = f"{names[path]}.{file_name(opened.name)}.explained"
            result["written"] = written(out, wanted, lambda form: found.files(form, stem))
        return result, f"{path} ({opened.name})\n{found.listing()}"

    results, complete = for_each_in_steps(files, "Explaining", work)
    end(results, complete, as_json)


def methods(text: str | None) -> tuple[str, ...]:
    """The methods that are listed with commas, in their own order; None is all. Raises BadParameter for others."""
    if text is None:
        return tuple(METHODS)
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in chosen if part not in METHODS]
    if unknown or not chosen:
        raise typer.BadParameter(f"--method {text!r} has to be one or more of {', '.join(METHODS)}, with commas")
    return tuple(name for name in METHODS if name in chosen)


@dataclass(frozen=True)
class Explained:
    """The maps of one input by several methods, with their scores.

    random     what a random order scores
    relevance  block by block, where it was asked for
    """

    opened: Opened
    sample: Sample
    logits: np.ndarray
    target: int
    against: int | None
    maps: tuple[Explanation, ...]
    random: Faithfulness
    relevance: Relevance | None

    @classmethod
    def of(cls, opened: Opened, sample: Sample, question: Question, report: Told) -> Explained:
        """Works it out. Raises ConfigError for a class that the checkpoint lacks."""
        from ..analysis.faithfulness import faithfulness_of_all, random_faithfulness

        steps = len(question.methods) + 2
        trace = opened.trace(sample)
        target, against = question.classes(opened, trace.logits.numpy())

        def done(number: int, words: str) -> Callable[[int, int], None]:
            return lambda part, whole: report((number + part / whole) / steps, words)

        maps, relevance = explanations(opened.model, sample, trace, question, target, against, done)
        report((steps - 2) / steps, "Testing the maps")
        scores = faithfulness_of_all(opened.model, sample, {one.method: one.values for one in maps}, target)
        report((steps - 1) / steps, "Testing random orders")
        random = random_faithfulness(opened.model, sample, target)
        scored = tuple(replace(one, score=scores[one.method]) for one in maps)
        return cls(opened, sample, trace.logits.numpy(), target, against, scored, random, relevance)

    def json(self) -> dict[str, Any]:
        """The numbers."""
        from ..export import explanations_json

        return explanations_json(
            self.maps,
            self.logits,
            self.opened.labels,
            target=self.target,
            against=self.against,
            random=self.random,
            relevance=self.relevance,
            **self.opened.about(self.sample),
        )

    def listing(self) -> str:
        """The scores as a table, then what there is to say about some of the methods."""
        from ..analysis.change import softmax
        from ..analysis.formatting import number, percent

        scores = {METHODS[one.method]: one.score for one in self.maps if one.score} | {RANDOM: self.random}
        chance = f"{float(softmax(self.logits)[self.target]):.1%}"
        lines = [f"  {self._question()}, {chance}", scores_table(scores)]
        lines.append("  mean probability as the most marked go first (low is good), or come first (high is good)")
        if self.relevance is not None:
            shares = zip(self.relevance.blocks, self.relevance.shares.tolist(), strict=True)
            lines.append(f"  relevance: {', '.join(f'block {b + 1} {percent(share)}' for b, share in shares)}")
        for one in self.maps:
            if one.completeness is not None and one.change is not None:
                lines.append(
                    f"  {METHODS[one.method]}: they add up to a change of the logit by {number(one.change)}, but for "
                    f"{number(one.completeness)}"
                )
        return "\n".join(lines)

    def files(self, form: str, stem: str) -> dict[str, bytes]:
        """The files of one format, by name."""
        if form == "json":
            return {f"{stem}.json": json_file(self.json())}
        if form == "npz":
            return {f"{stem}.npz": self._npz()}
        pictures = (self._figure(signed=False), f"{stem}.png"), (self._figure(signed=True), f"{stem}-signed.png")
        return {name: data for data, name in pictures if data}

    def _npz(self) -> bytes:
        from ..export import explanations_npz

        buffer = io.BytesIO()
        about = {**places(self.sample), **self.opened.origin}
        explanations_npz(
            buffer, self.maps, target_class=self.target, against=self.against, relevance=self.relevance, **about
        )
        return buffer.getvalue()

    def _figure(self, *, signed: bool) -> bytes:
        """The maps that have no sign, or those that do, in multiples of uniform; nothing where there are none."""
        from ..analysis.summary import summarise
        from ..plots.drawing import draw
        from ..plots.figures import figure_png
        from ..plots.scale import ColourScale

        named = self._named(signed=signed)
        if not named:
            return b""
        values = [shares for _, shares in named]
        ranges = ColourScale("uniform", signed=signed).limits(values)
        unit = "times a uniform share" + (": above 0 for, below 0 against" if signed else "")
        ranges = tuple(replace(one, name=unit) for one in ranges)
        return figure_png(
            draw(self.sample, values, ranges, colours="magma", strength=None if signed else 0.8),
            ranges,
            [name for name, _ in named],
            [summarise(one, signed=signed) for one in values],
            title=f"{self._question()}: {self.opened.name}, {self.sample.name}",
            footer="Every map as shares of the sum of its magnitudes; blocks of a relevance add up to it.",
        )

    def _named(self, *, signed: bool) -> list[tuple[str, np.ndarray]]:
        """Headings and maps as shares, relevance followed by what each block holds of it."""
        import numpy as np

        out = []
        for one in self.maps:
            if one.signed != signed:
                continue
            total = float(np.abs(one.values).sum()) or 1.0
            heading = METHODS[one.method]
            out.append((heading[0].upper() + heading[1:], one.values / total))
            if one.method == "relevance" and self.relevance is not None and len(self.relevance.blocks) > 1:
                its = zip(self.relevance.blocks, self.relevance.maps, strict=True)
                out += [(f"Relevance of block {block + 1}", values / total) for block, values in its]
        return out

    def _question(self) -> str:
        labels = self.opened.labels
        rather = "" if self.against is None else f" rather than {labels[self.against]}"
        return f"What speaks for {labels[self.target]}{rather}"


def explanations(
    model: Perceiver,
    sample: Sample,
    trace: Trace,
    question: Question,
    target: int,
    against: int | None,
    done: Callable[[int, str], Callable[[int, int], None]],
) -> tuple[tuple[Explanation, ...], Relevance | None]:
    """The map of every method, not scored yet, and the relevance behind one of them.

    trace  of the sample
    done  makes the report of a method from its number and what is being done
    """
    from ..analysis.attribution import Method as Gradient
    from ..analysis.attribution import attribute
    from ..analysis.relevance import relevance
    from ..export import Explanation

    maps: list[Explanation] = []
    held = None
    for number, method in enumerate(question.methods):
        report = done(number, f"Working out {METHODS[method]}")
        if method in ("attention", "last"):
            values = trace.mean_map(None if method == "attention" else trace.blocks[-1:])
            maps.append(Explanation(method, values.numpy().reshape(sample.shape), signed=False))
        elif method == "relevance":
            held = relevance(model, sample, target, against, method=question.way, report=report)
            maps.append(Explanation(method, held.total, signed=against is not None))
        else:
            way = cast(Gradient, method)
            made = attribute(model, sample, way, target, against, steps=question.points, report=report)
            maps.append(Explanation(method, made.values, made.signed, None, made.change, made.completeness))
    return tuple(maps), held


def scores_table(scores: Mapping[str, Faithfulness]) -> str:
    """Areas of deletion and insertion by method."""
    rows: list[Sequence[str]] = [["", "deletion", "insertion"]]
    rows += [[name, f"{one.deletion.area:.1%}", f"{one.insertion.area:.1%}"] for name, one in scores.items()]
    return table(rows)
