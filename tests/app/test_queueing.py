"""The queue for inference: one at a time, in order, and never left blocked."""

from __future__ import annotations

import threading

import pytest

from app.services.queueing import InferenceQueue


class Stopped(BaseException):
    """Like Streamlit's own, no Exception."""


def nobody(place: int) -> None:
    raise AssertionError(f"nobody should wait, yet place {place} was given out")


def test_an_empty_queue_keeps_nobody_waiting() -> None:
    queue = InferenceQueue()
    for _ in range(3):
        with queue.turn(nobody):
            pass


def test_those_who_wait_are_told_their_place_and_enter_one_by_one() -> None:
    queue, inside, most, told = InferenceQueue(), [0], [0], []
    hold = threading.Event()

    def visit(number: int) -> None:
        with queue.turn(lambda place: told.append((number, place))):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            hold.wait(10)
            inside[0] -= 1

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
    for visitor in visitors:
        visitor.start()
    while {place for _, place in told} != {1, 2}:
        hold.wait(0.05)
    hold.set()
    for visitor in visitors:
        visitor.join(10)
    assert most[0] == 1
    assert not any(visitor.is_alive() for visitor in visitors)


def test_who_gives_up_or_fails_blocks_nobody() -> None:
    queue = InferenceQueue()

    def stop(place: int) -> None:
        raise Stopped

    with queue.turn(nobody):
        error: list[BaseException] = []

        def wait() -> None:
            try:
                with queue.turn(stop):
                    pass
            except Stopped as stopped:
                error.append(stopped)

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(10)
        assert error
    with pytest.raises(ValueError, match="inside"), queue.turn(nobody):
        raise ValueError("inside")
    with queue.turn(nobody):
        pass
