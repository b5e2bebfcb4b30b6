"""`perceiver ablate`: what changes when a part of the position encoding is taken away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import class_name, number, percent
from ..analysis.methods import Fill
from ..errors import ConfigError
from ..progress import ProgressCallback
from .console import examples, file_part, finish, for_each, json_bytes, save_all, settings_part, signed, stems, table
from .options import FORMATS, AsJson, Checkpoint, ClassName, Files, Formats, Out, Read, Seed, from_zero, listed
from .session import Session

if TYPE_CHECKING:
    from ..analysis.ablation import Ablation
    from ..lens import Ablated, Lens

SHOWN = 5
"""Classes that are listed."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver ablate photo.jpg --low-pass 4",
        "perceiver ablate *.jpg -c image-fourier --keep 1 8 --class chair -o ablated",
        "perceiver ablate talk.mp3 -c audio-mel --axis 2 --fill shuffle --seed 7",
        "perceiver ablate photo.jpg --remove b1:3-16,x2,mean --json",
        "perceiver ablate clip.mp4 --without audio",
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
    without: Annotated[
        str | None,
        typer.Option(
            metavar="PART",
            help="Take the elements of a part of the input away: audio or video of a clip.",
            show_default=False,
        ),
    ] = None,
    fill: Annotated[
        Fill | None,
        typer.Option(
            help="What takes the place of what goes: 0, its mean over the elements, or its own values with the "
            "elements in another order.  [default: zero]",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    class_: ClassName = None,
    out: Out = None,
    formats: Formats = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Take a part of the position encoding, or of a clip, away and show what changes: predictions and maps.

    All that is named goes together. The model itself is left as it is.
    """
    if sines and cosines:
        raise typer.BadParameter("--sines and --cosines exclude each other; --remove takes bands away whole")
    removed: dict[str, Any] = {
        "text": remove,
        "low_pass": low_pass,
        "high_pass": high_pass,
        "keep": keep,
        "band": from_zero(band),
        "axis": from_zero(axis),
        "coordinates": no_coordinates,
        "sines": cosines,
        "cosines": sines,
        "whole": whole,
        "without": without,
    }
    if not any(value is not None and value is not False for value in removed.values()):
        raise typer.BadParameter("say what to take away, such as --low-pass 4, --axis 1 or --remove b1:3-16")
    removed |= {"fill": fill, "seed": seed}
    settings = {"remove": remove, "low_pass": low_pass, "high_pass": high_pass, "keep": keep, "band": band}
    settings |= {
        "axis": axis,
        "no_coordinates": no_coordinates,
        "sines": sines,
        "cosines": cosines,
        "all": whole,
        "without": without,
    }
    settings |= {"fill": fill, "seed": seed or None, "class": class_}
    wanted, names, session = listed(formats, FORMATS), stems(files), Session(checkpoint, read)
    if checkpoint is not None:
        _ablation(session.lens(files[0]), removed)

    def work(path: Path, progress: ProgressCallback) -> tuple[dict[str, Any], str]:
        ablation = _ablation(session.lens(path), removed)
        found = session.run(path).ablate(ablation, target=class_)
        result = {"file": str(path)} | found.json()
        if out is not None:
            parts = settings_part(*(read or ()), **settings)
            stem = f"{names[path]}.{file_part(found.context.name)}.ablated{parts}"
            result["written"] = save_all(out, wanted, lambda form: change_files(found, form, stem))
        return result, f"{path} ({found.context.name})\n{change_listing(found)}"

    results, complete = for_each(files, "Ablating", work)
    finish(results, complete, as_json)


def _ablation(lens: Lens, removed: dict[str, Any]) -> Ablation:
    """The ablation for a checkpoint. Raises ConfigError where it takes nothing away, or what is not there."""
    from ..analysis.ablate import band_counts, choose, removes

    config, encoding = lens.config, lens.model.encoding
    ablation = choose(encoding, name=lens.name, **removed)
    if not removes(ablation, lens.model):
        have = band_counts(lens.name, lens.model)
        hint = "; --all takes them whole" if config.position_channels and not encoding.bands() else ""
        raise ConfigError(f"that takes nothing away: {have}{hint}")
    return ablation


def change_files(found: Ablated, form: str, stem: str) -> dict[str, bytes]:
    """The files of one format, by name."""
    match form:
        case "json":
            return {f"{stem}.json": json_bytes(found.json())}
        case "npz":
            return {f"{stem}.npz": found.npz()}
        case _:
            return {f"{stem}.png": found.figure(), f"{stem}-difference.png": found.difference_figure()}


def change_listing(found: Ablated) -> str:
    """The most probable classes before and the one that is followed, then how far every map moved, as tables."""
    answer, labels, target = found.answer, found.context.labels, found.target
    order = answer.before.argsort(kind="stable")[::-1][:SHOWN].tolist()
    rows = [["", "before", "after", "points", "logit"]]
    for i in (*order, *(() if target in order else (target,))):
        before, after = float(answer.probabilities_before[i]), float(answer.probabilities_after[i])
        changes = (signed(100 * answer.probability(i), 1), signed(answer.logit(i), 2))
        rows.append([class_name(labels[i]), percent(float(before)), percent(float(after)), *changes])
    blocks = [["block", "mean of latents", "each latent, mean"]]
    blocks += [[str(one.block + 1), number(one.divergence or 0.0), number(one.latents)] for one in found.maps]
    return "\n".join(
        (
            f"  taken away: {found.removed}",
            table(rows),
            f"  {found.verdict}",
            "  how far maps moved: Jensen-Shannon divergence in bits, 0 alike to 1 disjoint",
            table(blocks),
        )
    )
