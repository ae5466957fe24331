"""A few hundred mutated ONNX files; mutate_onnx.py tries more."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from mutate_onnx import Tally, run, seeds

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model

FILES = 600
MEMORY = 256 * 2**20


def test_mutated_files() -> None:
    tracemalloc.start()
    try:
        tally = run(FILES, seed=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [text for _, text in tally.faults.values()] == []
    assert tally.imported > FILES // 10
    assert tally.refused > FILES // 4
    assert peak < MEMORY


def test_what_is_mutated_is_whole() -> None:
    *whole, branches = seeds()
    for model in whole:
        import_model(model)
    with pytest.raises(ColonnadeError, match="operator If"):
        import_model(branches)


def test_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop must not pass because it looks at nothing."""

    def broken(path: Path) -> None:
        raise KeyError(path)

    monkeypatch.setattr("mutate_onnx.import_model", broken)
    tally: Tally = run(3, seed=0)
    assert tally.times.total() == 3
