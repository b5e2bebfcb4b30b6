"""What is held in memory for all visitors: a bounded number of models, and results that are computed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from .queueing import Progress, queue

T = TypeVar("T")
E = TypeVar("E")


class BoundedCache(Generic[T]):
    """Holds up to `most` values by key; the least recently used is dropped first.

    Each value is made once, by the first caller; the others wait for it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: OrderedDict[str, T] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.RLock()  # `drop` is called when a session ends, at any time in any thread

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._held

    def drop(self, key: str) -> None:
        """Forgets the value of a key, if there is one."""
        with self._lock:
            self._held.pop(key, None)

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value of a key, made where there is none. When `make` raises, the cache stays as it was."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._held:
                    self._held.move_to_end(key)
                    return self._held[key]
            try:
                made = make()
            except BaseException:
                # Those who wait hold the lock, and try again one after the other.
                with self._lock:
                    self._making.pop(key, None)
                raise
            with self._lock:
                self._held[key] = made
                self._making.pop(key, None)
                while len(self._held) > self.most:
                    self._held.popitem(last=False)
        return made


class Once(Generic[T]):
    """One result that is computed once.

    Functions cached by Streamlit return these, and the result is computed outside of them: there it can take its turn
    in the queue and report progress.
    """

    value: T | None = None

    def get(self, make: Callable[[], T], progress: Progress) -> T:
        """The result, made by the first caller; the others wait for it."""
        if self.value is None:
            with queue.turn(progress.wait):
                if self.value is None:
                    self.value = make()
        return self.value

    def gather(self: Once[tuple[E, ...]], steps: Callable[[], Iterable[E]], progress: Progress) -> tuple[E, ...]:
        """The results of work in steps, each of which takes its own turn in the queue."""
        if self.value is None:
            found: list[E] = []
            left = iter(steps())
            while True:
                with queue.turn(progress.wait):
                    step = next(left, None)
                if step is None:
                    break
                found.append(step)
            self.value = tuple(found)
        return self.value
