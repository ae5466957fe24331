"""Intervals and the test against what defines them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.accuracy.statistics import mcnemar, paired_difference, proportion

Z = 1.959963984540054


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    total = draw(st.integers(1, 100_000))
    return draw(st.integers(0, total)), total


@settings(deadline=None)
@given(counts())
def test_wilson_bounds_are_z_standard_errors_away(drawn: tuple[int, int]) -> None:
    """The definition, not the formula: |share - bound| = Z sqrt(bound (1 - bound) / total)."""
    count, total = drawn
    found = proportion(count, total)
    assert 0 <= found.low <= found.value <= found.high <= 1
    for bound in (found.low, found.high):
        distance = Z * math.sqrt(bound * (1 - bound) / total)
        assert abs(found.value - bound) == pytest.approx(distance, abs=1e-9)
    if 0 < count < total:
        assert found.low < found.value < found.high


@settings(deadline=None)
@given(counts())
def test_wilson_of_the_wrong_answers_mirrors(drawn: tuple[int, int]) -> None:
    count, total = drawn
    right, wrong = proportion(count, total), proportion(total - count, total)
    assert right.low == pytest.approx(1 - wrong.high, abs=1e-12)
    assert right.high == pytest.approx(1 - wrong.low, abs=1e-12)


def test_extremes_reach_the_ends() -> None:
    assert proportion(0, 10).low == 0
    assert proportion(10, 10).high == 1
    assert proportion(0, 10).high == pytest.approx(Z * Z / (10 + Z * Z))


@settings(deadline=None)
@given(first=st.integers(0, 60), second=st.integers(0, 60))
def test_mcnemar_is_the_binomial_tail(first: int, second: int) -> None:
    differing = first + second
    tail = sum(math.comb(differing, count) for count in range(min(first, second) + 1))
    assert mcnemar(first, second) == pytest.approx(float(min(Fraction(1), Fraction(2 * tail, 2**differing))), rel=1e-9)


def test_mcnemar_of_large_counts() -> None:
    assert mcnemar(25_000, 25_000) == 1
    assert mcnemar(20_000, 30_000) == 0
    assert 0.01 < mcnemar(12_300, 12_700) < 0.012  # the normal approximation with continuity correction gives 0.0116


@settings(deadline=None)
@given(first=st.integers(0, 400), second=st.integers(0, 400), rest=st.integers(1, 10_000))
def test_difference_turns_with_the_order(first: int, second: int, rest: int) -> None:
    total = first + second + rest
    found, turned = paired_difference(first, second, total), paired_difference(second, first, total)
    assert found.value == (first - second) / total
    assert -1 <= found.low < found.high <= 1
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low), abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(0.02, 0.02), (0.1, 0.05), (0.3, 0.1), (0.25, 0.25), (0.01, 0.12)])
def test_difference_is_covered_nineteen_times_in_twenty(first: float, second: float) -> None:
    """Sum over every outcome of 60 images: how often the interval holds the true difference."""
    total, covered = 60, 0.0
    for b in range(total + 1):
        for c in range(total + 1 - b):
            found = paired_difference(b, c, total)
            if found.low <= first - second <= found.high:
                ways = math.comb(total, b) * math.comb(total - b, c)
                covered += ways * first**b * second**c * (1 - first - second) ** (total - b - c)
    assert 0.93 < covered <= 1
