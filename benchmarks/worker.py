"""What decoding in a worker process costs, beside decoding in this process.

    python benchmarks/worker.py          --files 15

Each kind of file is made so many times with different contents, since every file has a worker of its own. The columns:
decoding here; in a worker; the ratio and the difference of the medians; the same file again, which its worker is still
there for; the first file after another crashed its worker; and the processor's time for a file, here and with a worker
in all processes together, which a busy machine does not lengthen. Both sides have decoded a file of the kind before. At
the end: the time until the first file can be decoded, and the memory of the process that workers are forked from,
before and after.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
import soundfile
from PIL import Image

from perceiver.isolation import WorkerError
from perceiver.lens.isolated import read_apart, workers
from perceiver.modalities import decoding

SOUND = {"features": "mel", "rate": 16_000, "samples": 16_000}
HOW: dict[str, dict[str, Any]] = {
    "picture, 1600 x 1200 JPEG": {"modality": "image", "shape": (64, 64), "preprocess": {}},
    "sound, 10 s of FLAC": {"modality": "audio", "shape": (64, 80), "preprocess": SOUND},
    "cloud, 50,000 points of PLY": {"modality": "points", "shape": (2048,), "preprocess": {}},
    "clip, 4 s of H.264": {"modality": "video", "shape": (8, 64, 64), "preprocess": {}},
}


def picture(rng: np.random.Generator) -> bytes:
    out = io.BytesIO()
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    coarse.resize((1600, 1200), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def sound(rng: np.random.Generator) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, rng.uniform(-0.3, 0.3, 10 * 44_100), 44_100, format="FLAC")
    return out.getvalue()


def cloud(rng: np.random.Generator) -> bytes:
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 50000\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    return head.encode() + rng.normal(size=(50_000, 3)).astype("<f4").tobytes()


def clip(rng: np.random.Generator) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(100):
            grey = np.full((240, 320, 3), rng.integers(0, 256), np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


MAKE: dict[str, Callable[[np.random.Generator], bytes]] = dict(zip(HOW, (picture, sound, cloud, clip), strict=True))


def crash(data: bytes) -> None:
    """Ends its process, as a damaged file can end a native decoder."""
    ctypes.string_at(0)


def times(read: Callable[[bytes], object], files: list[bytes]) -> Iterator[float]:
    """Milliseconds for each file."""
    for data in files:
        start = time.perf_counter()
        read(data)
        yield 1000 * (time.perf_counter() - start)


def after_a_crash(read: Callable[[bytes], object], data: bytes) -> float:
    with suppress(WorkerError):
        workers().call(f"{Path(__file__).stem}:{crash.__name__}", b"", {})
    return next(times(read, [data]))


def memory(pid: int) -> str:
    """Memory of a process: resident, and its share of it where processes share pages."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines}
    return f"{sizes['Rss:']:.0f} MB resident, its share {sizes['Pss:']:.0f} MB"


def processor(pid: int) -> float:
    """Seconds that this process, the one that workers are forked from, and all workers have computed."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if entry.name == str(pid):
                    ticks += sum(map(int, fields[11:15]))  # with workers that ended
                elif fields[1] == str(pid):
                    ticks += sum(map(int, fields[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=15, help="files of each kind")
    count = parser.parse_args().files
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    read_apart(picture(rng), {**next(iter(HOW.values())), "name": "first.jpg", "options": {}})
    first = time.perf_counter() - began
    template = workers().template_pid or 0
    before = memory(template)
    columns = ("here", "worker", "ratio", "more", "again", "crash", "CPU", "CPU")
    print(f"{'median, milliseconds':30}" + "".join(f"{one:>{7 if one in ('ratio', 'more') else 8}}" for one in columns))
    for kind, settings in HOW.items():
        how = {**settings, "name": "a file", "options": {}}
        files = [MAKE[kind](rng) for _ in range(count + 1)]

        def here(data: bytes, how: dict[str, Any] = how) -> object:
            return decoding.read(data, **how)

        def apart(data: bytes, how: dict[str, Any] = how) -> object:
            return read_apart(data, how)

        next(times(here, files[:1])), next(times(apart, files[:1]))  # loads libraries on both sides
        clocks = [processor(template)]
        ours = list(times(here, files[1:]))
        clocks.append(processor(template))
        theirs = list(times(apart, files[1:]))
        time.sleep(0.2)  # for the workers to end
        clocks.append(processor(template))
        again = [took for data in files[1:] for took in list(times(apart, [data, data]))[1:]]
        crashed = [after_a_crash(apart, MAKE[kind](rng)) for _ in range(3)]
        a, b = median(ours), median(theirs)
        computed = "".join(f"{1000 * (end - start) / count:8.1f}" for start, end in pairwise(clocks))
        waits = f"{a:8.1f}{b:8.1f}{b / a:7.2f}{b - a:7.1f}{median(again):8.1f}{median(crashed):8.1f}"
        print(f"{kind:30}{waits}{computed}", flush=True)
    print(f"\nfirst file after {first:.1f} s")
    print(f"process that workers are forked from: {before}; after all files {memory(template)}")


if __name__ == "__main__":
    main()
