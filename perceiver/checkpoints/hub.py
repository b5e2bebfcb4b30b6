"""Checkpoints on the Hugging Face hub: fetched into its normal cache, and sent."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import (
    HfApi,
    get_cached_repo_tree,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..errors import CheckpointError
from .files import CONFIG, README, WEIGHTS, folder_of, read_json
from .found import Told
from .header import RE_SAVE
from .local import PICKLE, PREPROCESSOR
from .progress import bar
from .results import RESULTS

_SMALL = [CONFIG, PREPROCESSOR, README, RESULTS]
_LIBRARY = "perceiver-lens"
_PARTLY = "only in part"
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def is_hub_id(text: str) -> bool:
    """Whether a text has the form owner/name."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class Listing:
    """A repository before its weights are fetched.

    commit   its 40-digit name, to pin
    config   `config.json`, {} without one
    weights  name of the weights file that `fetch` takes; `size` in bytes
    cached   whether it is on this machine already
    """

    repo_id: str
    commit: str
    config: Mapping[str, Any]
    weights: str
    size: int
    cached: bool


def locate(
    id_or_path: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    endpoint: str | None = None,
) -> Path:
    """The checkpoint folder at a path, or fetched from the hub; an existing path goes before a hub id.

    Raises CheckpointError when it is neither, or as `fetch` does.
    """
    text = str(id_or_path)
    path = os.path.expanduser(text)
    if os.path.exists(path):
        if revision is not None:
            raise CheckpointError(f"{text} is on this machine, where no revision {revision!r} can be chosen")
        return folder_of(Path(path))
    if is_hub_id(text):
        return fetch(
            text,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            endpoint=endpoint,
        )
    raise CheckpointError(f"{text!r} is neither a folder on this machine nor a hub id such as owner/name")


def fetch(
    repo_id: str,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    endpoint: str | None = None,
    told: Told | None = None,
) -> Path:
    """The folder in the hub's cache that holds a repository's checkpoint; what is there already is not fetched again.

    The small files come first, then `model.safetensors`, or `pytorch_model.bin` where there is no such file. `revision`
    pins a branch, tag or commit; the folder's name is the commit. `told` hears how much of the weights has come, and
    may be called from other threads. Raises CheckpointError with one sentence when the repository is unknown, holds no
    weights, weights in pieces or a model that is no Perceiver, or cannot be reached and is not cached.
    """
    client = _Client(repo_id, cache_dir, local_files_only, token, endpoint)
    folder = client.small_files(revision, told)
    weights, size = client.weights(folder)
    _check_kind(repo_id, _config(folder))
    if not (folder / weights).is_file():
        client.file(weights, folder.name, told and bar(told, f"Fetching {weights} of {repo_id}", size))
    return folder


def look(
    repo_id: str,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    endpoint: str | None = None,
) -> Listing:
    """What `fetch` would fetch, without fetching weights; from the cache where the hub cannot be reached.

    Raises CheckpointError as `fetch` does.
    """
    client = _Client(repo_id, cache_dir, local_files_only, token, endpoint)
    folder = client.small_files(revision)
    weights, size = client.weights(folder)
    config = _config(folder)
    _check_kind(repo_id, config)
    return Listing(repo_id, folder.name, config, weights, size, (folder / weights).is_file())


@dataclass(frozen=True)
class _Client:
    """One repository, as the hub's own client reaches it."""

    repo_id: str
    cache_dir: str | Path | None
    local_files_only: bool
    token: str | bool | None
    endpoint: str | None

    def __post_init__(self) -> None:
        if not is_hub_id(self.repo_id):
            raise CheckpointError(f"{self.repo_id!r} is not a hub id, which looks like owner/name")

    def small_files(self, revision: str | None, told: Told | None = None) -> Path:
        """The snapshot's folder with the files that are read before the weights."""
        if told is not None:
            told(None, f"Looking up {self.repo_id}")
        with _in_one_sentence(self.repo_id, revision):
            return Path(
                snapshot_download(
                    self.repo_id,
                    revision=revision,
                    cache_dir=self.cache_dir,
                    local_files_only=self.local_files_only,
                    token=self.token,
                    endpoint=self.endpoint,
                    allow_patterns=_SMALL,
                    library_name=_LIBRARY,
                    tqdm_class=bar(lambda *_: None, "", 0),
                )
            )

    def weights(self, folder: Path) -> tuple[str, int]:
        """Name and bytes of the weights file at a commit, by the listing that the small files left in the cache."""
        try:
            listed = get_cached_repo_tree(self.repo_id, revision=folder.name, cache_dir=self.cache_dir)
            sizes = {file.path: file.size for file in listed}
        except CachedRepoTreeNotFoundError:
            # Fetched by another program and no network now: what is there has to do.
            sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
            if not {WEIGHTS, PICKLE} & set(sizes):
                raise CheckpointError(
                    f"{self.repo_id} is {_PARTLY} on this machine, without its weights: connect to the network and "
                    "try again"
                ) from None
        for name in (WEIGHTS, PICKLE):
            if name in sizes:
                return name, sizes[name]
        pieces = next((name for name in sizes if "-00001-of-" in name or name.endswith(".index.json")), None)
        if pieces is not None:
            raise CheckpointError(
                f"{self.repo_id} on the hub holds its weights in several pieces ({pieces}, ...), which no Perceiver "
                "needs; only one file is read"
            )
        raise CheckpointError(f"{self.repo_id} on the hub holds no {WEIGHTS} and no {PICKLE}; {RE_SAVE}")

    def file(self, name: str, commit: str, shown: Callable[..., Any] | None) -> None:
        """Fetches one file into the snapshot of a commit."""
        with _in_one_sentence(self.repo_id, commit, part=_PARTLY):
            if not self.local_files_only:
                self._reach(name, commit)
            hf_hub_download(
                self.repo_id,
                name,
                revision=commit,
                cache_dir=self.cache_dir,
                local_files_only=self.local_files_only,
                token=self.token,
                endpoint=self.endpoint,
                library_name=_LIBRARY,
                tqdm_class=shown,  # type: ignore[arg-type]
            )

    def _reach(self, name: str, commit: str) -> None:
        """Asks for a file once: the client itself would try an unreachable hub for 20 seconds before it says so."""
        try:
            url = hf_hub_url(self.repo_id, name, revision=commit, endpoint=self.endpoint)
            get_hf_file_metadata(url, token=self.token, endpoint=self.endpoint, library_name=_LIBRARY)
        except (httpx2.ConnectError, httpx2.TimeoutException, OfflineModeIsEnabled) as error:
            raise LocalEntryNotFoundError(name) from error


def _config(folder: Path) -> dict[str, Any]:
    return read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}


def _check_kind(repo_id: str, config: Mapping[str, Any]) -> None:
    """Refuses other models before their weights are fetched, where the configuration says what they are."""
    kind = config.get("model_type")
    if isinstance(kind, str) and "perceiver" not in kind.lower():
        raise CheckpointError(f"{repo_id} on the hub is a model of type {kind!r} and no Perceiver")


def push(
    folder: Path,
    repo_id: str,
    *,
    revision: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    commit_message: str = "Upload a Perceiver",
    endpoint: str | None = None,
) -> str:
    """Sends a checkpoint folder as one commit, making the repository where it does not exist; returns the commit's URL.

    Raises CheckpointError with one sentence when the hub refuses or cannot be reached.
    """
    if not is_hub_id(repo_id):
        raise CheckpointError(f"{repo_id!r} is not a hub id, which looks like owner/name")
    api = HfApi(endpoint=endpoint, token=token, library_name=_LIBRARY)
    with _in_one_sentence(repo_id, revision):
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=revision,
            commit_message=commit_message,
            allow_patterns=[*_SMALL, WEIGHTS],
        )
    return str(commit.commit_url)


@contextmanager
def _in_one_sentence(repo_id: str, revision: str | None, part: str = "not") -> Iterator[None]:
    """Turns what the hub's client raises into a CheckpointError that says what to do.

    part  how much of it is on this machine when the hub cannot be reached
    """
    folder = "or give the path of a folder that holds the checkpoint"
    try:
        yield
    except HFValidationError as error:
        raise CheckpointError(f"{repo_id!r} is not a possible hub id") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{repo_id} on the hub has no revision {revision!r}") from error
    except (RepositoryNotFoundError, LocalTokenNotFoundError) as error:
        raise CheckpointError(
            f"the hub shows no repository {repo_id}: check the name, and if it is private or gated log in with "
            "'hf auth login'"
        ) from error
    except (LocalEntryNotFoundError, IncompleteSnapshotError) as error:
        part = _PARTLY if isinstance(error, IncompleteSnapshotError) else part
        raise CheckpointError(f"{repo_id} is {part} on this machine and {_why_unreachable(error)}, {folder}") from error
    except HfHubHTTPError as error:
        raise CheckpointError(f"for {repo_id} {_answered(error)}, {folder}") from error
    except (httpx2.HTTPError, OSError) as error:
        raise CheckpointError(
            f"the transfer of {repo_id} broke off ({type(error).__name__}); run it again and it goes on with the files "
            f"that are still missing, {folder}"
        ) from error


def _why_unreachable(error: Exception) -> str:
    cause = error.__cause__
    if cause is None or isinstance(cause, OfflineModeIsEnabled):
        return "looking it up is switched off (local_files_only or HF_HUB_OFFLINE): allow it once"
    if isinstance(cause, HfHubHTTPError):
        return _answered(cause)
    return "the hub cannot be reached: connect to the network and try again"


def _answered(error: HfHubHTTPError) -> str:
    status = error.response.status_code
    advice = "log in with 'hf auth login' as someone with access" if status in (401, 403) else "try again later"
    return f"the hub answered {status}: {advice}"
