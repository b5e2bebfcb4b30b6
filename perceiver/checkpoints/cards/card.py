"""The model card: written from a configuration and a training run's results, read back, checked against the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from ... import modalities
from ...analysis.formatting import class_name
from ...config import PerceiverConfig
from ...errors import CheckpointError
from ..folder import README, WEIGHTS, sha256
from .results import CURVE, Results, read_results
from .tables import duration, percent, table, with_interval

_ORIGIN = "## Origin"
_HEAD = re.compile(r"\A\s*---\r?\n.*?\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Card:
    """A model card as a person reads it: `markdown` without the hub's head, `results` None where none were saved."""

    title: str
    markdown: str
    results: Results | None

    @property
    def summary(self) -> str:
        """The card's first paragraph."""
        paragraphs = [part.strip() for part in self.markdown.split("\n\n")]
        return next((part for part in paragraphs if part and not part.startswith(("#", "|"))), "")


def write(config: PerceiverConfig, results: Results | None = None, origin: Sequence[str] = ()) -> str:
    """The text of `README.md`: the hub's YAML head, then the card.

    origin  where the weights were converted from and under which licence, a sentence each
    """
    head = f"---\n{_metadata(config, results).to_yaml()}\n---\n"
    lines = [*_opening(config, results), *(_report(results) if results else ())]
    if origin:
        lines += ["", _ORIGIN, "", *(f"- {' '.join(sentence.split())}" for sentence in origin)]
    return head + "\n".join(lines) + "\n"


def read(folder: Path) -> Card:
    """The card of a checkpoint folder. Raises CheckpointError when it has none or its results are not ours."""
    path = folder / README
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}, the model card, is missing or cannot be read") from error
    body = _HEAD.sub("", text, count=1).strip() + "\n"
    title = re.search(r"^# +(.+?)\s*$", body, re.MULTILINE)
    return Card(title=title[1] if title else folder.name, markdown=body, results=read_results(folder))


def origin(folder: Path) -> tuple[str, ...]:
    """Where converted weights come from and under which licence, as `write` put it there; empty where it did not."""
    try:
        _, _, section = read(folder).markdown.partition(f"\n{_ORIGIN}\n")
    except CheckpointError:
        return ()
    return tuple(line.removeprefix("- ") for line in section.splitlines() if line.startswith("- "))


def verify(folder: Path) -> None:
    """Raises CheckpointError unless the weights are those the card was written for, by their SHA-256."""
    results = read_results(folder)
    if results is None or not results.sha256:
        raise CheckpointError(f"{folder} holds no results that name the SHA-256 of its weights")
    found = sha256(folder / WEIGHTS)
    if found != results.sha256:
        raise CheckpointError(
            f"{folder / WEIGHTS} is not the file its card describes: SHA-256 {found[:12]}..., not "
            f"{results.sha256[:12]}..."
        )


def _metadata(config: PerceiverConfig, results: Results | None) -> ModelCardData:
    task = modalities.describe(config.modality).task if config.modality in modalities.names() else None
    measured: dict[str, Any] = {}
    if results is not None:
        slug = re.sub(r"[^a-z0-9]+", "-", results.data.name.lower()).strip("-")
        values = {"accuracy": results.held_out.accuracy, "balanced_accuracy": results.held_out.balanced_accuracy}
        measured = {
            "license": results.licence,
            "model_name": results.name,
            "datasets": [slug],
            "metrics": list(values),
            "eval_results": [
                EvalResult(
                    task_type=task or "other",
                    dataset_type=slug,
                    dataset_name=results.data.name,
                    dataset_split="test",
                    metric_type=metric,
                    metric_value=round(value, 4),
                )
                for metric, value in values.items()
            ],
        }
    kinds = dict.fromkeys(one.phrase.replace(" ", "-") for one in config.encodings)
    tags = ["perceiver", "cross-attention", "interpretability", *kinds]
    return ModelCardData(library_name="perceiver-lens", pipeline_tag=task, tags=tags, **measured)


def _opening(config: PerceiverConfig, results: Results | None) -> list[str]:
    name = results.name if results else f"Perceiver for {config.modality}"
    crosses = [cross for cross, _ in config.plan if cross is not None]
    noun = modalities.describe(config.modality).noun.many
    return [
        f"# {name}",
        "",
        f"A Perceiver that classifies {noun} into {config.num_classes} classes.{_reached(results)}",
        "",
        *([" ".join(results.caveats), ""] if results and results.caveats else []),
        *table(
            ("Part", "Value"),
            [
                ("Input", f"{_times(config.input_shape)} elements of {config.content_channels} content channels"),
                ("Positions", config.positions_description),
                ("Latents", f"{config.num_latents} of width {config.latent_dim}"),
                ("Cross-attentions", f"{len(crosses)}, weight sets {', '.join(map(str, crosses))}"),
                ("Self-attentions a block", str(config.self_attends)),
                ("Heads", f"{config.cross_heads} in cross-attention, {config.self_heads} in self-attention"),
                *([("Parameters", f"{results.parameters:,}")] if results else []),
                *([("Classes", _names(config.labels))] if config.labels else []),
            ],
        ),
        "",
        "## Use",
        "",
        "```python",
        "import perceiver",
        "",
        'model = perceiver.load("path/to/this/folder")  # or the name of a checkpoint that comes with the project',
        "```",
    ]


def _reached(results: Results | None) -> str:
    if results is None:
        return ""
    return f" Held-out accuracy {with_interval(results.held_out)}, chance {percent(results.held_out.chance)}."


def _report(results: Results) -> list[str]:
    held_out, budget = results.held_out, results.budget
    counting = (
        "95 % interval over groups of examples that belong together"
        if held_out.interval_over_groups
        else "95 % interval by Wilson, every example taken as independent"
    )
    return [
        "",
        "## Held-out results",
        "",
        *table(
            ("Measure", "Value"),
            [
                ("Accuracy", f"{with_interval(results.held_out)}; {counting}"),
                ("Examples", f"{held_out.correct:,} of {held_out.total:,} right"),
                *([("Groups", f"{held_out.groups:,}")] if held_out.groups else []),
                ("Balanced accuracy", percent(held_out.balanced_accuracy)),
                ("Chance", percent(held_out.chance)),
                *((f"Accuracy with seed {seed}", percent(accuracy)) for seed, accuracy in results.seeds.items()),
                *((measure, f"{value:.4g}") for measure, value in results.measures.items()),
            ],
        ),
        "",
        *table(
            ("Class", "Accuracy", "Correct", "Examples"),
            [
                (class_name(name), percent(correct / total) if total else "–", f"{correct:,}", f"{total:,}")
                for name, (correct, total) in held_out.per_class.items()
            ],
        ),
        "",
        "## Data",
        "",
        *table(("Data set", results.data.name), [("Licence", results.data.licence), ("Split", results.data.split)]),
        "",
        "## Training",
        "",
        *table(
            ("Recipe", results.recipe),
            [
                ("Seed", str(results.seed)),
                ("Steps", f"{budget.steps:,}"),
                ("Examples seen", f"{budget.examples:,}"),
                ("Time", duration(budget.seconds)),
                *results.training.items(),
                ("Hardware", budget.hardware),
                ("Versions", ", ".join(f"{library} {version}" for library, version in results.versions.items())),
                ("SHA-256 of the weights", f"`{results.sha256}`"),
            ],
        ),
        "",
        "```sh",
        results.command,
        "```",
        *(["", f"![Accuracy on validation examples during training]({CURVE})"] if results.curve else []),
        *(["", "## Notes", "", *(f"- {note}" for note in results.notes)] if results.notes else []),
    ]


def _names(labels: tuple[str, ...], shown: int = 100) -> str:
    more = f" and {len(labels) - shown:,} more" if len(labels) > shown else ""
    return ", ".join(map(class_name, labels[:shown])) + more


def _times(shape: Iterable[int]) -> str:
    return " × ".join(str(n) for n in shape)
