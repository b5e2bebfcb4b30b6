"""Weights as `torch.save` writes them: a zip archive with a pickle inside, read without running what it may hold.

PyTorch reads it with weights_only=True and nothing else ever does. What that refuses is refused here with its reason,
found among the pickle's instructions, which are listed and never carried out.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from .header import RE_SAVE, Entry

_AGAIN = "download it again"
_MAX_PICKLE = 64 * 2**20
_MAX_TENSORS = 100_000
_MAX_INSTRUCTIONS = 20_000_000
_DTYPES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
# Where training tools put the model's tensors, in the order to look.
_PLACES = ("state_dict", "model_state_dict", "model", "module", "sd", "weights", "net")
_KEPT = ("hyper_parameters", "hparams")


class _Values(dict):  # type: ignore[type-arg]
    """Stands in for a dictionary or a record of settings that a checkpoint names: it holds values and runs nothing."""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, Mapping):
            self.update(state)


# Settings beside the weights that are known to be harmless: the classes are not imported, `_Values` stands for them.
STAND_INS = (
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "perceiver.model.core.config.ClassificationDecoderConfig",
    "perceiver.model.core.config.EncoderConfig",
    "perceiver.model.core.config.DecoderConfig",
    "perceiver.model.core.config.PerceiverIOConfig",
    "perceiver.model.vision.image_classifier.backend.ImageEncoderConfig",
)


@dataclass(frozen=True)
class Pickled:
    """What lies in the archive: the model's tensors, mapped from the file, and harmless values beside them."""

    entries: Mapping[str, Entry]
    tensors: Mapping[str, Tensor] = field(repr=False)
    extras: Mapping[str, Any]
    notes: tuple[str, ...]


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip archive. Raises OSError."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def read(path: Path) -> Pickled:
    """The tensors of a file that `torch.save` wrote. Raises CheckpointError for everything that cannot be trusted."""
    _check_archive(path)
    try:
        with torch.serialization.safe_globals([(_Values, name) for name in STAND_INS]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # the library raises whatever its reader trips over
        raise CheckpointError(f"{path} {_reason(path)}") from error
    tensors, place = _model_in(path, content)
    _check_tensors(path, tensors)
    entries = {
        name: Entry(_DTYPES.get(tensor.dtype, str(tensor.dtype).removeprefix("torch.")), tuple(tensor.shape), 0, 0)
        for name, tensor in tensors.items()
    }
    extras = {name: _plain(content[name]) for name in _KEPT if isinstance(content, Mapping) and name in content}
    notes = () if place is None else (f"took the tensors under {place!r}, which is one of several things in the file",)
    return Pickled(entries, tensors, extras, notes)


def _check_archive(path: Path) -> None:
    """Raises CheckpointError unless the archive is whole, unpacked as large as it is, and holds a small pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{path} is a zip archive that is cut off or damaged; {_AGAIN}") from error
    pickles = [part for part in parts if part.filename.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise CheckpointError(f"{path} is a zip archive and no file of weights that torch.save wrote; unpack it first")
    if any(part.compress_type != zipfile.ZIP_STORED or part.compress_size != part.file_size for part in parts):
        raise CheckpointError(f"{path} is packed in a way that torch.save does not, so its size cannot be trusted")
    if sum(part.file_size for part in parts) > path.stat().st_size:
        raise CheckpointError(f"{path} claims more numbers than it has room for; {_AGAIN}")
    if pickles[0].file_size > _MAX_PICKLE:
        raise CheckpointError(
            f"{path} holds {pickles[0].file_size:,} bytes beside its numbers, which no weights file does"
        )


def _reason(path: Path) -> str:
    """Why the safe reader refused, in words that follow the file's name."""
    named = [name for name in _globals(path) if not _harmless(name)]
    if named:
        first = ", ".join(dict.fromkeys(named[:3]))
        return f"holds more than weights ({first}), which can run code when it is opened; {RE_SAVE}"
    return f"is damaged or of a variant that is not read; {_AGAIN}, or {RE_SAVE}"


def _globals(path: Path) -> Iterator[str]:
    """The classes and functions that the pickle names, without importing one."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(part for part in archive.namelist() if part.rpartition("/")[2] == "data.pkl")
            data = archive.read(name)
        texts: list[str] = []
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if number > _MAX_INSTRUCTIONS:
                return
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
            elif isinstance(argument, str):
                texts = [*texts[-1:], argument]
    except Exception:  # a damaged pickle names what it could until there
        return


def _harmless(name: str) -> bool:
    return name in STAND_INS or name.startswith(("torch.", "collections.OrderedDict", "_codecs."))


def _model_in(path: Path, content: object) -> tuple[dict[str, Tensor], str | None]:
    """The one mapping of names to tensors that is the model, and under which name it lay."""
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__} and no mapping of names to tensors; {RE_SAVE}")
    if _is_model(content):
        return _tensors(content), None
    candidates = [name for name in _PLACES if isinstance(content.get(name), Mapping) and _is_model(content[name])]
    others = [
        name
        for name, value in content.items()
        if name not in _PLACES and isinstance(value, Mapping) and "optim" not in str(name) and _is_model(value)
    ]
    found = candidates or others
    if not found:
        raise CheckpointError(f"{path} holds no mapping of names to tensors, so there are no weights in it")
    if len(found) > 1:
        raise CheckpointError(
            f"{path} holds several sets of weights ({', '.join(map(str, found))}); save the one that is meant alone"
        )
    return _tensors(content[found[0]]), str(found[0])


def _is_model(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): tensor.detach() for name, tensor in content.items()}


def _check_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError for a tensor that claims more numbers than are stored for it, and for too many."""
    if len(tensors) > _MAX_TENSORS:
        raise CheckpointError(f"{path} holds {len(tensors):,} tensors; at most {_MAX_TENSORS:,} are read")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise CheckpointError(f"{path} holds {name} as a sparse or quantised tensor, which is not read")
        stored = tensor.untyped_storage().nbytes() // max(tensor.element_size(), 1)
        if math.prod(tensor.shape) > stored:
            raise CheckpointError(
                f"{path} claims {math.prod(tensor.shape):,} numbers in {name} and stores {stored:,}, so it is not read"
            )


def _plain(value: Any) -> Any:
    """Settings as plain values: mappings, lists, numbers and texts; anything else as its text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(type(value).__name__)
