"""`perceiver erase`: what changes when elements are taken out of the input array, or get other content."""

from __future__ import annotations

from typing import Annotated

import typer

from ..analysis.methods import ErasedBy
from .ablate import change_files, change_listing
from .console import examples, file_part, print_json, print_notes, save_all, settings_part
from .options import FORMATS, AsJson, Checkpoint, ClassName, File, Formats, Out, Read, listed
from .region import REGION
from .session import Session

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver erase photo.jpg 3-10,5-20 40-50,40-50",
        "perceiver erase photo.jpg rows=0:100 --keep -o erased",
        "perceiver erase talk.mp3 time=0:0.15 --fill mean",
        "perceiver erase chair.ply y=0: --class chair --json",
    )
)
def erase(
    file: File,
    which: Annotated[
        list[str],
        typer.Argument(
            metavar="REGION...",
            help=f"{REGION} Several are erased together, as one argument each or with semicolons between them; a mask "
            "from a link or an export is one too (mask:CODE).",
            show_default=False,
        ),
    ],
    checkpoint: Checkpoint = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep these elements only, and erase all others.")] = False,
    fill: Annotated[
        ErasedBy | None,
        typer.Option(
            help="remove: their rows leave the input array; mean, blur: they keep their position, and the mean content "
            "of the others, or a blur of the input, replaces theirs.  [default: remove]",
            show_default=False,
        ),
    ] = None,
    class_: ClassName = None,
    out: Out = None,
    formats: Formats = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Erase elements of an input and show what changes: predictions and maps.

    Removing elements is exact: the model runs on the rows of the input array that are left.
    """
    wanted = listed(formats, FORMATS)
    run = Session(checkpoint, read).run(file)
    found = run.erase(*which, keep=keep, by=fill, target=class_)
    result = {"file": str(file), "regions": which} | found.json()
    if out is not None:
        settings = settings_part(*(read or ()), regions=which, keep=keep, fill=fill, **{"class": class_})
        stem = f"{file.stem}.{file_part(run.name)}.erased{settings}"
        result["written"] = save_all(out, wanted, lambda form: change_files(found, form, stem))
    if as_json:
        print_json(result)
        return
    print_notes(file, run.sample.notes)
    typer.echo(f"{file} ({run.name})\n{change_listing(found)}")
