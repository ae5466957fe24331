"""Which rows share a tile: rows may be in any order at no cost (docs/pruning.md), so those that need the same columns
come together."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from colonnade.sparse.pattern import Pattern, mask_of_scores

Rows = tuple[np.ndarray, ...]  # of each tile, ascending i64

_ROUNDS = 20


def consecutive(rows: int, tile: int) -> Rows:
    """Tiles of rows as they lie, the last may be shorter."""
    return tuple(np.arange(start, min(start + tile, rows)) for start in range(0, rows, tile))


def clustered(importance: np.ndarray, pattern: Pattern) -> Rows:
    """Tiles that together keep more of `importance` [rows, K] than consecutive ones do, if such are found.

    In turn each tile takes the columns of the largest sums, and rows go to the tiles whose columns suit them best:
    neither step can lose, so it ends.
    """
    tiles = consecutive(len(importance), pattern.tile)
    best = -np.inf
    for _ in range(_ROUNDS):
        sums = np.stack([importance[rows].sum(axis=0) for rows in tiles])
        masks = mask_of_scores(sums, pattern)
        kept = float(sums[masks].sum())
        if kept <= best * (1 + 1e-9):
            break
        best = kept
        tiles = _assigned(importance @ masks.T, tiles)
    return tiles


def _assigned(gain: np.ndarray, tiles: Rows) -> Rows:
    """Rows to tiles of the same sizes such that the sum of gain [rows, tiles] is largest."""
    slots = np.repeat(np.arange(len(tiles)), [len(rows) for rows in tiles])
    rows, places = linear_sum_assignment(gain[:, slots], maximize=True)
    return tuple(rows[slots[places] == tile] for tile in range(len(tiles)))
