"""Tiles found from zeros: they cover every weight, find the mask's tiles, and cost no more than they must."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from colonnade.errors import ColonnadeError
from colonnade.sparse import recover
from colonnade.sparse.pattern import Pattern, column_mask, expand_mask
from colonnade.sparse.recover import COLUMN_COST, TILE_COST, Tile, describe, recover_tiles

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


def column_wise(rows: int, columns: int, tile: int, sparsity: float, seed: int = 0) -> np.ndarray:
    """Random weights with a column-wise mask, rows in natural order."""
    weights = np.random.default_rng(seed).standard_normal((rows, columns)) + 10.0  # no accidental zeros
    return np.where(expand_mask(column_mask(weights, Pattern(sparsity, tile)), rows, tile), weights, 0)


def total_cost(tiles: tuple[Tile, ...]) -> int:
    return sum((len(t.rows) + COLUMN_COST) * len(t.columns) + TILE_COST for t in tiles if len(t.columns))


def as_lists(tiles: tuple[Tile, ...]) -> list[tuple[list[int], list[int]]]:
    return [(list(tile.rows), tile.columns.tolist()) for tile in tiles]


@given(MASKS, st.integers(1, 10))
def test_tiles_cover_every_nonzero_and_every_row_once(mask: np.ndarray, tile: int) -> None:
    tiles = recover_tiles(mask.astype(np.float32), tile)
    assert sorted(row for t in tiles for row in t.rows) == list(range(len(mask)))
    for t in tiles:
        assert 1 <= len(t.rows) <= tile
        assert t.columns.dtype == np.int64
        assert t.columns.tolist() == np.flatnonzero(mask[list(t.rows)].any(axis=0)).tolist()


@given(MASKS, st.integers(1, 10))
def test_order_is_natural_and_the_same_each_time(mask: np.ndarray, tile: int) -> None:
    tiles = recover_tiles(mask, tile)
    assert [t.rows for t in tiles] == sorted(tuple(sorted(t.rows)) for t in tiles)
    assert as_lists(recover_tiles(mask.copy(), tile)) == as_lists(tiles)


@given(MASKS, st.integers(1, 10))
def test_no_dearer_than_rows_as_they_lie(mask: np.ndarray, tile: int) -> None:
    parts = [range(start, min(start + tile, len(mask))) for start in range(0, len(mask), tile)]
    in_order = tuple(Tile(tuple(part), np.flatnonzero(mask[list(part)].any(axis=0))) for part in parts)
    assert total_cost(recover_tiles(mask, tile)) <= total_cost(in_order)


@given(st.integers(1, 40), st.integers(16, 40), st.integers(1, 9), st.randoms(use_true_random=False))
def test_finds_the_masks_own_tiles_in_any_row_order(rows: int, columns: int, tile: int, random: object) -> None:
    weights = column_wise(rows, columns, tile, 0.5)
    order = list(range(rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    tiles = recover_tiles(weights[order], tile)
    expected: dict[bytes, set[int]] = {}
    for place, row in enumerate(order):
        expected.setdefault((weights[row] != 0).tobytes(), set()).add(place)
    for t in tiles:
        support = np.zeros(columns, bool)
        support[t.columns] = True
        assert set(t.rows) <= expected[support.tobytes()]
    assert total_cost(tiles) == total_cost(recover_tiles(weights, tile))


@pytest.mark.parametrize(
    ("tile", "sizes"),
    [
        (8, [8, 8]),
        (4, [4] * 4),
        (2, [2] * 8),
        (6, [4] * 4),
        (7, [4] * 4),
        (5, [5, 3] * 2),
        (3, [3, 3, 2] * 2),
        (16, [8, 8]),
    ],
)
def test_kernels_of_any_height_run_a_mask_of_8_rows(tile: int, sizes: list[int]) -> None:
    tiles = recover_tiles(column_wise(16, 200, 8, 0.5), tile)
    assert sorted(len(t.rows) for t in tiles) == sorted(sizes)
    assert all(len(t.columns) == 100 for t in tiles)
    assert all(row // 8 == t.rows[0] // 8 for t in tiles for row in t.rows)


@pytest.mark.parametrize(
    ("rows", "tile", "sizes"),
    [(7, 8, [7]), (8, 8, [8]), (9, 8, [5, 4]), (12, 8, [8, 4]), (17, 8, [8, 5, 4]), (1, 8, [1]), (5, 1, [1] * 5)],
)
def test_dense_rows_lie_in_natural_order(rows: int, tile: int, sizes: list[int]) -> None:
    tiles = recover_tiles(np.ones((rows, 5)), tile)
    assert [len(t.rows) for t in tiles] == sizes
    assert [row for t in tiles for row in t.rows] == list(range(rows))
    assert all(t.columns.tolist() == [0, 1, 2, 3, 4] for t in tiles)


def test_rows_of_zeros_have_no_columns() -> None:
    weights = np.ones((6, 3))
    weights[[1, 4]] = 0
    assert as_lists(recover_tiles(weights, 8)) == [([0, 2, 3, 5], [0, 1, 2]), ([1, 4], [])]


def test_a_weight_that_happens_to_be_zero_does_not_break_a_tile() -> None:
    weights = column_wise(16, 100, 8, 0.5)
    weights[3, np.flatnonzero(weights[3])[0]] = 0
    assert [t.rows for t in recover_tiles(weights, 8)] == [tuple(range(8)), tuple(range(8, 16))]


def test_similar_rows_merge_and_different_ones_do_not() -> None:
    weights = np.zeros((4, 200))
    weights[:2, :50] = 1
    weights[2:, 150:] = 1
    weights[1, 50] = weights[3, 149] = 1
    shuffled = weights[[0, 2, 1, 3]]
    assert [t.rows for t in recover_tiles(shuffled, 4)] == [(0, 2), (1, 3)]


@pytest.mark.parametrize("shape", [(2048, 512), (512, 4608)])
@pytest.mark.parametrize("density", [0.02, 0.5])
def test_unstructured_zeros_take_little_work(shape: tuple[int, int], density: float) -> None:
    """Lines of Python grow as rows do: what compares each row with all others is numpy's."""
    weights = np.random.default_rng(0).random(shape) < density
    tiles, lines = _counted(lambda: recover_tiles(weights, 8))
    assert sum(len(t.rows) for t in tiles) == shape[0]
    assert lines < 100 * shape[0]


def _counted(work: Callable[[], tuple[Tile, ...]]) -> tuple[tuple[Tile, ...], int]:
    """Its result, and how many lines of the module it ran."""
    lines = 0

    def count(frame: FrameType, event: str, _: object) -> object:
        nonlocal lines
        lines += event == "line"
        return count if frame.f_code.co_filename == recover.__file__ else None

    before = sys.gettrace()
    sys.settrace(count)
    try:
        return work(), lines
    finally:
        sys.settrace(before)


def test_columns_beyond_16_bits() -> None:
    weights = np.zeros((3, 70_000), np.float32)
    weights[:, 69_999] = 1
    assert as_lists(recover_tiles(weights, 3)) == [([0, 1, 2], [69_999])]


@pytest.mark.parametrize(
    ("weights", "name", "tile", "kept"),
    [
        (np.ones((16, 8)), "dense", None, 1.0),
        (column_wise(64, 96, 8, 0.75), "column-wise T=8", 8, 0.25),
        (column_wise(60, 96, 8, 0.5), "column-wise T=8", 8, 0.5),
        (column_wise(64, 96, 8, 0.5)[np.random.default_rng(0).permutation(64)], "column-wise T=8", 8, 0.5),
        (column_wise(48, 96, 2, 0.5), "column-wise T=2", 2, 0.5),
        (column_wise(64, 96, 1, 0.75), "unstructured", None, 0.25),
        (np.ones((16, 8)) * (np.arange(16) % 4 == 0)[:, None], "filters", None, 0.25),
        (np.ones((16, 8)) * (np.arange(8) % 2), "input channels", None, 0.5),
        (np.ones((16, 4, 3, 3)) * (np.arange(4) % 2)[:, None, None], "input channels", None, 0.5),
        (np.ones((16, 4, 3, 3)) * (np.arange(3) > 0), "column-wise T=16", 16, 2 / 3),
        (np.zeros((16, 8)), "filters", None, 0.0),
    ],
)
def test_describe(weights: np.ndarray, name: str, tile: int | None, kept: float) -> None:
    structure = describe(weights)
    assert (structure.pattern_name, structure.tile) == (name, tile)
    assert structure.kept_fraction == pytest.approx(kept)
    assert structure.sparsity == pytest.approx((weights == 0).mean())


def test_cost_of_a_tile() -> None:
    tiles = recover_tiles(np.array([[1, 1, 1], [1, 1, 1], [0, 0, 0]]), 4)
    assert [tile.cost for tile in tiles] == [(2 + COLUMN_COST) * 3 + TILE_COST, 0]


def test_bad_arguments() -> None:
    with pytest.raises(ColonnadeError, match=r"weights of shape \[3\] are not a matrix"):
        recover_tiles(np.ones(3), 8)
    with pytest.raises(ColonnadeError, match="tile is 0: it must be at least 1"):
        recover_tiles(np.ones((3, 3)), 0)
