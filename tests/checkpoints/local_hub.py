"""A hub on this machine: the few addresses that the hub's client asks for, in its own layout, with faults on demand."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class LocalHub:
    """Repositories by id, each a list of commits; the newest is `main`.

    cuts      file name -> after how many bytes of the body the connection breaks, one entry a transfer
    status    an HTTP status that every request is answered with, None to answer properly
    requests  what was asked: (method, path, Range header)
    """

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.cuts: dict[str, list[int]] = {}
        self.status: int | None = None
        self.requests: list[tuple[str, str, str | None]] = []
        self.endpoint = ""

    def commit(self, repo: str, files: Mapping[str, bytes] | Path) -> str:
        """Adds a commit that holds exactly these files; returns its 40-digit name."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in files.iterdir()}
        commits = self.commits.setdefault(repo, {})
        sha = hashlib.sha1(repr((len(commits), sorted(files.items()))).encode()).hexdigest()
        commits[sha] = dict(files)
        return sha

    def fetched(self, name: str) -> int:
        """How often a file's bytes were asked for."""
        return sum(method == "GET" and path.endswith(f"/{name}") for method, path, _ in self.requests)


@contextmanager
def serve(hub: LocalHub) -> Iterator[LocalHub]:
    """Answers on a free port of this machine until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes = b"") -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        if self.hub.status is not None:
            return self._send(b"", status=self.hub.status)
        parts = path.strip("/").split("/")
        match parts:
            case ["api", "repos", "create"]:
                wanted = json.loads(body)
                repo = "/".join(filter(None, [wanted.get("organization") or "someone", wanted["name"]]))
                self.hub.commits.setdefault(repo, {})
                return self._json({"url": f"{self.hub.endpoint}/{repo}", "id": repo, "name": repo})
            case ["api", "validate-yaml"]:
                return self._json({"errors": [], "warnings": []})
            case ["api", "models", owner, name, *rest]:
                return self._model(f"{owner}/{name}", rest, body)
            case [owner, name, "resolve", revision, file]:
                return self._file(f"{owner}/{name}", revision, file)
            case _:
                return self._error(404, "EntryNotFound")

    def _model(self, repo: str, rest: list[str], body: bytes) -> None:
        if repo not in self.hub.commits:
            return self._error(404, "RepoNotFound")
        match rest:
            case [] | ["revision", _]:
                sha = self._sha(repo, rest[1] if rest else "main")
                if sha is None:
                    return self._error(404, "RevisionNotFound")
                return self._json({"id": repo, "sha": sha, "siblings": []})
            case ["tree", revision]:
                files = self.hub.commits[repo][revision]
                return self._json(
                    [{"type": "file", "path": n, "size": len(b), "oid": _etag(b)} for n, b in files.items()]
                )
            case ["preupload", _]:
                wanted = json.loads(body)["files"]
                return self._json(
                    {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in wanted]}
                )
            case ["commit", _]:
                lines = [json.loads(line) for line in body.splitlines()]
                files = {
                    one["value"]["path"]: base64.b64decode(one["value"]["content"])
                    for one in lines
                    if one["key"] == "file"
                }
                sha = self.hub.commit(repo, files)
                url = f"{self.hub.endpoint}/{repo}/commit/{sha}"
                return self._json({"success": True, "commitOid": sha, "commitUrl": url})
            case _:
                return self._error(404, "EntryNotFound")

    def _sha(self, repo: str, revision: str) -> str | None:
        commits = self.hub.commits[repo]
        if revision == "main":
            return list(commits)[-1] if commits else "0" * 40
        return revision if revision in commits else None

    def _file(self, repo: str, revision: str, name: str) -> None:
        revision = (repo in self.hub.commits and self._sha(repo, revision)) or revision
        files = self.hub.commits.get(repo, {}).get(revision, {})
        if name not in files:
            return self._error(404, "EntryNotFound")
        data = files[name]
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cuts = self.hub.cuts.get(name) if self.command == "GET" else None
        return self._send(data[start:], 206 if start else 200, headers, cut=cuts.pop(0) if cuts else None)

    def _json(self, values: object) -> None:
        self._send(json.dumps(values).encode(), headers={"Content-Type": "application/json"})

    def _error(self, status: int, code: str) -> None:
        self._send(b"", status, {"X-Error-Code": code, "X-Error-Message": code})

    def _send(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
