"""What is known of a modality without reading a file, and where it can be asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perceiver import ConfigError, modalities
from perceiver.modalities import Option


def test_descriptions_need_no_library() -> None:
    """The help of the command line shows them, and PyTorch takes seconds to import."""
    code = (
        "import sys; from perceiver import modalities as m; m.options_help(); "
        "print([name for name in ('torch', 'numpy', 'PIL', 'av', 'soundfile') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_descriptions_and_readers_go_by_the_same_names() -> None:
    for name in modalities.names():
        modality, description = modalities.get(name), modalities.describe(name)
        assert modality.description is description
        assert (modality.name, modality.extensions, modality.options) == (
            name,
            description.extensions,
            description.options,
        )
        assert modality.max_bytes > 0
        assert all(ending == ending.lower().lstrip(".") for ending in description.extensions)
    for ask in (modalities.get, modalities.describe):
        with pytest.raises(ConfigError, match="modality is 'smell'; it must be one of image"):
            ask("smell")


def test_words() -> None:
    image, audio, points = map(modalities.describe, ("image", "audio", "points"))
    assert [one.title for one in (image, audio, points)] == ["Pictures", "Sounds", "Point clouds"]
    assert [one.task for one in (image, audio, points)] == ["image-classification", "audio-classification", None]
    assert image.element_of((8, 8)).many == "pixels"
    assert audio.element_of((125,)).one == "patch"
    assert audio.element_of((64, 80)).one == "cell of the spectrogram"
    assert modalities.axis_words("rows").title == "Height"
    assert modalities.axis_words("z").span == "the cloud along z"
    assert modalities.axis_words("smell").direction == "along smell"


def test_modalities_by_the_number_of_axes() -> None:
    assert [modalities.for_grid(axes) for axes in (1, 2, 3, 4)] == ["audio", "image", "video", None]


def test_options_as_the_command_line_takes_them() -> None:
    assert Option("start", "middle", ("middle",), number=True, unit="SECONDS").usage == "start=SECONDS|middle"
    assert Option("draw", "random", ("random", "farthest")).usage == "draw=random|farthest"
    text = modalities.options_help()
    assert text.startswith("Pictures: frame=NUMBER|first; sounds: ")
    assert text.endswith("videos: start=SECONDS|middle; clips: start=SECONDS|middle, channel=NUMBER|mix.")
    assert "up=model|x|y|z, draw=random|farthest, seed=NUMBER" in text
