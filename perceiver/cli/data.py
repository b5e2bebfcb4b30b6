"""`perceiver data`: the data sets that training needs."""

from __future__ import annotations

import typer

app = typer.Typer(help="Make the data sets that training needs.", no_args_is_help=True)
