"""The container file: what it is built from exists and is pinned, and what it starts is unprivileged and public."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTAINERFILE = ROOT / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """The instructions in order, each with its arguments on one line."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def arguments(name: str) -> list[str]:
    return [rest for its, rest in instructions() if its == name]


def ignored(path: str) -> bool:
    """Whether a file of the repository stays out of the build: the last pattern that fits it decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        parts = path.split("/")
        heads = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        names = parts if pattern.startswith("**/") else heads
        if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            out = not line.startswith("!")
    return out


def test_every_base_is_pinned_to_a_release() -> None:
    bases = arguments("FROM")
    assert bases
    for base in bases:
        image = base.split()[0]
        assert re.search(r":\d+\.\d+\.\d+-|@sha256:[0-9a-f]{64}$", image), image
    minimum = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert minimum
    assert all(f"python:{minimum[1]}." in base for base in bases)


def test_nothing_comes_from_an_address_but_packages() -> None:
    assert not arguments("ADD")
    assert not any(re.search(r"curl|wget|git clone", command) for command in arguments("RUN"))


def test_every_copied_path_exists_and_is_not_left_out_of_the_build() -> None:
    copied = [rest.split()[:-1] for rest in arguments("COPY") if not rest.startswith("--from=")]
    assert copied
    for path in (path for paths in copied for path in paths):
        assert (ROOT / path).exists(), path
        assert not ignored(path), path


def test_all_that_the_wheel_is_built_from_is_copied() -> None:
    copied = {path for rest in arguments("COPY") if not rest.startswith("--from=") for path in rest.split()[:-1]}
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    needed = set(re.findall(r"^graft (\S+)", manifest, re.MULTILINE))
    needed |= set((re.search(r"^include (.+)$", manifest, re.MULTILINE) or [""])[0].split()[1:])
    assert needed | {"pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt"} == copied


@pytest.mark.parametrize("path", [".git", ".venv", "data", "runs", "build", "tests", ".hypothesis", "app/__pycache__"])
def test_what_is_no_part_of_the_app_stays_out(path: str) -> None:
    assert ignored(path)
    assert ignored(f"{path}/some/file")


def test_it_runs_as_a_user_without_rights() -> None:
    last = instructions()
    last = last[max(i for i, (name, _) in enumerate(last) if name == "FROM") :]
    users = [rest for name, rest in last if name == "USER"]
    assert users
    assert int(users[-1].split(":")[0]) >= 1000
    after = last[next(i for i, (name, _) in enumerate(last) if name == "USER") :]
    assert not any(name in ("RUN", "COPY") for name, _ in after)


def test_it_starts_the_public_app_where_its_health_is_checked() -> None:
    (start,) = map(json.loads, arguments("ENTRYPOINT"))
    assert start[:3] == ["perceiver", "app", "--public"]
    port = start[start.index("--port") + 1]
    assert start[start.index("--address") + 1] == "0.0.0.0"
    assert arguments("EXPOSE") == [port]
    (check,) = arguments("HEALTHCHECK")
    code = json.loads(check.partition("CMD ")[2])[2]
    assert f"http://127.0.0.1:{port}/_stcore/health" in code
    compile(code, "health check", "exec")


def test_everything_that_is_written_goes_to_the_temporary_folder() -> None:
    pairs = dict(pair.split("=", 1) for rest in arguments("ENV") for pair in rest.split())
    for name in ("HOME", "HF_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"):
        assert (pairs[name] + "/").startswith("/tmp/")
    assert pairs["PYTHONDONTWRITEBYTECODE"] == "1"
    assert arguments("WORKDIR")[-1] == "/tmp"


def test_the_system_libraries_are_those_of_the_script() -> None:
    (listed,) = re.findall(r"^app_libraries=\((.*)\)", (ROOT / "run").read_text(encoding="utf-8"), re.MULTILINE)
    (command,) = [rest for rest in arguments("RUN") if "apt-get install" in rest]
    named = re.findall(r"--no-install-recommends ([\w.\- ]+?)\s*&&", command)[0].split()
    assert named == listed.split()


def test_the_linter_finds_nothing() -> None:
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([linter, str(CONTAINERFILE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
