"""What each frequency matters, drawn and told."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver.analysis.sweep import spearman
from perceiver.plots.sweep import Line, change_text, estimates_text, sweep_figure, sweep_text

NAN = float("nan")


def line(exact: list[float], estimated: list[float] | None, chosen: int | None = None, name: str = "<b>x</b>") -> Line:
    return Line(
        name=name,
        frequencies=(1.0, 2.5, 4.0)[: len(exact)],
        exact=np.array(exact),
        estimated=None if estimated is None else np.array(estimated),
        links=tuple(f"b1:{k + 1}" for k in range(len(exact))),
        chosen=np.array([k == chosen for k in range(len(exact))]),
    )


def test_exact_values_lie_over_the_estimates_and_points_know_where_they_lead() -> None:
    figure = sweep_figure([line([-2.0, 0.5, NAN], [-1.0, 0.4, 0.1])], measure="logit", axis="cycles")
    estimated, exact = figure.data[:2]
    assert exact.name == "&lt;b&gt;x&lt;/b&gt;"
    np.testing.assert_allclose(estimated.y, [-1.0, 0.4, 0.1])
    np.testing.assert_allclose(exact.y, [-2.0, 0.5, NAN])
    assert list(exact.customdata) == list(estimated.customdata) == ["b1:1", "b1:2", "b1:3"]
    assert exact.text[0] == "&lt;b&gt;x&lt;/b&gt;, 1 cycle: −2 exact"
    assert (estimated.line.dash, exact.line.dash) == ("dot", None)
    assert estimated.marker.symbol != exact.marker.symbol


def test_what_is_chosen_is_ringed_where_it_is_known() -> None:
    figure = sweep_figure([line([NAN, 0.5, NAN], [-1.0, 0.4, 0.1], chosen=0)], measure="logit", axis="cycles")
    (ring,) = [t for t in figure.data if t.marker.symbol == "circle-open" and t.x[0] is not None and len(t.x) == 1]
    assert (ring.x[0], ring.y[0]) == (1.0, -1.0)
    assert "removed now" in {trace.name for trace in figure.data}
    plain = sweep_figure([line([0.1, 0.5], None)], measure="probability", axis="cycles")
    assert {trace.name for trace in plain.data if trace.name} == {"&lt;b&gt;x&lt;/b&gt;"}


def test_the_frame_holds_all_that_is_known_and_at_last_the_exact_values() -> None:
    coming = sweep_figure([line([-2.0, NAN], [-1.0, 30.0])], measure="logit", axis="").layout.yaxis.range
    assert coming[0] < -2.0
    assert coming[1] > 30.0
    done = sweep_figure([line([-2.0, 0.0], [-1.0, 30.0])], measure="logit", axis="").layout.yaxis.range
    assert done[0] < -2.0
    assert 1.0 < done[1] < 2.0  # half as far again as the exact values reach
    flat = sweep_figure([line([0.0, 0.0], None)], measure="logit", axis="").layout.yaxis.range
    assert flat[0] < 0 < flat[1]


def test_in_words() -> None:
    lines = [
        line([-2.0, 0.5, 1.0], [0.0, 0.0, 9.0], name="Height"),
        line([3.0, 0.0, 0.0], [0.0, 0.0, 0.0], name="Width"),
    ]
    assert sweep_text(lines, "lamp", "logit") == (
        "The largest changes of the logit of lamp: Width, 1 cycle: +3; Height, 1 cycle: −2; Height, 4 cycles: +1."
    )
    waiting = [line([-2.0, NAN, NAN], [0.0, 0.5, 9.0], name="Height")]
    assert sweep_text(waiting, "lamp", "logit", top=1) == (
        "The largest changes, as estimated, of the logit of lamp: Height, 4 cycles: +9."
    )
    assert "not known yet" in sweep_text([line([NAN, 0.0], None)], "lamp", "probability")


@pytest.mark.parametrize(
    ("change", "measure", "short", "text"),
    [
        (0.42, "logit", False, "+0.42"),
        (-3.63, "logit", False, "−3.63"),
        (0.0, "logit", False, "0"),
        (-0.123, "probability", False, "−12.3 percentage points"),
        (0.5, "probability", True, "+50 pp"),
    ],
)
def test_changes_have_a_sign(change: float, measure: str, short: bool, text: str) -> None:
    assert change_text(change, measure, short=short) == text  # type: ignore[arg-type]


def agreeing(lines: list[Line]) -> str:
    return estimates_text(
        lines, [NAN if one.estimated is None else spearman(one.estimated, one.exact) for one in lines]
    )


def test_how_well_estimates_agree() -> None:
    close = line([-3.0, 1.0, 2.0], [-4.0, 0.9, 1.5], name="Height")
    assert agreeing([close]) == ("Ranks of estimated and exact changes agree closely for Height (Spearman’s ρ = 1.00).")
    # Of -4, 3 and -3 the first has the other sign in the estimate, the second is a third of itself.
    wrong = line([-4.0, 1.0, 3.0], [0.5, -0.1, 1.0], name="Width")
    assert agreeing([close, wrong]) == (
        "Ranks of estimated and exact changes agree closely for Height (Spearman’s ρ = 1.00), roughly for Width "
        "(Spearman’s ρ = 0.50). Of the 3 largest changes, 1 has the other sign in the estimate and 1 differs from the "
        "estimate by more than a factor of two."
    )
    backwards = agreeing([line([3.0, 2.0, 1.0], [7.0, 8.0, 9.0])])
    assert "hardly for <b>x</b> (Spearman’s ρ = −1.00)" in backwards
    assert "Of the 3 largest changes, 3 differ from the estimate by more than a factor of two." in backwards
    assert agreeing([line([3.0, NAN, 1.0], [7.0, 8.0, 9.0])]) == ""
    assert agreeing([line([0.0, 0.0, 0.0], [7.0, 8.0, 9.0])]) == ""
    assert agreeing([line([3.0, 2.0, 1.0], None)]) == ""


def test_zero_has_no_sign_on_the_axis() -> None:
    """Plotly writes a sign at 0 too where its format asks for signs."""
    for measure in ("logit", "probability"):
        axis = sweep_figure([line([-2.0, 0.5], None)], measure=measure, axis="cycles").layout.yaxis
        assert "+" not in axis.tickformat
