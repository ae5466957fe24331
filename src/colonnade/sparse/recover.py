"""Finds the tiles of a pruned convolution from its zeros alone.

Rows that keep the same columns belong together, in whatever order they lie; no side file says which. What does not
fill a tile is merged greedily while that lowers the cost below. Whole filters, whole input channels, and dense weights
come out as special cases of the same grouping.

The cost of a tile of r rows that reads c > 0 columns is (r + COLUMN_COST) * c + TILE_COST: r multiply-adds per column,
plus what every column pays once (loading the data vector and its index), plus what every tile pays once (its
accumulators' way to memory). The unit is one vector multiply-add. Rows of zeros cost nothing: their output is a
constant.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from colonnade.errors import ColonnadeError

COLUMN_COST = 2
TILE_COST = 16

_Number = TypeVar("_Number", int, np.ndarray)


@dataclass(frozen=True, eq=False)
class Tile:
    """Rows computed together, and the sorted columns (int64) outside which all of them are zero."""

    rows: tuple[int, ...]
    columns: np.ndarray

    @property
    def cost(self) -> int:
        """In vector multiply-adds, as the module says."""
        return _cost(len(self.rows), len(self.columns))


@dataclass(frozen=True)
class Structure:
    """What the zeros of a weight matrix look like.

    sparsity: fraction of zeros. pattern_name: dense, filters (rows kept or dropped whole), input channels (the same
    ones dropped for every row), column-wise T=.., or unstructured. tile: that T, the largest such that most rows lie
    in complete groups of T with equal columns; None for the other patterns. kept_fraction: fraction of the weights
    that tiles of that size store, zeros in kept columns included.
    """

    sparsity: float
    tile: int | None
    kept_fraction: float
    pattern_name: str


@dataclass(frozen=True)
class _Group:
    """Rows with the union of the columns they keep, as a bit mask of 64-bit words."""

    rows: tuple[int, ...]
    mask: np.ndarray


def recover_tiles(weights: np.ndarray, tile: int) -> tuple[Tile, ...]:
    """Tiles of at most `tile` rows that cover every nonzero of `weights` [rows, K]; each row is in exactly one.

    Sorted by first row, rows ascending in each, and the same for the same zeros. Rows with equal columns come
    together first, however they lie. The total cost is never above that of cutting the rows into tiles in the order
    they lie, which is what dense weights get.
    """
    _check(weights, tile)
    masks = _pack(weights != 0)
    full: list[_Group] = []
    partial: list[_Group] = []
    for rows in _equal_rows(masks):
        for part in _split(rows, tile):
            group = _Group(part, masks[part[0]])
            (full if len(part) == tile else partial).append(group)
    grouped = full + _merge(partial, tile)
    in_order = [_union(masks, range(start, min(start + tile, len(masks)))) for start in range(0, len(masks), tile)]
    best = min(grouped, in_order, key=_total_cost)
    return tuple(_unpack(group, weights.shape[1]) for group in sorted(best, key=lambda group: group.rows))


def describe(weights: np.ndarray) -> Structure:
    """The structure of weights [Cout, Cin/groups, kh, kw], or of a matrix [rows, K] (K channels of one weight each)."""
    matrix = weights.reshape(len(weights), -1)
    _check(matrix, 1)
    nonzero = matrix != 0
    name, tile = _pattern(nonzero, kernel=math.prod(weights.shape[2:]))
    stored = sum(len(t.rows) * len(t.columns) for t in recover_tiles(matrix, tile or 1))
    return Structure(1.0 - int(nonzero.sum()) / nonzero.size, tile, stored / nonzero.size, name)


def _check(weights: np.ndarray, tile: int) -> None:
    if weights.ndim != 2 or 0 in weights.shape:
        raise ColonnadeError(f"weights of shape {list(weights.shape)} are not a matrix [rows, columns]")
    if tile < 1:
        raise ColonnadeError(f"tile is {tile}: it must be at least 1")


def _pack(nonzero: np.ndarray) -> np.ndarray:
    """Booleans [rows, K] as uint64 [rows, ceil(K / 64)]."""
    octets = np.packbits(nonzero, axis=1, bitorder="little")
    return np.pad(octets, ((0, 0), (0, -octets.shape[1] % 8))).view(np.uint64)


def _unpack(group: _Group, columns: int) -> Tile:
    bits = np.unpackbits(group.mask.view(np.uint8), count=columns, bitorder="little")
    return Tile(group.rows, np.flatnonzero(bits))


def _equal_rows(masks: np.ndarray) -> list[list[int]]:
    """Row numbers by equal masks, in order of first appearance."""
    classes: dict[bytes, list[int]] = {}
    for row, mask in enumerate(masks):
        classes.setdefault(mask.tobytes(), []).append(row)
    return list(classes.values())


def _split(rows: list[int], tile: int) -> list[tuple[int, ...]]:
    """Whole tiles and the rest. A rest below half a tile shares evenly with the tile before it: 8 rows at tile 6 are
    4 + 4, since a tile of 2 has too few accumulators to hide the latency of a multiply-add."""
    whole, rest = divmod(len(rows), tile)
    if whole and 0 < 2 * rest < tile:
        shared = tile + rest
        sizes = [tile] * (whole - 1) + [shared - shared // 2, shared // 2]
    else:
        sizes = [tile] * whole + [rest] * (rest > 0)
    ends = np.cumsum(sizes).tolist()
    return [tuple(rows[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _merge(groups: list[_Group], tile: int) -> list[_Group]:
    """Joins groups while the cost falls: from the first group on, each time with the one that saves most."""
    groups = sorted(groups, key=lambda group: group.rows)
    if not groups:
        return []
    masks = np.stack([group.mask for group in groups])
    sizes = np.array([len(group.rows) for group in groups])
    counts = _count(masks)
    costs = _cost(sizes, counts)
    left = np.arange(len(groups))
    merged = []
    while left.size:
        members, left = [int(left[0])], left[1:]
        union, size, count = masks[members[0]], int(sizes[members[0]]), int(counts[members[0]])
        while True:
            fitting = left[sizes[left] <= tile - size]
            if not fitting.size:
                break
            joint = count + counts[fitting] - _count(masks[fitting] & union)
            saving = _cost(size, count) + costs[fitting] - _cost(size + sizes[fitting], joint)
            best = int(np.argmax(saving))
            if saving[best] <= 0:
                break
            chosen = int(fitting[best])
            members.append(chosen)
            left = left[left != chosen]
            union, size, count = union | masks[chosen], size + int(sizes[chosen]), int(joint[best])
        merged.append(_Group(tuple(sorted(row for member in members for row in groups[member].rows)), union))
    return merged


def _union(masks: np.ndarray, rows: range) -> _Group:
    return _Group(tuple(rows), np.bitwise_or.reduce(masks[rows.start : rows.stop], axis=0))


def _count(masks: np.ndarray) -> np.ndarray:
    """Set bits of each mask."""
    counts: np.ndarray = np.bitwise_count(masks).sum(axis=-1, dtype=np.int64)
    return counts


def _cost(rows: _Number, columns: _Number) -> _Number:
    cost: _Number = (rows + COLUMN_COST) * columns + TILE_COST * (columns > 0)
    return cost


def _total_cost(groups: list[_Group]) -> int:
    return sum(_cost(len(group.rows), int(_count(group.mask))) for group in groups)


def _common_tile(nonzero: np.ndarray) -> int | None:
    """The largest group size, above 1, of which complete groups of equal rows hold more than half of all rows."""
    sizes = Counter(len(rows) for rows in _equal_rows(_pack(nonzero)))
    for tile in range(max(sizes), 1, -1):
        if 2 * sum(size // tile * tile * number for size, number in sizes.items()) > len(nonzero):
            return tile
    return None


def _pattern(nonzero: np.ndarray, kernel: int) -> tuple[str, int | None]:
    """`Structure.pattern_name` and `Structure.tile`; each channel has `kernel` columns."""
    if nonzero.all():
        return "dense", None
    kept_rows = nonzero[nonzero.any(axis=1)]
    if kept_rows.all():
        return "filters", None
    channels = kept_rows.reshape(len(kept_rows), -1, kernel)
    if (channels == channels[:1, :, :1]).all():
        return "input channels", None
    tile = _common_tile(nonzero)
    return ("unstructured", None) if tile is None else (f"column-wise T={tile}", tile)
