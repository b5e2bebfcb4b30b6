"""Tables of numbers: separators, headers, columns, bad lines (PCL-02, PCL-07)."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.points.readers import Cloud, read_cloud


def read(text: str | bytes, name: str = "a.csv") -> Cloud:
    return read_cloud(text.encode() if isinstance(text, str) else text, name, 1000)


@pytest.mark.parametrize(
    "text",
    [
        "0,0.5,0\n1,2,3\n4,5,6",
        "0 0.5 0\n1 2 3\n4 5 6\n",
        "  0   0.5 0\n\n1\t2 3\n\n\n4 5\t6   \n\n",
        "0\t0.5\t0\n1\t2\t3\n4\t5\t6\n",
        "0;0.5;0\n1;2;3\n4;5;6\n",
        "0, 0.5, 0\n1, 2, 3\n4, 5, 6\n",
        "0,0.5,0,\n1,2,3,\n4,5,6, \n",
        "0;0.5;0;\r\n1;2;3;\r\n4;5;6;\r\n",
        '"0","0.5","0"\n"1","2","3"\n"4","5","6"\n',
        "# made by hand\n0 0.5 0 # first\n1 2 3\n4 5 6\n",
        "\ufeff0,.5,0\n1.,2e0,3E+0\n+4,5,6\n",
    ],
)
def test_finds_the_separator(text: str) -> None:
    for name in ("a.csv", "a.TXT", "a.xyz", "a.pts", "a.asc"):
        cloud = read(text, name)
        assert cloud.points.tolist() == [[0, 0.5, 0], [1, 2, 3], [4, 5, 6]]
        assert cloud.notes == ()


def test_reads_other_encodings() -> None:
    assert read("0 1 2\n3 4 5\n".encode("utf-16")).points.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("text", ["0,5 1,5 2,5\n1 2 3,25\n", "0,5;1,5;2,5\n1;2;3,25\n", "0,5\t1,5\t2,5\n1\t2\t3,25\n"])
def test_reads_decimal_commas_and_says_so(text: str) -> None:
    cloud = read(text)
    assert cloud.points.tolist() == [[0.5, 1.5, 2.5], [1, 2, 3.25]]
    assert cloud.notes == ("read its commas as decimal points",)


@pytest.mark.parametrize(
    "header", ["x y z", "x,y,z", "X;Y;Z", "//X Y Z", "# x y z", '"x" "y" "z"', "x [m],y [m],z [m]"]
)
def test_a_header_is_neither_a_point_nor_skipped_in_silence(header: str) -> None:
    cloud = read(f"{header}\n0 1 2\n3 4 5\n")
    assert cloud.points.tolist() == [[0, 1, 2], [3, 4, 5]]
    (note,) = cloud.notes
    assert "as the names of its columns" in note


def test_names_say_which_columns_are_which() -> None:
    cloud = read("id,Z,X,Y,intensity,R,G,B\n1,30,10,20,0.5,255,0,9\n2,31,11,21,0.6,1,2,3\n")
    assert cloud.points.tolist() == [[10, 20, 30], [11, 21, 31]]
    assert cloud.colours is not None
    assert cloud.colours.tolist() == [[255, 0, 9], [1, 2, 3]]
    assert cloud.notes[1:] == (
        "took its colours as numbers from 0 to 255",
        "left out its fields id and intensity, as the model reads places alone",
    )
    bright = read("x y z r g b\n0 0 0 1.0 0.2 0\n1 1 1 0.4 0 0\n")
    assert bright.colours is not None
    assert bright.colours.tolist() == [[255, 51, 0], [102, 0, 0]]


def test_words_above_the_numbers_are_passed_over_with_a_note() -> None:
    assert read("a scan of a chair\n0 1 2\n").notes == ("passed over 'a scan of a chair' above its numbers",)


@pytest.mark.parametrize(
    ("row", "colours", "note"),
    [
        ("7 8 9 0.5", None, "left out column 4"),
        ("7 8 9 200 100 50", [200, 100, 50], "columns 4 to 6 as red, green, blue"),
        ("7 8 9 0.6 0 0.8", None, "left out columns 4 to 6"),
        ("7 8 9 -12 200 100 50", [200, 100, 50], "columns 5 to 7 as red, green, blue; left out column 4"),
        ("7 8 9 200 100 50 1000", [200, 100, 50], "columns 4 to 6 as red, green, blue; left out column 7"),
        ("7 8 9 1 0 1", None, "left out columns 4 to 6"),
        ("7 8 9 1.5 2.5", None, "left out columns 4 and 5"),
        ("7 8 9 200 100 50 0.1 0.2 0.9", [200, 100, 50], "left out columns 7 to 9"),
    ],
)
def test_says_what_it_took_the_columns_for(row: str, colours: list[int] | None, note: str) -> None:
    cloud = read(f"{row}\n{row}\n")
    assert cloud.points.tolist() == [[7, 8, 9]] * 2
    assert (None if cloud.colours is None else cloud.colours[0].tolist()) == colours
    assert cloud.notes[0].startswith("took columns 1 to 3 as x, y, z")
    assert note in cloud.notes[0]


def test_a_count_is_not_a_point() -> None:
    cloud = read("2\n0 1 2\n3 4 5\n", "a.pts")
    assert cloud.points.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert cloud.notes == ()
    assert read("9\n0 1 2\n3 4 5\n", "a.pts").notes == ("its first line promises 9 points; 2 follow",)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("0 0 0\n1 1 x\n\n2 2\n3 3 3\n", "line 2 is '1 1 x', not 3 numbers; so is line 4"),
        ("1,2,3\n1,2,3,4\n", "line 2 is '1,2,3,4', not 3 numbers separated by commas"),
        ("x;y;z\n1;2;3\n;2;3\n", "line 3 is ';2;3', not 3 numbers separated by semicolons"),
        ("1 2 3\n" + "a b c\n" * 9, "line 2 is 'a b c', not 3 numbers; so are lines 3, 4 and 6 more"),
        ("1 2 3\n1_0 2 3\n", "line 2 is '1_0 2 3'"),
        ("1.5 2 3\n1,234.5 2 3\n", "line 2"),
        ("1 2\n3 4\n", "no row of at least three numbers"),
        ("3\nwater\nO 0 0 0\nH 0 0 1\nH 0 1 0\n", "no row of at least three numbers"),
        ("0 0 0\n" * 1001, "holds 1,002 lines; at most 1,000 are read"),
        ("0 0 0\n" + "1" * 20_000, "a line of 20,000 characters"),
    ],
)
def test_says_which_lines_are_wrong(text: str, cause: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert cause in str(caught.value)
    assert str(caught.value).startswith("a.csv ")


def test_prose_is_a_text_file_whatever_it_is_called() -> None:
    with pytest.raises(InputError, match=r"a\.txt is a text file, not a point cloud or a mesh"):
        read("Not found: 404\n", "a.txt")


def test_numbers_that_are_none_are_kept_for_later() -> None:
    cloud = read("nan nan nan\n1 2 3\ninf 0 -inf\n")
    assert np.isfinite(cloud.points).all(axis=1).tolist() == [False, True, False]
