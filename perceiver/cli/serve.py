"""`perceiver app`: the app in a browser."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Annotated

import typer

from ..errors import ConfigError
from ..installation import bundle_folder
from .console import examples

app = typer.Typer()

PUBLIC_UPLOAD = 100
"""Megabytes of the largest upload to a public server: of a checkpoint, as inputs are smaller."""


@app.command(
    "app", epilog=examples("perceiver app", "perceiver app --port 8600 --address 0.0.0.0", "perceiver app --public")
)
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens the app to the network.")] = (
        "localhost"
    ),
    public: Annotated[
        bool,
        typer.Option(
            "--public", envvar="PERCEIVER_PUBLIC", help="For a server on the internet: see docs/deployment.md."
        ),
    ] = False,
) -> None:
    """Start the app and open it in a browser."""
    script = bundle_folder() / "server.py"
    if not script.is_file():
        raise ConfigError(f"the installation is incomplete: there is no {script}")
    if not _is_loopback(address):
        # Opening the app to the network is not meant to let everyone name files of this machine.
        os.environ.setdefault("PERCEIVER_LOCAL_PATHS", "0")
    if public:
        os.environ["PERCEIVER_PUBLIC"] = "1"
        os.environ.setdefault("STREAMLIT_CLIENT_SHOW_ERROR_DETAILS", "none")
        os.environ.setdefault("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", str(PUBLIC_UPLOAD))
    # Streamlit puts the script's folder first on sys.path and reads .streamlit/config.toml there. -P: modules in the
    # folder that the command is started from are not imported.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    options = ["--server.port", str(port), "--server.address", address, "--server.showEmailPrompt", "false"]
    # One process, so that whoever stops this command stops the app.
    os.execv(sys.executable, [*command, *options])


def _is_loopback(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
