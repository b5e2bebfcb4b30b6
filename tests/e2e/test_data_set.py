"""The Data set page in a real browser: from the confusion matrix to examples, to a bundled sample, to Explore."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from perceiver.dataset import FILE, load
from tests.e2e.conftest import PATIENCE, App, at_rest
from tests.e2e.test_accessibility import unnamed

pytestmark = pytest.mark.e2e

NAME = "letters-fourier"


def test_examples_are_reached_from_the_matrix_and_samples_from_them(page: Page, app: App) -> None:
    path = app.checkpoints / NAME / FILE
    if not path.is_file():
        pytest.skip("no analysis lies beside these checkpoints")
    found, count = load(path), len(load(path).about.classes)
    wrong = found.confusion * (1 - np.eye(count, dtype=int))
    true, predicted = (int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    page.goto(f"{app.url}/data_set?model={NAME}")
    at_rest(page)
    share = f"{100 * found.accuracy[-1].value:.1f}"
    expect(page.get_by_text(re.compile(rf"{re.escape(share)}\s%\sright"))).to_be_visible(timeout=PATIENCE)
    # Rows and columns are those of the classes that occur, which are all of them.
    matrix = page.get_by_role("application", name=re.compile("Confusion matrix")).first
    expect(matrix).to_be_visible()
    box = matrix.bounding_box()
    assert box
    side = len(found.about.classes)
    page.mouse.click(box["x"] + (predicted + 0.5) / side * box["width"], box["y"] + (true + 0.5) / side * box["height"])
    expect(page).to_have_url(re.compile(rf"true_class={true + 1}(&|$)"), timeout=PATIENCE)
    expect(page).to_have_url(re.compile(rf"predicted={predicted + 1}(&|$)"))
    at_rest(page)
    members = found.members(true, predicted)
    expect(page.get_by_text(re.compile(rf"^{len(members)} inputs?, the least sure"))).to_be_visible()
    page.get_by_role("option", name=re.compile(re.escape(found.examples.keys[members[0]]))).first.click()
    expect(page).to_have_url(re.compile(rf"example={members[0] + 1}(&|$)"), timeout=PATIENCE)
    top = found.examples.probabilities[members[0]].max()
    expect(page.get_by_text(re.compile(rf"^{100 * top:.1f}\s%$")).first).to_be_visible()
    at_rest(page)
    assert not unnamed(page)
    page.get_by_role("button", name=re.compile("nearest bundled sample")).click()
    expect(page.get_by_role("button", name="Open in Explore")).to_be_visible(timeout=PATIENCE)
    at_rest(page)
    page.get_by_role("button", name="Open in Explore").click()
    expect(page).to_have_url(re.compile(r"/(explore)?\?.*sample=letter_"), timeout=PATIENCE)
    expect(page.get_by_text("Cross-attention by block")).to_be_visible(timeout=PATIENCE)
