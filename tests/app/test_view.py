"""Links: what is read from them, what is written, and what gives way."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.session.fields import declarations, fit
from app.session.rules import Limits
from app.session.view import (
    COMPARED,
    DEFAULTS,
    EXPLAINED,
    FIELDS,
    PAGES,
    SURVEYED,
    AblateView,
    CompareView,
    ExplainView,
    ExploreView,
    View,
    parse,
    unparse,
)

LIMITS = Limits(models=("a", "b"), samples=("x", "y"), blocks=(0, 2), latents=8, heads=2, shape=(3, 5))
FULL = ExploreView(
    model="b", sample="y", block=2, reduce="latent", latent=7, head=1, kind="value", scale="log", show="first",
    colours="greys", laid="alone", overlay=0, pick=14,
)  # fmt: skip

ADDRESSES: list[tuple[str, dict[str, Any]]] = [
    ("model=audio-raw", {"model": "audio-raw"}),
    (
        "model=image-learned&sample=lamp-1&block=3&reduce=latent&latent=4&head=2&scale=uniform&pick=41",
        {
            "model": "image-learned", "sample": "lamp-1", "block": 2, "reduce": "latent", "latent": 3, "head": 1,
            "scale": "uniform", "pick": 40,
        },
    ),
    (
        "model=image-fourier&ablate=b1:1.4,b2:1.4,mean&target=2&curve=cumulative&shuffle=blocks&side=4&seed=7",
        {
            "model": "image-fourier", "ablate": "b1:1.4,b2:1.4,mean", "target": 1, "curve": "cumulative",
            "shuffle": "blocks", "side": 4, "seed": 7,
        },
    ),
    ("ablate=all,shuffle:1&measure=probability", {"ablate": "all,shuffle:1", "measure": "probability"}),
    (
        "model=image-fourier&sample=bed_cot-0&block=3&scale=per_map&others=image-learned,image-coordinates&band=3",
        {
            "model": "image-fourier", "sample": "bed_cot-0", "block": 2, "scale": "per_map",
            "others": ("image-learned", "image-coordinates"), "band": 2,
        },
    ),
    (
        "by=integrated_gradients&target=1&against=3&method=rollout&part=2&groups=3&group=2",
        {
            "by": "integrated_gradients", "target": 0, "against": 2, "method": "rollout", "part": 1, "groups": 3,
            "group": 1,
        },
    ),
    (
        "model=someone/perceiver@v1;cross_heads=8&sample=lamp-1&colours=greys&laid=alone&overlay=0",
        {
            "model": "someone/perceiver@v1;cross_heads=8", "sample": "lamp-1", "colours": "greys", "laid": "alone",
            "overlay": 0,
        },
    ),
    (
        f"sample=sha256-{'0' * 64}&read=start:2.25&show=first&kind=value",
        {"sample": f"sha256-{'0' * 64}", "read": (("start", "2.25"),), "show": "first", "kind": "value"},
    ),
    ("read=draw:farthest,seed:1,up:z", {"read": (("draw", "farthest"), ("seed", "1"), ("up", "z"))}),
]  # fmt: skip
"""Addresses that were copied before there was a view for each page, and what they mean."""


def address(view: View) -> dict[str, str]:
    return unparse(DEFAULTS | dataclasses.asdict(view))


def given(**values: object) -> View:
    """The view of the page that has these fields."""
    page = next(page for page in PAGES if values.keys() <= declarations(page).keys())
    return page(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("link", "expected"), ADDRESSES, ids=[link[:40] for link, _ in ADDRESSES])
def test_old_addresses_mean_what_they_meant(link: str, expected: dict[str, object]) -> None:
    params = parse_qs(link)
    values, notes = parse(params)
    assert {name: value for name, value in values.items() if value != DEFAULTS[name]} == expected
    assert notes == []
    assert unparse(values) == {name: value for name, (value,) in params.items()}


def test_pages_that_share_a_field_share_its_declaration() -> None:
    fields = {page: declarations(page) for page in PAGES}
    assert set(FIELDS) == set(DEFAULTS) == set().union(*fields.values())
    assert all(found[name] is FIELDS[name] for found in fields.values() for name in found)
    assert Counter(name for found in fields.values() for name in found)["target"] == 2


@pytest.mark.parametrize("view", [ExploreView(model="a", sample="x"), FULL])
def test_a_view_survives_the_way_through_its_address(view: ExploreView) -> None:
    values, notes = parse({name: [value] for name, value in address(view).items()})
    assert (values, notes) == (DEFAULTS | dataclasses.asdict(view), [])
    assert fit(view, LIMITS) == (view, [])


def test_addresses_count_from_one_and_leave_out_defaults() -> None:
    assert address(View(model="a", sample="x", block=2, pick=0)) == {
        "model": "a",
        "sample": "x",
        "block": "3",
        "pick": "1",
    }


@pytest.mark.parametrize("name", ["block", "latent", "head", "pick"])
@pytest.mark.parametrize("text", ["abc", "", " ", "1.5", "0", "-1", "+1", "1_0", "１", "1e3", "9" * 101, "nan", "0x10"])
def test_what_is_no_number_from_one_is_dropped_with_a_note(name: str, text: str) -> None:
    values, notes = parse({name: [text]})
    assert values == DEFAULTS
    assert len(notes) == 1


@pytest.mark.parametrize("text", ["101", "-1", "50.5", "half"])
def test_an_overlay_outside_its_bounds_is_dropped(text: str) -> None:
    assert parse({"overlay": [text]})[0]["overlay"] == DEFAULTS["overlay"]


def test_choices_are_taken_as_they_are_spelled() -> None:
    assert parse({"scale": ["Log"]}) == (
        DEFAULTS,
        ["The link gives no valid value for “scale”, so it is left at its default."],
    )


def test_the_last_of_several_values_counts() -> None:
    values, notes = parse({"block": ["1", "2"]})
    assert values["block"] == 1
    assert len(notes) == 1


@pytest.mark.parametrize("page", PAGES)
def test_notes_never_repeat_text_of_the_link(page: type[View]) -> None:
    values, notes = parse({name: ["<script>"] for name in FIELDS} | {"<b>": ["1"]})
    view = page(**{name: values[name] for name in declarations(page)})
    notes += fit(view, LIMITS)[1]
    assert notes
    assert not any("<" in note for note in notes)


@pytest.mark.parametrize("text", ["nothing", "methods,", "tartan,block", "tartan,tartan", "latents;maps"])
def test_sections_are_of_each_page_one_at_most(text: str) -> None:
    assert parse({"section": ["latents,tartan,maps"]}) == (DEFAULTS | {"section": "latents,tartan,maps"}, [])
    values, notes = parse({"section": [text]})
    assert (values, len(notes)) == (DEFAULTS, 1)
    every = [*EXPLAINED, *COMPARED, *SURVEYED]
    assert len(every) == len(set(every))


def test_unknown_names_are_left_alone() -> None:
    assert parse({"utm_source": ["x"], "embed": ["true"]}) == (DEFAULTS, [])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"model": "c"}, {"model": "a"}),
        ({"sample": "z"}, {"sample": "x"}),
        ({"block": 1}, {"block": 0}),
        ({"block": 3}, {"block": 0}),
        ({"latent": 8}, {"latent": None}),
        ({"head": 2}, {"head": None}),
        ({"pick": 15}, {"pick": None}),
        ({"reduce": "entropy", "kind": "score"}, {"reduce": "mean", "kind": "score"}),
        ({"part": 1}, {"part": None}),
        ({"group": 4}, {"group": None}),
    ],
)
def test_what_is_not_there_gives_way_with_one_note(values: dict[str, object], expected: dict[str, object]) -> None:
    base = {"model": "b", "sample": "y"}
    view, notes = fit(given(**(base | values)), LIMITS)
    assert view == given(**(base | expected))
    assert len(notes) == 1


def test_nothing_chosen_is_no_mistake() -> None:
    assert fit(View(), LIMITS) == (View(model="a", sample="x"), [])


def test_an_upload_is_no_missing_sample() -> None:
    view = View(model="a", sample="sha256-" + "0" * 64)
    assert fit(view, LIMITS) == (view, [])


def test_one_map_has_no_differences() -> None:
    view, notes = fit(ExploreView(model="a", sample="x", show="first"), Limits(("a",), ("x",), (0,), 8, 1, (3, 5)))
    assert view.show == "blocks"
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            AblateView(model="b", sample="y", ablate="b1:3-16,x2,shuffle:7", target=2),
            {"ablate": "b1:3-16,x2,shuffle:7", "target": "3"},
        ),
        (ExplainView(model="b", sample="y", target=2, against=0), {"target": "3", "against": "1"}),
        (CompareView(model="b", sample="y", others=("a",)), {"others": "a"}),
    ],
)  # fmt: skip
def test_ablation_classes_and_other_models_survive_the_way_through_an_address(
    view: View, expected: dict[str, str]
) -> None:
    assert address(view) == {"model": "b", "sample": "y"} | expected
    values, notes = parse({name: [value] for name, value in address(view).items()})
    assert (values, notes) == (DEFAULTS | dataclasses.asdict(view), [])
    assert fit(view, dataclasses.replace(LIMITS, classes=3, others=("a",))) == (view, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [("ablate", "b0:1"), ("ablate", "<b>"), ("ablate", "b1:" + "1." * 2000), ("others", "a,,b"), ("others", "a,b,c,d")],
)
def test_what_is_no_ablation_and_no_list_of_models_is_dropped_with_a_note(name: str, text: str) -> None:
    values, notes = parse({name: [text]})
    assert values == DEFAULTS
    assert len(notes) == 1


def test_classes_and_models_that_are_not_here_give_way_with_a_note() -> None:
    limits = dataclasses.replace(LIMITS, classes=2, others=("c",))
    explained, notes = fit(ExplainView(model="b", sample="y", target=2, against=0), limits)
    assert (explained.target, explained.against, len(notes)) == (None, 0, 1)
    compared, notes = fit(CompareView(model="b", sample="y", others=("a",)), limits)
    assert (compared.others, len(notes)) == ((), 1)
