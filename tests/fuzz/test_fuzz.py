"""One minute of fuzzing, what it starts from, and files that were once found or crafted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from changes import Change, accepted, apply, differences, fewest, mended
from field_table import RECORDS, role_of
from fuzzer import Outcome, build_fuzzer, complaint, run_fuzzer, write_corpus
from model_bytes import open_header, open_sections
from recipes import RECIPES, build

from colonnade.modelfile import records

SECONDS = 60
ACCEPTED = 0.1  # of the files tried, at least

# Fields that are the same in all recipes, with reasons.
CONSTANT = {
    "cnm.masked": "the generic instruction set has no masks",
    "cnm.prepared_at": "whole storages",
    "cnm.strips_at": "whole storages",
}


@dataclass(frozen=True)
class Regression:
    """A recipe with changes. refused: the library must not open it; else it may, but then it runs without complaint."""

    recipe: str
    changes: tuple[Change, ...]
    refused: bool


def _regressions() -> Iterator[tuple[str, Regression]]:
    for path in sorted((Path(__file__).parent / "corpus").glob("*.json")):
        told = json.loads(path.read_text())
        assert set(told) == {"why", "recipe", "refused", "changes"}
        yield path.stem, Regression(told["recipe"], tuple(tuple(c) for c in told["changes"]), told["refused"])


REGRESSIONS = dict(_regressions())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fuzzer(tmp_path_factory.mktemp("fuzzer"))


@pytest.fixture(scope="module")
def fields() -> dict[str, set[object]]:
    """The values that every field of every step takes in the corpus, by `record.field`."""
    found: dict[str, set[object]] = defaultdict(set)
    for name in RECIPES:
        sections = open_sections(build(name))
        for step in records.STEPS:
            for at in range(0, len(sections[step.name]), step.size):
                for field, value in step.unpack(sections[step.name][at : at + step.size]).items():
                    found[f"{step.name}.{field}"].add(value)
    return found
