"""Checkpoints on the Hugging Face hub: fetched into its normal cache, and sent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
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
from .files import CONFIG, README, WEIGHTS, folder_of, read_config
from .header import RE_SAVE
from .results import RESULTS

_SMALL = [CONFIG, README, RESULTS]
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def is_hub_id(text: str) -> bool:
    """Whether a text has the form owner/name."""
    return _ID.fullmatch(text) is not None


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
) -> Path:
    """The folder in the hub's cache that holds a repository's checkpoint; what is there already is not fetched again.

    `revision` pins a branch, tag or commit; the folder's name is the commit. Raises CheckpointError with one sentence
    when the repository is unknown, holds no checkpoint of this project, or cannot be reached and is not cached.
    """
    if not is_hub_id(repo_id):
        raise CheckpointError(f"{repo_id!r} is not a hub id, which looks like owner/name")

    def snapshot(revision: str | None, patterns: list[str]) -> Path:
        with _in_one_sentence(repo_id, revision):
            return Path(
                snapshot_download(
                    repo_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    local_files_only=local_files_only,
                    token=token,
                    endpoint=endpoint,
                    allow_patterns=patterns,
                    library_name="perceiver-lens",
                )
            )

    # The small files first: a model of another family is refused before its weights are fetched.
    folder = snapshot(revision, _SMALL)
    if not (folder / CONFIG).is_file():
        raise CheckpointError(f"{repo_id} on the hub holds no {CONFIG}, so it is no checkpoint of Perceiver Lens")
    read_config(folder)
    folder = snapshot(folder.name, [*_SMALL, WEIGHTS])
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(f"{repo_id} on the hub holds no {WEIGHTS}; {RE_SAVE}")
    return folder


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
    api = HfApi(endpoint=endpoint, token=token, library_name="perceiver-lens")
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
def _in_one_sentence(repo_id: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub's client raises into a CheckpointError that says what to do."""
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
        part = "only in part" if isinstance(error, IncompleteSnapshotError) else "not"
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
