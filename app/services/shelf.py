"""The models that are held in memory: as many as fit a bound, the longest unused out first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Holds up to `most` things by key. Each is made once, by whoever comes first; the others wait for it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: OrderedDict[str, T] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._held

    def get(self, key: str, make: Callable[[], T]) -> T:
        """What lies under a key, made where nothing does. What `make` raises leaves the shelf as it was."""
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
            made = make()
            with self._lock:
                self._held[key] = made
                self._making.pop(key, None)
                while len(self._held) > self.most:
                    self._held.popitem(last=False)
        return made
