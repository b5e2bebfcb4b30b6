"""Repositories on their way from the hub: each comes once, in a thread of its own, whoever watches.

The hub's client reports from threads that know no page, and a visitor who looks at something else meanwhile wants to
find the file there afterwards. So a page only watches.
"""

from __future__ import annotations

import logging
import threading

from perceiver.checkpoints import hub
from perceiver.checkpoints.hub import Listing
from perceiver.errors import CheckpointError

from .checkpoints import Hub

AT_A_TIME = 2
"""Repositories that come at a time; others wait."""

_slots = threading.Semaphore(AT_A_TIME)
_coming: dict[tuple[str, str], "Fetch"] = {}
_lock = threading.Lock()


class _Stopped(BaseException):
    """Ends a transfer that nobody wants any more; no handler of errors is meant to catch it."""


class Fetch:
    """A repository at a commit on its way.

    share  of it that is here, None while that is not known; `words` for what goes on
    error  the sentence on why it did not come; "" while all is well
    """

    def __init__(self, repository: str, commit: str) -> None:
        self.repository, self.commit = repository, commit
        self.share: float | None = None
        self.words = "Waiting for other downloads"
        self.error = ""
        self.stopped = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"fetch {repository}", daemon=True)

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not, or is given up."""
        return self.stopped or self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits for the end, so long at most; whether it has come."""
        return self._done.wait(seconds)

    def stop(self) -> None:
        """Gives it up at the next word from the hub's client; what has come is kept for another try."""
        self.stopped = True

    def start(self) -> Fetch:
        """Begins."""
        self._thread.start()
        return self

    def _told(self, share: float | None, words: str) -> None:
        if self.stopped:
            raise _Stopped
        self.share, self.words = share, words

    def _run(self) -> None:
        try:
            with _slots:
                self._told(None, f"Fetching {self.repository}")
                hub.fetch(self.repository, revision=self.commit, told=self._told)
        except _Stopped:
            pass
        except CheckpointError as error:
            self.error = str(error)
        except Exception:
            logging.getLogger(__name__).exception("fetching %s", self.repository)
            self.error = f"fetching {self.repository} broke off for a reason that is in the server's log"
        finally:
            with _lock:
                _coming.pop((self.repository, self.commit), None)
            self._done.set()


def fetch(repository: str, commit: str) -> Fetch:
    """Fetches a repository at a commit, or joins those who do."""
    with _lock:
        here = _coming.get((repository, commit))
        if here is None or here.stopped:
            here = _coming[repository, commit] = Fetch(repository, commit).start()
        return here


def coming(repository: str, commit: str) -> Fetch | None:
    """The transfer of a repository that is under way."""
    with _lock:
        here = _coming.get((repository, commit))
    return None if here is None or here.stopped else here


def look(asked: Hub) -> Listing:
    """What the hub says about a repository. Raises CheckpointError when it says nothing."""
    # A commit stays what it is; a branch or the latest revision may have moved.
    return (cached(asked) if asked.pinned else None) or hub.look(asked.repository, revision=asked.revision)


def cached(asked: Hub) -> Listing | None:
    """A repository that lies on this machine whole, without asking the hub; None where it does not."""
    try:
        listing = hub.look(asked.repository, revision=asked.revision, local_files_only=True)
    except CheckpointError:
        return None
    return listing if listing.cached else None
