"""Which columns a tile keeps.

magnitude   the L1 norm of the column's weights (`sparse/pattern.py`)
activation  each weight times the root mean square of the input it multiplies, summed over the rows
obs         backward elimination by the increase of the squared error when a column is removed and all other weights
            follow: sum over rows of w_j^2 / [H^-1]_jj (optimal brain surgeon; Hassibi and Stork 1993)
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from colonnade.sparse.pattern import Pattern, dropped_per_group

# One step of the elimination removes at most 1 / _STEPS of the columns that are left, chosen one by one among twice
# as many; the large matrices change once a step.
_STEPS = 32


def eliminate(inverse: np.ndarray, weights: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The columns a tile keeps: ascending i64, as many in each group as `pattern` says.

    inverse: H^-1 [K, K]; weights: [T, K], those of least loss with all columns. Memory: a few times K^2 float64.
    """
    group_of, spare = dropped_per_group(weights.shape[1], pattern)
    columns = np.arange(weights.shape[1])
    while spare.any():
        count = min(max(1, len(columns) // _STEPS), int(spare.sum()))
        scores = np.square(weights).sum(axis=0) / np.diag(inverse)
        allowed = np.flatnonzero(spare[group_of[columns]] > 0)
        candidates = np.sort(allowed[np.argsort(scores[allowed], kind="stable")[: 2 * count]])
        small = inverse[np.ix_(candidates, candidates)]
        removed = candidates[_one_by_one(small, weights[:, candidates], group_of[columns[candidates]], spare, count)]
        kept = np.delete(np.arange(len(columns)), removed)
        across = inverse[np.ix_(removed, kept)]
        factor = linalg.cho_factor(inverse[np.ix_(removed, removed)], lower=True, check_finite=False)
        update = linalg.cho_solve(factor, across, check_finite=False)
        weights = weights[:, kept] - weights[:, removed] @ update
        inverse = inverse[np.ix_(kept, kept)]
        inverse -= across.T @ update
        columns = columns[kept]
    return columns


def _one_by_one(
    inverse: np.ndarray, weights: np.ndarray, group_of: np.ndarray, spare: np.ndarray, count: int
) -> np.ndarray:
    """Up to `count` of the columns given, the cheapest first, each after what the ones before it did to the rest.
    Counts down `spare` of their groups; fewer when no group can spare more."""
    inverse, weights = inverse.copy(), weights.copy()
    left = np.ones(len(group_of), dtype=bool)
    removed: list[int] = []
    while len(removed) < count:
        allowed = np.flatnonzero(left & (spare[group_of] > 0))
        if not len(allowed):
            break
        scores = np.square(weights[:, allowed]).sum(axis=0) / np.diag(inverse)[allowed]
        column = int(allowed[np.argmin(scores)])
        ratio = inverse[column] / inverse[column, column]
        weights -= np.outer(weights[:, column], ratio)
        inverse -= np.outer(inverse[:, column], ratio)
        left[column] = False
        spare[group_of[column]] -= 1
        removed.append(column)
    return np.array(removed)
