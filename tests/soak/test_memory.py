"""The memory of the whole app: its process, the template of the workers and the workers, shared pages counted once."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

import perceiver
from perceiver.checkpoints.bundled import BundledCheckpoints
from tests.app import folder
from tests.checkpoints.formats import test_transformers as transformers
from tests.soak.client import Client
from tests.soak.server import ROOT, Server, serving
from tests.soak.visitors import make_input

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

BUNDLED = 690
"""Megabytes in which the app fits with the bundled checkpoints for pictures, sounds and clouds, their samples and all
pages."""

CLIPS = 780
"""Megabytes in which it fits with those for clips too: FFmpeg, and the frames and sounds of a gallery of clips."""

UPLOADS = 1000
"""Megabytes in which it fits while workers are kept for uploads of every kind: their libraries add to it."""

DEEPMIND = 1500
"""Megabytes in which it fits with a model of DeepMind's size."""

PAGES = ("explore", "explain", "ablate", "compare")


class Peak:
    """The largest memory that was measured, in megabytes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.value = 0.0

    def measure(self) -> None:
        self.value = max(self.value, self._server.resident())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def test_the_app_with_every_bundled_checkpoint_and_page(log: Path) -> None:
    bundled = BundledCheckpoints(ROOT / "checkpoints")
    kinds = {bundled.config(name).modality: name for name in reversed(bundled.names())}
    clips = [name for name in bundled.names() if bundled.config(name).modality == "audiovisual"]
    rest = [name for name in bundled.names() if name not in clips]
    with serving(log, PERCEIVER_CHECKPOINTS=str(bundled.root), OMP_NUM_THREADS="1") as server:
        client, peak = Client(server.url), Peak(server)
        for bound, chosen in ((BUNDLED, rest), (CLIPS, clips)):
            for name in chosen:
                client.open("explore", model=name).settle()
                peak.measure()
            for name in [one for one in kinds.values() if one in chosen]:
                client.open("explore", model=name).settle()
                for page in PAGES:
                    client.go(page, model=name)
                    assert client.appears(lambda: client.find("download_button")) is not None, page
                    peak.measure()
            client.go("open", model=name).settle()
            peak.measure()
            assert peak.value < bound
        for name in kinds.values():
            one = make_input(0, 0, [name])
            client.open("explore", **one.link).settle()
            client.upload(one.name, one.data).download("Predictions (JSON)")
            peak.measure()
        assert peak.value < UPLOADS


def test_a_model_of_deepminds_size(log: Path, tmp_path: Path) -> None:
    theirs = transformers.save(transformers.peer("fourier", 224, 1000, **transformers.FULL), tmp_path / "theirs", 224)
    root = folder.build(tmp_path / "checkpoints")
    perceiver.save(perceiver.load(theirs), root / "imagenet")
    with serving(log, PERCEIVER_CHECKPOINTS=str(root), OMP_NUM_THREADS="1") as server:
        client, peak = Client(server.url), Peak(server)
        data = folder.picture(3, 300, 260)
        link = {"model": "imagenet", "sample": "sha256-" + hashlib.sha256(data).hexdigest()}
        client.open("explore", **link).settle()
        client.upload("photo.png", data).download("Predictions (JSON)")
        peak.measure()
        client.settle()
        peak.measure()
        client.go("ablate", **link, ablate="b1:1-8")
        client.download("Answers and divergences (JSON)")
        peak.measure()
    assert peak.value < DEEPMIND
