"""The letters: fonts chosen by name, drawn, compared and dealt out, from a small package with fonts in it."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from dataset_builders import build, letters
from dataset_builders.letters import (
    CLASSES,
    LARGE,
    PACKAGE,
    SHARES,
    agreement,
    draw_letters,
    family_of,
    groups,
    licences_of,
)
from dataset_builders.splits import deal
from perceiver.errors import DataError

from .debian import Apt, silent

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
ROOT = "usr/share/texlive/texmf-dist/fonts"


def body(name: str) -> bytes:
    return (FONTS / name).read_bytes()


@pytest.fixture
def served(apt: Apt) -> Apt:
    """DejaVu under three family names, one of them a symbol family, and files of other kinds."""
    apt.serve(
        PACKAGE,
        {
            f"{ROOT}/truetype/public/alpha/Sans.ttf": body("DejaVuSans.ttf"),
            f"{ROOT}/truetype/public/alpha/SansAgain.ttf": body("DejaVuSans.ttf"),
            f"{ROOT}/truetype/public/alpha/Bold.ttf": body("DejaVuSans-Bold.ttf"),
            f"{ROOT}/truetype/public/alpha/AlphaMath.ttf": body("DejaVuSansMono.ttf"),
            f"{ROOT}/opentype/public/beta2/Mono.otf": body("DejaVuSansMono.ttf"),
            f"{ROOT}/type1/public/beta/broken.pfb": b"%!PS-AdobeFont-1.0: no font",
            f"{ROOT}/truetype/public/gamma-otf/Copy.ttf": body("DejaVuSans.ttf"),
            f"{ROOT}/truetype/public/recycle/Recycle.ttf": body("DejaVuSerif.ttf"),
            f"{ROOT}/truetype/public/delta/Display.ttf": body("STIXSizOneSymReg.ttf"),
            f"{ROOT}/tfm/public/alpha/Sans.tfm": b"metrics",
            "usr/share/fonts/outside.ttf": body("DejaVuSerif.ttf"),
            f"usr/share/doc/{PACKAGE}/copyright": b"all kinds",
            f"usr/share/doc/{PACKAGE}/Licenses.gz": gzip.compress(
                b"alpha: ofl lppl\ntexmf-dist/fonts/truetype/public/alpha/*\ntexmf-dist/tex/latex/alpha/*\n"
            ),
        },
    )
    return apt


def make(folder: Path, *, force: bool = False) -> Path:
    return build(letters.data_set(), folder, progress=silent, force=force, workers=1)


def test_a_package_becomes_arrays_a_manifest_and_licences(served: Apt, tmp_path: Path) -> None:
    assert make(tmp_path) == tmp_path
    with np.load(tmp_path / "letters.npz") as file:
        found = dict(zip(file["font"].tolist(), file["family"].tolist(), strict=True))
        # Of two fonts of a family with the same letters one is taken, and none from a symbol family or outside.
        alpha = {name for name, family in found.items() if family == "alpha"}
        assert len(alpha) == 2
        assert "Bold.ttf" in alpha
        assert {name: family for name, family in found.items() if family != "alpha"} == {
            "Mono.otf": "beta",
            "Copy.ttf": "gamma",
        }
        assert (file["glyph"].shape, file["glyph"].dtype) == ((4, 26, 64, 64), np.uint8)
        by_family = dict(zip(file["family"].tolist(), file["group"].tolist(), strict=True))
        assert by_family["alpha"] == by_family["gamma"] != by_family["beta"]
        sides = dict(zip(file["group"].tolist(), file["split"].tolist(), strict=True))
        assert all(sides[g] == s for g, s in zip(file["group"].tolist(), file["split"].tolist(), strict=True))
        assert file["classes"].tolist() == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    entries = json.loads((tmp_path / "MANIFEST.json").read_text())["files"]
    assert set(entries) == {"letters.npz", "LICENCES-letters.md"}
    assert entries["letters.npz"]["packages"][PACKAGE]["version"] == "1.0"
    table = (tmp_path / "LICENCES-letters.md").read_text()
    assert "| alpha | lppl, ofl |" in table
    assert "| gamma | see the TeX Catalogue |" in table
    assert (tmp_path / "licences" / f"{PACKAGE}.txt").read_bytes() == b"all kinds"
    assert (tmp_path / "licences" / f"{PACKAGE}-families.txt").read_text().startswith("alpha: ofl lppl\n")


def test_a_complete_build_is_left_and_the_same_array_is_made_again(served: Apt, tmp_path: Path) -> None:
    make(tmp_path)
    before = (tmp_path / "letters.npz").stat().st_mtime_ns
    served.forget_calls()
    make(tmp_path)
    assert (tmp_path / "letters.npz").stat().st_mtime_ns == before
    with np.load(tmp_path / "letters.npz") as file:
        first = {name: file[name] for name in file}
    make(tmp_path, force=True)
    with np.load(tmp_path / "letters.npz") as file:
        assert all(np.array_equal(file[name], first[name]) for name in first)
    assert served.calls == []


def test_a_package_without_latin_capitals_is_refused(apt: Apt, tmp_path: Path) -> None:
    apt.serve(PACKAGE, {f"{ROOT}/type1/public/alpha/broken.pfb": b"no font"})
    with pytest.raises(DataError, match=f"{PACKAGE} has no fonts with Latin capitals"):
        make(tmp_path)


def test_a_letter_fills_its_square_along_the_longer_side_and_counts_ink() -> None:
    glyphs = draw_letters(body("DejaVuSans.ttf"))
    assert glyphs is not None
    for letter, glyph in zip(CLASSES, glyphs, strict=True):
        rows, columns = np.flatnonzero(glyph.any(1)), np.flatnonzero(glyph.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) == 63, letter
        assert abs(rows[0] + rows[-1] - 63) <= 1, letter
        assert abs(columns[0] + columns[-1] - 63) <= 1, letter
    # A mask holds the share of each pixel that is ink: the mean of that pixel in a letter drawn far larger.
    font = ImageFont.truetype(io.BytesIO(body("DejaVuSans.ttf")), 2400)
    large = Image.new("L", (3000, 3000))
    ImageDraw.Draw(large).text((500, 100), "L", font=font, fill=255)
    ink = np.asarray(large.crop(large.getbbox()))
    side = 64 * (ink.shape[0] // 64)
    square = np.pad(ink[:side], ((0, 0), ((side - ink.shape[1]) // 2, (side - ink.shape[1] + 1) // 2)))
    expected = square.reshape(64, side // 64, 64, side // 64).mean((1, 3))
    assert np.abs(expected - glyphs[CLASSES.index("L")]).mean() < 4


def test_files_that_are_no_fonts_and_fonts_without_the_letters_are_passed_over() -> None:
    assert draw_letters(b"no font") is None
    assert draw_letters(body("DejaVuSans.ttf")[:2000]) is None


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("opentype/public/libertinus-fonts/LibertinusSerif-Regular.otf", "libertinus"),
        ("type1/public/libertinus-type1/LibertinusSerif-Regular.pfb", "libertinus"),
        ("type1/public/stix2-type1/STIX2Text.pfb", "stix"),
        ("opentype/public/libertinus-fonts/LibertinusMath-Regular.otf", ""),
        ("opentype/public/libertinus-fonts/LibertinusSerifInitials-Regular.otf", ""),
        ("opentype/public/fontawesome5/FontAwesome5Free-Solid-900.otf", ""),
        ("type1/public/mathabx-type1/mathb10.pfb", ""),
        ("type1/public/mlmodern/mlmsy9.pfb", ""),
        ("type1/public/mlmodern/mlmtt10.pfb", "mlmodern"),
        ("tfm/public/lato/Lato.tfm", ""),
    ],
)
def test_families_are_folders_and_symbols_are_known_by_name(path: str, family: str) -> None:
    assert family_of(path) == family


def squares(shift: int) -> UInt8[np.ndarray, "26 64 64"]:
    """Made-up letters: a bar each, at a place of its own, moved by `shift` columns."""
    glyphs = np.zeros((26, 64, 64), np.uint8)
    for index in range(26):
        glyphs[index, :, index + shift : index + shift + 8] = 255
    return glyphs


def test_agreement_is_the_mean_correlation_with_the_median_letters() -> None:
    glyphs = np.stack([squares(0), squares(0), squares(0), squares(16)])
    # Two bars of 8 of 64 columns that do not meet correlate by -(1/8)^2 / ((1/8)(7/8)) = -1/7.
    np.testing.assert_allclose(agreement(glyphs), [1, 1, 1, -1 / 7], atol=1e-9)


def test_families_that_share_a_design_are_one_group_over_any_number_of_links() -> None:
    glyphs = np.stack([squares(shift) for shift in (0, 0, 16, 16, 32)])
    assert groups(glyphs, ["d", "c", "c", "b", "a"]) == {"a": "a", "b": "b", "c": "b", "d": "b"}


def test_groups_are_dealt_out_by_share_and_large_ones_are_for_training() -> None:
    counts = {f"family{index}": 5 for index in range(100)} | {"large": 40}
    sides = deal(counts, SHARES, LARGE)
    assert sides["large"] == 0
    dealt = [sum(counts[name] for name, side in sides.items() if side == which) for which in range(3)]
    np.testing.assert_allclose(dealt, [378, 54, 108], atol=5)  # of 540, up to a group
    assert deal(dict(reversed(counts.items())), SHARES, LARGE) == sides


def test_licences_are_read_from_the_packages_list() -> None:
    listed = (
        "Licenses for source package x\n\nplex: ofl lppl\ntexmf-dist/doc/fonts/plex/*\n"
        "texmf-dist/fonts/type1/ibm/plex/*\n"
        "stix2-otf: ofl\ntexmf-dist/fonts/opentype/public/stix2-otf/*\ndroid: apache2\n"
        "texmf-dist/fonts/truetype/ascender/droid/droidsans/*\n"
    )
    found = licences_of(listed)
    assert (found["plex"], found["stix"], found["droidsans"]) == ({"ofl", "lppl"}, {"ofl"}, {"apache2"})
