"""The installed package: its version, and where the app and the checkpoints that come with it are."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "perceiver-lens"
_PACKAGE = Path(__file__).parent


def package_version() -> str:
    """The distribution's name and version, such as "perceiver-lens 0.1.0"."""
    try:
        return f"{DISTRIBUTION} {version(DISTRIBUTION)}"
    except PackageNotFoundError:
        return f"{DISTRIBUTION} not installed"


def bundle_folder() -> Path:
    """The folder that holds `server.py`, `streamlit_app.py`, `app/` and `checkpoints/`.

    A wheel has them inside the package (setup.py puts them there); in the repository, and so in an editable
    installation, they are beside it.
    """
    inside = _PACKAGE / "_bundle"
    return inside if inside.is_dir() else _PACKAGE.parent
