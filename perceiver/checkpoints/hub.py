"""Checkpoints on the Hugging Face hub: downloaded into its normal cache, looked up, and uploaded."""

from __future__ import annotations

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
from huggingface_hub.utils.tqdm import tqdm

from ..errors import CheckpointError, HubUnreachableError
from ..progress import ProgressCallback
from .cards.results import RESULTS
from .folder import CONFIG, PICKLE, PREPROCESSOR, README, WEIGHTS, read_json
from .tensors.header import RE_SAVE

_SMALL = [CONFIG, PREPROCESSOR, README, RESULTS]
_LIBRARY = "perceiver-lens"
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_PIECE = re.compile(r"-\d+-of-\d+\.")
_MEGA = 1_000_000


@dataclass(frozen=True)
class HubOptions:
    """How the hub is reached. The defaults are those of the hub's own client.

    revision          branch, tag or commit; None for the latest commit
    token             access token; None for the saved one, False for none
    cache_dir         folder that downloads go to
    endpoint          address of the hub
    local_files_only  open what was downloaded before, without a network
    """

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    endpoint: str | None = None
    local_files_only: bool = False


@dataclass(frozen=True)
class Listing:
    """A repository before its weights are downloaded.

    commit   its full name, 40 digits, to pin as a revision
    config   `config.json`, {} without one
    weights  name of the weights file that `fetch` downloads; `size` in bytes
    cached   whether it is on this machine already
    """

    repo_id: str
    commit: str
    config: Mapping[str, Any]
    weights: str
    size: int
    cached: bool


def is_hub_id(text: str) -> bool:
    """Whether a text has the form owner/name."""
    return _ID.fullmatch(text) is not None


def fetch(repo_id: str, options: HubOptions | None = None, progress: ProgressCallback | None = None) -> Path:
    """Downloads a repository's checkpoint and returns its folder in the hub's cache, named by the commit.

    The small files come first, then `model.safetensors`, or `pytorch_model.bin` where there is no such file. Files that
    are in the cache are not downloaded again. `progress` may be called from other threads. Raises CheckpointError when
    the repository is unknown, has no weights or weights in several files, holds another kind of model, or cannot be
    reached and is not in the cache (HubUnreachableError).
    """
    client = _Client(repo_id, options or HubOptions())
    folder = client.small_files(progress)
    weights, size = client.weights(folder)
    _check_model_type(repo_id, _config(folder))
    if not (folder / weights).is_file():
        bar = progress and progress_bar(progress, f"Fetching {weights} of {repo_id}", size)
        client.file(weights, folder.name, bar)
    return folder


def look(repo_id: str, options: HubOptions | None = None) -> Listing:
    """What `fetch` would download, without downloading weights; from the cache where the hub cannot be reached.

    Raises CheckpointError as `fetch` does.
    """
    client = _Client(repo_id, options or HubOptions())
    folder = client.small_files()
    weights, size = client.weights(folder)
    config = _config(folder)
    _check_model_type(repo_id, config)
    return Listing(repo_id, folder.name, config, weights, size, (folder / weights).is_file())


def push_folder(
    folder: Path, repo_id: str, options: HubOptions | None = None, *, private: bool | None, commit_message: str
) -> str:
    """Uploads a checkpoint folder as one commit, creating the repository if needed; returns the commit's URL.

    Raises CheckpointError when the hub refuses or cannot be reached.
    """
    options = options or HubOptions()
    _check_id(repo_id)
    api = HfApi(endpoint=options.endpoint, token=options.token, library_name=_LIBRARY)
    with _hub_errors(repo_id, options.revision):
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=options.revision,
            commit_message=commit_message,
            allow_patterns=[*_SMALL, WEIGHTS],
        )
    return str(commit.commit_url)


def progress_bar(progress: ProgressCallback, description: str, size: int) -> type[tqdm]:
    """A progress bar class for the hub's client that draws nothing and calls `progress`.

    size  bytes of the one file that is downloaded

    The client opens a bar with what an earlier try left, then counts bytes written and bytes received, which its two
    ways of transfer do differently; the larger number is reported.
    """

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.written = int(options.get("initial") or 0)
            self.transferred = self.written
            super().__init__(*args, **options | {"disable": True})  # type: ignore[no-untyped-call]
            self.report()

        def update(self, n: float | None = 1) -> None:
            self.written += int(n or 0)
            self.report()

        def update_transfer(self, n: float | None = 1) -> None:
            self.transferred += int(n or 0)
            self.report()

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None:
            pass

        def report(self) -> None:
            done = min(max(self.written, self.transferred), size)
            if size and description:
                progress(done / size, f"{description}, {_amount(done, size)}")

    return Bar


def _amount(done: int, size: int) -> str:
    """Bytes in words: "61 of 194 MB"; kilobytes for files below a megabyte."""
    unit, name = (_MEGA, "MB") if size >= _MEGA else (1000, "kB")
    digits = 0 if size >= 10 * unit else 1
    return f"{done / unit:,.{digits}f} of {size / unit:,.{digits}f} {name}"


@dataclass(frozen=True)
class _Client:
    """One repository, through the hub's own client."""

    repo_id: str
    options: HubOptions

    def __post_init__(self) -> None:
        _check_id(self.repo_id)

    def small_files(self, progress: ProgressCallback | None = None) -> Path:
        """The snapshot's folder with the files that are read before the weights."""
        if progress is not None:
            progress(None, f"Looking up {self.repo_id}")
        with _hub_errors(self.repo_id, self.options.revision):
            return Path(
                snapshot_download(
                    self.repo_id,
                    revision=self.options.revision,
                    cache_dir=self.options.cache_dir,
                    local_files_only=self.options.local_files_only,
                    token=self.options.token,
                    endpoint=self.options.endpoint,
                    allow_patterns=_SMALL,
                    library_name=_LIBRARY,
                    tqdm_class=progress_bar(lambda *_: None, "", 0),
                )
            )

    def weights(self, folder: Path) -> tuple[str, int]:
        """Name and bytes of the weights file at a commit, by the listing that the small files left in the cache."""
        try:
            listed = get_cached_repo_tree(self.repo_id, revision=folder.name, cache_dir=self.options.cache_dir)
            sizes = {file.path: file.size for file in listed}
        except CachedRepoTreeNotFoundError:
            # Downloaded by another program, and no network now: what is there has to do.
            sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
            if not {WEIGHTS, PICKLE} & set(sizes):
                raise HubUnreachableError(
                    f"{self.repo_id} is only in part on this machine, without its weights",
                    "connect to the network and try again",
                ) from None
        for name in (WEIGHTS, PICKLE):
            if name in sizes:
                return name, sizes[name]
        pieces = next((name for name in sizes if _PIECE.search(name) or name.endswith(".index.json")), None)
        if pieces is not None:
            raise CheckpointError(
                f"{self.repo_id} on the hub holds its weights in several pieces ({pieces}, ...)",
                "only a single file of weights is read",
            )
        raise CheckpointError(f"{self.repo_id} on the hub holds no {WEIGHTS} and no {PICKLE}", RE_SAVE)

    def file(self, name: str, commit: str, bar: Callable[..., Any] | None) -> None:
        """Downloads one file into the snapshot of a commit."""
        with _hub_errors(self.repo_id, commit, partly=True):
            if not self.options.local_files_only:
                self._reach(name, commit)
            hf_hub_download(
                self.repo_id,
                name,
                revision=commit,
                cache_dir=self.options.cache_dir,
                local_files_only=self.options.local_files_only,
                token=self.options.token,
                endpoint=self.options.endpoint,
                library_name=_LIBRARY,
                tqdm_class=bar,  # type: ignore[arg-type]
            )

    def _reach(self, name: str, commit: str) -> None:
        """Asks for a file once: the client itself would try an unreachable hub for 20 seconds before it says so."""
        try:
            url = hf_hub_url(self.repo_id, name, revision=commit, endpoint=self.options.endpoint)
            get_hf_file_metadata(url, token=self.options.token, endpoint=self.options.endpoint, library_name=_LIBRARY)
        except (httpx2.ConnectError, httpx2.TimeoutException, OfflineModeIsEnabled) as error:
            raise LocalEntryNotFoundError(name) from error


def _check_id(repo_id: str) -> None:
    if not is_hub_id(repo_id):
        raise CheckpointError(f"{repo_id!r} is not a hub id, which looks like owner/name")


def _config(folder: Path) -> dict[str, Any]:
    return read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}


def _check_model_type(repo_id: str, config: Mapping[str, Any]) -> None:
    """Raises CheckpointError for other models, before their weights are downloaded."""
    kind = config.get("model_type")
    if isinstance(kind, str) and "perceiver" not in kind.lower():
        raise CheckpointError(f"{repo_id} on the hub is a model of type {kind!r} and no Perceiver")


@contextmanager
def _hub_errors(repo_id: str, revision: str | None, *, partly: bool = False) -> Iterator[None]:
    """Turns what the hub's client raises into a CheckpointError.

    partly  whether some of the repository's files are on this machine
    """
    instead = "or give the path of a folder that holds the checkpoint"
    try:
        yield
    except HFValidationError as error:
        raise CheckpointError(f"{repo_id!r} is not a possible hub id") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{repo_id} on the hub has no revision {revision!r}") from error
    except (RepositoryNotFoundError, LocalTokenNotFoundError) as error:
        raise CheckpointError(
            f"the hub shows no repository {repo_id}",
            "check the name, and if it is private or gated log in with 'hf auth login'",
        ) from error
    except (LocalEntryNotFoundError, IncompleteSnapshotError) as error:
        here = "only in part" if partly or isinstance(error, IncompleteSnapshotError) else "not"
        raised, why, advice = _why_not_fetched(error)
        raise raised(f"{repo_id} is {here} on this machine and {why}", f"{advice}, {instead}") from error
    except HfHubHTTPError as error:
        why, advice = _answered(error)
        raise CheckpointError(f"for {repo_id} {why}", f"{advice}, {instead}") from error
    except (httpx2.HTTPError, OSError) as error:
        raise HubUnreachableError(
            f"the transfer of {repo_id} broke off ({type(error).__name__})",
            f"run it again and it goes on with the files that are still missing, {instead}",
        ) from error


def _why_not_fetched(error: Exception) -> tuple[type[CheckpointError], str, str]:
    """The error to raise for a file that is not in the cache, its cause and its advice."""
    cause = error.__cause__
    if cause is None or isinstance(cause, OfflineModeIsEnabled):
        why = "looking it up is switched off (local_files_only or HF_HUB_OFFLINE)"
        return HubUnreachableError, why, "allow it once"
    if isinstance(cause, HfHubHTTPError):
        return CheckpointError, *_answered(cause)
    return HubUnreachableError, "the hub cannot be reached", "connect to the network and try again"


def _answered(error: HfHubHTTPError) -> tuple[str, str]:
    """Cause and advice for an answer of the hub."""
    status = error.response.status_code
    advice = "log in with 'hf auth login' as someone with access" if status in (401, 403) else "try again later"
    return f"the hub answered {status}", advice
