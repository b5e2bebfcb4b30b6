"""The look of figures, and colours for colour-blind readers.

Colour blindness is simulated with the matrices of Machado, Oliveira and Fernandes (2009) at full severity, which apply
to linear RGB; differences are Euclidean distances in CIE L*a*b* (CIE 1976), where about 2.3 can just be noticed.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from perceiver.plots import colour, encodings, explanations, style, sweep, timeline

READERS = {
    "all colours": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def seen(colours: np.ndarray, reader: str) -> np.ndarray:
    """L*a*b* of 8-bit sRGB colours as a reader sees them."""
    part = np.asarray(colours, float) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    scaled = np.clip(linear @ READERS[reader].T, 0, 1) @ XYZ.T / WHITE
    f = np.where(scaled > (6 / 29) ** 3, np.cbrt(scaled), scaled / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def test_the_simulation_turns_red_and_green_alike_and_leaves_grey() -> None:
    """The naive check of the matrices: greys keep their L*, and a red and a green of a deuteranope's confusion line
    come much closer than they are for others."""
    grey = seen(np.array([128, 128, 128]), "deuteranopia")
    assert grey == pytest.approx([53.585, 0, 0], abs=0.1)
    pair = np.array([[200, 80, 60], [120, 130, 60]])
    apart = {reader: np.linalg.norm(np.subtract(*seen(pair, reader))) for reader in READERS}
    assert apart["deuteranopia"] < 0.5 * apart["all colours"]


@pytest.mark.parametrize("reader", READERS)
class TestColourBlindReaders:
    @pytest.mark.parametrize("name", colour.SEQUENTIAL)
    def test_more_is_always_lighter_or_always_darker(self, name: str, reader: str) -> None:
        """Over steps of 1/32 of the scale lightness changes one way, by as much as can be noticed."""
        lightness = seen(colour.table(name)[np.r_[0:256:8, 255]], reader)[:, 0]
        steps = np.diff(lightness)[:-1]  # the last one is shorter
        assert (steps > 0.5).all() or (steps < -0.5).all()
        assert abs(lightness[-1] - lightness[0]) > 70

    @pytest.mark.parametrize("name", colour.DIVERGING)
    def test_more_and_less_differ(self, name: str, reader: str) -> None:
        """Values of one size and opposite sign, and each of them and no difference."""
        table = seen(colour.table(name), reader)
        outer = range(96)
        assert min(np.linalg.norm(table[i] - table[255 - i]) for i in outer) > 20
        assert min(np.linalg.norm(table[i] - table[128]) for i in (*outer, *(255 - i for i in outer))) > 10

    def test_the_two_accents_differ(self, reader: str) -> None:
        both = seen(np.stack([rgb(style.ACCENT), rgb(style.CONTRAST)]), reader)
        assert np.linalg.norm(both[0] - both[1]) > 60


@pytest.mark.parametrize(
    "styles", [explanations.STYLES.values(), sweep.STYLES, timeline.STYLES, encodings.AXIS_STYLES], ids=range(4)
)
def test_curves_differ_by_more_than_hue(styles: list[tuple[str, ...]]) -> None:
    """Two curves of a figure differ in dash or symbol, or in a colour that everyone sees."""
    for one, other in combinations(styles, 2):
        if one[1:] == other[1:]:
            both = np.stack([rgb(one[0]), rgb(other[0])])
            assert all(np.linalg.norm(np.subtract(*seen(both, reader))) > 15 for reader in READERS), (one, other)


class TestStyled:
    def test_nothing_is_smaller_than_thirteen_pixels(self) -> None:
        """A theme may write its own sizes into the template: those of the figure stay."""
        figure = style.styled(go.Figure(go.Scatter(x=[1, 2], y=[1, 2])), height=200)
        figure.update_layout(template={"layout": {"font": {"size": 9}, "xaxis": {"tickfont": {"size": 9}}}})
        layout = figure.layout
        sizes = (
            layout.font.size,
            layout.legend.font.size,
            layout.hoverlabel.font.size,
            *(getattr(axis, part).size for axis in (layout.xaxis, layout.yaxis) for part in ("tickfont",)),
            *(axis.title.font.size for axis in (layout.xaxis, layout.yaxis)),
        )
        assert set(sizes) == {13}

    def test_one_template(self) -> None:
        figure = style.styled(go.Figure(), height=123, right=24, top=8, legend=False)
        assert figure.layout.template == style.TEMPLATE
        assert figure.layout.height == 123
        assert figure.layout.margin.to_plotly_json() == {"l": 4, "r": 24, "t": 8, "b": 4}
        assert not figure.layout.showlegend
