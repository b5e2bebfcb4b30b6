"""Tiny checkpoints of all modalities, of three with four and with eight blocks; where the parts of the strip lie."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from playwright.sync_api import Locator, Page, expect

import perceiver
from perceiver import Perceiver
from tests.app import clips, clouds, folder, sounds
from tests.e2e.conftest import PATIENCE, at_rest

CONFIGS = {"image": folder.ONE_HEAD, "audio": sounds.MEL, "points": clouds.CONFIG}
BLOCKS = (4, 8)


def build(root: Path) -> Path:
    """Writes samples of each modality, and checkpoints named MODALITY-BLOCKS."""
    for part in (folder, sounds, clouds, clips):
        part.build(root)
    for modality, config in CONFIGS.items():
        for blocks in BLOCKS:
            torch.manual_seed(blocks)
            deep = dataclasses.replace(config, plan=((0, 0), *[(1, 0)] * (blocks - 1)))
            perceiver.save(Perceiver(deep).eval(), root / f"{modality}-{blocks}")
    return root


@dataclass(frozen=True)
class Box:
    """A rectangle in CSS pixels from the top left corner of the window."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, part: Locator) -> Box:
        found = part.bounding_box()
        assert found is not None, f"{part} is not drawn"
        assert min(found["width"], found["height"]) > 0, f"{part} is empty"
        return cls(found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"])

    def inside(self, width: float, height: float) -> bool:
        return self.left >= 0 and self.top >= 0 and self.right <= width and self.bottom <= height

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True)
class Strip:
    """The parts of the strip."""

    given: Box
    maps: list[Box]
    answer: Box

    @classmethod
    def of(cls, page: Page, blocks: int) -> Strip:
        at_rest(page)
        options = page.get_by_role("listbox", name="Maps of the blocks").get_by_role("option")
        expect(options).to_have_count(blocks, timeout=PATIENCE)
        given = page.locator("[class*=st-key-flow]").first.get_by_role("application").first
        answer = page.get_by_label("Predictions with their probabilities").first
        expect(answer).to_be_visible(timeout=PATIENCE)
        expect(given).to_be_visible(timeout=PATIENCE)
        return cls(Box.of(given), [Box.of(one) for one in options.all()], Box.of(answer))
