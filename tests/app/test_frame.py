"""The bytes that travel to the components."""

from __future__ import annotations

import numpy as np
import pytest

from app.components.frame import ASSETS, asset, pack
from tests.app.frames import unpack


def test_arrays_and_words_arrive_as_they_left() -> None:
    bytes_, floats = np.arange(5, dtype=np.uint8), np.float32([[1.5, -2.0], [np.inf, 0.0]])
    frame = unpack(pack({"label": "“ü” </script>", "pick": None}, a=bytes_, b=floats))
    assert frame.meta == {"label": "“ü” </script>", "pick": None}
    np.testing.assert_array_equal(frame.arrays["a"], bytes_)
    np.testing.assert_array_equal(frame.arrays["b"], floats.ravel())


@pytest.mark.parametrize("words", ["", "a", "ab", "abc", "abcd"])
def test_every_array_starts_at_a_multiple_of_four(words: str) -> None:
    data = pack({"w": words}, a=np.zeros(3, np.uint8), b=np.float32([7.0]))
    assert len(data) % 4 == 0
    assert data[-4:] == np.float32(7.0).tobytes()


def test_transposed_arrays_are_sent_in_reading_order() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    np.testing.assert_array_equal(unpack(pack({}, a=array)).arrays["a"], [0, 3, 1, 4, 2, 5])


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="values is float64"):
        pack({}, values=np.zeros(2))


@pytest.mark.parametrize("name", sorted(path.name for path in ASSETS.glob("*.js")))
def test_no_script_builds_markup_from_data(name: str) -> None:
    script = asset(name)
    assert not any(
        word in script for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
    )
