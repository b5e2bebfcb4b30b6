"""The wheel: built from the source tree, installed into a new environment, and used from an empty folder."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from perceiver import installation

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PATIENCE = 120
# What a build reads. The repository itself is not built in, so that nothing is left in it.
SOURCES = (
    ".streamlit",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "app",
    "checkpoints",
    "dataset_builders",
    "perceiver",
    "pyproject.toml",
    "server.py",
    "setup.py",
    "streamlit_app.py",
)


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to run its commands in."""

    bin: Path
    here: Path
    environment: Mapping[str, str]

    def run(self, program: str, *arguments: str) -> str:
        """The standard output of a program of the environment."""
        done = subprocess.run(
            [self.bin / program, *arguments], cwd=self.here, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, source / name)
    # What an earlier build may have left behind.
    stale = source / "build" / "lib" / "perceiver" / "removed.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    pip(sys.executable, "wheel", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment that has the dependencies of this one, but not this source tree."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip(str(python), "install", "--no-compile", str(wheel))
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # A folder named in a .pth file is searched, but .pth files in it, such as an editable installation's, are not read.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PERCEIVER_", "PYTHON", "STREAMLIT_", "COV_", "PYTEST_"))
    }
    home = tmp_path_factory.mktemp("home")
    extra = {"HOME": str(home), "HF_HUB_OFFLINE": "1", "STREAMLIT_SERVER_HEADLESS": "true"}
    return Installed(folder / "bin", tmp_path_factory.mktemp("here"), environment | extra)


def pip(python: str, command: str, *arguments: str) -> None:
    offline = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, command, *offline, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def tracked(folder: str) -> set[str]:
    """The files of a folder of the repository that belong to it."""
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_has_every_file_and_no_other_top_level_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    bundled = {*tracked("app"), *tracked("checkpoints"), *tracked(".streamlit"), "server.py", "streamlit_app.py"}
    expected = {f"perceiver/_bundle/{name}" for name in bundled} | tracked("perceiver") | tracked("dataset_builders")
    assert names == expected
    assert {name.split("/")[0] for name in names} == {"perceiver", "dataset_builders"}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("perceiver", ()), ("app", ()), ("dataset_builders", ("data",)), ("tests", ("data", "test"))],
)
def test_every_imported_package_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    needed = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("-", "_") for line in needed}
    distributions = packages_distributions()
    own = {"perceiver", "app", "dataset_builders", "tests"}
    undeclared = set()
    for path in (ROOT / folder).rglob("*.py"):
        if path.parent == ROOT / "tests" / "peers":
            continue  # scripts for environments of other projects
        for module in imported(path) - own - sys.stdlib_module_names:
            names = {name.lower().replace("-", "_") for name in distributions.get(module, [module])}
            if names.isdisjoint(declared):
                undeclared.add((module, str(path.relative_to(ROOT))))
    assert not undeclared


def imported(path: Path) -> set[str]:
    """The top-level modules that a file imports by an absolute name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_an_editable_installation_uses_the_repositorys_own_files() -> None:
    assert installation.bundle_folder() == ROOT
    assert not (ROOT / "perceiver" / "_bundle").exists()


def test_the_version_is_the_one_of_the_project(installed: Installed) -> None:
    assert installed.run("perceiver", "--version") == f"perceiver-lens {PROJECT['version']}\n"


def test_the_version_waits_for_nothing_slow() -> None:
    code = (
        "import sys; from perceiver.cli import main\n"
        "sys.argv = ['perceiver', '--version']\n"
        "try: main()\n"
        "finally: assert not {'torch', 'numpy', 'streamlit', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("perceiver-lens ")


def test_a_bundled_checkpoint_answers(installed: Installed) -> None:
    shutil.copy2(ROOT / "checkpoints" / "samples" / "image" / "letter_a.jpg", installed.here / "picture.jpg")
    (answer,) = json.loads(installed.run("perceiver", "predict", "picture.jpg", "--json"))
    labels = json.loads((ROOT / "checkpoints" / "letters-fourier" / "config.json").read_text())["labels"]
    assert answer["model"] == "letters-fourier"
    assert {one["label"] for one in answer["predictions"]} <= set(labels)


def test_the_app_runs_from_any_folder(installed: Installed) -> None:
    # Modules and settings of the folder that the command is started in are not the app's.
    (installed.here / "app.py").write_text("raise RuntimeError('this is not the app')")
    (installed.here / ".streamlit").mkdir()
    (installed.here / ".streamlit" / "config.toml").write_text("[client]\ntoolbarMode = 'developer'\n")
    with serving(installed) as port:
        messages = visit(port)
    session = next(one.new_session for one in messages if one.WhichOneof("type") == "new_session")
    bundle = Path(session.main_script_path).parent
    assert bundle.parts[-3:] == ("site-packages", "perceiver", "_bundle")
    assert session.config.toolbar_mode == session.config.MINIMAL
    elements = [one.delta.new_element for one in messages if one.WhichOneof("type") == "delta"]
    kinds = {element.WhichOneof("type") for element in elements}
    assert "exception" not in kinds, [element.exception for element in elements]
    assert any(element.heading.body == "Perceiver Lens" for element in elements)
    assert "bidi_component" in kinds, kinds


@contextmanager
def serving(installed: Installed) -> Iterator[int]:
    """The port of `perceiver app`, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [installed.bin / "perceiver", "app", "--port", str(port), "--address", "127.0.0.1"]
    log = installed.here / "log.txt"
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=installed.here, env=installed.environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + PATIENCE
        while not healthy(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def visit(port: int) -> list[ForwardMsg]:
    """What the server sends to a browser that opens the first page, until the page's script has ended."""
    url, origin = f"ws://127.0.0.1:{port}/_stcore/stream", f"http://127.0.0.1:{port}"
    messages = []
    with connect(url, origin=origin, subprotocols=["streamlit"], max_size=None) as connection:
        request = BackMsg()
        request.rerun_script.query_string = ""
        connection.send(request.SerializeToString())
        while not messages or messages[-1].WhichOneof("type") != "script_finished":
            messages.append(ForwardMsg.FromString(connection.recv(PATIENCE)))
    return messages
