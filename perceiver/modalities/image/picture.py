"""Decodes picture files to upright 8-bit sRGB pixels.

`Image.open` is not used. It checks sizes against `Image.MAX_IMAGE_PIXELS`, one number for the whole process: it
refuses honest panoramas, lets half a gigabyte through below it, and whoever changes it changes it for every other
thread. The kind is known from the first bytes, so its reader is called directly; readers parse headers and decode
nothing until `load`, and in between the size meets this call's own limit. No global switch is set; the few readers
that ask Pillow's number themselves can only refuse, and their refusal is put into the same words.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile, jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ...errors import InputError
from .. import kinds
from ..kinds import Kind, identify
from .colour import Colour, to_srgb
from .containers import gif_frames, jpeg_scans, png_depth, without_metadata

# A JPEG can be decoded at a fraction of its size, so it may be this many times larger than other pictures.
JPEG_ALLOWANCE = 8
# These decoders hold several copies of the picture at once, so theirs may be this many times smaller.
_COPIES = {kinds.WEBP: 2, kinds.AVIF: 2}
# Larger pictures are averaged down to what is needed as soon as they are decoded.
_KEPT_WHOLE = 16_000_000
# Numbers written as text are read slowly.
_MOST_TEXT_BYTES = 4 << 20

_READERS: dict[Kind, Callable[[io.BytesIO], ImageFile]] = {
    kinds.AVIF: AvifImageFile,
    kinds.BMP: BmpImageFile,
    kinds.GIF: GifImageFile,
    kinds.JPEG: jpeg_factory,
    kinds.PNG: PngImageFile,
    kinds.PNM: PpmImageFile,
    kinds.TIFF: TiffImageFile,
    kinds.WEBP: WebPImageFile,
}
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TILE_WIDTH, _TILE_LENGTH = 322, 323
# A scan of a few bytes can cost a pass over the whole picture; real files have a dozen.
_MOST_SCANS = 100
# Counting frames walks the file; more than this many are not worth the walk.
_MOST_FRAMES = 1000


@dataclass(frozen=True)
class Picture:
    """Upright pixels in mode RGB and sRGB, and what was changed to make them so."""

    pixels: Image.Image
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DecodeOptions:
    """What to decode of a picture, and how.

    background        what shows through transparent parts
    max_pixels        the most pixels that are decoded
    shorter, longer   sides that must be left when a large picture is averaged down
    """

    background: Colour
    max_pixels: int
    shorter: int
    longer: int


def decode(data: bytes, name: str, options: DecodeOptions) -> Picture:
    """Decodes the first frame of a picture file.

    name  as it is to be shown in messages

    Raises InputError for everything that is wrong with the file.
    """
    kind = identify(data, name)
    if kind not in _READERS:
        raise InputError(f"{name} {_refusal(kind)}")
    try:
        return _decode(data, name, kind, options)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{name} unpacks to far more than the {options.max_pixels:,} pixels that are read at most"
        ) from error
    except MemoryError as error:
        raise InputError(f"{name} needs more memory than there is; save it smaller and try again") from error
    except Exception as error:  # readers raise whatever their parsing trips over
        raise InputError(
            f"{name} is {kind.phrase}, but its data are cut off, damaged or of a variant that is not read"
        ) from error


def _decode(data: bytes, name: str, kind: Kind, options: DecodeOptions) -> Picture:
    notes: list[str] = []
    picture = _open(data, kind, notes)
    if (frames := _frames(data, kind)) > 1:
        notes.append(f"used frame 1 of {f'{frames:,}' if frames <= _MOST_FRAMES else f'more than {_MOST_FRAMES:,}'}")
    size = picture.size
    fraction = _limit(picture, data, name, options.max_pixels // _COPIES.get(kind, 1))
    # Pillow turns a TIFF itself, while loading, and takes the tag away.
    turned = picture.tag_v2.get(_ORIENTATION) if isinstance(picture, TiffImageFile) else None
    picture.load()
    orientation = _orientation(picture)
    reduce = _reduction(picture.size, options)
    if fraction * reduce > 1:
        notes.append(f"read its {size[0]:,} x {size[1]:,} pixels at 1/{fraction * reduce} of their size")
    depth = png_depth(data) if kind is kinds.PNG else 8
    pixels, changes = to_srgb(picture, background=options.background, depth=depth, reduce=reduce)
    if orientation in _TURNS:
        pixels = pixels.transpose(_TURNS[orientation])
    if (orientation or turned) in _TURNS:
        notes.append("turned it upright, as its orientation tag asks")
    return Picture(pixels, (*notes, *changes))


def _open(data: bytes, kind: Kind, notes: list[str]) -> ImageFile:
    """Parses the headers; a second attempt leaves out the metadata, which is often the only damaged part."""
    try:
        return _READERS[kind](io.BytesIO(data))
    except Image.DecompressionBombError:
        raise
    except Exception:
        bare = without_metadata(data)
        if bare == data:
            raise
        picture = _READERS[kind](io.BytesIO(bare))
    notes.append("ignored its metadata (colour profile, orientation, comments), which are damaged")
    return picture


def _frames(data: bytes, kind: Kind) -> int:
    """Frames in the file, counted to one more than is said in numbers."""
    if kind is kinds.GIF:
        return gif_frames(data, _MOST_FRAMES)
    frames = 1
    try:
        # Counting moves the reader and may break it on damaged later frames, so it gets one of its own.
        picture = _READERS[kind](io.BytesIO(data))
        if not isinstance(picture, TiffImageFile):
            return int(getattr(picture, "n_frames", 1))
        while frames <= _MOST_FRAMES:
            picture.seek(frames)
            frames += 1
    except Exception:  # the end of the pages, or damage behind the first frame, which is all that is used
        pass
    return frames


def _limit(picture: ImageFile, data: bytes, name: str, max_pixels: int) -> int:
    """Refuses a picture that would take too much memory or time, by its headers alone.

    A larger JPEG is set to be decoded at a fraction of its size; returns what it is divided by.
    """
    width, height = picture.size
    pixels, most = width * height, max_pixels
    if _tile_pixels(picture) > max_pixels:
        raise InputError(
            f"{name} is a TIFF picture in tiles of {_tile_pixels(picture):,} pixels; at most {most:,} are read"
        )
    if isinstance(picture, PpmImageFile) and data[1:2] in b"123" and len(data) > _MOST_TEXT_BYTES:
        raise InputError(
            f"{name} is a PNM picture written as text, which is read up to {_MOST_TEXT_BYTES >> 20} MB only"
        )
    if isinstance(picture, JpegImageFile):
        scans = jpeg_scans(data)
        if scans is None or not scans.ended:
            raise InputError(f"{name} is a JPEG picture that was cut off: the end of its data is missing")
        if scans.count > _MOST_SCANS:
            raise InputError(f"{name} is a JPEG picture of {scans.count:,} scans; at most {_MOST_SCANS} are read")
        if scans.streamed:
            most *= JPEG_ALLOWANCE
    if pixels > most:
        raise InputError(
            f"{name} has {width:,} x {height:,} pixels, {pixels:,} in all; at most {most:,} are read, "
            "so save it smaller and try again"
        )
    fraction = next(s for s in (1, 2, 4, 8) if -(-width // s) * -(-height // s) <= max_pixels)
    if fraction > 1:
        picture.draft(None, (max(width // fraction, 1), max(height // fraction, 1)))
    return fraction


def _reduction(size: tuple[int, int], options: DecodeOptions) -> int:
    """How many pixels a side are averaged into one: as many as the options allows if the picture is large, else one."""
    if size[0] * size[1] <= _KEPT_WHOLE:
        return 1
    return max(min(min(size) // options.shorter, max(size) // options.longer), 1)


def _tile_pixels(picture: ImageFile) -> int:
    """Pixels of one tile of a tiled TIFF, which may be larger than the picture and is held whole."""
    if not isinstance(picture, TiffImageFile):
        return 0
    return int(picture.tag_v2.get(_TILE_WIDTH, 0)) * int(picture.tag_v2.get(_TILE_LENGTH, 0))


def _orientation(picture: ImageFile) -> int | None:
    try:
        tag = picture.getexif().get(_ORIENTATION)
        return tag if tag in _TURNS else None
    except Exception:  # damaged EXIF says nothing, and is no reason to refuse a good picture
        return None


def _refusal(kind: Kind | None) -> str:
    """Why a file is not a supported picture; follows the file's name in a message."""
    if kind is None:
        return "is not a picture of a kind that is read (JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP, PNM)"
    if kind is kinds.EMPTY:
        return "is an empty file: there is nothing in it"
    if kind.medium == "picture":
        return f"is {kind.phrase}, a kind that is not read here; save it as JPEG or PNG and try again"
    return f"is {kind.phrase}, not a picture"
