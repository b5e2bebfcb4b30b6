"""Downloads from the hub: each repository once, in a thread of its own, for all sessions that want it.

The hub's client reports from threads that know no page, and a download goes on while the visitor is on another page.
So a page only watches it.
"""

from __future__ import annotations

import logging
import threading
import time

from perceiver.checkpoints import HubOptions, hub
from perceiver.checkpoints.hub import Listing
from perceiver.errors import CheckpointError

from . import visitors
from .checkpoints import Hub
from .public import check_repository, may_open

AT_A_TIME = 2
"""Downloads that run at a time; others wait."""

PATIENCE = 120.0
"""Seconds for which a download goes on when all who wanted it have closed their pages: a reload takes less."""

_slots = threading.Semaphore(AT_A_TIME)
_coming: dict[tuple[str, str], "Fetch"] = {}
_lock = threading.Lock()


class _Stopped(BaseException):
    """Ends a download that was stopped; no handler of errors is meant to catch it."""


class Fetch:
    """The download of a repository at a commit.

    share  the part of it that is done, None while that is not known; `words` says what is being done
    error  why it failed, None if it did not
    """

    def __init__(self, repository: str, commit: str) -> None:
        self.repository, self.commit = repository, commit
        self.share: float | None = None
        self.words = "Waiting for other downloads"
        self.error: CheckpointError | None = None
        self.stopped = False
        self._wanted_by: set[str] = set()
        self._alone_since: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fetch {repository}", daemon=True)

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not, or was stopped."""
        return self.stopped or self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits at most so many seconds for the end; returns whether it has ended."""
        return self._done.wait(seconds)

    def join(self, session: str) -> None:
        """Notes that a session wants it."""
        self._wanted_by.add(session)

    def stop(self) -> None:
        """Takes this session's wish back. Without any other it stops at the next report of the hub's client; what was
        downloaded is kept for another try."""
        self._wanted_by.discard(visitors.session())
        self.stopped = not self._wanted_by

    def start(self) -> Fetch:
        """Starts it."""
        self._thread.start()
        return self

    def _report(self, share: float | None, words: str) -> None:
        if any(map(visitors.is_connected, tuple(self._wanted_by))):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > PATIENCE:
            self.stopped = True  # all who wanted it have closed their pages
        if self.stopped:
            raise _Stopped
        self.share, self.words = share, words

    def _run(self) -> None:
        try:
            with _slots:
                self._report(None, f"Fetching {self.repository}")
                hub.fetch(self.repository, HubOptions(revision=self.commit), self._report)
        except _Stopped:
            pass
        except CheckpointError as error:
            self.error = error
        except Exception:
            logging.getLogger(__name__).exception("fetching %s", self.repository)
            self.error = CheckpointError(f"fetching {self.repository} failed for a reason that is in the server's log")
        finally:
            with _lock:
                _coming.pop((self.repository, self.commit), None)
            self._done.set()


def fetch(repository: str, commit: str) -> Fetch:
    """Starts the download of a repository at a commit for this session, or joins the one that is running.

    Raises CheckpointError for a repository that visitors may not open.
    """
    check_repository(repository)
    with _lock:
        here = _coming.get((repository, commit))
        if here is None or here.stopped:
            here = _coming[repository, commit] = Fetch(repository, commit)
            here.join(visitors.session())
            here.start()
        else:
            here.join(visitors.session())
        return here


def coming(repository: str, commit: str) -> Fetch | None:
    """The running download of a repository, None if there is none."""
    with _lock:
        here = _coming.get((repository, commit))
    return None if here is None or here.stopped else here


def look(asked: Hub) -> Listing:
    """What the hub says about a repository. Raises CheckpointError when it says nothing, and for a repository that
    visitors may not open."""
    check_repository(asked.repository)
    # A commit stays what it is; a branch or the latest revision may have moved.
    return (cached(asked) if asked.pinned else None) or hub.look(asked.repository, HubOptions(revision=asked.revision))


def cached(asked: Hub) -> Listing | None:
    """A repository that lies on this machine whole, without asking the hub; None where it does not, or where visitors
    may not open it."""
    if not may_open(asked.repository):
        return None
    try:
        listing = hub.look(asked.repository, HubOptions(revision=asked.revision, local_files_only=True))
    except CheckpointError:
        return None
    return listing if listing.cached else None
