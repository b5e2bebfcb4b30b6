"""The queue for inference: one at a time, round robin over the sessions, and never left blocked."""

from __future__ import annotations

import threading
import time

import pytest

from app.services import queueing, visitors
from app.services.queueing import InferenceQueue, Progress, ordinal


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
            hold.wait(60)
            inside[0] -= 1

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
    for visitor in visitors:
        visitor.start()
    while {place for _, place in told} != {1, 2}:
        hold.wait(0.05)
    hold.set()
    for visitor in visitors:
        visitor.join(60)
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
        waiting.join(60)
        assert error
    with pytest.raises(ValueError, match="inside"), queue.turn(nobody):
        raise ValueError("inside")
    with queue.turn(nobody):
        pass


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> threading.local:
    """Its `id` is the session of a thread."""
    here = threading.local()
    monkeypatch.setattr(visitors, "session", lambda: here.id)
    return here


def start(
    queue: InferenceQueue, here: threading.local, order: list[str], session: str, turns: int = 1
) -> threading.Thread:
    """A visitor who takes some turns one after the other; returns when it waits."""

    def visit() -> None:
        here.id = session
        for _ in range(turns):
            with queue.turn(lambda place: None):
                order.append(session)
                time.sleep(0.02)

    before = len(queue._waiting)
    thread = threading.Thread(target=visit)
    thread.start()
    while len(queue._waiting) == before:
        time.sleep(0.005)
    return thread


def test_an_analysis_of_many_steps_lets_others_in_between(session: threading.local) -> None:
    queue, order = InferenceQueue(), []
    session.id = "holder"
    with queue.turn(nobody):
        threads = [start(queue, session, order, "long", 5), start(queue, session, order, "b", 2)]
        threads.append(start(queue, session, order, "c"))
    for thread in threads:
        thread.join(60)
    assert order == ["long", "b", "c", "long", "b", "long", "long", "long"]


def test_of_two_requests_of_a_session_the_second_waits_for_the_others(session: threading.local) -> None:
    queue, order = InferenceQueue(), []
    session.id = "holder"
    with queue.turn(nobody):
        threads = [start(queue, session, order, name) for name in ("a", "a", "a", "b", "c", "c")]
    for thread in threads:
        thread.join(60)
    assert order == ["a", "b", "c", "a", "c", "a"]


def test_who_leaves_frees_the_place(session: threading.local) -> None:
    queue, places = InferenceQueue(), []
    leave = threading.Event()

    def waiting(place: int) -> None:
        if leave.is_set():
            raise Stopped

    def visit(name: str, wait: object) -> None:
        session.id = name
        try:
            with queue.turn(wait):  # type: ignore[arg-type]
                pass
        except Stopped:
            pass

    session.id = "holder"
    with queue.turn(nobody):
        first = threading.Thread(target=visit, args=("first", waiting))
        first.start()
        while not queue._waiting:
            time.sleep(0.005)
        second = threading.Thread(target=visit, args=("second", places.append))
        second.start()
        while 2 not in places:
            time.sleep(0.02)
        leave.set()
        first.join(60)
        while places[-1] != 1:
            time.sleep(0.02)
    second.join(60)
    assert not queue._waiting
    assert queue._free == 1


def test_the_place_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 101, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "101st", "111th"
    ]  # fmt: skip
    said: list[str] = []

    class Line:
        def progress(self, share: float, text: str) -> None:
            said.append(text)

    monkeypatch.setattr(queueing.st, "empty", Line)
    Progress().wait(2)
    assert said == ["Waiting for the model: 2nd in the queue."]
