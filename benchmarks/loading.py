"""Full-size checkpoints of other libraries: differences of outputs and maps, and time and memory of loading.

    python benchmarks/loading.py                  every format
    python benchmarks/loading.py fourier conv     some of them

Weights are random. Loading and forward passes with attention maps are compared with Hugging Face Transformers in the
same run; outputs of the other libraries come from tests/peers. Each measurement runs in a separate process; peak memory
is relative to a process that has imported the library, and includes the model.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import perceiver
from benchmarks.maps import forget_peak, resident
from tests.checkpoints.formats import test_krasserm as krasserm
from tests.checkpoints.formats import test_lucidrains as lucidrains
from tests.checkpoints.formats import test_multimodal as multimodal
from tests.checkpoints.formats import test_transformers as transformers

VISION = ("fourier", "learned", "conv")
CASES = (*VISION, "multimodal", "krasserm", "lucidrains")
LUCIDRAINS = "full"
SIDE = 224
LATENTS = slice(0, 16)


def prepare(case: str, folder: Path) -> None:
    """Writes the checkpoint in the format of its library."""
    if case in VISION:
        theirs = transformers.peer(case, SIDE, 1000, **transformers.FULL)
        transformers.save(theirs, folder, SIDE, "bin")
    elif case == "multimodal":
        multimodal.save_full(folder)
    elif case == "krasserm":
        krasserm.Golden("full").save(folder)
    else:
        golden = np.load(lucidrains.GOLDEN)
        about = json.loads(golden[f"{LUCIDRAINS}/about"].tobytes())
        shapes = {name: tuple(shape) for name, shape in about["shapes"].items()}
        tensors = {name: torch.from_numpy(v) for name, v in lucidrains.filled(shapes, about["copies"]).items()}
        lucidrains.saved(tensors, folder, about["arguments"] | {"input_shape": about["shape"]})


def opened(case: str, folder: Path) -> dict[str, float]:
    """Measures loading and compares the outputs with those of the original library."""
    source = folder / "model.pt" if case == "lucidrains" else folder
    forget_peak()
    before, start = resident("VmRSS"), time.perf_counter()
    found = perceiver.inspect(source)
    told = time.perf_counter() - start
    start = time.perf_counter()
    model = perceiver.load(source)
    out = {"parameters": found.parameters, "inspect": told, "load": time.perf_counter() - start}
    out["peak"] = resident("VmHWM") - before
    if case in VISION:
        theirs = their_model(case, folder)
        out["logits"], out["maps"] = transformers.compare(theirs, model, SIDE, LATENTS)
    elif case == "multimodal":
        out["logits"], out["maps"] = multimodal.compare_full(folder, model)
    elif case == "krasserm":
        out["logits"], out["maps"] = krasserm.Golden("full").compare(model)
    else:
        golden = np.load(lucidrains.GOLDEN)
        about = json.loads(golden[f"{LUCIDRAINS}/about"].tobytes())
        maps = dict(zip(about["blocks"], torch.from_numpy(golden[f"{LUCIDRAINS}/maps"]), strict=True))
        inputs = lucidrains.data(about["arguments"], about["shape"])
        logits = torch.from_numpy(golden[f"{LUCIDRAINS}/logits"])
        out["logits"], out["maps"] = lucidrains.compare(model, inputs, logits, maps)
    return out


def run_here(case: str, folder: Path) -> dict[str, float]:
    """Measures a run of the model with its first map, after a warm-up run."""
    model = perceiver.load(folder)
    inputs = model.input_array(torch.randn(1, SIDE * SIDE, 3))

    def work() -> None:
        model.trace(inputs).map(0)

    return measured(work)


def run_there(case: str, folder: Path) -> dict[str, float]:
    """Measures loading and a forward pass with attention maps in the original library."""
    start = time.perf_counter()
    model = their_model(case, folder)
    out = {"load": time.perf_counter() - start}
    pixels = torch.randn(1, 3, SIDE, SIDE)

    def work() -> None:
        with torch.no_grad():
            model(inputs=pixels, output_attentions=True)

    return out | measured(work)


def their_model(case: str, folder: Path) -> Any:
    """Loads the model with the original library."""
    return getattr(transformers.modeling, transformers.CLASSES[case][0]).from_pretrained(folder).eval()


def measured(work: Callable[[], None], repeats: int = 3) -> dict[str, float]:
    """Median time after a warm-up run, and peak memory above the initial resident memory."""
    work()
    forget_peak()
    before, times = resident("VmRSS"), []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return {"forward": float(np.median(times)), "forward_peak": resident("VmHWM") - before}


STEPS: dict[str, Callable[[str, Path], Any]] = {
    "prepare": prepare,
    "opened": opened,
    "here": run_here,
    "there": run_there,
}


def apart(step: str, case: str, folder: Path) -> dict[str, float]:
    """Runs a step in a separate process."""
    command = [sys.executable, __file__, "--step", step, case, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]) or {}


def main(cases: list[str]) -> None:
    """Prints the table."""
    print(f"{'':12} {'parameters':>12} {'logits':>9} {'maps':>9} {'inspect':>9} {'load':>8} {'peak':>9}", flush=True)
    for case in cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / case
            apart("prepare", case, folder)
            one = apart("opened", case, folder)
            print(
                f"{case:12} {one['parameters']:12,.0f} {one['logits']:9.1e} {one['maps']:9.1e} {one['inspect']:7.2f} s "
                f"{one['load']:6.2f} s {one['peak']:6.0f} MB",
                flush=True,
            )
            if case in VISION:
                ours, theirs = apart("here", case, folder), apart("there", case, folder)
                times, memory = ours["forward"] / theirs["forward"], ours["forward_peak"] / theirs["forward_peak"]
                print(
                    f"{'':12} their loading {theirs['load']:.2f} s, which leaves reading the numbers to the first run; "
                    f"run with its map {ours['forward']:.1f} s and {ours['forward_peak']:.0f} MB more, {times:.2f} and "
                    f"{memory:.2f} of theirs",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(STEPS[sys.argv[2]](sys.argv[3], Path(sys.argv[4]))))
    else:
        main(sys.argv[1:] or list(CASES))
