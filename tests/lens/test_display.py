"""Objects show themselves in a notebook: whole pictures, escaped names, nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import perceiver
from perceiver import Lens
from perceiver.lens import Run
from tests.app import clouds, folder

VOID = {"img", "br"}


class Checked(HTMLParser):
    """Counts what is shown; every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[tuple[int, int]] = []
        self.alternatives: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe", "style")
        assert not [name for name, _ in attrs if name.startswith("on")]
        given = dict(attrs)
        if tag == "img":
            source = given["src"] or ""
            assert source.startswith("data:image/png;base64,")
            self.pictures.append(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))).size)
            self.alternatives.append(given["alt"] or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def shown(what: object) -> Checked:
    html = what._repr_html_()  # type: ignore[attr-defined]
    assert not re.search(r"https?://", html)
    return Checked(html)


def picture(what: object) -> tuple[int, int]:
    return Image.open(io.BytesIO(what._repr_png_())).size  # type: ignore[attr-defined]


def test_a_run_shows_its_input_its_bars_and_its_maps(run: Run) -> None:
    page = shown(run)
    assert len(page.pictures) == 1 + 3
    assert all(page.alternatives)
    text = "".join(page.text)
    assert all(label in text for label in folder.LABELS)
    assert "Block 3" in text
    widths = [float(width) for width in re.findall(r"width:([\d.]+)px\"></span>", run._repr_html_())]
    assert sum(widths) == pytest.approx(120, abs=0.2)
    assert min(picture(run)) > 300


def test_maps_keep_their_values_apart(run: Run) -> None:
    page = shown(run.maps(kind="score"))
    assert len(page.pictures) == 3
    assert "From" in page.alternatives[0]
    assert min(picture(run.maps(latent=1))) > 300


@pytest.mark.parametrize("of", ["image", "cloud"])
def test_results_show_themselves(of: str, lens: Lens, cloud: Lens) -> None:
    if of == "image":
        run = lens.run(lens.read(folder.picture(0), name="a.png"))
    else:
        run = cloud.run(cloud.read(clouds.ply(clouds.points()), name="c.ply"))
    ablated = run.ablate(low_pass=1)
    page = shown(ablated)
    assert len(page.pictures) == 6
    assert "KL divergence" in "".join(page.text)
    assert min(picture(ablated)) > 300
    explained = run.explain(methods=["attention", "saliency", "input_x_gradient"])
    page = shown(explained)
    assert len(page.pictures) == 3
    assert {"Attention", "Saliency", "Input × gradient", "Random order"} <= set(page.text)
    assert min(picture(explained)) > 300
    assert min(Image.open(io.BytesIO(explained.figure(signed=True))).size) > 300
    page = shown(perceiver.compare(run, run))
    assert len(page.pictures) == 6


def test_a_lens_says_what_it_is(lens: Lens) -> None:
    assert repr(lens) == "Lens('image-fourier': image 16 × 16, 3 classes)"
    assert "image-fourier" in "".join(shown(lens).text)


def test_names_are_no_markup(lens: Lens) -> None:
    run = lens.run(lens.read(folder.picture(0), name="<b onload='x'>.png"))
    assert any("<b onload" in text for text in shown(run).text)


def test_pictures_are_what_the_figure_paints(run: Run) -> None:
    html = run.maps()._repr_html_()
    first = base64.b64decode(re.findall(r"base64,([^\"]+)", html)[0])
    pixels = np.asarray(Image.open(io.BytesIO(first)))
    assert pixels.shape[2] == 3
    assert pixels.std() > 0
