"""Images in class folders, as in ImageNet: CLASS/*.jpg, or train/CLASS/*.jpg and so on."""

from __future__ import annotations

import math
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
from . import layouts
from .base import Balanced, Examples
from .pixels import normalise

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


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
    return not any(folder.glob("*.npz")) and layouts.is_class_folder(folder, ENDINGS)


class FolderSet:
    """The images of one split of a folder; each image is its own group.

    Splits are those of `layouts.read_class_folder`. Files are opened on demand.
    """

    caveats: tuple[str, ...] = ("It knows the classes of the folder that it was trained on and nothing else.",)

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        listed = layouts.read_class_folder(folder, split, ENDINGS, "pictures")
        self.about = Data(
            name=f"Pictures of {folder.name}",
            licence="Not known; it is whoever's the pictures are.",
            split=listed.split,
        )
        self.classes = listed.classes
        self.files = [file.path for file in listed.files]
        labels = [file.labels[0] for file in listed.files]
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
