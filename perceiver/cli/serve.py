"""`perceiver app`: the app in a browser."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from typing import Annotated

import typer

from ..errors import ConfigError
from ..installation import bundle_folder
from .console import examples, reason

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
    _check_listening(address, port)
    if not _is_loopback(address):
        # Opening the app to the network is not meant to let everyone name files of this machine.
        os.environ.setdefault("PERCEIVER_LOCAL_PATHS", "0")
    if public:
        os.environ["PERCEIVER_PUBLIC"] = "1"
        os.environ.setdefault("STREAMLIT_CLIENT_SHOW_ERROR_DETAILS", "none")
        # No browser is opened; and Streamlit takes a visitor who comes through a proxy on this machine for the
        # developer, whose page may have it write files, unless it is headless.
        os.environ.setdefault("STREAMLIT_SERVER_HEADLESS", "true")
        os.environ.setdefault("STREAMLIT_SERVER_ENABLE_AGENT_API", "false")
        os.environ.setdefault("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", str(PUBLIC_UPLOAD))
    # Streamlit puts the script's folder first on sys.path and reads .streamlit/config.toml there. -P: modules in the
    # folder that the command is started from are not imported.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    options = ["--server.port", str(port), "--server.address", address, "--server.showEmailPrompt", "false"]
    # One process, so that whoever stops this command stops the app.
    os.execv(sys.executable, [*command, *options])


def _check_listening(address: str, port: int) -> None:
    """Raises ConfigError for an address of another machine, and for a port that is in use or not permitted."""
    try:
        found = socket.getaddrinfo(address.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--address {address} is no address; use localhost, 0.0.0.0 or an address of this machine"
        ) from error
    errors = []
    for family, kind, protocol, _, place in found:
        try:
            with socket.socket(family, kind, protocol) as test:
                if os.name == "posix":  # as the server does, so that a port which was just left can be taken again
                    test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                test.bind(place)
        except OSError as error:
            errors.append(error)
    numbers = {error.errno for error in errors}
    if errno.EADDRINUSE in numbers:
        raise ConfigError(f"port {port} is in use, perhaps by this app already; choose another with --port")
    if len(errors) < len(found):
        return
    if errno.EACCES in numbers:
        raise ConfigError(f"port {port} may not be used by this user; choose one from 1024 with --port")
    raise ConfigError(f"--address {address} is not an address of this machine: {reason(errors[0])}")


def _is_loopback(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
