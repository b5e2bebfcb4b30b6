"""Words on the page."""

from __future__ import annotations

import pytest

from app.sections.maps import selection_text, weights_text
from app.sections.predictions import verdict
from app.session.text import label, listed, plain
from perceiver.analysis.maps import MapSelection


def test_plain_text_keeps_letters_and_escapes_all_markup() -> None:
    assert plain("Käse 3") == "Käse 3"
    assert plain("a*b_[c](d) :x: $1$ <i>") == r"a\*b\_\[c\]\(d\) \:x\: \$1\$ \<i\>"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (
            ((0, 0), (1, 0), (1, 0), (1, 0)),
            ["own weights", "weights shared with 3 and 4", "weights shared with 2 and 4"],
        ),
        (((0, 0), (None, 0), (0, 0)), ["weights shared with 3"]),
        (((0, 0), (1, 1)), ["own weights", "own weights"]),
    ],
)
def test_whose_weights_a_block_uses(plan: tuple[tuple[int | None, int | None], ...], expected: list[str]) -> None:
    for block, words in enumerate(expected):
        assert weights_text(plan, block) == words


def test_maps_are_named_by_latents_and_heads() -> None:
    assert selection_text(MapSelection(), 1) == "mean over latents"
    assert selection_text(MapSelection("max", head=1), 2) == "maximum over latents, head 2"
    assert selection_text(MapSelection(latent=0), 2) == "latent 1, mean of heads"


def test_small_words() -> None:
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert label("sofa_armchair") == "sofa / armchair"
    assert label("tabby cat") == "tabby cat"
    assert label("great white shark, white shark, man-eater, Carcharodon") == "great white shark, white shark, …"
    assert verdict("lamp", 1, 12) == "Correct: labelled lamp."
    assert verdict("lamp", 3, 12) == "Wrong: labelled lamp, ranked 3 of 12."
