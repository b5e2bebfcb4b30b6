"""Checks every type and shape in the library's signatures at run time while the tests run."""

from __future__ import annotations

import pkgutil
from pathlib import Path

from jaxtyping import install_import_hook

from tests import typechecking

LIBRARY = Path(__file__).parent.parent / "perceiver"
# The command line names types that it imports only when a command runs.
UNCHECKED = {"__main__", "cli"}

install_import_hook(
    [f"perceiver.{module.name}" for module in pkgutil.iter_modules([str(LIBRARY)]) if module.name not in UNCHECKED],
    f"{typechecking.__name__}.check",
)
