"""The hub: fetched, pinned, broken off, unreachable, and sent to; against a server on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import huggingface_hub.file_download
import pytest
import torch

import perceiver
from perceiver import CheckpointError, HubUnreachableError, Perceiver
from perceiver.checkpoints.cards.results import Results
from tests.checkpoints.conftest import logits
from tests.checkpoints.formats.test_krasserm import FORMATS
from tests.checkpoints.local_hub import LocalHub

REPO = "someone/perceiver"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens


@pytest.fixture
def fetch(hub: LocalHub, tmp_path: Path):
    """`load` with a cache of its own and the local hub."""

    def call(repo: str = REPO, **options: object) -> Perceiver:
        return perceiver.load(
            repo, **({"cache_dir": tmp_path / "cache", "endpoint": hub.endpoint, "token": False} | options)
        )

    return call


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes up a broken transfer after a second, from the last whole chunk of 10 MB."""
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda _: None)


def refusal(fetch, *args: object, **options: object) -> str:
    with pytest.raises(CheckpointError) as caught:
        fetch(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fetched_once_and_open_without_a_network(fetch, hub: LocalHub, checkpoint: Path, model: Perceiver) -> None:
    hub.commit(REPO, {**{p.name: p.read_bytes() for p in checkpoint.iterdir()}, "pytorch_model.bin": b"\x80\x02evil"})
    assert torch.equal(logits(fetch()), logits(model))
    assert hub.fetched("model.safetensors") == 1
    assert hub.fetched("pytorch_model.bin") == 0

    assert torch.equal(logits(fetch()), logits(model))
    assert hub.fetched("model.safetensors") == 1

    asked = len(hub.requests)
    assert torch.equal(logits(fetch(local_files_only=True)), logits(model))
    assert len(hub.requests) == asked
    assert torch.equal(logits(fetch(endpoint=NOWHERE)), logits(model))


def test_a_pinned_revision_stays(fetch, hub: LocalHub, checkpoint: Path, model: Perceiver) -> None:
    pinned = hub.commit(REPO, checkpoint)
    other = Perceiver(model.config)
    hub.commit(REPO, perceiver.save(other, checkpoint))
    assert torch.equal(logits(fetch(revision=pinned)), logits(model))
    assert torch.equal(logits(fetch()), logits(other))
    assert torch.equal(logits(fetch(revision=pinned, local_files_only=True)), logits(model))


def test_a_broken_transfer_goes_on_where_it_stopped(
    fetch, hub: LocalHub, checkpoint: Path, model: Perceiver, impatient: None
) -> None:
    hub.commit(REPO, checkpoint)
    hub.cuts["model.safetensors"] = [3000]
    assert torch.equal(logits(fetch()), logits(model))
    ranges = [asked for method, path, asked in hub.requests if method == "GET" and path.endswith("model.safetensors")]
    assert ranges == [None, "bytes=3000-"]


def test_a_transfer_that_never_ends_is_refused_and_can_be_taken_up(
    fetch, hub: LocalHub, checkpoint: Path, model: Perceiver, impatient: None
) -> None:
    hub.commit(REPO, checkpoint)
    hub.cuts["model.safetensors"] = [0] * 6
    said = refusal(fetch)
    assert f"the transfer of {REPO} broke off" in said
    assert "run it again" in said

    said = refusal(fetch, local_files_only=True)
    assert f"{REPO} is only in part on this machine" in said

    config_transfers = hub.fetched("config.json")
    assert torch.equal(logits(fetch()), logits(model))
    assert hub.fetched("config.json") == config_transfers


def test_no_network_says_what_to_do(fetch) -> None:
    assert refusal(fetch, endpoint=NOWHERE) == (
        f"{REPO} is not on this machine and the hub cannot be reached; connect to the network and try again, or give "
        "the path of a folder that holds the checkpoint"
    )
    assert "looking it up is switched off (local_files_only or HF_HUB_OFFLINE)" in refusal(fetch, local_files_only=True)


@pytest.mark.parametrize("status", [500, 403, 401])
def test_a_hub_that_refuses(status: int, fetch, hub: LocalHub) -> None:
    hub.status = status
    said = refusal(fetch)
    assert REPO in said
    assert f"the hub answered {status}; " in said
    assert ("hf auth login" in said) == (status != 500)


def test_unknown_repositories_and_revisions(fetch, hub: LocalHub, checkpoint: Path) -> None:
    assert f"the hub shows no repository {REPO}; check the name" in refusal(fetch)
    hub.commit(REPO, checkpoint)
    assert refusal(fetch, revision="v9") == f"{REPO} on the hub has no revision 'v9'"


@pytest.mark.parametrize("repo", ["a/b--c", "a/b..c", "a/" + "b" * 200, "../etc", "a/../b", "one"])
def test_impossible_ids_never_reach_the_network(repo: str, fetch, hub: LocalHub) -> None:
    assert "hub id" in refusal(fetch, repo)
    assert hub.requests == []


def test_no_other_model_is_fetched(fetch, hub: LocalHub) -> None:
    hub.commit(REPO, {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"large"})
    assert refusal(fetch) == f"{REPO} on the hub is a model of type 'bert' and no Perceiver"
    assert hub.fetched("model.safetensors") == 0


def test_a_repository_without_a_configuration(fetch, hub: LocalHub, checkpoint: Path) -> None:
    (checkpoint / "config.json").unlink()
    hub.commit(REPO, checkpoint)
    assert "config.json is missing" in refusal(fetch)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["config.json"], "holds no model.safetensors and no pytorch_model.bin; re-save the weights"),
        (
            ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"],
            "holds its weights in several pieces (pytorch_model-00001-of-00002.bin, ...)",
        ),
        (["flax_model.msgpack", "tf_model.h5"], "holds no model.safetensors and no pytorch_model.bin"),
    ],
)
def test_a_repository_without_one_file_of_weights(files: list[str], said: str, fetch, hub: LocalHub) -> None:
    hub.commit(REPO, dict.fromkeys(files, b"{}"))
    assert f"{REPO} on the hub {said}" in refusal(fetch)
    assert all(hub.fetched(name) == 0 for name in files if name != "config.json")


def test_damage_on_the_hub_is_named(fetch, hub: LocalHub, checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    hub.commit(REPO, checkpoint)
    assert "model.safetensors is a Git LFS pointer" in refusal(fetch)


def test_sent_and_fetched_again(fetch, hub: LocalHub, model: Perceiver, results: Results) -> None:
    url = perceiver.push(model, REPO, results=results, endpoint=hub.endpoint, token="hf_test")
    (files,) = hub.commits[REPO].values()
    assert url.startswith(f"{hub.endpoint}/{REPO}/commit/")
    assert set(files) == {"README.md", "config.json", "model.safetensors", "results.json"}
    assert torch.equal(logits(fetch()), logits(model))


def test_sending_to_a_hub_that_cannot_be_reached(model: Perceiver, hub: LocalHub) -> None:
    with pytest.raises(CheckpointError, match="not a hub id"):
        perceiver.push(model, "perceiver", endpoint=hub.endpoint, token="hf_test")
    with pytest.raises(CheckpointError, match=f"the transfer of {REPO} broke off"):
        perceiver.push(model, REPO, endpoint=NOWHERE, token="hf_test")
    hub.status = 403
    with pytest.raises(CheckpointError, match=f"for {REPO} the hub answered 403; log in"):
        perceiver.push(model, REPO, endpoint=hub.endpoint, token="hf_test")


def test_a_checkpoint_of_another_project(fetch, hub: LocalHub) -> None:
    files = {path.name: path.read_bytes() for path in (FORMATS / "hub").iterdir()}
    commit = hub.commit(REPO, files)
    config = perceiver.load(FORMATS / "hub").config
    assert fetch().config == config
    with pytest.raises(CheckpointError, match="has no revision 'v2'"):
        fetch(f"{REPO}@v2")
    blocks = len(config.plan) + 1
    deeper = fetch(f"{REPO}@{commit}", options={"num_self_attention_blocks": blocks}, local_files_only=True)
    assert len(deeper.config.plan) == blocks


def test_inspect_takes_what_load_takes(hub: LocalHub, checkpoint: Path, tmp_path: Path) -> None:
    commit = hub.commit(REPO, checkpoint)
    options = {"cache_dir": tmp_path / "cache", "endpoint": hub.endpoint, "token": False}
    about = perceiver.inspect(REPO, revision="main", **options)
    assert (about.revision, about.family, about.source) == (commit, "own", REPO)
    assert about == perceiver.inspect(REPO, local_files_only=True, **options)


def test_an_unreachable_hub_is_an_error_of_its_own(fetch) -> None:
    with pytest.raises(HubUnreachableError) as caught:
        fetch(endpoint=NOWHERE)
    assert caught.value.cause == f"{REPO} is not on this machine and the hub cannot be reached"
    assert caught.value.advice.startswith("connect to the network and try again, or give the path")
    assert str(caught.value) == f"{caught.value.cause}; {caught.value.advice}"


def test_load_by_hub_id_with_the_hubs_own_settings(hub: LocalHub, checkpoint: Path, tmp_path: Path) -> None:
    """The hub's address and its cache are read from the environment when a process starts."""
    hub.commit(REPO, checkpoint)
    code = f"""
import huggingface_hub.constants, perceiver
print(perceiver.load({REPO!r}).config.labels[0])
huggingface_hub.constants.HF_HUB_OFFLINE = True
print(perceiver.load({REPO!r}).config.labels[1])
"""
    settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "PERCEIVER_CHECKPOINTS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | settings, capture_output=True, text=True)
    assert done.stdout.split() == ["bed", "lamp"], done.stderr
    assert hub.fetched("model.safetensors") == 1
