"""Whole graphs by every way to compute a convolution, with all that may be chosen around it, against the oracle.

Every pair of mechanisms (mechanisms.py) must meet in some convolution that was computed right, unless it is listed
there as one that cannot. All follows from `WAYS`: a way that is added is drawn too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from candidates import Picker
from drawn import draw_case
from hypothesis import given, settings
from hypothesis import strategies as st
from mechanisms import Pair, all_pairs, impossible_pairs, mechanisms, pairs_of

from colonnade.plan.ways import WAYS

T = TypeVar("T")

IMPOSSIBLE = impossible_pairs()
PLAIN_DRAWS = 300
TRIES = 1000  # to draw a certain pair
MOSTLY = 0.8
# Of two convolutions that are chained the first is drawn before it is known whether the second follows.
MADE_BY = {"first of a chain": "second of a chain"}


class Hypothesis(Picker):
    """Leaves the choice to Hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def value(self, options: Sequence[T]) -> T:
        return self._data.draw(st.sampled_from(options))


class Wishing(Picker):
    """Mostly takes what is wished for where it is offered, and else what can meet it."""

    def __init__(self, seed: int, wishes: Pair = frozenset()) -> None:
        self._random = random.Random(seed)
        self._wishes = wishes
        self._taken = wishes | {MADE_BY[wish] for wish in wishes & MADE_BY.keys()}

    def value(self, options: Sequence[T]) -> T:
        return options[self._random.randrange(len(options))]

    def level(self, factor: str, levels: Sequence[str]) -> str:
        wished = [level for level in levels if level in self._taken]
        able = [level for level in levels if not any(frozenset((level, wish)) in IMPOSSIBLE for wish in self._wishes)]
        mostly = self._random.random() < MOSTLY
        return super().level(factor, (mostly and (wished or able)) or levels)


def _drawn(seed: int, wishes: Pair = frozenset()) -> set[Pair]:
    """The pairs that met in one case, which is computed and found right. None if `wishes` did not meet in it."""
    try:
        case = draw_case(Wishing(seed, wishes))
        program = case.program()
        met = {pair for levels in mechanisms(case, program) for pair in pairs_of(levels)}
        if wishes and wishes not in met:
            return set()
        case.check(program)
        return met
    except Exception as error:
        error.add_note(f"drawn by Wishing({seed}, frozenset({sorted(wishes)}))")
        raise


def test_every_pair_of_mechanisms() -> None:
    """The pairs are counted in what was drawn, computed, and found right."""
    met: set[Pair] = set()
    wanted = all_pairs() - IMPOSSIBLE
    for seed in range(PLAIN_DRAWS):
        met |= _drawn(seed)
    for pair in sorted(wanted, key=sorted):
        for seed in range(TRIES * (pair not in met)):
            if found := _drawn(seed, pair):
                met |= found
                break
    assert not wanted - met, f"never met: {sorted(map(sorted, wanted - met))}"
    assert not met & IMPOSSIBLE, f"met, although listed as impossible: {sorted(map(sorted, met & IMPOSSIBLE))}"


def test_what_a_way_offers_fits() -> None:
    """So that the candidates that the planner looks at are among those that are drawn."""
    for seed in range(PLAIN_DRAWS // 10):
        case = draw_case(Wishing(seed))
        for problem in (problem for part in case.parts for problem in part.plan.problems.values()):
            for way in WAYS:
                offered = [*way.candidates(problem, case.target)]
                for candidate in offered[:1]:
                    offered += candidate.loop_variants(problem, case.target)
                    offered += candidate.row_variants(problem, case.target)
                assert all(candidate.fits(problem, case.target) for candidate in offered)


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_any_graph(data: st.DataObject) -> None:
    case = draw_case(Hypothesis(data))
    case.check(case.program())
