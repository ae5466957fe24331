"""The documents: links lead somewhere, and the glossary stays a table of one screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (".", "docs", "benchmarks", "benchmarks/riscv", "examples/*")
DOCUMENTS = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
GLOSSARY_LINES = 40


def _anchors(text: str) -> set[str]:
    """What a fragment may name: headings as GitHub spells them, and anchors of their own."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    spelled = {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
    return spelled | set(re.findall(r'<a id="([^"]+)">', text))


def _broken(path: Path) -> list[str]:
    """Links of a document to files or headings that are not there."""
    broken = []
    for target in LINK.findall(path.read_text()):
        if ":" in target:
            continue
        name, _, fragment = target.partition("#")
        file = path.parent / name if name else path
        if not file.exists() or (fragment and fragment not in _anchors(file.read_text())):
            broken.append(target)
    return broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert not _broken(path)


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#no-title) [c](none.md) [d](page.md#none) [e](https://x.org/#y)\n")
    assert _broken(page) == ["#no-title", "none.md", "page.md#none"]


def test_the_glossary_is_short_and_has_each_word_once() -> None:
    rows = [line for line in (ROOT / "docs/glossary.md").read_text().splitlines() if line.startswith("|")]
    words = [word.strip() for row in rows for word in row.split("|")[1].split(",")]
    assert len(words) > GLOSSARY_LINES // 2
    assert len(rows) <= GLOSSARY_LINES
    assert len(words) == len(set(words))
