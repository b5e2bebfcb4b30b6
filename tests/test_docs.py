"""The documents: every relative link leads somewhere, anchors included, and the README's code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.app import folder

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


def test_the_readmes_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert code is not None
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(folder.build(tmp_path / "checkpoints")))
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(folder.picture(0))
    exec(code[1], {})
    label, *blocks = capsys.readouterr().out.splitlines()
    assert label in folder.LABELS
    assert [line.split(" reads")[0] for line in blocks] == ["block 1", "block 2", "block 3"]
