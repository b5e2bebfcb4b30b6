"""Images in class folders, as in ImageNet: CLASS/*.jpg, or train/CLASS/*.jpg and so on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageOps
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...errors import DataError, InputError
from ...modalities.image.modality import MODALITY
from ...modalities.image.picture import DecodeOptions, decode
from ...modalities.image.settings import ImageSettings
from ...modalities.kinds import JPEG, identify
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from . import layouts
from .base import Balanced, Examples
from .pixels import normalise

# Pixels that are left of the sides of a large JPEG, and how many times finer than the model's other pictures stay.
_DRAFT, _FINER = (512, 512), 4
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
        self.model, self.settings = model, ImageSettings.of(model.preprocess)
        self.shape = model.read_shape
        self._draw = Balanced(labels, list(range(len(labels))))

    def batch(self, count: int, augmentation: FolderAugmentation, generator: torch.Generator) -> Examples:
        """Randomly cropped images."""
        index = self._draw(count, generator)
        pictures = [self._cropped(self.files[i], augmentation, generator) for i in index.tolist()]
        images = torch.from_numpy(np.stack([np.ascontiguousarray(picture) for picture in pictures]))
        content = normalise(images, self.settings.mean, self.settings.std)
        return Examples(content, self.labels[index], index.clone())

    def held_out(self) -> Examples:
        """All images of the split, as the image modality reads them."""
        content = torch.stack([self._read(file) for file in self.files])
        return Examples(content, self.labels, torch.arange(len(self.files)))

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """No measures besides accuracy."""
        return {}

    def _read(self, file: Path) -> Float[Tensor, "M channels"]:
        try:
            data = file.read_bytes()
            sample = MODALITY.read(data, file.name, shape=self.model.input_shape, preprocess=self.model.preprocess)
        except (OSError, InputError) as error:
            raise _unreadable(file, error) from error
        return sample.content

    def _cropped(
        self, file: Path, a: FolderAugmentation, generator: torch.Generator
    ) -> Float[np.ndarray, "H W channels"]:
        picture = self._opened(file)
        area, place_x, place_y, mirror, stretch = torch.rand(5, generator=generator).tolist()
        low, high = (math.log(end) for end in a.aspect)
        aspect = math.exp(low + (high - low) * stretch) * self.shape[1] / self.shape[0]
        target = picture.width * picture.height * (a.area[0] + (a.area[1] - a.area[0]) * area)
        width = min(math.sqrt(target * aspect), float(picture.width))
        height = min(math.sqrt(target / aspect), float(picture.height))
        x, y = place_x * (picture.width - width), place_y * (picture.height - height)
        grey = picture.convert("L") if self.settings.channels == 1 else picture
        resized = grey.resize((self.shape[1], self.shape[0]), self.settings.resample, box=(x, y, x + width, y + height))
        out = np.asarray(resized, np.float32).reshape(*self.shape, self.settings.channels) / 255
        return out[:, ::-1] if a.mirror and mirror < 0.5 else out

    def _opened(self, file: Path) -> Image.Image:
        """The picture, upright, in sRGB and without transparency."""
        try:
            data = file.read_bytes()
            if identify(data, file.name) is JPEG:
                with Image.open(BytesIO(data)) as picture:
                    if _is_plain(picture):
                        picture.draft(None, _DRAFT)
                        return ImageOps.exif_transpose(picture).convert("RGB")
            return decode(data, file.name, self._decoding).pixels
        except (OSError, ValueError, InputError, Image.DecompressionBombError) as error:
            raise _unreadable(file, error) from error

    @property
    def _decoding(self) -> DecodeOptions:
        side = _FINER * max(self.shape)
        return DecodeOptions(self.settings.background, MODALITY.max_pixels, shorter=side, longer=side)


def _is_plain(picture: Image.Image) -> bool:
    """Whether a JPEG is an ordinary one, which is decoded quickly at a fraction of its size."""
    return picture.format == "JPEG" and picture.mode in ("L", "RGB") and "icc_profile" not in picture.info


def _unreadable(file: Path, error: Exception) -> DataError:
    return DataError(f"{file} is not a picture that can be read ({error})")
