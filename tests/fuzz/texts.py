"""Changes to files that say what they hold in words: text, JSON, NumPy headers, and archives of such files."""

from __future__ import annotations

import io
import json
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

Change = Callable[[Random, bytes], bytes]

_TOKEN = re.compile(rb"[^\s,;:/{}()\[\]'\"]+")
_STRANGE_TOKENS = (
    *(
        b"",
        b"0",
        b"-0",
        b"1",
        b"-1",
        b"2",
        b"3",
        b"255",
        b"256",
        b"65536",
        b"2147483647",
        b"2147483648",
        b"-2147483649",
    ),
    *(
        b"4294967295",
        b"18446744073709551616",
        b"9" * 5000,
        b"nan",
        b"-nan",
        b"inf",
        b"-inf",
        b"1e400",
        b"1e308",
        b"-1e38",
    ),
    *(
        b"1e-320",
        b"1.5",
        b".",
        b"-",
        b"1,5",
        b"0x10",
        b"1_000",
        "\u0663".encode(),
        b"x",
        b'"',
        b"\\",
        b"#",
        b"%s",
        b"\0",
    ),
    *(
        b"\xff\xfe",
        b"list",
        b"float",
        b"uchar",
        b"double",
        b"int",
        b"binary",
        b"ascii",
        b"vertex",
        b"a" * 3000,
        b"1e5",
        b"10000000",
    ),
)
_NESTED: Any = 0
for _ in range(60):
    _NESTED = [_NESTED]
_STRANGE_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        2.5,
        -0.0,
        1e308,
        1e-308,
        10**400,
        2**31,
        2**32,
        2**63,
        -(2**63),
        2**64,
        10**9,
    ),
    *("", "x", "9" * 5000, "nan", "\ud800", "\x1b[31m\n", "VEC3", "SCALAR", "F32", "BF16", "U8", "../x", "\0"),
    *([], [0], [1, 1], [-1, 2**62], [None], ["a"], [[1]], {}, {"a": 1}, {"": {}}, list(range(300)), _NESTED),
    *(float("nan"), float("inf"), float("-inf")),
)
# Storages by other names, sizes and classes; opcodes for what a pickle must not do.
_OPCODES = tuple(bytes([code]) for code in range(0x28, 0x99))


def mutated(random: Random, data: bytes, name: str, change: Change) -> bytes | None:
    """The file with a change to its words or parts; None where it has none that are known here."""
    if data.startswith(b"PK\x03\x04"):
        return _archive(random, data, change)
    if data.startswith(b"\x93NUMPY"):
        return _numpy(random, data)
    if name.endswith(".safetensors"):
        return _safetensors(random, data)
    if name.endswith((".json", ".gltf")):
        return json_mutated(random, data)
    if data.startswith(b"glTF"):
        return _glb(random, data)
    if data.startswith(b"\x80\x02"):
        return _pickle(random, data)
    if _is_text(data):
        return _text(random, data)
    return None


def _is_text(data: bytes) -> bool:
    head = data[:64]
    return bool(head) and all(byte >= 32 or byte in b"\t\r\n" for byte in head)


# Text


def _text(random: Random, data: bytes) -> bytes:
    """Text, or a header of text before bytes: changed words and lines."""
    head = data
    for mark in (b"end_header\n", b"DATA binary\n", b"DATA binary_compressed\n"):
        if mark in data:
            head = data[: data.index(mark) + len(mark)]
    rest = data[len(head) :]
    kind = random.random()
    if kind < 0.6:
        words = list(_TOKEN.finditer(head))
        if words:
            # Words near the beginning are names and counts.
            found = random.choice(words[: random.choice((12, 40, len(words)))])
            word = random.choice((*_STRANGE_TOKENS, random.choice(words).group()))
            return head[: found.start()] + word + head[found.end() :] + rest
    lines = head.splitlines(keepends=True) or [b""]
    at = random.randrange(min(len(lines), random.choice((8, 30, len(lines)))))
    match random.choice(("remove", "repeat", "swap", "join", "cut", "many", "endings", "blank", "word", "encode")):
        case "remove":
            del lines[at]
        case "repeat":
            lines.insert(at, lines[at])
        case "swap":
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case "join":
            lines[at] = lines[at].rstrip(b"\r\n") + random.choice((b" ", b"\t", b",", b""))
        case "cut":
            lines[at:] = [lines[at][: random.randrange(len(lines[at]) + 1)]]
        case "many":
            lines[at : at + 1] = [lines[at]] * random.choice((100, 3000))
        case "endings":
            return head.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\x0b", b"\n\t"))) + rest
        case "blank":
            lines.insert(at, random.choice((b"\n", b"# \n", b" \t \n", b"\xef\xbb\xbf", b"\0\n", b"comment x\n")))
        case "word":
            lines[at] = lines[at].rstrip(b"\r\n") + b" " + random.choice(_STRANGE_TOKENS) + b"\n"
        case "encode":
            return head.decode("latin-1").encode(random.choice(("utf-16", "utf-8-sig", "utf-16-be"))) + rest
    return b"".join(lines) + rest


# JSON


def json_mutated(random: Random, data: bytes) -> bytes | None:
    """JSON with a value replaced by what nobody writes there, or a field removed, renamed or written twice."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return None
    places = list(_places(values))
    if not places or random.random() < 0.1:
        text = data.decode("utf-8", "replace")
        return random.choice(
            (_text(random, data), text.encode("utf-16"), b"\xef\xbb\xbf" + data, data * 2, b"[" * 3000)
        )
    inside, key = random.choice(places)
    match random.choice(("strange", "strange", "strange", "near", "near", "remove", "rename", "move")):
        case "strange":
            inside[key] = random.choice(_STRANGE_VALUES)
        case "near":
            old = inside[key]
            if isinstance(old, bool) or not isinstance(old, int | float):
                inside[key] = random.choice(_STRANGE_VALUES[:19])
            else:
                half = 0.5 if abs(old) > 1e300 else old + 0.5
                inside[key] = random.choice((old + 1, old - 1, -old, old * 2, old * 2**20, half, str(old), [old]))
        case "remove":
            del inside[key]
        case "rename":
            if isinstance(inside, dict):
                inside[random.choice((f"{key}x", "", "__proto__", key.upper(), "__metadata__"))] = inside.pop(key)
            else:
                inside.extend([inside[key]] * random.choice((1, 1, 200)))
        case "move":
            other, there = random.choice(places)
            inside[key] = json.loads(json.dumps(other[there]))
    try:
        return json.dumps(values).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def _places(values: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """All fields and items, as what they are in and their key."""
    if depth > 20:
        return []
    inside = (
        list(values.items())
        if isinstance(values, dict)
        else list(enumerate(values))
        if isinstance(values, list)
        else []
    )
    return [(values, key) for key, _ in inside] + [place for _, one in inside for place in _places(one, depth + 1)]


# Binary files with a header of text


def _numpy(random: Random, data: bytes) -> bytes:
    """A NumPy array with a changed header, whose length fits again at times."""
    wide = data[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(data[8:start], "little")
    head, rest = data[start : start + length], data[start + length :]
    words = (
        *(
            b"'<f4'",
            b"'>f8'",
            b"'|O'",
            b"'|S0'",
            b"'<U3'",
            b"'|V0'",
            b"'<c16'",
            b"'<M8[s]'",
            b"'?'",
            b"'<f2'",
            b"'<i8'",
        ),
        *(
            b"[('x', '<f4')]",
            b"[('x', '<f4', (1000000, 1000000))]",
            b"[]",
            b"(0,)",
            b"()",
            b"(-1, 3)",
            b"(3, 50)",
            b"True",
        ),
        *(
            b"(2305843009213693952, 3)",
            b"(50, 0)",
            b"(10000000000, 3)",
            b"(50, 3, 1)",
            b"(1e3, 3)",
            b"('a',)",
            b"(True, 3)",
        ),
    )
    if random.random() < 0.6:
        parts = [found.span() for found in re.finditer(rb"'[<>|=][^']*'|\([^)]*\)|True|False", head)]
        if parts:
            a, b = random.choice(parts)
            head = head[:a] + random.choice(words) + head[b:]
    else:
        head = _text(random, head)
    length = len(head) if random.random() < 0.8 else length
    version = random.choice((data[6:8], data[6:8], b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    return data[:6] + version + length.to_bytes(8, "little")[: 4 if version[0] > 1 else 2] + head + rest


def _safetensors(random: Random, data: bytes) -> bytes | None:
    length = int.from_bytes(data[:8], "little")
    head = json_mutated(random, data[8 : 8 + length])
    if head is None:
        return None
    length = len(head) if random.random() < 0.9 else length
    return struct.pack("<Q", length) + head + data[8 + int.from_bytes(data[:8], "little") :]


def _glb(random: Random, data: bytes) -> bytes | None:
    length = int.from_bytes(data[12:16], "little")
    tree = json_mutated(random, data[20 : 20 + length])
    if tree is None:
        return None
    tree += b" " * (-len(tree) % 4)
    rest = data[20 + length :]
    return data[:8] + struct.pack("<II", 20 + len(tree) + len(rest), len(tree)) + data[16:20] + tree + rest


# Archives and pickles


def _archive(random: Random, data: bytes, change: Change) -> bytes | None:
    """A ZIP archive with a part changed, removed, renamed, doubled or packed otherwise."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [(one.filename, archive.read(one), one.compress_type) for one in archive.infolist()]
    except Exception:  # an earlier change has broken it
        return None
    if not parts:
        return None
    at = random.randrange(len(parts))
    name, body, packing = parts[at]
    # What a part is named and says is read first.
    telling = [number for number, (one, _, _) in enumerate(parts) if one.endswith((".pkl", ".npy"))]
    match random.choice(("body", "body", "body", "remove", "rename", "repeat", "packing", "swap", "numbers")):
        case "body":
            at = random.choice(telling or [at])
            name, body, packing = parts[at]
            words = mutated(random, body, name, change) if random.random() < 0.7 else None
            parts[at] = (name, change(random, body) if words is None else words, packing)
        case "remove":
            del parts[at]
        case "rename":
            names = (
                f"{name}x",
                f"../{name}",
                name.upper(),
                "",
                "a/b/c/d",
                name.rpartition("/")[2],
                f"/{name}",
                "x.npy",
            )
            parts[at] = (random.choice(names), body, packing)
        case "repeat":
            parts += [parts[at]] * random.choice((1, 1, 300))
        case "packing":
            parts[at] = (name, body * random.choice((1, 1, 1000)), random.choice((0, 8, 12, 14)))
        case "swap":
            other = random.randrange(len(parts))
            parts[at], parts[other] = (name, *parts[other][1:]), (parts[other][0], body, packing)
        case "numbers":
            return _directory(random, data)
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # of names that stand in it twice
        for one, content, kind in parts:
            archive.writestr(one or "x", content[: 1 << 20], kind)
    return out.getvalue()


def _directory(random: Random, data: bytes) -> bytes:
    """Numbers of the directory changed: sizes, places, flags, methods."""
    marks = [found.start() for found in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", data)]
    at = random.choice(marks) + random.randrange(4, 46)
    value = random.choice((0, 1, 255, 65535, len(data), 2**31, 2**32 - 1)) % 2**32
    width = random.choice((2, 4))
    return data[:at] + value.to_bytes(4, "little")[:width] + data[at + width :]


def _pickle(random: Random, data: bytes) -> bytes | None:
    """A pickle with instructions removed, repeated, exchanged or changed."""
    try:
        places = [place for _, _, place in pickletools.genops(data) if place is not None]
    except Exception:  # an earlier change has broken it
        return None
    steps = [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]
    at = random.randrange(len(steps))
    match random.choice(("remove", "repeat", "swap", "opcode", "number", "copy", "global")):
        case "remove":
            del steps[at]
        case "repeat":
            steps[at:at] = [steps[at]] * random.choice((1, 1, 500))
        case "swap":
            other = random.randrange(len(steps))
            steps[at], steps[other] = steps[other], steps[at]
        case "opcode":
            steps[at] = random.choice(_OPCODES) + steps[at][1:]
        case "number":
            numbers = [number for number, step in enumerate(steps) if step[:1] in (b"K", b"M", b"J")]
            value = random.choice((0, 1, 2, 3, 255, -1, 65536, 2**31 - 1, -(2**31)))
            steps[random.choice(numbers or [at])] = b"J" + struct.pack("<i", value)
        case "copy":
            steps.insert(random.randrange(len(steps)), steps[at])
        case "global":
            names = (
                "os\nsystem\n",
                "torch\nFloatStorage\n",
                "torch\nQInt8Storage\n",
                "builtins\neval\n",
                "torch\nSize\n",
            )
            found = [number for number, step in enumerate(steps) if step[:1] == b"c"]
            steps[random.choice(found or [at])] = b"c" + random.choice(names).encode()
    return b"".join(steps)
