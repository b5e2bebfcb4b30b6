"""A clip recorded with the camera and microphone that Chromium feigns: a moving picture, and a beep every second."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import perceiver
from perceiver.analysis.formatting import percent
from perceiver.modalities.audiovisual.modality import ClipSample
from tests.e2e.conftest import PATIENCE, App, at_rest, best_prediction, saved_input

pytestmark = pytest.mark.e2e


def test_a_recorded_clip_is_read_with_its_sound(page: Page, app: App) -> None:
    page.goto(f"{app.url}/?model=av-fused")
    at_rest(page)
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("radio", name="Camera").click()
    at_rest(page)
    sidebar.get_by_role("button", name="Record", exact=True).click()
    expect(sidebar.get_by_text("The browser does not allow the camera")).to_be_visible(timeout=PATIENCE)
    page.context.grant_permissions(["camera", "microphone"])
    try:
        sidebar.get_by_role("button", name="Record", exact=True).click()
        expect(sidebar.locator(".clock")).to_have_text(re.compile("^[3-9]|^10"), timeout=PATIENCE)
        sidebar.get_by_role("button", name="Stop", exact=True).click()
        expect(page).to_have_url(re.compile("sample=sha256"), timeout=PATIENCE)
    finally:
        page.context.clear_permissions()
    expect(sidebar.get_by_role("button", name="Record again")).to_be_visible()
    at_rest(page)
    data = saved_input(page, "Save the recording")
    recorded = perceiver.open(app.checkpoints / "av-fused")
    sample = recorded.read(data)
    answer = recorded.run(sample).trace.block_probabilities[-1]
    expect(best_prediction(page)).to_contain_text(percent(float(answer.max())))
    assert np.ptp(sample.original, axis=0).max() > 0, "the picture does not move"
    assert isinstance(sample, ClipSample)
    assert sample.clip_rate == 48_000
    assert float(sample.sound.std()) > 1e-3, "the beep is not heard"
