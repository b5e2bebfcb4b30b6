"""Links: what is read from them, what is written, and what gives way."""

from __future__ import annotations

import dataclasses

import pytest

from app.session.state import Limits, View, fit, parse, unparse

LIMITS = Limits(models=("a", "b"), samples=("x", "y"), blocks=(0, 2), latents=8, heads=2, shape=(3, 5))
FULL = View(
    model="b", sample="y", block=2, reduce="latent", latent=7, head=1, kind="value", scale="log", show="first",
    colours="greys", laid="alone", overlay=0, pick=14,
)  # fmt: skip


@pytest.mark.parametrize("view", [View(model="a", sample="x"), FULL])
def test_a_view_survives_the_way_through_its_address(view: View) -> None:
    assert parse({name: [value] for name, value in unparse(view).items()}) == (view, [])
    assert fit(view, LIMITS) == (view, [])


def test_addresses_count_from_one_and_leave_out_defaults() -> None:
    assert unparse(View(model="a", sample="x", block=2, pick=0)) == {
        "model": "a",
        "sample": "x",
        "block": "3",
        "pick": "1",
    }


@pytest.mark.parametrize("name", ["block", "latent", "head", "pick"])
@pytest.mark.parametrize("text", ["abc", "", " ", "1.5", "0", "-1", "+1", "1_0", "１", "1e3", "9" * 101, "nan", "0x10"])
def test_what_is_no_number_from_one_is_dropped_with_a_note(name: str, text: str) -> None:
    view, notes = parse({name: [text]})
    assert view == View()
    assert len(notes) == 1


@pytest.mark.parametrize("text", ["101", "-1", "50.5", "half"])
def test_an_overlay_outside_its_bounds_is_dropped(text: str) -> None:
    assert parse({"overlay": [text]})[0].overlay == View().overlay


def test_choices_are_taken_as_they_are_spelled() -> None:
    assert parse({"scale": ["Log"]}) == (
        View(),
        ["The link gives no valid value for “scale”, so it is left at its default."],
    )


def test_the_last_of_several_values_counts() -> None:
    view, notes = parse({"block": ["1", "2"]})
    assert view.block == 1
    assert len(notes) == 1


def test_notes_never_repeat_text_of_the_link() -> None:
    given = {name: ["<script>"] for name in unparse(FULL)} | {"<b>": ["1"]}
    view, notes = parse(given)
    notes += fit(view, LIMITS)[1]
    assert notes
    assert not any("<" in note for note in notes)


def test_unknown_names_are_left_alone() -> None:
    assert parse({"utm_source": ["x"], "embed": ["true"]}) == (View(), [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"model": "c"}, {"model": "a"}),
        ({"sample": "z"}, {"sample": "x"}),
        ({"block": 1}, {"block": 0}),
        ({"block": 3}, {"block": 0}),
        ({"latent": 8}, {"latent": None}),
        ({"head": 2}, {"head": None}),
        ({"pick": 15}, {"pick": None}),
        ({"reduce": "entropy", "kind": "score"}, {"reduce": "mean", "kind": "score"}),
    ],
)
def test_what_is_not_there_gives_way_with_one_note(given: dict[str, object], expected: dict[str, object]) -> None:
    base = {"model": "b", "sample": "y"}
    view, notes = fit(View(**(base | given)), LIMITS)  # type: ignore[arg-type]
    assert view == View(**(base | expected))  # type: ignore[arg-type]
    assert len(notes) == 1


def test_nothing_chosen_is_no_mistake() -> None:
    assert fit(View(), LIMITS) == (View(model="a", sample="x"), [])


def test_an_upload_is_no_missing_sample() -> None:
    view = View(model="a", sample="sha256-" + "0" * 64)
    assert fit(view, LIMITS) == (view, [])


def test_one_map_has_no_differences() -> None:
    view, notes = fit(View(model="a", sample="x", show="first"), Limits(("a",), ("x",), (0,), 8, 1, (3, 5)))
    assert view.show == "blocks"
    assert len(notes) == 1


ASKED = View(model="b", sample="y", ablate="b1:3-16,x2,shuffle:7", target=2, against=0, others=("a",))


def test_ablation_classes_and_other_models_survive_the_way_through_an_address() -> None:
    address = unparse(ASKED)
    assert address == {
        "model": "b",
        "sample": "y",
        "ablate": "b1:3-16,x2,shuffle:7",
        "target": "3",
        "against": "1",
        "others": "a",
    }
    assert parse({name: [value] for name, value in address.items()}) == (ASKED, [])
    assert fit(ASKED, dataclasses.replace(LIMITS, classes=3, others=("a",))) == (ASKED, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [("ablate", "b0:1"), ("ablate", "<b>"), ("ablate", "b1:" + "1." * 2000), ("others", "a,,b"), ("others", "a,b,c,d")],
)
def test_what_is_no_ablation_and_no_list_of_models_is_dropped_with_a_note(name: str, text: str) -> None:
    view, notes = parse({name: [text]})
    assert view == View()
    assert len(notes) == 1


def test_classes_and_models_that_are_not_here_give_way_with_a_note() -> None:
    view, notes = fit(ASKED, dataclasses.replace(LIMITS, classes=2, others=("c",)))
    assert (view.target, view.against, view.others) == (None, 0, ())
    assert len(notes) == 2
