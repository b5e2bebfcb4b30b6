"""LAS and LAZ, written by laspy (PCL-02, PCL-10)."""

from __future__ import annotations

import io

import laspy
import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.points.readers import Cloud, read_cloud
from tests.modalities.points.files import POINTS

SURVEY = POINTS + np.array([500_000, 5_400_000, 120])


def las(form: int = 3, version: str = "1.2", *, packed: bool = False, colour: int = 257 * 100) -> bytes:
    header = laspy.LasHeader(point_format=form, version=version)
    header.offsets, header.scales = np.array([500_000, 5_400_000, 0]), np.full(3, 1e-4)
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = SURVEY.T
    if form in (3, 7):
        cloud.red, cloud.green, cloud.blue = (np.full(50, value, np.uint16) for value in (colour, 0, colour))
    out = io.BytesIO()
    cloud.write(out, do_compress=packed)
    return out.getvalue()


def read(data: bytes, most: int = 1000) -> Cloud:
    return read_cloud(data, "a.las", most)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("form", "version"), [(0, "1.2"), (3, "1.2"), (7, "1.4")])
def test_reads_survey_coordinates_in_double_precision(form: int, version: str, packed: bool) -> None:
    cloud = read(las(form, version, packed=packed))
    assert np.abs(cloud.points - SURVEY).max() < 1e-8
    assert (cloud.colours is None) == (form == 0)
    if cloud.colours is not None:
        assert cloud.colours[0].tolist() == [100, 0, 100]
    assert cloud.notes[-1].startswith("left out its fields intensity, ")


def test_says_when_colours_use_a_sliver_of_their_range() -> None:
    assert "no more than 255 of 65,535 levels" in read(las(colour=200)).notes[0]
    # Colours that were never set are none.
    assert read(las(colour=0)).colours is None


@pytest.mark.parametrize("packed", [False, True])
def test_says_what_is_wrong(packed: bool) -> None:
    data = las(packed=packed)
    with pytest.raises(InputError, match=r"a\.las .*cut off"):
        read(data[:-100])
    claim = data[:107] + (50_000_000).to_bytes(4, "little") + data[111:]
    with pytest.raises(InputError, match="holds 50,000,000 points; at most 1,000 are read"):
        read(claim)
    few = data[:107] + (60).to_bytes(4, "little") + data[111:]
    with pytest.raises(InputError, match="packed points are cut off" if packed else "60 points, but there are only 50"):
        read(few)
    with pytest.raises(InputError, match="unpacks to 1,621 MB" if packed else "there are only 50"):
        read(claim, 10**9)
    with pytest.raises(InputError, match="cut off or whose header is damaged"):
        read(data[:150])
    with pytest.raises(InputError, match="a LAS point cloud, but its data are cut off, damaged"):
        read(b"LASF" + bytes(400))
    # Four thousand million records of nothing.
    with pytest.raises(InputError, match="header is damaged"):
        read(data[:100] + b"\xff" * 4 + data[104:])


def test_a_packing_that_claims_endless_chunks_ends_its_own_process_alone() -> None:
    data = las(packed=True)
    points_at = int.from_bytes(data[96:100], "little")
    table = int.from_bytes(data[points_at : points_at + 8], "little")
    with pytest.raises(InputError, match=r"a\.las is a LAZ point cloud, but its packed points are cut off or damaged"):
        read(data[: table + 4] + b"\xff" * 4 + data[table + 8 :])
