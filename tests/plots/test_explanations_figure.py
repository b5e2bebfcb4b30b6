"""Curves of explanations, drawn and told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from perceiver.plots.explanations import (
    NAMES,
    STYLES,
    compared_text,
    concentration_figure,
    concentration_text,
    course_figure,
    faithfulness_text,
    movement_figure,
    movement_text,
)


@dataclass
class Made:
    shares: np.ndarray
    probabilities: np.ndarray
    areas: tuple[float, ...] = ()

    @property
    def area(self) -> float:
        return float(np.trapezoid(self.probabilities, self.shares))


@dataclass
class Pair:
    deletion: Made
    insertion: Made


def pair(deletion: float, insertion: float, start: float = 0.9) -> Pair:
    """A deletion from `start` and an insertion up to it, straight to a middle that makes their areas these."""
    shares = np.array([0.0, 0.5, 1.0])

    def through(first: float, last: float, area: float) -> Made:
        return Made(shares, np.array([first, 2 * area - (first + last) / 2, last]))

    return Pair(through(start, 0.0, deletion), through(0.0, start, insertion))


def chance(deletion: float, insertion: float, spread: float = 0.02) -> Pair:
    """Random orders: eight, half of them `spread` above these areas and half below."""
    made = pair(deletion, insertion)
    made.deletion.areas, made.insertion.areas = (
        tuple(area + sign * spread for sign in (1, -1) for _ in range(4)) for area in (deletion, insertion)
    )
    return made


SCORES = {
    "attention": pair(0.40, 0.45),
    "relevance": pair(0.25, 0.60),
    "saliency": pair(0.30, 0.65),
    "random": chance(0.45, 0.45),
}


def test_a_curve_for_every_method_with_its_area() -> None:
    figure = course_figure(SCORES, "deletion", strong="saliency")
    assert [trace.name for trace in figure.data] == [
        "Attention 0.40",
        "Class relevance 0.25",
        "Saliency 0.30",
        "Random order 0.45",
    ]
    np.testing.assert_allclose(figure.data[1].y, SCORES["relevance"].deletion.probabilities)
    widths = [trace.line.width for trace in figure.data]
    assert max(widths) == widths[2] > sorted(widths)[-2]
    np.testing.assert_allclose(
        course_figure(SCORES, "insertion").data[0].y, SCORES["attention"].insertion.probabilities
    )
    with pytest.raises(ValueError, match="no method 'guess'"):
        course_figure({"guess": SCORES["random"]}, "deletion")


def test_a_method_looks_the_same_whatever_it_stands_beside() -> None:
    alone = course_figure({"saliency": SCORES["saliency"]}, "deletion").data[0].line
    among = course_figure(SCORES, "insertion").data[2].line
    assert (alone.color, alone.dash) == (among.color, among.dash)
    assert STYLES.keys() == NAMES.keys()
    assert len(set(STYLES.values())) == len(STYLES)


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_curves_stand_out_on_light_and_on_dark_pages() -> None:
    for colour, _ in STYLES.values():
        for ground in ("#ffffff", "#14171a"):
            low, high = sorted((luminance(colour), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 3


def test_in_words() -> None:
    # Student's t with 7 degrees of freedom ends at 2.3646; the standard deviation is 0.02 sqrt(8 / 7) = 0.02138.
    reach = 2.3646 * 0.02138 * np.sqrt(9 / 8)
    assert (round(0.45 - reach, 2), round(0.45 + reach, 2)) == (0.40, 0.50)
    assert faithfulness_text(SCORES, "cup") == (
        "Deletion: what class relevance marks brings “cup” down fastest (area 0.25, random orders 0.40 to 0.50). "
        "Insertion: what saliency marks brings “cup” up fastest (area 0.65, random orders 0.40 to 0.50). "
        "Attention is no better than random order (deletion 0.40, random orders 0.40 to 0.50; insertion 0.45, random "
        "orders 0.40 to 0.50)."
    )
    both = faithfulness_text({"attention": pair(0.3, 0.6), "random": chance(0.45, 0.45)}, "cup")
    assert "Attention is better than random order (deletion 0.30, random orders 0.40 to 0.50; insertion 0.60" in both
    one = faithfulness_text({"attention": pair(0.45, 0.6), "random": chance(0.45, 0.45)}, "cup")
    assert "Attention against random order: no better at deletion (0.45, random orders 0.40 to 0.50), and better" in one


@pytest.mark.parametrize(("attention", "verdict"), [(0.23, "no better"), (0.30, "better"), (0.10, "worse")])
def test_a_small_lead_over_random_order_is_none(attention: float, verdict: str) -> None:
    scores = {"attention": pair(0.45 - attention, attention), "random": chance(0.23, 0.22)}
    assert compared_text(scores, "attention").startswith(f"Attention is {verdict} than random order")


def test_maps_that_do_no_better_than_chance_are_told_so() -> None:
    text = faithfulness_text({"attention": pair(0.5, 0.4), "random": chance(0.45, 0.45, spread=0.1)}, "cup")
    assert text.count("no map is better than random order") == 2
    assert "Attention is no better than random order (deletion 0.50, random orders 0.18 to 0.72" in text
    few = compared_text({"attention": pair(0.1, 0.8), "random": pair(0.45, 0.45)}, "attention")
    assert "no better" in few
    assert "too few orders to compare" in few
    with pytest.raises(ValueError, match="random"):
        faithfulness_text({"attention": pair(0.5, 0.4)}, "cup")
    with pytest.raises(ValueError, match="random"):
        faithfulness_text({"random": pair(0.5, 0.4)}, "cup")
    with pytest.raises(ValueError, match="random"):
        compared_text({"attention": pair(0.5, 0.4)}, "attention")


def test_a_class_that_was_hardly_there_is_said_to_have_little_to_lose() -> None:
    scores = {"saliency": pair(0.01, 0.01, start=0.02), "random": pair(0.015, 0.01, start=0.02)}
    assert "gives “cup” only 2.0 %" in faithfulness_text(scores, "cup")


def test_movement_from_block_to_block() -> None:
    divergence = np.array([[0.1, 0.2, 0.3, 0.4, 0.9], [0.0, 0.0, 0.0, 0.5, 0.1]])
    steps = ((0, 1), (1, 3))
    figure = movement_figure(steps, divergence)
    assert [trace.name for trace in figure.data] == ["1 → 2", "2 → 4"]
    np.testing.assert_allclose(figure.data[0].y, divergence[0])
    assert figure.data[0].text[4] == "latent 5"
    assert movement_text(steps, divergence) == (
        "In the median a latent's map moves by 0.3 bits from block 1 to 2 (half of the latents 0.2 to 0.4), by 0 bits "
        "from block 2 to 4 (half of the latents 0 to 0.1). Those that move most a step: latent 5 (0.5 bits), latent 4 "
        "(0.45 bits), latent 3 (0.15 bits). 0 bits is the same map, 1 bit one that shares nothing with it."
    )
    with pytest.raises(ValueError, match="2 rows for 1 steps"):
        movement_figure(steps[:1], divergence)
    with pytest.raises(ValueError, match="2 rows for 1 steps"):
        movement_text(steps[:1], divergence)
    assert "one block" in movement_text((), np.zeros((0, 5)))


def test_concentration_by_block() -> None:
    effective = [np.array([10.0, 20.0, 30.0]), np.array([400.0, 2.5, 100.0])]
    figure = concentration_figure((0, 2), effective, 4096)
    assert [trace.name for trace in figure.data] == ["1", "3"]
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.range[1] >= np.log10(4096)
    assert concentration_text((0, 2), effective, 4096) == (
        "Elements read as if alike, of 4,096, median over latents: 20 in block 1, 100 in block 3. The most "
        "concentrated is latent 2 of block 3: 2.5."
    )
    for ask in (concentration_figure, concentration_text):
        with pytest.raises(ValueError, match="2 rows for 1 blocks"):
            ask((0,), effective, 4096)
