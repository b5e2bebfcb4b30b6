"""The documents: every relative link leads somewhere, anchors included, their Python runs, and commands are shown as
they are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from perceiver.analysis.methods import METHODS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("checkpoints/*/README.md")])
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Where a page's links and pictures lead, those to other sites left out."""
    found = (first or second for first, second in LINK.findall(prose(page)))
    return [link for link in found if not re.match(r"[a-z][a-z0-9+.-]*:", link, re.IGNORECASE)]


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get where it is read: lower case, hyphens for spaces, no punctuation."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = base = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = 0
        while slug in found:
            number += 1
            slug = f"{base}-{number}"
        found.add(slug)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_a_page_is_read_as_its_readers_see_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# One `two`, three!\n\n## Same\n\n## Same\n\n[a](b.md#c) ![d](e.png "title") [f](https://g.example)\n'
        '<img src="h.png">\n\n```\n[in code](no.md)\n# no heading\n```\n',
        encoding="utf-8",
    )
    assert links(page) == ["b.md#c", "e.png", "h.png"]
    assert anchors(page) == {"one-two-three", "same", "same-1"}


PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: re.Pattern[str]) -> list[str]:
    """The blocks of code in a language, in their order."""
    return language.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["README.md", "docs/analysis.md"])
def test_python_blocks_run_one_after_the_other(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = blocks(ROOT / page, PYTHON)
    assert code
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(ROOT / "checkpoints"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "checkpoints/samples/image/chair.jpg", "photo.jpg")
    Path("checkpoints").symlink_to(ROOT / "checkpoints")
    names: dict[str, object] = {}
    for block in code:
        exec(compile(block, page, "exec"), names)
    out = capsys.readouterr().out
    if page == "README.md":
        first, *rest = out.splitlines()
        assert first == "letter_a.jpg (letters-fourier)"
        assert [line.split(": maps ")[0] for line in rest[-4:]] == [f"block {i}" for i in range(1, 5)]


def test_the_first_example_takes_three_lines() -> None:
    first = blocks(ROOT / "README.md", PYTHON)[0]
    assert len([line for line in first.splitlines() if line and not line.startswith("import")]) == 3


def test_the_documents_name_the_methods_of_the_one_table() -> None:
    rows = re.findall(
        r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", (ROOT / "docs/analysis.md").read_text("utf-8"), re.MULTILINE
    )
    told = [row for row in rows if row[1] in METHODS]
    assert told == [(method.label, method.key, method.description) for method in METHODS.values()]
