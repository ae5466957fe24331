"""The mask rule: exact counts, the right columns, deterministic ties."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from colonnade.errors import ColonnadeError
from colonnade.sparse.pattern import Pattern, column_mask, convolution_mask, expand_mask, kept_columns

# Few distinct values, so that ties are common.
MATRICES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.sampled_from([-2, -1, 0, 0.5, 1, 3])
)
PATTERNS = st.builds(
    Pattern,
    sparsity=st.decimals(0, 1, places=3).map(float).filter(lambda s: s < 1),
    tile=st.integers(1, 10),
    group=st.none() | st.integers(1, 24),
)


def groups_of(columns: int, group: int | None) -> list[slice]:
    size = min(group or columns, columns)
    return [slice(start, min(start + size, columns)) for start in range(0, columns, size)]


@pytest.mark.parametrize(
    ("columns", "sparsity", "kept"),
    [
        (10, 0.9, 1),
        (10, 0.7, 3),
        (1000, 0.999, 1),
        (4, 0.5, 2),
        (2, 0.75, 1),  # a half goes up
        (6, 0.75, 2),
        (5, 0.75, 1),
        (15, 0.9, 2),  # 1.5, though not in binary
        (7, 0.0, 7),
        (1, 0.99, 1),
        (3, 0.99, 1),  # never none
        (4608, 0.75, 1152),
        (70_001, 0.5, 35_001),
    ],
)
def test_kept_columns(columns: int, sparsity: float, kept: int) -> None:
    assert kept_columns(columns, sparsity) == kept


@given(st.integers(1, 100_000), st.integers(0, 9999))
def test_kept_columns_is_the_nearest_to_the_decimal_share(columns: int, ten_thousandths: int) -> None:
    share = columns * (1 - Fraction(ten_thousandths, 10_000))
    kept = kept_columns(columns, ten_thousandths / 10_000)
    assert -Fraction(1, 2) < kept - share <= Fraction(1, 2) or (kept == 1 and share < Fraction(1, 2))


@given(MATRICES, PATTERNS)
def test_every_group_of_every_tile_keeps_its_share(weights: np.ndarray, pattern: Pattern) -> None:
    rows, columns = weights.shape
    mask = column_mask(weights, pattern)
    assert mask.shape == (-(-rows // pattern.tile), columns)
    for group in groups_of(columns, pattern.group):
        share = kept_columns(group.stop - group.start, pattern.sparsity)
        assert (mask[:, group].sum(axis=1) == share).all()


@given(MATRICES, PATTERNS)
def test_kept_columns_score_highest_and_ties_go_to_the_lower_one(weights: np.ndarray, pattern: Pattern) -> None:
    mask = column_mask(weights, pattern)
    for index, kept in enumerate(mask):
        tile = weights[index * pattern.tile : (index + 1) * pattern.tile].astype(np.float64)
        score = np.abs(tile).sum(axis=0)
        for group in groups_of(weights.shape[1], pattern.group):
            inside = range(group.start, group.stop)
            ranked = sorted(inside, key=lambda column: (-score[column], column))
            assert set(ranked[: int(kept[group].sum())]) == {column for column in inside if kept[column]}


@given(MATRICES, PATTERNS)
def test_masking_twice_changes_nothing_more(weights: np.ndarray, pattern: Pattern) -> None:
    def pruned(matrix: np.ndarray) -> np.ndarray:
        mask = expand_mask(column_mask(matrix, pattern), len(matrix), pattern.tile)
        return np.where(mask, matrix, 0)

    once = pruned(weights)
    assert np.array_equal(pruned(once), once)


def test_equal_columns_keep_the_first_ones() -> None:
    mask = column_mask(np.ones((3, 8)), Pattern(0.5, tile=2, group=4))
    assert mask.tolist() == [[True, True, False, False] * 2] * 2


def test_scores_add_up_in_double_precision() -> None:
    # In float32 1e8 + 1 is 1e8: column 0 would tie with column 1 and win.
    weights = np.zeros((8, 2), np.float32)
    weights[0] = 1e8
    weights[1, 1] = 1
    assert column_mask(weights, Pattern(0.5, tile=8)).tolist() == [[False, True]]


@pytest.mark.parametrize("rows", [7, 8, 9, 15, 16, 17])
def test_a_short_last_tile_is_judged_by_its_own_rows(rows: int) -> None:
    weights = np.random.default_rng(rows).standard_normal((rows, 12))
    mask = column_mask(weights, Pattern(0.75, tile=8))
    last = weights[(len(mask) - 1) * 8 :]
    assert np.array_equal(mask[-1:], column_mask(last, Pattern(0.75, tile=8)))
    assert np.array_equal(expand_mask(mask, rows, 8), np.stack([mask[row // 8] for row in range(rows)]))


def test_indices_beyond_16_bits() -> None:
    weights = np.zeros((4, 70_000), np.float32)
    weights[:, 69_999] = weights[:, 65_536] = 1
    mask = column_mask(weights, Pattern(0.99997, tile=4))
    assert np.flatnonzero(mask[0]).tolist() == [65_536, 69_999]


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 6), st.integers(1, 8))
def test_tiles_stay_inside_a_convolutions_groups(groups: int, rows: int, channels: int, tile: int) -> None:
    weights = np.random.default_rng(rows).standard_normal((groups * rows, channels, 2, 2))
    pattern = Pattern(0.5, tile)
    mask = convolution_mask(weights, groups, pattern)
    for group in range(groups):
        part = slice(group * rows, (group + 1) * rows)
        alone = expand_mask(column_mask(weights[part].reshape(rows, -1), pattern), rows, tile)
        assert np.array_equal(mask[part].reshape(rows, -1), alone)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparsity": 1.0}, "sparsity is 1.0: it must be at least 0 and below 1"),
        ({"sparsity": 1.5}, "sparsity is 1.5"),
        ({"sparsity": -0.1}, "sparsity is -0.1"),
        ({"sparsity": float("nan")}, "sparsity is nan"),
        ({"sparsity": 0.5, "tile": 0}, "tile is 0: it must be at least 1"),
        ({"sparsity": 0.5, "group": 0}, "group is 0: it must be at least 1"),
    ],
)
def test_bad_patterns(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ColonnadeError, match=message):
        Pattern(**arguments)  # type: ignore[arg-type]
