"""Elimination of columns: exact counts, and never worse than it should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.calibrate.quadratic import Quadratic
from colonnade.calibrate.select import eliminate
from colonnade.sparse.pattern import Pattern, column_mask

SEEDS = st.integers(0, 2**32 - 1)
SPARSITIES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9])


def quadratic(seed: int, rows: int, columns: int, *, diagonal: bool = False) -> tuple[Quadratic, np.ndarray]:
    """A loss whose best weights with all columns are those returned: [rows, K]."""
    rng = np.random.default_rng(seed)
    root = np.diag(rng.uniform(0.1, 3, columns)) if diagonal else rng.standard_normal((columns, columns))
    hessian = root @ root.T + 0.1 * np.eye(columns)
    weights = rng.standard_normal((rows, columns))
    target = weights @ hessian
    return Quadratic(hessian, target, (weights * target).sum(axis=1)), weights


def least_loss(loss: Quadratic, columns: np.ndarray) -> float:
    weights = np.zeros_like(loss.target)
    weights[:, columns] = loss.solve(columns)
    return float(loss.loss(weights).sum())


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, columns=st.integers(1, 90), group=st.sampled_from([None, 1, 4, 7, 16]), sparsity=SPARSITIES)
def test_every_group_keeps_as_many_as_by_magnitude(seed: int, columns: int, group: int | None, sparsity: float) -> None:
    loss, weights = quadratic(seed, 3, columns)
    pattern = Pattern(sparsity, 3, group)
    mask = np.zeros(columns, dtype=bool)
    mask[eliminate(loss.inverse(), weights, pattern)] = True
    by_magnitude = column_mask(weights, pattern)[0]
    size = group or columns
    assert np.array_equal(
        np.add.reduceat(mask, range(0, columns, size)), np.add.reduceat(by_magnitude, range(0, columns, size))
    )


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, columns=st.integers(2, 80), group=st.sampled_from([None, 8]), sparsity=SPARSITIES)
def test_independent_inputs_never_worse_than_magnitude(
    seed: int, columns: int, group: int | None, sparsity: float
) -> None:
    """Then columns do not make up for each other, and the cheapest ones are the best choice there is."""
    loss, weights = quadratic(seed, 4, columns, diagonal=True)
    pattern = Pattern(sparsity, 4, group)
    found = eliminate(loss.inverse(), weights, pattern)
    cost = np.square(weights).sum(axis=0) * np.diag(loss.hessian)
    by_magnitude = np.flatnonzero(column_mask(weights, pattern)[0])
    dropped = np.setdiff1d(np.arange(columns), found)
    assert least_loss(loss, found) == pytest.approx(cost[dropped].sum(), abs=1e-9)
    assert least_loss(loss, found) <= least_loss(loss, by_magnitude) + 1e-9


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, columns=st.integers(2, 30))
def test_one_column_is_removed_at_the_least_loss(seed: int, columns: int) -> None:
    loss, weights = quadratic(seed, 3, columns)
    found = eliminate(loss.inverse(), weights, Pattern(1 / columns if columns > 2 else 0.5, 3))
    losses = [least_loss(loss, np.delete(np.arange(columns), column)) for column in range(columns)]
    assert len(found) == columns - 1
    assert least_loss(loss, found) == pytest.approx(min(losses))


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, sparsity=st.sampled_from([0.5, 0.75]))
def test_few_columns_are_removed_one_by_one(seed: int, sparsity: float) -> None:
    """With few columns each step removes one: the same as solving anew for every column and every step."""
    loss, weights = quadratic(seed, 3, 14)
    columns = np.arange(14)
    while len(columns) > (7 if sparsity == 0.5 else 4):
        losses = [least_loss(loss, np.delete(columns, place)) for place in range(len(columns))]
        columns = np.delete(columns, int(np.argmin(losses)))
    assert np.array_equal(eliminate(loss.inverse(), weights, Pattern(sparsity, 3)), columns)


def test_blocks_lose_little_against_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    loss, weights = quadratic(5, 8, 256)
    pattern = Pattern(0.75, 8)
    in_blocks = least_loss(loss, eliminate(loss.inverse(), weights, pattern))
    monkeypatch.setattr("colonnade.calibrate.select._STEPS", 256)
    exact = least_loss(loss, eliminate(loss.inverse(), weights, pattern))
    by_magnitude = least_loss(loss, np.flatnonzero(column_mask(weights, pattern)[0]))
    assert in_blocks < 1.05 * exact
    assert in_blocks < 0.9 * by_magnitude
