"""What visitors do at once, each with inputs of its own, and whether what they get is theirs and is right."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

import perceiver
from perceiver.analysis import ablation
from perceiver.export.timeline import timeline_csv
from perceiver.lens import Lens

from ..app import clouds, sounds
from ..modalities.audiovisual.clips import clip, tone
from .client import Client, ProtocolError

_LIBRARY = threading.Lock()
_NAME = re.compile(rb"visitor-(\d+)-")
TOLERANCE = {"rel_tol": 1e-3, "abs_tol": 1e-4}
"""Differences of numbers that another number of threads can make. Those between two inputs are larger."""


@dataclass(frozen=True)
class Input:
    """A file that one visitor alone has, and what it is shown with.

    ablation  that the visitor asks for, as a link holds it; "" for none
    """

    visitor: int
    model: str
    name: str
    ablation: str
    data: bytes = field(repr=False)

    @property
    def link(self) -> dict[str, str]:
        """The address that names the model and the file, which the server asks for."""
        return {"model": self.model, "sample": "sha256-" + hashlib.sha256(self.data).hexdigest()}


@cache
def lens(model: str) -> Lens:
    """The model in the library."""
    return perceiver.open(model)


def make_input(visitor: int, number: int, models: Sequence[str], seconds: float = 3.0) -> Input:
    """The file of a visitor's round: noise of its own seed, for a model that the round gives.

    seconds  of a sound
    """
    model = models[(visitor + number) % len(models)]
    rng = np.random.default_rng((visitor, number))
    about = lens(model)
    kind = about.config.modality
    if kind == "image":
        coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        out = io.BytesIO()
        coarse.resize((70, 60), Image.Resampling.BICUBIC).save(out, "PNG")
        ending, data = "png", out.getvalue()
    elif kind == "audio":
        rate = int((about.config.preprocess or {})["rate"])
        notes = np.repeat(rng.uniform(150, 0.4 * rate, math.ceil(seconds)), rate)[: int(seconds * rate)]
        ending, data = "wav", sounds.wav(0.4 * np.sin(2 * np.pi * np.cumsum(notes) / rate), rate)
    elif kind == "audiovisual":
        pictures = rng.integers(0, 256, (12, 48, 64, 3), dtype=np.uint8)
        ending, data = "mp4", clip(list(pictures), fps=6, sound=tone(2.0), audio_codec="aac")
    else:
        ending, data = "ply", clouds.ply(clouds.points(4000, seed=visitor * 1000 + number))
    return Input(visitor, model, f"visitor-{visitor}-{number}.{ending}", _ablation(about, rng), data)


def _ablation(about: Lens, rng: np.random.Generator) -> str:
    """Removes a band of the model's encoding, or a coordinate where it has no bands, or all."""
    bands = ablation.by_place(about.model.encoding)
    if bands:
        axis, index = list(bands)[int(rng.integers(len(bands)))]
        return f"b{axis + 1}:{index + 1}"
    coordinates = about.model.encoding.coordinate_channels()
    return f"x{rng.integers(len(coordinates)) + 1}" if coordinates else "all"


# ------------------------------------------------------------------------------------------- what the library says


def expected_predictions(one: Input) -> Any:
    """The predictions as JSON values."""
    with _LIBRARY:
        about = lens(one.model)
        return about.run(about.read(one.data, name=one.name)).json()


def expected_ablation(one: Input) -> Any:
    """The answers with and without the ablation, and the changes of the maps, as JSON values."""
    with _LIBRARY:
        about = lens(one.model)
        return about.run(about.read(one.data, name=one.name)).ablate(one.ablation).json()


def expected_scan(one: Input) -> str:
    """The answers over time as CSV, with windows that overlap by half."""
    with _LIBRARY:
        about = lens(one.model)
        window = about.read(one.data, name=one.name)
        found = about.scan(one.data, name=one.name, every=(window.stop - window.start) / 2)  # type: ignore[attr-defined]
        return timeline_csv(found.timeline, about.labels)


def differences(found: Any, expected: Any, place: str = "") -> list[str]:
    """Where two values of JSON differ by more than the rounding of numbers."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping) and found.keys() == expected.keys():
        return [text for key in expected for text in differences(found[key], expected[key], f"{place}.{key}")]
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(found) == len(expected):
        pairs = zip(_by_class(found), _by_class(expected), strict=True)
        return [text for i, (a, b) in enumerate(pairs) for text in differences(a, b, f"{place}[{i}]")]
    numbers = isinstance(expected, float) and isinstance(found, int | float)
    equal = math.isclose(found, expected, **TOLERANCE) if numbers else found == expected
    return [] if equal else [f"{place[1:]}: {found!r} for {expected!r}"]


def _as_app(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the library says, without the digest of the weights where the app does not give it: it reads it from the
    card, the library from the file."""
    return expected if found.get("weights_sha256") else {**expected, "weights_sha256": None}


def _by_class(rows: Sequence[Any]) -> list[Any]:
    """Ranked classes in the order of their numbers: rounding may swap the ranks of equal ones."""
    if all(isinstance(row, Mapping) and "class" in row for row in rows):
        ranked = sorted(rows, key=lambda row: row["class"])
        return [{key: value for key, value in row.items() if key != "rank"} for row in ranked]
    return list(rows)


def timeline_differences(found: str, expected: str) -> list[str]:
    """Where the answers over time of two CSV files differ by more than the rounding of numbers."""

    def table(text: str) -> dict[str, float]:
        return {
            f"{row['start']} {row['label']}": float(row["probability"]) for row in csv.DictReader(io.StringIO(text))
        }

    return differences(table(found), table(expected))


# --------------------------------------------------------------------------------------------- what visitors get


@dataclass
class Tally:
    """What came of the requests of all visitors."""

    requests: int = 0
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    repeated: int = 0
    rounds: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def request(self, visitor: int, what: str, client: Client) -> Iterator[None]:
        """Times a request. An error of it is counted, and raised."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:
            with self._lock:
                self.errors.append(f"visitor {visitor}, {what}: {type(error).__name__}: {error}")
            raise
        finally:
            with self._lock:
                self.requests += 1
                self.repeated += client.repeated
                client.repeated = 0
                self.seconds.setdefault(what, []).append(time.monotonic() - began)
                self.places.append(client.place)

    def compare(self, visitor: int, what: str, found: Sequence[str]) -> None:
        """Counts a result that is not what the library says."""
        if found:
            with self._lock:
                self.mixed.append(f"visitor {visitor}, {what}: {'; '.join(found[:3])}")

    def overheard(self, visitor: int) -> Callable[[bytes], None]:
        """Counts messages to a visitor that hold the name of another visitor's file."""

        def look(message: bytes) -> None:
            others = {int(found[1]) for found in _NAME.finditer(message)} - {visitor}
            if others:
                self.compare(visitor, "a message", [f"the name of a file of visitor {min(others)}"])

        return look

    def ended_round(self, visitor: int) -> None:
        """Counts a round of a visitor."""
        with self._lock:
            self.rounds[visitor] = self.rounds.get(visitor, 0) + 1

    def lines(self) -> Iterator[str]:
        """The figures."""
        yield f"requests        {self.requests:,}"
        yield f"errors          {len(self.errors)}"
        yield f"mixed results   {len(self.mixed)}"
        yield f"downloads       {self.repeated} asked for twice"
        for what, seconds in self.seconds.items():
            ordered = sorted(seconds)
            late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
            middle = statistics.median(ordered)
            times = f"median {middle:.1f} s, 95 % within {late:.1f} s, longest {ordered[-1]:.1f} s"
            yield f"{what:15} {len(ordered):,} times, {times}"
        shown = [place for place in self.places if place]
        last = max(shown, default=0)
        yield f"queue           a place was shown in {len(shown)} of {len(self.places)} requests, the last was {last}"
        if self.rounds:
            yield f"rounds          {min(self.rounds.values())} to {max(self.rounds.values())} for each visitor"


class Visitor:
    """One visitor: uploads inputs of its own, looks at answers, ablations and scans, and stops or leaves at times."""

    def __init__(self, number: int, url: str, models: Sequence[str], tally: Tally) -> None:
        self.number, self.models, self.tally = number, models, tally
        self.client = Client(url, received=tally.overheard(number))

    def round(self, number: int) -> None:
        """Everything with one input. Errors are counted, and end the round."""
        one = make_input(self.number, number, self.models)
        try:
            self._answer(one)
            self._ablate(one)
            if one.name.endswith(".wav"):
                self._scan(one, stop=number % 2 == 1)
            if (self.number + number) % 3 == 0:
                self.client.close()  # the next round opens a new tab
            self.tally.ended_round(self.number)
        except Exception:
            self.client.close()  # counted where it was raised

    def _answer(self, one: Input) -> None:
        with self.tally.request(self.number, "page", self.client):
            show = self.client.go if self.client.is_open else self.client.open
            show("explore", **one.link).settle()
            if "was uploaded, and the server does not have it" not in self.client.text:
                raise ProtocolError("a file that nobody has uploaded is shown")
        with self.tally.request(self.number, "upload", self.client):
            found = json.loads(self.client.upload(one.name, one.data).download("Predictions (JSON)"))
        self.tally.compare(self.number, "predictions", differences(found, _as_app(found, expected_predictions(one))))

    def _ablate(self, one: Input) -> None:
        with self.tally.request(self.number, "ablation", self.client):
            self.client.go("ablate", **one.link, ablate=one.ablation)
            found = json.loads(self.client.download("Answers and divergences (JSON)"))
        self.tally.compare(self.number, "ablation", differences(found, _as_app(found, expected_ablation(one))))

    def _scan(self, one: Input, *, stop: bool) -> None:
        with self.tally.request(self.number, "page", self.client):
            self.client.go("explore", **one.link).settle()
        if stop:
            with self.tally.request(self.number, "stopped scan", self.client):
                self.client.click("Scan the whole clip")
                if self.client.appears(lambda: self.client.find("button", "Stop")) is not None:
                    self.client.click("Stop").settle()
            return
        with self.tally.request(self.number, "scan", self.client):
            self.client.click("Scan the whole clip").settle()
        self.tally.compare(self.number, "scan", self._scanned(one))

    def _scanned(self, one: Input) -> list[str]:
        found = self.client.download("Answers over time (CSV)").decode()
        return timeline_differences(found, expected_scan(one))


def visit_at_once(
    url: str, visitors: int, rounds: Callable[[int], bool], models: Sequence[str], first: int = 0
) -> Tally:
    """Lets so many visitors in at once, each in a thread of its own.

    rounds  whether a visitor begins the round of a number from 0
    first   number of the first visitor
    """
    tally = Tally()

    def visit(number: int) -> None:
        visitor = Visitor(number, url, models, tally)
        done = 0
        while rounds(done):
            visitor.round(done)
            done += 1
        visitor.client.close()

    threads = [threading.Thread(target=visit, args=(first + i,), daemon=True) for i in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally
