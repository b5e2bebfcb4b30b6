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
from PIL.MpoImagePlugin import MpoImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ...errors import InputError
from .. import kinds
from ..base import DecodeError
from ..kinds import Kind, identify
from . import tiff
from .colour import Colour, to_srgb
from .containers import gif_frames, jpeg_scans, png_depth, without_metadata
from .named_colours import colour_space
from .tiff import TiffFile

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
    kinds.TIFF: TiffFile,
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
# Frames of animations are decoded one after the other: this many pixels take seconds, of noise half a minute.
_MOST_SEQUENTIAL = 250_000_000
_SEQUENTIAL = (kinds.GIF, kinds.PNG, kinds.WEBP, kinds.AVIF)


@dataclass(frozen=True)
class Picture:
    """Upright pixels in mode RGB and sRGB.

    notes   what was changed to make them so
    frame   the number of the frame that they are
    frames  in the file that can be chosen from
    """

    pixels: Image.Image
    notes: tuple[str, ...]
    frame: int
    frames: int


@dataclass(frozen=True)
class DecodeOptions:
    """What to decode of a picture, and how.

    background        what shows through transparent parts
    max_pixels        the most pixels that are decoded
    shorter, longer   sides that must be left when a large picture is averaged down
    frame             the number of the frame, as people count from 1; None for the first one at full size
    """

    background: Colour
    max_pixels: int
    shorter: int
    longer: int
    frame: float | None = None


def decode(data: bytes, name: str, options: DecodeOptions) -> Picture:
    """Decodes one frame of a picture file.

    name  as it is to be shown in messages

    Raises InputError for everything that is wrong with the file.
    """
    kind = identify(data, name)
    if kind is kinds.TIFF and tiff.is_camera_raw(data):
        kind = kinds.CAMERA
    if kind not in _READERS:
        raise InputError(f"{name} {_refusal(kind)}")
    try:
        return _decode(data, name, kind, options)
    except InputError:
        raise
    except DecodeError as error:
        raise InputError(f"{name} is {kind.phrase}, but {error}") from error
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
    picture, data = _open(data, kind, notes)
    frames = _frames(data, kind)
    frame = _chosen_frame(data, name, kind, frames, options.frame)
    if frames > 1:
        count = f"{frames:,}" if frames <= _MOST_FRAMES else f"more than {_MOST_FRAMES:,}"
        full = ", the first at full size" if frame and options.frame is None else ""
        notes.append(f"used frame {frame + 1} of {count}{full}")
    most = options.max_pixels // _COPIES.get(kind, 1)
    if isinstance(picture, MpoImageFile) and frame:
        picture.seek(frame)
        data = data[picture.offset :]
        picture = JpegImageFile(io.BytesIO(data))
    elif frame:
        _seek(picture, kind, name, frame, most)
    size = picture.size
    fraction = _limit(picture, data, name, most)
    # Pillow turns a TIFF itself, while loading, and takes the tag away.
    turned = picture.tag_v2.get(_ORIENTATION) if isinstance(picture, TiffFile) else None
    picture.load()
    orientation = _orientation(picture)
    reduce = _reduction(picture.size, options)
    if fraction * reduce > 1:
        notes.append(f"read its {size[0]:,} × {size[1]:,} pixels at 1/{fraction * reduce} of their size")
    if isinstance(picture, TiffFile) and (extra := picture.left_out):
        notes.append(
            f"left out {extra} {'channel' if extra == 1 else 'channels'} whose meaning the file does not state"
        )
    space = colour_space(data, kind, picture.info, notes)
    pixels, changes = to_srgb(
        picture,
        background=options.background,
        depth=png_depth(data) if kind is kinds.PNG else 8,
        reduce=reduce,
        space=space,
    )
    if orientation in _TURNS:
        pixels = pixels.transpose(_TURNS[orientation])
    if (orientation or turned) in _TURNS:
        notes.append("turned it upright, as its orientation tag asks")
    return Picture(pixels, (*notes, *changes), frame, min(frames, _MOST_FRAMES))


def _open(data: bytes, kind: Kind, notes: list[str]) -> tuple[ImageFile, bytes]:
    """Parses the headers; a second attempt leaves out the metadata, which is often the only damaged part.

    Returns the reader and the bytes that it reads.
    """
    try:
        return _READERS[kind](io.BytesIO(data)), data
    except (Image.DecompressionBombError, DecodeError):
        raise
    except Exception:
        bare = without_metadata(data)
        if bare == data:
            raise
        picture = _READERS[kind](io.BytesIO(bare))
    notes.append("ignored its metadata (colour profile, orientation, comments), which are damaged")
    return picture, bare


def _chosen_frame(data: bytes, name: str, kind: Kind, frames: int, wanted: float | None) -> int:
    """The number of the frame to read. Raises InputError where there is none of the wanted number."""
    if wanted is None:
        first = tiff.first_full_page(data) if kind is kinds.TIFF else 0
        return first if first < frames else 0
    if wanted != int(wanted) or wanted < 1:
        raise InputError(f"{name} has no frame {wanted:g}: frames are counted 1, 2, 3 and so on")
    if wanted > min(frames, _MOST_FRAMES):
        there = f"has {frames:,} {'frame' if frames == 1 else 'frames'}"
        if frames > _MOST_FRAMES:
            there = f"has more than {_MOST_FRAMES:,} frames, of which only these can be chosen"
        raise InputError(f"{name} {there}, so frame {wanted:,.0f} cannot be read")
    return int(wanted) - 1


def _seek(picture: ImageFile, kind: Kind, name: str, frame: int, max_pixels: int) -> None:
    """Sets a picture to a frame; animations are decoded up to it, within limits."""
    if kind not in _SEQUENTIAL:
        picture.seek(frame)
        return
    decoded = 0
    for number in range(1, frame + 1):
        picture.seek(number)
        pixels = picture.width * picture.height
        decoded += pixels
        if pixels > max_pixels or decoded > _MOST_SEQUENTIAL:
            raise InputError(
                f"{name} has frames of {picture.width:,} x {picture.height:,} pixels, of which {frame + 1:,} are too "
                "many to decode; choose an earlier frame, or save that frame as a picture of its own"
            )


def _frames(data: bytes, kind: Kind) -> int:
    """Frames in the file, counted to one more than is said in numbers."""
    if kind is kinds.GIF:
        return gif_frames(data, _MOST_FRAMES)
    if kind is kinds.TIFF:
        return max(min(tiff.pages(data), _MOST_FRAMES + 1), 1)
    try:
        # Counting moves the reader and may break it on damaged later frames, so it gets one of its own.
        return int(getattr(_READERS[kind](io.BytesIO(data)), "n_frames", 1))
    except Exception:  # damage behind the first frame
        return 1


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
    if not isinstance(picture, TiffFile):
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
    if kind is kinds.CAMERA:
        return (
            f"is {kind.phrase}: values of the sensor that are not developed yet, and small previews; export it as "
            "JPEG or PNG from the camera or a photo program and try again"
        )
    if kind.medium == "picture":
        return f"is {kind.phrase}, a kind that is not read here; save it as JPEG or PNG and try again"
    return f"is {kind.phrase}, not a picture"
