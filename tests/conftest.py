"""Checks every type and shape in the library's signatures at run time while the tests run; adds `--quick`."""

from __future__ import annotations

import os
import pkgutil
import sys
from pathlib import Path

import jaxtyping
import pytest

from tests import typechecking
from tests.slow import SLOW

LIBRARY = Path(__file__).parent.parent / "perceiver"
# The command line names types that it imports only when a command runs.
UNCHECKED = {"__main__", "cli"}

# Compiled modules are kept even where the environment says otherwise: many processes of the tests import them.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

jaxtyping.jaxtyped = typechecking.jaxtyped
jaxtyping.install_import_hook(
    [f"perceiver.{module.name}" for module in pkgutil.iter_modules([str(LIBRARY)]) if module.name not in UNCHECKED],
    f"{typechecking.__name__}.check",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out the tests listed in tests/slow.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Slow modules are not even imported, nor all the others where only tests in a browser are asked for."""
    if config.getoption("quick") and _name(collection_path, config) in SLOW:
        return True
    browser = config.getoption("markexpr") == "e2e" and collection_path.suffix == ".py"
    return True if browser and not _name(collection_path, config).startswith("tests/e2e/") else None


def _name(path: Path, config: pytest.Config) -> str:
    return path.relative_to(config.rootpath).as_posix()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("quick"):
        # Slow modules come first, so that of two processes none ends long before the other.
        items.sort(key=lambda item: SLOW.isdisjoint({_name(item.path, config), _name(item.path.parent, config)}))
        return
    slow = [item for item in items if not SLOW.isdisjoint({item.nodeid, item.nodeid.partition("[")[0]})]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
