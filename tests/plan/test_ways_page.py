"""docs/ways.md is what the classes of ways say."""

from __future__ import annotations

import pytest
from write_ways import PAGE, meanings, page

from colonnade.plan.ways import WAYS, Candidate


def test_the_page_is_what_the_classes_say() -> None:
    assert PAGE.read_text() == page(), "run python tests/plan/write_ways.py"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_field_has_a_meaning_of_its_own(way: type[Candidate]) -> None:
    texts = list(meanings(way).values())
    assert len(texts) >= 2
    assert all(texts)
    assert len(set(texts)) == len(texts)
