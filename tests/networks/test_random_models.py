"""A few hundred random ONNX models against ONNX Runtime; fuzz_models.py tries more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import fuzz_models
import numpy as np
import pytest
from fuzz_models import Tally, run
from random_models import RandomModel
from random_nodes import DRAWERS, random_model
from shrink_models import shrunk

from colonnade.runtime.session import Session

MODELS = 320
CHUNKS = [*pairwise(range(0, MODELS + 1, 40))]


@pytest.mark.parametrize(("first", "end"), CHUNKS)
def test_random_models(first: int, end: int) -> None:
    tally = _last(run(range(first, end)))
    assert not tally.faults, "\n".join(f"model {seed}: {text}" for seed, text in tally.faults.items())
    assert not tally.refusals
    assert tally.right == end - first


def test_a_model_is_made_again_from_its_number() -> None:
    one, other = random_model(17), random_model(17)
    assert one.proto == other.proto
    assert all(np.array_equal(one.feeds[name], other.feeds[name]) for name in one.feeds)


def test_models_have_all_kinds_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function that draws nodes is taken by some of the models that are tested."""
    drawn: set[str] = set()
    for drawer, weight in [*DRAWERS.items()]:

        def noting(d: object, x: str, drawer: object = drawer) -> str:
            result: str = drawer(d, x)  # type: ignore[operator]
            drawn.add(drawer.__name__)  # type: ignore[attr-defined]
            return result

        monkeypatch.delitem(DRAWERS, drawer)
        monkeypatch.setitem(DRAWERS, noting, weight)
    names = {drawer.__defaults__[0].__name__ for drawer in DRAWERS}  # type: ignore[attr-defined, index]
    for seed in range(MODELS):
        random_model(seed)
    assert names - drawn == set()


def test_wrong_numbers_are_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(session: Session, names: object, feeds: object) -> list[np.ndarray]:
        return [np.full(arg.shape, 1e3, arg.dtype) for arg in session.get_outputs()]

    model = random_model(1)
    monkeypatch.setattr(Session, "run", wrong)
    tally = _last(run([1]))
    assert "differs" in tally.faults[1]

    def fails(part: RandomModel) -> bool:
        with pytest.raises(fuzz_models.WrongError):
            fuzz_models.check(part)
        return True

    assert len(shrunk(model, fails).proto.graph.node) < len(model.proto.graph.node)


def _last(tallies: Iterator[Tally]) -> Tally:
    *_, last = tallies
    return last
