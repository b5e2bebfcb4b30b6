"""The model card, the table of checkpoints, and the README it goes into."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

import perceiver
from perceiver import CheckpointError, InputError, Perceiver, PerceiverConfig
from perceiver.checkpoints.cards import card
from perceiver.checkpoints.cards.results import HeldOut, Results
from perceiver.checkpoints.cards.tables import Row, checkpoint_table, update_readme
from perceiver.checkpoints.folder import read_config
from perceiver.positions import position_config


@pytest.fixture
def folder(model: Perceiver, results: Results, tmp_path: Path) -> Path:
    return perceiver.save(model, tmp_path / "image-fourier", results=results)


def test_the_hub_reads_the_head(folder: Path) -> None:
    data = ModelCard.load(folder / "README.md").data
    assert data.license == "apache-2.0"
    assert data.library_name == "perceiver-lens"
    assert data.pipeline_tag == "image-classification"
    assert {"perceiver", "fourier-positions"} <= set(data.tags)
    assert data.datasets == ["objects-on-grounds"]
    assert data.metrics == ["accuracy", "balanced_accuracy"]
    assert data.model_name == "image-fourier"
    measured = {result.metric_type: result.metric_value for result in data.eval_results}
    assert measured == {"accuracy": 0.725, "balanced_accuracy": 0.6667}


def test_the_card_holds_everything_asked_of_it(folder: Path, results: Results, model: Perceiver) -> None:
    read = card.read(folder)
    assert read.title == "image-fourier"
    assert read.results is not None
    assert dataclasses.replace(read.results, sha256="", parameters=0) == results
    assert read.markdown.startswith("# image-fourier\n")
    assert read.summary == (
        "A Perceiver that classifies pictures into 3 classes. Held-out accuracy 72.5 % (57.2–83.9), chance 33.3 %."
    )
    for fact in (
        "| Accuracy | 72.5 % (57.2–83.9); 95 % interval by Wilson, every example taken as independent |",
        "| Examples | 29 of 40 right |",
        "| Balanced accuracy | 66.7 % |",
        "| Accuracy with seed 1 | 71.0 % |",
        "| mass of block 1's mean map on the object | 0.31 |",
        "| vessel | 90.0 % | 18 | 20 |",
        "| Data set | Objects on grounds |",
        "| Licence | CC BY-SA 3.0 and others |",
        "| Split | no object on both sides |",
        "| Seed | 0 |",
        "| Steps | 2,000 |",
        "| Examples seen | 64,000 |",
        "| Time | 1 h 30 min |",
        "| Hardware | 2 CPU cores |",
        "| Versions | torch 2.13.0 |",
        f"| SHA-256 of the weights | `{read.results.sha256}` |",
        f"| Parameters | {sum(p.numel() for p in model.parameters()):,} |",
        "| Positions | Fourier features: 2 bands an axis, evenly spaced from 1 to 2 and 2.5 cycles across the axis |",
        "```sh\nperceiver train image-fourier --seed 0\n```",
        "- Vessels look alike.",
    ):
        assert fact in read.markdown


def test_a_card_without_a_training_run(checkpoint: Path) -> None:
    read = card.read(checkpoint)
    assert read.results is None
    assert read.title == "Perceiver for image"
    assert read.summary == "A Perceiver that classifies pictures into 3 classes."
    assert ModelCard.load(checkpoint / "README.md").data.eval_results is None


def test_groups_are_named_where_they_are_known(config: PerceiverConfig, results: Results) -> None:
    held_out = HeldOut(per_class={"bed": (5, 10)}, groups=4, interval_over_groups=(0.25, 0.75))
    text = card.write(config, dataclasses.replace(results, held_out=held_out))
    assert "| Accuracy | 50.0 % (25.0–75.0); 95 % interval over groups of examples that belong together |" in text
    assert "| Groups | 4 |" in text


@pytest.mark.parametrize("kind", ["learned", "coordinates"])
def test_other_encodings_are_described(kind: str) -> None:
    config = PerceiverConfig(positions=position_config({"kind": kind}), modality="points")
    text = card.write(config)
    assert {"learned": "learned, 128 channels", "coordinates": "raw coordinates in [-1, 1]"}[kind] in text
    assert "pipeline_tag" not in text


def test_bars_and_line_breaks_do_not_break_a_table(config: PerceiverConfig, results: Results) -> None:
    held_out = HeldOut(per_class={"a|b\nc": (1, 2)})
    text = card.write(config, dataclasses.replace(results, held_out=held_out))
    assert "| a\\|b c | 50.0 % | 1 | 2 |" in text


def test_a_foreign_readme_is_read_without_trusting_its_head(checkpoint: Path) -> None:
    (checkpoint / "README.md").write_text("---\n!!python/object/apply:os.system ['touch MARK']\n---\n\nNo title.\n")
    read = card.read(checkpoint)
    assert (read.title, read.markdown, read.summary) == ("checkpoint", "No title.\n", "No title.")


@pytest.mark.parametrize("fault", ["missing", "no text"])
def test_a_card_that_cannot_be_read(fault: str, checkpoint: Path) -> None:
    path = checkpoint / "README.md"
    path.unlink() if fault == "missing" else path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(CheckpointError, match=r"README\.md, the model card, is missing or cannot be read"):
        card.read(checkpoint)


def test_verify(folder: Path, checkpoint: Path) -> None:
    card.verify(folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not the file its card describes: SHA-256 "):
        card.verify(folder)
    with pytest.raises(CheckpointError, match="no results that name the SHA-256"):
        card.verify(checkpoint)


def rows(folder: Path) -> list[Row]:
    """The one checkpoint of a table."""
    return [(folder.name, read_config(folder), card.read(folder).results)]


def test_the_table(folder: Path, model: Perceiver) -> None:
    head, line, row = checkpoint_table(rows(folder)).splitlines()
    assert head.startswith("| Checkpoint | Input | Positions | Parameters | Held-out accuracy (95 % interval) |")
    assert set(line) <= set("| -")
    assert head.count("|") == line.count("|") == row.count("|")
    parameters = sum(p.numel() for p in model.parameters())
    assert row == (
        f"| `image-fourier` | image | Fourier, 2 bands to 2 and 2.5 cycles | {parameters:,} | 72.5 % (57.2–83.9) | "
        "66.7 % | 33.3 % | 71.0 % | 1 h 30 min |"
    )


def test_a_table_needs_results(checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="checkpoint has no results"):
        checkpoint_table(rows(checkpoint))


def test_the_readme_is_filled_between_the_marks_and_nowhere_else(folder: Path, tmp_path: Path) -> None:
    readme, listed = tmp_path / "README.md", rows(folder)
    before, after = "# Title\n\n<!-- checkpoints:begin -->\n", "<!-- checkpoints:end -->\n\nMore.\n"
    readme.write_text(f"{before}old\n{after}", encoding="utf-8")
    assert update_readme(readme, listed)
    assert readme.read_text(encoding="utf-8") == f"{before}{checkpoint_table(listed)}\n{after}"
    assert not update_readme(readme, listed)


@pytest.mark.parametrize(
    "text", ["no marks", "<!-- checkpoints:begin -->", "<!-- checkpoints:end --> <!-- checkpoints:begin -->"]
)
def test_a_readme_without_marks_is_left_alone(text: str, folder: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(InputError, match="lacks the marks"):
        update_readme(readme, rows(folder))
    assert readme.read_text() == text


def test_a_readme_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read and written: No such file"):
        update_readme(tmp_path / "nowhere.md", rows(folder))
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        update_readme(tmp_path / "binary.md", rows(folder))
