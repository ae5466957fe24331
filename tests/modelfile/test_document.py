"""The example and the tables in docs/model-file.md are what the code says."""

from __future__ import annotations

from layers import Compiled
from write_document import DOCUMENT, LINE, TABLES, example, written_anew

from colonnade.modelfile.records import RECORDS, VERSION
from colonnade.runtime.session import Session


def test_the_page_is_what_the_code_says() -> None:
    """Else: python tests/modelfile/write_document.py"""
    page = DOCUMENT.read_text()
    assert written_anew(page) == page


def test_the_page_shows_bytes_of_a_file_that_opens() -> None:
    Session(Compiled(example()))
    shown = LINE.findall(DOCUMENT.read_text())
    assert len(shown) > 20


def test_the_page_has_every_field() -> None:
    (tables,) = TABLES.findall(DOCUMENT.read_text())
    for record in RECORDS:
        section = tables.partition(f"### {record.name}\n")[2].partition("###")[0]
        assert all(f"`{field.name}`" in section for field in record.fields), record.name


def test_the_page_names_the_version_of_now() -> None:
    page = DOCUMENT.read_text()
    assert f"  version {VERSION}, " in page
    assert f"one integer, now {VERSION}." in page
