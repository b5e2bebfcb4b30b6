"""The audit of dependencies: what fails the test command, and what only says that it was skipped."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests import audit


def dependency(name: str, *vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(vulnerabilities)}


def test_only_what_a_later_version_mends_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}
    unmended = {"id": "PYSEC-2", "aliases": [], "fix_versions": []}
    unknown = {"name": "local", "skip_reason": "not on the index"}
    assert audit.judged([dependency("a"), unknown]) == (
        0,
        ["pip-audit: 1 of 2 packages audited, 0 known vulnerabilities"],
    )
    status, lines = audit.judged([dependency("a", unmended)])
    assert (status, lines[0]) == (0, "a 1.0: PYSEC-2, no version mends it yet")
    status, lines = audit.judged([dependency("a", mended)])
    assert (status, lines[0]) == (1, "a 1.0: PYSEC-1, mended in 1.1")
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-1": "not called"})
    assert audit.judged([dependency("a", mended)])[0] == 0


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("body", "reached"),
    [(b'{"vulnerabilities": []}', True), (b"{}", False), (b"[]", False), (b"<html>sign in</html>", False)],
)
def test_an_index_without_vulnerabilities_is_not_reached(body: bytes, reached: bool) -> None:
    with answering(body) as url:
        assert audit.reachable(url) == reached


def test_without_a_network_it_is_skipped_in_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(audit, "PROBE", "http://127.0.0.1:9/")
    assert audit.main() == 0
    assert capsys.readouterr().out == "pip-audit skipped: the data of vulnerabilities cannot be reached\n"
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda _: None)
    assert audit.main() == 0
    assert capsys.readouterr().out == "pip-audit skipped: pip-audit is not installed\n"


@pytest.mark.parametrize(("vulnerabilities", "status"), [([], 0), ([{"id": "X", "fix_versions": ["2"]}], 1)])
def test_the_answer_of_pip_audit_decides(
    vulnerabilities: list[Any], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(audit, "reachable", lambda _: True)
    output = json.dumps({"dependencies": [dependency("a", *vulnerabilities)]})
    done = audit.subprocess.CompletedProcess([], status, output, "")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)
    assert audit.main() == status
    assert "1 of 1 packages audited" in capsys.readouterr().out
