"""Time and peak memory of reading very large files, compared with reading them completely.

    python benchmarks/reading.py         an hour of MP3 (44.1 kHz, stereo), and clouds of 5 million points

The files are created in a temporary folder. Each method runs in a separate process after a warm-up on a small file;
memory is the increase of the peak, including the bytes of the file if it is read at once.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SECONDS, RATE = 3600, 44_100
POINTS = 5_000_000
SOUND: dict[str, Any] = {"shape": (125,), "preprocess": {"features": "raw", "rate": 16_000, "samples": 16_000}}
CLOUD: dict[str, Any] = {"shape": (2048,), "preprocess": {"up": "y"}}


def make_mp3(path: Path) -> None:
    """Writes an hour of a tone of varying pitch, minute by minute."""
    import soundfile

    time = np.arange(60 * RATE) / RATE
    with soundfile.SoundFile(path, "w", RATE, 2, format="MP3", subtype="MPEG_LAYER_III") as file:
        for minute in range(SECONDS // 60):
            tone = 0.3 * np.sin(2 * np.pi * (200 + 5 * minute) * time)
            file.write(np.stack([tone, 0.5 * tone], axis=1).astype(np.float32))


def make_ply(path: Path) -> None:
    """Writes points of a sphere in map coordinates, as doubles."""
    points = np.random.default_rng(0).normal(size=(POINTS, 3))
    points = points / np.linalg.norm(points, axis=1, keepdims=True) + (500_000, 5_400_000, 120)
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {POINTS}\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_bytes(head.encode() + points.astype("<f8").tobytes())


def make_xyz(path: Path) -> None:
    """The same as text."""
    points = np.random.default_rng(0).normal(size=(POINTS, 3))
    with path.open("w") as file:
        for part in np.array_split(points, 50):
            np.savetxt(file, part, fmt="%.6f")


def ours(modality: str, **how: Any) -> Callable[[Path], None]:
    """Reading as in the app and the command line."""

    def read(path: Path) -> None:
        from perceiver import modalities

        modalities.get(modality).read(path.read_bytes(), path.name, **how)

    return read


def whole_sound(path: Path) -> None:
    """Reading with librosa: decode the whole file, mix down, resample."""
    import librosa

    librosa.load(io.BytesIO(path.read_bytes()), sr=16_000)


def whole_cloud(path: Path) -> None:
    """Reading with Open3D, by path."""
    import open3d

    np.asarray(open3d.io.read_point_cloud(str(path)).points)


MAKE = {"hour.mp3": make_mp3, "sphere.ply": make_ply, "sphere.xyz": make_xyz}
WAYS: dict[str, dict[str, Callable[[Path], None]]] = {
    "hour.mp3": {"Perceiver Lens": ours("audio", **SOUND), "librosa.load": whole_sound},
    "sphere.ply": {"Perceiver Lens": ours("points", **CLOUD), "Open3D": whole_cloud},
    "sphere.xyz": {"Perceiver Lens": ours("points", **CLOUD), "Open3D": whole_cloud},
}


def resident(what: str) -> float:
    """Memory of this process in MB: "VmRSS" now, "VmHWM" at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def measure(path: Path, way: str) -> dict[str, float]:
    """Seconds and megabytes of one method, after a warm-up on a small file."""
    import soundfile

    read = WAYS[path.name][way]
    small = path.with_name(f"small{path.suffix}")
    if path.suffix == ".mp3":
        soundfile.write(small, np.zeros(RATE), RATE, format="MP3")
    else:
        small.write_text("0 0 0\n1 2 3\n4 5 6\n" if path.suffix == ".xyz" else _SMALL_PLY)
    read(small)
    Path("/proc/self/clear_refs").write_text("5")
    before, start = resident("VmRSS"), time.perf_counter()
    read(path)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "megabytes": resident("VmHWM") - before, "file": path.stat().st_size / 2**20}


_SMALL_PLY = (
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
)
_SMALL_PLY += "0 0 0\n1 2 3\n4 5 6\n"


def main() -> None:
    """Creates each file and measures every method of reading it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, make in MAKE.items():
            path = Path(folder) / name
            make(path)
            found = {}
            for way in WAYS[name]:
                command = [sys.executable, __file__, str(path), way]
                found[way] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            peer = list(found.values())[-1]
            print(f"{name}, {peer['file']:,.0f} MB")
            for way, cost in found.items():
                print(
                    f"  {way:15} {cost['seconds']:7.2f} s ({cost['seconds'] / peer['seconds']:.2f} of the plain way) "
                    f"{cost['megabytes']:8,.0f} MB ({cost['megabytes'] / peer['megabytes']:.2f})"
                )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
    else:
        main()
