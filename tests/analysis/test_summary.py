"""Summaries of maps small enough to work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perceiver.analysis.summary import quantity, summarise


def test_by_hand() -> None:
    summary = summarise(np.array([0.5, 0.25, 0.125, 0.125], dtype=np.float32))
    assert (summary.size, summary.finite) == (4, 4)
    assert (summary.minimum, summary.maximum, summary.mean) == (0.125, 0.5, 0.25)
    # H = 1/2 ln 2 + 1/4 ln 4 + 2 * 1/8 ln 8 = 7/4 ln 2
    assert summary.entropy == pytest.approx(1.75 * math.log(2))
    assert summary.effective == pytest.approx(2**1.75)
    assert summary.top_mass == pytest.approx(0.5)
    assert not summary.constant


def test_a_map_is_divided_by_its_sum_first() -> None:
    one, many = np.array([[1.0, 3.0]]), np.array([[10.0, 30.0]])
    assert summarise(one, "value").entropy == pytest.approx(summarise(many, "value").entropy)
    assert summarise(many, "value").top_mass == pytest.approx(0.75)


def test_all_on_one_element() -> None:
    values = np.zeros((3, 5))
    values.flat[9] = 1
    summary = summarise(values)
    assert summary.entropy == 0
    assert summary.effective == 1
    assert summary.top_mass == 1


def test_top_one_percent_counts_whole_elements() -> None:
    values = np.ones(299)
    values[[7, 100]] = [41, 61]
    assert summarise(values).top_mass == pytest.approx(102 / 399)
    values = np.ones(199)
    values[[7, 100]] = [41, 61]
    assert summarise(values).top_mass == pytest.approx(61 / 299)


@pytest.mark.parametrize("side", [14, 224])
def test_an_even_map_is_constant_and_its_entropy_is_ln_m(side: int) -> None:
    values = np.full((side, side), 1 / side**2, dtype=np.float32)
    values[3, 4] *= 1 + 1e-6  # as a softmax in single precision leaves it
    summary = summarise(values)
    assert summary.constant
    assert summary.entropy == pytest.approx(math.log(side**2))
    assert summary.effective == pytest.approx(side**2, rel=1e-4)
    assert summary.sentence().startswith("Constant: every element has the value")


def test_all_zero_adds_up_to_nothing() -> None:
    summary = summarise(np.zeros(10))
    assert summary.constant
    assert summary.entropy is None
    assert summary.top_mass is None
    assert summary.sentence() == "Constant: every element has the value 0."


@pytest.mark.parametrize(("what", "signed"), [("score", False), ("entropy", False), ("probability", True)])
def test_what_cannot_be_added_up_has_no_entropy(what: str, signed: bool) -> None:
    summary = summarise(np.array([1.0, 2.0, 5.0]), what, signed=signed)  # type: ignore[arg-type]
    assert summary.entropy is None
    assert summary.effective is None
    assert summary.top_mass is None
    assert summary.sentence() == "From 1 to 5, mean 2.67."


def test_negative_values_are_no_distribution() -> None:
    assert summarise(np.array([0.5, -0.1])).entropy is None


def test_elements_that_are_not_finite_are_counted_and_left_out() -> None:
    summary = summarise(np.array([0.5, np.nan, 0.5, 1.0, np.inf, -np.inf]))
    assert (summary.size, summary.finite) == (6, 3)
    assert (summary.minimum, summary.maximum) == (0.5, 1.0)
    assert summary.entropy == pytest.approx(1.5 * math.log(2))
    assert "3 of 6 elements are not finite" in summary.sentence()


def test_nothing_finite() -> None:
    summary = summarise(np.full(4, np.nan))
    assert summary.finite == 0
    assert math.isnan(summary.mean)
    assert not summary.constant
    assert summary.sentence() == "None of the 4 elements has a finite value."


def test_sentence_of_a_map() -> None:
    values = np.full(4096, 0.5 / 4095)
    values[0] = 0.5
    # H = 1/2 ln 2 + 1/2 ln 8190 = 4.852; the top 40 are the peak and 39 of the rest
    assert summarise(values).sentence() == (
        "From 0.000122 to 0.5, mean 0.000244; entropy 4.85 nats, as if 128 of 4,096 elements were read alike; "
        "the top 1 % hold 50.5 %."
    )


def test_an_empty_map_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        summarise(np.zeros((0, 4)))


def test_only_a_reduction_over_latents_is_an_entropy() -> None:
    assert quantity("probability", "entropy") == "entropy"
    assert quantity("probability", "entropy", latent=3) == "probability"
    assert quantity("value", "mean") == "value"
    assert quantity("score", "max") == "score"
    with pytest.raises(ValueError, match="no map is of kind 'weights'"):
        quantity("weights")
