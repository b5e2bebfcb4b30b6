"""Adds the app and the checkpoints to the wheel; everything else about the package is in pyproject.toml.

They are copied to `perceiver/_bundle/`, with the same names as in the repository, so that no module called `app` or
`streamlit_app` is installed for every program of the environment. `perceiver.installation.bundle_folder` finds them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
FOLDERS = ("app", "checkpoints", ".streamlit")
FILES = ("server.py", "streamlit_app.py")


class BuildWithBundle(build_py):
    """Copies the bundle after the modules; an editable installation uses the repository's own files instead."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # What an earlier build left here would go into the wheel too, modules removed since then included.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        bundle = Path(self.build_lib, "perceiver", "_bundle")
        for name in FOLDERS:
            shutil.copytree(ROOT / name, bundle / name, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]"))
        for name in FILES:
            shutil.copy2(ROOT / name, bundle / name)


setup(cmdclass={"build_py": BuildWithBundle})
