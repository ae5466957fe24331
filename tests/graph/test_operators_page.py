"""docs/operators.md lists what the importer's table holds."""

from __future__ import annotations

from write_operators import PAGE, page


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run python tests/graph/write_operators.py"
