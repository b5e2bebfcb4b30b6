"""Repositories of other projects on the hub: `pytorch_model.bin`, small files beside it, and how far it has come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import huggingface_hub.file_download
import pytest

from perceiver import CheckpointError
from perceiver.checkpoints import HubOptions, resolve
from perceiver.checkpoints import hub as hub_module
from perceiver.checkpoints.hub import Listing
from tests.checkpoints.local_hub import LocalHub

REPO = "deepmind/vision-perceiver"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens
SMALL = {
    "config.json": b'{"model_type": "perceiver", "num_latents": 512}',
    "preprocessor_config.json": b'{"crop_size": 256}',
    "README.md": b"---\nlicense: apache-2.0\n---\n",
}
OTHERS = {"tf_model.h5": b"other", ".gitattributes": b"*.bin filter=lfs"}
WEIGHTS = bytes(range(256)) * 100  # 25,600 bytes


@pytest.fixture
def at(hub: LocalHub, tmp_path: Path) -> dict[str, Any]:
    """The local hub, and a cache of its own."""
    return {"cache_dir": tmp_path / "cache", "endpoint": hub.endpoint, "token": False}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads 1000 bytes at a time instead of 10 MB, and does not wait before it tries again."""
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda _: None)


def commit(hub: LocalHub, **more: bytes) -> str:
    return hub.commit(REPO, SMALL | OTHERS | {"pytorch_model.bin": WEIGHTS} | more)


def fetch(repo_id: str, progress: Any = None, **options: Any) -> Path:
    return hub_module.fetch(repo_id, HubOptions(**options), progress)


def look(repo_id: str, **options: Any) -> Listing:
    return hub_module.look(repo_id, HubOptions(**options))


def refusal(call: Any, *args: object, **options: object) -> str:
    with pytest.raises(CheckpointError) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_small_files_come_first_and_nothing_comes_twice(hub: LocalHub, at: dict[str, Any]) -> None:
    sha = commit(hub)
    folder = fetch(REPO, **at)
    assert folder.name == sha
    assert {path.name for path in folder.iterdir()} == {*SMALL, "pytorch_model.bin"}
    assert (folder / "pytorch_model.bin").read_bytes() == WEIGHTS
    order = [path.rpartition("/")[2] for method, path, _ in hub.requests if method == "GET" and "/resolve/" in path]
    assert sorted(order[:-1]) == sorted(SMALL)
    assert order[-1] == "pytorch_model.bin"

    assert fetch(REPO, **at) == folder
    assert [hub.fetched(name) for name in (*SMALL, "pytorch_model.bin")] == [1, 1, 1, 1]


def test_offline_afterwards(hub: LocalHub, at: dict[str, Any]) -> None:
    sha = commit(hub)
    folder = fetch(REPO, **at)
    asked = len(hub.requests)
    assert fetch(REPO, **at | {"local_files_only": True}) == folder
    assert fetch(REPO, revision=sha, **at | {"local_files_only": True}) == folder
    assert len(hub.requests) == asked
    assert fetch(REPO, **at | {"endpoint": NOWHERE}) == folder
    hub.status = 503
    assert fetch(REPO, **at) == folder


def test_safetensors_go_before_pickles(hub: LocalHub, at: dict[str, Any]) -> None:
    commit(hub, **{"model.safetensors": b"safe"})
    assert (fetch(REPO, **at) / "model.safetensors").read_bytes() == b"safe"
    assert hub.fetched("pytorch_model.bin") == 0


def test_a_newer_commit_shares_what_has_not_changed(hub: LocalHub, at: dict[str, Any]) -> None:
    first, second = commit(hub), commit(hub, **{"README.md": b"new"})
    assert fetch(REPO, revision=first, **at).name == first
    assert fetch(REPO, **at).name == second
    assert hub.fetched("pytorch_model.bin") == 1
    assert hub.fetched("README.md") == 2


@pytest.mark.parametrize("after", [0, 1, 3000, 25_599])
def test_a_broken_transfer_is_taken_up_where_it_stopped(
    after: int, hub: LocalHub, at: dict[str, Any], small_chunks: None
) -> None:
    commit(hub)
    hub.cuts["pytorch_model.bin"] = [after]
    shares: list[float | None] = []
    folder = fetch(REPO, **at, progress=lambda share, _: shares.append(share))
    assert (folder / "pytorch_model.bin").read_bytes() == WEIGHTS
    ranges = [asked for method, path, asked in hub.requests if method == "GET" and path.endswith("pytorch_model.bin")]
    # Only whole chunks are kept.
    kept = after // 1000 * 1000
    assert ranges == [None, f"bytes={kept}-" if kept else None]
    # Resumed bytes count once: the share never falls and ends at one.
    known = [share for share in shares if share is not None]
    assert known == sorted(known)
    assert known[-1] == 1.0


def test_how_far_it_has_come(hub: LocalHub, at: dict[str, Any], small_chunks: None) -> None:
    commit(hub)
    told: list[tuple[float | None, str]] = []
    fetch(REPO, **at, progress=lambda share, words: told.append((share, words)))
    assert told[0] == (None, f"Looking up {REPO}")
    assert (0.0, f"Fetching pytorch_model.bin of {REPO}, 0 of 26 kB") in told
    half = [words for share, words in told if share == 13_000 / 25_600]
    assert half[0] == f"Fetching pytorch_model.bin of {REPO}, 13 of 26 kB"
    assert told[-1] == (1.0, f"Fetching pytorch_model.bin of {REPO}, 26 of 26 kB")
    assert len({share for share, _ in told}) == 28  # unknown, nothing, and each of 26 chunks

    told.clear()
    fetch(REPO, **at, progress=lambda share, words: told.append((share, words)))
    assert told == [(None, f"Looking up {REPO}")]


def test_whoever_is_told_can_stop_it(hub: LocalHub, at: dict[str, Any], small_chunks: None) -> None:
    class Enough(Exception):
        pass

    def stop(share: float | None, _: str) -> None:
        if share and share > 0.5:
            raise Enough

    commit(hub)
    with pytest.raises(Enough):
        fetch(REPO, **at, progress=stop)
    assert not list(at["cache_dir"].rglob("*.incomplete"))
    assert (fetch(REPO, **at) / "pytorch_model.bin").read_bytes() == WEIGHTS


def test_a_look_before_it_is_fetched(hub: LocalHub, at: dict[str, Any]) -> None:
    sha = commit(hub)
    seen = Listing(
        repo_id=REPO,
        commit=sha,
        config={"model_type": "perceiver", "num_latents": 512},
        weights="pytorch_model.bin",
        size=25_600,
        cached=False,
    )
    assert look(REPO, **at) == seen
    assert hub.fetched("pytorch_model.bin") == 0
    fetch(REPO, revision=seen.commit, **at)
    asked = len(hub.requests)
    offline = at | {"local_files_only": True}
    assert look(REPO, **offline).cached
    assert look(REPO, **offline).size == 25_600
    assert look(REPO, revision=sha, **offline).weights == "pytorch_model.bin"
    assert len(hub.requests) == asked


def test_a_look_refuses_as_a_fetch_does(hub: LocalHub, at: dict[str, Any]) -> None:
    assert "the hub shows no repository" in refusal(look, REPO, **at)
    assert "is not a hub id" in refusal(look, "one", **at)
    hub.commit(REPO, SMALL)
    assert "holds no model.safetensors and no pytorch_model.bin" in refusal(look, REPO, **at)
    hub.commit(REPO, {"config.json": b"<html>", "pytorch_model.bin": b""})
    assert "is not valid JSON" in refusal(look, REPO, **at)


def test_a_look_without_a_configuration(hub: LocalHub, at: dict[str, Any]) -> None:
    hub.commit(REPO, {"pytorch_model.bin": WEIGHTS})
    assert look(REPO, **at).config == {}


def test_no_network_says_what_to_do(hub: LocalHub, at: dict[str, Any]) -> None:
    advice = "connect to the network and try again, or give the path of a folder that holds the checkpoint"
    assert refusal(fetch, REPO, **at | {"endpoint": NOWHERE}) == (
        f"{REPO} is not on this machine and the hub cannot be reached; {advice}"
    )
    commit(hub)
    look(REPO, **at)  # the small files are there now, the weights are not
    assert f"{REPO} is only in part on this machine and the hub cannot be reached; {advice}" == refusal(
        fetch, REPO, **at | {"endpoint": NOWHERE}
    )
    said = refusal(fetch, REPO, **at | {"local_files_only": True})
    assert f"{REPO} is only in part on this machine and looking it up is switched off" in said


def test_what_another_program_fetched_is_used(hub: LocalHub, at: dict[str, Any]) -> None:
    sha = commit(hub)
    for name in ("config.json", "pytorch_model.bin"):
        huggingface_hub.hf_hub_download(REPO, name, cache_dir=at["cache_dir"], endpoint=at["endpoint"], token=False)
    offline = at | {"local_files_only": True}
    assert fetch(REPO, **offline).name == sha
    assert look(REPO, **offline).cached
    (at["cache_dir"] / f"models--{REPO.replace('/', '--')}" / "snapshots" / sha / "pytorch_model.bin").unlink()
    assert "is only in part on this machine, without its weights" in refusal(fetch, REPO, **offline)


def test_located_by_its_id(hub: LocalHub, at: dict[str, Any]) -> None:
    sha = commit(hub)
    folder = resolve(REPO, HubOptions(**at)).folder
    assert folder.name == sha
    assert (folder / "pytorch_model.bin").is_file()


def test_being_offline_is_the_hubs_own_setting(hub: LocalHub, at: dict[str, Any], tmp_path: Path) -> None:
    """It and the cache's place are read from the environment when a process starts."""
    sha = commit(hub)
    fetch(REPO, **at | {"cache_dir": tmp_path / "hub"})
    asked = len(hub.requests)
    code = f"from perceiver.checkpoints.hub import fetch, look; print(fetch({REPO!r})); print(look({REPO!r}).cached)"
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    folder, cached = done.stdout.split()
    assert (Path(folder).name, cached) == (sha, "True"), done.stderr
    assert len(hub.requests) == asked


def test_the_command_fetches_what_then_opens_without_a_network(hub: LocalHub, tmp_path: Path) -> None:
    sha = commit(hub)
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path)}

    def fetch_command(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "perceiver", "fetch", REPO]
        return subprocess.run(command, env=environment | more, capture_output=True, text=True)

    first, second = fetch_command(), fetch_command(HF_HUB_OFFLINE="1")
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.startswith(f"{REPO}: 0 MB downloaded ({tmp_path}")
    assert "was there already" in second.stdout
    assert hub.fetched("pytorch_model.bin") == 1
    assert (tmp_path / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / sha / "pytorch_model.bin").is_file()
    hub.status = 503
    failed = fetch_command(HF_HOME=str(tmp_path / "elsewhere"))
    assert failed.returncode == 2
    assert REPO in failed.stderr
