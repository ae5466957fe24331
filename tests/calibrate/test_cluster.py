"""Tiles of rows that need the same columns."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.calibrate.cluster import Rows, clustered, consecutive
from colonnade.sparse.pattern import Pattern, mask_of_scores


def kept(importance: np.ndarray, tiles: Rows, pattern: Pattern) -> float:
    sums = np.stack([importance[rows].sum(axis=0) for rows in tiles])
    return float(sums[mask_of_scores(sums, pattern)].sum())


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    columns=st.integers(1, 30),
    tile=st.integers(1, 9),
    group=st.sampled_from([None, 4]),
)
def test_a_partition_that_keeps_no_less(seed: int, rows: int, columns: int, tile: int, group: int | None) -> None:
    importance = np.random.default_rng(seed).random((rows, columns))
    pattern = Pattern(0.5, tile, group)
    tiles, in_order = clustered(importance, pattern), consecutive(rows, tile)
    assert [len(part) for part in tiles] == [len(part) for part in in_order]
    assert sorted(np.concatenate(tiles).tolist()) == list(range(rows))
    assert all((np.diff(part) > 0).all() for part in tiles)
    assert kept(importance, tiles, pattern) >= kept(importance, in_order, pattern) * (1 - 1e-9)


def test_rows_that_need_the_same_columns_come_together() -> None:
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat([0, 1], 12))
    importance = np.where(kind[:, None] == np.repeat([0, 1], 10), 1.0, 0.1) + 0.01 * rng.random((24, 20))
    tiles = clustered(importance, Pattern(0.5, 12))
    assert {tuple(kind[rows]) for rows in tiles} == {(0,) * 12, (1,) * 12}
