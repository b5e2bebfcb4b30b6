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
from perceiver.analysis.formatting import class_name, number
from perceiver.lens import Run
from perceiver.plots.drawing import draw
from tests.app import clouds, folder, sounds

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
    assert all(class_name(label) in text for label in folder.LABELS)
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


def test_several_rows_of_maps_have_one_scale(lens: Lens, learned: Lens) -> None:
    """The legend is said once, and the maps of all rows are painted on it: the highest value alone is brightest."""
    runs = [one.run(folder.picture(0), name="a.png") for one in (lens, learned)]
    for found in (perceiver.compare(*runs), runs[0].ablate(low_pass=1), perceiver.compare(runs[0], runs[0])):
        html = found._repr_html_()
        legends = re.findall(r'<div style="font-size:85%">([^<]*)</div>', html)
        assert len(legends) == 1
        shown(found)
    ablated = runs[0].ablate(whole=True)
    before, after = [one.before for one in ablated.blocks], [one.after for one in ablated.blocks]
    assert len({one.range.upper for one in (*before, *after)}) == 1
    pictures = re.findall(r"base64,([^\"]+)", ablated._repr_html_())
    for picture, one in zip(pictures, (*before, *after), strict=True):
        expected = draw(runs[0].sample, [one.values], [one.range], colours="magma", strength=0.8).maps[0]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
        np.testing.assert_array_equal(pixels, expected)


def test_every_result_has_a_short_repr_and_a_table(lens: Lens, run: Run) -> None:
    sound = perceiver.open("audio-raw")
    sweep = run.sweep("lamp")
    largest = int(np.abs(sweep.logits()).argmax())
    for what, cells in (
        (
            sweep,
            ["logit of class 1; 16 of 16 ablations computed", number(sweep.logits()[largest])],
        ),
        (run.permute("contents"), ["Contents shuffled", "before"]),
        (run.latents(), ["Clusters of the latents of block 2", "effective elements"]),
        (lens.encoding(element=3), ["Position encoding: fourier", "16 × 16", "similarity with element 3"]),
        (run.faithfulness(run.map(0), steps=3), ["deletion", "insertion", "25.0 % of the elements"]),
        (next(run.spectra()), ["Spectrum of the maps of block 0", "energy at the bands"]),
        (sound.scan(sounds.LONG, name="c.wav"), ["Predictions over time", "mean probability"]),
        (run.sample, ["photo.png", "image", "16 × 16"]),
    ):
        assert len(repr(what)) < 120, repr(what)
        assert repr(what).startswith(type(what).__name__ + "(")
        text = " ".join(shown(what).text)
        for cell in cells:
            assert cell in text
    assert len(shown(run.sample).pictures) == 1
