"""How much of a file has come from the hub, told in words and not drawn into a terminal."""

from __future__ import annotations

from typing import Any

from huggingface_hub.utils.tqdm import tqdm

from .found import Told

_MEGA = 1_000_000


def bar(told: Told, words: str, size: int) -> type[tqdm]:
    """What the hub's client takes for a progress bar of one file of `size` bytes: it draws nothing and calls `told`.

    The client opens one with what an earlier try left, then counts bytes written and bytes that came over the network,
    which its two ways of transfer do differently; the larger number is told.
    """

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.written = int(options.get("initial") or 0)
            self.transferred = self.written
            super().__init__(*args, **options | {"disable": True})  # type: ignore[no-untyped-call]
            self.tell()

        def update(self, n: float | None = 1) -> None:
            self.written += int(n or 0)
            self.tell()

        def update_transfer(self, n: float | None = 1) -> None:
            self.transferred += int(n or 0)
            self.tell()

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None:
            pass

        def tell(self) -> None:
            done = min(max(self.written, self.transferred), size)
            if size and words:
                told(done / size, f"{words}, {_amount(done, size)}")

    return Bar


def _amount(done: int, size: int) -> str:
    """Bytes in words: "61 of 194 MB"; files below a megabyte in kilobytes."""
    unit, name = (_MEGA, "MB") if size >= _MEGA else (1000, "kB")
    digits = 0 if size >= 10 * unit else 1
    return f"{done / unit:,.{digits}f} of {size / unit:,.{digits}f} {name}"
