"""A few visitors of a running app: their results are theirs, and nothing is left of those who go."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

import perceiver
from perceiver import Perceiver
from tests.app import clouds, folder, sounds
from tests.soak.client import Client, ProtocolError
from tests.soak.server import Server, serving
from tests.soak.visitors import Input, Tally, differences, lens, make_input, timeline_differences, visit_at_once

MODELS = ("image-fourier", "audio-mel", "points-fourier", "image-learned")
KEPT = 2
LONG = 599.0
"""Seconds of a sound with 1197 windows."""

SLOW = sounds.config(
    input_shape=sounds.MEL.input_shape,
    content_channels=1,
    positions=sounds.MEL.positions,
    preprocess=sounds.MEL.preprocess,
    num_latents=128,
    latent_dim=256,
    plan=((0, 0),),
    self_attends=16,
)
"""A model whose scan of LONG seconds takes many times longer than the pages of the tests, on any machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("checkpoints")
    for build in (folder.build, sounds.build, clouds.build):
        build(root)
    torch.manual_seed(0)
    perceiver.save(Perceiver(SLOW).eval(), root / "audio-slow")
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERCEIVER_CHECKPOINTS", str(root))
        lens.cache_clear()
        with serving(log, STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL=str(KEPT)) as running:
            yield running
        lens.cache_clear()


def test_visitors_at_once_get_their_own_results(server: Server) -> None:
    tally = visit_at_once(server.url, 4, lambda done: done < 2, MODELS)
    assert tally.errors == []
    assert tally.mixed == []
    assert tally.rounds == {0: 2, 1: 2, 2: 2, 3: 2}
    assert {"upload", "ablation", "scan", "stopped scan"} <= tally.seconds.keys()


def scanning(server: Server, one: Input) -> Client:
    """A visitor whose scan has come to its first windows."""
    client = Client(server.url).open("explore", **one.link)
    client.settle().upload(one.name, one.data).settle()
    client.click("Scan the whole clip")
    assert client.appears(lambda: windows(client, 1)) is not None, client.text
    return client


def windows(client: Client, least: int) -> object:
    """The progress of a scan that has so many windows."""
    bar = client.find("progress")
    words = bar.progress.text.split() if bar else []
    return bar if words[:1] == ["Window"] and int(words[1].replace(",", "")) >= least else None


def rows(client: Client) -> int:
    return client.download("Answers over time (CSV)").count(b"\n")


def test_a_closed_tab_ends_its_scan_and_frees_its_upload(server: Server) -> None:
    one = make_input(50, 1, ["audio-slow"], seconds=LONG)
    scanning(server, one).close()
    # Another visitor with the same file and model sees how far the scan has come, and that it goes no further.
    other = Client(server.url).open("explore", **one.link)
    other.settle().upload(one.name, one.data).settle()
    assert other.find("button", "Go on with the scan") is not None
    reached, before = rows(other), 0
    while reached != before:  # the step that was running when the tab was closed ends first
        time.sleep(2.0)
        reached, before = rows(other.go("explore", **one.link).settle()), reached
    assert reached < 1197 * len(sounds.LABELS)
    other.close()

    def left() -> float:
        return server.metric("cache_memory_bytes", cache_type="UploadedFileManager") + server.metric("active_sessions")

    end = time.monotonic() + 60
    while left() and time.monotonic() < end:
        time.sleep(0.5)
    assert left() == 0


def test_a_stopped_scan_leaves_the_queue_to_others_and_can_go_on(server: Server) -> None:
    one = make_input(51, 1, ["audio-slow"], seconds=LONG)
    client = scanning(server, one)
    assert client.click("Stop").settle().find("button", "Go on with the scan") is not None
    before = rows(client)
    client.click("Go on with the scan")
    assert client.appears(lambda: windows(client, before // len(sounds.LABELS) + 1)) is not None
    client.close()


def test_a_page_that_shows_an_error_is_one(server: Server) -> None:
    client = Client(server.url).open("explore", model="image-fourier", sample="sha256-none")
    client.settle()
    with pytest.raises(ProtocolError, match=r"visitor\\?-1\\?\.png"):
        client.upload("visitor-1.png", b"no picture").settle()
    client.close()


class TestComparison:
    """What counts as a result that is not the library's."""

    LOGITS = ({"rank": 1, "class": 0, "logit": 1.0}, {"rank": 2, "class": 1, "logit": 0.5})

    @property
    def one(self) -> dict[str, object]:
        return {"sample": "a.png", "predictions": self.LOGITS}

    def test_rounding_and_swapped_ranks_do_not(self) -> None:
        swapped = [{"rank": 1, "class": 1, "logit": 0.50001}, {"rank": 2, "class": 0, "logit": 1.0}]
        assert differences({**self.one, "predictions": swapped}, self.one) == []

    def test_another_number_name_or_class_does(self) -> None:
        assert differences({**self.one, "sample": "b.png"}, self.one) == ["sample: 'b.png' for 'a.png'"]
        other = [{"rank": 1, "class": 0, "logit": 1.01}, {"rank": 2, "class": 1, "logit": 0.5}]
        assert differences({**self.one, "predictions": other}, self.one) == ["predictions[0].logit: 1.01 for 1.0"]
        assert differences({**self.one, "predictions": other[:1]}, self.one)
        assert differences({"sample": "a.png"}, self.one)

    def test_another_window_does(self) -> None:
        head = "start,stop,silent,rank,label,probability,padding\n"
        assert timeline_differences(head + "0,1,0,1,a,0.7,0\n", head + "0,1,0,1,a,0.70001,0\n") == []
        assert timeline_differences(head + "0,1,0,1,a,0.7,0\n", head + "0,1,0,1,a,0.6,0\n")
        assert timeline_differences(head + "0,1,0,1,a,0.7,0\n", head + "0.5,1,0,1,a,0.7,0\n")

    def test_the_name_of_another_visitors_file_in_a_message_does(self) -> None:
        tally = Tally()
        tally.overheard(3)(b"... visitor-3-0.png ...")
        assert not tally.mixed
        tally.overheard(3)(b"... visitor-4-0.png ...")
        assert tally.mixed == ["visitor 3, a message: the name of a file of visitor 4"]


def test_inputs_of_visitors_differ() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.soak.visitors._ablation", lambda *_: "")
        several = [make_input(visitor, number, ["image-fourier"]) for visitor in range(3) for number in range(2)]
    assert len({one.data for one in several}) == len({one.name for one in several}) == 6
