"""What all pages have in common: what is chosen on one is still chosen on the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import perceiver
from tests.app import folder
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.pages import change, control, opened, said


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()}


def test_what_is_chosen_on_a_page_is_kept_on_the_others(app: AppTest) -> None:
    link = {"model": "image-fourier", "sample": "lamp-1", "block": "2", "ablate": "b1:3", "target": "3"}
    opened(app, "ablate", **link)
    assert address(app) == link
    opened(app, "explore")
    assert address(app) == link
    change(app, show="first")
    opened(app, "explain")
    assert app.selectbox(key="asked").value == 2
    opened(app, "ablate")
    assert address(app) == link | {"show": "first"}
    assert not app.exception


def test_another_model_and_another_sample_forget_what_belonged_to_them(app: AppTest) -> None:
    opened(
        app, "ablate", sample="lamp-1", block="3", head="1", latent="2", pick="7", ablate="b1:3", target="3", part="2"
    )
    control(app, "model").set_value("image-learned").run()
    assert not app.exception
    # The marked element is forgotten too: on another grid the same number is another place.
    assert address(app) == {"model": "image-learned", "sample": "lamp-1", "block": "3"}


@pytest.mark.parametrize("page", ["explore", "explain", "ablate", "compare"])
def test_a_checkpoint_without_labels_is_shown_with_numbered_classes(
    page: str, caches: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.build(tmp_path)
    for config in tmp_path.glob("*/config.json"):
        config.write_text(json.dumps(json.loads(config.read_text()) | {"labels": []}))
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path))
    app = opened(AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE), page, model="image-fourier", sample="lamp-1")
    assert not app.exception
    lens = perceiver.open("image-fourier")
    best = lens.run(next(tmp_path.glob("samples/image/lamp-1.*"))).top(1)[0]
    texts = [
        said(app),
        *(option for box in app.selectbox for option in box.options),
        *(one.label for one in app.metric),
    ]
    assert any(f"class {best.index}" in one.lower() for one in texts)
