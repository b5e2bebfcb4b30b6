"""The files that mutations begin with: small real ones of every kind.

`python -m tests.fuzz.corpus` writes those of media into corpus/, so that they stay the same when encoders change;
checkpoints are made when they are needed.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import perceiver
from perceiver import Perceiver
from tests.checkpoints.formats.test_hostile import KINDS, folder_of
from tests.checkpoints.formats.test_krasserm import FORMATS
from tests.models import tied

FOLDER = Path(__file__).parent / "corpus"
MEDIA = ("image", "audio", "points", "video")


@dataclass(frozen=True)
class Seed:
    """A file, or the files of a checkpoint, by name."""

    name: str
    files: Mapping[str, bytes] = field(repr=False)


@cache
def seeds_of(reader: str) -> tuple[Seed, ...]:
    """The files of a reader."""
    if reader == "checkpoints":
        return tuple(_checkpoints())
    # Clips are videos with sound; what only the one or the other holds has to be refused.
    folder = FOLDER / ("video" if reader == "audiovisual" else reader)
    return tuple(Seed(path.name, {path.name: path.read_bytes()}) for path in sorted(folder.iterdir()))


def _checkpoints() -> Iterator[Seed]:
    """Checkpoints of every format, in safetensors files and pickles."""
    torch.manual_seed(0)
    model = Perceiver(tied())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = _files(perceiver.save(model, folder / "own"))
        yield Seed("own", own)
        for kind in KINDS:
            yield Seed(kind, _files(folder_of(kind, folder / kind)))
        state = model.state_dict()
        training = {
            "state_dict": {f"model.{name}": value for name, value in state.items()},
            "ema": [value.clone() for value in state.values()],
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3, 8)}}, "param_groups": [{"lr": 1e-3}]}],
            "epoch": 3,
            "callbacks": {"EMA": {"shadow": {name: value.half() for name, value in state.items()}}},
        }
        config = {"config.json": own["config.json"]}
        for title, value in (("pickle", state), ("training", training)):
            out = io.BytesIO()
            torch.save(value, out)
            yield Seed(title, config | {"weights.ckpt": out.getvalue()})
    for file in ("weights.pt", "training.ckpt"):
        yield Seed(f"krasserm-{file}", {file: (FORMATS / file).read_bytes()})


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".md"}


def _write() -> None:
    makers: Mapping[str, Callable[[], Mapping[str, bytes]]] = {
        "image": _pictures,
        "audio": _sounds,
        "points": _clouds,
        "video": _videos,
    }
    for medium, make in makers.items():
        (FOLDER / medium).mkdir(parents=True, exist_ok=True)
        for name, data in make().items():
            (FOLDER / medium / name).write_bytes(data)


def _pictures() -> dict[str, bytes]:
    from PIL import PngImagePlugin

    from tests.modalities import files, tiffs

    picture, grey = files.noise(12, 9), files.noise(12, 9, "L")
    frames = {"save_all": True, "append_images": [picture.rotate(180)], "duration": 40}
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "noise")
    icc = files.swapped_profile()
    values = np.random.default_rng(0).random((9, 12)).astype(np.float32)
    deep = (values * 65535).astype(np.uint16)
    colours = np.stack([deep] * 3, axis=-1)
    page = tiffs.Page(colours, photometric=2, planar=2, deflate=True, predictor=2)
    tiled = tiffs.Page(colours.astype(np.uint8), photometric=2, tile=(16, 16), below=(tiffs.Page(deep),))
    rows = b"".join(b"\0" + bytes(range(24)) for _ in range(4))
    return {
        "plain.jpg": files.save(picture, "JPEG", exif=files.exif(6)),
        "progressive.jpg": files.save(picture, "JPEG", progressive=True, icc_profile=icc, comment=b"noise"),
        "cmyk.jpg": files.save(picture.convert("CMYK"), "JPEG"),
        "two.mpo": files.save(picture, "MPO", save_all=True, append_images=[grey.convert("RGB")]),
        "plain.png": files.save(picture, pnginfo=text, exif=files.exif(3)),
        "palette.png": files.save(picture.quantize(7), transparency=2, icc_profile=icc),
        "deep.png": files.png(4, 4, 16, 2, rows, files.chunk(b"gAMA", (45455).to_bytes(4, "big"))),
        "coded.png": files.png(4, 4, 16, 2, rows, files.chunk(b"cICP", bytes((9, 16, 0, 1)))),
        "moving.png": files.save(picture, **frames),
        "moving.gif": files.save(picture.quantize(8), "GIF", **frames | {"append_images": [picture.quantize(5)]}),
        "plain.webp": files.save(picture, "WEBP", quality=50, exif=files.exif(5)),
        "moving.webp": files.save(picture, "WEBP", **frames),
        "plain.avif": files.save(picture, "AVIF", quality=40),
        "moving.avif": files.save(picture, "AVIF", **frames),
        "plain.bmp": files.save(picture, "BMP"),
        "palette.bmp": files.save(picture.quantize(7), "BMP"),
        "planes.tif": tiffs.write(page),
        "big.tif": tiffs.write(tiffs.Page(deep), page, big=True),
        "tiles.tif": tiffs.write(tiled),
        "floats.tif": tiffs.write(tiffs.Page(values, predictor=3, deflate=True)),
        "packed.tif": files.save(picture, "TIFF", compression="tiff_lzw", icc_profile=icc),
        "fax.tif": files.save(picture.convert("1"), "TIFF", compression="group4"),
        "jpeg.tif": files.save(picture, "TIFF", compression="jpeg"),
        "plain.ppm": files.save(picture, "PPM"),
        "text.pgm": b"P2\n# noise\n4 3\n255\n" + b" ".join(b"%d" % n for n in range(0, 240, 20)) + b"\n",
        "bits.pbm": files.save(picture.convert("1"), "PPM"),
        "floats.pfm": b"Pf\n12 9\n-1.0\n" + values.tobytes(),
    }


def _sounds() -> dict[str, bytes]:
    from tests.modalities.audio.sounds import encode, placed, tone, write

    short, stereo = tone(0.15, 8000), np.stack([tone(0.1, 8000), tone(0.1, 8000, 660.0)], axis=1)
    cd, long = tone(0.12, 44_100), tone(0.12, 48_000)
    parts = [(0.0, tone(0.06, 48_000)), (0.2, tone(0.06, 48_000))]
    return {
        "plain.wav": write(short, 8000),
        "stereo.wav": write(stereo, 8000, "WAVEX", "PCM_24"),
        "floats.wav": write(stereo, 8000, "WAV", "FLOAT"),
        "adpcm.wav": write(short, 8000, "WAV", "IMA_ADPCM"),
        "gsm.wav": write(short, 8000, "WAV", "GSM610"),
        "law.wav": write(short, 8000, "WAV", "ULAW"),
        "large.rf64": write(short, 8000, "RF64"),
        "plain.w64": write(short, 8000, "W64"),
        "plain.aiff": write(stereo, 8000, "AIFF", "PCM_16"),
        "plain.caf": write(short, 8000, "CAF", "ALAC_16"),
        "plain.au": write(short, 8000, "AU"),
        "g723.au": write(short, 8000, "AU", "G723_24"),
        "plain.flac": write(short, 8000, "FLAC"),
        "vorbis.ogg": write(short, 8000, "OGG", "VORBIS"),
        "opus.ogg": write(short, 8000, "OGG", "OPUS"),
        "plain.mp3": b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + write(short, 8000, "MP3"),
        "plain.m4a": encode(cd, 44_100, "ipod", "aac"),
        "alac.mp4": encode(cd, 44_100, "mp4", "alac"),
        "pieces.mp4": encode(long, 48_000, "mp4", "aac", movflags="empty_moov", frag_duration="40000"),
        "gaps.mp4": placed(parts, 48_000, "mp4", "aac"),
        "plain.mov": encode(tone(0.1, 8000), 8000, "mov", "pcm_s16le"),
        "plain.webm": encode(long, 48_000, "webm", "libopus"),
        "live.webm": encode(long, 48_000, "webm", "libopus", live="1"),
        "gaps.mkv": placed(parts, 48_000, "matroska", "flac"),
        "plain.aac": encode(cd, 44_100, "adts", "aac"),
        "plain.ts": encode(cd, 44_100, "mpegts", "aac"),
        "plain.flv": encode(cd, 44_100, "flv", "aac"),
        "plain.avi": encode(cd, 44_100, "avi", "libmp3lame"),
        # A frame of 12.2 kbit/s is a byte of its mode and 31 of anything; FFmpeg has no encoder.
        "noise.amr": b"#!AMR\n" + b"".join(b"\x3c" + np.random.default_rng(n).bytes(31) for n in range(8)),
        "plain.wma": encode(cd, 44_100, "asf", "libmp3lame"),
    }


def _clouds() -> dict[str, bytes]:
    from tests.modalities.points import files
    from tests.modalities.points.files import BOX, BOX_FACES, CORNERS, FACES, POINTS, SQUARE
    from tests.modalities.points.test_las import las

    points = POINTS[:20]
    doubles = ["double x", "double y", "double z"]
    mesh: dict[str, Any] = {"faces": [(0, 1, 2), (3, 4, 5, 6)]}
    coloured = [[*row, 10, 20, 30] for row in points.tolist()]
    plain, packed = io.BytesIO(), io.BytesIO()
    np.save(plain, points)
    np.savez_compressed(packed, points=points, colours=np.zeros((20, 3), np.uint8))
    records = io.BytesIO()
    np.save(records, files.cloud_rows(points, intensity=np.arange(20, dtype=np.uint16)))
    table = b"".join(b"%.3f,%.3f,%.3f,1,2,3\n" % tuple(row) for row in points.tolist())
    posed = files.scene(
        nodes=[{"mesh": 0, "skin": 0, "weights": [0.5]}, {"translation": [0, 1, 0], "rotation": [0, 0, 0, 1]}],
        scenes=[{"nodes": [0, 1]}],
        skins=[{"joints": [1]}],
        meshes=[
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 0, "JOINTS_0": 1, "WEIGHTS_0": 2},
                        "indices": 3,
                        "targets": [{"POSITION": 0}],
                    }
                ]
            }
        ],
        accessors=[
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 0, "byteOffset": 36, "componentType": 5121, "count": 3, "type": "VEC4"},
            {"bufferView": 0, "byteOffset": 48, "componentType": 5126, "count": 3, "type": "VEC4"},
            {"bufferView": 0, "byteOffset": 96, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        bufferViews=[{"buffer": 0, "byteLength": 104}],
        buffers=[{"byteLength": 104}],
    )
    shares = np.tile(np.array([1, 0, 0, 0], "<f4"), (3, 1))
    values = files.TRIANGLE.tobytes() + bytes(12) + shares.tobytes() + np.arange(4, dtype="<u2").tobytes()
    return {
        "text.ply": files.ply(coloured, [*doubles, "uchar red", "uchar green", "uchar blue"], **mesh),
        "little.ply": files.ply(points.tolist(), doubles, "binary_little_endian", **mesh),
        "big.ply": files.ply(points.tolist(), ["float x", "float y", "float z"], "binary_big_endian"),
        "text.pcd": files.pcd(files.cloud_rows(points), "ascii"),
        "plain.pcd": files.pcd(files.cloud_rows(points, rgb=np.zeros(20, np.uint32)), "binary"),
        "packed.pcd": files.pcd(files.cloud_rows(points), "binary_compressed"),
        "box.off": ("OFF\n4 4 0\n" + CORNERS + FACES).encode(),
        "square.obj": (SQUARE + "vn 0 0 1\nvt 0 0\ng part\nf 1/1/1 2//1 3\nf -1 -2 -3 -4\n").encode(),
        "box.stl": files.stl(BOX[BOX_FACES]),
        "text.stl": files.stl_text(BOX[BOX_FACES][:4]),
        "scene.glb": files.glb(files.scene()),
        "posed.glb": files.glb(posed, values),
        "survey.las": las(),
        "survey.laz": las(7, "1.4", packed=True),
        "table.csv": b"x,y,z,r,g,b\n" + table,
        "plain.xyz": table.replace(b",", b" "),
        "number.txt": b"".join(
            b"%d %s" % (n, row + b"\n") for n, row in enumerate(table.replace(b",", b" ").split(b"\n")[:-1])
        ),
        "count.pts": b"20\n" + table.replace(b",", b" "),
        "array.npy": plain.getvalue(),
        "records.npy": records.getvalue(),
        "archive.npz": packed.getvalue(),
    }


def _videos() -> dict[str, bytes]:
    from tests.modalities.audiovisual.clips import clip, numbered, tone
    from tests.modalities.files import noise, save

    small, sound = numbered(32, 24), tone(0.2, 16_000)
    aac: dict[str, Any] = {"sound": sound, "rate": 16_000, "audio_codec": "aac"}
    mp3: dict[str, Any] = {"sound": tone(0.1, 44_100), "rate": 44_100, "audio_codec": "libmp3lame"}
    opus: dict[str, Any] = {"sound": tone(0.2), "audio_codec": "libopus"}
    picture = noise(12, 9).quantize(8)
    see_through = [np.full((24, 32, 4), 100 + number, np.uint8) for number in range(4)]
    return {
        "plain.mp4": clip(small, count=6, **aac),
        "turned.mp4": clip(small, count=4, turned=90, gop=2),
        "mpeg4.mov": clip(small, count=4, container="mov", codec="mpeg4", sound=sound[:800], rate=16_000),
        "pieces.mp4": clip(small, count=6, codec="mpeg4", options={}, gop=2),
        "plain.webm": clip(small, count=5, container="webm", codec="libvpx", **opus),
        "vp9.webm": clip(small, count=4, container="webm", codec="libvpx-vp9"),
        "alpha.webm": clip(see_through, container="webm", codec="libvpx-vp9", pix_fmt="yuva420p"),
        "lossless.mkv": clip(small, count=3, container="matroska", codec="ffv1", pix_fmt="bgr0"),
        "motion.avi": clip(
            small, count=3, container="avi", codec="mjpeg", pix_fmt="yuvj420p", sound=sound[:800], rate=16_000
        ),
        "mpeg4.avi": clip(small, count=4, container="avi", codec="mpeg4"),
        "plain.mpg": clip(small, count=5, container="mpeg", codec="mpeg1video"),
        "plain.ts": clip(small, count=5, container="mpegts", codec="mpeg2video", **aac),
        "plain.flv": clip(
            small, count=4, container="flv", codec="flv1", sound=tone(0.1, 44_100), rate=44_100, audio_codec="aac"
        ),
        "plain.wmv": clip(small, count=4, container="asf", codec="wmv2", **mp3),
        "moving.gif": save(picture, "GIF", save_all=True, append_images=[picture.rotate(180)], duration=40),
    }


if __name__ == "__main__":
    _write()
