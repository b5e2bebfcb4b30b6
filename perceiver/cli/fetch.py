"""`perceiver fetch`: downloads a checkpoint from the hub, so that it opens without a network afterwards."""

from __future__ import annotations

from typing import Annotated

import typer

from ..progress import progress_bar
from .arguments import Revision
from .console import examples

app = typer.Typer()

IMAGENET = "deepmind/vision-perceiver-fourier"


@app.command(epilog=examples(f"perceiver fetch {IMAGENET}", "perceiver fetch owner/name --revision main"))
def fetch(
    repositories: Annotated[
        list[str] | None,
        typer.Argument(metavar="[OWNER/NAME]...", help=f"Hub ids; {IMAGENET} by default.", show_default=False),
    ] = None,
    revision: Revision = None,
) -> None:
    """Download checkpoints from the Hugging Face hub into its cache.

    The app and all commands open them from there, without a network. What is in the cache is not downloaded again.
    """
    from ..checkpoints.hub import HubOptions, look
    from ..checkpoints.hub import fetch as download

    options = HubOptions(revision=revision)
    for repository in repositories or [IMAGENET]:
        listing = look(repository, options)
        pinned = HubOptions(revision=listing.commit)
        with progress_bar() as progress:
            folder = download(repository, pinned, progress)
        done = "was there already" if listing.cached else "downloaded"
        typer.echo(f"{repository}: {listing.size / 1e6:,.0f} MB {done} ({folder})")
