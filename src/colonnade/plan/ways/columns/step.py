"""Lowers one convolution with one candidate to a step: tables of tiles and columns, packed weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.kernels.shapes import LANE_MASK_BYTES
from colonnade.modelfile.program import Constants, Step, View, room_for
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.cutting import strips_of
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.plan.ways.columns.loops import Loops
from colonnade.plan.ways.columns.masks import lane_masks
from colonnade.plan.ways.columns.strips import Strips
from colonnade.plan.ways.step_fields import activation_fields, plane_fields, plane_views
from colonnade.plan.ways.way import Operands
from colonnade.sparse.recover import Tile
from colonnade.target.targets import Target


@dataclass(frozen=True)
class _Tables:
    """Index tables of a step, before they are put among the constants."""

    tiles: np.ndarray  # [tiles, 4]
    row_order: np.ndarray
    offsets: np.ndarray
    blocks: np.ndarray
    packed_columns: np.ndarray
    taps: np.ndarray  # u8: of each offset the kernel element that it is of, where there are lane masks


def column_step(problem: ConvProblem, candidate: Loops, target: Target, operands: Operands) -> Step:
    """The step that computes `problem` by `candidate`."""
    g, constants = problem.geometry, operands.constants
    layout = candidate.layout(g)
    tiles = problem.matrix.tiles(candidate.rows, candidate.dense)
    tables = _tables(problem, candidate, layout, tiles, g.lanes(target))
    weights = np.concatenate(
        [problem.weights[np.ix_(np.array(tile.rows), tile.columns)].T.reshape(-1) for tile in tiles] or [np.zeros(0)]
    )
    first = g.source.origin if layout.prepared or layout.lane_masked else g.source.corner(g.pads)
    views = plane_views(g, operands) | {
        "x": operands.x.shifted(first),
        "prepared": View(room_for(layout.elements, g.arithmetic.data)) if layout.prepared else None,
    }
    strips = strips_of(problem, candidate, target)
    fields: dict[str, object] = {
        "weights": constants.add(weights, g.arithmetic.weights),
        "bias": constants.add(problem.bias[tables.row_order], g.arithmetic.sums),
        "tile_table": constants.add_ints(tables.tiles),
        "row_table": constants.add_ints(tables.row_order),
        "off_table": constants.add_ints(tables.offsets),
        "off_count": tables.offsets.size,
        "block_table": constants.add_ints(tables.blocks),
        "block_count": tables.blocks.size,
        "pack_table": constants.add_ints(tables.packed_columns),
        "pack_count": tables.packed_columns.size,
        "phase_table": constants.add_ints(np.array(layout.phases)),
        "tiles": len(tiles),
        **_geometry_fields(layout),
        **_candidate_fields(candidate),
        **_strip_fields(layout, candidate, strips, tables.taps, constants),
        **activation_fields(problem.act),
    }
    return Step("cnm", problem.name, views, fields)


def _geometry_fields(layout: DataLayout) -> dict[str, object]:
    g = layout.geometry
    return {
        **plane_fields(g),
        "stride_h": g.strides[0],
        "stride_w": g.strides[1],
        "phases": len(layout.phases),
        "plane_lines": layout.plane_lines,
        "pitch": layout.pitch,
        "plane": layout.plane_elements,
        "rows": g.rows,
        "columns": g.columns,
        "lane_masked": layout.lane_masked,
        "kernel_h": g.kernel[0],
        "kernel_w": g.kernel[1],
    }


def _candidate_fields(candidate: Loops) -> dict[str, object]:
    return {
        "packed": candidate.packed,
        "tile_rows": candidate.rows,
        "vectors": candidate.vectors,
        "blocks": candidate.blocks,
        "panel": candidate.panel,
        "chained": False,
    }


def _strip_fields(
    layout: DataLayout, candidate: Loops, strips: Strips, taps: np.ndarray, constants: Constants
) -> dict[str, object]:
    """The tables of strips and segments and, where there are some, of lane masks."""
    of_strip, masks = np.zeros(len(strips), np.int64), np.zeros((0, 0, LANE_MASK_BYTES), np.uint8)
    if candidate.lane_masked:
        masks, of_strip = lane_masks(layout, strips)
    placed = strips.strips.copy()
    placed["x"] += layout.first_at
    placed["lane_mask"] = of_strip
    return {
        "by_channels": candidate.by_channels,
        "strip_table": constants.add_ints(placed.view("<i4")),
        "strip_count": len(placed),
        "segment_table": constants.add_ints(strips.segments.view("<i4")),
        "segment_count": len(strips.segments),
        "tap_table": constants.add_bytes(taps if candidate.lane_masked else taps[:0]),
        "lane_mask_table": constants.add_bytes(masks),
        "lane_mask_blocks": len(masks),
    }


def _tables(problem: ConvProblem, candidate: Loops, layout: DataLayout, tiles: Sequence[Tile], lanes: int) -> _Tables:
    g = problem.geometry
    per_group = g.rows // g.groups
    borders = np.arange(candidate.blocks + 1) * g.columns // candidate.blocks
    columns, blocks = _Pieces(), _Pieces()
    records = []
    first = 0
    for tile in tiles:
        group = tile.rows[0] // per_group
        counts = np.searchsorted(tile.columns, borders)
        records.append((len(tile.rows), first, columns.add(tile.columns + group * g.columns), blocks.add(counts)))
        first += len(tile.rows)
    where = layout.offsets
    kept, size = columns.joined(), g.arithmetic.data.bytes
    packed_columns = np.zeros(0, np.int64)
    if candidate.packed:
        used, kept = np.unique(kept, return_inverse=True)
        used = used if used.size else np.zeros(1, np.int64)
        packed_columns, offsets = where[used], kept * candidate.vectors * lanes * size
    else:
        offsets = where[kept] * size
    row_order = np.array([row for tile in tiles for row in tile.rows], np.int64)
    taps = (columns.joined() % len(g.taps)).astype(np.uint8)
    return _Tables(np.array(records), row_order, offsets, blocks.joined(), packed_columns, taps)


class _Pieces:
    """Arrays laid end to end, equal ones once."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._pieces: list[np.ndarray] = []
        self._size = 0

    def add(self, piece: np.ndarray) -> int:
        """Index of the first element of `piece`."""
        key = piece.tobytes()
        if key not in self._known:
            self._known[key] = self._size
            self._pieces.append(piece)
            self._size += piece.size
        return self._known[key]

    def joined(self) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.int64), *self._pieces])
