"""Calls with values of the wrong type, as they may come from users whose tools check no types.

Runs in a process of its own, because the tests check the types of all calls: `python -m tests.lens.untyped` over the
checkpoints of `tests/lens/conftest.py` prints, as JSON, the error of each call and what NumPy's integers become.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

import perceiver
from perceiver import Lens, MapSelection
from tests.app import folder


def main() -> None:
    lens, learned = perceiver.open("image-fourier"), perceiver.open("image-learned")
    run: Any = lens.run(folder.picture(0), name="photo.png")
    maps, values = run.maps(), run.map(0)
    anything: Any = perceiver
    number: Any = 3
    calls: dict[str, Callable[[], Any]] = {
        "class 2.5": lambda: run.question(2.5),
        "class True": lambda: run.question(True),
        "latent 1.5": lambda: run.maps(latent=1.5),
        "name 3": lambda: lens.read(folder.picture(0), name=number),
        "form gif": lambda: maps.figure("gif"),
        "removal x": lambda: run.faithfulness(values, removal="x"),
        "steps 2.5": lambda: run.faithfulness(values, steps=2.5),
        "low_pass 2.5": lambda: run.ablate(low_pass=2.5),
        "keep 3": lambda: run.ablate(keep=3),
        "relevance x": lambda: run.question(relevance="x"),
        "kind x": lambda: next(run.spectra(kind="x")),
        "map kind x": lambda: run.trace.map(0, kind="x"),
        "reduce x": lambda: run.trace.map(0, reduce="x"),
        "size 2.5": lambda: run.permute("blocks", size=2.5),
        "shuffle x": lambda: run.permute("x"),
        "compare lenses": lambda: anything.compare(lens, learned),
        "open None": lambda: anything.open(None),
        "open a model": lambda: anything.open(lens.model),
        "lens of a name": lambda: Lens("image-fourier"),  # type: ignore[arg-type]
    }
    said = {}
    for name, call in calls.items():
        try:
            call()
            said[name] = ["nothing", ""]
        except Exception as error:
            said[name] = [type(error).__name__, str(error)]
    ablated = run.ablate(low_pass=np.int64(1), target=np.int64(1), selection=MapSelection(latent=np.int64(2)))
    with np.load(io.BytesIO(ablated.npz()), allow_pickle=False) as file:
        latent = json.loads(str(file["metadata"]))["latent"]
    explained = run.explain(np.int64(2), np.int64(0), methods=["attention"], test=False).json()
    classes = [ablated.json()["target"]["class"], explained["target"]["class"], explained["against"]["class"]]
    print(json.dumps({"errors": said, "latent": latent, "classes": classes}))


if __name__ == "__main__":
    main()
