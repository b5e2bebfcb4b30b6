"""Known vulnerabilities of the versions in constraints.txt: `python -m tests.audit`, a step of `./run test`.

Asks for them with pip-audit. Says so, with status 0, where their data cannot be reached, as without a network. Ends
with status 1 for a vulnerability that a later version mends; others are named.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
PROBE = "https://pypi.org/pypi/pip/26.0/json"
"""What pip-audit asks for, of one package."""

PATIENCE = 5.0
"""Seconds in which the first answer has to come."""

LONGEST = 120.0
"""Seconds that the whole audit may take."""

ACCEPTED: Mapping[str, str] = {}
"""Vulnerabilities that do not matter here, by their number, each with the reason."""


def main() -> int:
    """Prints what is known. Returns the exit status."""
    if importlib.util.find_spec("pip_audit") is None:
        return _skipped("pip-audit is not installed")
    if not reachable(PROBE):
        return _skipped("the data of vulnerabilities cannot be reached")
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
        dependencies = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return _skipped(f"no answer in {LONGEST:.0f} s")
    except (ValueError, KeyError):
        return _skipped(f"it failed: {done.stderr.strip().splitlines()[-1:]}")
    status, lines = judged(dependencies)
    print(*lines, sep="\n")
    return status


def reachable(url: str) -> bool:
    """Whether vulnerabilities can be asked for: the index answers in time, with a list of them."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return isinstance(json.load(answer).get("vulnerabilities"), list)
    except (OSError, ValueError, AttributeError):
        return False


def judged(dependencies: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    """The exit status and the lines to print for what pip-audit found."""
    audited = [one for one in dependencies if "skip_reason" not in one]
    lines, status = [], 0
    for one in audited:
        for found in one["vulns"]:
            names = {found["id"], *found.get("aliases", ())}
            reason = next((ACCEPTED[name] for name in names if name in ACCEPTED), None)
            later = ", ".join(found["fix_versions"])
            status = 1 if later and reason is None else status
            about = f"accepted: {reason}" if reason else f"mended in {later}" if later else "no version mends it yet"
            lines.append(f"{one['name']} {one['version']}: {found['id']}, {about}")
    lines.append(
        f"pip-audit: {len(audited)} of {len(dependencies)} packages audited, {len(lines)} known vulnerabilities"
    )
    return status, lines


def _skipped(why: str) -> int:
    print(f"pip-audit skipped: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
