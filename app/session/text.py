"""Words on the page: names of choices, and text that Streamlit must not take for markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from perceiver import modalities
from perceiver.analysis.formatting import percent
from perceiver.checkpoints.bundled import BundledSample
from perceiver.checkpoints.cards.results import Results
from perceiver.positions import PositionConfig

from ..services.compute import Reading

CAVEAT = "Attention shows where a block read, not why the answer came out: on its own it is no explanation."
REDUCTIONS: Mapping[str, str] = {"mean": "Mean", "max": "Max", "entropy": "Entropy", "latent": "One latent"}
KINDS: Mapping[str, str] = {
    "probability": "Attention weight",
    "score": "Score, pre-softmax",
    "value": "Weight × value norm",
}
SCALES: Mapping[str, str] = {"shared": "Shared", "uniform": "× uniform", "per_map": "Per map", "log": "Log"}
SHOWN: Mapping[str, str] = {
    "blocks": "Each block",
    "previous": "Change since previous",
    "first": "Change since first",
}

LONGEST_LABEL = 36
"""Letters of a class name before synonyms are left out."""


def plain(text: str) -> str:
    """Text from files and configurations, fit for Streamlit's Markdown: shown as it is, whatever it holds."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def filename(sample: str, *models: str) -> str:
    """How a file to take away is called: after its sample and its models, in letters that every system takes."""
    return "-".join([PurePath(sample).stem, *(re.sub(r"[^\w.@+-]+", "-", model).strip("-.") for model in models)])


def label(name: str) -> str:
    """A class name as people write it; of many synonyms as many as make a name, which ImageNet's lists do not."""
    if len(name) > LONGEST_LABEL and ", " in name:
        first, *others = name.split(", ")
        while others and len(first) + 2 + len(others[0]) <= LONGEST_LABEL:
            first += f", {others.pop(0)}"
        return f"{first}, …"
    return name.replace("_", " / ") if name.isascii() and " " not in name else name


def without_pictures(markdown: str) -> str:
    """Markdown with the names of its pictures in their places."""
    inline = re.sub(r"!\[([^\]]*)\]\s*(\([^)]*\)|\[[^\]]*\])?", r"\1", markdown)
    return re.sub(r"<\s*(img|picture|source|video|audio|iframe)\b[^>]*>", "", inline, flags=re.IGNORECASE)


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def reduction(reading: Reading, heads: int) -> str:
    """What was read off a block, for titles: which latents, and which heads where there are several."""
    if reading.latent is not None:
        latents = f"latent {reading.latent + 1}"
    else:
        latents = {"mean": "mean over latents", "max": "maximum over latents", "entropy": "entropy over latents"}[
            reading.reduce
        ]
    if heads == 1:
        return latents
    return f"{latents}, {'mean of heads' if reading.head is None else f'head {reading.head + 1}'}"


def meaning(reading: Reading, show: str, colours: str) -> str:
    """What the colours of the maps say."""
    if show != "blocks":
        return "Red: more than in the block compared with; blue: less."
    more = "Darker" if colours == "greys" else "Brighter"
    match reading.what:
        case "entropy":
            return f"{more}: read by more of the latents alike."
        case "score":
            return f"{more}: a higher score, before the softmax turns scores into shares of attention."
        case "value":
            return f"{more}: read more, and more of it passed on to the latents."
        case _:
            return f"{more}: read more."


def weights(plan: Sequence[tuple[int | None, int | None]], block: int) -> str:
    """Whose cross-attention weights a block uses."""
    mine = plan[block][0]
    others = [str(i + 1) for i, (cross, _) in enumerate(plan) if cross == mine and i != block]
    return f"weights shared with {listed(others)}" if others else "own weights"


def accuracy(results: Results | None) -> str:
    """How good a checkpoint is, in a line."""
    if results is None:
        return "No held-out results come with this checkpoint."
    held_out = results.held_out
    low, high = held_out.interval
    return (
        f"{percent(held_out.accuracy)} of held-out inputs right "
        f"(95 % interval {100 * low:.0f} to {100 * high:.0f} %; chance {percent(held_out.chance)})"
    )


def positions(config: PositionConfig) -> str:
    """A position encoding in a few words."""
    return config.label[:1].upper() + config.label[1:]


def axis(name: str) -> str:
    """How cycles along an axis are said: 3 cycles down, in time, along x."""
    return modalities.axis_words(name).direction


def about(sample: BundledSample) -> str:
    """A bundled sample in a line: what it is, whose, and what there is to know."""
    return " ".join(f"{part.rstrip('.')}." for part in (sample.title, sample.credit, sample.note) if part)


def sentence(note: str) -> str:
    """A note as a sentence of its own, fit for Markdown."""
    return plain(f"{note[:1].upper()}{note[1:].rstrip('.')}.")


def remark(message: str) -> str:
    """An error's message as a sentence; a name that it begins with keeps its small letter."""
    first = message.split(" ", 1)[0].rstrip(",:")
    begun = message[:1].upper() + message[1:] if first.isalpha() else message
    return plain(f"{begun.rstrip('.')}.")


def verdict(truth: str, rank: int, classes: int) -> str:
    """Whether the model is right, in words."""
    if rank == 1:
        return f"Right: it is labelled {plain(truth)}."
    return f"Wrong: it is labelled {plain(truth)}, which the model ranks {rank} of {classes}."
