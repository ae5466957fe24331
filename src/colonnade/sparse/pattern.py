"""Column-wise n:m sparsity at the level of tiles: the one place that decides which weights stay.

A convolution's weights are a matrix [Cout, K], K = Cin/groups * kh * kw in that order. Its rows, as they lie, are cut
into tiles of T rows (the last may be shorter). Inside a tile a column, the up to T weights that multiply the same row
of the data matrix, is kept or dropped as a whole:

          columns 0 .. K-1, here K = 8, T = 2, n:m = 2:4
    tile 0  a . . a | . a a .      group 0 keeps columns 0 and 3, group 1 keeps 5 and 6
            a . . a | . a a .
    tile 1  . b b . | b . . b      another tile keeps other columns
            . b b . | b . . b

Of every m consecutive columns the n of the largest L1 norm are kept; equal norms go to the lower column. m = None is
one group of all K columns. Where m does not divide K, the last group is shorter and keeps its own share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from colonnade.errors import ColonnadeError


@dataclass(frozen=True)
class Pattern:
    """sparsity: fraction of the columns to drop, 0 <= sparsity < 1. tile: rows per tile (T). group: consecutive
    columns among which a fixed number stays (m), None for all. ColonnadeError for values out of range."""

    sparsity: float
    tile: int = 8
    group: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity < 1:
            raise ColonnadeError(f"sparsity is {self.sparsity}: it must be at least 0 and below 1")
        if self.tile < 1:
            raise ColonnadeError(f"tile is {self.tile}: it must be at least 1")
        if self.group is not None and self.group < 1:
            raise ColonnadeError(f"group is {self.group}: it must be at least 1, or left out for all columns")


@dataclass(frozen=True)
class Level:
    """How far a layer of its own is pruned. tile: None is the tile of all others. Sparsity 0 leaves it dense."""

    sparsity: float
    tile: int | None = None

    def __str__(self) -> str:
        return f"{self.sparsity:g}" if self.tile is None else f"{self.sparsity:g} in tiles of {self.tile}"


def kept_columns(columns: int, sparsity: float) -> int:
    """How many of a group of `columns` stay: (1 - sparsity) * columns to the nearest, halves up, and at least 1.

    Exact for the decimal number that the user wrote: at sparsity 0.9 a group of 15 keeps 2, although the double
    nearest to 0.9 is a little more and 1.4999999999999996 would round to 1. At least 1, so that no tile ever loses
    all its weights.
    """
    share = (1 - Fraction(repr(float(sparsity)))) * columns
    return max(1, math.floor(share + Fraction(1, 2)))


def column_mask(weights: np.ndarray, pattern: Pattern) -> np.ndarray:
    """True where a tile keeps a column: bool [ceil(rows / T), K] for weights [rows, K]."""
    return mask_of_scores(column_scores(weights, pattern.tile), pattern)


def mask_of_scores(scores: np.ndarray, pattern: Pattern) -> np.ndarray:
    """True for the columns of the largest scores in each group of each tile: bool [tiles, K] for scores [tiles, K]."""
    columns = scores.shape[1]
    group = min(pattern.group or columns, columns)
    whole = columns - columns % group
    parts = [_keep_largest(scores[:, :whole].reshape(-1, group), pattern.sparsity).reshape(-1, whole)]
    if whole < columns:
        parts.append(_keep_largest(scores[:, whole:], pattern.sparsity))
    return np.concatenate(parts, axis=1)


def dropped_per_group(columns: int, pattern: Pattern) -> tuple[np.ndarray, np.ndarray]:
    """The group of each of `columns` columns, i64 [columns], and how many columns each group drops, i64 [groups]."""
    group_of = np.arange(columns) // min(pattern.group or columns, columns)
    sizes = np.bincount(group_of)
    return group_of, np.array([size - kept_columns(int(size), pattern.sparsity) for size in sizes])


def column_scores(weights: np.ndarray, tile: int) -> np.ndarray:
    """L1 norm of each column inside each tile, summed in float64: [ceil(rows / tile), K] for weights [rows, K]."""
    starts = np.arange(0, len(weights), tile)
    return np.add.reduceat(np.abs(weights, dtype=np.float64), starts, axis=0)


def expand_mask(tile_mask: np.ndarray, rows: int, tile: int) -> np.ndarray:
    """A mask per tile [ceil(rows / tile), K] as one per weight [rows, K]."""
    return np.repeat(tile_mask, tile, axis=0)[:rows]


def convolution_mask(weights: np.ndarray, groups: int, pattern: Pattern) -> np.ndarray:
    """True where a weight stays, in the shape of `weights` [Cout, Cin/groups, kh, kw].

    The rule applies to each group of the convolution alone: groups read different data, so no tile spans two.
    """
    rows = len(weights) // groups
    matrices = weights.reshape(groups, rows, -1)
    masks = [expand_mask(column_mask(matrix, pattern), rows, pattern.tile) for matrix in matrices]
    return np.stack(masks).reshape(weights.shape)


def _keep_largest(scores: np.ndarray, sparsity: float) -> np.ndarray:
    """Marks the same number of the largest entries in each row."""
    kept = kept_columns(scores.shape[1], sparsity)
    order = np.argsort(-scores, axis=1, kind="stable")
    mask = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(mask, order[:, :kept], True, axis=1)
    return mask
