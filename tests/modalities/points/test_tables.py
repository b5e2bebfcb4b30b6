"""Tables of numbers: separators, headers, columns, bad lines (PCL-02, PCL-07)."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver import InputError
from perceiver.errors import AmbiguousInputError
from perceiver.modalities import get
from perceiver.modalities.points.modality import PointSample
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


PLACES = np.round(np.random.default_rng(0).random((20, 3)) * 10, 3)


def table(*columns: np.ndarray, separator: str = " ", header: str = "", comma: bool = False) -> str:
    """A table of columns as text."""
    lines = [separator.join(f"{value:.10g}" for value in row) for row in np.column_stack(columns)]
    text = "\n".join(lines)
    return f"{header}\n" * bool(header) + (text.replace(".", ",") if comma else text) + "\n"


COUNTING = {
    "counts 1, 2, 3 ...": np.arange(1, 21),
    "counts 0, 1, 2 ...": np.arange(20),
    "counts 1,001, 1,002, 1,003 ...": np.arange(1001, 1021),
    "counts 1, 2, 4 ...": np.delete(np.arange(1, 22), 2),
    "rises evenly, by about 0.1 a row": np.arange(20) * 0.1 + 1.6e5,
    "rises evenly, by about 0.5 a row": np.arange(20) * 0.5 + 0.02 * (np.arange(20) % 4 == 3),
}


@pytest.mark.parametrize("look", COUNTING)
def test_a_column_that_may_be_a_number_or_a_time_is_asked_about(look: str) -> None:
    text = table(COUNTING[look], PLACES)
    with pytest.raises(AmbiguousInputError) as caught:
        read(text)
    assert str(caught.value) == (
        f"a.csv has a first column that {look}, like the number or time of a point; say which columns are x, y and z: "
        "columns=2-3-4 or columns=1-2-3"
    )
    assert caught.value.option == "columns"
    assert caught.value.answers == {"2-3-4": "Columns 2 to 4", "1-2-3": "Columns 1 to 3"}
    chosen = read_cloud(text.encode(), "a.csv", 1000, (1, 2, 3))
    assert np.array_equal(chosen.points, PLACES)
    assert chosen.notes == ("took columns 2 to 4 as x, y, z and left out column 1",)
    with pytest.raises(AmbiguousInputError, match="second column that counts"):
        read(table(PLACES[:, :1], np.arange(20), PLACES[:, 1:]))


@pytest.mark.parametrize(
    "columns",
    [
        (PLACES, np.arange(20)),  # behind x, y, z
        (np.sort(PLACES, axis=0), PLACES[:, 0]),  # sorted along x
        (np.repeat(np.arange(5), 4), np.tile(np.arange(4), 5), PLACES[:, :2]),  # rows of a raster
        (np.round(np.arange(20)[::-1] * 0.37 % 1, 2), PLACES),
    ],
)
def test_other_columns_are_not_asked_about(columns: tuple[np.ndarray, ...]) -> None:
    assert np.array_equal(read(table(*columns)).points, np.column_stack(columns)[:, :3])


def test_of_three_columns_none_can_be_another() -> None:
    cloud = read(table(np.arange(1, 21), PLACES[:, :2]))
    assert cloud.notes == ("took its first column, which counts 1, 2, 3 ..., as x",)
    assert cloud.points[:, 0].tolist() == list(range(1, 21))


@pytest.mark.parametrize(
    ("header", "separator", "comma"),
    [
        ("id,x,y,z", ",", False),
        ("Point No;X [m];Y [m];Z [m]", ";", False),
        ("Nr;X (m);Y (m);Z (m)", ";", True),
        ("id\teasting\tnorthing\televation", "\t", False),
        ("ID Easting Northing Height", " ", False),
        ("# nr E N H", " ", False),
        ("t,pos_x,pos_y,pos_z", ",", False),
        ("timestamp;x_coord;y_coord;z_coord", ";", True),
        ("n,X,Y,Z", ",", False),  # not the northing
        ("a survey of a house\nnr,x,y,z\n,m,m,m", ",", False),
        ("survey\nnr x y z\n- m m m", " ", False),
    ],
)
def test_names_place_the_columns_of_a_survey(header: str, separator: str, comma: bool) -> None:
    cloud = read(table(np.arange(1, 21), PLACES, separator=separator, header=header, comma=comma))
    assert np.array_equal(cloud.points, PLACES)
    assert cloud.columns is not None
    assert cloud.columns.places == (1, 2, 3)
    assert any("as the names of its columns" in note for note in cloud.notes)
    assert any(note.startswith("left out its field ") for note in cloud.notes)


def test_a_surveyors_order_is_kept_by_names_alone() -> None:
    cloud = read(table(np.arange(1, 21), PLACES[:, [1, 0, 2]], header="P,N,E,Z".replace(",", " ")))
    assert np.array_equal(cloud.points, PLACES)
    assert "took column 3 (e), column 2 (n) and column 4 (z) as x, y and z" in cloud.notes


@pytest.mark.parametrize(
    ("header", "answer"),
    [("id,lat,lon,alt", "3-2-4"), ("time,Longitude [°],Latitude [°],Height [m]", "2-3-4"), ("no,lat,long,z", "3-2-4")],
)
def test_longitudes_and_latitudes_are_no_lengths(header: str, answer: str) -> None:
    data = table(np.arange(1, 21), PLACES, header=header, separator=",")
    with pytest.raises(
        AmbiguousInputError, match=rf"longitudes and latitudes, which are angles.*columns={answer}$"
    ) as asked:
        read(data)
    assert (asked.value.option, list(asked.value.answers)) == ("columns", [answer])
    chosen = tuple(int(column) - 1 for column in answer.split("-"))
    longitudes, latitudes = (PLACES[:, column - 1] for column in chosen[:2])
    cloud = read_cloud(data.encode(), "a.csv", 1000, chosen)  # type: ignore[arg-type]
    assert np.array_equal(cloud.points, np.stack([longitudes, latitudes, PLACES[:, 2]], axis=1))
    with pytest.raises(InputError, match="no third coordinate"):
        read(table(np.arange(1, 21), PLACES[:, :2], header="id,lat,lon", separator=","))


def test_words_above_the_numbers_are_shown_as_they_are_written() -> None:
    cloud = read_cloud(table(PLACES, header="Rechtswert;Hochwert;Höhe", separator=";").encode(), "a.csv", 1000, None)
    assert "passed over 'Rechtswert;Hochwert;Höhe' above its numbers" in cloud.notes
    with pytest.raises(InputError, match="line 22 is 'Höhe 1 2', not 3 numbers"):
        read_cloud((table(PLACES) + "\nHöhe 1 2\n").encode(), "a.xyz", 1000, None)


def test_a_name_that_is_no_place_is_asked_about_though_it_does_not_rise() -> None:
    numbers = np.random.default_rng(1).permutation(20)
    for word in ("id", "Point_Nr", "time", "GPS_time"):
        with pytest.raises(AmbiguousInputError, match=f"first column that is called '{word.lower()}'"):
            read(table(numbers, PLACES, header=f"{word} a b c"))


def test_chosen_columns_come_before_names_and_bring_colours() -> None:
    colours = np.random.default_rng(2).integers(0, 256, (20, 3))
    data = table(np.arange(1, 21), PLACES, colours).encode()
    cloud = read_cloud(data, "a.csv", 1000, (1, 2, 3))
    assert cloud.colours is not None
    assert np.array_equal(cloud.colours, colours)
    assert cloud.notes == ("took columns 2 to 4 as x, y, z and columns 5 to 7 as red, green, blue; left out column 1",)
    named = table(PLACES, PLACES[:, ::-1], colours, header="x,y,z,u,v,w,r,g,b", separator=",").encode()
    cloud = read_cloud(named, "a.csv", 1000, (3, 4, 5))
    assert np.array_equal(cloud.points, PLACES[:, ::-1])
    assert cloud.colours is not None
    assert np.array_equal(cloud.colours, colours)
    assert "took column 4 (u), column 5 (v) and column 6 (w) as x, y and z" in cloud.notes


def test_columns_are_chosen_by_the_reading_option() -> None:
    data = table(np.arange(1, 21), PLACES).encode()
    for value in ("2-3-4", "2,3,4"):
        sample = get("points").read(data, "a.csv", shape=(20,), preprocess={}, options={"columns": value})
        assert isinstance(sample, PointSample)
        assert np.abs(get("points").places(sample)["points"] - PLACES).max() < 1e-6
        assert (sample.columns, sample.column_places) == (("", "", "", ""), (1, 2, 3))
    for value, cause in (
        ("2-3-9", "a.csv has 4 columns, so there is no column 9 to take"),
        ("2-3-3", "columns cannot be 2-3-3; x, y and z are three different columns"),
        ("0-1-2", "columns cannot be '0-1-2'; it is auto or X-Y-Z"),
        ("x-y-z", "columns cannot be 'x-y-z'; it is auto or X-Y-Z"),
    ):
        with pytest.raises(InputError, match=cause):
            get("points").read(data, "a.csv", shape=(20,), preprocess={}, options={"columns": value})
    with pytest.raises(InputError, match=r"a\.obj is an OBJ mesh, which has no columns to choose"):
        get("points").read(b"v 0 0 0\n", "a.obj", shape=(20,), preprocess={}, options={"columns": "1-2-3"})


def test_columns_of_words_are_passed_over() -> None:
    """Codes behind the places, dates and times before them; columns keep their numbers."""
    rows = [f"{i},{x},{y},{z},corner {i} of 20" for i, (x, y, z) in enumerate(PLACES.tolist(), 1)]
    with pytest.raises(AmbiguousInputError, match="columns=2-3-4 or columns=1-2-3"):
        read("\n".join(rows))
    cloud = read_cloud("\n".join(rows).encode(), "a.csv", 1000, (1, 2, 3))
    assert np.array_equal(cloud.points, PLACES)
    assert cloud.notes == ("took columns 2 to 4 as x, y, z and left out columns 1, 5",)
    named = read("\n".join(["Nr,Easting,Northing,Height,Code", *rows]))
    assert np.array_equal(named.points, PLACES)
    assert "left out its fields nr and code, as the model reads places alone" in named.notes
    dated = [f"2024-05-01;12:00:{i:02};{x};{y};{z}".replace(".", ",") for i, (x, y, z) in enumerate(PLACES.tolist())]
    cloud = read("\n".join(dated))
    assert np.array_equal(cloud.points, PLACES)
    assert "took columns 3 to 5 as x, y, z and left out columns 1 and 2" in cloud.notes
    rows[2] = rows[2].replace(",", ",x,", 1)
    with pytest.raises(InputError, match="line 3 is '3,x,"):
        read("\n".join(rows))
