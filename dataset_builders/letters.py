"""The letters data set, from a package of typefaces: `perceiver data build letters`.

Writes `letters.npz`, the capital letters A to Z of about 600 free fonts as masks, and `LICENCES-letters.md`. Images are
composed from them during training. About 1.1 GB in `cache/` are kept for later builds and may be deleted.

    glyph    (n, 26, 64, 64) uint8, the share of each pixel that is ink (255: all of it); each letter is centred and
             fills its square along the longer side
    font     (n,) file names
    family   (n,) names of families
    group    (n,) int64, the same for families that share a design
    split    (n,) int8, 0 train, 1 val, 2 test, by group
    classes  "A" to "Z"

A family is the folder of a font, independent of its format. Families and fonts of symbols, mathematics, other scripts
or decorated letters are excluded by name; fonts whose letters do not correlate with the median alphabet are excluded
after rendering.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import string
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont, features
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from perceiver.errors import DataError
from perceiver.storage import atomic_write, write_arrays

from . import packages
from .frame import DataSet, Output, Work, licence_page, table
from .splits import SPLITS, deal

# Increase when the same settings give other arrays, so that existing files are rebuilt.
REVISION = 1

PACKAGE = "texlive-fonts-extra"
CLASSES = string.ascii_uppercase
SIDE = 64  # pixels
PER_FAMILY = 5  # fonts, at most
LICENCE = "each family under a free licence of its own"

_FOLDER = "usr/share/texlive/texmf-dist/fonts/"
_FORMATS = (".otf", ".ttf", ".pfb")  # in order of preference
_FONT_SIZE = 400  # pixels to the em: several times SIDE, so that a mask holds the share of each pixel that is ink
_AGREEMENT = 0.35  # mean correlation with the median alphabet below which a font has no Latin capitals
_SAME = 0.99  # mean correlation above which two fonts of a family show the same letters
_SAME_DESIGN = 0.95  # mean correlation above which two families share a design, as Carlito and Lato do
SHARES = (0.7, 0.1, 0.2)  # of the fonts in training, validation and test
LARGE = 2 * PER_FAMILY  # fonts; a larger group, such as the copies of Times and of Computer Modern, is for training

# Folders whose fonts hold symbols, mathematics, other scripts, or letters that are outlined, framed or distorted.
_OTHER_FAMILIES = re.compile(
    r"academicons|adforn|adfsymbols|allrunes|archaic|asapsym|ascii-font|aspectratio|bboldx?|bguq|boondox|ccicons|"
    r"cmathbb|cmexb|cmll|cmupint|countriesofeurope|cryst|dantelogo|dictsym|doublestroke|dozenal|dsserif|dutchcal|"
    r"ektype-tanka|esrelation|esstix|esvect|fdsymbol|fge|foekfont|fontawesome|fontmfizz|fonts-churchslavonic|"
    r"frcursive|frederika2016|frimurer|gfs(complutum|didotclassic|solomos)|hacm|hamnosys|initials|ipaex|"
    r"libertinust1math|lineara|logix|mathabx|md(bch|ici|pgd|pus|put|ugm|symbol)|missaali|mnsymbol|niceframe|"
    r"ocherokee|oinuit|old-arrows|phaistos|plimsoll|prodint|recycle|semaphor|shobhika|simpleicons|starfont|staves|"
    r"stepgreek|superiors|svrsymbols|tapir|tfrupee|twemoji|txuprcal|typicons|yinit|.*(emoji|icon|math).*"
)
# Fonts of text families that hold symbols, mathematics, ornaments, initials, other scripts or small capitals.
_OTHER_FONTS = re.compile(
    r"math|symb|ornam|orna?$|swash|swsh|init|dingb|keyboard|emoji|icon|smallcap|caps|greek|cyr|lgr|exten|arrow|"
    r"braill|-?sc[.-]|sc$|expert|fleuron|bb[.-]|bb$|outline|smileys|^(ml|l*c)m(ex|b?sy)"
)
_HEAD = """# Licences of the letters

`letters.npz` holds the capital letters of fonts of Debian's {package} {version}, drawn as small pictures.
Each family has a free licence of its own, listed here as the package lists it in `licences/{package}-families.txt`
(ofl: SIL Open Font License, gfl: GUST Font License, lppl: LaTeX Project Public License). Whoever passes the letters on
keeps to them; `licences/{package}.txt` has texts of licences, and the TeX Catalogue (https://ctan.org) the families'
own statements.

"""


def data_set() -> DataSet:
    """Definition of the data set."""
    settings = {"revision": REVISION, "side": SIDE, "per_family": PER_FAMILY}
    return DataSet(
        packages=[PACKAGE],
        outputs=[
            Output("letters.npz", settings, _make),
            licence_page("LICENCES-letters.md", REVISION, _licences),
        ],
        licences={PACKAGE: LICENCE},
        tools={"drawn_with": ("pillow",)},
    )


def family_of(path: str) -> str:
    """The family of a font by its path in the package; empty where the name says that it holds no Latin text."""
    place = PurePosixPath(path)
    folder = place.parent.name.lower()
    if place.suffix.lower() not in _FORMATS or _OTHER_FAMILIES.fullmatch(re.sub(r"(-type1|-otf|\d)*$", "", folder)):
        return ""
    if _OTHER_FAMILIES.fullmatch(folder) or _OTHER_FONTS.search(place.stem.lower()):
        return ""
    return _family(folder)


def take_fonts(deb: Path, target: Path) -> Path:
    """Copies the text fonts of the package into the zip file `target`, unless it is there already."""
    if not target.is_file():
        with packages.contents(deb) as archive, atomic_write(target) as part, zipfile.ZipFile(part, "w") as kept:
            for info in archive:
                path = info.name.removeprefix("./")
                stream = archive.extractfile(info) if info.isfile() and _wanted(path) else None
                if stream is not None:
                    kept.writestr(zipfile.ZipInfo(path.removeprefix(_FOLDER)), stream.read())
    return target


def draw_letters(body: bytes) -> UInt8[np.ndarray, "26 64 64"] | None:
    """The letters A to Z of a font file as masks; None when it cannot be read or lacks one."""
    try:
        font = ImageFont.truetype(io.BytesIO(body), _FONT_SIZE)
        drawn = [_draw(font, letter) for letter in CLASSES]
    except (OSError, ValueError):  # what Pillow raises for a font file that FreeType does not read
        return None
    whole_alphabet = [mask for mask in drawn if mask is not None]
    return np.stack(whole_alphabet) if len(whole_alphabet) == len(CLASSES) else None


def agreement(glyphs: UInt8[np.ndarray, "n 26 64 64"]) -> Float[np.ndarray, " n"]:
    """Correlation of the letters of each font with the median letters of all fonts, averaged over the alphabet."""
    return (_centred(np.median(glyphs, axis=0)[None]) * _centred(glyphs)).sum(-1).mean(-1)


def groups(glyphs: UInt8[np.ndarray, "n 26 64 64"], families: Sequence[str]) -> dict[str, str]:
    """The group of each family, named after its first member; families that share a design are in one group.

    `families` are those of the fonts. Sharing is transitive: groups are connected components.
    """
    names = sorted(set(families))
    index = np.array([names.index(family) for family in families])
    vectors = _centred(glyphs).astype(np.float32).reshape(len(glyphs), -1)
    pairs = index[np.argwhere(vectors @ vectors.T / len(CLASSES) > _SAME_DESIGN)]
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(names), len(names)))
    _, component = connected_components(links, directed=False)
    return {name: names[int(np.argmax(component == component[row]))] for row, name in enumerate(names)}


def licences_of(listed: str) -> dict[str, set[str]]:
    """The licences of each family, from the package's list: a line "name: licences", then lines of its files."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    licences: list[str] = []
    for line in listed.splitlines():
        if header := re.fullmatch(r"([^\s/]+): *(.*)", line):
            licences = header[2].split()
            found[_family(header[1])].update(licences)
        elif place := re.fullmatch(r"texmf-dist/fonts/(?:opentype|truetype|type1)/(.+)/[^/]*", line):
            found[_family(PurePosixPath(place[1]).name)].update(licences)
    return dict(found)


def _family(folder: str) -> str:
    return re.sub(r"(-otf|-type1|-t1|-ps|-fonts|-tug|\d)+$", "", folder)


def _wanted(path: str) -> bool:
    return path.startswith(_FOLDER) and bool(family_of(path))


def _draw(font: ImageFont.FreeTypeFont, letter: str) -> UInt8[np.ndarray, "64 64"] | None:
    """A letter scaled to its square along the longer side; None if it is empty or out of proportion."""
    left, top, right, bottom = (int(edge) for edge in font.getbbox(letter))
    width, height = right - left, bottom - top
    if not (0 < width < 4 * _FONT_SIZE and _FONT_SIZE // 8 < height < 4 * _FONT_SIZE):
        return None
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).text((-left, -top), letter, font=font, fill=255)
    box = canvas.getbbox()
    if box is None:
        return None
    ink = canvas.crop(box)
    side = max(ink.size)
    square = Image.new("L", (side, side))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX))


def _centred(glyphs: np.ndarray) -> Float[np.ndarray, "n 26 pixels"]:
    """Letters as centred unit vectors, whose products are correlations."""
    flat = glyphs.reshape(*glyphs.shape[:2], -1).astype(np.float64)
    flat -= flat.mean(-1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-9)


def _candidates(paths: Iterable[str]) -> dict[str, list[str]]:
    """The font paths of each family in one format, in a fixed order that mixes weights and styles."""
    families: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        if family := family_of(path):
            families[family].append(path)

    def order(path: str) -> tuple[int, str]:
        place = PurePosixPath(path)
        return _FORMATS.index(place.suffix.lower()), hashlib.sha256(place.name.encode()).hexdigest()

    return {family: sorted(families[family], key=order) for family in sorted(families)}


@contextmanager
def _open_drawer(fonts: Path) -> Iterator[Callable[[tuple[str, Sequence[str]]], dict[str, np.ndarray] | None]]:
    """The function that renders a family, given its name and the paths of its fonts."""
    with zipfile.ZipFile(fonts) as archive:

        def draw(task: tuple[str, Sequence[str]]) -> dict[str, np.ndarray] | None:
            """Up to PER_FAMILY distinct fonts; None if no font can be rendered."""
            family, paths = task
            taken: dict[str, UInt8[np.ndarray, "26 64 64"]] = {}
            vectors: list[Float[np.ndarray, "26 pixels"]] = []
            for path in paths:
                glyphs = draw_letters(archive.read(path))
                if glyphs is None:
                    continue
                (vector,) = _centred(glyphs[None])
                if any((vector * other).sum(-1).mean() > _SAME for other in vectors):
                    continue
                taken[PurePosixPath(path).name] = glyphs
                vectors.append(vector)
                if len(taken) == PER_FAMILY:
                    break
            if not taken:
                return None
            return {
                "glyph": np.stack(list(taken.values())),
                "font": np.array(list(taken)),
                "family": np.array([family] * len(taken)),
            }

        yield draw


def _make(work: Work, target: Path) -> Mapping[str, Any]:
    fonts = take_fonts(work.file(PACKAGE), work.cache / f"fonts-{REVISION}.zip")
    with zipfile.ZipFile(fonts) as archive:
        tasks = list(_candidates(archive.namelist()).items())
    drawn = [part for part in work.parts("Draw letters", partial(_open_drawer, fonts), tasks) if part is not None]
    if not drawn:
        raise DataError(f"{PACKAGE} has no fonts with Latin capitals; the builder was written for another version")
    arrays = {name: np.concatenate([part[name] for part in drawn]) for name in ("glyph", "font", "family")}
    for _ in range(2):  # repeated, since outliers affect the median alphabet
        good = agreement(arrays["glyph"]) > _AGREEMENT
        arrays = {name: array[good] for name, array in arrays.items()}
    group = groups(arrays["glyph"], arrays["family"].tolist())
    sides = deal(Counter(group[family] for family in arrays["family"].tolist()), SHARES, LARGE)
    names = sorted(sides)
    of_font = [group[family] for family in arrays["family"].tolist()]
    write_arrays(
        target,
        **arrays,
        group=np.array([names.index(name) for name in of_font], np.int64),
        split=np.array([sides[name] for name in of_font], np.int8),
        classes=np.array(list(CLASSES)),
    )
    return {"freetype": features.version("freetype2")}


def _licences(work: Work) -> str:
    """The table of families with their licences; the package's list of them is copied into `licences/`."""
    target = work.cache.parent / "licences" / f"{PACKAGE}-families.txt"
    packed = work.cache / f"licences-{work.packages[PACKAGE].version}.gz"
    packages.extract(work.file(PACKAGE), {f"usr/share/doc/{PACKAGE}/Licenses.gz": packed})
    listed = gzip.decompress(packed.read_bytes()).decode("utf-8", "replace")
    with atomic_write(target) as part:
        part.write_text(listed, encoding="utf-8")
    licences = licences_of(listed)
    with np.load(work.cache.parent / "letters.npz") as file:
        columns = [file[name].tolist() for name in ("family", "font", "split")]
    fonts: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for family, font, split in zip(*columns, strict=True):
        fonts[family, split].append(font)
    rows = [
        (family, ", ".join(sorted(licences.get(family, {"see the TeX Catalogue"}))), SPLITS[split], ", ".join(names))
        for (family, split), names in fonts.items()
    ]
    head = _HEAD.format(package=PACKAGE, version=work.packages[PACKAGE].version)
    return head + table(("family", "licence", "split", "fonts"), rows)
