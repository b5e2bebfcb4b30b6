"""The checkpoints that a command has opened, and a file put through one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import modalities
from ..errors import InputError
from ..progress import progress_bar
from .arguments import ISOLATE, options_for
from .options import reading_options

if TYPE_CHECKING:
    from ..lens import Lens, Run


VIDEO_CHECKPOINT = "deepmind/multimodal-perceiver"
"""A checkpoint on the hub for the one medium that no bundled checkpoint is meant for."""


def open_checkpoint(source: str) -> Lens:
    """Opens a checkpoint by name, folder or hub id, with a progress bar. Raises CheckpointError when it cannot be
    opened."""
    from ..checkpoints import resolve
    from ..lens import open_lens

    with progress_bar() as progress:
        location = resolve(source, progress=progress)
        return open_lens(location, options=options_for(location), isolate=ISOLATE.get(), progress=progress)


class Session:
    """Opens the named checkpoint at once; without a name, the first one that reads each file.

    Raises CheckpointError when that is not possible.
    """

    def __init__(self, source: str | None, read: Sequence[str] | None = None) -> None:
        """read  how files are read, as --read gives it"""
        self._options = reading_options(read)
        self._source = source
        self._opened = {} if source is None else {source: open_checkpoint(source)}

    def lens(self, path: Path) -> Lens:
        """The checkpoint for a file."""
        from ..lens import best_checkpoint

        source = best_checkpoint(path) if self._source is None else self._source
        if source not in self._opened:
            self._opened[source] = open_checkpoint(source)
        return self._opened[source]

    def run(self, path: Path) -> Run:
        """A file put through its checkpoint. Raises InputError when it cannot be read."""
        from ..lens import fitting_modalities

        lens = self.lens(path)
        try:
            sample = lens.read(path, **self._options)
        except InputError as error:
            meant = fitting_modalities(path)[:1]
            media = [modalities.describe(one).media[:1] for one in (lens.config.modality, *meant)]
            if self._source is not None or not meant or media[0] == media[1]:
                raise
            # Another sort of model read what it could of the file, such as the sound of a video.
            many = modalities.describe(meant[0]).noun.many
            raise InputError(
                f"{error}; no checkpoint here is meant for {many}: name one that is with -c, such as {VIDEO_CHECKPOINT}"
            ) from error
        return lens.run(sample)
