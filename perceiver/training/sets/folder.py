"""Images in class folders, as in ImageNet: CLASS/*.jpg, or train/CLASS/*.jpg and so on."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageOps
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...errors import DataError
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import TEST, TRAIN, VAL, Balanced, Examples
from .pixels import normalise

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_NAMES = {TRAIN: ("train",), VAL: ("val", "valid", "validation"), TEST: ("test", "val", "valid", "validation")}
# Without split folders: percentage thresholds of a hash of the file name; 10 % are for validation, 20 % for the test.
_VALIDATED, _TESTED = 10, 30


@dataclass(frozen=True)
class FolderAugmentation:
    """Augmentation of images: a random crop, mirrored at random.

    area    area of the crop relative to the image
    aspect  aspect ratio (width / height) of the crop relative to that of the model input
    mirror  whether half of the images are mirrored; not suitable for images of writing
    """

    area: tuple[float, float] = (0.35, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    mirror: bool = True

    def sentence(self) -> str:
        """Description for the model card."""
        mirrored = ", mirrored at random" if self.mirror else ""
        return f"a random crop of {self.area[0]:.0%} to {self.area[1]:.0%} of the area{mirrored}"


def is_class_folder(folder: Path) -> bool:
    """Whether a folder holds at least two folders of images, directly or in split folders, and no built data set."""
    return not any(folder.glob("*.npz")) and len(_classes(_split_folder(folder, TRAIN) or folder)) > 1


class FolderSet:
    """The images of one split of a folder; each image is its own group.

    Without a test split, "val" is the test split, as usual for ImageNet. Without any splits, a hash of the file names
    assigns a tenth to validation and a fifth to the test. Files are opened on demand.
    """

    caveats: tuple[str, ...] = ("It knows the classes of the folder that it was trained on and nothing else.",)

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        self.about = Data(
            name=f"Pictures of {folder.name}",
            licence="Not known; it is whoever's the pictures are.",
            split="The folder's own." if _split_folder(folder, TRAIN) else "By the names of the files.",
        )
        self.classes = tuple(_classes(_split_folder(folder, TRAIN) or folder))
        own = _split_folder(folder, split)
        if own is None and _split_folder(folder, TRAIN):
            raise DataError(f"{folder} has a folder train, and none of {', '.join(_NAMES[split])}")
        self.files: list[Path] = []
        labels = []
        for label, name in enumerate(self.classes):
            files = _pictures((own or folder) / name)
            chosen = [file for file in files if own or _split_of(file) == split]
            self.files += chosen
            labels += [label] * len(chosen)
        if not self.files:
            raise DataError(f"{own or folder} holds no pictures to {'train' if split == TRAIN else 'test'} on")
        self.labels: Int[Tensor, "n"] = torch.tensor(labels)
        self.shape = model.read_shape
        self.channels = int(model.preprocess.get("channels", 3))
        self.mean, self.std = model.preprocess["mean"], model.preprocess["std"]
        self.crop = float(model.preprocess.get("crop", 1.0))
        self._draw = Balanced(labels, list(range(len(labels))))

    def batch(self, count: int, augmentation: FolderAugmentation, generator: torch.Generator) -> Examples:
        """Randomly cropped images."""
        index = self._draw(count, generator)
        pictures = [self._cropped(self.files[i], augmentation, generator) for i in index.tolist()]
        return self._examples(index, pictures)

    def held_out(self) -> Examples:
        """The centre crops of all images of the split."""
        return self._examples(torch.arange(len(self.files)), [self._centred(file) for file in self.files])

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """No measures besides accuracy."""
        return {}

    def _cropped(
        self, file: Path, a: FolderAugmentation, generator: torch.Generator
    ) -> Float[np.ndarray, "H W channels"]:
        picture = _opened(file)
        area, place_x, place_y, mirror, stretch = torch.rand(5, generator=generator).tolist()
        low, high = (math.log(end) for end in a.aspect)
        aspect = math.exp(low + (high - low) * stretch) * self.shape[1] / self.shape[0]
        target = picture.width * picture.height * (a.area[0] + (a.area[1] - a.area[0]) * area)
        width = min(math.sqrt(target * aspect), float(picture.width))
        height = min(math.sqrt(target / aspect), float(picture.height))
        x, y = place_x * (picture.width - width), place_y * (picture.height - height)
        out = self._resized(picture, (x, y, x + width, y + height))
        return out[:, ::-1] if a.mirror and mirror < 0.5 else out

    def _centred(self, file: Path) -> Float[np.ndarray, "H W channels"]:
        picture = _opened(file)
        scale = min(picture.width / self.shape[1], picture.height / self.shape[0])
        width, height = (self.crop * scale * n for n in (self.shape[1], self.shape[0]))
        x, y = (picture.width - width) / 2, (picture.height - height) / 2
        return self._resized(picture, (x, y, x + width, y + height))

    def _resized(
        self, picture: Image.Image, box: tuple[float, float, float, float]
    ) -> Float[np.ndarray, "H W channels"]:
        size = (self.shape[1], self.shape[0])
        grey = picture.convert("L") if self.channels == 1 else picture
        values = np.asarray(grey.resize(size, Image.Resampling.BICUBIC, box=box), np.float32) / 255
        return values.reshape(*self.shape, self.channels)

    def _examples(self, index: Int[Tensor, "B"], pictures: list[Float[np.ndarray, "H W channels"]]) -> Examples:
        images = torch.from_numpy(np.stack([np.ascontiguousarray(picture) for picture in pictures]))
        return Examples(normalise(images, self.mean, self.std), self.labels[index], index.clone())


def _opened(file: Path) -> Image.Image:
    try:
        with Image.open(file) as picture:
            picture.draft("RGB", (512, 512))
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} is not a picture that can be read ({error})") from error


def _split_folder(folder: Path, split: int) -> Path | None:
    return next((folder / name for name in _NAMES[split] if (folder / name).is_dir()), None)


def _classes(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(inner.name for inner in folder.iterdir() if inner.is_dir() and _pictures(inner, one=True))


def _pictures(folder: Path, *, one: bool = False) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (file for file in folder.iterdir() if file.suffix.lower() in ENDINGS)
    return list(next(iter([[file] for file in found]), [])) if one else sorted(found)


def _split_of(file: Path) -> int:
    place = zlib.crc32(file.name.encode()) % 100
    return VAL if place < _VALIDATED else TEST if place < _TESTED else TRAIN
