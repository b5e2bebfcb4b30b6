"""Meshes, actors and textures of 0 A.D. from bytes written by hand, and the objects that are drawn from them."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_builders.image.sprites import open_renderer
from dataset_builders.objects import zero_ad
from dataset_builders.objects.pyrogenesis import Skin, read_mesh, read_texture, skins
from dataset_builders.objects.sweet_home import SOURCES
from dataset_builders.splits import Item, classes, read_table
from perceiver.errors import DataError

from .debian import zipped
from .meshes import SQUARE, TRIANGLES, pmd

PLAYER = np.array([200.0, 40.0, 100.0])


def actor(*variants: str, material: str = "") -> bytes:
    groups = "".join(f"<group>{variant}</group>" for variant in variants)
    named = f"<material>{material}</material>" if material else ""
    return f'<?xml version="1.0" encoding="utf-8"?><actor version="1">{groups}{named}</actor>'.encode()


def variant(mesh: str = "", **textures: str) -> str:
    shape = f"<mesh>{mesh}</mesh>" if mesh else ""
    files = "".join(f'<texture file="{file}" name="{name}"/>' for name, file in textures.items())
    return f'<variant frequency="1">{shape}<textures>{files}</textures></variant>'


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(("version", "layers"), [(3, 1), (4, 1), (4, 2)])
def test_a_mesh_is_read_from_any_version_with_its_first_layer_of_coordinates(version: int, layers: int) -> None:
    mesh = read_mesh(pmd(version, layers))
    assert mesh.points.tolist() == [[x, y, 0] for x, y in SQUARE]
    assert mesh.normals.tolist() == [[0, 0, 1]] * 4
    assert mesh.texture.tolist() == [list(corner) for corner in SQUARE]
    assert mesh.triangles.tolist() == [list(corners) for corners in TRIANGLES]


@pytest.mark.parametrize("data", [b"", b"PSMD", b"PSSA" + pmd()[4:], pmd(layers=0), pmd(triangles=[])])
def test_what_is_no_mesh_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="no PMD mesh"):
        read_mesh(data)


def test_a_mesh_is_refused_wherever_it_is_cut() -> None:
    data = pmd()
    for length in range(len(data) - 8):  # what follows the triangles is not read
        with pytest.raises(DataError):
            read_mesh(data[:length])


def test_a_mesh_whose_triangle_has_no_such_corner_is_refused() -> None:
    with pytest.raises(DataError, match="corner"):
        read_mesh(pmd(triangles=[(0, 1, 4)]))


def test_a_variant_pairs_its_own_mesh_and_colour_texture() -> None:
    found = skins(
        {
            "a.xml": actor(
                variant("props/bow.dae", baseTex="props/bow.png", normTex="props/bow_norm.png"),
                variant("props/ship.hull.dae", specTex="x.png", baseTex="hull.dds"),
                material="player_trans.xml",
            )
        }
    )
    assert found == {
        "props/bow": Skin("props/bow.png", "player_trans.xml"),
        "props/ship.hull": Skin("hull.dds", "player_trans.xml"),
    }


def test_the_last_pair_of_the_last_actor_decides_in_whatever_order_they_are_read() -> None:
    early = actor(variant("m.dae", baseTex="early.png"))
    late = actor(variant("m.dae", baseTex="first.png"), variant("m.dae", baseTex="last.png"))
    for actors in ({"a.xml": early, "b.xml": late}, {"b.xml": late, "a.xml": early}):
        assert skins(actors) == {"m": Skin("last.png", "")}


def test_a_mesh_whose_texture_is_in_another_variant_wears_the_first_of_the_first_actor() -> None:
    apart = actor(variant("m.dae"), variant(baseTex="one.png"), variant(baseTex="two.png"))
    other = actor(variant("m.dae"), variant(baseTex="other.png"))
    assert skins({"b.xml": other, "a.xml": apart}) == {"m": Skin("one.png", "")}
    together = actor(variant("m.dae", baseTex="own.png"))
    assert skins({"b.xml": together, "a.xml": apart})["m"].texture == "own.png"


def test_a_mesh_without_a_colour_texture_has_no_skin() -> None:
    assert skins({"a.xml": actor(variant("m.dae", normTex="norm.png")), "b.xml": actor(variant("n.dae"))}) == {}


def test_an_actor_that_is_no_xml_is_named() -> None:
    with pytest.raises(DataError, match=r"art/actors/broken\.xml"):
        skins({"art/actors/broken.xml": b"<actor><group>"})


@pytest.mark.parametrize(
    ("material", "alpha"),
    [
        ("", "none"),
        ("default.xml", "none"),
        ("no_trans_parallax_spec.xml", "none"),
        ("basic_trans_wind.xml", "holes"),
        ("alphatest_spec.xml", "holes"),
        ("player_trans.xml", "player"),
        ("playercolor_spec.xml", "player"),
    ],
)
def test_the_material_says_what_alpha_means(material: str, alpha: str) -> None:
    assert Skin("x.png", material).alpha == alpha


def test_alpha_cuts_holes_or_shows_the_players_colour_or_nothing() -> None:
    data = png(np.array([[[100, 50, 10, 255], [100, 50, 10, 0], [100, 50, 10, 100], [100, 50, 10, 101]]], np.uint8))
    holes = np.asarray(read_texture(data, "holes", PLAYER))
    assert holes[0, :, 3].tolist() == [255, 0, 0, 255]
    assert (holes[..., :3] == (100, 50, 10)).all()
    plain = np.asarray(read_texture(data, "none", PLAYER))
    assert plain.shape == (1, 4, 3)
    assert (plain == (100, 50, 10)).all()
    player = np.asarray(read_texture(data, "player", PLAYER))
    assert player[0, 0].tolist() == [100, 50, 10]
    # 0.3 of the texture and 0.7 of the player's colour: (30 + 140, 15 + 28, 3 + 70).
    assert player[0, 1].tolist() == [170, 43, 73]
    assert all(100 < value < 170 for value in player[0, 2:, 0])


def test_a_large_texture_is_made_smaller_in_proportion() -> None:
    assert read_texture(png(np.zeros((256, 1024, 4), np.uint8)), "none", PLAYER).size == (512, 128)


def test_what_is_no_texture_is_refused() -> None:
    with pytest.raises(DataError, match="no image"):
        read_texture(b"DDS " + bytes(20), "none", PLAYER)


def archive() -> dict[str, bytes]:
    """The game's archive in its order: a red square, and actors, meshes and textures that nobody asks for."""
    red = png(np.full((4, 4, 4), (255, 0, 0, 255), np.uint8))
    return {
        "art/actors/props/flag.xml": actor(variant("props/flag.dae", baseTex="props/flag.png")),
        "art/actors/props/flag.xml.cached.xmb": b"",
        "art/actors/props/other.xml": actor(variant("props/other.dae", baseTex="props/other.png")),
        "art/meshes/props/flag.dae.cached.pmd": pmd(),
        "art/meshes/props/other.dae.cached.pmd": pmd(),
        "art/textures/skins/props/flag.png.cached.dds": red,
        "art/textures/skins/props/flag_norm.png.cached.dds": red,
        "art/textures/skins/props/other.png.cached.dds": red,
    }


def gather(files: dict[str, bytes], *names: str) -> list[str]:
    """The paths that a selection for the named objects takes of the files."""
    selection, taken = zero_ad.Selection(names), []
    for path, data in files.items():
        if selection.wants(path):
            selection.add(path, data)
            taken.append(path)
    return taken


def game(folder: Path, files: dict[str, bytes]) -> zero_ad.Game:
    path = folder / "game.zip"
    path.write_bytes(zipped(files))
    return zero_ad.Game(path, ["0ad-data/props/flag", "sweethome3d/chair"])


def test_one_pass_takes_all_actors_and_only_the_meshes_and_textures_of_the_named(tmp_path: Path) -> None:
    taken = gather(archive(), "0ad-data/props/flag", "sweethome3d/chair")
    assert taken == [
        "art/actors/props/flag.xml",
        "art/actors/props/other.xml",
        "art/meshes/props/flag.dae.cached.pmd",
        "art/textures/skins/props/flag.png.cached.dds",
    ]
    with game(tmp_path, {path: archive()[path] for path in taken}) as found:
        assert found.holds("0ad-data/props/flag")
        assert not found.holds("0ad-data/props/other")
        assert found.mesh("0ad-data/props/other") is None
        mesh, (skin, data) = found.mesh("0ad-data/props/flag"), found.skin("0ad-data/props/flag")
    assert mesh is not None
    assert (len(mesh.points), skin.texture, data) == (4, "props/flag.png", archive()[taken[-1]])


@pytest.mark.parametrize("lost", ["art/actors/props/flag.xml", "art/meshes/props/flag.dae.cached.pmd", ""])
def test_an_object_that_lacks_a_file_is_not_held(lost: str, tmp_path: Path) -> None:
    lost = lost or "art/textures/skins/props/flag.png.cached.dds"
    with game(tmp_path, {path: data for path, data in archive().items() if path != lost}) as found:
        assert not found.holds("0ad-data/props/flag")


def test_a_damaged_mesh_is_named(tmp_path: Path) -> None:
    broken = archive() | {"art/meshes/props/flag.dae.cached.pmd": pmd()[:60]}
    with game(tmp_path, broken) as found, pytest.raises(DataError, match=r"mesh of 0ad-data/props/flag .* PMD"):
        found.mesh("0ad-data/props/flag")


def catalogues(folder: Path) -> Path:
    """Empty catalogues of furniture."""
    for source in SOURCES.values():
        (folder / source.file_name).write_bytes(zipped({source.properties: b""}))
    return folder


def test_an_object_is_drawn_in_its_colours_and_the_same_whenever_it_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("pyvista")
    flag, gone = Item("0ad-data/props/flag", "weapon", 0, 0), Item("0ad-data/props/gone", "weapon", 0, 0)
    game(tmp_path, archive())
    with open_renderer(catalogues(tmp_path), tmp_path / "game.zip", [flag.name], 3, 16) as render:
        seen, nothing, again = render(flag), render(gone), render(flag)
    assert nothing is None
    assert seen is not None
    assert again is not None
    assert len(seen["sprites"]) == len(seen["angles"]) > 0
    assert np.array_equal(seen["sprites"], again["sprites"])
    assert np.array_equal(seen["angles"], again["angles"])
    solid = seen["sprites"][seen["sprites"][..., 3] == 255]
    assert len(solid) > 10
    assert (solid[:, 0] > 50).all()
    assert (solid[:, 1:3] == 0).all()


@pytest.mark.parametrize(("kind", "rows", "kinds"), [("objects", 988, 17), ("grounds", 458, 9)])
def test_no_group_of_near_copies_is_on_two_sides_of_the_split(kind: str, rows: int, kinds: int) -> None:
    items = read_table(kind)
    assert (len(items), len({item.name for item in items}), len(classes(items))) == (rows, rows, kinds)
    sides = defaultdict(set)
    for item in items:
        sides[item.group].add(item.split)
    assert all(len(found) == 1 for found in sides.values())
    for label in classes(items):
        assert {item.split for item in items if item.label == label} == {0, 1, 2}, label


def test_the_tables_objects_are_sweet_homes_and_then_the_games() -> None:
    games = [item.name.startswith(zero_ad.SOURCE) for item in read_table("objects")]
    assert (sum(games), games) == (582, sorted(games))
