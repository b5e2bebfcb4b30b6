"""Decoding in worker processes gives what decoding here gives, for files of every modality."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import perceiver
from perceiver import ConfigError, DecodingError, InputError
from perceiver.installation import bundle_folder
from perceiver.isolation import Limits, Workers
from perceiver.lens import isolated
from perceiver.lens.isolated import open_windows_apart, read_apart
from perceiver.modalities import decoding, get
from perceiver.modalities.audio.settings import AudioSettings
from perceiver.modalities.audiovisual.settings import ClipSettings
from tests.app import folder
from tests.modalities.audio.sounds import tone as sound
from tests.modalities.audio.sounds import write
from tests.modalities.audiovisual.clips import clip, numbered, tone

SAMPLES = bundle_folder() / "checkpoints" / "samples"
SMALL: dict[str, Any] = {"frames": 16, "height": 32, "width": 32, "patch": 4}
MEL: dict[str, Any] = {"features": "mel", "rate": 16_000, "samples": 16_000}
RAW: dict[str, Any] = {"features": "raw", "rate": 16_000, "samples": 16_000, "patch": 100}


def how(modality: str, file: str, **changes: Any) -> dict[str, Any]:
    common = {"modality": modality, "name": file, "preprocess": {}, "options": {}}
    shapes: dict[str, dict[str, Any]] = {
        "image": {"shape": (32, 32)},
        "points": {"shape": (256,)},
        "video": {"shape": (5, 12, 16)},
        "audio": {"shape": AudioSettings.of(MEL).shape, "preprocess": MEL},
        "audiovisual": {"shape": ClipSettings.of(SMALL).shape, "preprocess": SMALL},
    }
    return common | shapes[modality] | changes


def same(here: object, there: object) -> None:
    """Whether two values are equal, with the same types, to the last bit."""
    assert type(there) is type(here)
    if dataclasses.is_dataclass(here):
        for field in dataclasses.fields(here):
            same(getattr(here, field.name), getattr(there, field.name))
    elif isinstance(here, torch.Tensor):
        assert isinstance(there, torch.Tensor)
        assert (there.dtype, there.shape) == (here.dtype, here.shape)
        assert torch.equal(there, here)
    elif isinstance(here, np.ndarray):
        np.testing.assert_array_equal(there, here, strict=True)
        assert there.flags.writeable  # type: ignore[attr-defined]
    elif isinstance(here, tuple):
        assert len(here) == len(there)  # type: ignore[arg-type]
        for one, other in zip(here, there, strict=True):  # type: ignore[call-overload]
            same(one, other)
    else:
        assert there == here


FILES = {
    "image/elephant.jpg": {},
    "image/digit_2.png": {},
    "audio/piano.ogg": {"options": {"start": "1.5"}},
    "audio/piano_note.flac": {"preprocess": RAW, "shape": (160,)},
    "points/armchair.stl": {"options": {"draw": "farthest"}},
    "points/bed.pcd": {"options": {"seed": "3"}},
    "points/lamp.xyz": {},
    "points/chair.ply": {"options": {"up": "z"}},
    "points/elephant.obj": {},
    "points/table.glb": {},
    "points/temple.off": {},
}


@pytest.mark.parametrize("file", FILES)
def test_bundled_files_are_read_as_here(file: str) -> None:
    modality, name = file.split("/")
    asked, data = how(modality, name, **FILES[file]), (SAMPLES / file).read_bytes()
    here = decoding.read(data, **asked)
    same(here, read_apart(data, asked))


@pytest.mark.parametrize("modality", ["video", "audiovisual", "audio"])
@pytest.mark.parametrize("container", ["mp4", "avi"])
def test_clips_are_read_as_here(modality: str, container: str) -> None:
    data = clip(numbered(), count=60, sound=tone(2.4), container=container, codec="mpeg4", audio_codec="mp2")
    asked = how(modality, "clip.bin")
    same(decoding.read(data, **asked), read_apart(data, asked))


@pytest.mark.parametrize(
    ("modality", "data", "changes"),
    [
        ("image", b"", {}),
        ("image", b"GIF89a\0\0\0\0", {}),
        ("audio", b"RIFF\0\0\0\0WAVEfmt ", {}),
        ("points", b"ply\nformat ascii 1.0\n", {}),
        ("video", b"\0\0\0\x18ftypmp42" + bytes(100), {}),
        ("image", b"P6 1 1 255 abc", {"shape": (0, 1)}),
        ("points", b"0 0 0\n1 1 1\n", {"name": "a.xyz", "options": {"up": "w"}}),
    ],
)
def test_refusals_are_those_of_here(modality: str, data: bytes, changes: Mapping[str, Any]) -> None:
    asked = how(modality, "a\u202e.bin", **changes)
    with pytest.raises((InputError, ConfigError)) as here:
        decoding.read(data, **asked)
    with pytest.raises((InputError, ConfigError)) as there:
        read_apart(data, asked)
    assert (type(there.value), str(there.value)) == (type(here.value), str(here.value))


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Workers with hostile functions in place of the readers."""
    pool = Workers(Limits(seconds=2.0, memory=200 << 20), preload=["tests.isolation.tasks"])
    monkeypatch.setattr(isolated, "workers", lambda: pool)
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("segfault", "its decoder crashed (SIGSEGV)"),
        ("allocate", "decoding it takes more than the 200 MB of memory that are allowed"),
        ("loop", "decoding it takes longer than the 2 s that are allowed"),
        ("process", "its decoder failed"),
    ],
)
def test_a_sentence_names_the_file(pool: Workers, task: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_READ", f"tests.isolation.wrapped:{task}")
    with pytest.raises(DecodingError) as refused:
        read_apart(b"data", how("image", "a\n.png"))
    assert str(refused.value).startswith(f"a .png cannot be read: {words}")


def test_a_scan_is_that_of_here() -> None:
    data = write(sound(7.3))
    asked = {name: value for name, value in how("audio", "a.wav").items() if name != "options"} | {"every": 0.5}
    here, there = decoding.windows(data, **asked), open_windows_apart(data, asked)
    assert (len(there), there.seconds, there.duration, there.notes) == (
        len(here),
        here.seconds,
        here.duration,
        here.notes,
    )
    for _ in range(2):  # each iteration decodes anew
        windows = list(there)
        assert len(windows) == len(here)
        for one, other in zip(here, windows, strict=True):
            same(one, other)


def test_a_scan_that_waited_long_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker has ended meanwhile; another skips what was read."""
    data = write(sound(60.0, 16_000))
    asked = {name: value for name, value in how("audio", "a.wav").items() if name != "options"} | {"every": 0.05}
    starts = []
    for window in open_windows_apart(data, asked):
        if len(starts) == 3:
            isolated.workers().close()
        starts.append(round(window.start, 2))
    assert starts == [round(0.05 * i, 2) for i in range(len(starts))]
    assert len(starts) == len(decoding.windows(data, **asked))


def test_stopping_a_read(pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(BaseException):
        pass

    def stop() -> None:
        raise Stopped

    monkeypatch.setattr(isolated, "_READ", "tests.isolation.wrapped:loop")
    start = time.monotonic()
    with pytest.raises(Stopped):
        read_apart(b"data", how("image", "a.png"), stop)
    assert time.monotonic() - start < 20


def test_a_lens_that_isolates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lens, apart = perceiver.open("image-fourier"), perceiver.open("image-fourier", isolate=True)
    assert (lens.isolate, apart.isolate) == (False, True)
    calls: list[str] = []
    monkeypatch.setattr(get("image").__class__, "read", lambda *args, **more: calls.append("here"))
    file = tmp_path / "photo.png"
    file.write_bytes(folder.picture(0))
    sample = apart.read(file)
    assert (sample.name, calls) == ("photo.png", [])
    assert apart.run(sample).predictions
