"""Columns of a table: which of them are x, y and z, by their names or as chosen, and what the others are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from ....errors import AmbiguousInputError, InputError, OptionError
from .cloud import Cloud, Columns
from .fields import Field, cloud_from_fields, colours_to_bytes

Places = tuple[int, int, int]
"""The columns that are x, y and z, from 0."""

_AXES = ("x", "y", "z")
_FIRST: Places = (0, 1, 2)
_ORDINALS = ("first", "second", "third")
# "pos_x", "x_coord", "X m", but neither "nx", a normal, nor "x_intensity".
_AXIS = re.compile(
    r"(?:point|pos|position|coord|coordinate|scan)?[ _.-]?([xyz])[ _.-]?(?:pos|position|coord|coordinate|k?m|[cm]m|ft)?"
)
_SURVEY = {
    "x": ("easting", "eastings", "east", "e"),
    "y": ("northing", "northings", "north", "n"),
    "z": ("elevation", "elev", "height", "altitude", "alt", "h"),
}
_ANGLES = {"longitude": r"lon|lng|long|longitude", "latitude": r"lat|latitude"}
_NO_PLACE = re.compile(
    r"(?:point|pt|p|row)?[ _.-]?(?:id|no|nr|num|number|index|idx|#)|point|name|frame"
    r"|t|s|sec|seconds|(?:gps|unix)?[ _.-]?(?:time|stamp|timestamp)s?"
)

# Rows that are needed to tell whether a column rises evenly, how even its steps have to be, and how many of them.
_LEAST_ROWS = 4
_EVEN, _SHARE = 0.25, 0.9

# Where red, green and blue may begin behind x y z, by the columns there: at once, or behind an intensity, as in PTS.
_COLOURS_AT = {3: (0,), 4: (1, 0)}
_COLOURS_AT_MORE = (0, 1)


def chosen_places(text: str) -> Places | None:
    """The columns that the reading option names, "2-3-4"; None where it leaves them open.

    Raises InputError where one column is named twice.
    """
    if text == "auto":
        return None
    x, y, z = (int(number) - 1 for number in re.split("[-,]", text))
    if len({x, y, z}) < 3:
        raise OptionError(f"columns cannot be {text}; x, y and z are three different columns")
    return x, y, z


def named_places(names: Sequence[str]) -> Places | None:
    """The columns that are x, y and z by the names of all columns in lower case; None where one of them is missing.

    A name that is an axis comes first, then one with more to it ("pos_x"), then a surveyor's word ("easting").
    """
    found = []
    for axis in _AXES:
        plain = [i for i, word in enumerate(names) if word == axis]
        longer = [i for i, word in enumerate(names) if (match := _AXIS.fullmatch(word)) and match[1] == axis]
        survey = [i for word in _SURVEY[axis] for i, name in enumerate(names) if name == word]
        found += [*plain, *longer, *survey][:1]
    return (found[0], found[1], found[2]) if len(found) == 3 else None


def cloud_from_columns(
    table: Float64[np.ndarray, "n columns"], name: str, chosen: Places | None = None, names: Sequence[str] = ()
) -> Cloud:
    """The cloud of a table of three or more columns: x, y and z as chosen, by name, or first.

    chosen  the columns that are x, y and z, whatever their names are
    names   of all columns, in lower case; none where the file has none

    A note says what was taken for what where that is not plain. Raises AmbiguousInputError where one of the first three
    columns looks like the number or the time of a point, and for longitudes and latitudes; InputError for columns that
    do not exist.
    """
    count = table.shape[1]
    if chosen is not None and max(chosen) >= count:
        raise InputError(f"{name} has {count} columns, so there is no column {max(chosen) + 1} to take")
    places = chosen or named_places(names)
    notes: tuple[str, ...] = ()
    if places is None:
        _refuse_angles(name, names)
        numbers = [i for i in range(count) if not np.isnan(table[:, i]).all()]
        numbers = numbers if len(numbers) >= 3 else list(range(count))
        places = (numbers[0], numbers[1], numbers[2])
        notes = _look(table, name, names, numbers)
    columns = Columns(tuple(names) or ("",) * count, places)
    if names and (chosen or named_places(names)):
        cloud = _cloud_of_names(table, name, names, places)
        if chosen or [names[i] for i in places] != list(_AXES):
            words = [f"column {i + 1} ({names[i]})" for i in places]
            notes = (f"took {words[0]}, {words[1]} and {words[2]} as x, y and z",)
    else:
        cloud = _cloud_of_numbers(table, places, plain=places == _FIRST)
    return Cloud(cloud.points, cloud.colours, notes=(*notes, *cloud.notes), columns=columns)


def _cloud_of_names(table: Float64[np.ndarray, "n columns"], name: str, names: Sequence[str], places: Places) -> Cloud:
    # A name that is taken for a column of another name would be found twice.
    words = [f"{word} " if word in _AXES else word for word in names]
    for axis, column in zip(_AXES, places, strict=True):
        words[column] = axis
    return cloud_from_fields([Field(word, table[:, i]) for i, word in enumerate(words)], name)


def _cloud_of_numbers(table: Float64[np.ndarray, "n columns"], places: Places, plain: bool) -> Cloud:
    """The cloud of columns without names: colours behind x, y and z if there are integers in their range."""
    points = np.ascontiguousarray(table[:, places])
    count = table.shape[1]
    if count == 3 and plain:
        return Cloud(points)
    behind = max(places) + 1
    room = count - behind
    candidates = _COLOURS_AT.get(room, _COLOURS_AT_MORE if room > 4 else ())
    start = next((behind + at for at in candidates if _look_like_bytes(table[:, behind + at :][:, :3])), None)
    said = f"took {_span(list(places))} as x, y, z"
    colours = None
    if start is not None:
        colours, _ = colours_to_bytes(table[:, start : start + 3], np.dtype(np.uint8))
        said += f" and columns {start + 1} to {start + 3} as red, green, blue"
    taken = {*places, *(range(start, start + 3) if start is not None else ())}
    rest = [column for column in range(count) if column not in taken]
    if rest:
        said += f"{'; ' if start is not None else ' and '}left out {_span(rest)}"
    return Cloud(points, colours, notes=(said,))


def _refuse_angles(name: str, names: Sequence[str]) -> None:
    """Raises AmbiguousInputError for columns of longitude and latitude, which are angles beside a height in metres."""
    found = []
    for words in _ANGLES.values():
        named = re.compile(rf"(?:{words})(?:[ _.-]?deg(?:rees)?)?")
        found += [i for i, word in enumerate(names) if named.fullmatch(word)][:1]
    if len(found) < len(_ANGLES):
        return
    heights = [i for i, word in enumerate(names) if word in _SURVEY["z"] or word == "z"]
    others = [i for i, word in enumerate(names) if i not in found and not _NO_PLACE.fullmatch(word)]
    columns = [*found, *(heights or others)[:1]]
    if len(columns) < len(_AXES):
        raise InputError(f"{name} holds longitudes and latitudes, and no third coordinate")
    answer = "-".join(str(i + 1) for i in columns)
    raise AmbiguousInputError(
        f"{name} holds longitudes and latitudes, which are angles: save it in metres, such as UTM, or read the angles "
        f"as lengths, which distorts it: columns={answer}",
        "columns",
        {answer: "Longitude, latitude and height as they are"},
    )


def _look(
    table: Float64[np.ndarray, "n columns"], name: str, names: Sequence[str], numbers: Sequence[int]
) -> tuple[str, ...]:
    """A note on columns among the first three that may be something else; `numbers` are those that hold any.

    Raises AmbiguousInputError where other columns can take their place.
    """
    looks = {}
    for column in numbers[:3]:
        if names and _NO_PLACE.fullmatch(names[column]):
            looks[column] = f"is called {names[column]!r}"
        elif rise := _rise(table[:, column]):
            looks[column] = rise
    if not looks:
        return ()
    column, look = next(iter(looks.items()))
    which = _ORDINALS[column] if column < 3 else f"{column + 1}th"
    if len(numbers) == 3:
        return (f"took its {which} column, which {look}, as {_AXES[numbers.index(column)]}",)
    others = [i for i in numbers if i not in looks][:3]
    sets = [others] if len(others) == 3 else []
    answers = {"-".join(str(i + 1) for i in one): _span(one).capitalize() for one in [*sets, list(numbers[:3])]}
    raise AmbiguousInputError(
        f"{name} has a {which} column that {look}, like the number or time of a point; say which columns "
        f"are x, y and z: {' or '.join(f'columns={value}' for value in answers)}",
        "columns",
        answers,
    )


def _rise(column: Float64[np.ndarray, "n"]) -> str:
    """How a column rises, if its steps are even: "counts 1, 2, 3 ..."; empty if they are not."""
    if len(column) < _LEAST_ROWS or not np.isfinite(column).all():
        return ""
    steps = np.diff(column)
    usual = float(np.median(steps))
    if steps.min() <= 0 or (np.abs(steps - usual) <= _EVEN * usual).mean() < _SHARE:
        return ""
    if usual == 1 and (column == np.rint(column)).all():
        return f"counts {', '.join(f'{value:,.0f}' for value in column[:3])} ..."
    return f"rises evenly, by about {usual:.3g} a row"


def _look_like_bytes(values: Float64[np.ndarray, "n 3"]) -> bool:
    # Columns of nothing but 0 and 1 are marks of some sort, not colours.
    return bool(((values >= 0) & (values <= 255) & (values == np.rint(values))).all() and values.max(initial=0) > 1)


def _span(columns: list[int]) -> str:
    numbers = [column + 1 for column in columns]
    if len(numbers) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return (
            f"columns {numbers[0]} to {numbers[-1]}" if len(numbers) > 2 else f"columns {numbers[0]} and {numbers[1]}"
        )
    return f"column{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
