"""The letters data set, from a package of typefaces to an array: `perceiver data build letters`.

Makes `letters.npz`, the capital letters A to Z of about 600 free fonts as masks, and beside it `LICENCES-letters.md`
and `MANIFEST.json`. Pictures are composed from them at training time. About 700 MB in `cache/` are kept for another
build and may be deleted.

A family is the folder that a font lies in, whatever its format. Families and fonts of symbols, mathematics, other
scripts or decorated letters are left out by name, and fonts whose letters do not correlate with the median alphabet
are left out after drawing.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import string
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont, features

from perceiver.errors import DataError

from . import packages
from .files import Manifest, alone, whole
from .packages import Package
from .progress import Report, bar
from .splits import SPLITS

# To be raised when the same settings give other arrays: what was built before is then built again.
REVISION = 1

PACKAGE = "texlive-fonts-extra"
CLASSES = string.ascii_uppercase
SIDE = 64  # pixels
PER_FAMILY = 5  # fonts, at most
LICENCE = "each family under a free licence of its own"

_FOLDER = "usr/share/texlive/texmf-dist/fonts/"
_FORMATS = (".otf", ".ttf", ".pfb")  # the first that a family has is taken
_FONT_SIZE = 400  # pixels to the em: several times SIDE, so that a mask holds the share of each pixel that is ink
_AGREEMENT = 0.35  # mean correlation with the median alphabet below which a font is none of Latin capitals
_SAME = 0.99  # mean correlation above which two fonts of a family show the same letters
_SAME_DESIGN = 0.95  # mean correlation above which two families share a design, as Carlito and Lato do
_SHARES = (0.7, 0.1, 0.2)  # of the fonts in training, validation and test
_LARGE = 2 * PER_FAMILY  # fonts; a larger group is for training

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

| family | licence | split | fonts |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Font:
    """One font of a family, with its drawn letters A to Z."""

    family: str
    name: str
    glyphs: UInt8[np.ndarray, "26 64 64"]


def build_letters(folder: Path, *, progress: Report | None = None, force: bool = False) -> Path:
    """Builds what is missing or damaged of the letters in `folder`, and returns the folder.

    `letters.npz` holds, for n fonts, `glyph` (n, 26, 64, 64) uint8, the share of each pixel that is ink, 255 for all of
    it, each letter filling its square along the longer side; `font` and `family` (n,), their names; `group` (n,) int64,
    the same for families that share a design; `split` (n,) int8, 0 train, 1 val, 2 test, by group; and `classes`.

    A download that was stopped goes on where it was; a build that is complete is left as it is. `force` makes the array
    anew from the package at hand. Without `progress` a bar is shown on standard error. Raises DataError, in one
    sentence, when a tool or the package is missing, a download fails, a checksum differs, the disk is full, or another
    build is at work in the folder.
    """
    settings: dict[str, dict[str, Any]] = {
        "letters.npz": {"revision": REVISION, "side": SIDE, "per_family": PER_FAMILY},
        "LICENCES-letters.md": {"revision": REVISION},
    }
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        manifest = Manifest.read(folder)
        left = [name for name, chosen in settings.items() if force or not manifest.holds(name, chosen)]
        if left:
            report = progress or stack.enter_context(bar())
            package = packages.fetch([PACKAGE], folder / "cache", report)[PACKAGE]
            deb = folder / "cache" / package.file
            notes: dict[str, Any] = {
                "packages": {PACKAGE: {"version": package.version, "sha256": package.sha256}},
                "licences": {PACKAGE: LICENCE},
                "drawn_with": {"pillow": metadata.version("pillow"), "freetype": features.version("freetype2")},
            }
            for name in left:
                if name == "letters.npz":
                    _write_letters(folder / name, take_fonts(deb, folder / "cache" / f"fonts-{REVISION}.zip"), report)
                else:
                    _write_licences(folder / name, folder / "letters.npz", package, deb)
                manifest.record(name, settings[name], **notes)
    return folder


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
        with packages.contents(deb) as archive, whole(target) as part, zipfile.ZipFile(part, "w") as kept:
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
    """How well each font's letters correlate with the median letters of all fonts, averaged over the alphabet."""
    return (_centred(np.median(glyphs, axis=0)[None]) * _centred(glyphs)).sum(-1).mean(-1)


def groups(fonts: Sequence[Font]) -> dict[str, str]:
    """For each family the first, by name, of those families that share a design with it, over any number of links."""
    first = {font.family: font.family for font in fonts}

    def root(family: str) -> str:
        while first[family] != family:
            family = first[family]
        return family

    flat = _centred(np.stack([font.glyphs for font in fonts])).astype(np.float32)
    flat = flat.reshape(len(fonts), -1)
    alike = flat @ flat.T / len(CLASSES) > _SAME_DESIGN
    for one, other in np.argwhere(np.triu(alike, 1)):
        low, high = sorted((root(fonts[one].family), root(fonts[other].family)))
        first[high] = low
    return {family: root(family) for family in first}


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


def deal(fonts: Mapping[str, int]) -> dict[str, int]:
    """The side of each group, given its number of fonts: 0 train, 1 val, 2 test.

    Groups are dealt out in the order of a hash of their names, each to the side that lacks most fonts of its share. The
    largest, copies of Times and of Computer Modern, are for training, so that they do not fill a side that is held out.
    """
    sides: dict[str, int] = {}
    dealt = np.zeros(len(_SHARES))
    for name in sorted(fonts, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        lacking = np.array(_SHARES) * sum(fonts.values()) - dealt
        sides[name] = 0 if fonts[name] > _LARGE else int(lacking.argmax())
        dealt[sides[name]] += fonts[name]
    return sides


def _family(folder: str) -> str:
    return re.sub(r"(-otf|-type1|-t1|-ps|-fonts|-tug|\d)+$", "", folder)


def _wanted(path: str) -> bool:
    return path.startswith(_FOLDER) and bool(family_of(path))


def _draw(font: ImageFont.FreeTypeFont, letter: str) -> UInt8[np.ndarray, "64 64"] | None:
    """A letter that fills its square along the longer side; None when nothing is drawn or it is out of proportion."""
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
    """Letters as vectors without mean and of unit length: their products are correlations."""
    flat = glyphs.reshape(*glyphs.shape[:2], -1).astype(np.float64)
    flat -= flat.mean(-1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-9)


def _candidates(paths: Iterable[str]) -> dict[str, list[str]]:
    """The paths of each family's fonts in one format, in an order that mixes weights and styles and never changes."""
    families: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        if family := family_of(path):
            families[family].append(path)

    def order(path: str) -> tuple[int, str]:
        place = PurePosixPath(path)
        return _FORMATS.index(place.suffix.lower()), hashlib.sha256(place.name.encode()).hexdigest()

    return {family: sorted(families[family], key=order) for family in sorted(families)}


def _draw_fonts(archive: zipfile.ZipFile, report: Report) -> Iterator[Font]:
    """Up to PER_FAMILY fonts of each family that differ from one another."""
    families = _candidates(archive.namelist())
    for index, (family, paths) in enumerate(families.items()):
        report("Draw letters", index, len(families))
        taken: list[Float[np.ndarray, "26 pixels"]] = []
        for path in paths:
            glyphs = draw_letters(archive.read(path))
            if glyphs is None:
                continue
            (vector,) = _centred(glyphs[None])
            if any((vector * other).sum(-1).mean() > _SAME for other in taken):
                continue
            taken.append(vector)
            yield Font(family, PurePosixPath(path).name, glyphs)
            if len(taken) == PER_FAMILY:
                break
    report("Draw letters", len(families), len(families))


def _write_letters(target: Path, fonts_file: Path, report: Report) -> None:
    """Draws the fonts, leaves out those that are not of Latin capitals, and writes the array."""
    with zipfile.ZipFile(fonts_file) as archive:
        fonts = list(_draw_fonts(archive, report))
    for _ in range(2):  # the median alphabet is clearer once the first symbols are gone
        if fonts:
            agrees = agreement(np.stack([font.glyphs for font in fonts])) > _AGREEMENT
            fonts = [font for font, good in zip(fonts, agrees, strict=True) if good]
    if not fonts:
        raise DataError(f"{PACKAGE} has no fonts with Latin capitals; the builder was written for another version")
    group = groups(fonts)
    sides = deal(Counter(group[font.family] for font in fonts))
    names = sorted(sides)
    with whole(target) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            glyph=np.stack([font.glyphs for font in fonts]),
            font=np.array([font.name for font in fonts]),
            family=np.array([font.family for font in fonts]),
            group=np.array([names.index(group[font.family]) for font in fonts], np.int64),
            split=np.array([sides[group[font.family]] for font in fonts], np.int8),
            classes=np.array(list(CLASSES)),
        )


def _write_licences(target: Path, letters: Path, package: Package, deb: Path) -> None:
    """Writes which families there are and, into `licences/` beside it, the package's own statements."""
    texts, documents = target.parent / "licences", f"usr/share/doc/{PACKAGE}"
    packed = texts / f"{PACKAGE}-families.gz"
    packages.extract(deb, {f"{documents}/copyright": texts / f"{PACKAGE}.txt", f"{documents}/Licenses.gz": packed})
    listed = gzip.decompress(packed.read_bytes()).decode("utf-8", "replace")
    with whole(packed.with_suffix(".txt")) as part:
        part.write_text(listed, encoding="utf-8")
    packed.unlink()
    licences = licences_of(listed)
    with np.load(letters) as file:
        columns = [file[name].tolist() for name in ("family", "font", "split")]
    rows = list(zip(*columns, strict=True))
    fonts, sides = defaultdict[str, list[str]](list), {family: SPLITS[split] for family, _, split in rows}
    for family, font, _ in rows:
        fonts[family].append(font)
    lines = [
        f"| {family} | {', '.join(sorted(licences.get(family, {'see the TeX Catalogue'})))} | {sides[family]} "
        f"| {', '.join(names)} |\n"
        for family, names in fonts.items()
    ]
    with whole(target) as part:
        part.write_text(_HEAD.format(package=PACKAGE, version=package.version) + "".join(lines), encoding="utf-8")
